#include "rows.h"

#include <string.h>

#define APPLICATION_ID 0x4c6d7042 /* "LmpB" */

/*
 * Format 1. The payload comes last, so that nothing else of a row lies behind a chain of overflow
 * pages. Rows leave the three small indexes with their message; those for expiry and keys hold
 * only rows that have one.
 */
static const char format_1[] =
    "CREATE TABLE message ("
    "  position INTEGER PRIMARY KEY,"
    "  number INTEGER NOT NULL UNIQUE,"
    "  id TEXT NOT NULL UNIQUE,"
    "  opcode INTEGER NOT NULL,"
    "  attempts INTEGER NOT NULL,"
    "  stored_at_ms INTEGER NOT NULL,"
    "  expires_at_ms INTEGER,"
    "  replace_key TEXT,"
    "  payload BLOB NOT NULL);"
    "CREATE INDEX message_expiry ON message (expires_at_ms) WHERE expires_at_ms IS NOT NULL;"
    "CREATE INDEX message_key ON message (replace_key) WHERE replace_key IS NOT NULL;"
    "CREATE TABLE state ("
    "  one INTEGER PRIMARY KEY CHECK (one = 1),"
    "  count INTEGER NOT NULL,"
    "  bytes INTEGER NOT NULL,"
    "  last_number INTEGER NOT NULL,"
    "  touched INTEGER NOT NULL);"
    "INSERT INTO state VALUES (1, 0, 0, 0, 0);";

const char *const rows_steps[] = {format_1};
const size_t rows_steps_count = sizeof rows_steps / sizeof *rows_steps;

#define COLUMNS "position, number, id, length(payload), attempts, opcode, expires_at_ms"

static void set_sql(struct rows *rows) {
  rows->sql.insert.sql =
      "INSERT INTO message (position, number, id, opcode, attempts, stored_at_ms, expires_at_ms,"
      " replace_key, payload) VALUES (?1, ?1, ?2, ?3, 0, ?4, ?5, ?6, ?7)"
      " ON CONFLICT (id) DO NOTHING";
  rows->sql.find_key.sql = "SELECT " COLUMNS " FROM message WHERE replace_key = ?1"
                           " AND position > ?2 ORDER BY position DESC LIMIT 1";
  rows->sql.replace.sql =
      "UPDATE OR IGNORE message SET number = ?1, id = ?2, opcode = ?3, attempts = 0,"
      " stored_at_ms = ?4, expires_at_ms = ?5, replace_key = ?6, payload = ?7 WHERE position = ?8";
  rows->sql.find_number.sql = "SELECT " COLUMNS " FROM message WHERE number = ?1";
  rows->sql.remove.sql = "DELETE FROM message WHERE position = ?1";
  rows->sql.next.sql = "SELECT " COLUMNS ", payload FROM message WHERE position > ?1"
                       " ORDER BY position LIMIT 1";
  rows->sql.expired.sql = "SELECT " COLUMNS " FROM message WHERE expires_at_ms <= ?2"
                          " AND position > ?1 ORDER BY expires_at_ms LIMIT 1";
  rows->sql.tried.sql = "UPDATE message SET attempts = attempts + 1"
                        " WHERE position <= ?1 AND number <= ?2";
  rows->sql.save.sql = "UPDATE state SET count = ?1, bytes = ?2, last_number = ?3";
  rows->sql.touch.sql = "UPDATE state SET touched = (touched + 1) & 127";
  rows->sql.oldest.sql = "SELECT min(number) FROM message WHERE number > ?1";
  rows->sql.newest.sql = "SELECT max(position) FROM message";
  rows->sql.first_expiry.sql = "SELECT expires_at_ms FROM message WHERE expires_at_ms IS NOT NULL"
                               " AND position > ?1 ORDER BY expires_at_ms LIMIT 1";
}

/* ---- opening ---- */

enum db_result rows_open(const char *path, const char *vfs, bool is_read_only, struct db **db,
                         char detail[DB_DETAIL_CAP]) {
  const struct db_config config = {.path = path,
                                   .vfs = vfs,
                                   .is_read_only = is_read_only,
                                   .application_id = APPLICATION_ID,
                                   .what = "an outbox of Limpet",
                                   .steps = rows_steps,
                                   .steps_count = rows_steps_count};
  return db_open(&config, db, detail);
}

