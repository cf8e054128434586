/*
 * The outbox's thread between its jobs: a turn after each batch of them tells what has come of it,
 * posts what is due, reads as far as credit goes, and sets the one deadline for what is due later.
 */
#include "internal.h"

#include <string.h>
#include <time.h>

int64_t thread_wall_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void thread_trouble(struct outbox *o, struct chore *chore, enum db_result result,
                    const char *detail) {
  chore->not_before_ms = worker_now_ms() + OUTBOX_RETRY_MS;
  if (chore->is_troubled || result == DB_CLOSED)
    return;
  chore->is_troubled = true;
  pthread_mutex_lock(&o->lock);
  o->has_trouble = o->has_news = true;
  o->trouble = result_of(result);
  memcpy(o->trouble_detail, detail, OUTBOX_DETAIL_CAP);
  pthread_mutex_unlock(&o->lock);
}

/* ---- turns ---- */

static enum db_result find_oldest(struct outbox *o, uint64_t *oldest) {
  enum db_result result = rows_oldest(&o->thread.rows, -1, oldest);
  while (result == DB_OK && *oldest != UINT64_MAX && jobs_is_gone(o, *oldest))
    result = rows_oldest(&o->thread.rows, (int64_t)*oldest, oldest);
  return result;
}

static void refresh_oldest(struct outbox *o) {
  uint64_t oldest;
  if (!o->thread.is_oldest_stale)
    return;
  const enum db_result result = find_oldest(o, &oldest);
  if (result != DB_OK) { /* what is known is lower: a flush waits longer */
    thread_trouble(o, &o->thread.read, result, db_error_detail(o->thread.rows.db));
    return;
  }
  o->thread.read.is_troubled = o->thread.is_oldest_stale = false;
  pthread_mutex_lock(&o->lock);
  o->stored_oldest = oldest;
  o->has_news = true;
  pthread_mutex_unlock(&o->lock);
}

static void refresh_expiry(struct outbox *o) {
  if (!o->thread.is_expiry_stale)
    return;
  const enum db_result result =
      rows_first_expiry(&o->thread.rows, o->thread.cursor, &o->thread.expires_at_wall_ms);
  o->thread.is_expiry_stale = result != DB_OK;
  if (result != DB_OK)
    thread_trouble(o, &o->thread.expire, result, db_error_detail(o->thread.rows.db));
}

static void wake(struct outbox *o) {
  pthread_mutex_lock(&o->lock);
  const bool has_news = o->has_news;
  o->has_news = false;
  pthread_mutex_unlock(&o->lock);
  if (!has_news)
    return;
  pthread_mutex_lock(&o->wake_lock);
  if (!o->is_freed)
    o->config.wake(o->config.user);
  pthread_mutex_unlock(&o->wake_lock);
}

static bool is_closing(struct outbox *o) {
  pthread_mutex_lock(&o->lock);
  const bool closing = o->is_closing;
  pthread_mutex_unlock(&o->lock);
  return closing;
}

/* Posts a chore that is due at `at_ms`; answers when to look again. A chore that failed while the
   outbox closes is not tried again. */
static uint64_t judge(struct outbox *o, struct chore *chore, uint64_t at_ms, bool now) {
  if (at_ms == WORKER_NEVER || (now && chore->is_troubled))
    return WORKER_NEVER;
  const uint64_t due_ms = at_ms > chore->not_before_ms ? at_ms : chore->not_before_ms;
  if (!now && due_ms > worker_now_ms())
    return due_ms;
  pthread_mutex_lock(&o->lock);
  outbox_post(o, chore);
  pthread_mutex_unlock(&o->lock);
  return WORKER_NEVER; /* a turn follows it */
}

/* The wall clock may jump, and the monotonic one stands still while the machine sleeps. */
static uint64_t expiry_at_ms(const struct outbox *o) {
  if (o->thread.is_expiry_stale)
    return 0;
  const int64_t at_ms = o->thread.expires_at_wall_ms, now_ms = thread_wall_ms();
  if (at_ms == ROWS_NEVER)
    return WORKER_NEVER;
  if (at_ms <= now_ms)
    return 0;
  const uint64_t left_ms = (uint64_t)at_ms - (uint64_t)now_ms; /* whatever stands in the file */
  return worker_now_ms() + (left_ms < OUTBOX_CLOCK_MS ? left_ms : OUTBOX_CLOCK_MS);
}

