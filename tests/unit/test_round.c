/* Rounds over endpoints: each once, the last good one first, what failed for good left out. */
#include "round.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The whole round, a digit each: 213 is the second, the first, the third. 0: none. */
static unsigned dialed(struct round *round) {
  unsigned digits = 0;
  round_begin(round);
  while (round_next(round))
    digits = digits * 10 + round->now + 1;
  return digits;
}

static void each_is_dialed_once_in_the_order_given(void **state) {
  (void)state;
  struct round round;
  round_init(&round, 3);
  assert_int_equal(dialed(&round), 123);
  assert_int_equal(dialed(&round), 123);
  round_init(&round, 1);
  assert_int_equal(dialed(&round), 1);
}

static void the_last_good_one_comes_first(void **state) {
  (void)state;
  struct round round;
  round_init(&round, 3);
  round_begin(&round);
  assert_true(round_next(&round) && round_next(&round));
  round_prefer(&round);
  assert_int_equal(dialed(&round), 213);
  assert_int_equal(dialed(&round), 213); /* until another opens */
}

static void one_that_is_left_gives_way_to_the_one_behind_it(void **state) {
  (void)state;
  struct round round;
  round_init(&round, 3);
  round_begin(&round);
  assert_true(round_next(&round));
  round_prefer(&round);
  round_pass(&round);
  assert_int_equal(dialed(&round), 213);
  round_init(&round, 1);
  round_pass(&round);
  assert_int_equal(dialed(&round), 1);
}

static void what_failed_for_good_is_left_out_until_forgiven(void **state) {
  (void)state;
  struct round round;
  round_init(&round, 3);
  round_begin(&round);
  assert_true(round_next(&round));
  assert_true(round_has_other(&round));
  round_exclude(&round);
  assert_int_equal(dialed(&round), 23);
  round_begin(&round);
  assert_true(round_next(&round));
  round_exclude(&round);
  assert_true(round_has_next(&round) && round_has_other(&round));
  assert_true(round_next(&round));
  assert_false(round_has_next(&round));
  assert_false(round_has_other(&round));
  round_exclude(&round);
  assert_int_equal(dialed(&round), 0);
  round_forgive(&round);
  assert_int_equal(dialed(&round), 123);
}

static void passing_skips_what_failed_for_good(void **state) {
  (void)state;
  struct round round;
  round_init(&round, 3);
  round_begin(&round);
  assert_true(round_next(&round) && round_next(&round));
  round_exclude(&round); /* the second */
  round_begin(&round);
  assert_true(round_next(&round));
  round_pass(&round);
  assert_int_equal(dialed(&round), 31);
}

static void as_many_as_there_may_be(void **state) {
  (void)state;
  struct round round;
  unsigned count = 0;
  round_init(&round, ROUND_ENDPOINTS_MAX);
  round_begin(&round);
  while (round_next(&round))
    assert_int_equal(round.now, count++);
  assert_int_equal(count, ROUND_ENDPOINTS_MAX);
  assert_true(round_has_other(&round));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_is_dialed_once_in_the_order_given),
      cmocka_unit_test(the_last_good_one_comes_first),
      cmocka_unit_test(one_that_is_left_gives_way_to_the_one_behind_it),
      cmocka_unit_test(what_failed_for_good_is_left_out_until_forgiven),
      cmocka_unit_test(passing_skips_what_failed_for_good),
      cmocka_unit_test(as_many_as_there_may_be),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
