#define _GNU_SOURCE
#include "worker.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREAD_STACK_LEN ((size_t)512 * 1024)

struct worker {
  struct worker_config config; /* the thread's */
  uint64_t turn_at_ms;         /* the thread's */
  pthread_mutex_t lock;        /* of what follows */
  pthread_cond_t changed;
  struct worker_job *first, **end;
  bool is_nudged, is_closing, is_abandoned;
};

uint64_t worker_now_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- batches ---- */

struct batch {
  struct worker_job *jobs;
  size_t run_count; /* from the first on */
  bool reads, is_relaxed;
  enum db_result failure; /* of the last one run */
  char failure_detail[DB_DETAIL_CAP];
};

static bool reads(const struct worker_job *job) {
  return job->kind == WORKER_READS;
}

/* Under the lock: takes what will share a transaction. */
static struct worker_job *take_jobs(struct worker *worker) {
  struct worker_job *const jobs = worker->first;
  struct worker_job **at = &worker->first;
  size_t weight = 0;
  for (size_t count = 0; *at && count < WORKER_BATCH_MAX && weight < WORKER_BATCH_WEIGHT; count++) {
    if (reads(*at) != reads(jobs))
      break;
    weight += (*at)->weight;
    at = &(*at)->next;
  }
  worker->first = *at;
  if (!worker->first)
    worker->end = &worker->first;
  *at = NULL;
  return jobs;
}

/* Under the lock: those of a batch that were not run come first again. */
static void put_back(struct worker *worker, struct worker_job *jobs) {
  struct worker_job **end = &jobs;
  while (*end)
    end = &(*end)->next;
  *end = worker->first;
  if (!worker->first)
    worker->end = end;
  worker->first = jobs;
  if (!worker->first)
    worker->end = &worker->first;
}

static bool all_relaxed(const struct worker_job *job) {
  while (job && job->kind == WORKER_RELAXED)
    job = job->next;
  return !job;
}

/* The savepoint costs little beside what a job does, and a job may be several statements. */
static enum db_result run_job(struct worker_job *job, struct db *db) {
  if (reads(job))
    return job->run(job, db);
  enum db_result result = db_part_begin(db);
  if (result == DB_OK)
    result = job->run(job, db);
  if (result != DB_OK) {
    db_part_undo(db);
    return result;
  }
  result = db_part_keep(db);
  if (result != DB_OK) /* a job that ran but does not hold: nothing of the batch can */
    db_rollback(db);
  return result;
}

static void run_jobs(struct worker *worker, struct batch *batch) {
  struct db *const db = worker->config.db;
  for (struct worker_job *job = batch->jobs; job && batch->failure == DB_OK; job = job->next) {
    batch->failure = run_job(job, db);
    batch->run_count++;
  }
  if (batch->failure != DB_OK)
    memcpy(batch->failure_detail, db_error_detail(db), DB_DETAIL_CAP);
}

/* What becomes of the jobs before one that failed. */
static enum db_result commit(struct worker *worker, const struct batch *batch) {
  struct db *const db = worker->config.db;
  if (batch->reads)
    return DB_OK;
  if (!db_in_transaction(db)) /* the failure has undone all of it */
    return db_error(db);
  enum db_result result = DB_OK;
  if (worker->config.before_commit)
    result = worker->config.before_commit(worker->config.user, db);
  if (result == DB_OK)
    return db_commit(db);
  db_rollback(db);
  return result;
}

static struct worker_job *finish_first(struct worker_job *job, enum db_result result,
                                       const char *detail) {
  struct worker_job *const next = job->next;
  job->next = NULL;
  job->done(job, result, detail);
  return next;
}

/* Returns those that were not run. */
static struct worker_job *finish(struct batch *batch, enum db_result result, const char *detail) {
  struct worker_job *job = batch->jobs;
  const bool last_failed = batch->failure != DB_OK;
  for (size_t left = batch->run_count; left > (size_t)last_failed; left--)
    job = finish_first(job, result, detail);
  return last_failed ? finish_first(job, batch->failure, batch->failure_detail) : job;
}

static struct worker_job *fail_all(struct worker_job *job, enum db_result result,
                                   const char *detail) {
  while (job)
    job = finish_first(job, result, detail);
  return NULL;
}

/* Returns those that were not run. */
static struct worker_job *run_batch(struct worker *worker, struct worker_job *jobs) {
  struct db *const db = worker->config.db;
  char detail[DB_DETAIL_CAP] = "";
  struct batch batch = {.jobs = jobs, .reads = reads(jobs), .is_relaxed = all_relaxed(jobs)};
  if (!batch.reads && db_begin(db, batch.is_relaxed) != DB_OK) {
    memcpy(detail, db_error_detail(db), sizeof detail);
    return fail_all(jobs, db_error(db), detail);
  }
  run_jobs(worker, &batch);
  const enum db_result result = commit(worker, &batch);
  if (result != DB_OK)
    memcpy(detail, db_error_detail(db), sizeof detail);
  return finish(&batch, result, detail);
}

