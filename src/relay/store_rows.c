#include "store_rows.h"

#include <stdlib.h>
#include <string.h>

/*
 * A conversation's last number stands in a row of its own, which stays when messages go: [S2].
 * messages.key grows over all conversations, so the oldest are first.
 */
const char *const store_steps[] = {
    "CREATE TABLE conversations(key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"
    " last INTEGER NOT NULL, gone INTEGER NOT NULL);"
    "CREATE TABLE messages(key INTEGER PRIMARY KEY, conversation INTEGER NOT NULL,"
    " number INTEGER NOT NULL, id TEXT NOT NULL, sender TEXT NOT NULL, plaintext TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL);"
    "CREATE UNIQUE INDEX messages_by_number ON messages(conversation, number);"
    "CREATE UNIQUE INDEX messages_by_id ON messages(conversation, id);",
};
const size_t store_steps_count = sizeof store_steps / sizeof *store_steps;

#define MESSAGE_COLUMNS "number, id, sender, plaintext, created_ms"

void store_rows_init(struct store_rows *rows) {
  memset(rows, 0, sizeof *rows);
  rows->conversations_count = -1;
  rows->find_conversation.sql = "SELECT key, last, gone FROM conversations WHERE id = ?1";
  rows->count_conversations.sql = "SELECT count(*) FROM conversations";
  rows->add_conversation.sql =
      "INSERT INTO conversations(id, last, gone) VALUES(?1, 0, 0) RETURNING key, last, gone";
  rows->number.sql = "UPDATE conversations SET last = ?2 WHERE key = ?1";
  rows->find_id.sql =
      "SELECT " MESSAGE_COLUMNS " FROM messages WHERE conversation = ?1 AND id = ?2";
  rows->insert.sql = "INSERT INTO messages(conversation, number, id, sender, plaintext, created_ms)"
                     " VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
  rows->after.sql = "SELECT " MESSAGE_COLUMNS " FROM messages"
                    " WHERE conversation = ?1 AND number > ?2 ORDER BY number LIMIT ?3";
  rows->oldest.sql = "SELECT key, created_ms FROM messages WHERE created_ms <= ?2"
                     " ORDER BY key LIMIT ?1";
  rows->mark_gone.sql =
      "UPDATE conversations SET gone = (SELECT max(number) FROM messages WHERE conversation ="
      " conversations.key AND key <= ?1)"
      " WHERE key IN (SELECT conversation FROM messages WHERE key <= ?1)";
  rows->remove.sql = "DELETE FROM messages WHERE key <= ?1";
  rows->used.sql = "SELECT (SELECT page_count FROM pragma_page_count) -"
                   " (SELECT freelist_count FROM pragma_freelist_count),"
                   " (SELECT page_size FROM pragma_page_size)";
}

/* ---- pages ---- */

void store_rows_page_deinit(struct store_rows_page *page) {
  free(page->messages);
  free(page->texts);
}

/* Texts are noted by their place until the page is whole: they move as it grows. */
static bool put_text(struct store_rows_page *page, sqlite3_stmt *row, int column,
                     const char **place) {
  const char *text = (const char *)sqlite3_column_text(row, column);
  const size_t size = text ? (size_t)sqlite3_column_bytes(row, column) + 1 : 1;
  if (page->cap - page->len < size) {
    const size_t cap = 2 * page->cap + size + 256;
    char *grown = realloc(page->texts, cap);
    if (!grown)
      return false;
    page->texts = grown;
    page->cap = cap;
  }
  memcpy(page->texts + page->len, text ? text : "", size);
  page->texts[page->len + size - 1] = '\0';
  *place = (const char *)page->len;
  page->len += size;
  return true;
}

static bool put_message(struct store_rows_page *page, sqlite3_stmt *row, size_t limit) {
  if (!page->messages)
    page->messages = calloc(limit, sizeof *page->messages);
  if (!page->messages)
    return false;
  struct store_message *message = &page->messages[page->page.count++];
  message->sequence_number = sqlite3_column_int64(row, 0);
  message->created_at_ms = sqlite3_column_int64(row, 4);
  return put_text(page, row, 1, &message->id) && put_text(page, row, 2, &message->sender_id) &&
         put_text(page, row, 3, &message->plaintext);
}

static void settle_texts(struct store_rows_page *page, const char *conversation_id) {
  for (size_t i = 0; i < page->page.count; i++) {
    struct store_message *message = &page->messages[i];
    message->conversation_id = conversation_id;
    message->id = page->texts + (size_t)message->id;
    message->sender_id = page->texts + (size_t)message->sender_id;
    message->plaintext = page->texts + (size_t)message->plaintext;
  }
  page->page.messages = page->messages;
}