static enum db_result read_sums(struct rows *rows) {
  struct db_statement statement = {.sql = "SELECT count, bytes, last_number FROM state"};
  sqlite3_stmt *ready = db_ready(rows->db, &statement);
  bool has_row;
  enum db_result result = db_step(rows->db, ready, &has_row);
  if (has_row) {
    rows->sums.count = (uint64_t)sqlite3_column_int64(ready, 0);
    rows->sums.bytes = (uint64_t)sqlite3_column_int64(ready, 1);
    rows->sums.last_number = (uint64_t)sqlite3_column_int64(ready, 2);
  } else if (result == DB_OK) {
    result = db_refuse(rows->db, DB_CORRUPT, "it does not say how much it holds");
  }
  (void)sqlite3_finalize(ready);
  return result;
}

enum db_result rows_init(struct rows *rows, struct db *db) {
  memset(rows, 0, sizeof *rows);
  rows->db = db;
  set_sql(rows);
  return read_sums(rows);
}

/* ---- reading ---- */

static void take_id(struct row *row, sqlite3_stmt *ready) {
  const char *id = (const char *)sqlite3_column_text(ready, 2);
  const size_t len = id ? strlen(id) : 0;
  const size_t kept_len = len <= OUTBOX_ID_MAX ? len : OUTBOX_ID_MAX;
  if (id)
    memcpy(row->id, id, kept_len);
  row->id[kept_len] = '\0';
}

static void take_row(struct row *row, sqlite3_stmt *ready) {
  row->position = sqlite3_column_int64(ready, 0);
  row->number = (uint64_t)sqlite3_column_int64(ready, 1);
  take_id(row, ready);
  row->len = (uint64_t)sqlite3_column_int64(ready, 3);
  row->attempts = (uint32_t)sqlite3_column_int64(ready, 4);
  row->opcode = (uint8_t)sqlite3_column_int(ready, 5);
  const bool expires = sqlite3_column_type(ready, 6) != SQLITE_NULL;
  row->expires_at_wall_ms = expires ? sqlite3_column_int64(ready, 6) : ROWS_NEVER;
}

/* The only row of a query, position 0 if there is none. */
static enum db_result read_row(struct rows *rows, sqlite3_stmt *ready, struct row *row) {
  bool has_row;
  const enum db_result result = db_step(rows->db, ready, &has_row);
  row->position = 0;
  if (has_row)
    take_row(row, ready);
  db_reset(ready);
  return result;
}

/* The only value, or `otherwise` where there is none. */
static enum db_result read_value(struct rows *rows, sqlite3_stmt *ready, int64_t otherwise,
                                 int64_t *value) {
  bool has_row;
  const enum db_result result = db_step(rows->db, ready, &has_row);
  const bool has_value = has_row && sqlite3_column_type(ready, 0) != SQLITE_NULL;
  *value = has_value ? sqlite3_column_int64(ready, 0) : otherwise;
  db_reset(ready);
  return result;
}

enum db_result rows_refuse_order(struct db *db) {
  return db_refuse(db, DB_CORRUPT, "its messages are out of order");
}

enum db_result rows_next(struct rows *rows, int64_t position, struct row *row,
                         const void **payload) {
  sqlite3_stmt *ready = db_ready(rows->db, &rows->sql.next);
  bool has_row;
  db_bind_int(ready, 1, position);
  const enum db_result result = db_step(rows->db, ready, &has_row);
  row->position = 0;
  if (!has_row)
    return result;
  take_row(row, ready);
  *payload = sqlite3_column_blob(ready, 7);
  if (row->position > position && (*payload || row->len == 0))
    return DB_OK;
  rows_next_done(rows);
  return row->position > position ? db_refuse(rows->db, DB_NO_MEMORY, "")
                                  : rows_refuse_order(rows->db);
}

void rows_next_done(struct rows *rows) {
  db_reset(rows->sql.next.prepared);
}

enum db_result rows_next_expired(struct rows *rows, int64_t position, int64_t now_wall_ms,
                                 struct row *row) {
  sqlite3_stmt *ready = db_ready(rows->db, &rows->sql.expired);
  db_bind_int(ready, 1, position);
  db_bind_int(ready, 2, now_wall_ms);
  return read_row(rows, ready, row);
}

enum db_result rows_first_expiry(struct rows *rows, int64_t position, int64_t *at_wall_ms) {
  sqlite3_stmt *ready = db_ready(rows->db, &rows->sql.first_expiry);
  db_bind_int(ready, 1, position);
  return read_value(rows, ready, ROWS_NEVER, at_wall_ms);
}

enum db_result rows_oldest(struct rows *rows, int64_t behind, uint64_t *number) {
  int64_t value;
  sqlite3_stmt *ready = db_ready(rows->db, &rows->sql.oldest);
  db_bind_int(ready, 1, behind);
  const enum db_result result = read_value(rows, ready, -1, &value);
  *number = value < 0 ? UINT64_MAX : (uint64_t)value;
  return value >= 0 && value <= behind ? rows_refuse_order(rows->db) : result;
}

