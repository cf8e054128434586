/* The outbox: order, credit, rewinding, removing, limits, one owner. */
#include "outbox_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MUCH ((uint64_t)1 << 30)

static int set_up(void **state) {
  static struct outbox_rig rig;
  rig_init(&rig);
  rig_open(&rig);
  *state = &rig;
  return 0;
}

static int tear_down(void **state) {
  rig_deinit(*state);
  return 0;
}

/* [D1] [D3] */
static void test_stored_ones_come_back_in_order(void **state) {
  struct outbox_rig *rig = *state;
  const uint64_t a = rig_store(rig, "a"), b = rig_store(rig, "b"), c = rig_store(rig, "");
  assert_true(a < b && b < c);
  rig_reopen(rig);
  assert_int_equal(rig_count(rig), 3);
  assert_int_equal(outbox_oldest(rig->outbox), a);
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect_message(rig, a, "a");
  assert_string_equal(rig->event.id, "id-a");
  assert_int_equal(rig->event.opcode, 1);
  rig_expect_message(rig, b, "b");
  rig_expect_message(rig, c, "");
  assert_true(outbox_fresh_number(rig->outbox) > c);
}

static void test_removed_ones_do_not(void **state) {
  struct outbox_rig *rig = *state;
  const uint64_t a = rig_store(rig, "a"), b = rig_store(rig, "b");
  outbox_remove(rig->outbox, a);
  rig_until_oldest(rig, b);
  assert_int_equal(rig_count(rig), 1);
  rig_reopen(rig);
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect_message(rig, b, "b");
  outbox_remove(rig->outbox, b);
  outbox_remove(rig->outbox, b); /* twice, and one that never was */
  outbox_remove(rig->outbox, 7);
  rig_until_oldest(rig, UINT64_MAX);
  assert_int_equal(rig_count(rig), 0);
}

static void test_credit_by_count(void **state) {
  struct outbox_rig *rig = *state;
  uint64_t numbers[5];
  char text[2] = "0";
  for (size_t i = 0; i < 5; i++, text[0]++)
    numbers[i] = rig_store(rig, text);
  outbox_want(rig->outbox, 2, MUCH);
  rig_expect_message(rig, numbers[0], "0");
  rig_expect_message(rig, numbers[1], "1");
  rig_expect_nothing(rig);
  outbox_want(rig->outbox, 1, 0);
  rig_expect_message(rig, numbers[2], "2");
  outbox_want(rig->outbox, 1, 0);
  outbox_want(rig->outbox, 1, 0);
  rig_expect_message(rig, numbers[3], "3");
  rig_expect_message(rig, numbers[4], "4");
}

/* The last may go beyond, at the expense of what comes. */
static void test_credit_by_bytes(void **state) {
  struct outbox_rig *rig = *state;
  const uint64_t a = rig_store(rig, "aaaa"), b = rig_store(rig, "bbbb"), c = rig_store(rig, "cccc");
  outbox_want(rig->outbox, 100, 5);
  rig_expect_message(rig, a, "aaaa");
  rig_expect_message(rig, b, "bbbb");
  outbox_want(rig->outbox, 0, 3); /* 8 are out, 8 were given */
  rig_expect_nothing(rig);
  outbox_want(rig->outbox, 0, 1);
  rig_expect_message(rig, c, "cccc");
}

static void test_message_comes_when_it_becomes_stored(void **state) {
  struct outbox_rig *rig = *state;
  outbox_want(rig->outbox, UINT32_MAX, UINT64_MAX);
  outbox_want(rig->outbox, UINT32_MAX, UINT64_MAX);
  const uint64_t a = rig_store(rig, "a");
  rig_expect_message(rig, a, "a");
  const uint64_t b = rig_store(rig, "b");
  rig_expect_message(rig, b, "b");
}

