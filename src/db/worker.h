/*
 * A thread that owns a db. Jobs run in the order in which they were handed in; those that wait
 * together share one transaction, so that many cost one sync (group commit). Each learns after
 * the commit whether it holds.
 *
 * A batch is what waits, up to WORKER_BATCH_MAX jobs or WORKER_BATCH_WEIGHT, of jobs that write or
 * of jobs that read. A job that fails is undone alone and ends its batch; what came before it is
 * committed. A failed commit fails its whole batch. Nothing here waits by turning.
 *
 * The worker frees itself when its thread ends. All functions may be called from any thread.
 */
#ifndef DB_WORKER_H
#define DB_WORKER_H

#include "db.h"

#define WORKER_BATCH_MAX 1000
#define WORKER_BATCH_WEIGHT ((size_t)8 * 1024 * 1024) /* the last one may go beyond it */
#define WORKER_NEVER UINT64_MAX

struct worker;

enum worker_kind {
  WORKER_WRITES,  /* durable when `done` says DB_OK */
  WORKER_RELAXED, /* writes what a power cut may take back: with only such in it, a batch is not
                     synced */
  WORKER_READS    /* outside of transactions */
};

/** Owned by whoever embeds it, by the worker from worker_submit() until `done`. */
struct worker_job {
  struct worker_job *next; /* the worker's */
  enum worker_kind kind;
  size_t weight; /* bytes it will write, or keep in memory until `done`, roughly */
  /** On the thread. A failure of the db is answered as it is (or by db_refuse()). */
  enum db_result (*run)(struct worker_job *job, struct db *db);
  /** On the thread, exactly once. DB_CLOSED: never run, the worker was abandoned. */
  void (*done)(struct worker_job *job, enum db_result result, const char *detail);
};

struct worker_config {
  struct db *db; /* the worker's from worker_start() on, if that succeeds */
  void *user;
  /** Or NULL. In a transaction that wrote, right before its commit; a failure fails the batch. */
  enum db_result (*before_commit)(void *user, struct db *db);
  /** Or NULL. After each batch, each nudge, and when the time comes that it answered last
      (monotonic, worker_now_ms(); WORKER_NEVER). Outside of transactions. */
  uint64_t (*turn)(void *user, struct db *db);
  /** The last call: all jobs are done, the db is closed. */
  void (*ended)(void *user);
};

uint64_t worker_now_ms(void);
/** NULL: no thread or no memory; nothing was taken. `turn` is called at once. */
struct worker *worker_start(const struct worker_config *config);
/** Not after worker_close(), but for the worker's own thread. */
void worker_submit(struct worker *worker, struct worker_job *job);
/** A turn is wanted. */
void worker_nudge(struct worker *worker);
/** What waits is run, and what a last turn submits; then the thread ends. */
void worker_close(struct worker *worker);
/** What waits is not run; the thread ends as soon as the disk lets it. Never blocks. May follow
    worker_close() as long as `ended` was not called. */
void worker_abandon(struct worker *worker);

#endif
