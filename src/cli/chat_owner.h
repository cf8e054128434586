/*
 * To whom an outbox belongs. A message in it does not say for which conversation it was meant, so
 * that is written into a file beside it, FILE.chat, for as long as something waits.
 */
#ifndef CLI_CHAT_OWNER_H
#define CLI_CHAT_OWNER_H

#include <stdbool.h>

#define CHAT_OWNER_ERROR_CAP 512

/** Takes the outbox, which is open and thereby locked, for this user and conversation. False, with
    `error` filled: what waits in it is for another, or the note cannot be written. */
bool chat_owner_claim(const char *outbox, const char *user_id, const char *conversation_id,
                      unsigned long long waiting, char *error);
/** Nothing waits any more. While the outbox is still open. */
void chat_owner_release(const char *outbox);

#endif
