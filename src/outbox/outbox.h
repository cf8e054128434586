/*
 * The durable queue: messages in a file, from the moment they are accepted until they are
 * confirmed, over lost links, restarts and power cuts. What it promises is listed at the head of
 * outbox.c.
 *
 * All disk work is done by a thread of its own. Calls hand over and return; what came of them
 * arrives as events, which one thread takes by outbox_next(). Messages to send are events too,
 * oldest first, as many as the taker has asked for. Not here: links, when to send, what confirms.
 *
 * A message has a number, by which it is spoken of, and a position, which is its place in the
 * order. They are the same but for a message that took the place of another (replace_key): it
 * has a new number in the old position. So the numbers of MESSAGE events rise but for such
 * ones, which come before some that are older.
 */
#ifndef OUTBOX_OUTBOX_H
#define OUTBOX_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_ID_MAX 128
#define OUTBOX_DETAIL_CAP 256
/* Messages read ahead of the taker: no further once so much waits to be taken. One message may go
 * beyond it. */
#define OUTBOX_AHEAD_COUNT_MAX 256
#define OUTBOX_AHEAD_BYTES_MAX ((uint64_t)256 * 1024)
#define OUTBOX_RETRY_MS                                                                            \
  1000 /* until a removal, an expiry or a reading that failed is tried again */
/* The wall clock is looked at this often while a message with a time to live is stored, since it
 * may jump. */
#define OUTBOX_CLOCK_MS 600000

struct outbox; /* thread-safe: every function may be called from any thread unless it says otherwise
                */

struct outbox_config {
  const char *path;
  const char *vfs;        /* NULL: SQLite's default; tests name their own */
  uint64_t limit_count;   /* messages, stored and on their way */
  uint64_t limit_bytes;   /* their payload */
  uint32_t durability_ms; /* 0: every commit of messages is synced before STORED; else it is synced
                             at most this much later, which is what a power cut may take */
  /** On the outbox's thread, under no lock of the outbox's that any function but outbox_free()
      takes: outbox_next() has something, or outbox_oldest() changed. It only posts, and must not
      call outbox_free(). */
  void (*wake)(void *user);
  void *user;
};

enum outbox_result {
  OUTBOX_OK,
  OUTBOX_OVERFLOW,
  OUTBOX_DISK_FULL,
  OUTBOX_READ_ONLY,
  OUTBOX_LOCKED,
  OUTBOX_CORRUPT,
  OUTBOX_NEWER,
  OUTBOX_NOT_OURS,
  OUTBOX_IO,
  OUTBOX_NO_MEMORY,
  OUTBOX_CANNOT_OPEN,
  OUTBOX_CLOSED,
  OUTBOX_DUPLICATE /* a stored message has this id */
};

/** A name, as "disk_full". */
const char *outbox_result_name(enum outbox_result result);

/** Takes the file for itself; makes it if it is not there. O(1) in the backlog. Blocks for the
    disk. On failure `*outbox` is NULL and `detail` is a sentence that names the file. */
enum outbox_result outbox_open(const struct outbox_config *config, struct outbox **outbox,
                               char detail[OUTBOX_DETAIL_CAP]);

struct outbox_put {
  uint8_t opcode;
  const void *data;
  size_t len;
  const char *id; /* 1-128 bytes, unique in the file */
  int64_t
      expires_at_wall_ms; /* on the wall clock, since it outlives the machine's; INT64_MAX: never */
  const char *replace_key; /* or NULL */
};

/** Copies and hands over. `*number` rises with every call, and is above all that this file has ever
   stored. STORED or REFUSED follows unless the answer is OVERFLOW (a limit; nothing that is stored
   is touched), NO_MEMORY or CLOSED. A message with a replace_key takes the place of the newest one
   with that key that was not handed out as a MESSAGE since the last rewind; that one's number then
   gets REPLACED. Whether a full outbox takes it is known only when it has been looked for: REFUSED
   with OVERFLOW. */
enum outbox_result outbox_put(struct outbox *outbox, const struct outbox_put *put,
                              uint64_t *number);
/** A number from the same row, for messages that are not stored. */
uint64_t outbox_fresh_number(struct outbox *outbox);

