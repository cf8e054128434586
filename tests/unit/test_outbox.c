/* The outbox: order, credit, rewinding, removing, limits, one owner. */
#include "outbox_rig.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* Whoever waits for the oldest to go has been told all fates before. */
static void test_a_fate_not_taken_counts_as_waiting(void **state) {
  struct outbox_rig *rig = *state;
  const uint64_t a = rig_store(rig, "a");
  outbox_remove(rig->outbox, a);
  rig_until_oldest(rig, UINT64_MAX);
  const uint64_t b = rig_store(rig, "b"), again = rig_put(rig, "b");
  outbox_remove(rig->outbox, b);
  while (rig_count(rig) > 0) { /* it is refused and removed; nothing is taken */
  }
  assert_true(outbox_oldest(rig->outbox) <= again);
  rig_expect(rig, OUTBOX_REFUSED, again);
  rig_until_oldest(rig, UINT64_MAX);
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

/* ---- time to live ---- */

#define PAST 1
#define FUTURE INT64_C(4102444800000) /* the year 2100 */

static uint64_t put_until(struct outbox_rig *rig, const char *text, int64_t expires_at_wall_ms) {
  const struct outbox_put put = {
      .data = text, .len = strlen(text), .id = text, .expires_at_wall_ms = expires_at_wall_ms};
  return rig_put_as(rig, &put);
}

static void test_expired_ones_go_by_themselves(void **state) {
  struct outbox_rig *rig = *state;
  const uint64_t a = rig_store(rig, "a");
  const uint64_t b = put_until(rig, "b", PAST), c = put_until(rig, "c", FUTURE);
  bool stored[2] = {false, false}, is_expired = false;
  while (!stored[0] || !stored[1] || !is_expired) {
    const struct outbox_event *event = rig_next(rig);
    if (event->kind == OUTBOX_EXPIRED) {
      assert_int_equal(event->number, b);
      assert_string_equal(event->id, "b");
      assert_true(stored[0]); /* first stored, then expired */
      is_expired = true;
    } else {
      assert_int_equal(event->kind, OUTBOX_STORED);
      stored[event->number == c] = true;
    }
  }
  assert_int_equal(rig_count(rig), 2);
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect_message(rig, a, "a");
  rig_expect_message(rig, c, "c");
  assert_int_equal(rig->event.expires_at_wall_ms, FUTURE);
}

/* The deadline is kept while nothing else happens. */
static void test_expiry_comes_in_time(void **state) {
  struct outbox_rig *rig = *state;
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  const int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
  const uint64_t late = put_until(rig, "late", now_ms + 120);
  const uint64_t soon = put_until(rig, "soon", now_ms + 60);
  rig_expect(rig, OUTBOX_STORED, late);
  rig_expect(rig, OUTBOX_STORED, soon);
  rig_expect(rig, OUTBOX_EXPIRED, soon);
  rig_expect(rig, OUTBOX_EXPIRED, late);
  (void)clock_gettime(CLOCK_REALTIME, &now);
  assert_true((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 >= now_ms + 120);
  rig_until_oldest(rig, UINT64_MAX);
}

/* Also those that expired while no program ran, more of them than go in one transaction. */
static void test_many_expire_at_opening(void **state) {
  struct outbox_rig *rig = *state;
  enum { COUNT = 600 };
  outbox_want(rig->outbox, UINT32_MAX, MUCH); /* handed out: the taker's, until the next run */
  for (int i = 0; i < COUNT; i++) {
    char text[16];
    (void)snprintf(text, sizeof text, "%d", i);
    put_until(rig, text, FUTURE);
  }
  for (int i = 0; i < 2 * COUNT; i++)
    rig_next(rig);
  rig_close(rig);
  sqlite3 *db;
  assert_int_equal(sqlite3_open(rig->path, &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, "UPDATE message SET expires_at_ms = 1", NULL, NULL, NULL),
                   SQLITE_OK);
  sqlite3_close(db);
  rig_open(rig);
  outbox_want(rig->outbox, 10, MUCH);
  for (int i = 0; i < COUNT; i++)
    assert_int_equal(rig_next(rig)->kind, OUTBOX_EXPIRED);
  rig_until_oldest(rig, UINT64_MAX);
  assert_int_equal(rig_count(rig), 0);
}

/* What the taker has is not expired behind its back; after a rewind it is. */
static void test_handed_out_ones_are_the_takers(void **state) {
  struct outbox_rig *rig = *state;
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  outbox_want(rig->outbox, 1, MUCH);
  const uint64_t a = put_until(rig, "a", (int64_t)now.tv_sec * 1000 + 1500);
  rig_expect(rig, OUTBOX_STORED, a);
  rig_expect_message(rig, a, "a");
  const uint64_t b = put_until(rig, "b", (int64_t)now.tv_sec * 1000 + 1600);
  rig_expect(rig, OUTBOX_STORED, b);
  rig_expect(rig, OUTBOX_EXPIRED, b); /* later than a's moment */
  assert_int_equal(outbox_oldest(rig->outbox), a);
  outbox_rewind(rig->outbox, 0);
  rig_expect(rig, OUTBOX_EXPIRED, a);
}

/* ---- replace keys ---- */

static uint64_t put_key(struct outbox_rig *rig, const char *text, const char *key) {
  const struct outbox_put put = {.data = text,
                                 .len = strlen(text),
                                 .id = text,
                                 .replace_key = key,
                                 .expires_at_wall_ms = INT64_MAX};
  return rig_put_as(rig, &put);
}

static uint64_t store_key(struct outbox_rig *rig, const char *text, const char *key) {
  const uint64_t number = put_key(rig, text, key);
  rig_expect(rig, OUTBOX_STORED, number);
  return number;
}

static void test_replacing(void **state) {
  struct outbox_rig *rig = *state;
  const uint64_t a = store_key(rig, "a", "k"), b = rig_store(rig, "b");
  const uint64_t other = store_key(rig, "other", "l"), longer = store_key(rig, "longer", "k");
  rig_expect(rig, OUTBOX_REPLACED, a);
  assert_string_equal(rig->event.id, "a");
  rig_until_oldest(rig, b);
  uint64_t count, bytes;
  outbox_count(rig->outbox, &count, &bytes);
  assert_int_equal(count, 3);
  assert_int_equal(bytes, 6 + 1 + 5);
  rig_reopen(rig);
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect_message(rig, longer, "longer"); /* in the old place */
  rig_expect_message(rig, b, "b");
  rig_expect_message(rig, other, "other");
  outbox_remove(rig->outbox, longer);
  outbox_remove(rig->outbox, b);
  rig_until_oldest(rig, other);
}

/* What is full may still hold news in the place of what is old, and no more than before. */
static void test_replacing_in_a_full_one(void **state) {
  struct outbox_rig *rig = *state;
  rig_close(rig);
  rig->config.limit_count = 2;
  rig->config.limit_bytes = 10;
  rig_open(rig);
  const uint64_t a = store_key(rig, "aaaa", "k"), b = store_key(rig, "bbbb", "l");
  const uint64_t c = store_key(rig, "cccccc", "k");
  rig_expect(rig, OUTBOX_REPLACED, a);
  const struct outbox_put never = {.data = "0123456789x",
                                   .len = 11,
                                   .id = "x",
                                   .replace_key = "k",
                                   .expires_at_wall_ms = INT64_MAX};
  uint64_t number;
  assert_int_equal(outbox_put(rig->outbox, &never, &number), OUTBOX_OVERFLOW);
  const uint64_t too_long = put_key(rig, "ddddddd", "k"), other = put_key(rig, "e", "m");
  rig_expect(rig, OUTBOX_REFUSED, too_long);
  assert_int_equal(rig->event.result, OUTBOX_OVERFLOW);
  assert_string_equal(rig->event.detail, "The outbox is full");
  rig_expect(rig, OUTBOX_REFUSED, other);
  assert_int_equal(rig->event.result, OUTBOX_OVERFLOW);
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect_message(rig, c, "cccccc");
  rig_expect_message(rig, b, "bbbb");
  assert_int_equal(rig_count(rig), 2);
}

/* More than one transaction removes, by a rewind that follows at once. */
static void test_removed_ones_do_not_come_back_with_a_rewind(void **state) {
  struct outbox_rig *rig = *state;
  enum { COUNT = 2500 };
  static uint64_t numbers[COUNT];
  char text[16];
  for (size_t i = 0; i < COUNT; i++) {
    (void)snprintf(text, sizeof text, "%zu", i);
    numbers[i] = rig_put(rig, text);
  }
  for (size_t i = 0; i < COUNT; i++)
    rig_expect(rig, OUTBOX_STORED, numbers[i]);
  outbox_want(rig->outbox, COUNT, MUCH);
  for (size_t i = 0; i < COUNT; i++)
    rig_expect(rig, OUTBOX_MESSAGE, numbers[i]);
  rig_hold(rig); /* none is gone yet when the rewind comes */
  const uint64_t gate = rig_put(rig, "gate");
  rig_until_still(rig);
  outbox_remove(rig->outbox, gate);
  for (size_t i = 0; i < COUNT; i++)
    outbox_remove(rig->outbox, numbers[i]);
  outbox_rewind(rig->outbox, numbers[COUNT - 1]);
  outbox_want(rig->outbox, COUNT, MUCH);
  rig_release(rig);
  rig_expect(rig, OUTBOX_STORED, gate);
  const uint64_t last = rig_store(rig, "last");
  rig_expect_message(rig, last, "last");
  rig_until_oldest(rig, last);
  assert_int_equal(rig_count(rig), 1);
}

/* Removing and expiring share transactions, each with its own books. */
static void test_removing_and_expiring_at_once(void **state) {
  struct outbox_rig *rig = *state;
  char text[16];
  uint64_t count, bytes;
  for (unsigned i = 0; i < 100; i++) {
    (void)snprintf(text, sizeof text, "stays %u", i);
    const uint64_t removed = rig_store(rig, text);
    (void)snprintf(text, sizeof text, "%u", i);
    const uint64_t fades = put_until(rig, text, PAST);
    for (unsigned turn = 0; turn < i % 10 * 200; turn++) /* at ten different moments */
      outbox_count(rig->outbox, &count, &bytes);
    outbox_remove(rig->outbox, removed);
    rig_expect(rig, OUTBOX_STORED, fades);
    rig_expect(rig, OUTBOX_EXPIRED, fades);
    rig_until_oldest(rig, UINT64_MAX);
    outbox_count(rig->outbox, &count, &bytes);
    assert_int_equal(count, 0);
    assert_int_equal(bytes, 0);
  }
}

/* From the rewind on what was handed out waits, also for what is put with it in one transaction.
   The new one was on no link yet. */
static void test_replacing_right_after_a_rewind(void **state) {
  struct outbox_rig *rig = *state;
  outbox_want(rig->outbox, 1, MUCH);
  const uint64_t a = store_key(rig, "a", "k");
  rig_expect_message(rig, a, "a");
  rig_hold(rig);
  const uint64_t gate = rig_put(rig, "gate");
  rig_until_still(rig);
  outbox_remove(rig->outbox, gate);
  outbox_rewind(rig->outbox, a);
  const uint64_t b = put_key(rig, "b", "k");
  rig_release(rig);
  rig_expect(rig, OUTBOX_STORED, gate);
  rig_expect(rig, OUTBOX_STORED, b);
  rig_expect(rig, OUTBOX_REPLACED, a);
  assert_int_equal(rig->event.attempts, 1);
  outbox_want(rig->outbox, 1, MUCH);
  rig_expect_message(rig, b, "b");
  assert_int_equal(rig->event.attempts, 0);
}

static void test_handed_out_one_is_not_replaced(void **state) {
  struct outbox_rig *rig = *state;
  outbox_want(rig->outbox, 1, MUCH);
  const uint64_t a = store_key(rig, "a", "k");
  rig_expect_message(rig, a, "a");
  const uint64_t b = store_key(rig, "b", "k"), c = store_key(rig, "c", "k");
  rig_expect(rig, OUTBOX_REPLACED, b);
  outbox_rewind(rig->outbox, a);
  rig_expect_nothing(rig);
  const uint64_t d =
      store_key(rig, "d", "k"); /* the newest stands for the key, not the one that came back */
  rig_expect(rig, OUTBOX_REPLACED, c);
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect_message(rig, a, "a");
  rig_expect_message(rig, d, "d");
}

/* All in one transaction. */
static void test_replacing_in_a_burst(void **state) {
  struct outbox_rig *rig = *state;
  enum { COUNT = 50 };
  uint64_t numbers[COUNT];
  unsigned replaced_count = 0;
  char text[16];
  for (int i = 0; i < COUNT; i++) {
    (void)snprintf(text, sizeof text, "%d", i);
    numbers[i] = put_key(rig, text, "k");
  }
  for (unsigned i = 0; i < 2 * COUNT - 1; i++) {
    const struct outbox_event *event = rig_next(rig);
    if (event->kind == OUTBOX_REPLACED)
      assert_int_equal(event->number, numbers[replaced_count++]);
  }
  assert_int_equal(replaced_count, COUNT - 1);
  assert_int_equal(rig_count(rig), 1);
  outbox_want(rig->outbox, 10, MUCH);
  rig_expect_message(rig, numbers[COUNT - 1], "49");
}

static void test_replacing_with_a_taken_id(void **state) {
  struct outbox_rig *rig = *state;
  const uint64_t a = store_key(rig, "a", "k");
  store_key(rig, "b", "l");
  const uint64_t c = put_key(rig, "b", "k");
  rig_expect(rig, OUTBOX_REFUSED, c);
  assert_int_equal(rig->event.result, OUTBOX_DUPLICATE);
  const uint64_t d = store_key(rig, "a", "k"); /* its own id may stay */
  rig_expect(rig, OUTBOX_REPLACED, a);
  rig_expect(rig, OUTBOX_STORED, rig_put(rig, "e"));
  assert_true(d > a);
}

/* ---- reading ahead ---- */

static void test_reading_ahead_is_bounded(void **state) {
  struct outbox_rig *rig = *state;
  enum { COUNT = 2 * OUTBOX_AHEAD_COUNT_MAX };
  uint64_t numbers[COUNT];
  char text[16], *large = calloc(1, OUTBOX_AHEAD_BYTES_MAX + 1);
  for (int i = 0; i < COUNT; i++) {
    (void)snprintf(text, sizeof text, "%d", i);
    numbers[i] = rig_put(rig, text);
  }
  for (int i = 0; i < COUNT; i++)
    rig_expect(rig, OUTBOX_STORED, numbers[i]);
  memset(large, 'l', OUTBOX_AHEAD_BYTES_MAX);
  const uint64_t first_large = store_key(rig, "id", NULL);
  (void)first_large;
  outbox_want(rig->outbox, UINT32_MAX, UINT64_MAX);
  for (int i = 0; i < COUNT; i++) {
    (void)snprintf(text, sizeof text, "%d", i);
    rig_expect_message(rig, numbers[i], text);
  }
  rig_expect_message(rig, first_large, "id");
  const struct outbox_put put = {
      .data = large, .len = OUTBOX_AHEAD_BYTES_MAX, .id = "large", .expires_at_wall_ms = INT64_MAX};
  const uint64_t number = rig_put_as(rig, &put);
  rig_expect(rig, OUTBOX_STORED, number);
  rig_expect_message(rig, number, large);
  free(large);
}

/* ---- threads ---- */

enum { THREADS_COUNT = 4, EACH_COUNT = 200 };

struct putter {
  pthread_t thread;
  struct outbox *outbox;
  unsigned index;
};

static void *put_many(void *argument) {
  const struct putter *const putter = argument;
  uint64_t last = 0;
  for (unsigned i = 0; i < EACH_COUNT; i++) {
    char id[32];
    uint64_t number, count, bytes;
    (void)snprintf(id, sizeof id, "%u-%u", putter->index, i);
    const struct outbox_put put = {
        .data = id, .len = strlen(id), .id = id, .expires_at_wall_ms = INT64_MAX};
    if (outbox_put(putter->outbox, &put, &number) != OUTBOX_OK || number <= last ||
        outbox_fresh_number(putter->outbox) <= number || outbox_oldest(putter->outbox) > number)
      return (void *)"a put failed";
    last = number;
    outbox_count(putter->outbox, &count, &bytes);
    outbox_want(putter->outbox, 1, 100);
    if (i % 50 == 0)
      outbox_rewind(putter->outbox, number);
  }
  return NULL;
}

/* Whatever was asked meanwhile: in the end each comes once, in order. */
static void test_many_threads(void **state) {
  struct outbox_rig *rig = *state;
  struct putter putters[THREADS_COUNT];
  for (unsigned i = 0; i < THREADS_COUNT; i++) {
    putters[i] = (struct putter){.outbox = rig->outbox, .index = i};
    assert_int_equal(pthread_create(&putters[i].thread, NULL, put_many, &putters[i]), 0);
  }
  for (unsigned stored = 0; stored < THREADS_COUNT * EACH_COUNT;)
    stored += rig_next(rig)->kind == OUTBOX_STORED;
  for (unsigned i = 0; i < THREADS_COUNT; i++) {
    void *failure;
    assert_int_equal(pthread_join(putters[i].thread, &failure), 0);
    assert_null(failure);
  }
  outbox_rewind(rig->outbox, 0);
  outbox_want(rig->outbox, UINT32_MAX, MUCH);
  uint64_t last = 0;
  for (unsigned i = 0; i < THREADS_COUNT * EACH_COUNT; i++) {
    assert_int_equal(rig_next(rig)->kind, OUTBOX_MESSAGE);
    assert_true(rig->event.number > last);
    last = rig->event.number;
    outbox_remove(rig->outbox, last);
  }
  rig_until_oldest(rig, UINT64_MAX);
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
      CASE(test_removed_ones_do_not_come_back_with_a_rewind),
      CASE(test_removing_and_expiring_at_once),
      CASE(test_one_owner),
      CASE(test_limits),
      CASE(test_duplicate_id),
      CASE(test_a_fate_not_taken_counts_as_waiting),
      CASE(test_closed),
      CASE(test_expired_ones_go_by_themselves),
      CASE(test_expiry_comes_in_time),
      CASE(test_many_expire_at_opening),
      CASE(test_handed_out_ones_are_the_takers),
      CASE(test_replacing),
      CASE(test_replacing_in_a_full_one),
      CASE(test_replacing_right_after_a_rewind),
      CASE(test_handed_out_one_is_not_replaced),
      CASE(test_replacing_in_a_burst),
      CASE(test_replacing_with_a_taken_id),
      CASE(test_reading_ahead_is_bounded),
      CASE(test_many_threads),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
