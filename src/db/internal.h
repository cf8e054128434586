/* What the files of this folder share about a db. */
#ifndef DB_INTERNAL_H
#define DB_INTERNAL_H

#include "db.h"

struct db {
  sqlite3 *sqlite;
  const char *path; /* behind this struct */
  bool is_relaxed;  /* as `PRAGMA synchronous` was last set */
  bool is_suspect;  /* a commit failed: the log must be emptied first */
  uint32_t log_len; /* frames of the log that count; 0 also when all of them are in the file */
  uint32_t frame_size;
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

/* ---- log.c: SQLite's write-ahead log ---- */
/** Once the file is in WAL mode. */
enum db_result log_init(struct db *db);
/** Cuts off what a failed commit left. */
void log_undo(struct db *db);
/** Moves all of it into the file and cuts it to nothing. */
enum db_result log_empty(struct db *db);

#endif
