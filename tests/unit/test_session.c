/* States, retries, disconnect and the network: section 3 of the contract, as a driver sees it. */
#include "session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LOST                                                                                       \
  "error connection_lost; ended; CONNECTED>DISCONNECTED lost; retry 1/10 1000; "                   \
  "DISCONNECTED>RECONNECTING retry"

static struct rig rig;

static int set_up(void **state) {
  (void)state;
  rig_init(&rig);
  return 0;
}

static const struct failure cut = {.kind = FAILURE_CONNECTION_LOST,
                                   .retry_after_ms = SESSION_NEVER};

/* ---- opening ---- */

static void opening_is_reported_before_the_state(void **state) {
  (void)state;
  assert_int_equal(session_get_state(&rig.session), STATE_CLOSED);
  rig_connect(&rig);
  rig_expect(&rig, "CLOSED>CONNECTING connect; dial");
  rig_open(&rig);
  rig_expect(&rig, "opened; CONNECTING>CONNECTED opened");
  assert_int_equal(session_get_state(&rig.session), STATE_CONNECTED);
  assert_int_equal(session_get_reason(&rig.session), REASON_OPENED);
  assert_true(session_is_open(&rig.session));
  assert_int_equal(rig_metrics(&rig).reconnects, 0);
}

static void connect_while_dialing_or_connected_does_nothing(void **state) {
  (void)state;
  rig_connect(&rig);
  rig_forget(&rig);
  rig_connect(&rig);
  rig_expect(&rig, "");
  rig_open(&rig);
  rig_forget(&rig);
  rig_connect(&rig);
  rig_expect(&rig, "");
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 1000);
  rig_forget(&rig);
  rig_connect(&rig); /* the redial is under way */
  rig_expect(&rig, "");
}

/* ---- losses ---- */

static void a_loss_is_reported_once_and_in_order(void **state) {
  (void)state;
  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_expect(&rig, LOST);
  assert_int_equal(session_next_retry_at(&rig.session), rig.now_ms + 1000);
  assert_int_equal(session_attempt(&rig.session), 1);
  rig_lose(&rig, FAILURE_CONNECTION_LOST); /* once more for the same link: too late */
  rig_expect(&rig, "");
  rig_pass(&rig, 999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, "dial");
  assert_true(session_next_retry_at(&rig.session) == SESSION_NEVER);
  rig_open(&rig);
  rig_expect(&rig, "opened; RECONNECTING>CONNECTED opened");
  assert_int_equal(rig_metrics(&rig).reconnects, 1);
}

static void a_failed_first_dial_passes_through_disconnected(void **state) {
  (void)state;
  rig_connect(&rig);
  rig_forget(&rig);
  rig_lose(&rig, FAILURE_CONNECT_REFUSED);
  rig_expect(&rig, "error connect_refused; CONNECTING>DISCONNECTED lost; retry 1/10 1000; "
                   "DISCONNECTED>RECONNECTING retry");
}

static void a_failed_redial_changes_no_state(void **state) {
  (void)state;
  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 1000);
  rig_forget(&rig);
  rig_lose(&rig, FAILURE_CONNECT_REFUSED);
  rig_expect(&rig, "error connect_refused; retry 2/10 1500");
  rig_pass(&rig, 1500);
  rig_expect(&rig, "dial");
}

static void ten_retries_are_eleven_dials(void **state) {
  (void)state;
  unsigned dials = 1;
  rig_connect(&rig);
  for (int i = 0; i < 10; i++, dials++) {
    rig_lose(&rig, FAILURE_CONNECT_REFUSED);
    assert_int_equal(session_attempt(&rig.session), i + 1);
    rig_pass(&rig, rig.last_delay_ms);
  }
  rig_forget(&rig);
  rig_lose(&rig, FAILURE_CONNECT_REFUSED);
  rig_expect(&rig, "error connect_refused; error gave_up final; RECONNECTING>FAILED gave_up");
  assert_int_equal(dials, 11);
  assert_int_equal(session_attempt(&rig.session), 10);
  assert_true(session_deadline(&rig.session) == SESSION_NEVER);
}

static void no_retries_fail_at_the_first_loss(void **state) {
  (void)state;
  rig.config.backoff.max_retries = 0;
  rig_connect(&rig);
  rig_forget(&rig);
  rig_lose(&rig, FAILURE_CONNECT_REFUSED);
  rig_expect(&rig, "error connect_refused; CONNECTING>DISCONNECTED lost; error gave_up final; "
                   "DISCONNECTED>FAILED gave_up");
  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_expect(&rig, "error connection_lost; ended; CONNECTED>DISCONNECTED lost; "
                   "error gave_up final; DISCONNECTED>FAILED gave_up");
}

