/*
 * What the outbox's thread writes: jobs in transactions of the file, in the order in which they
 * were handed in. Each changes the books (sums, events, what is stale) only when it is known
 * whether it holds.
 */
#include "internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define REMOVALS_AT_ONCE_MAX ((size_t)1000) /* in one transaction */
#define EXPIRED_AT_ONCE_MAX 256

/* [D5] After each job of a batch: what was written holds, or does not. */
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

/* ---- what has come to its end ---- */

static int compare_numbers(const void *a, const void *b) {
  const uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
  return (first > second) - (first < second);
}

static void sort_begun(struct outbox *o) {
  struct numbers *const begun = &o->thread.removing;
  if (begun->count > 0)
    qsort(begun->all, begun->count, sizeof *begun->all, compare_numbers);
}

bool jobs_is_gone(const struct outbox *o, uint64_t number) {
  const struct numbers *const begun = &o->thread.removing;
  return begun->count > 0 &&
         bsearch(&number, begun->all, begun->count, sizeof *begun->all, compare_numbers);
}

/* ---- putting ---- */

static enum db_result replace(struct entry *entry, const struct row *old, bool *is_duplicate) {
  struct outbox *const o = entry->outbox;
  entry->replaced = entry_of_row(o, OUTBOX_REPLACED, old);
  if (!entry->replaced)
    return db_refuse(o->thread.rows.db, DB_NO_MEMORY, "");
  entry->replaced_len = old->len;
  return rows_replace(&o->thread.rows, old, &entry->put, entry->number, thread_wall_ms(),
                      is_duplicate);
}

/* [D3] What was handed out keeps its place and its bytes. */
static enum db_result find_replaced(struct entry *entry, struct row *old) {
  struct outbox *const o = entry->outbox;
  old->position = 0;
  if (!entry->put.replace_key)
    return DB_OK;
  const enum db_result result =
      rows_find_key(&o->thread.rows, entry->put.replace_key, o->thread.cursor, old);
  if (result == DB_OK && old->position && jobs_is_gone(o, old->number))
    old->position = 0;
  return result;
}

/* Without a key the room was there when it was handed in. */
static bool is_too_much(const struct entry *entry, const struct row *old) {
  const struct rows_sums *const sums = &entry->outbox->thread.rows.sums;
  const bool replaces = old->position != 0;
  return entry->put.replace_key &&
         !outbox_has_room(entry->outbox, sums->count - replaces,
                          sums->bytes - (replaces ? old->len : 0), entry->put.len);
}

