/* The token bucket, on a clock of the test's own. */
#include "bucket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW_MS 1000000

static unsigned take_all(struct bucket *bucket, uint32_t rate, uint64_t now_ms) {
  unsigned count = 0;
  while (bucket_take(bucket, rate, now_ms))
    count++;
  return count;
}

static void test_holds_a_second(void **state) {
  (void)state;
  static const uint32_t rates[] = {1, 2, 10, 1000, BUCKET_RATE_MAX};
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
    struct bucket bucket;
    const uint32_t rate = rates[i];
    bucket_init(&bucket, rate, NOW_MS);
    assert_int_equal(take_all(&bucket, rate, NOW_MS), rate);
    assert_int_equal(take_all(&bucket, rate, NOW_MS + 500), rate / 2);
    assert_int_equal(take_all(&bucket, rate, NOW_MS + 5000), rate);
  }
}

/* No fraction is lost, however often it is asked. */
static void test_fractions_add_up(void **state) {
  (void)state;
  struct bucket bucket;
  unsigned count = 0;
  bucket_init(&bucket, 3, NOW_MS);
  (void)take_all(&bucket, 3, NOW_MS);
  for (uint64_t ms = 1; ms <= 10000; ms++)
    count += bucket_take(&bucket, 3, NOW_MS + ms);
  assert_int_equal(count, 30);
}

static void test_waits(void **state) {
  (void)state;
  static const struct {
    uint32_t rate;
    uint64_t count, wait_ms;
  } cases[] = {{1, 1, 1000}, {10, 1, 100}, {10, 5, 500}, {3, 1, 334}, {10, 99, 1000}, {1000, 1, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const uint32_t rate = cases[i].rate;
    struct bucket bucket;
    bucket_init(&bucket, rate, NOW_MS);
    (void)take_all(&bucket, rate, NOW_MS);
    assert_int_equal(bucket_wait_ms(&bucket, rate, cases[i].count, NOW_MS), cases[i].wait_ms);
    const uint64_t then_ms = NOW_MS + cases[i].wait_ms;
    assert_int_equal(bucket_wait_ms(&bucket, rate, cases[i].count, then_ms), 0);
    assert_false(bucket_take(&bucket, rate, NOW_MS));
    assert_true(bucket_take(&bucket, rate, then_ms));
  }
}

/* One that was never filled is full by the time that anybody asks; a clock that stands is none. */
static void test_zeroed(void **state) {
  (void)state;
  struct bucket bucket = {0};
  assert_int_equal(take_all(&bucket, 5, NOW_MS), 5);
  assert_false(bucket_take(&bucket, 5, NOW_MS - 10));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_holds_a_second),
      cmocka_unit_test(test_fractions_add_up),
      cmocka_unit_test(test_waits),
      cmocka_unit_test(test_zeroed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