static void forever_never_gives_up(void **state) {
  (void)state;
  rig.config.backoff.max_retries = BACKOFF_FOREVER;
  rig_connect(&rig);
  rig.session.attempt = UINT32_MAX - 2; /* as after a hundred thousand years */
  for (int i = 0; i < 5; i++) {
    rig_lose(&rig, FAILURE_CONNECT_REFUSED);
    assert_int_equal(session_get_state(&rig.session), STATE_RECONNECTING);
    assert_int_equal(rig.last_delay_ms, 60000);
    rig_pass(&rig, rig.last_delay_ms);
  }
  assert_int_equal(session_attempt(&rig.session), UINT32_MAX);
}

static void critical_errors_are_not_retried(void **state) {
  (void)state;
  rig_connect(&rig);
  rig_forget(&rig);
  rig_lose(&rig, FAILURE_TLS_VERIFY);
  rig_expect(&rig, "error tls_verify final; CONNECTING>ERROR critical");
  rig_start(&rig);
  rig_lose(&rig, FAILURE_MESSAGE_TOO_BIG);
  rig_expect(&rig, "error message_too_big final; ended; CONNECTED>DISCONNECTED lost; "
                   "DISCONNECTED>ERROR critical");
  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 1000);
  rig_forget(&rig);
  rig_lose(&rig, FAILURE_TLS_VERIFY);
  rig_expect(&rig, "error tls_verify final; RECONNECTING>ERROR critical");
  assert_true(session_deadline(&rig.session) == SESSION_NEVER);
}

static void the_application_may_overrule(void **state) {
  (void)state;
  rig_start(&rig);
  const struct failure not_found = {.kind = FAILURE_TLS_VERIFY, .retry_after_ms = SESSION_NEVER};
  rig_lose_by(&rig, &not_found, VERDICT_BACK_OFF);
  rig_expect(&rig, "error tls_verify; ended; CONNECTED>DISCONNECTED lost; retry 1/10 1000; "
                   "DISCONNECTED>RECONNECTING retry");
  rig_pass(&rig, 1000);
  rig_forget(&rig);
  rig_lose_by(&rig, &cut, VERDICT_GIVE_UP);
  rig_expect(&rig, "error connection_lost final; RECONNECTING>ERROR critical");
}

static void retry_now_is_counted_and_bounded(void **state) {
  (void)state;
  rig_connect(&rig);
  rig_forget(&rig);
  for (int i = 1; i <= 10; i++) {
    rig_lose_by(&rig, &cut, VERDICT_RETRY_NOW);
    assert_int_equal(rig.last_delay_ms, 0);
    assert_int_equal(session_attempt(&rig.session), i);
    assert_int_equal(session_deadline(&rig.session), rig.now_ms);
    rig_pass(&rig, 0);
  }
  rig_forget(&rig);
  rig_lose_by(&rig, &cut, VERDICT_RETRY_NOW);
  rig_expect(&rig, "error connection_lost; error gave_up final; RECONNECTING>FAILED gave_up");
}

static void a_redial_is_no_attempt(void **state) {
  (void)state;
  rig_start(&rig);
  rig_lose_by(&rig, &cut, VERDICT_REDIAL);
  assert_int_equal(rig.last_delay_ms, 0);
  assert_int_equal(session_attempt(&rig.session), 0);
  rig_pass(&rig, 0);
  rig_open(&rig);
  rig.config.backoff.max_retries = 0; /* not one retry is left, and none is needed */
  rig_forget(&rig);
  rig_lose_by(&rig, &cut, VERDICT_REDIAL);
  rig_expect(&rig, "error connection_lost; ended; CONNECTED>DISCONNECTED lost; retry 0/0 0; "
                   "DISCONNECTED>RECONNECTING retry");
}

static void a_move_is_no_attempt_and_spreads(void **state) {
  (void)state;
  rig_start(&rig);
  rig.config.backoff.max_retries = 0;
  rig_lose_by(&rig, &cut, VERDICT_MOVE);
  assert_in_range(rig.last_delay_ms, 0, 49);
  assert_int_equal(session_attempt(&rig.session), 0);
  rig_pass(&rig, 50);
  rig_open(&rig);
  assert_int_equal(session_get_state(&rig.session), STATE_CONNECTED);
}