enum db_result jobs_put(struct worker_job *job, struct db *db) {
  struct entry *const entry = (struct entry *)job;
  struct rows *const rows = &entry->outbox->thread.rows;
  struct row old;
  bool is_duplicate = false;
  (void)db;
  enum db_result result = find_replaced(entry, &old);
  if (result == DB_OK && is_too_much(entry, &old))
    entry->result = OUTBOX_OVERFLOW;
  else if (result == DB_OK && old.position)
    result = replace(entry, &old, &is_duplicate);
  else if (result == DB_OK)
    result = rows_insert(rows, &entry->put, entry->number, thread_wall_ms(), &is_duplicate);
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

void jobs_put_done(struct worker_job *job, enum db_result result, const char *detail) {
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

static bool begin_all_removals(struct outbox *o) {
  bool is_fine = true;
  pthread_mutex_lock(&o->lock);
  for (; o->removals.count > 0 && is_fine; o->removals.count -= is_fine)
    is_fine = numbers_add(&o->thread.removing, o->removals.all[o->removals.count - 1]);
  pthread_mutex_unlock(&o->lock);
  return is_fine;
}

/* What was to remove them failed, perhaps before it ran. */
static void keep_begun(struct outbox *o) {
  (void)begin_all_removals(o);
  sort_begun(o);
}

static size_t removals_at_once(const struct outbox *o) {
  const size_t count = o->thread.removing.count;
  return count < REMOVALS_AT_ONCE_MAX ? count : REMOVALS_AT_ONCE_MAX;
}

/* Sums are those of before unless all of it was done. */
static enum db_result note_removed(struct outbox *o, struct chore *chore,
                                   const struct rows_sums *before, enum db_result result) {
  struct rows_sums *const sums = &o->thread.rows.sums;
  if (result != DB_OK)
    *sums = *before;
  chore->removed.count = before->count - sums->count;
  chore->removed.bytes = before->bytes - sums->bytes;
  return result;
}

static enum db_result remove_begun(struct outbox *o, size_t count) {
  enum db_result result = DB_OK;
  for (size_t i = 0; i < count && result == DB_OK; i++)
    result = rows_remove_number(&o->thread.rows, o->thread.removing.all[i]);
  return result;
}

static enum db_result run_removal(struct worker_job *job, struct db *db) {
  struct outbox *const o = OUTBOX_OF(job, remove);
  const struct rows_sums before = o->thread.rows.sums;
  (void)db;
  begin_removals(o);
  o->thread.removing_now = removals_at_once(o);
  return note_removed(o, &o->thread.remove, &before, remove_begun(o, o->thread.removing_now));
}

static void account_removed(struct outbox *o, const struct chore *chore) {
  o->stored_count -= chore->removed.count;
  o->stored_bytes -= chore->removed.bytes;
  o->thread.is_oldest_stale = true;
}

/* A rewind of the same batch may have done with them already. */
static void forget_begun(struct outbox *o, size_t count) {
  struct numbers *const begun = &o->thread.removing;
  if (begun->count < count)
    count = begun->count;
  begun->count -= count;
  if (begun->count)
    memmove(begun->all, begun->all + count, begun->count * sizeof *begun->all);
}

static void removal_done(struct worker_job *job, enum db_result result, const char *detail) {
  struct outbox *const o = OUTBOX_OF(job, remove);
  chore_ends(o, &o->thread.remove);
  settle_sums(o, result);
  if (result != DB_OK) {
    keep_begun(o);
    o->thread.is_oldest_stale = true;
    thread_trouble(o, &o->thread.remove, result, detail);
    return;
  }
  o->thread.remove.is_troubled = false;
  forget_begun(o, o->thread.removing_now);
  pthread_mutex_lock(&o->lock);
  account_removed(o, &o->thread.remove);
  pthread_mutex_unlock(&o->lock);
}

/* ---- expiring ---- */

static enum db_result expire_row(struct outbox *o, const struct row *row) {
  if (jobs_is_gone(o, row->number))
    return rows_remove(&o->thread.rows, row);
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
  const int64_t now = thread_wall_ms();
  struct row row = {.position = 1};
  enum db_result result = DB_OK;
  (void)db;
  for (unsigned i = 0; i < EXPIRED_AT_ONCE_MAX && result == DB_OK; i++) {
    result = rows_next_expired(rows, o->thread.cursor, now, &row);
    if (row.position == 0)
      break;
    result = expire_row(o, &row);
  }
  return note_removed(o, &o->thread.expire, &before, result);
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
  account_removed(o, &o->thread.expire);
  for (struct entry *e = entries_take(&o->thread.expired); e; e = entries_take(&o->thread.expired))
    push_event(o, e);
  pthread_mutex_unlock(&o->lock);
}

/* ---- rewinding ---- */

/* What was removed before a rewind must not be handed out after it, nor expire or be replaced: so
   all of it goes first, however much it is. */
static enum db_result remove_and_count(struct outbox *o) {
  if (!begin_all_removals(o))
    return db_refuse(o->thread.rows.db, DB_NO_MEMORY, "");
  const enum db_result result = remove_begun(o, o->thread.removing.count);
  if (result != DB_OK || o->thread.cursor == 0 || o->tried_up_to == 0)
    return result;
  return rows_count_attempt(&o->thread.rows, o->thread.cursor, o->tried_up_to);
}

static enum db_result run_rewind(struct worker_job *job, struct db *db) {
  struct outbox *const o = OUTBOX_OF(job, rewind);
  const struct rows_sums before = o->thread.rows.sums;
  (void)db;
  const enum db_result result = remove_and_count(o);
  o->thread.cursor = 0; /* what comes behind it in this batch finds all of them waiting */
  return note_removed(o, &o->thread.rewind, &before, result);
}

/* That it failed stops nothing: attempts are for people, and what could not be removed is passed
   over. */
static void rewind_done(struct worker_job *job, enum db_result result, const char *detail) {
  struct outbox *const o = OUTBOX_OF(job, rewind);
  settle_sums(o, result);
  if (result != DB_OK) {
    keep_begun(o);
    thread_trouble(o, &o->thread.rewind, result, detail);
  } else {
    o->thread.rewind.is_troubled = false;
    forget_begun(o, o->thread.removing.count);
  }
  o->thread.cursor = 0;
  o->thread.is_expiry_stale = true;
  pthread_mutex_lock(&o->lock);
  if (result == DB_OK)
    account_removed(o, &o->thread.rewind);
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

/* ---- beginning ---- */

void jobs_init(struct outbox *o) {
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
