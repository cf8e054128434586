/* What SQLite answers, as our kinds and sentences. */
#include "internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PATH_SHOWN_MAX ((size_t)120)

static const struct {
  const char *name, *sentence;
} words[] = {
    [DB_OK] = {"ok", "No error"},
    [DB_DISK_FULL] = {"disk_full", "The disk is full"},
    [DB_READ_ONLY] = {"read_only", "The file cannot be written"},
    [DB_LOCKED] = {"locked", "The file is in use"},
    [DB_CORRUPT] = {"corrupt", "The file is damaged"},
    [DB_NEWER] = {"newer", "The file has a newer format"},
    [DB_NOT_OURS] = {"not_ours", "The file is something else"},
    [DB_IO] = {"io", "The disk failed"},
    [DB_NO_MEMORY] = {"no_memory", "Out of memory"},
    [DB_CANNOT_OPEN] = {"cannot_open", "The file cannot be opened"},
    [DB_CLOSED] = {"closed", "The file was closed first"},
};

const char *db_result_name(enum db_result result) {
  return words[result].name;
}

/* The end of a long path says more than its beginning; cut at a character. */
static const char *shown_path(const char *path, const char **dots) {
  const size_t len = strlen(path);
  *dots = "";
  if (len <= PATH_SHOWN_MAX)
    return path;
  *dots = "...";
  path += len - PATH_SHOWN_MAX;
  while (((unsigned char)*path & 0xc0) == 0x80)
    path++;
  return path;
}

void error_write(char detail[DB_DETAIL_CAP], enum db_result result, const char *path,
                 const char *reason) {
  const char *dots;
  const char *shown = shown_path(path, &dots);
  const char *const format = *reason ? "%s: %s%s (%s)" : "%s: %s%s";
  (void)snprintf(detail, DB_DETAIL_CAP, format, words[result].sentence, dots, shown, reason);
}

/* What SQLite's own misuse or a failed constraint would be is a programmer's mistake in SQL that
   this program wrote, unless someone else changed the tables. */
static enum db_result kind_of_primary(int code) {
  switch (code) {
  case SQLITE_FULL:
    return DB_DISK_FULL;
  case SQLITE_READONLY:
  case SQLITE_PERM:
    return DB_READ_ONLY;
  case SQLITE_BUSY:
  case SQLITE_LOCKED:
  case SQLITE_PROTOCOL:
    return DB_LOCKED;
  case SQLITE_NOTADB:
    return DB_NOT_OURS;
  case SQLITE_NOMEM:
    return DB_NO_MEMORY;
  case SQLITE_CANTOPEN:
  case SQLITE_AUTH:
    return DB_CANNOT_OPEN;
  case SQLITE_IOERR:
  case SQLITE_NOLFS:
    return DB_IO;
  default:
    return DB_CORRUPT;
  }
}

enum db_result error_kind(int sqlite_code) {
  if (sqlite_code == SQLITE_IOERR_NOMEM)
    return DB_NO_MEMORY;
  if (sqlite_code == SQLITE_IOERR_CORRUPTFS || sqlite_code == SQLITE_IOERR_DATA)
    return DB_CORRUPT;
  return kind_of_primary(sqlite_code & 0xff);
}

enum db_result error_take(struct db *db, int sqlite_code) {
  assert(sqlite_code != SQLITE_OK && sqlite_code != SQLITE_MISUSE);
  const int system_error = sqlite3_system_errno(db->sqlite);
  const bool is_systems =
      (sqlite_code & 0xff) == SQLITE_IOERR || (sqlite_code & 0xff) == SQLITE_CANTOPEN;
  char reason[128];
  (void)snprintf(reason, sizeof reason, "%s%s%s", sqlite3_errmsg(db->sqlite),
                 is_systems && system_error ? ": " : "",
                 is_systems && system_error ? strerror(system_error) : "");
  /* A folder opens, and fails when it is read. */
  db->error = is_systems && system_error == EISDIR ? DB_CANNOT_OPEN : error_kind(sqlite_code);
  error_write(db->detail, db->error, db->path, reason);
  return db->error;
}

enum db_result db_error(const struct db *db) {
  return db->error;
}

const char *db_error_detail(const struct db *db) {
  return db->detail;
}

enum db_result db_refuse(struct db *db, enum db_result result, const char *reason) {
  db->error = result;
  error_write(db->detail, result, db->path, reason);
  return result;
}
