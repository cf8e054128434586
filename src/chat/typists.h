/* Who is typing. Pure; a typist who says nothing more is forgotten after a while. */
#ifndef CHAT_TYPISTS_H
#define CHAT_TYPISTS_H

#include "chat_message.h"

#include <stddef.h>

/** At once; who begins when so many are typing goes unnoticed. */
#define TYPISTS_MAX 16
/** Until typing that is not repeated is over. Clients say it again each TYPISTS_REPEAT_MS. */
#define TYPISTS_FADE_MS 6000
#define TYPISTS_REPEAT_MS 2500

struct typists {
  struct typist {
    char user_id[CHAT_ID_MAX + 1];
    uint64_t until_ms;
  } rows[TYPISTS_MAX];
  size_t count;
};

/** True: this is news. An empty or too long id is nobody. */
bool typists_note(struct typists *typists, const char *user_id, uint64_t now_ms);
/** A message came: its sender has stopped. */
bool typists_remove(struct typists *typists, const char *user_id);
/** Lets go who has faded at `now_ms`. True: somebody has. */
bool typists_expire(struct typists *typists, uint64_t now_ms);

#endif
