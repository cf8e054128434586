/* SQLite files: what is opened and what is refused, migration, errors, transactions. */
#define _GNU_SOURCE
#include "db.h"
#include "disk.h"
#include "folder.h"
#include "owner.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ID 0x54455354

static const char *const steps[] = {
    "CREATE TABLE thing (a INTEGER PRIMARY KEY); INSERT INTO thing VALUES (1);",
    "ALTER TABLE thing ADD COLUMN b TEXT NOT NULL DEFAULT 'old';",
    "INSERT INTO thing VALUES (2, 'new');",
};

struct fixture {
  char folder[FOLDER_CAP];
  char path[FOLDER_CAP + 16];
  char detail[DB_DETAIL_CAP];
  struct db_config config;
};

static int set_up(void **state) {
  static struct fixture f;
  memset(&f, 0, sizeof f);
  disk_reset(1);
  folder_make(f.folder);
  (void)snprintf(f.path, sizeof f.path, "%s/file", f.folder);
  f.config = (struct db_config){.path = f.path,
                                .application_id = ID,
                                .what = "a test's file",
                                .steps = steps,
                                .steps_count = 2};
  *state = &f;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *f = *state;
  folder_remove(f->folder);
  return 0;
}

static struct db *open_db(struct fixture *f) {
  struct db *db;
  if (db_open(&f->config, &db, f->detail) != DB_OK)
    fail_msg("%s", f->detail);
  return db;
}

static void assert_refused(struct fixture *f, enum db_result expected) {
  struct db *db = (struct db *)f;
  assert_int_equal(db_open(&f->config, &db, f->detail), expected);
  assert_null(db);
  assert_non_null(strstr(f->detail, f->path));
}

static int64_t number(struct db *db, const char *sql) {
  struct db_statement statement = {.sql = sql};
  sqlite3_stmt *ready = db_ready(db, &statement);
  bool has_row;
  assert_int_equal(db_step(db, ready, &has_row), DB_OK);
  assert_true(has_row);
  const int64_t value = sqlite3_column_int64(ready, 0);
  sqlite3_finalize(ready);
  return value;
}

