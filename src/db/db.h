/*
 * A SQLite file, opened our way: what it is and which format it has are checked, an older format
 * is brought up to date, commits reach the disk (WAL, synchronous FULL), memory is bounded, and
 * every failure is one of a few kinds with a sentence that names the file.
 *
 * A db belongs to one thread at a time. The last failure is kept in it until the next one;
 * functions that can fail answer its kind. SQL is the caller's; sqlite3_column_...() are used as
 * they are.
 */
#ifndef DB_DB_H
#define DB_DB_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_DETAIL_CAP 256
#define DB_STEPS_MAX 64
#define DB_BUSY_MS                                                                                 \
  2000 /* how long another process may hold the file before it counts as locked                    \
        */

enum db_result {
  DB_OK = 0,
  DB_DISK_FULL,
  DB_READ_ONLY,
  DB_LOCKED, /* another process, or another owner in this one */
  DB_CORRUPT,
  DB_NEWER,    /* written by a newer program */
  DB_NOT_OURS, /* something else is in this file */
  DB_IO,
  DB_NO_MEMORY,
  DB_CANNOT_OPEN,
  DB_CLOSED /* a worker's job that was not run */
};

struct db;

struct db_config {
  const char *path; /* ":memory:" for none */
  const char *vfs;  /* NULL: SQLite's default */
  bool is_read_only;
  int32_t application_id; /* in the file's header; not 0 */
  const char *what;       /* is expected in the file: "an outbox" */
  /** steps[i] takes format i to i + 1, so their count is the format. Each runs in a transaction of
      its own together with the new version's number. */
  const char *const *steps;
  size_t steps_count;
};

/** A name of the result, as "disk_full". */
const char *db_result_name(enum db_result result);

/** A new file is made unless it is to be read only. A read-only opening takes the newest format
    only. On failure `*db` is NULL and `detail` says why. */
enum db_result db_open(const struct db_config *config, struct db **db, char detail[DB_DETAIL_CAP]);
/** Also with statements unfinished and a transaction open, which is rolled back. NULL is fine. */
void db_close(struct db *db);

/** What failed last. Valid until the next failure. */
enum db_result db_error(const struct db *db);
const char *db_error_detail(const struct db *db);
/** For what the caller finds wrong by itself, as a row with senseless contents: notes it as the
    last failure and answers `result`. */
enum db_result db_refuse(struct db *db, enum db_result result, const char *reason);

/* ---- statements: prepared when first used, finalised with the db ---- */

struct db_statement {
  const char *sql;
  sqlite3_stmt *prepared; /* NULL at first */
};

/** Ready to be bound and stepped. NULL: could not be prepared; all functions below take that NULL
    and answer the failure. */
sqlite3_stmt *db_ready(struct db *db, struct db_statement *statement);
void db_bind_int(sqlite3_stmt *ready, int index, int64_t value);
/** The bytes must stay until the statement has run. NULL binds NULL. */
void db_bind_text(sqlite3_stmt *ready, int index, const char *text);
void db_bind_blob(sqlite3_stmt *ready, int index, const void *data, size_t len);
/** One step. Without a row (the end, or a failure) the statement is reset. */
enum db_result db_step(struct db *db, sqlite3_stmt *ready, bool *has_row);
/** All steps, rows ignored. */
enum db_result db_run(struct db *db, sqlite3_stmt *ready);
/** No more rows are wanted. */
void db_reset(sqlite3_stmt *ready);
/** SQL without values or rows, any number of statements. */
enum db_result db_execute(struct db *db, const char *sql);
/** Rows changed by the last statement. */
uint64_t db_changes(const struct db *db);

/* ---- transactions ---- */

/** `is_relaxed`: the commit keeps its order but is not synced: a power cut may take it back, and
    the next synced one makes it last. */
enum db_result db_begin(struct db *db, bool is_relaxed);
/** On failure everything since db_begin() is undone, in the log too; and before the next
    transaction the log is emptied, since what a failed sync leaves behind cannot be trusted. */
enum db_result db_commit(struct db *db);
void db_rollback(struct db *db);
/** Moves a long log into the file, which takes a while: to be called between transactions, when
    nobody waits for the last one. */
void db_tend(struct db *db);
/** False once a failure has undone the whole transaction. */
bool db_in_transaction(const struct db *db);

/** A part of a transaction that can be undone alone. Not nested. */
enum db_result db_part_begin(struct db *db);
enum db_result db_part_keep(struct db *db);
void db_part_undo(struct db *db);

#endif
