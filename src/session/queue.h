/*
 * The messages of a session: those that wait, those in flight, and the reports owed on them.
 *
 * Stored messages (`is_stored`) live in the driver's outbox too. They do not count against limits
 * and are never evicted or cleared; where others would wait for the next link or be dropped with
 * the session's rest, they are given back with the fate "stored".
 *
 * Order is kept always: what is in flight comes before what waits. A node is in at most one
 * of the two lists; `expiring` (sorted by time) and `keyed` (by replace_key) hold waiting ones
 * only; `reports` may hold any, and also those that are final and only wait to be given back. All
 * lists are intrusive. Not here: when to write, what a link is.
 */
#ifndef SESSION_QUEUE_H
#define SESSION_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "words.h"

struct session_message;

struct message_queue {
  struct session_message *recovered;       /* oldest; a ring through `next`; ahead of all others */
  struct session_message *waiting;         /* oldest; a ring through `next` */
  struct session_message *in_flight;       /* oldest; a ring through `next` */
  struct session_message *unflushed;       /* oldest in flight that the kernel has not taken */
  struct session_message *expiring;        /* first to expire; a ring through `expiry_next` */
  struct session_message *keyed;           /* root of the tree of replace keys */
  struct session_message *reports;         /* newest; a ring through `report_next` */
  uint32_t waiting_count, in_flight_count; /* recovered ones count as in flight */
  uint32_t stored_count;
  uint64_t bytes;   /* payload of those that are not stored */
  uint64_t dropped; /* all that ever were */
};

/** Takes a node in, behind all others or in the place of a waiting one with its key, which is
    dropped. */
void queue_push(struct message_queue *q, struct session_message *message, bool report);
/** Takes a node in that the present link did not send: behind other such ones, before all else. */
void queue_recover(struct message_queue *q, struct session_message *message);
uint64_t queue_lowest_id(const struct message_queue *q);
/** Drops the oldest until there are at most `limit` messages and `limit_bytes`; waiting ones
    first, `newest` last, stored ones never. */
void queue_evict(struct message_queue *q, uint64_t limit, uint64_t limit_bytes,
                 struct session_message *newest);
/** Drops what expired by `now_ms`. */
void queue_expire(struct message_queue *q, uint64_t now_ms);
/** When the next one expires, UINT64_MAX if none. */
uint64_t queue_expires_at(const struct message_queue *q);
void queue_drop_waiting(struct message_queue *q, enum session_drop drop);
/** Drops what waits and is not stored, as cleared. */
void queue_clear(struct message_queue *q);
/** What is in flight or recovered. */
void queue_drop_in_flight(struct message_queue *q, enum session_drop drop);
void queue_drop_all(struct message_queue *q, enum session_drop drop);

/** Moves the oldest waiting one in flight. */
struct session_message *queue_take(struct message_queue *q);
void queue_shift(struct message_queue *q, uint64_t stream_at, uint64_t len);
/** The kernel has what ends by `stream_sent`. `is_final`: that is all that was promised. */
void queue_flushed(struct message_queue *q, uint64_t stream_sent, bool is_final, bool report);
/** The peer has read what ends by `stream_begin`. */
void queue_confirmed(struct message_queue *q, uint64_t stream_begin);
/** The peer has acknowledged the message with this id. False: none in flight has it. */
bool queue_acked(struct message_queue *q, const char *id, size_t id_len);
/** The link is gone: what is in flight waits again, in front and in order. */
void queue_return(struct message_queue *q);
/** There will be no link for a while: stored ones that wait go back to where they are stored. */
void queue_release_stored(struct message_queue *q);

struct queue_report {
  struct session_message *message;
  enum session_fate fate;
  enum session_drop drop;
  bool is_final; /* the node is not the queue's any more */
};

bool queue_has_reports(const struct message_queue *q);
bool queue_next_report(struct message_queue *q, struct queue_report *report);

#endif
