/*
 * The calls of an outbox. What is promised of messages, and by what:
 *
 * [D1] A message that was STORED is in the file until it is removed, expired, replaced or purged,
 *      whatever ends the program or cuts the power; with a durability_ms above 0 a power cut spares
 *      it only once that time has passed. By: its transaction is synced before its fate is told.
 *
 * [D2] A message that was REFUSED, or whose fate was never told because the program ended first, is
 *      there whole, with all that it replaces gone, or not at all. One that was REFUSED is not
 *      there, unless the power goes. By: one transaction; a failed one is cut out of the log.
 *
 * [D3] What is stored is handed out in the order of the puts, each once between two rewinds, with
 *      its bytes as they were put. By: positions, of which the reader keeps the last.
 *
 * [D4] What was removed, expired or replaced may be back, in its old place, after a power cut; once
 *      it was committed it is not after the death of the program alone. By: such commits are not
 *      synced, but stand in the log in their order.
 *
 * [D5] Nothing else is ever in the file: no part of a message, none twice; and the sums over all
 *      of them are right. By: sums and messages are in the same transactions; ids are unique.
 *
 * [D6] A failure (full disk, failed write or sync, no memory) costs what was just handed in and
 *      says so; what is stored stays, and the next put tries anew. By: a transaction is a batch.
 *      What was to be removed and could not be is tried again, and until then passed over: it has
 *      one end in a run. By: numbers kept in memory.
 *
 * [D7] A file has one owner; its end, however it comes, frees the file. By: a lock of the kernel.
 */
#include "internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- life ---- */

static void free_all(struct outbox *o) {
  entries_free(&o->pending);
  entries_free(&o->events);
  entries_free(&o->messages);
  entries_free(&o->thread.expired);
  free(o->removals.all);
  free(o->thread.removing.all);
  owner_release(o->owner);
  pthread_mutex_destroy(&o->lock);
  pthread_mutex_destroy(&o->wake_lock);
  free(o);
}

void outbox_release(struct outbox *o) {
  pthread_mutex_lock(&o->lock);
  const unsigned left = --o->references;
  pthread_mutex_unlock(&o->lock);
  if (left == 0)
    free_all(o);
}

static struct outbox *outbox_new(const struct outbox_config *config) {
  struct outbox *o = calloc(1, sizeof *o);
  if (!o)
    return NULL;
  o->config = *config;
  o->config.path = o->config.vfs = NULL;
  o->references = 1;
  entries_init(&o->pending);
  entries_init(&o->events);
  entries_init(&o->messages);
  entries_init(&o->thread.expired);
  pthread_mutex_init(&o->lock, NULL); /* cannot fail: no attributes */
  pthread_mutex_init(&o->wake_lock, NULL);
  return o;
}

static enum db_result fail_start(const struct outbox *o, char *detail) {
  (void)snprintf(detail, OUTBOX_DETAIL_CAP, "%s: %s (no thread could be started)",
                 result_sentence(OUTBOX_NO_MEMORY), owner_path(o->owner));
  return DB_NO_MEMORY;
}

static enum db_result start(struct outbox *o, const struct outbox_config *config, char *detail) {
  struct db *db;
  enum db_result result = owner_take(config->path, &o->owner, detail);
  if (result != DB_OK)
    return result;
  result = rows_open(owner_path(o->owner), config->vfs, false, &db, detail);
  if (result != DB_OK)
    return result;
  result = thread_init(o, db);
  if (result != DB_OK) {
    memcpy(detail, db_error_detail(db), OUTBOX_DETAIL_CAP);
    db_close(db);
    return result;
  }
  o->references++;              /* the thread's */
  pthread_mutex_lock(&o->lock); /* the thread may want its worker at once */
  o->worker = thread_start(o, db);
  pthread_mutex_unlock(&o->lock);
  if (o->worker)
    return DB_OK;
  o->references--;
  db_close(db);
  return fail_start(o, detail);
}

_Static_assert(OUTBOX_DETAIL_CAP == DB_DETAIL_CAP, "details are handed on as they are");

