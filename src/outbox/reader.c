/* Messages out of the file and into the hands of the taker, as far as its credit goes. */
#include "internal.h"

#include <string.h>

/* Under the lock: whether one more may be handed out, and if not, who will ask again. */
static bool may_hand_out(struct outbox *o) {
  if (o->is_rewinding || o->is_closing)
    return false;
  if (o->thread.cursor >= o->thread.newest) {
    o->reader_state = READER_AT_END;
    return false;
  }
  if (o->credit_count == 0 || o->credit_bytes <= 0) {
    o->reader_state = READER_NO_CREDIT;
    return false;
  }
  o->reader_state = READER_NO_ROOM;
  return o->messages.count < OUTBOX_AHEAD_COUNT_MAX && o->messages.bytes < OUTBOX_AHEAD_BYTES_MAX;
}

/* NULL and DB_OK: there is none. */
static enum db_result read_message(struct outbox *o, struct entry **message, int64_t *position) {
  struct row row;
  const void *payload;
  *message = NULL;
  const enum db_result result = rows_next(&o->thread.rows, o->thread.cursor, &row, &payload);
  *position = row.position;
  if (result != DB_OK || row.position == 0)
    return result;
  const struct outbox_put put = {.opcode = row.opcode,
                                 .data = payload,
                                 .len = row.len,
                                 .id = row.id,
                                 .expires_at_wall_ms = row.expires_at_wall_ms};
  *message = entry_new(o, &put);
  rows_next_done(&o->thread.rows);
  if (!*message)
    return db_refuse(o->thread.rows.db, DB_NO_MEMORY, "");
  (*message)->kind = OUTBOX_MESSAGE;
  (*message)->number = row.number;
  (*message)->attempts = row.attempts;
  return DB_OK;
}

/* Under the lock. */
static void append(struct outbox *o, struct entry *message) {
  entries_append(&o->messages, message);
  o->credit_count--;
  o->credit_bytes -= (int64_t)message->put.len;
  o->has_news = true;
}

/* A rewind that was asked for meanwhile has taken the credit back. */
static void hand_out(struct outbox *o, struct entry *message, int64_t position) {
  const bool is_gone = jobs_is_gone(o, message->number);
  pthread_mutex_lock(&o->lock);
  const bool is_read = !o->is_rewinding && !o->is_closing;
  if (is_read)
    o->thread.cursor = position;
  if (is_read && !is_gone)
    append(o, message);
  pthread_mutex_unlock(&o->lock);
  if (!is_read || is_gone)
    entry_free(message);
}

static bool locked_may_hand_out(struct outbox *o) {
  pthread_mutex_lock(&o->lock);
  const bool may = may_hand_out(o);
  pthread_mutex_unlock(&o->lock);
  return may;
}

/* One message. False: no more, or it failed. */
static bool read_one(struct outbox *o) {
  struct entry *message;
  int64_t position;
  const enum db_result result = read_message(o, &message, &position);
  if (result != DB_OK) {
    thread_trouble(o, &o->thread.read, result, db_error_detail(o->thread.rows.db));
    return false;
  }
  o->thread.read.is_troubled = false;
  if (!message) {
    o->thread.cursor = o->thread.newest; /* the last ones have gone */
    return false;
  }
  hand_out(o, message, position);
  return true;
}

bool reader_run(struct outbox *o) {
  unsigned count = 0;
  while (locked_may_hand_out(o)) {
    if (count++ == OUTBOX_AHEAD_COUNT_MAX) /* jobs first */
      return true;
    if (!read_one(o))
      break;
  }
  return false;
}
