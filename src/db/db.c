/* Opening: what the file is, which format it has, how it is to be used. */
#define _GNU_SOURCE
#include "internal.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Set for each connection. The cache is small since what is written is seldom read again, and
 * reading goes forward. No mmap: a failing disk would be a signal instead of an error. The log is
 * cut back to its limit whenever it starts anew. secure_delete FAST: what was sent does not stay
 * readable in the file where that costs no write. Temporary data stays in memory.
 */
static const char settings[] = "PRAGMA cache_size = -2048; PRAGMA mmap_size = 0;"
                               "PRAGMA journal_size_limit = 4194304;"
                               "PRAGMA secure_delete = FAST; PRAGMA temp_store = MEMORY;"
                               "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;";

static struct db *db_new(const char *path) {
  const size_t path_size = strlen(path) + 1;
  struct db *db = calloc(1, sizeof *db + path_size);
  if (!db)
    return NULL;
  db->path = memcpy(db + 1, path, path_size);
  db->begin.sql = "BEGIN IMMEDIATE";
  db->commit.sql = "COMMIT";
  db->rollback.sql = "ROLLBACK";
  db->part_begin.sql = "SAVEPOINT part";
  db->part_keep.sql = "RELEASE part";
  db->part_undo.sql = "ROLLBACK TO part";
  return db;
}

static sqlite3_stmt *first_statement(const struct db *db) {
  return db->sqlite ? sqlite3_next_stmt(db->sqlite, NULL) : NULL;
}

void db_close(struct db *db) {
  if (!db)
    return;
  for (sqlite3_stmt *s = first_statement(db); s; s = first_statement(db))
    (void)sqlite3_finalize(s);
  (void)sqlite3_close(db->sqlite);
  free(db);
}

/* What is stored is nobody else's business: SQLite by itself makes files that all may read, and its
   log takes the file's permissions. Closing a descriptor drops the process's locks on the file, so
   this never touches one that is there. */
static void create_private(const struct db_config *config) {
  if (config->is_read_only || config->vfs || strcmp(config->path, ":memory:") == 0)
    return;
  const int descriptor = open(config->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor >= 0)
    (void)close(descriptor);
}

static enum db_result open_file(struct db *db, const struct db_config *config) {
  const int access =
      config->is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  create_private(config);
  const int code = sqlite3_open_v2(
      config->path, &db->sqlite, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, config->vfs);
  if (!db->sqlite)
    return db_refuse(db, DB_NO_MEMORY, "");
  if (code != SQLITE_OK)
    return error_take(db, code);
  (void)sqlite3_busy_timeout(db->sqlite, DB_BUSY_MS);
  return DB_OK;
}

static enum db_result read_number(struct db *db, const char *sql, int64_t *number) {
  struct db_statement statement = {.sql = sql};
  sqlite3_stmt *ready = db_ready(db, &statement);
  bool has_row;
  const enum db_result result = db_step(db, ready, &has_row);
  *number = has_row ? sqlite3_column_int64(ready, 0) : 0;
  (void)sqlite3_finalize(ready);
  return result;
}

static enum db_result refuse_other(struct db *db, const struct db_config *config) {
  char reason[96];
  (void)snprintf(reason, sizeof reason, "it is not %s", config->what);
  return db_refuse(db, DB_NOT_OURS, reason);
}

static enum db_result refuse_newer(struct db *db, const struct db_config *config, int64_t version) {
  char reason[96];
  (void)snprintf(reason, sizeof reason, "%s of format %lld; this program knows up to %zu",
                 config->what, (long long)version, config->steps_count);
  return db_refuse(db, DB_NEWER, reason);
}

static enum db_result refuse_older(struct db *db, const struct db_config *config, int64_t version) {
  char reason[96];
  (void)snprintf(reason, sizeof reason,
                 "%s of the older format %lld: it must be opened for writing first", config->what,
                 (long long)version);
  return db_refuse(db, DB_CANNOT_OPEN, reason);
}