enum outbox_result outbox_open(const struct outbox_config *config, struct outbox **outbox,
                               char detail[OUTBOX_DETAIL_CAP]) {
  *outbox = NULL;
  struct outbox *o = outbox_new(config);
  if (!o) {
    (void)snprintf(detail, OUTBOX_DETAIL_CAP, "%s", result_sentence(OUTBOX_NO_MEMORY));
    return OUTBOX_NO_MEMORY;
  }
  const enum db_result result = start(o, config, detail);
  if (result == DB_OK)
    *outbox = o;
  else
    outbox_release(o);
  return result_of(result);
}

void outbox_close(struct outbox *o) {
  pthread_mutex_lock(&o->lock);
  if (!o->is_closing) {
    o->is_closing = true;
    entries_free(&o->messages);
    worker_close(o->worker);
  }
  pthread_mutex_unlock(&o->lock);
}

void outbox_free(struct outbox *o) {
  if (!o)
    return;
  pthread_mutex_lock(&o->lock);
  o->is_closing = true;
  if (!o->is_ended)
    worker_abandon(o->worker);
  pthread_mutex_unlock(&o->lock);
  pthread_mutex_lock(&o->wake_lock);
  o->is_freed = true;
  pthread_mutex_unlock(&o->wake_lock);
  outbox_release(o);
}

/* ---- handing over ---- */

uint64_t outbox_fresh_number(struct outbox *o) {
  return atomic_fetch_add_explicit(&o->next_number, 1, memory_order_relaxed);
}

bool outbox_has_room(const struct outbox *o, uint64_t count, uint64_t bytes, size_t len) {
  return count < o->config.limit_count && bytes <= o->config.limit_bytes &&
         len <= o->config.limit_bytes - bytes;
}

/* A message with a key may need no room but that of the one it replaces: the thread will see. Until
   then it takes memory, of which as much may be taken as of the disk. */
static bool has_room(const struct outbox *o, const struct outbox_put *put) {
  const bool may_replace = put->replace_key != NULL;
  return outbox_has_room(o, o->pending.count + (may_replace ? 0 : o->stored_count),
                         o->pending.bytes + (may_replace ? 0 : o->stored_bytes), put->len);
}

/* Under the lock, so that numbers rise in the order in which the thread gets them. */
static enum outbox_result hand_over(struct outbox *o, struct entry *entry) {
  if (o->is_closing)
    return OUTBOX_CLOSED;
  if (!has_room(o, &entry->put))
    return OUTBOX_OVERFLOW;
  entry->number = outbox_fresh_number(o);
  entries_append(&o->pending, entry);
  worker_submit(o->worker, &entry->job);
  return OUTBOX_OK;
}

enum outbox_result outbox_put(struct outbox *o, const struct outbox_put *put, uint64_t *number) {
  assert(put->id[0] != '\0' && strlen(put->id) <= OUTBOX_ID_MAX);
  struct entry *entry = entry_new(o, put);
  if (!entry)
    return OUTBOX_NO_MEMORY;
  entry->job = (struct worker_job){.kind = o->config.durability_ms ? WORKER_RELAXED : WORKER_WRITES,
                                   .weight = put->len,
                                   .run = jobs_put,
                                   .done = jobs_put_done};
  pthread_mutex_lock(&o->lock);
  const enum outbox_result result = hand_over(o, entry);
  if (result == OUTBOX_OK)
    *number = entry->number;
  pthread_mutex_unlock(&o->lock);
  if (result != OUTBOX_OK)
    entry_free(entry);
  return result;
}

void outbox_post(struct outbox *o, struct chore *chore) {
  if (chore->is_posted || o->is_ended)
    return;
  chore->is_posted = true;
  worker_submit(o->worker, &chore->job);
}

void outbox_remove(struct outbox *o, uint64_t number) {
  pthread_mutex_lock(&o->lock);
  /* Without memory to note it, it stays, and is sent and removed once more on the next link. */
  if (!o->is_closing && numbers_add(&o->removals, number))
    outbox_post(o, &o->thread.remove);
  pthread_mutex_unlock(&o->lock);
}

void outbox_want(struct outbox *o, uint32_t count, uint64_t bytes) {
  pthread_mutex_lock(&o->lock);
  const int64_t room = INT64_MAX - (o->credit_bytes > 0 ? o->credit_bytes : 0);
  o->credit_count += count;
  o->credit_bytes += bytes < (uint64_t)room ? (int64_t)bytes : room;
  if (o->reader_state == READER_NO_CREDIT && !o->is_closing)
    worker_nudge(o->worker);
  pthread_mutex_unlock(&o->lock);
}

