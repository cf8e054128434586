/*
 * Every allocation of SQLite fails in turn, once and from then on, while an outbox is opened and
 * used: nothing crashes, and nothing is said to be stored that is not there afterwards.
 */
#include "disk.h"
#include "outbox_rig.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PUTS_COUNT 8
#define MUCH ((uint64_t)1 << 30)

static sqlite3_mem_methods system_methods;
static atomic_uint taken, fail_at; /* 0: none */
static atomic_bool for_good;

static bool fails(void) {
  const unsigned count = atomic_fetch_add(&taken, 1) + 1, at = atomic_load(&fail_at);
  return at && (count == at || (for_good && count > at));
}

static void *take(int size) {
  return fails() ? NULL : system_methods.xMalloc(size);
}

static void *retake(void *memory, int size) {
  return fails() ? NULL : system_methods.xRealloc(memory, size);
}

static void use_methods(void) {
  assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_methods), SQLITE_OK);
  sqlite3_mem_methods methods = system_methods;
  methods.xMalloc = take;
  methods.xRealloc = retake;
  assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
}

struct put {
  uint64_t number;
  bool is_stored, is_removed;
};

static void put(struct outbox_rig *rig, struct put *p, size_t index) {
  char id[16], data[3000];
  (void)snprintf(id, sizeof id, "%zu", index);
  memset(data, (int)('a' + index), sizeof data);
  const struct outbox_put what = {.data = data,
                                  .len = index % 2 ? sizeof data : 10,
                                  .id = id,
                                  .replace_key = index == 3 ? "key" : NULL,
                                  .expires_at_wall_ms =
                                      index == 5 ? INT64_C(4102444800000) : INT64_MAX};
  p->number = rig_put_as(rig, &what);
}

/* SQLite takes some of its own shortages for the disk's. */
static bool is_shortage(enum outbox_result result) {
  return result == OUTBOX_NO_MEMORY || result == OUTBOX_IO || result == OUTBOX_CANNOT_OPEN;
}

static void take_fate(struct outbox_rig *rig, struct put *p) {
  do {
    (void)rig_next(rig);
  } while (rig->event.number != p->number || rig->event.kind == OUTBOX_MESSAGE);
  p->is_stored = rig->event.kind == OUTBOX_STORED;
  assert_true(p->is_stored || rig->event.kind == OUTBOX_REFUSED);
  if (!p->is_stored)
    if (!is_shortage(rig->event.result))
      fail_msg("%s", rig->event.detail);
}

static void use(struct outbox_rig *rig, struct put puts[PUTS_COUNT]) {
  outbox_want(rig->outbox, 3, MUCH);
  for (size_t i = 0; i < PUTS_COUNT; i++) {
    put(rig, &puts[i], i);
    take_fate(rig, &puts[i]);
    if (i == 2 && puts[1].is_stored) {
      outbox_remove(rig->outbox, puts[1].number);
      puts[1].is_removed = true;
    }
    if (i == 4)
      outbox_rewind(rig->outbox, puts[2].number);
    if (i == 6)
      outbox_want(rig->outbox, 3, MUCH);
  }
}

static void check(struct outbox_rig *rig, const struct put puts[PUTS_COUNT]) {
  size_t expected = 0;
  rig_open(rig);
  const uint64_t count = rig_count(rig);
  outbox_want(rig->outbox, 100, MUCH);
  bool found[PUTS_COUNT] = {false};
  for (uint64_t i = 0; i < count; i++) {
    assert_int_equal(rig_next(rig)->kind, OUTBOX_MESSAGE);
    const size_t index = (size_t)atoi(rig->event.id);
    assert_true(index >= expected);
    expected = index + 1;
    assert_int_equal(rig->event.number, puts[index].number);
    assert_true(puts[index].is_stored);
    found[index] = true;
  }
  for (size_t i = 0; i < PUTS_COUNT; i++)
    assert_true(found[i] || !puts[i].is_stored || puts[i].is_removed);
  rig_close(rig);
}

static void remove_files(const struct outbox_rig *rig) {
  char path[FOLDER_CAP + 32];
  (void)unlink(rig->path);
  (void)snprintf(path, sizeof path, "%s-wal", rig->path);
  (void)unlink(path);
}

/* False: fewer allocations than `at`. */
static bool run(struct outbox_rig *rig, unsigned at, bool all_after) {
  struct put puts[PUTS_COUNT] = {0};
  disk_reset(at);
  remove_files(rig);
  atomic_store(&for_good, all_after);
  atomic_store(&taken, 0);
  atomic_store(&fail_at, at);
  const enum outbox_result opened = rig_try_open(rig);
  if (opened == OUTBOX_OK) {
    use(rig, puts);
    rig_close(rig);
  } else {
    if (!is_shortage(opened))
      fail_msg("allocation %u: %s", at, rig->detail);
    assert_true(rig->detail[0] != '\0');
  }
  atomic_store(&fail_at, 0);
  const bool was_reached = atomic_load(&taken) >= at;
  check(rig, puts);
  return was_reached;
}

static void test_each_allocation_fails(void **state) {
  struct outbox_rig *rig = *state;
  for (unsigned all_after = 0; all_after < 2; all_after++) {
    unsigned at = 1;
    while (run(rig, at, all_after))
      at++;
    assert_true(at > 100);
    print_message("%u allocations\n", at - 1);
  }
}

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

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_each_allocation_fails, set_up, tear_down),
  };
  use_methods();
  return cmocka_run_group_tests(tests, NULL, NULL);
}
