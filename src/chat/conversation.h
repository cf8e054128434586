/*
 * What is known of one conversation: messages in order, without repeats, bounded; the local echo of
 * what was sent. Pure: no clock, no I/O, nothing of the client.
 *
 * Not here: typing (typists.h), the wire (relay_text.h), the connection (chat.h).
 *
 * Invariants
 *   Numbered messages come first, their numbers strictly ascending; behind them stands what has no
 *   number yet, as it was sent. No two messages share an id, no two share a number.
 *   Numbers may have gaps, so what is missing shows only in the order of arrival: on one link the
 *   relay sends in ascending order (section 9 of the contract). conversation_whole_to() is the
 * highest number up to which nothing is missing. Only what the relay sent to us raises it; the
 * number of an acknowledgement may run ahead of other people's messages.
 */
#ifndef CHAT_CONVERSATION_H
#define CHAT_CONVERSATION_H

#include "chat_message.h"

/** Messages without a number at once: the echo of what waits. */
#define CONVERSATION_ECHOES_MAX 1000

struct conversation;

/** Nothing up to `after` is wanted. Of numbered messages the last `history_max` (at least 1) are
    kept. NULL: no memory. */
struct conversation *conversation_new(uint64_t after, size_t history_max);
void conversation_free(struct conversation *conversation);

enum conversation_arrival {
  CONVERSATION_NEW,      /* in its place; ours lost its echo to it */
  CONVERSATION_REPEATED, /* known by id or number, or older than what is kept */
  CONVERSATION_NO_MEMORY /* not taken: the next link asks for it again */
};

/** A numbered message came. `*taken` is set if it is new, valid until the next call that changes
    anything. */
enum conversation_arrival conversation_receive(struct conversation *conversation,
                                               const struct chat_message *message,
                                               const struct chat_message **taken);

/** The echo of a message that is about to be sent. LIMPET_QUEUE_OVERFLOW: as many as may be wait
   already; LIMPET_NO_MEMORY. */
limpet_result conversation_echo(struct conversation *conversation,
                                const struct chat_message *message);
/** What became of an echo. False: there is none with this id, as for messages of an earlier run. */
bool conversation_stored(struct conversation *conversation, const char *id);
bool conversation_dropped(struct conversation *conversation, const char *id, limpet_drop drop);
/** Takes an echo back: the message was not accepted. */
void conversation_retract(struct conversation *conversation, const char *id);

/** A link opened that asked for all after conversation_whole_to(). */
void conversation_replay_begins(struct conversation *conversation);
/** The replay is over, and the relay's last number is `last`. True: that is lower than what we had
    asked for, so the relay began anew, and its old messages are gone from here too. */
bool conversation_replay_ended(struct conversation *conversation, uint64_t last);
uint64_t conversation_whole_to(const struct conversation *conversation);

/** Messages in the order of a view; valid until the next call that changes anything. */
size_t conversation_count(const struct conversation *conversation);
const struct chat_message *conversation_at(const struct conversation *conversation, size_t index);
/** Of them: with a number. */
size_t conversation_numbered_count(const struct conversation *conversation);
/** Of the others: not known to be stored. */
size_t conversation_pending_count(const struct conversation *conversation);
/** Numbered messages that were let go to stay within the bound. */
uint64_t conversation_forgotten_count(const struct conversation *conversation);

#endif
