#include "delays.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define RETRIES 10

static struct backoff_config with_jitter(enum backoff_jitter jitter) {
  return (struct backoff_config){
      .initial_delay_ms = 1000, .max_delay_ms = 60000, .multiplier = 1.5, .jitter = jitter};
}

static void fill(enum backoff_jitter jitter, struct delays_row *rows, uint32_t count) {
  const struct backoff_config config = with_jitter(jitter);
  delays_fill(&config, rows, count);
}

static void ten_retries_take_57_to_113_seconds(void **state) {
  struct delays_row rows[RETRIES];
  (void)state;
  fill(JITTER_EQUAL, rows, RETRIES);
  const struct delay_range *sum = &rows[RETRIES - 1].sum;
  assert_in_range((uint64_t)sum->min, 56500, 57499);
  assert_in_range((uint64_t)sum->mean, 84500, 85499);
  assert_in_range((uint64_t)sum->max, 112500, 113499);
}

static void without_jitter_all_are_one(void **state) {
  struct delays_row rows[RETRIES];
  (void)state;
  fill(JITTER_NONE, rows, RETRIES);
  assert_int_equal((uint64_t)rows[2].delay.mean, 2250);
  for (int i = 0; i < RETRIES; i++) {
    assert_true(rows[i].delay.min == rows[i].delay.mean);
    assert_true(rows[i].delay.max == rows[i].delay.mean);
  }
}

static void the_cap_holds(void **state) {
  struct delays_row rows[100];
  (void)state;
  for (int jitter = JITTER_NONE; jitter <= JITTER_DECORRELATED; jitter++) {
    fill((enum backoff_jitter)jitter, rows, 100);
    assert_in_range((uint64_t)rows[99].delay.max, 59999, 60000);
    assert_true(rows[99].delay.mean <= rows[99].delay.max);
    assert_true(rows[99].delay.min <= rows[99].delay.mean);
  }
}

/* The first is even over 1-3 s, the second over 1 s to three times the first: 3.5 s on average. */
static void decorrelated_means_are_those_of_chains(void **state) {
  struct delays_row rows[2];
  (void)state;
  fill(JITTER_DECORRELATED, rows, 2);
  assert_in_range((uint64_t)rows[0].delay.mean, 1980, 2020);
  assert_in_range((uint64_t)rows[1].delay.mean, 3450, 3550);
  assert_int_equal((uint64_t)rows[1].delay.min, 1000);
  assert_in_range((uint64_t)rows[1].delay.max, 8990, 9000);
}

static void sums_add_up(void **state) {
  struct delays_row rows[RETRIES];
  (void)state;
  fill(JITTER_FULL, rows, RETRIES);
  double sum = 0;
  for (int i = 0; i < RETRIES; i++) {
    sum += rows[i].delay.max;
    assert_true(rows[i].sum.max == sum);
    assert_true(rows[i].sum.min == 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ten_retries_take_57_to_113_seconds),
      cmocka_unit_test(without_jitter_all_are_one),
      cmocka_unit_test(the_cap_holds),
      cmocka_unit_test(decorrelated_means_are_those_of_chains),
      cmocka_unit_test(sums_add_up),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