void outbox_rewind(struct outbox *o, uint64_t tried_up_to) {
  pthread_mutex_lock(&o->lock);
  entries_free(&o->messages);
  o->credit_count = 0;
  o->credit_bytes = 0;
  if (!o->is_rewinding && !o->is_closing) { /* else nothing was handed out since the last */
    o->is_rewinding = true;
    o->tried_up_to = tried_up_to;
    outbox_post(o, &o->thread.rewind);
  }
  pthread_mutex_unlock(&o->lock);
}

static uint64_t lower(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

uint64_t outbox_oldest(struct outbox *o) {
  pthread_mutex_lock(&o->lock);
  uint64_t oldest = o->pending.first ? o->pending.first->number : UINT64_MAX;
  oldest = lower(oldest, o->stored_oldest);
  for (const struct entry *event = o->events.first; event; event = event->next)
    oldest = lower(oldest, event->number);
  pthread_mutex_unlock(&o->lock);
  return oldest;
}

uint64_t outbox_pending_bytes(struct outbox *o) {
  pthread_mutex_lock(&o->lock);
  const uint64_t bytes = o->pending.bytes;
  pthread_mutex_unlock(&o->lock);
  return bytes;
}

void outbox_count(struct outbox *o, uint64_t *count, uint64_t *bytes) {
  pthread_mutex_lock(&o->lock);
  *count = o->stored_count + o->pending.count;
  *bytes = o->stored_bytes + o->pending.bytes;
  pthread_mutex_unlock(&o->lock);
}

/* ---- events ---- */

static void tell(struct outbox_event *event, struct entry *entry) {
  event->kind = entry->kind;
  event->number = entry->number;
  event->attempts = entry->attempts;
  event->result = entry->result;
  event->opcode = entry->put.opcode;
  event->expires_at_wall_ms = entry->put.expires_at_wall_ms;
  memcpy(event->id, entry->put.id, strlen(entry->put.id) + 1);
  if (entry->kind == OUTBOX_REFUSED)
    (void)snprintf(event->detail, sizeof event->detail, "%s",
                   entry->detail ? entry->detail : result_sentence(entry->result));
  if (entry->kind != OUTBOX_MESSAGE) {
    entry_free(entry);
    return;
  }
  event->data = entry->put.data;
  event->len = entry->put.len;
  event->memory = entry;
}

static void tell_trouble(struct outbox *o, struct outbox_event *event) {
  event->kind = OUTBOX_TROUBLE;
  event->result = o->trouble;
  memcpy(event->detail, o->trouble_detail, sizeof event->detail);
  o->has_trouble = false;
}

static bool is_half_empty(const struct outbox *o) {
  return o->messages.count <= OUTBOX_AHEAD_COUNT_MAX / 2 &&
         o->messages.bytes <= OUTBOX_AHEAD_BYTES_MAX / 2;
}

/* Under the lock. NULL: nothing. A message comes after its STORED. */
static struct entry *take_entry(struct outbox *o) {
  struct entry *entry = entries_take(&o->events);
  if (entry)
    return entry;
  entry = entries_take(&o->messages);
  if (entry && o->reader_state == READER_NO_ROOM && is_half_empty(o) && !o->is_closing)
    worker_nudge(o->worker);
  return entry;
}

/* Under the lock. */
static bool next(struct outbox *o, struct outbox_event *event) {
  struct entry *entry = take_entry(o);
  if (entry) {
    tell(event, entry);
    return true;
  }
  if (o->has_trouble) {
    tell_trouble(o, event);
    return true;
  }
  if (!o->is_ended || o->is_end_told)
    return false;
  o->is_end_told = true;
  event->kind = OUTBOX_IS_CLOSED;
  return true;
}

bool outbox_next(struct outbox *o, struct outbox_event *event) {
  *event = (struct outbox_event){.expires_at_wall_ms = INT64_MAX};
  pthread_mutex_lock(&o->lock);
  const bool has_event = next(o, event);
  pthread_mutex_unlock(&o->lock);
  return has_event;
}