static uint64_t earlier(uint64_t a_ms, uint64_t b_ms) {
  return a_ms < b_ms ? a_ms : b_ms;
}

static bool has_removals(struct outbox *o) {
  pthread_mutex_lock(&o->lock);
  const bool has_some = o->removals.count > 0 || o->thread.removing.count > 0;
  pthread_mutex_unlock(&o->lock);
  return has_some;
}

static uint64_t judge_chores(struct outbox *o, bool closing) {
  const uint64_t removal_ms = has_removals(o) ? 0 : WORKER_NEVER;
  uint64_t next_ms = judge(o, &o->thread.remove, removal_ms, closing);
  next_ms = earlier(next_ms, judge(o, &o->thread.sync, o->thread.sync_at_ms, closing));
  if (!closing)
    next_ms = earlier(next_ms, judge(o, &o->thread.expire, expiry_at_ms(o), false));
  return next_ms;
}

static bool is_posted(struct outbox *o, const struct chore *chore) {
  pthread_mutex_lock(&o->lock);
  const bool posted = chore->is_posted;
  pthread_mutex_unlock(&o->lock);
  return posted;
}

/* What has expired goes before it is handed out. */
static uint64_t read_on(struct outbox *o) {
  if (is_posted(o, &o->thread.expire))
    return WORKER_NEVER;
  if (o->thread.read.not_before_ms > worker_now_ms())
    return o->thread.read.not_before_ms;
  if (reader_run(o))
    return 0;
  const bool looks_again = o->thread.read.is_troubled || o->thread.is_oldest_stale;
  return looks_again ? o->thread.read.not_before_ms : WORKER_NEVER;
}

static uint64_t on_turn(void *user, struct db *db) {
  struct outbox *const o = user;
  (void)db;
  refresh_oldest(o);
  refresh_expiry(o);
  wake(o); /* fates do not wait for the reading */
  const bool closing = is_closing(o);
  const uint64_t chores_ms = judge_chores(o, closing);
  const uint64_t read_ms = closing ? WORKER_NEVER : read_on(o);
  wake(o);
  return earlier(chores_ms, read_ms);
}

/* [D5] */
static enum db_result on_commit(void *user, struct db *db) {
  struct outbox *const o = user;
  (void)db;
  return rows_save(&o->thread.rows);
}

/* [D7] The file is free when IS_CLOSED comes. */
static void on_ended(void *user) {
  struct outbox *const o = user;
  owner_release(o->owner);
  o->owner = NULL;
  pthread_mutex_lock(&o->lock);
  o->is_ended = o->has_news = true;
  pthread_mutex_unlock(&o->lock);
  wake(o);
  outbox_release(o);
}

/* ---- beginning ---- */

/* Numbers go on from the wall clock's microseconds where those are higher: then also one that was
   given and never stored is not given again by the next run, unless numbers were taken faster than
   that. */
static uint64_t first_number(const struct rows_sums *sums) {
  const int64_t now_us = thread_wall_ms() * 1000;
  const uint64_t next = sums->last_number + 1;
  return now_us > 0 && (uint64_t)now_us > next ? (uint64_t)now_us : next;
}

enum db_result thread_init(struct outbox *o, struct db *db) {
  struct rows *const rows = &o->thread.rows;
  jobs_init(o);
  if (rows_init(rows, db) != DB_OK || rows_oldest(rows, -1, &o->stored_oldest) != DB_OK ||
      rows_newest(rows, &o->thread.newest) != DB_OK ||
      rows_first_expiry(rows, 0, &o->thread.expires_at_wall_ms) != DB_OK)
    return db_error(db);
  o->thread.kept = rows->sums;
  o->stored_count = rows->sums.count;
  o->stored_bytes = rows->sums.bytes;
  atomic_init(&o->next_number, first_number(&rows->sums));
  return DB_OK;
}

struct worker *thread_start(struct outbox *o, struct db *db) {
  const struct worker_config config = {
      .db = db, .user = o, .before_commit = on_commit, .turn = on_turn, .ended = on_ended};
  return worker_start(&config);
}
