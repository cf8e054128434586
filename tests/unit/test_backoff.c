#include "backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ALMOST_1 0.999999
#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct backoff_config with_jitter(enum backoff_jitter jitter) {
  return (struct backoff_config){.max_retries = 10,
                                 .initial_delay_ms = 1000,
                                 .max_delay_ms = 60000,
                                 .retry_after_max_ms = 300000,
                                 .multiplier = 1.5,
                                 .jitter = jitter};
}

struct delay_case {
  enum backoff_jitter jitter;
  uint32_t attempt;
  double unit;
  uint64_t previous_ms, delay_ms;
};

static void delays_are_those_of_the_contract(void **state) {
  (void)state;
  static const struct delay_case cases[] = {
      {JITTER_NONE, 0, 0.3, 0, 1000},
      {JITTER_NONE, 1, 0.3, 0, 1500},
      {JITTER_NONE, 2, 0.3, 0, 2250},
      {JITTER_NONE, 10, 0.3, 0, 57665},
      {JITTER_NONE, 11, 0.3, 0, 60000},
      {JITTER_NONE, UINT32_MAX, 0.3, 0, 60000},
      {JITTER_EQUAL, 0, 0.0, 0, 500},
      {JITTER_EQUAL, 0, 0.5, 0, 750},
      {JITTER_EQUAL, 0, ALMOST_1, 0, 999},
      {JITTER_EQUAL, 50, 0.0, 0, 30000},
      {JITTER_EQUAL, 50, ALMOST_1, 0, 59999},
      {JITTER_FULL, 0, 0.0, 0, 0},
      {JITTER_FULL, 0, 0.25, 0, 250},
      {JITTER_FULL, 50, ALMOST_1, 0, 59999},
      {JITTER_DECORRELATED, 0, 0.0, 0, 1000},
      {JITTER_DECORRELATED, 0, 0.5, 0, 2000},
      {JITTER_DECORRELATED, 0, 0.5, 30000, 2000}, /* counter 0: the one before does not count */
      {JITTER_DECORRELATED, 1, 0.5, 2000, 3500},
      {JITTER_DECORRELATED, 1, 0.5, 0, 2000},
      {JITTER_DECORRELATED, 9, ALMOST_1, 40000, 59999},
      {JITTER_DECORRELATED, 9, 0.0, 40000, 1000},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    const struct delay_case *c = &cases[i];
    const struct backoff_config config = with_jitter(c->jitter);
    const uint64_t delay_ms = backoff_delay(&config, c->attempt, c->unit, c->previous_ms);
    if (delay_ms != c->delay_ms)
      fail_msg("case %zu: %llu", i, (unsigned long long)delay_ms);
  }
}

static void the_extremes_of_the_options_hold(void **state) {
  (void)state;
  struct backoff_config config = with_jitter(JITTER_NONE);
  config.multiplier = 1.0;
  assert_int_equal(backoff_delay(&config, UINT32_MAX, 0, 0), 1000);
  config.multiplier = 10.0;
  config.max_delay_ms = 86400000;
  assert_int_equal(backoff_delay(&config, UINT32_MAX, 0, 0), 86400000);
  config.initial_delay_ms = config.max_delay_ms = 1;
  assert_int_equal(backoff_delay(&config, 5, 0, 0), 1);
  config.jitter = JITTER_DECORRELATED;
  assert_int_equal(backoff_delay(&config, 5, ALMOST_1, 1), 1);
}

static void ten_delays_take_57_to_113_seconds(void **state) {
  (void)state;
  const struct backoff_config config = with_jitter(JITTER_EQUAL);
  uint64_t least_ms = 0, most_ms = 0;
  for (uint32_t attempt = 0; attempt < 10; attempt++) {
    least_ms += backoff_delay(&config, attempt, 0.0, 0);
    most_ms += backoff_delay(&config, attempt, ALMOST_1, 0);
  }
  assert_in_range(least_ms, 56000, 57000);
  assert_in_range(most_ms, 113000, 114000);
}

struct hint_case {
  enum backoff_jitter jitter;
  uint64_t delay_ms, hint_ms;
  double unit;
  uint64_t expected_ms;
};

static void a_hint_is_bounded_and_spread(void **state) {
  (void)state;
  static const struct hint_case cases[] = {
      {JITTER_EQUAL, 700, 20000, 0.0, 20000},
      {JITTER_EQUAL, 700, 20000, 0.5, 25000},
      {JITTER_EQUAL, 700, 20000, ALMOST_1, 29999},
      {JITTER_EQUAL, 700, 300, 0.0, 700},
      {JITTER_EQUAL, 700, 0, 0.0, 700},
      {JITTER_EQUAL, 700, 300000, 0.0, 300000},
      {JITTER_EQUAL, 700, 300001, 0.0, 300000},
      {JITTER_EQUAL, 700, UINT64_MAX - 1, 0.0, 300000},
      {JITTER_NONE, 700, 20000, 0.9, 20000},
      {JITTER_NONE, 700, 100, 0.9, 700},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    const struct hint_case *c = &cases[i];
    const struct backoff_config config = with_jitter(c->jitter);
    assert_int_equal(backoff_with_hint(&config, c->delay_ms, c->hint_ms, c->unit), c->expected_ms);
  }
}

static void a_restarting_server_gets_up_to_5_seconds_more(void **state) {
  (void)state;
  const struct backoff_config equal = with_jitter(JITTER_EQUAL), none = with_jitter(JITTER_NONE);
  assert_int_equal(backoff_after_restart(&equal, 800, 0.0), 800);
  assert_int_equal(backoff_after_restart(&equal, 800, 0.5), 3300);
  assert_int_equal(backoff_after_restart(&equal, 800, ALMOST_1), 5799);
  assert_int_equal(backoff_after_restart(&none, 800, 0.5), 800);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(delays_are_those_of_the_contract),
      cmocka_unit_test(the_extremes_of_the_options_hold),
      cmocka_unit_test(ten_delays_take_57_to_113_seconds),
      cmocka_unit_test(a_hint_is_bounded_and_spread),
      cmocka_unit_test(a_restarting_server_gets_up_to_5_seconds_more),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