/** Credit: up to `count` more messages may come as MESSAGE events, oldest first, as they are or
    become stored, until `bytes` of payload are out; the last may go beyond, at the expense of
    credit to come. Credit adds up. */
void outbox_want(struct outbox *outbox, uint32_t count, uint64_t bytes);
/** The link is gone: the next MESSAGE is the oldest stored again, credit is 0, MESSAGE events not
    yet taken are forgotten. What was removed before goes first, so that it does not come again; if
    the disk fails it stays in the file, and comes again after another opening at the earliest.
    Those handed out since the last rewind with a number up to `tried_up_to` count one attempt
    more. */
void outbox_rewind(struct outbox *outbox, uint64_t tried_up_to);
/** Confirmed, or expired at the taker: removed with the next commit. */
void outbox_remove(struct outbox *outbox, uint64_t number);

/** The lowest number that is stored, on its way to be, or has an event that was not taken;
    UINT64_MAX: nothing. What is removed counts until the commit, or until that fails; a wake
    follows. */
uint64_t outbox_oldest(struct outbox *outbox);
/** Payload that waits in memory for the disk. */
uint64_t outbox_pending_bytes(struct outbox *outbox);
/** Stored and on their way. */
void outbox_count(struct outbox *outbox, uint64_t *count, uint64_t *bytes);

enum outbox_event_kind {
  OUTBOX_STORED,  /* it will be delivered, whatever happens */
  OUTBOX_REFUSED, /* it is not stored: `result`, `detail` */
  OUTBOX_EXPIRED, /* its time came before it was handed out: it is gone. (One that was handed out is
                     the taker's to judge, until the next rewind.) */
  OUTBOX_REPLACED,  /* a newer one took its place */
  OUTBOX_MESSAGE,   /* to be sent */
  OUTBOX_IS_CLOSED, /* the last event */
  OUTBOX_TROUBLE    /* removing, expiring or reading fails: `result`, `detail`. Told once, until it
                       works    again; it goes on trying */
};

struct outbox_event {
  enum outbox_event_kind kind;
  uint64_t number;
  char id[OUTBOX_ID_MAX + 1];
  uint32_t attempts; /* MESSAGE, EXPIRED, REPLACED: on how many links before */
  enum outbox_result result;
  char detail[OUTBOX_DETAIL_CAP]; /* REFUSED, TROUBLE: a sentence that names the file */
  /* MESSAGE */
  uint8_t opcode;
  int64_t expires_at_wall_ms;
  const void *data; /* inside `memory` */
  size_t len;
  void *memory; /* the taker frees it with free() */
};

/** One thread only. False: nothing. */
bool outbox_next(struct outbox *outbox, struct outbox_event *event);

/** All that was handed in is done, then IS_CLOSED comes, with which the file is free for another
   owner. Puts answer CLOSED from now on, MESSAGE events stop. */
void outbox_close(struct outbox *outbox);
/** After IS_CLOSED was taken; or before it: then what was handed in and has no fate yet may be
   lost. Never blocks for the disk. `wake` is not called any more once it returns. NULL is fine. */
void outbox_free(struct outbox *outbox);

/* ---- for whoever looks at a file from outside; the first two beside an owner ---- */

struct outbox_item {
  uint64_t number;
  const char *id;
  int64_t stored_at_wall_ms;
  int64_t expires_at_wall_ms; /* INT64_MAX: never */
  uint64_t len;
  uint32_t attempts;
};

enum outbox_result outbox_read_count(const char *path, uint64_t *count, uint64_t *bytes,
                                     char detail[OUTBOX_DETAIL_CAP]);
/** Calls `each` for every message, in order, until it answers false. What the owner does meanwhile
   may or may not be seen. */
enum outbox_result outbox_list(const char *path,
                               bool (*each)(const struct outbox_item *item, void *user), void *user,
                               char detail[OUTBOX_DETAIL_CAP]);
/** Removes all messages. LOCKED beside an owner. */
enum outbox_result outbox_purge(const char *path, uint64_t *removed,
                                char detail[OUTBOX_DETAIL_CAP]);

#endif
