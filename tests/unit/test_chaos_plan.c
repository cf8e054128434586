/* Which faults are on, for whom, and when. */
#include "plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint64_t add(struct plan *plan, const char *text, uint64_t connection, uint64_t now_ms) {
  struct command command;
  char error[FAULT_ERROR_CAP];
  assert_true(command_parse(text, strlen(text), &command, error));
  return plan_add(plan, &command.fault, connection, now_ms);
}

static struct plan_flow flow_of(const struct plan *plan, uint64_t connection,
                                enum fault_direction way) {
  struct plan_flow flow;
  plan_flow(plan, connection, way, &flow);
  return flow;
}

static void test_directions_and_replacing(void **state) {
  (void)state;
  struct plan plan = {.seed = 1};
  add(&plan, "delay 100ms jitter 5ms", 0, 0);
  add(&plan, "delay up 10ms", 0, 0);
  assert_int_equal(plan.count, 2);
  assert_int_equal(flow_of(&plan, 1, FAULT_UP).delay_ms, 10);
  assert_int_equal(flow_of(&plan, 1, FAULT_UP).jitter_ms, 0);
  assert_int_equal(flow_of(&plan, 1, FAULT_DOWN).delay_ms, 100);
  add(&plan, "delay 7ms", 0, 0);
  assert_int_equal(plan.count, 1);
  assert_int_equal(flow_of(&plan, 1, FAULT_UP).delay_ms, 7);
  assert_true(plan_flow_needs_copy(&(struct plan_flow){.delay_ms = 1}));
  const struct plan_flow frozen = {.is_frozen = true};
  assert_false(plan_flow_needs_copy(&frozen));
}

static void test_one_connection(void **state) {
  (void)state;
  struct plan plan = {.seed = 1};
  add(&plan, "throttle 500", 2, 0);
  add(&plan, "throttle 1000", 0, 0);
  assert_int_equal(flow_of(&plan, 1, FAULT_UP).bytes_per_s, 1000);
  assert_int_equal(flow_of(&plan, 2, FAULT_UP).bytes_per_s, 500);
  assert_int_equal(plan_clear(&plan, 2, FAULT_KINDS_COUNT), 1);
  assert_int_equal(flow_of(&plan, 2, FAULT_UP).bytes_per_s, 1000);
  assert_int_equal(plan_clear(&plan, 0, FAULT_FREEZE), 0);
  assert_int_equal(plan_clear(&plan, 0, FAULT_THROTTLE), 1);
}

static void test_parts(void **state) {
  (void)state;
  struct plan plan = {.seed = 5}, other = {.seed = 6};
  add(&plan, "freeze for 30%", 0, 0);
  add(&other, "freeze for 30%", 0, 0);
  unsigned count = 0, difference = 0;
  for (uint64_t id = 1; id <= 10000; id++) {
    const bool is_frozen = flow_of(&plan, id, FAULT_UP).is_frozen;
    assert_int_equal(is_frozen, flow_of(&plan, id, FAULT_DOWN).is_frozen);
    count += is_frozen;
    difference += is_frozen != flow_of(&other, id, FAULT_UP).is_frozen;
  }
  assert_in_range(count, 2800, 3200);
  assert_true(difference > 1000);
}

static void test_bound(void **state) {
  (void)state;
  struct plan plan = {.seed = 1};
  for (uint64_t id = 1; id <= PLAN_FAULTS_MAX; id++)
    assert_true(add(&plan, "freeze", id, 0) != 0);
  assert_int_equal(add(&plan, "freeze", 1000, 0), 0);
  assert_true(add(&plan, "freeze", 5, 0) != 0);
  assert_int_equal(plan.count, PLAN_FAULTS_MAX);
}

static void test_ends(void **state) {
  (void)state;
  struct plan plan = {.seed = 1};
  const struct plan_fault *by = NULL;
  assert_true(plan_end_age_ms(&plan, 1, &by) == PLAN_NEVER);
  assert_null(by);
  add(&plan, "reset after 5s", 0, 0);
  add(&plan, "close after 3s", 0, 0);
  assert_int_equal(plan_end_age_ms(&plan, 1, &by), 3000);
  assert_int_equal(by->fault.kind, FAULT_CLOSE);
}

/* One connection is to outlive the others, another is to end before them. */
static void test_own_ends_stand_above_those_for_all(void **state) {
  (void)state;
  struct plan plan = {.seed = 1};
  const struct plan_fault *by = NULL;
  add(&plan, "reset after 1h", 2, 0);
  add(&plan, "reset after 5s", 0, 0);
  add(&plan, "reset after 1s", 3, 0);
  assert_int_equal(plan_end_age_ms(&plan, 1, &by), 5000);
  assert_int_equal(plan_end_age_ms(&plan, 2, &by), 3600000);
  assert_int_equal(plan_end_age_ms(&plan, 3, &by), 1000);
  add(&plan, "close after 7s", 0, 0);
  assert_int_equal(plan_end_age_ms(&plan, 2, &by), 7000);
  assert_int_equal(by->fault.kind, FAULT_CLOSE);
}

static void test_flap(void **state) {
  (void)state;
  struct plan plan = {.seed = 1};
  const uint64_t id = add(&plan, "flap 3s 2s", 0, 1000);
  assert_null(plan_flap(&plan, 1000));
  assert_false(plan_refuses_all(&plan));
  assert_int_equal(plan_next_flap_ms(&plan, 1000), 4000);
  assert_null(plan_flap(&plan, 3999));
  assert_int_equal(plan_flap(&plan, 4000)->id, id);
  assert_true(plan_refuses_all(&plan));
  assert_non_null(plan_refuses(&plan, 1));
  assert_null(plan_flap(&plan, 4000));
  assert_int_equal(plan_next_flap_ms(&plan, 4000), 6000);
  assert_non_null(plan_flap(&plan, 6000));
  assert_false(plan_refuses_all(&plan));
  assert_int_equal(plan_next_flap_ms(&plan, 6001), 9000);
  assert_true(plan_next_flap_ms(&(struct plan){.count = 0}, 0) == PLAN_NEVER);
}

static void test_refusing_a_part(void **state) {
  (void)state;
  struct plan plan = {.seed = 1};
  add(&plan, "refuse for 99%", 0, 0);
  assert_false(plan_refuses_all(&plan));
  assert_true(plan_has(&plan, FAULT_REFUSE));
  assert_false(plan_has(&plan, FAULT_CUT));
  add(&plan, "refuse", 0, 0);
  assert_true(plan_refuses_all(&plan));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_directions_and_replacing),
      cmocka_unit_test(test_one_connection),
      cmocka_unit_test(test_parts),
      cmocka_unit_test(test_bound),
      cmocka_unit_test(test_ends),
      cmocka_unit_test(test_own_ends_stand_above_those_for_all),
      cmocka_unit_test(test_flap),
      cmocka_unit_test(test_refusing_a_part),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
