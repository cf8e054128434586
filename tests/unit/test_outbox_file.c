/* The outbox and its file: formats, other owners, what is seen from outside, what fails while it
 * runs. */
#define _GNU_SOURCE
#include "damage.h"
#include "disk.h"
#include "outbox_rig.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define MUCH ((uint64_t)1 << 30)

static int set_up(void **state) {
  static struct outbox_rig rig;
  disk_reset(1);
  rig_init(&rig);
  rig.config.vfs = DISK_NAME;
  *state = &rig;
  return 0;
}

static int tear_down(void **state) {
  rig_deinit(*state);
  return 0;
}

static void run_sql(const char *path, const char *sql) {
  sqlite3 *db;
  char *error = NULL;
  assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
    fail_msg("%s", error);
  sqlite3_close(db);
}

static void make_format_1(const char *path) {
  static char sql[10000];
  FILE *file = fopen(FORMAT_1_SQL, "r");
  assert_non_null(file);
  sql[fread(sql, 1, sizeof sql - 1, file)] = '\0';
  fclose(file);
  run_sql(path, sql);
}

/* ---- formats ---- */

static void test_format_1(void **state) {
  struct outbox_rig *rig = *state;
  make_format_1(rig->path);
  rig_open(rig);
  uint64_t count, bytes;
  outbox_count(rig->outbox, &count, &bytes);
  assert_int_equal(count, 3);
  assert_int_equal(bytes, 18);
  assert_int_equal(outbox_oldest(rig->outbox), 1764000000000000);
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect_message(rig, 1764000000000000, "first");
  assert_int_equal(rig->event.attempts, 2);
  assert_string_equal(rig->event.id, "0193fe3c-0000-7000-8000-000000000001");
  rig_expect_message(rig, 1764000000000003, "replacement");
  rig_expect(rig, OUTBOX_MESSAGE, 1764000000000002);
  assert_int_equal(rig->event.opcode, 2);
  assert_int_equal(rig->event.expires_at_wall_ms, 4102444800000);
  assert_memory_equal(rig->event.data, "\x00\xff", 2);
  assert_true(rig_store(rig, "new") > 1764000000000003);
}