static void test_rewind(void **state) {
  struct outbox_rig *rig = *state;
  const uint64_t a = rig_store(rig, "a"), b = rig_store(rig, "b"), c = rig_store(rig, "c");
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect_message(rig, a, "a");
  rig_expect_message(rig, b, "b");
  outbox_remove(rig->outbox, a);
  outbox_rewind(rig->outbox, b);
  rig_expect_nothing(rig); /* "c" is forgotten, and credit is 0 */
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect_message(rig, b, "b");
  assert_int_equal(rig->event.attempts, 1);
  rig_expect_message(rig, c, "c");
  assert_int_equal(rig->event.attempts, 0);
  outbox_rewind(rig->outbox, c);
  outbox_rewind(rig->outbox, UINT64_MAX); /* nothing was handed out in between */
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect_message(rig, b, "b");
  assert_int_equal(rig->event.attempts, 2);
  rig_expect_message(rig, c, "c");
  assert_int_equal(rig->event.attempts, 1);
}

static void test_one_owner(void **state) {
  struct outbox_rig *rig = *state;
  struct outbox *second;
  char detail[OUTBOX_DETAIL_CAP];
  assert_int_equal(outbox_open(&rig->config, &second, detail), OUTBOX_LOCKED);
  assert_null(second);
  assert_non_null(strstr(detail, rig->path));
}

static void test_limits(void **state) {
  struct outbox_rig *rig = *state;
  rig_close(rig);
  rig->config.limit_count = 2;
  rig->config.limit_bytes = 10;
  rig_open(rig);
  uint64_t number = 0;
  struct outbox_put put = {
      .data = "0123456789x", .len = 11, .id = "x", .expires_at_wall_ms = INT64_MAX};
  assert_int_equal(outbox_put(rig->outbox, &put, &number), OUTBOX_OVERFLOW);
  const uint64_t a = rig_put(rig, "aaaaaa"); /* those on their way count */
  put.len = 5;
  assert_int_equal(outbox_put(rig->outbox, &put, &number), OUTBOX_OVERFLOW);
  const uint64_t b = rig_put(rig, "bbbb");
  put.len = 0;
  assert_int_equal(outbox_put(rig->outbox, &put, &number), OUTBOX_OVERFLOW);
  rig_expect(rig, OUTBOX_STORED, a);
  rig_expect(rig, OUTBOX_STORED, b);
  outbox_remove(rig->outbox, a);
  rig_until_oldest(rig, b);
  put.len = 6;
  assert_int_equal(outbox_put(rig->outbox, &put, &number), OUTBOX_OK);
  rig_expect(rig, OUTBOX_STORED, number);
}

static void test_duplicate_id(void **state) {
  struct outbox_rig *rig = *state;
  const uint64_t a = rig_store(rig, "a");
  const uint64_t again = rig_put(rig, "a");
  rig_expect(rig, OUTBOX_REFUSED, again);
  assert_int_equal(rig->event.result, OUTBOX_DUPLICATE);
  assert_string_equal(rig->event.id, "id-a");
  assert_true(rig->event.detail[0] != '\0');
  assert_int_equal(rig_count(rig), 1);
  assert_int_equal(outbox_oldest(rig->outbox), a);
}

static void test_closed(void **state) {
  struct outbox_rig *rig = *state;
  const uint64_t a = rig_put(rig, "a");
  outbox_close(rig->outbox);
  uint64_t number;
  const struct outbox_put put = {.data = "", .id = "x", .expires_at_wall_ms = INT64_MAX};
  assert_int_equal(outbox_put(rig->outbox, &put, &number), OUTBOX_CLOSED);
  outbox_remove(rig->outbox, a);
  outbox_want(rig->outbox, 10, MUCH);
  outbox_rewind(rig->outbox, 0);
  rig_expect(rig, OUTBOX_STORED, a);
  assert_int_equal(rig_next(rig)->kind, OUTBOX_IS_CLOSED);
  assert_false(outbox_next(rig->outbox, &rig->event));
  outbox_free(rig->outbox);
  rig_open(rig); /* at once */
  assert_int_equal(rig_count(rig), 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE(test_stored_ones_come_back_in_order),
      CASE(test_removed_ones_do_not),
      CASE(test_credit_by_count),
      CASE(test_credit_by_bytes),
      CASE(test_message_comes_when_it_becomes_stored),
      CASE(test_rewind),
      CASE(test_one_owner),
      CASE(test_limits),
      CASE(test_duplicate_id),
      CASE(test_closed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