enum db_result rows_newest(struct rows *rows, int64_t *position) {
  return read_value(rows, db_ready(rows->db, &rows->sql.newest), 0, position);
}

enum db_result rows_find_key(struct rows *rows, const char *key, int64_t position,
                             struct row *row) {
  sqlite3_stmt *ready = db_ready(rows->db, &rows->sql.find_key);
  db_bind_text(ready, 1, key);
  db_bind_int(ready, 2, position);
  return read_row(rows, ready, row);
}

/* ---- writing ---- */

/* Values 1-7 of insert and replace. */
static void bind_put(sqlite3_stmt *ready, const struct outbox_put *put, uint64_t number,
                     int64_t now_wall_ms) {
  db_bind_int(ready, 1, (int64_t)number);
  db_bind_text(ready, 2, put->id);
  db_bind_int(ready, 3, put->opcode);
  db_bind_int(ready, 4, now_wall_ms);
  if (put->expires_at_wall_ms == ROWS_NEVER)
    db_bind_text(ready, 5, NULL);
  else
    db_bind_int(ready, 5, put->expires_at_wall_ms);
  db_bind_text(ready, 6, put->replace_key);
  db_bind_blob(ready, 7, put->data, put->len);
}

enum db_result rows_insert(struct rows *rows, const struct outbox_put *put, uint64_t number,
                           int64_t now_wall_ms, bool *is_duplicate) {
  sqlite3_stmt *ready = db_ready(rows->db, &rows->sql.insert);
  bind_put(ready, put, number, now_wall_ms);
  const enum db_result result = db_run(rows->db, ready);
  *is_duplicate = result == DB_OK && db_changes(rows->db) == 0;
  if (result != DB_OK || *is_duplicate)
    return result;
  rows->sums.count++;
  rows->sums.bytes += put->len;
  rows->sums.last_number = number;
  return DB_OK;
}

enum db_result rows_replace(struct rows *rows, const struct row *old, const struct outbox_put *put,
                            uint64_t number, int64_t now_wall_ms, bool *is_duplicate) {
  sqlite3_stmt *ready = db_ready(rows->db, &rows->sql.replace);
  bind_put(ready, put, number, now_wall_ms);
  db_bind_int(ready, 8, old->position);
  const enum db_result result = db_run(rows->db, ready);
  *is_duplicate = result == DB_OK && db_changes(rows->db) == 0;
  if (result != DB_OK || *is_duplicate)
    return result;
  rows->sums.bytes += put->len - old->len;
  rows->sums.last_number = number;
  return DB_OK;
}

enum db_result rows_remove(struct rows *rows, const struct row *row) {
  sqlite3_stmt *ready = db_ready(rows->db, &rows->sql.remove);
  db_bind_int(ready, 1, row->position);
  if (rows->sums.count == 0 || rows->sums.bytes < row->len)
    return db_refuse(rows->db, DB_CORRUPT, "it holds more than it says");
  const enum db_result result = db_run(rows->db, ready);
  if (result != DB_OK)
    return result;
  if (db_changes(rows->db) == 0)
    return rows_refuse_order(rows->db);
  rows->sums.count--;
  rows->sums.bytes -= row->len;
  return DB_OK;
}

enum db_result rows_remove_number(struct rows *rows, uint64_t number) {
  struct row row;
  sqlite3_stmt *ready = db_ready(rows->db, &rows->sql.find_number);
  db_bind_int(ready, 1, (int64_t)number);
  const enum db_result result = read_row(rows, ready, &row);
  return result == DB_OK && row.position ? rows_remove(rows, &row) : result;
}

enum db_result rows_count_attempt(struct rows *rows, int64_t position, uint64_t number) {
  sqlite3_stmt *ready = db_ready(rows->db, &rows->sql.tried);
  db_bind_int(ready, 1, position);
  db_bind_int(ready, 2, number > INT64_MAX ? INT64_MAX : (int64_t)number);
  return db_run(rows->db, ready);
}

enum db_result rows_save(struct rows *rows) {
  sqlite3_stmt *ready = db_ready(rows->db, &rows->sql.save);
  db_bind_int(ready, 1, (int64_t)rows->sums.count);
  db_bind_int(ready, 2, (int64_t)rows->sums.bytes);
  db_bind_int(ready, 3, (int64_t)rows->sums.last_number);
  return db_run(rows->db, ready);
}

enum db_result rows_touch(struct rows *rows) {
  return db_run(rows->db, db_ready(rows->db, &rows->sql.touch));
}
