#include "herd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define CLIENTS 1000
#define SECONDS 200

static struct herd_client clients[CLIENTS];
static uint32_t firsts[SECONDS * 1000];
static struct herd_second seconds[SECONDS];
static struct herd herd = {.clients = clients, .firsts = firsts, .seconds = seconds};

static const struct herd_options base = {
    .backoff = {.max_retries = BACKOFF_FOREVER,
                .initial_delay_ms = 1000,
                .max_delay_ms = 60000,
                .retry_after_max_ms = 300000,
                .multiplier = 1.5,
                .jitter = JITTER_EQUAL},
    .clients_count = CLIENTS,
    .seconds_count = SECONDS,
    .outage_ms = 20000,
    .seed = 1,
};

static struct herd_summary run(const struct herd_options *options) {
  struct herd_summary summary;
  herd_run(&herd, options);
  herd_summarise(&herd, &summary);
  return summary;
}

/* Without jitter and latency all dial in the same milliseconds: 1, 2.5, 4.75 ... s after the cut.
 */
static void without_jitter_they_come_at_once(void **state) {
  struct herd_options options = base;
  (void)state;
  options.backoff.jitter = JITTER_NONE;
  const struct herd_summary summary = run(&options);
  assert_int_equal(seconds[1].dials, CLIENTS);
  assert_int_equal(seconds[2].dials, CLIENTS);
  assert_int_equal(seconds[3].dials, 0);
  assert_int_equal(seconds[4].dials, CLIENTS);
  assert_int_equal(summary.peak, CLIENTS);
  assert_int_equal(summary.connected, CLIENTS);
  assert_int_equal(summary.half_at, summary.all_at);
}

static void jitter_spreads_them(void **state) {
  (void)state;
  const struct herd_summary summary = run(&base);
  assert_int_equal(summary.connected, CLIENTS);
  assert_in_range(summary.peak, CLIENTS / 40, CLIENTS / 4);
  assert_true(summary.half_at < summary.all_at);
}

static void the_capacity_is_kept(void **state) {
  struct herd_options options = base;
  (void)state;
  options.capacity = 30;
  const struct herd_summary summary = run(&options);
  for (int i = 0; i < SECONDS; i++)
    assert_in_range(seconds[i].accepted, 0, 33);
  assert_true(summary.turned_away > 0);
  assert_in_range(summary.connected, CLIENTS * 9 / 10, CLIENTS);
}

static void nobody_is_taken_before_the_return(void **state) {
  (void)state;
  (void)run(&base);
  for (int i = 0; i < 20; i++)
    assert_int_equal(seconds[i].connected, 0);
}

static void retries_run_out(void **state) {
  struct herd_options options = base;
  (void)state;
  options.backoff.max_retries = 3;
  const struct herd_summary summary = run(&options);
  assert_int_equal(summary.gave_up, CLIENTS);
  assert_int_equal(summary.connected, 0);
  assert_int_equal(summary.dials, 3 * CLIENTS);
  assert_int_equal(summary.all_at, UINT32_MAX);
}

/* The hint stands above the first delays: one dial, then 10-15 s of silence. */
static void a_hint_is_obeyed(void **state) {
  struct herd_options options = base;
  (void)state;
  options.service = HERD_HINTS;
  options.retry_after_ms = 10000;
  (void)run(&options);
  for (int i = 2; i < 10; i++)
    assert_int_equal(seconds[i].dials, 0);
}

/* 0.5-1 s, and up to 5 s more. */
static void a_restart_spreads_the_first_dials(void **state) {
  struct herd_options options = base;
  uint32_t first_dials = 0;
  (void)state;
  options.service = HERD_SAYS_RESTART;
  options.outage_ms = 0;
  const struct herd_summary summary = run(&options);
  for (int i = 0; i < 6; i++)
    first_dials += seconds[i].accepted;
  assert_int_equal(first_dials, CLIENTS);
  assert_in_range(summary.peak, CLIENTS / 10, CLIENTS * 3 / 10);
}

static void the_seed_decides(void **state) {
  struct herd_options options = base;
  uint32_t dials[SECONDS];
  bool differs = false;
  (void)state;
  (void)run(&options);
  for (int i = 0; i < SECONDS; i++)
    dials[i] = seconds[i].dials;
  (void)run(&options);
  for (int i = 0; i < SECONDS; i++)
    assert_int_equal(seconds[i].dials, dials[i]);
  options.seed = 2;
  (void)run(&options);
  for (int i = 0; i < SECONDS; i++)
    differs |= seconds[i].dials != dials[i];
  assert_true(differs);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_jitter_they_come_at_once),
      cmocka_unit_test(jitter_spreads_them),
      cmocka_unit_test(the_capacity_is_kept),
      cmocka_unit_test(nobody_is_taken_before_the_return),
      cmocka_unit_test(retries_run_out),
      cmocka_unit_test(a_hint_is_obeyed),
      cmocka_unit_test(a_restart_spreads_the_first_dials),
      cmocka_unit_test(the_seed_decides),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