/* Not all at the same moment: that is what the spread is for. */
static void moves_differ(void **state) {
  uint64_t least = UINT64_MAX, most = 0;
  (void)state;
  rig_start(&rig);
  for (int i = 0; i < 50; i++) {
    rig_lose_by(&rig, &cut, VERDICT_MOVE);
    least = rig.last_delay_ms < least ? rig.last_delay_ms : least;
    most = rig.last_delay_ms > most ? rig.last_delay_ms : most;
    rig_pass(&rig, 50);
    rig_open(&rig);
  }
  assert_true(least < 10 && most > 40);
  assert_int_equal(session_attempt(&rig.session), 0);
}

static void a_move_without_a_way_waits_for_the_network(void **state) {
  (void)state;
  rig_start(&rig);
  session_network_down(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_lose_by(&rig, &cut, VERDICT_MOVE);
  rig_expect(&rig, "error connection_lost; ended; CONNECTED>DISCONNECTED lost; "
                   "DISCONNECTED>WAITING_FOR_NETWORK network_down");
  assert_int_equal(session_attempt(&rig.session), 0);
}

/* ---- the counter ---- */

static void a_stable_link_resets_the_counter(void **state) {
  (void)state;
  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 1000);
  rig_open(&rig);
  rig_pass(&rig, 4999);
  assert_int_equal(session_attempt(&rig.session), 1);
  rig_pass(&rig, 1);
  assert_int_equal(session_attempt(&rig.session), 0);
}

/* Lost in the very millisecond in which it became stable, before any tick. */
static void stability_needs_no_tick(void **state) {
  (void)state;
  for (uint64_t early = 0; early < 2; early++) {
    rig_init(&rig);
    rig_start(&rig);
    rig_lose(&rig, FAILURE_CONNECTION_LOST);
    rig_pass(&rig, 1000);
    rig_open(&rig);
    rig.now_ms += 5000 - early;
    rig_lose(&rig, FAILURE_CONNECTION_LOST);
    assert_int_equal(rig.last_delay_ms, early ? 1500 : 1000);
  }
}

static void the_application_may_vouch_for_a_link(void **state) {
  (void)state;
  session_healthy(&rig.session, rig.now_ms); /* no link: nothing */
  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 1000);
  session_healthy(&rig.session, rig.now_ms);
  assert_int_equal(session_attempt(&rig.session), 1);
  rig_open(&rig);
  session_healthy(&rig.session, rig.now_ms);
  assert_int_equal(session_attempt(&rig.session), 0);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  assert_int_equal(rig.last_delay_ms, 1000);
}

static void connect_from_rest_starts_anew(void **state) {
  (void)state;
  rig.config.backoff.max_retries = 1;
  rig_connect(&rig);
  rig_lose(&rig, FAILURE_DNS);
  rig_pass(&rig, 1000);
  rig_lose(&rig, FAILURE_DNS);
  rig_forget(&rig);
  rig_connect(&rig);
  rig_expect(&rig, "FAILED>CONNECTING connect; dial");
  assert_int_equal(session_attempt(&rig.session), 0);
  rig_lose(&rig, FAILURE_TLS_VERIFY);
  rig_forget(&rig);
  rig_connect(&rig);
  rig_expect(&rig, "ERROR>CONNECTING connect; dial");
}

static void connect_while_waiting_tries_now(void **state) {
  (void)state;
  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_forget(&rig);
  rig_connect(&rig);
  rig_expect(&rig, "dial");
  assert_int_equal(session_attempt(&rig.session), 1); /* kept */
  rig_pass(&rig, 100000);                             /* the delay is forgotten */
  rig_expect(&rig, "");
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_expect(&rig, "error connection_lost; retry 2/10 1500");
}

/* ---- delays ---- */

struct spread_case {
  struct failure failure;
  uint64_t low_ms, high_ms;
};

