/*
 * Where messages are kept: append if the id is new, read what came after, tell the last number.
 * Behind it stands SQLite (store_sqlite.c); nothing else of the relay knows that.
 *
 * Requests belong to the store until `done`, which is called on the loop's thread, once each, in
 * the order in which the requests were made. What `done` says holds:
 *   [S1] an append that is OK survives the end of the process and of the machine;
 *   [S2] within a conversation sequence numbers grow, and none is given twice, not even after a
 *        crash or when its message is no longer kept;
 *   [S3] an id is stored once in a conversation, as long as its message is kept;
 *   [S4] a read shows all appends requested before it that are OK, and none requested after it;
 *   [S5] behind an append that failed none of its line is stored.
 * So whoever goes live inside `done` of a read that found the end misses nothing and sees nothing
 * twice.
 */
#ifndef RELAY_STORE_H
#define RELAY_STORE_H

#include "loop.h"

#define STORE_DETAIL_CAP 256
#define STORE_PAGE_MAX 1000

struct store;

enum store_result {
  STORE_OK,
  STORE_KNOWN,    /* the id was there: the message is the first one */
  STORE_TOO_MANY, /* it would have begun a conversation beyond the limit */
  STORE_BEHIND,   /* not tried: its line is broken */
  STORE_FAILED    /* see the detail; nothing was stored */
};

/** Texts are NUL-terminated UTF-8. */
struct store_message {
  const char *id, *conversation_id, *sender_id, *plaintext;
  int64_t sequence_number; /* from 1 on */
  int64_t created_at_ms;   /* since 1970 */
};

/** What one sender appends, in its order. A failure breaks it for good: whoever then sends again
   all that was not stored, in a line of its own, keeps that order. The loop's thread. */
struct store_line;
/** NULL: no memory. */
struct store_line *store_line_new(void);
/** As a failure does: none of it is stored that is not stored yet. */
void store_line_break(struct store_line *line);
/** NULL is fine. Appends on their way keep it as long as they need it. */
void store_line_release(struct store_line *line);

struct store_append {
  struct store_message message; /* without a number; `done` finds it with one. The texts must stay,
                                   those of the first one live until `done` returns. */
  struct store_line *line;      /* NULL: it stands alone */
  void (*done)(struct store_append *append, enum store_result result, const char *detail);
};

struct store_page {
  const struct store_message *messages; /* in order; with their texts valid until `done` returns */
  size_t count;
  bool has_more;
  int64_t last; /* the conversation's last number, 0: none was given */
  int64_t gone; /* up to here messages are no longer kept */
};

struct store_read {
  const char *conversation_id;
  int64_t after;
  unsigned limit;   /* 0: only what `last` and `gone` are */
  size_t max_bytes; /* of texts; one message comes whatever its size */
  /** STORE_OK or STORE_FAILED. */
  void (*done)(struct store_read *read, enum store_result result, const struct store_page *page,
               const char *detail);
};

struct store_options {
  const char *path; /* NULL: in memory */
  const char *vfs;  /* NULL: SQLite's default */
  uint64_t max_conversations;
  uint64_t keep_age_ms; /* 0: for ever */
  uint64_t keep_bytes;  /* 0: without limit */
  /** Old messages could not be removed; tried again later. */
  void (*troubled)(void *user, const char *detail);
  void *user;
};

/** NULL, with a sentence in `detail`. */
struct store *store_open(struct net_loop *loop, const struct store_options *options,
                         char detail[STORE_DETAIL_CAP]);
void store_append(struct store *store, struct store_append *append);
void store_read(struct store *store, struct store_read *read);
/** Carries out what was requested, then calls `closed` on the loop's thread; no memory of the store
    is left. The loop must be kept running. */
void store_close(struct store *store, void (*closed)(void *user), void *user);

#endif