static void write_file(struct fixture *f, const char *text) {
  const int descriptor = open(f->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  assert_int_equal(write(descriptor, text, strlen(text)), strlen(text));
  close(descriptor);
}

/* ---- opening ---- */

static void test_new_file(void **state) {
  struct fixture *f = *state;
  struct db *db = open_db(f);
  assert_int_equal(number(db, "SELECT count(*) FROM thing WHERE b = 'old'"), 1);
  assert_int_equal(number(db, "PRAGMA user_version"), 2);
  assert_int_equal(number(db, "PRAGMA application_id"), ID);
  assert_int_equal(number(db, "PRAGMA synchronous"), 2);
  assert_int_equal(
      number(db, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
  struct stat status;
  assert_int_equal(stat(f->path, &status), 0);
  assert_int_equal(status.st_mode & 0777, 0600);
  db_close(db);
  db_close(open_db(f));
}

/* Each step runs once, on what the steps before it made. */
static void test_migration(void **state) {
  struct fixture *f = *state;
  f->config.steps_count = 1;
  struct db *db = open_db(f);
  assert_int_equal(db_execute(db, "INSERT INTO thing VALUES (7)"), DB_OK);
  db_close(db);
  f->config.steps_count = 3;
  db = open_db(f);
  assert_int_equal(number(db, "PRAGMA user_version"), 3);
  assert_int_equal(number(db, "SELECT count(*) FROM thing WHERE b = 'old'"), 2);
  assert_int_equal(number(db, "SELECT count(*) FROM thing WHERE b = 'new'"), 1);
  db_close(db);
}

/* A step that fails leaves the file as it was, with its older format. */
static void test_failed_migration(void **state) {
  struct fixture *f = *state;
  static const char *const broken[] = {
      "CREATE TABLE thing (a INTEGER PRIMARY KEY); INSERT INTO thing VALUES (1);",
      "INSERT INTO thing VALUES (2); INSERT INTO thing VALUES (1);"};
  db_close(open_db((f->config.steps_count = 1, f)));
  f->config.steps = broken;
  f->config.steps_count = 2;
  assert_refused(f, DB_CORRUPT);
  f->config.steps = steps;
  struct db *db = open_db(f);
  assert_int_equal(number(db, "SELECT count(*) FROM thing"), 1);
  db_close(db);
}

/* The power goes at each operation of a migration: afterwards it is done or not begun. */
static void test_migration_cut(void **state) {
  struct fixture *f = *state;
  f->config.vfs = DISK_NAME;
  for (unsigned at = 1, is_over = 0; !is_over; at++) {
    char wal[FOLDER_CAP + 32];
    struct db *db;
    (void)snprintf(wal, sizeof wal, "%s-wal", f->path);
    (void)unlink(f->path);
    (void)unlink(wal);
    disk_reset(at);
    f->config.steps_count = 1;
    db_close(open_db(f));
    disk_cut_at(disk_count(DISK_CHANGES) + at);
    f->config.steps_count = 3;
    if (db_open(&f->config, &db, f->detail) == DB_OK)
      db_close(db);
    is_over = !disk_is_off();
    disk_power_on(DISK_TEARS);
    db = open_db(f);
    assert_int_equal(number(db, "SELECT count(*) FROM thing"), 2);
    db_close(db);
  }
}

static void test_refused_files(void **state) {
  struct fixture *f = *state;
  write_file(f, "This is no database, but it is long enough to be looked at as if it were one: "
                "a header of a hundred bytes.");
  assert_refused(f, DB_NOT_OURS);
  unlink(f->path);

  sqlite3 *other;
  assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
  sqlite3_exec(other, "CREATE TABLE notes (a)", NULL, NULL, NULL);
  sqlite3_close(other);
  assert_refused(f, DB_NOT_OURS);
  assert_non_null(strstr(f->detail, "a test's file"));
  unlink(f->path);

  f->config.steps_count = 3;
  db_close(open_db(f));
  f->config.steps_count = 2;
  assert_refused(f, DB_NEWER);
  assert_non_null(strstr(f->detail, "format 3"));
  f->config.application_id = ID + 1;
  assert_refused(f, DB_NOT_OURS);
}

static void test_damaged_file(void **state) {
  struct fixture *f = *state;
  db_close(open_db(f));
  const int descriptor = open(f->path, O_WRONLY);
  char garbage[4096];
  memset(garbage, 0xa5, sizeof garbage);
  assert_int_equal(pwrite(descriptor, garbage, sizeof garbage - 100, 100), sizeof garbage - 100);
  close(descriptor);
  assert_refused(f, DB_CORRUPT);
}

static void test_missing_places(void **state) {
  struct fixture *f = *state;
  f->config.is_read_only = true;
  assert_refused(f, DB_CANNOT_OPEN);
  assert_non_null(strstr(f->detail, "No such file"));
  assert_int_not_equal(access(f->path, F_OK), 0);
  f->config.is_read_only = false;
  (void)snprintf(f->path, sizeof f->path, "%s/no/file", f->folder);
  assert_refused(f, DB_CANNOT_OPEN);
  (void)snprintf(f->path, sizeof f->path, "%s", f->folder);
  assert_refused(f, DB_CANNOT_OPEN);
}

static void test_read_only(void **state) {
  struct fixture *f = *state;
  f->config.steps_count = 1;
  db_close(open_db(f));
  f->config.is_read_only = true;
  struct db *db = open_db(f);
  assert_int_equal(number(db, "SELECT count(*) FROM thing"), 1);
  assert_int_equal(db_execute(db, "INSERT INTO thing VALUES (9)"), DB_READ_ONLY);
  db_close(db);
  f->config.steps_count = 2; /* not migrated by a reader */
  assert_refused(f, DB_CANNOT_OPEN);
  assert_non_null(strstr(f->detail, "older format 1"));
  write_file(f, "");
  assert_refused(f, DB_NOT_OURS);
}

static enum db_result open_as_nobody(struct fixture *f) {
  const pid_t child = fork();
  int status;
  if (child == 0) {
    struct db *db;
    struct owner *owner;
    if (geteuid() == 0 && setuid(65534) != 0)
      _exit(100);
    const enum db_result owned = owner_take(f->path, &owner, f->detail);
    const enum db_result opened = db_open(&f->config, &db, f->detail);
    _exit(owned == opened ? (int)opened : 101);
  }
  waitpid(child, &status, 0);
  return (enum db_result)WEXITSTATUS(status);
}

static void test_no_permission(void **state) {
  struct fixture *f = *state;
  db_close(open_db(f));
  assert_int_equal(chmod(f->path, 0444), 0);
  assert_int_equal(chmod(f->folder, 0555), 0);
  assert_int_equal(open_as_nobody(f), DB_READ_ONLY);
  assert_int_equal(chmod(f->folder, 0755), 0);
}

static void test_memory(void **state) {
  struct fixture *f = *state;
  f->config.path = ":memory:";
  struct db *db = open_db(f);
  assert_int_equal(number(db, "SELECT count(*) FROM thing"), 1);
  assert_int_equal(db_begin(db, true), DB_OK);
  assert_int_equal(db_execute(db, "INSERT INTO thing VALUES (9, '')"), DB_OK);
  assert_int_equal(db_commit(db), DB_OK);
  db_close(db);
}

static void test_long_path_is_shown_by_its_end(void **state) {
  struct fixture *f = *state;
  struct db *db;
  char path[400];
  memset(path, 'x', sizeof path);
  for (size_t i = 0; i + 1 < sizeof path - 30; i += 2)
    memcpy(path + i, "\xc3\xa4", 2);
  path[0] = '/';
  strcpy(path + sizeof path - 10, "/the-end");
  f->config.path = path;
  assert_int_equal(db_open(&f->config, &db, f->detail), DB_CANNOT_OPEN);
  assert_non_null(strstr(f->detail, "/the-end ("));
  assert_non_null(strstr(f->detail, "..."));
  assert_int_not_equal((unsigned char)strstr(f->detail, "...")[3] & 0xc0, 0x80);
}

/* ---- transactions ---- */

static int64_t things(struct db *db) {
  return number(db, "SELECT count(*) FROM thing");
}

static void test_parts(void **state) {
  struct fixture *f = *state;
  struct db *db = open_db(f);
  assert_int_equal(db_begin(db, false), DB_OK);
  assert_int_equal(db_part_begin(db), DB_OK);
  assert_int_equal(db_execute(db, "INSERT INTO thing VALUES (2, '')"), DB_OK);
  assert_int_equal(db_part_keep(db), DB_OK);
  assert_int_equal(db_part_begin(db), DB_OK);
  assert_int_equal(db_execute(db, "INSERT INTO thing VALUES (3, '')"), DB_OK);
  db_part_undo(db);
  assert_int_equal(db_commit(db), DB_OK);
  assert_int_equal(things(db), 2);
  assert_int_equal(db_begin(db, false), DB_OK);
  assert_int_equal(db_execute(db, "INSERT INTO thing VALUES (3, '')"), DB_OK);
  db_rollback(db);
  assert_int_equal(things(db), 2);
  db_close(db);
}

static void test_syncs(void **state) {
  struct fixture *f = *state;
  f->config.vfs = DISK_NAME;
  struct db *db = open_db(f);
  struct db_statement insert = {.sql = "INSERT INTO thing (b) VALUES (?1)"};
  for (unsigned relaxed = 0; relaxed < 2; relaxed++)
    for (unsigned i = 0; i < 20; i++) {
      const unsigned before = disk_count(DISK_SYNC);
      assert_int_equal(db_begin(db, relaxed), DB_OK);
      db_bind_text(db_ready(db, &insert), 1, "x");
      assert_int_equal(db_run(db, insert.prepared), DB_OK);
      assert_int_equal(db_changes(db), 1);
      assert_int_equal(db_commit(db), DB_OK);
      if (i > 0 || relaxed) /* the log's first one takes two */
        assert_int_equal(disk_count(DISK_SYNC) - before, !relaxed);
    }
  db_close(db);
}

/* The log does not grow without end, and what counts is not lost by moving it. */
static void test_long_log(void **state) {
  struct fixture *f = *state;
  f->config.vfs = DISK_NAME;
  struct db *db = open_db(f);
  for (unsigned i = 0; i < 3000; i++) {
    assert_int_equal(db_begin(db, true), DB_OK);
    assert_int_equal(db_execute(db, "INSERT INTO thing (b) VALUES (hex(zeroblob(500)))"), DB_OK);
    assert_int_equal(db_commit(db), DB_OK);
    db_tend(db);
  }
  assert_int_equal(things(db), 3001);
  struct stat status;
  char wal[FOLDER_CAP + 32];
  (void)snprintf(wal, sizeof wal, "%s-wal", f->path);
  assert_int_equal(stat(wal, &status), 0);
  assert_in_range(status.st_size, 1, 6 * 1024 * 1024);
  db_close(db);
}

static enum db_result insert_one(struct db *db) {
  if (db_begin(db, false) != DB_OK)
    return db_error(db);
  if (db_execute(db, "INSERT INTO thing (b) VALUES ('x')") == DB_OK)
    return db_commit(db);
  db_rollback(db);
  return db_error(db);
}

/* A commit whose sync failed is not there, not even after the program's death. */
static void test_failed_sync(void **state) {
  struct fixture *f = *state;
  f->config.vfs = DISK_NAME;
  struct db *db = open_db(f);
  assert_int_equal(insert_one(db), DB_OK);
  disk_fail(&(struct disk_fault){
      .kinds = DISK_SYNC, .at = 1, .for_good = true, .code = SQLITE_IOERR_FSYNC});
  for (unsigned i = 0; i < 3; i++)
    assert_int_equal(insert_one(db), DB_IO);
  assert_non_null(strstr(db_error_detail(db), f->path));
  char copy[FOLDER_CAP + 32], command[5 * FOLDER_CAP];
  (void)snprintf(copy, sizeof copy, "%s/copy", f->folder);
  (void)snprintf(command, sizeof command, "cp '%s' '%s' && cp '%s-wal' '%s-wal'", f->path, copy,
                 f->path, copy);
  assert_int_equal(system(command), 0); /* what another program would find if this one died */
  struct db_config other_config = f->config;
  struct db *other;
  other_config.path = copy;
  other_config.vfs = NULL;
  assert_int_equal(db_open(&other_config, &other, f->detail), DB_OK);
  assert_int_equal(things(other), 2);
  db_close(other);
  disk_fail(&(struct disk_fault){0});
  assert_int_equal(insert_one(db), DB_OK);
  assert_int_equal(things(db), 3);
  db_close(db);
}

static enum db_result insert_relaxed(struct db *db) {
  if (db_begin(db, true) != DB_OK)
    return db_error(db);
  assert_int_equal(db_execute(db, "INSERT INTO thing (b) VALUES ('relaxed')"), DB_OK);
  return db_commit(db);
}

/* What a failed sync left unwritten of earlier commits is not vouched for by a later one that
   succeeds: Linux counts it as clean, and forgets it. */
static void test_failed_sync_leaves_no_hole(void **state) {
  struct fixture *f = *state;
  f->config.vfs = DISK_NAME;
  for (uint64_t seed = 1; seed <= 20; seed++) {
    char wal[FOLDER_CAP + 32];
    (void)snprintf(wal, sizeof wal, "%s-wal", f->path);
    (void)unlink(f->path);
    (void)unlink(wal);
    disk_reset(seed);
    struct db *db = open_db(f);
    assert_int_equal(insert_one(db), DB_OK);
    for (unsigned i = 0; i < 3; i++)
      assert_int_equal(insert_relaxed(db), DB_OK);
    disk_fail(&(struct disk_fault){.kinds = DISK_SYNC, .at = 1, .code = SQLITE_IOERR_FSYNC});
    assert_int_equal(insert_one(db), DB_IO);
    assert_int_equal(insert_one(db), DB_OK);
    disk_cut_at(disk_count(DISK_CHANGES) + 1);
    db_close(db);
    disk_power_on(DISK_LOSES_ALL);
    db = open_db(f);
    assert_int_equal(things(db), 1 + 1 + 3 + 1);
    db_close(db);
  }
}

static void test_full_disk(void **state) {
  struct fixture *f = *state;
  f->config.vfs = DISK_NAME;
  struct db *db = open_db(f);
  disk_set_room(0);
  assert_int_equal(insert_one(db), DB_DISK_FULL);
  assert_non_null(strstr(db_error_detail(db), "The disk is full"));
  assert_int_equal(things(db), 1);
  disk_set_room(UINT64_MAX);
  assert_int_equal(insert_one(db), DB_OK);
  db_close(db);
}

static void test_locked(void **state) {
  struct fixture *f = *state;
  struct db *first = open_db(f), *second = open_db(f);
  assert_int_equal(db_begin(first, false), DB_OK);
  assert_int_equal(db_begin(second, false), DB_LOCKED);
  db_rollback(first);
  assert_int_equal(insert_one(second), DB_OK);
  db_close(first);
  db_close(second);
}

/* ---- owners ---- */

static void test_owner(void **state) {
  struct fixture *f = *state;
  struct owner *first, *second;
  char link[FOLDER_CAP + 16];
  assert_int_equal(owner_take(f->path, &first, f->detail), DB_OK); /* of a file to come */
  assert_int_equal(owner_take(f->path, &second, f->detail), DB_LOCKED);
  assert_null(second);
  assert_non_null(strstr(f->detail, f->path));
  write_file(f, "");
  (void)snprintf(link, sizeof link, "%s/link", f->folder);
  assert_int_equal(symlink("file", link), 0);
  assert_int_equal(owner_take(link, &second, f->detail), DB_LOCKED);
  owner_release(first);
  assert_int_equal(owner_take(link, &second, f->detail), DB_OK);
  assert_string_equal(owner_path(second), f->path);
  owner_release(second);
  assert_int_equal(owner_take("/nowhere/at/all", &second, f->detail), DB_CANNOT_OPEN);
  assert_non_null(strstr(f->detail, "No such file"));
}

/* SQLite makes the file that a link names: it has one owner from then on, by either name. */
static void test_owner_of_what_a_link_names(void **state) {
  struct fixture *f = *state;
  struct owner *first, *second;
  char link[FOLDER_CAP + 16], further[FOLDER_CAP + 16];
  (void)snprintf(link, sizeof link, "%s/link", f->folder);
  (void)snprintf(further, sizeof further, "%s/further", f->folder);
  assert_int_equal(symlink("file", link), 0);
  assert_int_equal(symlink(link, further), 0);
  assert_int_equal(owner_take(further, &first, f->detail), DB_OK);
  assert_string_equal(owner_path(first), f->path);
  write_file(f, "");
  assert_int_equal(owner_take(f->path, &second, f->detail), DB_LOCKED);
  assert_int_equal(owner_take(link, &second, f->detail), DB_LOCKED);
  owner_release(first);
}

/* The kernel frees what a dead process owned; and a program it started does not inherit it. */
static void test_owner_dies(void **state) {
  struct fixture *f = *state;
  struct owner *owner;
  int pipe_ends[2];
  char byte;
  assert_int_equal(pipe(pipe_ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    _exit(owner_take(f->path, &owner, f->detail) == DB_OK && write(pipe_ends[1], "x", 1) == 1 &&
                  pause()
              ? 0
              : 1);
  }
  assert_int_equal(read(pipe_ends[0], &byte, 1), 1);
  assert_int_equal(owner_take(f->path, &owner, f->detail), DB_LOCKED);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  assert_int_equal(owner_take(f->path, &owner, f->detail), DB_OK);
  owner_release(owner);
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

static void test_names(void **state) {
  (void)state;
  assert_string_equal(db_result_name(DB_OK), "ok");
  assert_string_equal(db_result_name(DB_DISK_FULL), "disk_full");
  assert_string_equal(db_result_name(DB_CLOSED), "closed");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_new_file),
      CASE(test_migration),
      CASE(test_failed_migration),
      CASE(test_migration_cut),
      CASE(test_refused_files),
      CASE(test_damaged_file),
      CASE(test_missing_places),
      CASE(test_read_only),
      CASE(test_no_permission),
      CASE(test_memory),
      CASE(test_long_path_is_shown_by_its_end),
      CASE(test_parts),
      CASE(test_syncs),
      CASE(test_long_log),
      CASE(test_failed_sync),
      CASE(test_failed_sync_leaves_no_hole),
      CASE(test_full_disk),
      CASE(test_locked),
      CASE(test_owner),
      CASE(test_owner_of_what_a_link_names),
      CASE(test_owner_dies),
      cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