/* Rows of a damaged file may be out of order: page by page it would go round in a circle. */
static enum db_result take_row(struct db *db, sqlite3_stmt *ready, size_t limit, int64_t *after,
                               struct store_rows_page *page) {
  if (!put_message(page, ready, limit))
    return db_refuse(db, DB_NO_MEMORY, "");
  const int64_t number = page->messages[page->page.count - 1].sequence_number;
  if (number <= *after)
    return db_refuse(db, DB_CORRUPT, "its messages are out of order");
  *after = number;
  return DB_OK;
}

/* One row more than wanted tells that there are more. */
static enum db_result take_rows(struct db *db, sqlite3_stmt *ready, size_t limit, size_t max_bytes,
                                int64_t after, struct store_rows_page *page) {
  bool has_row;
  enum db_result result;
  while ((result = db_step(db, ready, &has_row)) == DB_OK && has_row) {
    page->page.has_more =
        page->page.count == limit || (page->page.count > 0 && page->len >= max_bytes);
    if (page->page.has_more || (result = take_row(db, ready, limit, &after, page)) != DB_OK)
      break;
  }
  db_reset(ready);
  return result;
}

/* ---- conversations ---- */

struct conversation {
  int64_t key, last, gone; /* key 0: there is none */
};

static enum db_result take_conversation(struct db *db, sqlite3_stmt *ready, const char *id,
                                        struct conversation *conversation) {
  bool has_row;
  memset(conversation, 0, sizeof *conversation);
  db_bind_text(ready, 1, id);
  enum db_result result = db_step(db, ready, &has_row);
  if (has_row) {
    conversation->key = sqlite3_column_int64(ready, 0);
    conversation->last = sqlite3_column_int64(ready, 1);
    conversation->gone = sqlite3_column_int64(ready, 2);
    result = db_run(db, ready);
  }
  return result;
}

static enum db_result find_conversation(struct store_rows *rows, struct db *db, const char *id,
                                        struct conversation *conversation) {
  return take_conversation(db, db_ready(db, &rows->find_conversation), id, conversation);
}

/* Counted once, and again after a failure: a rollback may have taken some back. */
static enum db_result count_conversations(struct store_rows *rows, struct db *db) {
  bool has_row;
  if (rows->conversations_count >= 0)
    return DB_OK;
  sqlite3_stmt *ready = db_ready(db, &rows->count_conversations);
  const enum db_result result = db_step(db, ready, &has_row);
  if (has_row)
    rows->conversations_count = sqlite3_column_int64(ready, 0);
  db_reset(ready);
  return result;
}

/* `conversation->key` stays 0 if there are too many. */
static enum db_result add_conversation(struct store_rows *rows, struct db *db, const char *id,
                                       uint64_t max, struct conversation *conversation) {
  enum db_result result = count_conversations(rows, db);
  if (result != DB_OK || (uint64_t)rows->conversations_count >= max)
    return result;
  result = take_conversation(db, db_ready(db, &rows->add_conversation), id, conversation);
  if (result == DB_OK)
    rows->conversations_count++;
  return result;
}

/* ---- appending ---- */

static enum db_result find_first(struct store_rows *rows, struct db *db,
                                 const struct conversation *conversation,
                                 const struct store_message *message,
                                 struct store_rows_page *first) {
  sqlite3_stmt *ready = db_ready(db, &rows->find_id);
  db_bind_int(ready, 1, conversation->key);
  db_bind_text(ready, 2, message->id);
  const enum db_result result = take_rows(db, ready, 1, SIZE_MAX, INT64_MIN, first);
  if (result == DB_OK)
    settle_texts(first, message->conversation_id);
  return result;
}

static enum db_result insert(struct store_rows *rows, struct db *db,
                             const struct conversation *conversation,
                             struct store_message *message) {
  message->sequence_number = conversation->last + 1;
  sqlite3_stmt *ready = db_ready(db, &rows->number);
  db_bind_int(ready, 1, conversation->key);
  db_bind_int(ready, 2, message->sequence_number);
  const enum db_result result = db_run(db, ready);
  if (result != DB_OK)
    return result;
  ready = db_ready(db, &rows->insert);
  db_bind_int(ready, 1, conversation->key);
  db_bind_int(ready, 2, message->sequence_number);
  db_bind_text(ready, 3, message->id);
  db_bind_text(ready, 4, message->sender_id);
  db_bind_text(ready, 5, message->plaintext);
  db_bind_int(ready, 6, message->created_at_ms);
  return db_run(db, ready);
}

