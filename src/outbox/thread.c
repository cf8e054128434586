/*
 * What the outbox's thread does. Jobs write, in the order in which they were handed in; a turn
 * after each batch does the rest: it tells, reads, and sets the one deadline for what is due later.
 */
#include "internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REMOVALS_AT_ONCE_MAX ((size_t)1000) /* in one transaction */
#define EXPIRED_AT_ONCE_MAX 256

static int64_t now_wall_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* After each job of a batch: what was written holds, or does not. */
static void settle_sums(struct outbox *o, enum db_result result) {
  if (result == DB_OK)
    o->thread.kept = o->thread.rows.sums;
  else
    o->thread.rows.sums = o->thread.kept;
}

/* Under the lock. */
static void push_event(struct outbox *o, struct entry *event) {
  entries_append(&o->events, event);
  o->has_news = true;
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

/* From here on it may be posted once more; not earlier, since until then the worker has the job. */
static void chore_ends(struct outbox *o, struct chore *chore) {
  pthread_mutex_lock(&o->lock);
  chore->is_posted = false;
  pthread_mutex_unlock(&o->lock);
}

static struct outbox *outbox_of(struct worker_job *job, size_t chore_offset) {
  return (struct outbox *)((char *)job - chore_offset - offsetof(struct chore, job));
}

#define OUTBOX_OF(job, chore) outbox_of((job), offsetof(struct outbox, thread.chore))

/* ---- putting ---- */

static enum db_result replace(struct entry *entry, const struct row *old, bool *is_duplicate) {
  struct outbox *const o = entry->outbox;
  entry->replaced = entry_of_row(o, OUTBOX_REPLACED, old);
  if (!entry->replaced)
    return db_refuse(o->thread.rows.db, DB_NO_MEMORY, "");
  entry->replaced_len = old->len;
  return rows_replace(&o->thread.rows, old, &entry->put, entry->number, now_wall_ms(),
                      is_duplicate);
}

/* [D3] What was handed out keeps its place and its bytes. */
static enum db_result find_replaced(struct entry *entry, struct row *old) {
  struct outbox *const o = entry->outbox;
  old->position = 0;
  if (!entry->put.replace_key)
    return DB_OK;
  return rows_find_key(&o->thread.rows, entry->put.replace_key, o->thread.cursor, old);
}

enum db_result thread_put(struct worker_job *job, struct db *db) {
  struct entry *const entry = (struct entry *)job;
  struct rows *const rows = &entry->outbox->thread.rows;
  struct row old;
  bool is_duplicate = false;
  (void)db;
  enum db_result result = find_replaced(entry, &old);
  if (result == DB_OK && old.position)
    result = replace(entry, &old, &is_duplicate);
  else if (result == DB_OK)
    result = rows_insert(rows, &entry->put, entry->number, now_wall_ms(), &is_duplicate);
  if (is_duplicate)
    entry->result = OUTBOX_DUPLICATE;
  return result;
}

/* Under the lock. */
static void tell_stored(struct outbox *o, struct entry *entry) {
  struct entry *const replaced = entry->replaced;
  entry->kind = OUTBOX_STORED;
  entry->replaced = NULL;
  o->stored_bytes += entry->put.len;
  o->stored_bytes -= entry->replaced_len;
  o->stored_count += !replaced;
  if (entry->number < o->stored_oldest)
    o->stored_oldest = entry->number;
  push_event(o, entry);
  if (replaced)
    push_event(o, replaced);
}

/* The thread's own books. */
static void note_stored(struct outbox *o, const struct entry *entry) {
  if (entry->replaced)
    o->thread.is_oldest_stale = true;
  else
    o->thread.newest = (int64_t)entry->number;
  if (entry->put.expires_at_wall_ms < o->thread.expires_at_wall_ms)
    o->thread.expires_at_wall_ms = entry->put.expires_at_wall_ms;
  if (o->config.durability_ms && o->thread.sync_at_ms == WORKER_NEVER)
    o->thread.sync_at_ms = worker_now_ms() + o->config.durability_ms;
}

void thread_put_done(struct worker_job *job, enum db_result result, const char *detail) {
  struct entry *const entry = (struct entry *)job;
  struct outbox *const o = entry->outbox;
  settle_sums(o, result);
  if (result != DB_OK) {
    entry->result = result_of(result);
    entry->detail = *detail ? strdup(detail) : NULL;
  }
  const bool is_stored = entry->result == OUTBOX_OK;
  if (is_stored)
    note_stored(o, entry);
  pthread_mutex_lock(&o->lock);
  struct entry *const oldest = entries_take(&o->pending);
  assert(oldest == entry);
  (void)oldest;
  if (is_stored) {
    tell_stored(o, entry);
  } else {
    entry->kind = OUTBOX_REFUSED;
    push_event(o, entry);
  }
  pthread_mutex_unlock(&o->lock);
}

/* ---- removing ---- */

/* What failed last time stays in front; what is handed in from here on is seen by the next turn. */
static void begin_removals(struct outbox *o) {
  struct numbers *const fresh = &o->removals, *const begun = &o->thread.removing;
  pthread_mutex_lock(&o->lock);
  if (begun->count == 0) {
    const struct numbers empty = *begun;
    *begun = *fresh;
    *fresh = empty;
  }
  pthread_mutex_unlock(&o->lock);
}

static size_t removals_at_once(const struct outbox *o) {
  const size_t count = o->thread.removing.count;
  return count < REMOVALS_AT_ONCE_MAX ? count : REMOVALS_AT_ONCE_MAX;
}

/* Sums are those of before unless all of it was done. */
static enum db_result run_removal(struct worker_job *job, struct db *db) {
  struct outbox *const o = OUTBOX_OF(job, remove);
  struct rows *const rows = &o->thread.rows;
  const struct rows_sums before = rows->sums;
  enum db_result result = DB_OK;
  (void)db;
  begin_removals(o);
  const size_t count = removals_at_once(o);
  for (size_t i = 0; i < count && result == DB_OK; i++)
    result = rows_remove_number(rows, o->thread.removing.all[i]);
  if (result != DB_OK)
    rows->sums = before;
  o->thread.removed.count = before.count - rows->sums.count;
  o->thread.removed.bytes = before.bytes - rows->sums.bytes;
  return result;
}

static void account_removed(struct outbox *o, uint64_t count, uint64_t bytes) {
  o->stored_count -= count;
  o->stored_bytes -= bytes;
  o->thread.is_oldest_stale = true;
}

static void removal_done(struct worker_job *job, enum db_result result, const char *detail) {
  struct outbox *const o = OUTBOX_OF(job, remove);
  struct numbers *const begun = &o->thread.removing;
  chore_ends(o, &o->thread.remove);
  settle_sums(o, result);
  if (result != DB_OK) {
    thread_trouble(o, &o->thread.remove, result, detail);
    return;
  }
  o->thread.remove.is_troubled = false;
  const size_t count = removals_at_once(o);
  begun->count -= count;
  if (begun->count)
    memmove(begun->all, begun->all + count, begun->count * sizeof *begun->all);
  pthread_mutex_lock(&o->lock);
  account_removed(o, o->thread.removed.count, o->thread.removed.bytes);
  pthread_mutex_unlock(&o->lock);
}

/* ---- expiring ---- */

static enum db_result expire_row(struct outbox *o, const struct row *row) {
  struct entry *event = entry_of_row(o, OUTBOX_EXPIRED, row);
  if (!event)
    return db_refuse(o->thread.rows.db, DB_NO_MEMORY, "");
  entries_append(&o->thread.expired, event);
  return rows_remove(&o->thread.rows, row);
}

static enum db_result run_expiry(struct worker_job *job, struct db *db) {
  struct outbox *const o = OUTBOX_OF(job, expire);
  struct rows *const rows = &o->thread.rows;
  const struct rows_sums before = rows->sums;
  const int64_t now = now_wall_ms();
  struct row row = {.position = 1};
  enum db_result result = DB_OK;
  (void)db;
  for (unsigned i = 0; i < EXPIRED_AT_ONCE_MAX && result == DB_OK; i++) {
    result = rows_next_expired(rows, o->thread.cursor, now, &row);
    if (row.position == 0)
      break;
    result = expire_row(o, &row);
  }
  if (result != DB_OK)
    rows->sums = before;
  o->thread.removed.count = before.count - rows->sums.count;
  o->thread.removed.bytes = before.bytes - rows->sums.bytes;
  return result;
}

static void expiry_done(struct worker_job *job, enum db_result result, const char *detail) {
  struct outbox *const o = OUTBOX_OF(job, expire);
  chore_ends(o, &o->thread.expire);
  settle_sums(o, result);
  o->thread.is_expiry_stale = true;
  if (result != DB_OK) {
    entries_free(&o->thread.expired);
    thread_trouble(o, &o->thread.expire, result, detail);
    return;
  }
  o->thread.expire.is_troubled = false;
  pthread_mutex_lock(&o->lock);
  account_removed(o, o->thread.removed.count, o->thread.removed.bytes);
  for (struct entry *e = entries_take(&o->thread.expired); e; e = entries_take(&o->thread.expired))
    push_event(o, e);
  pthread_mutex_unlock(&o->lock);
}

/* ---- rewinding ---- */

static enum db_result run_rewind(struct worker_job *job, struct db *db) {
  struct outbox *const o = OUTBOX_OF(job, rewind);
  (void)db;
  if (o->thread.cursor == 0 || o->tried_up_to == 0)
    return DB_OK;
  return rows_count_attempt(&o->thread.rows, o->thread.cursor, o->tried_up_to);
}

/* Attempts are for people: that they could not be counted stops nothing. */
static void rewind_done(struct worker_job *job, enum db_result result, const char *detail) {
  struct outbox *const o = OUTBOX_OF(job, rewind);
  settle_sums(o, result);
  if (result != DB_OK)
    thread_trouble(o, &o->thread.rewind, result, detail);
  else
    o->thread.rewind.is_troubled = false;
  o->thread.cursor = 0;
  o->thread.is_expiry_stale = true;
  pthread_mutex_lock(&o->lock);
  o->thread.rewind.is_posted = o->is_rewinding = false;
  pthread_mutex_unlock(&o->lock);
}

/* ---- syncing what was committed unsynced ---- */

static enum db_result run_sync(struct worker_job *job, struct db *db) {
  struct outbox *const o = OUTBOX_OF(job, sync);
  (void)db;
  return rows_touch(&o->thread.rows);
}

static void sync_done(struct worker_job *job, enum db_result result, const char *detail) {
  struct outbox *const o = OUTBOX_OF(job, sync);
  chore_ends(o, &o->thread.sync);
  settle_sums(o, result);
  if (result != DB_OK) {
    thread_trouble(o, &o->thread.sync, result, detail);
    return;
  }
  o->thread.sync.is_troubled = false;
  o->thread.sync_at_ms = WORKER_NEVER;
}

/* ---- turns ---- */

static void refresh_oldest(struct outbox *o) {
  uint64_t oldest;
  if (!o->thread.is_oldest_stale)
    return;
  const enum db_result result = rows_oldest(&o->thread.rows, &oldest);
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
  if (o->thread.expires_at_wall_ms == ROWS_NEVER)
    return WORKER_NEVER;
  const int64_t left_ms = o->thread.expires_at_wall_ms - now_wall_ms();
  if (left_ms <= 0)
    return 0;
  return worker_now_ms() + (left_ms < OUTBOX_CLOCK_MS ? (uint64_t)left_ms : OUTBOX_CLOCK_MS);
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

static void init_chores(struct outbox *o) {
  o->thread.remove.job =
      (struct worker_job){.kind = WORKER_RELAXED, .run = run_removal, .done = removal_done};
  o->thread.expire.job =
      (struct worker_job){.kind = WORKER_RELAXED, .run = run_expiry, .done = expiry_done};
  o->thread.rewind.job =
      (struct worker_job){.kind = WORKER_RELAXED, .run = run_rewind, .done = rewind_done};
  o->thread.sync.job =
      (struct worker_job){.kind = WORKER_WRITES, .run = run_sync, .done = sync_done};
  o->thread.sync_at_ms = WORKER_NEVER;
}

/* Numbers go on from the wall clock's microseconds where those are higher: then also one that was
   given and never stored is not given again by the next run, unless numbers were taken faster than
   that. */
static uint64_t first_number(const struct rows_sums *sums) {
  const int64_t now_us = now_wall_ms() * 1000;
  const uint64_t next = sums->last_number + 1;
  return now_us > 0 && (uint64_t)now_us > next ? (uint64_t)now_us : next;
}

enum db_result thread_init(struct outbox *o, struct db *db) {
  struct rows *const rows = &o->thread.rows;
  init_chores(o);
  if (rows_init(rows, db) != DB_OK || rows_oldest(rows, &o->stored_oldest) != DB_OK ||
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