/* An empty file is a new one. */
static enum db_result check_format(struct db *db, const struct db_config *config,
                                   int64_t *version) {
  int64_t id, tables_count;
  if (read_number(db, "PRAGMA application_id", &id) != DB_OK ||
      read_number(db, "PRAGMA user_version", version) != DB_OK ||
      read_number(db, "SELECT count(*) FROM sqlite_schema", &tables_count) != DB_OK)
    return db->error;
  const bool is_new = id == 0 && *version == 0 && tables_count == 0;
  if (!is_new && id != config->application_id)
    return refuse_other(db, config);
  if (*version < 0 || *version > (int64_t)config->steps_count)
    return refuse_newer(db, config, *version);
  return DB_OK;
}

/* SQLite opens a file that it may not write for reading, in silence. */
static enum db_result check_writable(struct db *db) {
  if (sqlite3_db_readonly(db->sqlite, "main") == 1)
    return db_refuse(db, DB_READ_ONLY, "no permission, or a read-only file system");
  return DB_OK;
}

static enum db_result use_log(struct db *db) {
  struct db_statement statement = {.sql = "PRAGMA journal_mode = WAL"};
  sqlite3_stmt *ready = db_ready(db, &statement);
  bool has_row, is_fine = false;
  enum db_result result = db_step(db, ready, &has_row);
  if (has_row) {
    const char *mode = (const char *)sqlite3_column_text(ready, 0);
    is_fine = mode && (strcmp(mode, "wal") == 0 || strcmp(mode, "memory") == 0);
  }
  (void)sqlite3_finalize(ready);
  if (result == DB_OK && !is_fine)
    result = db_refuse(db, DB_CANNOT_OPEN, "this file system cannot hold a write-ahead log");
  return result;
}

/* The version is read again under the lock: another process may have been faster. */
static enum db_result take_step(struct db *db, const struct db_config *config, int64_t *version) {
  char stamp[96];
  if (db_begin(db, false) != DB_OK)
    return db->error;
  if (check_format(db, config, version) != DB_OK)
    goto fail;
  if (*version < (int64_t)config->steps_count) {
    (void)snprintf(stamp, sizeof stamp, "PRAGMA application_id = %ld; PRAGMA user_version = %lld",
                   (long)config->application_id, (long long)*version + 1);
    if (db_execute(db, config->steps[*version]) != DB_OK || db_execute(db, stamp) != DB_OK)
      goto fail;
    ++*version;
  }
  return db_commit(db);
fail:
  db_rollback(db);
  return db->error;
}

static enum db_result open_for_writing(struct db *db, const struct db_config *config,
                                       int64_t version) {
  if (check_writable(db) != DB_OK || use_log(db) != DB_OK || db_execute(db, settings) != DB_OK ||
      log_init(db) != DB_OK)
    return db->error;
  if (!db_ready(db, &db->rollback)) /* must be there when memory is not */
    return db->error;
  while (version < (int64_t)config->steps_count)
    if (take_step(db, config, &version) != DB_OK)
      return db->error;
  if (!db_ready(db, &db->part_keep) || !db_ready(db, &db->part_undo))
    return db->error;
  return DB_OK;
}

static enum db_result open_for_reading(struct db *db, const struct db_config *config,
                                       int64_t version) {
  if (version == 0)
    return db_refuse(db, DB_NOT_OURS, "it is empty");
  if (version < (int64_t)config->steps_count)
    return refuse_older(db, config, version);
  return db_execute(db, "PRAGMA cache_size = -2048; PRAGMA mmap_size = 0; PRAGMA query_only = ON");
}

static enum db_result open_all(struct db *db, const struct db_config *config) {
  int64_t version = 0;
  if (open_file(db, config) != DB_OK || check_format(db, config, &version) != DB_OK)
    return db->error;
  return config->is_read_only ? open_for_reading(db, config, version)
                              : open_for_writing(db, config, version);
}

enum db_result db_open(const struct db_config *config, struct db **db, char detail[DB_DETAIL_CAP]) {
  assert(config->application_id != 0 && config->steps_count <= DB_STEPS_MAX);
  *db = NULL;
  struct db *opened = db_new(config->path);
  if (!opened) {
    error_write(detail, DB_NO_MEMORY, config->path, "");
    return DB_NO_MEMORY;
  }
  const enum db_result result = open_all(opened, config);
  if (result == DB_OK) {
    *db = opened;
    return DB_OK;
  }
  memcpy(detail, opened->detail, DB_DETAIL_CAP);
  db_close(opened);
  return result;
}