static void hints_and_restarts_change_the_delay(void **state) {
  (void)state;
  static const struct spread_case cases[] = {
      {{.kind = FAILURE_CONNECTION_LOST, .retry_after_ms = SESSION_NEVER}, 500, 1000},
      {{.kind = FAILURE_HTTP_STATUS, .http_status = 503, .retry_after_ms = 20000}, 20000, 30000},
      {{.kind = FAILURE_HTTP_STATUS, .http_status = 429, .retry_after_ms = 20000}, 20000, 30000},
      {{.kind = FAILURE_HTTP_STATUS, .http_status = 429, .retry_after_ms = 0}, 500, 1500},
      {{.kind = FAILURE_HTTP_STATUS, .http_status = 500, .retry_after_ms = 20000}, 500, 1000},
      {{.kind = FAILURE_HTTP_STATUS, .http_status = 503, .retry_after_ms = SESSION_NEVER},
       500,
       1000},
      {{.kind = FAILURE_CLOSED_BY_PEER, .close_code = 1012, .retry_after_ms = SESSION_NEVER},
       500,
       6000},
      {{.kind = FAILURE_CLOSED_BY_PEER, .close_code = 1013, .retry_after_ms = SESSION_NEVER},
       500,
       6000},
      {{.kind = FAILURE_CLOSED_BY_PEER, .close_code = 1011, .retry_after_ms = SESSION_NEVER},
       500,
       1000},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    uint64_t least = UINT64_MAX, most = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
      rig_init(&rig);
      rig.config.backoff.jitter = JITTER_EQUAL;
      session_init(&rig.session, &rig.config, seed);
      rig_start(&rig);
      rig_lose_by(&rig, &cases[i].failure, VERDICT_BACK_OFF);
      least = rig.last_delay_ms < least ? rig.last_delay_ms : least;
      most = rig.last_delay_ms > most ? rig.last_delay_ms : most;
    }
    const uint64_t range = cases[i].high_ms - cases[i].low_ms;
    assert_in_range(least, cases[i].low_ms, cases[i].low_ms + range / 4);
    assert_in_range(most, cases[i].high_ms - range / 4, cases[i].high_ms - 1);
  }
}

static void decorrelated_jitter_remembers_the_delay_before(void **state) {
  (void)state;
  rig.config.backoff.jitter = JITTER_DECORRELATED;
  rig.config.backoff.max_retries = BACKOFF_FOREVER;
  uint64_t previous_ms = 1000, most_ms = 0;
  rig_start(&rig);
  for (int i = 0; i < 200; i++) {
    rig_lose(&rig, FAILURE_CONNECTION_LOST);
    assert_in_range(rig.last_delay_ms, 1000, 3 * previous_ms);
    assert_true(rig.last_delay_ms <= 60000);
    previous_ms = rig.last_delay_ms;
    most_ms = previous_ms > most_ms ? previous_ms : most_ms;
    rig_pass(&rig, previous_ms);
  }
  assert_true(most_ms > 30000);
  rig_open(&rig);
  rig_pass(&rig, 5000);
  rig_lose(&rig, FAILURE_CONNECTION_LOST); /* stable: back to the initial delay */
  assert_in_range(rig.last_delay_ms, 1000, 3000);
}

static void the_same_seed_gives_the_same_delays(void **state) {
  (void)state;
  static struct rig other;
  rig_init(&other);
  rig.config.backoff.jitter = other.config.backoff.jitter = JITTER_FULL;
  rig_connect(&rig);
  rig_connect(&other);
  for (int i = 0; i < 10; i++) {
    rig_lose(&rig, FAILURE_DNS);
    rig_lose(&other, FAILURE_DNS);
    assert_int_equal(rig.last_delay_ms, other.last_delay_ms);
    rig_pass(&rig, rig.last_delay_ms);
    rig_pass(&other, other.last_delay_ms);
  }
}

/* ---- hold until ready ---- */

static void the_queue_waits_for_ready(void **state) {
  (void)state;
  rig.config.hold_until_ready = true;
  session_ready(&rig.session, rig.now_ms); /* no link: nothing */
  rig_send(&rig, 1);
  rig_connect(&rig);
  rig_open(&rig);
  rig_expect(&rig, "CLOSED>CONNECTING connect; dial; opened; CONNECTING>CONNECTED opened");
  assert_true(session_is_open(&rig.session)); /* "now" messages may go */
  assert_false(session_is_clear(&rig.session));
  session_ready(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "write 0");
  rig_flush(&rig);
  assert_true(session_is_clear(&rig.session));
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 1000);
  rig_open(&rig);
  assert_false(session_is_clear(&rig.session)); /* each link anew */
}

static void not_ready_in_time_is_a_loss(void **state) {
  (void)state;
  rig.config.hold_until_ready = true;
  rig_start(&rig);
  rig_pass(&rig, 9999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, "late; " LOST);

  rig_pass(&rig, 1000);
  rig_open(&rig);
  session_ready(&rig.session, rig.now_ms);
  rig_forget(&rig);
  rig_pass(&rig, 10000); /* no longer relevant */
  rig_expect(&rig, "");
}

/* ---- figures ---- */

