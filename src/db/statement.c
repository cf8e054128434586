/* Statements and transactions. */
#include "internal.h"

sqlite3_stmt *db_ready(struct db *db, struct db_statement *statement) {
  if (statement->prepared)
    return statement->prepared;
  const int code = sqlite3_prepare_v3(db->sqlite, statement->sql, -1, SQLITE_PREPARE_PERSISTENT,
                                      &statement->prepared, NULL);
  if (code != SQLITE_OK)
    (void)error_take(db, code);
  return statement->prepared;
}

/* Binding fails for a wrong index only: what is bound is neither copied nor converted. */
void db_bind_int(sqlite3_stmt *ready, int index, int64_t value) {
  if (ready)
    (void)sqlite3_bind_int64(ready, index, value);
}

void db_bind_text(sqlite3_stmt *ready, int index, const char *text) {
  if (ready)
    (void)sqlite3_bind_text(ready, index, text, -1, SQLITE_STATIC);
}

void db_bind_blob(sqlite3_stmt *ready, int index, const void *data, size_t len) {
  if (ready)
    (void)sqlite3_bind_blob64(ready, index, len ? data : "", len, SQLITE_STATIC);
}

void db_reset(sqlite3_stmt *ready) {
  if (ready)
    (void)sqlite3_reset(ready); /* repeats the failure of the step, which was answered */
}

enum db_result db_step(struct db *db, sqlite3_stmt *ready, bool *has_row) {
  *has_row = false;
  if (!ready)
    return db->error;
  const int code = sqlite3_step(ready);
  *has_row = code == SQLITE_ROW;
  if (code == SQLITE_ROW)
    return DB_OK;
  const enum db_result result = code == SQLITE_DONE ? DB_OK : error_take(db, code);
  db_reset(ready);
  return result;
}

enum db_result db_run(struct db *db, sqlite3_stmt *ready) {
  bool has_row;
  enum db_result result;
  do {
    result = db_step(db, ready, &has_row);
  } while (has_row);
  return result;
}

enum db_result db_execute(struct db *db, const char *sql) {
  const int code = sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL);
  return code == SQLITE_OK ? DB_OK : error_take(db, code);
}

uint64_t db_changes(const struct db *db) {
  return (uint64_t)sqlite3_changes64(db->sqlite);
}

/* ---- transactions ---- */

bool db_in_transaction(const struct db *db) {
  return sqlite3_get_autocommit(db->sqlite) == 0;
}

static enum db_result set_relaxed(struct db *db, bool is_relaxed) {
  if (db->is_relaxed == is_relaxed)
    return DB_OK;
  const enum db_result result =
      db_execute(db, is_relaxed ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL");
  if (result == DB_OK)
    db->is_relaxed = is_relaxed;
  return result;
}

enum db_result db_begin(struct db *db, bool is_relaxed) {
  db_rollback(db); /* one that found no memory before */
  if (db_in_transaction(db))
    return error_take(db, SQLITE_NOMEM);
  if (db->is_suspect && log_empty(db) != DB_OK)
    return db->error;
  if (set_relaxed(db, is_relaxed) != DB_OK)
    return db->error;
  return db_run(db, db_ready(db, &db->begin));
}

enum db_result db_commit(struct db *db) {
  const enum db_result result = db_run(db, db_ready(db, &db->commit));
  if (result == DB_OK)
    return DB_OK;
  db->is_suspect = true;
  db_rollback(db);
  log_undo(db);
  return result;
}

/* Keeps the failure that led here. Without memory to prepare it there is none to keep either: a
   statement that was never prepared began no transaction. Where the schema has changed since,
   SQLite prepares it anew, and that may find no memory: then db_begin() tries again, or closing
   does it. */
void db_rollback(struct db *db) {
  if (db_in_transaction(db))
    (void)sqlite3_step(db->rollback.prepared);
  db_reset(db->rollback.prepared);
}

enum db_result db_part_begin(struct db *db) {
  return db_run(db, db_ready(db, &db->part_begin));
}

enum db_result db_part_keep(struct db *db) {
  return db_run(db, db_ready(db, &db->part_keep));
}

void db_part_undo(struct db *db) {
  if (!db_in_transaction(db))
    return;
  (void)sqlite3_step(db->part_undo.prepared);
  db_reset(db->part_undo.prepared);
  (void)sqlite3_step(db->part_keep.prepared);
  db_reset(db->part_keep.prepared);
}