static void test_refused_files(void **state) {
  struct outbox_rig *rig = *state;
  static const struct {
    const char *sql;
    enum outbox_result result;
    const char *word;
  } cases[] = {
      {"PRAGMA user_version = 1000;", OUTBOX_NEWER, "newer format"},
      {"PRAGMA application_id = 5;", OUTBOX_NOT_OURS, "not an outbox"},
      {"DROP TABLE state;", OUTBOX_CORRUPT, "damaged"},
      {"DELETE FROM state;", OUTBOX_CORRUPT, "damaged"},
      {"DROP TABLE message;", OUTBOX_CORRUPT, "damaged"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    disk_reset(1);
    make_format_1(rig->path);
    run_sql(rig->path, cases[i].sql);
    assert_int_equal(rig_try_open(rig), cases[i].result);
    assert_null(rig->outbox);
    assert_non_null(strstr(rig->detail, cases[i].word));
    assert_non_null(strstr(rig->detail, rig->path));
    assert_int_equal(unlink(rig->path), 0);
  }
}

/* Sums that lie are noticed, and do not wrap around. */
static void test_lying_sums(void **state) {
  struct outbox_rig *rig = *state;
  make_format_1(rig->path);
  run_sql(rig->path, "UPDATE state SET count = 0, bytes = 0");
  rig_open(rig);
  outbox_remove(rig->outbox, 1764000000000000);
  rig_expect(rig, OUTBOX_TROUBLE, 0);
  assert_int_equal(rig->event.result, OUTBOX_CORRUPT);
  assert_int_equal(rig_count(rig), 0);
}

/* What a stranger wrote into the file is handed out or refused, but harms nobody. */
static void test_strange_rows(void **state) {
  struct outbox_rig *rig = *state;
  make_format_1(rig->path);
  run_sql(rig->path,
          "UPDATE message SET id = hex(zeroblob(500)), payload = 'text' WHERE opcode = 2;"
          "UPDATE message SET payload = 12.5, id = x'00' WHERE attempts = 2;"
          "UPDATE message SET opcode = 'x', attempts = -1, number = -5"
          " WHERE replace_key NOT NULL;");
  rig_open(rig);
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect(rig, OUTBOX_MESSAGE, 1764000000000000);
  assert_int_equal(rig_next(rig)->kind, OUTBOX_MESSAGE);
  rig_expect_message(rig, 1764000000000002, "text");
  assert_int_equal(strlen(rig->event.id), OUTBOX_ID_MAX);
}

/* A time that no clock tells is over, or far. */
static void test_strange_times(void **state) {
  struct outbox_rig *rig = *state;
  make_format_1(rig->path);
  run_sql(rig->path, "UPDATE message SET expires_at_ms = -9223372036854775808 WHERE attempts = 2;"
                     "UPDATE message SET expires_at_ms = 9223372036854775806 WHERE opcode = 2;");
  rig_open(rig);
  rig_expect(rig, OUTBOX_EXPIRED, 1764000000000000);
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect_message(rig, 1764000000000003, "replacement");
  rig_expect(rig, OUTBOX_MESSAGE, 1764000000000002);
}

/* ---- one owner ---- */

/* [D1] [D7] */
static void test_killed_owner(void **state) {
  struct outbox_rig *rig = *state;
  int pipe_ends[2];
  assert_int_equal(pipe(pipe_ends), 0);
  rig->config.vfs = NULL;
  const pid_t child = fork();
  if (child == 0) {
    rig_open(rig);
    for (;;) {
      const uint64_t number = rig_store(rig, "a message");
      outbox_remove(rig->outbox, number);
      const struct outbox_put put = {.data = "x", .len = 1, .expires_at_wall_ms = INT64_MAX};
      struct outbox_put kept = put;
      char id[32];
      (void)snprintf(id, sizeof id, "%" PRIu64, number);
      kept.id = id;
      const uint64_t stored = rig_put_as(rig, &kept);
      rig_expect(rig, OUTBOX_STORED, stored);
      if (write(pipe_ends[1], &stored, sizeof stored) != sizeof stored)
        _exit(1);
    }
  }
  uint64_t stored[20];
  for (size_t i = 0; i < 20; i++)
    assert_int_equal(read(pipe_ends[0], &stored[i], sizeof stored[i]), sizeof stored[i]);
  assert_int_equal(rig_try_open(rig), OUTBOX_LOCKED);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  rig_open(rig);
  outbox_want(rig->outbox, UINT32_MAX, MUCH);
  for (size_t i = 0; i < 20; i++) {
    while (rig_next(rig)->number != stored[i])
      assert_int_equal(rig->event.kind, OUTBOX_MESSAGE); /* one whose removal was not committed */
    assert_int_equal(rig->event.len, 1);
  }
  close(pipe_ends[0]);
  close(pipe_ends[1]);
}

/* ---- from outside ---- */

struct seen {
  size_t count, stop_at;
  struct outbox_item last;
  char last_id[OUTBOX_ID_MAX + 1];
};

static bool see(const struct outbox_item *item, void *user) {
  struct seen *seen = user;
  assert_true(seen->count == 0 || item->number > seen->last.number);
  seen->last = *item;
  strcpy(seen->last_id, item->id);
  return ++seen->count != seen->stop_at;
}

static void test_list_and_count_beside_the_owner(void **state) {
  struct outbox_rig *rig = *state;
  rig->config.vfs = NULL; /* as for those who look */
  rig_open(rig);
  char text[16];
  for (int i = 0; i < 600; i++) { /* more than a page */
    (void)snprintf(text, sizeof text, "%d", i);
    rig_put(rig, text);
  }
  for (int i = 0; i < 600; i++)
    assert_int_equal(rig_next(rig)->kind, OUTBOX_STORED);
  struct seen seen = {0};
  assert_int_equal(outbox_list(rig->path, see, &seen, rig->detail), OUTBOX_OK);
  assert_int_equal(seen.count, 600);
  assert_string_equal(seen.last_id, "id-599");
  assert_int_equal(seen.last.len, 3);
  assert_int_equal(seen.last.attempts, 0);
  assert_int_equal(seen.last.expires_at_wall_ms, INT64_MAX);
  seen = (struct seen){.stop_at = 5};
  assert_int_equal(outbox_list(rig->path, see, &seen, rig->detail), OUTBOX_OK);
  assert_int_equal(seen.count, 5);
  uint64_t count, bytes;
  assert_int_equal(outbox_read_count(rig->path, &count, &bytes, rig->detail), OUTBOX_OK);
  assert_int_equal(count, 600);
  assert_int_equal(bytes, 10 + 2 * 90 + 3 * 500);
  assert_int_equal(outbox_purge(rig->path, &count, rig->detail), OUTBOX_LOCKED);
  assert_non_null(strstr(rig->detail, rig->path));
  rig_close(rig);
  assert_int_equal(outbox_purge(rig->path, &count, rig->detail), OUTBOX_OK);
  assert_int_equal(count, 600);
  const uint64_t before = seen.last.number;
  rig_open(rig);
  assert_int_equal(rig_count(rig), 0);
  assert_int_equal(outbox_oldest(rig->outbox), UINT64_MAX);
  assert_true(rig_store(rig, "0") > before);
}

/* Each message by the order of the last: they would be listed, and sent, for ever. */
static void test_messages_out_of_order(void **state) {
  struct outbox_rig *rig = *state;
  struct seen seen = {.stop_at = 100};
  make_format_1(rig->path);
  run_sql(rig->path, "INSERT INTO message VALUES (1764000000000005, 1764000000000005, 'id', 1, 0,"
                     " 1764000000000, NULL, NULL, '');"
                     "UPDATE state SET count = 4");
  damage_order(rig->path, "message");
  assert_int_equal(outbox_list(rig->path, see, &seen, rig->detail), OUTBOX_CORRUPT);
  assert_non_null(strstr(rig->detail, "out of order"));
  assert_int_equal(seen.count, 0);
  rig_open(rig);
  outbox_want(rig->outbox, 10, MUCH);
  while (rig_next(rig)->kind == OUTBOX_MESSAGE)
    assert_true(++seen.count < 3);
  assert_int_equal(rig->event.kind, OUTBOX_TROUBLE);
  assert_int_equal(rig->event.result, OUTBOX_CORRUPT);
}

static void test_outside_without_a_file(void **state) {
  struct outbox_rig *rig = *state;
  uint64_t count, bytes;
  struct seen seen = {0};
  assert_int_equal(outbox_read_count(rig->path, &count, &bytes, rig->detail), OUTBOX_CANNOT_OPEN);
  assert_int_equal(outbox_list(rig->path, see, &seen, rig->detail), OUTBOX_CANNOT_OPEN);
  assert_int_equal(outbox_purge(rig->path, &count, rig->detail), OUTBOX_CANNOT_OPEN);
  assert_non_null(strstr(rig->detail, "No such file"));
  assert_int_not_equal(access(rig->path, F_OK), 0); /* none was made */
}

/* ---- what fails while it runs: [D6] ---- */

static void test_full_disk(void **state) {
  struct outbox_rig *rig = *state;
  rig_open(rig);
  const uint64_t a = rig_store(rig, "a");
  disk_set_room(0);
  const uint64_t b = rig_put(rig, "b");
  rig_expect(rig, OUTBOX_REFUSED, b);
  assert_int_equal(rig->event.result, OUTBOX_DISK_FULL);
  assert_string_equal(rig->event.id, "id-b");
  assert_non_null(strstr(rig->event.detail, "The disk is full"));
  assert_non_null(strstr(rig->event.detail, rig->path));
  assert_int_equal(rig_count(rig), 1);
  outbox_want(rig->outbox, 10, MUCH); /* it still gives what it has */
  rig_expect_message(rig, a, "a");
  disk_set_room(UINT64_MAX);
  const uint64_t again = rig_store(rig, "b");
  rig_expect_message(rig, again, "b");
}

/* Told once; tried until it works; then the space is free. */
static void test_removal_goes_on_trying(void **state) {
  struct outbox_rig *rig = *state;
  rig_open(rig);
  const uint64_t a = rig_store(rig, "a"), b = rig_store(rig, "b");
  disk_set_room(0);
  outbox_remove(rig->outbox, a);
  rig_expect(rig, OUTBOX_TROUBLE, 0);
  assert_int_equal(rig->event.result, OUTBOX_DISK_FULL);
  assert_non_null(strstr(rig->event.detail, rig->path));
  assert_int_equal(rig_count(rig), 2);
  outbox_remove(rig->outbox, b); /* fails again, in silence */
  const uint64_t c = rig_put(rig, "c");
  rig_expect(rig, OUTBOX_REFUSED, c);
  assert_false(outbox_next(rig->outbox, &rig->event));
  disk_set_room(UINT64_MAX);
  rig_until_count(rig, 0);
  disk_set_room(0);
  outbox_remove(rig->outbox, c); /* never stored: nothing to write */
  disk_set_room(UINT64_MAX);
  rig_store(rig, "d");
}

/* What has had its last fate is waited for no longer, be it in the file for as long as it may. */
static void test_what_cannot_be_removed_is_not_waited_for(void **state) {
  struct outbox_rig *rig = *state;
  rig_open(rig);
  const uint64_t a = rig_store(rig, "a"), b = rig_store(rig, "b"), c = rig_store(rig, "c");
  disk_set_room(0);
  outbox_remove(rig->outbox, a);
  rig_until_oldest(rig, b);
  outbox_remove(rig->outbox, c);
  outbox_remove(rig->outbox, b);
  rig_until_oldest(rig, UINT64_MAX);
  assert_int_equal(rig_count(rig), 3);
  rig_expect(rig, OUTBOX_TROUBLE, 0);
  disk_set_room(UINT64_MAX);
  const uint64_t d = rig_store(rig, "d");
  rig_until_count(rig, 1);
  assert_int_equal(outbox_oldest(rig->outbox), d);
}

/* What could not be removed has not expired yet: it is told when it has gone, and once. */
static void test_expiry_goes_on_trying(void **state) {
  struct outbox_rig *rig = *state;
  rig_open(rig);
  rig_hold(rig);
  const uint64_t a = rig_put_as(
      rig,
      &(struct outbox_put){.opcode = 1, .data = "a", .len = 1, .id = "a", .expires_at_wall_ms = 1});
  rig_expect(rig, OUTBOX_STORED, a);
  rig_until_still(rig);
  disk_set_room(0);
  rig_release(rig);
  rig_expect(rig, OUTBOX_TROUBLE, 0);
  assert_int_equal(rig->event.result, OUTBOX_DISK_FULL);
  assert_int_equal(rig_count(rig), 1);
  assert_false(outbox_next(rig->outbox, &rig->event));
  disk_set_room(UINT64_MAX);
  rig_expect(rig, OUTBOX_EXPIRED, a);
  rig_expect_nothing(rig);
}

/* What was to be removed by then goes with a rewind, whatever had to be put off before it. */
static void test_rewind_behind_a_removal_that_failed(void **state) {
  struct outbox_rig *rig = *state;
  rig_open(rig);
  const uint64_t a = rig_store(rig, "a"), b = rig_store(rig, "b");
  outbox_want(rig->outbox, 2, MUCH);
  rig_expect_message(rig, a, "a");
  rig_expect_message(rig, b, "b");
  disk_set_room(0);
  outbox_remove(rig->outbox, a);
  rig_expect(rig, OUTBOX_TROUBLE, 0);
  disk_set_room(UINT64_MAX);
  rig_hold(rig);
  const uint64_t c = rig_put(rig, "c");
  rig_until_still(rig);
  outbox_remove(rig->outbox, b);
  outbox_rewind(rig->outbox, b);
  outbox_want(rig->outbox, 3, MUCH);
  rig_release(rig);
  rig_expect(rig, OUTBOX_STORED, c);
  rig_expect_message(rig, c, "c");
  rig_until_oldest(rig, c);
  assert_int_equal(rig_count(rig), 1);
}

/* They have had their last fate: while the disk fails they are neither handed out again nor
   replaced. */
static void test_what_cannot_be_removed_is_passed_over(void **state) {
  struct outbox_rig *rig = *state;
  struct outbox_put put = {.opcode = 1,
                           .data = "b",
                           .len = 1,
                           .id = "b",
                           .expires_at_wall_ms = INT64_MAX,
                           .replace_key = "key"};
  rig_open(rig);
  const uint64_t a = rig_store(rig, "a"), b = rig_put_as(rig, &put);
  rig_expect(rig, OUTBOX_STORED, b);
  const uint64_t c = rig_store(rig, "c");
  outbox_want(rig->outbox, 3, MUCH);
  rig_expect_message(rig, a, "a");
  rig_expect_message(rig, b, "b");
  rig_expect_message(rig, c, "c");
  disk_set_room(0);
  outbox_remove(rig->outbox, b);
  rig_expect(rig, OUTBOX_TROUBLE, 0);
  outbox_remove(rig->outbox, a);
  outbox_rewind(rig->outbox, c);
  rig_expect(rig, OUTBOX_TROUBLE, 0); /* of the rewind */
  outbox_want(rig->outbox, 3, MUCH);
  rig_expect_message(rig, c, "c");
  outbox_rewind(rig->outbox, c);
  rig_expect(rig, OUTBOX_REFUSED, rig_put(rig, "behind it"));
  disk_set_room(UINT64_MAX);
  put.id = "d";
  const uint64_t d = rig_put_as(rig, &put);
  rig_expect(rig, OUTBOX_STORED, d);
  outbox_want(rig->outbox, 3, MUCH);
  rig_expect_message(rig, c, "c");
  rig_expect_message(rig, d, "b");
  rig_until_count(rig, 2);
  assert_int_equal(outbox_oldest(rig->outbox), c);
}

static void test_reading_goes_on_trying(void **state) {
  struct outbox_rig *rig = *state;
  rig_open(rig);
  char large[20000];
  memset(large, 'l', sizeof large - 1);
  large[sizeof large - 1] = '\0';
  const uint64_t a = rig_store(rig, large);
  rig_reopen(rig); /* nothing is in the cache */
  disk_fail(&(struct disk_fault){.kinds = DISK_READ, .at = 1, .code = SQLITE_IOERR_READ});
  outbox_want(rig->outbox, 1, MUCH);
  rig_expect(rig, OUTBOX_TROUBLE, 0);
  assert_int_equal(rig->event.result, OUTBOX_IO);
  rig_expect_message(rig, a, large);
}

static void test_no_wake_after_free(void **state) {
  struct outbox_rig *rig = *state;
  rig_open(rig);
  const uint64_t a = rig_store(rig, "a");
  for (int i = 0; i < 100; i++)
    rig_put(rig, "b");
  outbox_free(rig->outbox); /* never blocks; under sanitizers: leaks and touches nothing */
  while (rig_try_open(rig) == OUTBOX_LOCKED) {
  }
  assert_non_null(rig->outbox);
  assert_int_equal(outbox_oldest(rig->outbox), a);
}

/* ---- syncs ---- */

static void store_burst(struct outbox_rig *rig, int count) {
  char text[32];
  for (int i = 0; i < count; i++) {
    (void)snprintf(text, sizeof text, "%d-%d", count, i);
    rig_put(rig, text);
  }
  for (int i = 0; i < count; i++)
    assert_int_equal(rig_next(rig)->kind, OUTBOX_STORED);
}

static void test_one_sync_for_many(void **state) {
  struct outbox_rig *rig = *state;
  rig_open(rig);
  const unsigned before = disk_count(DISK_SYNC);
  store_burst(rig, 500);
  assert_in_range(disk_count(DISK_SYNC) - before, 1, 500 / 20);
}

/* Stored without a sync, synced once when the time has come; and [D1] at closing. */
static void test_durability_window(void **state) {
  struct outbox_rig *rig = *state;
  rig->config.durability_ms = 30;
  rig_open(rig);
  store_burst(rig, 100);
  rig_close(rig);
  const unsigned before = disk_count(DISK_SYNC);
  rig_open(rig);
  rig_store(rig, "a");
  while (disk_count(DISK_SYNC) < before + 2) { /* the log's beginning, and the one that is due */
  }
  disk_cut_at(disk_count(DISK_CHANGES) + 1);
  rig_close(rig);
  disk_power_on(DISK_LOSES_ALL);
  rig_open(rig);
  assert_int_equal(rig_count(rig), 101);
}

static void test_window_is_closed_at_the_end(void **state) {
  struct outbox_rig *rig = *state;
  rig->config.durability_ms = UINT32_MAX;
  rig_open(rig);
  rig_store(rig, "a");
  rig_close(rig);
  disk_power_on(DISK_LOSES_ALL);
  rig_open(rig);
  assert_int_equal(rig_count(rig), 1);
}

static void test_result_names(void **state) {
  (void)state;
  assert_string_equal(outbox_result_name(OUTBOX_DISK_FULL), "disk_full");
  assert_string_equal(outbox_result_name(OUTBOX_DUPLICATE), "duplicate");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_format_1),
      CASE(test_refused_files),
      CASE(test_lying_sums),
      CASE(test_strange_rows),
      CASE(test_strange_times),
      CASE(test_killed_owner),
      CASE(test_list_and_count_beside_the_owner),
      CASE(test_outside_without_a_file),
      CASE(test_messages_out_of_order),
      CASE(test_full_disk),
      CASE(test_removal_goes_on_trying),
      CASE(test_what_cannot_be_removed_is_not_waited_for),
      CASE(test_expiry_goes_on_trying),
      CASE(test_rewind_behind_a_removal_that_failed),
      CASE(test_what_cannot_be_removed_is_passed_over),
      CASE(test_reading_goes_on_trying),
      CASE(test_no_wake_after_free),
      CASE(test_one_sync_for_many),
      CASE(test_durability_window),
      CASE(test_window_is_closed_at_the_end),
      cmocka_unit_test(test_result_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
