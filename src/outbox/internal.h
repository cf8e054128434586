/*
 * What the files of this folder share about an outbox.
 *
 *   outbox.c   the calls, on whatever thread: they hand over, and take events
 *   jobs.c     the outbox's thread: storing, removing, expiring, rewinding, syncing
 *   thread.c   the same thread between its jobs: telling, and what is due when
 *   reader.c   there: messages out of the file, as far as credit goes
 *   rows.c     the tables
 *
 * Two locks, neither of them ever held while the disk works: `lock`, and `wake_lock`, which is held
 * while the application is woken so that outbox_free() can end that.
 */
#ifndef OUTBOX_INTERNAL_H
#define OUTBOX_INTERNAL_H

#include "owner.h"
#include "rows.h"
#include "worker.h"

#include <pthread.h>
#include <stdatomic.h>

/** A message on its way in; then an event on its way out. */
struct entry {
  struct worker_job job; /* of a put; first: job and entry share the pointer */
  struct outbox *outbox;
  struct entry *next; /* on its way in: the next put; on its way out: the next event */
  enum outbox_event_kind kind;
  enum outbox_result result;
  char *detail; /* REFUSED; NULL: the result says it all, or there was no memory */
  uint64_t number;
  uint32_t attempts;
  struct outbox_put put;  /* points into `bytes` */
  struct entry *replaced; /* what this put took the place of: an event to be, once it is stored */
  uint64_t replaced_len;
  char bytes[]; /* id, replace_key, payload */
};

struct entry_list {
  struct entry *first, **end;
  uint64_t count, bytes; /* payload */
};

void entries_init(struct entry_list *list);
void entries_append(struct entry_list *list, struct entry *entry);
struct entry *entries_take(struct entry_list *list);
void entries_free(struct entry_list *list);
/** Copies what `put` points to. NULL: no memory. */
struct entry *entry_new(struct outbox *outbox, const struct outbox_put *put);
/** Of a row that has gone: an event without payload. */
struct entry *entry_of_row(struct outbox *outbox, enum outbox_event_kind kind,
                           const struct row *row);
void entry_free(struct entry *entry);

struct numbers {
  uint64_t *all;
  size_t count, cap;
};

bool numbers_add(struct numbers *numbers, uint64_t number);

/** What the outbox's thread does besides storing; only it touches these, but for `is_posted`. */
struct chore {
  struct worker_job job;
  bool is_posted;           /* under the lock */
  bool is_troubled;         /* failed last time, which was told */
  uint64_t not_before_ms;   /* monotonic */
  struct rows_sums removed; /* what it takes out of the file; several may share a transaction */
};

enum reader_state {
  READER_AT_END, /* all that is stored was handed out */
  READER_NO_CREDIT,
  READER_NO_ROOM /* the taker is slower */
};

struct outbox {
  struct outbox_config config; /* texts are not kept */
  struct worker *worker;       /* gone once `is_ended` */
  struct owner *owner;
  atomic_uint_fast64_t next_number;

  pthread_mutex_t wake_lock;
  bool is_freed; /* under wake_lock: nobody is to be woken */

  pthread_mutex_t lock; /* of all up to `thread` */
  unsigned references;  /* the application's and the thread's */
  bool is_closing, is_ended, is_end_told;
  bool has_news;              /* a wake is due */
  struct entry_list pending;  /* puts on their way in */
  struct entry_list events;   /* all but messages */
  struct entry_list messages; /* to be taken */
  uint64_t stored_count, stored_bytes;
  uint64_t stored_oldest;  /* or lower, never higher */
  struct numbers removals; /* not yet begun */
  uint64_t credit_count;
  int64_t credit_bytes;
  enum reader_state reader_state;
  bool is_rewinding;    /* asked for and not yet done: nothing is read */
  uint64_t tried_up_to; /* of that rewind */
  bool has_trouble;
  enum outbox_result trouble;
  char trouble_detail[OUTBOX_DETAIL_CAP];

  /** The outbox's thread's own, but for the chores' `is_posted`. */
  struct {
    struct rows rows;
    struct rows_sums kept; /* as last committed */
    int64_t cursor;        /* position of the last message handed out since the last rewind */
    int64_t newest;        /* the last position stored */
    bool is_oldest_stale;
    int64_t expires_at_wall_ms; /* of the first behind the cursor, or earlier; ROWS_NEVER */
    bool is_expiry_stale;
    uint64_t sync_at_ms;       /* monotonic: what was committed must be synced by then */
    struct numbers removing;   /* begun: kept until a commit has them */
    size_t removing_now;       /* of them, from the first on: by the chore that ran */
    struct entry_list expired; /* by the job that runs */
    struct chore remove, expire, sync, read, rewind;
  } thread;
};

/** Whether so many messages and bytes leave room for one more of `len` bytes. */
bool outbox_has_room(const struct outbox *outbox, uint64_t count, uint64_t bytes, size_t len);
/** Under the lock. */
void outbox_post(struct outbox *outbox, struct chore *chore);
/** Drops the thread's or the application's share; the last one frees. */
void outbox_release(struct outbox *outbox);

/* ---- thread.c ---- */
/** Before the thread starts: reads where the file stands. */
enum db_result thread_init(struct outbox *outbox, struct db *db);
struct worker *thread_start(struct outbox *outbox, struct db *db);
/** The failure of something that is tried again: told if it is new. */
void thread_trouble(struct outbox *outbox, struct chore *chore, enum db_result result,
                    const char *detail);
/** The wall clock, on which times to live are measured. */
int64_t thread_wall_ms(void);

/* ---- jobs.c ---- */
/** Makes the chores' jobs. */
void jobs_init(struct outbox *outbox);
/** A put's. */
enum db_result jobs_put(struct worker_job *job, struct db *db);
void jobs_put_done(struct worker_job *job, enum db_result result, const char *detail);
/** On the thread: it was to be removed, and the disk failed. It is still in the file, but has had
    its last fate. */
bool jobs_is_gone(const struct outbox *outbox, uint64_t number);

/* ---- reader.c ---- */
/** Reads what may be read. True: there is more that may. */
bool reader_run(struct outbox *outbox);

#endif
