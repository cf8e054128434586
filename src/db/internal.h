/* What the files of this folder share about a db. */
#ifndef DB_INTERNAL_H
#define DB_INTERNAL_H

#include "db.h"

struct db {
  sqlite3 *sqlite;
  const char *path; /* behind this struct */
  bool is_relaxed;  /* as `PRAGMA synchronous` was last set */
  bool is_suspect;  /* a commit failed: the log must be emptied first */
  enum db_result error;
  char detail[DB_DETAIL_CAP];
  struct db_statement begin, commit, rollback, part_begin, part_keep, part_undo;
};

/** "The disk is full: FILE (reason)". `reason` may be "". */
void error_write(char detail[DB_DETAIL_CAP], enum db_result result, const char *path,
                 const char *reason);
enum db_result error_kind(int sqlite_code);
/** Notes what SQLite just answered as the last failure. */
enum db_result error_take(struct db *db, int sqlite_code);

#endif