enum db_result store_rows_append(struct store_rows *rows, struct db *db,
                                 struct store_message *message, uint64_t max_conversations,
                                 enum store_result *outcome, struct store_rows_page *first) {
  struct conversation conversation;
  enum db_result result = find_conversation(rows, db, message->conversation_id, &conversation);
  *outcome = STORE_OK;
  if (result == DB_OK && conversation.key == 0) {
    result = add_conversation(rows, db, message->conversation_id, max_conversations, &conversation);
    if (result == DB_OK && conversation.key == 0) {
      *outcome = STORE_TOO_MANY;
      return DB_OK;
    }
  }
  if (result == DB_OK)
    result = find_first(rows, db, &conversation, message, first);
  if (result == DB_OK && first->page.count > 0)
    *outcome = STORE_KNOWN;
  else if (result == DB_OK)
    result = insert(rows, db, &conversation, message);
  return result;
}

/* ---- reading ---- */

enum db_result store_rows_read(struct store_rows *rows, struct db *db,
                               const struct store_read *read, struct store_rows_page *page) {
  struct conversation conversation;
  enum db_result result = find_conversation(rows, db, read->conversation_id, &conversation);
  page->page.last = conversation.last;
  page->page.gone = conversation.gone;
  if (result != DB_OK || read->limit == 0 || conversation.last <= read->after)
    return result;
  sqlite3_stmt *ready = db_ready(db, &rows->after);
  db_bind_int(ready, 1, conversation.key);
  db_bind_int(ready, 2, read->after);
  db_bind_int(ready, 3, (int64_t)read->limit + 1);
  result = take_rows(db, ready, read->limit, read->max_bytes, read->after, page);
  if (result == DB_OK)
    settle_texts(page, read->conversation_id);
  else
    page->page.count = 0;
  return result;
}

/* ---- what is no longer kept ---- */

static enum db_result measure(struct store_rows *rows, struct db *db, uint64_t *used) {
  bool has_row;
  sqlite3_stmt *ready = db_ready(db, &rows->used);
  const enum db_result result = db_step(db, ready, &has_row);
  *used = has_row
              ? (uint64_t)sqlite3_column_int64(ready, 0) * (uint64_t)sqlite3_column_int64(ready, 1)
              : 0;
  db_reset(ready);
  return result;
}

/* The key up to which messages go, 0: none. The first one that stays ends it. One that was made
   when the clock was ahead is as old as those behind it. */
static enum db_result find_end(struct store_rows *rows, struct db *db, int64_t limit,
                               int64_t before_ms, int64_t now_ms, int64_t *end, int64_t *count) {
  bool has_row;
  enum db_result result;
  sqlite3_stmt *ready = db_ready(db, &rows->oldest);
  *end = *count = 0;
  db_bind_int(ready, 1, limit);
  db_bind_int(ready, 2, now_ms);
  while ((result = db_step(db, ready, &has_row)) == DB_OK && has_row &&
         sqlite3_column_int64(ready, 1) < before_ms) {
    *end = sqlite3_column_int64(ready, 0);
    ++*count;
  }
  db_reset(ready);
  return result;
}

static enum db_result remove_until(struct store_rows *rows, struct db *db, int64_t end) {
  enum db_result result = db_begin(db, false);
  if (result != DB_OK)
    return result;
  sqlite3_stmt *ready = db_ready(db, &rows->mark_gone);
  db_bind_int(ready, 1, end);
  result = db_run(db, ready);
  if (result == DB_OK) {
    ready = db_ready(db, &rows->remove);
    db_bind_int(ready, 1, end);
    result = db_run(db, ready);
  }
  if (result == DB_OK)
    return db_commit(db);
  db_rollback(db);
  return result;
}

/* Few at once for the size, so that not much more goes than must. */
#define SIZE_SWEEP 64

enum db_result store_rows_sweep(struct store_rows *rows, struct db *db, int64_t before_ms,
                                int64_t now_ms, uint64_t keep_bytes, bool *has_more) {
  int64_t end = 0, count = 0, limit = STORE_ROWS_SWEEP_MAX;
  uint64_t used = 0;
  *has_more = false;
  enum db_result result = DB_OK;
  if (before_ms > INT64_MIN)
    result = find_end(rows, db, limit, before_ms, now_ms, &end, &count);
  if (result == DB_OK && end == 0 && keep_bytes > 0) {
    result = measure(rows, db, &used);
    limit = SIZE_SWEEP;
    if (result == DB_OK && used > keep_bytes)
      result = find_end(rows, db, limit, INT64_MAX, INT64_MAX, &end, &count);
  }
  if (result != DB_OK || end == 0)
    return result;
  *has_more = count == limit;
  return remove_until(rows, db, end);
}