static void outages_are_measured(void **state) {
  (void)state;
  rig_start(&rig);
  rig_pass(&rig, 7000);
  assert_int_equal(rig_metrics(&rig).connection_duration_ms, 7000);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 1000);
  assert_int_equal(rig_metrics(&rig).downtime_ms, 1000); /* so far */
  assert_int_equal(rig_metrics(&rig).connection_duration_ms, 0);
  rig_pass(&rig, 500);
  rig_open(&rig);
  assert_int_equal(rig_metrics(&rig).downtime_ms, 1500);
  assert_int_equal(rig_metrics(&rig).longest_outage_ms, 1500);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 300);
  assert_int_equal(rig_metrics(&rig).downtime_ms, 1800);
  assert_int_equal(rig_metrics(&rig).longest_outage_ms, 1500);
  rig_disconnect(&rig); /* by wish: no outage any more */
  rig_pass(&rig, 10000);
  assert_int_equal(rig_metrics(&rig).downtime_ms, 1800);
}

static void traffic_is_counted(void **state) {
  (void)state;
  session_received(&rig.session, 3, 300);
  session_received(&rig.session, 1, 50);
  session_sent(&rig.session, 2, 20);
  const struct session_metrics m = rig_metrics(&rig);
  assert_int_equal(m.messages_in, 4);
  assert_int_equal(m.bytes_in, 350);
  assert_int_equal(m.messages_out, 2);
  assert_int_equal(m.bytes_out, 20);
}

static void a_session_is_small(void **state) {
  (void)state;
  assert_true(sizeof(struct session) <= 408);
}

/* ---- pauses ---- */

/* Nothing is asked while nothing is read, and an answer that was awaited has its time again. */
static void nothing_is_late_while_the_application_reads_nothing(void **state) {
  (void)state;
  rig_start(&rig);
  rig_pass(&rig, rig.config.heartbeat_interval_ms);
  rig_flush(&rig);
  rig_forget(&rig); /* a question is out */
  session_pause(&rig.session, rig.now_ms, true);
  rig_pass(&rig, 10 * (uint64_t)rig.config.heartbeat_interval_ms);
  rig_expect(&rig, "");
  session_pause(&rig.session, rig.now_ms, false);
  rig_pass(&rig, rig.config.heartbeat_timeout_ms - 1);
  rig_expect(&rig, "");
  assert_int_equal(session_get_state(&rig.session), STATE_CONNECTED);
  rig_pass(&rig, 1);
  assert_int_not_equal(session_get_state(&rig.session), STATE_CONNECTED);
}

static void a_pause_asks_nothing(void **state) {
  (void)state;
  rig_start(&rig);
  session_pause(&rig.session, rig.now_ms, true);
  rig_pass(&rig, 3 * (uint64_t)rig.config.heartbeat_interval_ms);
  rig_expect(&rig, "");
  session_pause(&rig.session, rig.now_ms, false);
  rig_take(&rig);
  assert_int_equal(rig.question.counter, 1);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(opening_is_reported_before_the_state),
      TEST(connect_while_dialing_or_connected_does_nothing),
      TEST(a_loss_is_reported_once_and_in_order),
      TEST(a_failed_first_dial_passes_through_disconnected),
      TEST(a_failed_redial_changes_no_state),
      TEST(ten_retries_are_eleven_dials),
      TEST(no_retries_fail_at_the_first_loss),
      TEST(forever_never_gives_up),
      TEST(critical_errors_are_not_retried),
      TEST(the_application_may_overrule),
      TEST(retry_now_is_counted_and_bounded),
      TEST(a_redial_is_no_attempt),
      TEST(a_move_is_no_attempt_and_spreads),
      TEST(moves_differ),
      TEST(a_move_without_a_way_waits_for_the_network),
      TEST(a_stable_link_resets_the_counter),
      TEST(stability_needs_no_tick),
      TEST(the_application_may_vouch_for_a_link),
      TEST(connect_from_rest_starts_anew),
      TEST(connect_while_waiting_tries_now),
      TEST(hints_and_restarts_change_the_delay),
      TEST(decorrelated_jitter_remembers_the_delay_before),
      TEST(the_same_seed_gives_the_same_delays),
      TEST(the_queue_waits_for_ready),
      TEST(not_ready_in_time_is_a_loss),
      TEST(outages_are_measured),
      TEST(traffic_is_counted),
      TEST(a_session_is_small),
      TEST(nothing_is_late_while_the_application_reads_nothing),
      TEST(a_pause_asks_nothing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