/* ---- the thread ---- */

/* Under the lock. */
static bool has_reason(const struct worker *worker) {
  return worker->first || worker->is_nudged || worker->is_closing || worker->is_abandoned ||
         (worker->turn_at_ms != WORKER_NEVER && worker_now_ms() >= worker->turn_at_ms);
}

/* Under the lock, which is open while it waits. */
static void wait_for_reason(struct worker *worker) {
  const struct timespec until = {.tv_sec = (time_t)(worker->turn_at_ms / 1000),
                                 .tv_nsec = (long)(worker->turn_at_ms % 1000) * 1000000};
  while (!has_reason(worker)) {
    if (worker->turn_at_ms == WORKER_NEVER)
      (void)pthread_cond_wait(&worker->changed, &worker->lock);
    else
      (void)pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
  }
}

static void turn(struct worker *worker) {
  const struct worker_config *config = &worker->config;
  worker->turn_at_ms = config->turn ? config->turn(config->user, config->db) : WORKER_NEVER;
}

/* With the lock held before and after. False: it is time to end. */
static bool work_once(struct worker *worker) {
  wait_for_reason(worker);
  if (worker->is_abandoned || (worker->is_closing && !worker->first && !worker->is_nudged))
    return false;
  worker->is_nudged = false;
  struct worker_job *jobs = take_jobs(worker);
  pthread_mutex_unlock(&worker->lock);
  if (jobs)
    jobs = run_batch(worker, jobs);
  if (!jobs)
    turn(worker);
  db_tend(worker->config.db);
  pthread_mutex_lock(&worker->lock);
  if (jobs)
    put_back(worker, jobs);
  return true;
}

static void worker_free(struct worker *worker) {
  pthread_cond_destroy(&worker->changed);
  pthread_mutex_destroy(&worker->lock);
  free(worker);
}

static void *work(void *argument) {
  struct worker *const worker = argument;
  turn(worker);
  pthread_mutex_lock(&worker->lock);
  while (work_once(worker)) {
  }
  struct worker_job *left = worker->first;
  worker->first = NULL;
  worker->end = &worker->first;
  pthread_mutex_unlock(&worker->lock);
  (void)fail_all(left, DB_CLOSED, "");
  db_close(worker->config.db);
  worker->config.ended(worker->config.user);
  worker_free(worker);
  return NULL;
}

/* The program's signals are not for this thread. */
static int start_thread(struct worker *worker) {
  pthread_t thread;
  pthread_attr_t attributes;
  sigset_t all, before;
  int error = pthread_attr_init(&attributes);
  if (error)
    return error;
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&attributes, THREAD_STACK_LEN);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  error = pthread_create(&thread, &attributes, work, worker);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return error;
}

static bool init_changed(pthread_cond_t *changed) {
  pthread_condattr_t attributes;
  if (pthread_condattr_init(&attributes) != 0)
    return false;
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  const bool is_fine = pthread_cond_init(changed, &attributes) == 0;
  pthread_condattr_destroy(&attributes);
  return is_fine;
}

struct worker *worker_start(const struct worker_config *config) {
  struct worker *worker = calloc(1, sizeof *worker);
  if (!worker)
    return NULL;
  worker->config = *config;
  worker->turn_at_ms = WORKER_NEVER;
  worker->end = &worker->first;
  if (pthread_mutex_init(&worker->lock, NULL) != 0)
    goto no_lock;
  if (!init_changed(&worker->changed))
    goto no_condition;
  if (start_thread(worker) != 0)
    goto no_thread;
  return worker;
no_thread:
  pthread_cond_destroy(&worker->changed);
no_condition:
  pthread_mutex_destroy(&worker->lock);
no_lock:
  free(worker);
  return NULL;
}

/* ---- from any thread ---- */

void worker_submit(struct worker *worker, struct worker_job *job) {
  job->next = NULL;
  pthread_mutex_lock(&worker->lock);
  *worker->end = job;
  worker->end = &job->next;
  pthread_cond_signal(&worker->changed);
  pthread_mutex_unlock(&worker->lock);
}

static void raise_flag(struct worker *worker, bool *flag) {
  pthread_mutex_lock(&worker->lock);
  *flag = true;
  pthread_cond_signal(&worker->changed);
  pthread_mutex_unlock(&worker->lock);
}

void worker_nudge(struct worker *worker) {
  raise_flag(worker, &worker->is_nudged);
}

void worker_close(struct worker *worker) {
  pthread_mutex_lock(&worker->lock);
  worker->is_closing = worker->is_nudged = true; /* a last turn may submit last jobs */
  pthread_cond_signal(&worker->changed);
  pthread_mutex_unlock(&worker->lock);
}

void worker_abandon(struct worker *worker) {
  raise_flag(worker, &worker->is_abandoned);
}
