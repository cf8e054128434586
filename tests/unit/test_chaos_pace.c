/* When bytes may leave, on a clock of the test's own. */
#include "pace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static size_t run(const struct plan_flow *flow, uint64_t from_ms, uint64_t to_ms, size_t wanted) {
  struct pace pace;
  size_t sent = 0;
  pace_init(&pace, from_ms);
  for (uint64_t now_ms = from_ms; now_ms < to_ms; now_ms++) {
    const size_t part = pace_allows(&pace, flow, wanted - sent, now_ms);
    pace_spent(&pace, flow, part, now_ms);
    sent += part;
  }
  return sent;
}

static void test_throttle(void **state) {
  (void)state;
  static const uint64_t rates[] = {1, 3, 1000, 12345, 1000000};
  for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
    const struct plan_flow flow = {.bytes_per_s = rates[i]};
    const size_t sent = run(&flow, 5000, 15001, 1U << 30);
    assert_in_range(sent, rates[i] * 10 - 1, rates[i] * 10);
  }
}

static void test_idle_time_is_not_saved_up(void **state) {
  (void)state;
  const struct plan_flow flow = {.bytes_per_s = 1000000};
  struct pace pace;
  pace_init(&pace, 0);
  assert_int_equal(pace_allows(&pace, &flow, 1U << 30, 0), 0);
  assert_in_range(pace_allows(&pace, &flow, 1U << 30, UINT64_C(1) << 40), 1, 20000);
}

static void test_next_moment_is_right(void **state) {
  (void)state;
  static const struct plan_flow flows[] = {
      {.bytes_per_s = 3}, {.ms_per_byte = 70}, {.bytes_per_s = 100, .ms_per_byte = 3}};
  for (size_t i = 0; i < sizeof flows / sizeof *flows; i++) {
    struct pace pace;
    uint64_t now_ms = 100;
    pace_init(&pace, now_ms);
    for (int sent = 0; sent < 100;) {
      const size_t part = pace_allows(&pace, &flows[i], 10, now_ms);
      pace_spent(&pace, &flows[i], part, now_ms);
      sent += (int)part;
      if (pace_allows(&pace, &flows[i], 10, now_ms) > 0)
        continue;
      const uint64_t next_ms = pace_next_ms(&pace, &flows[i]);
      assert_true(next_ms > now_ms);
      assert_int_equal(pace_allows(&pace, &flows[i], 10, next_ms - 1), 0);
      now_ms = next_ms;
      assert_true(pace_allows(&pace, &flows[i], 10, now_ms) > 0);
    }
  }
}

static void test_slow_loris(void **state) {
  (void)state;
  const struct plan_flow flow = {.ms_per_byte = 10};
  assert_int_equal(run(&flow, 0, 1000, 1000), 100);
}

static void test_delay_keeps_order(void **state) {
  (void)state;
  const struct plan_flow flow = {.delay_ms = 100, .jitter_ms = 30};
  struct pace pace;
  uint64_t last_ms = 0;
  pace_init(&pace, 0);
  for (uint64_t i = 0; i < 1000; i++) {
    const uint64_t release_ms = pace_release_ms(&pace, &flow, i, i * 7919);
    assert_in_range(release_ms, i + 70, i + 130);
    assert_true(release_ms >= last_ms);
    last_ms = release_ms;
  }
  const struct plan_flow wide = {.delay_ms = 10, .jitter_ms = 30};
  pace_init(&pace, 0);
  assert_int_equal(pace_release_ms(&pace, &wide, 50, 0), 50);
  assert_int_equal(pace_release_ms(&pace, &wide, 50, 40), 90);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_throttle),
      cmocka_unit_test(test_idle_time_is_not_saved_up),
      cmocka_unit_test(test_next_moment_is_right),
      cmocka_unit_test(test_slow_loris),
      cmocka_unit_test(test_delay_keeps_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
