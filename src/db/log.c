/*
 * SQLite's write-ahead log, where it must be known better than SQLite tells: after a commit that
 * failed.
 *
 * The frames of a commit whose sync failed may stand in the log whole, and would come to life when
 * the file is opened after a crash, though the commit was said to have failed: they are cut off.
 * And the kernel may have given up earlier pages of the log that were not synced yet, so that a
 * later sync, though it succeeds, vouches for a log with a hole: what counts is moved into the
 * file, which is synced, and the log starts from nothing. (The format is SQLite's, section 4 of its
 * "Database File Format".)
 */
#include "internal.h"

#define LOG_HEADER_LEN 32
#define FRAME_HEADER_LEN 24
#define LOG_LEN_MAX 1000 /* frames, before it is moved into the file */

/* SQLite calls this after each commit. */
static int on_commit(void *user, sqlite3 *sqlite, const char *name, int frames_count) {
  struct db *const db = user;
  (void)sqlite;
  (void)name;
  db->log_len = (uint32_t)frames_count;
  return SQLITE_OK;
}

static int move(struct db *db, int mode) {
  int frames_count = 0, moved_count = 0;
  const int code = sqlite3_wal_checkpoint_v2(db->sqlite, NULL, mode, &frames_count, &moved_count);
  if (code != SQLITE_OK)
    return code;
  /* Once all of it is in the file the next commit may begin the log anew. */
  db->log_len = moved_count < frames_count ? (uint32_t)frames_count : 0;
  return SQLITE_OK;
}

enum db_result log_empty(struct db *db) {
  const int code = move(db, SQLITE_CHECKPOINT_TRUNCATE);
  if (code != SQLITE_OK)
    return error_take(db, code);
  db->is_suspect = false;
  return DB_OK;
}

static enum db_result read_page_size(struct db *db, uint32_t *page_size) {
  struct db_statement statement = {.sql = "PRAGMA page_size"};
  sqlite3_stmt *ready = db_ready(db, &statement);
  bool has_row;
  const enum db_result result = db_step(db, ready, &has_row);
  *page_size = has_row ? (uint32_t)sqlite3_column_int(ready, 0) : 0;
  (void)sqlite3_finalize(ready);
  return result;
}

/* What an earlier program left in the log is counted by being moved. */
enum db_result log_init(struct db *db) {
  uint32_t page_size;
  (void)sqlite3_wal_hook(db->sqlite, on_commit,
                         db); /* instead of SQLite's own, which checkpoints */
  if (read_page_size(db, &page_size) != DB_OK)
    return db->error;
  db->frame_size = FRAME_HEADER_LEN + page_size;
  const int code = move(db, SQLITE_CHECKPOINT_PASSIVE);
  return code == SQLITE_OK ? DB_OK : error_take(db, code);
}

void log_undo(struct db *db) {
  sqlite3_file *log = NULL;
  sqlite3_int64 len = 0;
  const sqlite3_int64 kept_len =
      db->log_len ? LOG_HEADER_LEN + (sqlite3_int64)db->log_len * db->frame_size : 0;
  (void)sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
  if (!log || !log->pMethods || log->pMethods->xFileSize(log, &len) != SQLITE_OK)
    return;
  if (len > kept_len)
    (void)log->pMethods->xTruncate(log, kept_len);
}

/* Without success the log would grow on and on: then the next transaction tries, or fails. */
void db_tend(struct db *db) {
  if (db->log_len < LOG_LEN_MAX || db->is_suspect)
    return;
  const int code = move(db, SQLITE_CHECKPOINT_PASSIVE);
  db->is_suspect = code != SQLITE_OK && code != SQLITE_BUSY && code != SQLITE_LOCKED;
}
