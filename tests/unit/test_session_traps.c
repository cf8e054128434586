/* The traps that others fell into (style.md, section 10), as far as the session can. Each test
   would fail in a session that fell into it. */
#include "session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct rig rig;

static int set_up(void **state) {
  (void)state;
  rig_init(&rig);
  return 0;
}

/* libhv#615, reconnecting-websocket#200: a server that accepts and drops is not hammered. */
static void trap_counter_reset_on_open(void **state) {
  (void)state;
  uint64_t previous_ms = 0;
  rig_connect(&rig);
  for (int i = 0; i < 10; i++) {
    rig_open(&rig);
    rig_pass(&rig, 4999); /* a millisecond short of stable */
    rig_lose(&rig, FAILURE_CONNECTION_LOST);
    assert_true(rig.last_delay_ms > previous_ms);
    previous_ms = rig.last_delay_ms;
    rig_pass(&rig, rig.last_delay_ms);
  }
  rig_open(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  assert_int_equal(session_get_state(&rig.session), STATE_FAILED);
}

/* IXWebSocket#266. */
static void trap_first_retry_after_0_ms(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 1000; seed++) {
    rig_init(&rig);
    rig.config.backoff.jitter = JITTER_EQUAL;
    session_init(&rig.session, &rig.config, seed);
    rig_start(&rig);
    rig_lose(&rig, FAILURE_CONNECTION_LOST);
    assert_in_range(rig.last_delay_ms, 500, 999);
  }
}

/* aws-c-mqtt, socket.io-client, jpillora/backoff: a fleet at the cap still spreads. */
static void trap_jitter_first_clamp_after(void **state) {
  (void)state;
  unsigned at_the_cap = 0, low = 0;
  for (uint64_t seed = 0; seed < 1000; seed++) {
    rig_init(&rig);
    rig.config.backoff.jitter = JITTER_EQUAL;
    rig.config.backoff.max_retries = BACKOFF_FOREVER;
    session_init(&rig.session, &rig.config, seed);
    rig_connect(&rig);
    rig.session.attempt = 30;
    rig_lose(&rig, FAILURE_DNS);
    at_the_cap += rig.last_delay_ms >= 59990;
    low += rig.last_delay_ms < 45000;
  }
  assert_true(at_the_cap < 10);
  assert_in_range(low, 400, 600);
}

/* nats.c#280, IXWebSocket: positions of the old stream mean nothing on the new one. */
static void trap_bytes_of_the_old_link_on_the_new_one(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 1000);
  const uint64_t old_end = rig.stream_end;
  const uint32_t old_epoch = rig.epoch;
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 1000);
  rig_open(&rig);
  rig_forget(&rig);
  session_flushed(&rig.session, rig.now_ms, old_epoch, old_end); /* the old link's last report */
  rig_take(&rig);
  rig_expect(&rig, "");
  session_written(&rig.session, rig.now_ms, old_epoch, &rig.messages[0], 1);
  session_flushed(&rig.session, rig.now_ms, rig.epoch, old_end - 1);
  rig_take(&rig);
  rig_expect(&rig, ""); /* whole or not at all */
  rig_flush(&rig);
  rig_expect(&rig, "0 written");
}

/* nats.rs#182: a flush that fails keeps its messages. */
static void trap_backlog_dropped_because_its_flush_failed(void **state) {
  (void)state;
  for (int i = 0; i < 5; i++)
    rig_send(&rig, 100);
  rig_connect(&rig);
  for (int i = 0; i < 3; i++) {
    rig_open(&rig); /* all are written, none gets out */
    rig_lose(&rig, FAILURE_CONNECTION_LOST);
    assert_int_equal(rig_metrics(&rig).queued_messages, 5);
    rig_pass(&rig, rig.last_delay_ms);
  }
  rig_forget(&rig);
  rig_open(&rig);
  rig_expect(&rig, "opened; RECONNECTING>CONNECTED opened; write 0; write 1; write 2; write 3; "
                   "write 4");
  assert_int_equal(rig.messages[0].attempts, 4);
  assert_int_equal(rig_metrics(&rig).dropped, 0);
}

/* IXWebSocket#609, esp-protocols#729: after disconnect no retry, no late dial, no late opening. */
static void trap_stop_races_reconnect(void **state) {
  (void)state;
  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig.now_ms += 1000; /* the delay is over in the very moment of the disconnect */
  session_disconnect(&rig.session, rig.now_ms);
  session_tick(&rig.session, rig.now_ms);
  rig_forget(&rig);
  rig_take(&rig);
  rig_expect(&rig, "RECONNECTING>CLOSED disconnect");

  rig_connect(&rig);
  session_disconnect(&rig.session, rig.now_ms);
  session_link_opened(&rig.session, rig.now_ms, rig.epoch); /* the dial won the race */
  rig_forget(&rig);
  rig_take(&rig);
  rig_expect(&rig, "abort; CONNECTING>CLOSED disconnect");
  rig_pass(&rig, 1000000);
  rig_expect(&rig, "");
}

/* DPP: an interval in seconds taken for milliseconds, or the other way round. */
static void trap_heartbeat_units_mixed(void **state) {
  (void)state;
  rig_start(&rig);
  rig_pass(&rig, 30000);
  rig_flush(&rig);
  rig_pass(&rig, 25);
  rig_reply(&rig, 300); /* 25.3 ms after the question */
  assert_int_equal(rig_metrics(&rig).rtt_last_us, 25300);
  rig_forget(&rig);
  rig_pass(&rig, 29974);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, "ask");
}

/* libhv#383: what the old link left open is not the new one's question. */
static void trap_heartbeat_counter_kept_across_links(void **state) {
  (void)state;
  rig_start(&rig);
  rig_pass(&rig, 30000);
  rig_flush(&rig);
  const uint64_t old_counter = rig.question.counter;
  rig_pass(&rig, 9000);
  rig_lose(&rig, FAILURE_CONNECTION_LOST); /* a second before its reply was late */
  rig_pass(&rig, 1000);
  rig_open(&rig);
  rig_forget(&rig);
  rig_pass(&rig, 29999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, "ask");
  assert_true(rig.question.counter > old_counter);
}

/* paho.mqtt.c#1027: a ping behind a long upload is not a dead peer. */
static void trap_ping_stuck_behind_data(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 1000000);
  rig_pass(&rig, 30000);
  rig_forget(&rig);
  for (uint64_t sent = 10000; sent < 1000000; sent += 10000) {
    rig_pass(&rig, 5000);
    session_flushed(&rig.session, rig.now_ms, rig.epoch, sent);
    rig_take(&rig);
  }
  rig_expect(&rig, "");
  assert_int_equal(session_get_state(&rig.session), STATE_CONNECTED);
}

/* whatsapp-rust#1376: the wall clock may jump by years; only now_ms counts. */
static void trap_heartbeat_by_the_wall_clock(void **state) {
  (void)state;
  rig.config.dialect = DIALECT_TIMESTAMP;
  rig_start(&rig);
  rig_pass(&rig, 30000);
  rig_flush(&rig);
  const struct heartbeat_reply from_1970 = {
      .dialect = DIALECT_TIMESTAMP, .has_server_time = true, .original_time_ms = 1};
  session_heartbeat_reply(&rig.session, rig.now_ms * 1000 + 700, rig.epoch, &from_1970);
  assert_int_equal(rig_metrics(&rig).rtt_last_us, 700);
  rig_forget(&rig);
  rig_pass(&rig, 29999);
  rig_expect(&rig, "");
}

/* A late timer beats a pong that has arrived: the pong was handed in first, so it counts. */
static void trap_late_timer_beats_a_pong(void **state) {
  (void)state;
  rig_start(&rig);
  rig_pass(&rig, 30000);
  rig_flush(&rig);
  rig_forget(&rig);
  rig.now_ms += 10500;
  rig_reply(&rig, 0);
  session_tick(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "");
  assert_int_equal(session_get_state(&rig.session), STATE_CONNECTED);
}

/* libwebsockets: `Retry-After` without a bound. */
static void trap_retry_after_without_a_bound(void **state) {
  (void)state;
  const struct failure greedy = {
      .kind = FAILURE_HTTP_STATUS, .http_status = 503, .retry_after_ms = UINT64_MAX - 1};
  for (int jitter = JITTER_NONE; jitter <= JITTER_DECORRELATED; jitter++) {
    rig_init(&rig);
    rig.config.backoff.jitter = (enum backoff_jitter)jitter;
    rig_start(&rig);
    rig_lose_by(&rig, &greedy, VERDICT_BACK_OFF);
    assert_in_range(rig.last_delay_ms, 300000, jitter == JITTER_NONE ? 300000 : 450000);
  }
}

/* bar-lobby#715: one 429 does not mean never again. */
static void trap_one_429_means_never_again(void **state) {
  (void)state;
  const struct failure busy = {
      .kind = FAILURE_HTTP_STATUS, .http_status = 429, .retry_after_ms = SESSION_NEVER};
  rig_connect(&rig);
  rig_lose_by(&rig, &busy, failure_verdict(&busy, false, true));
  assert_int_equal(session_get_state(&rig.session), STATE_RECONNECTING);
  rig_pass(&rig, rig.last_delay_ms);
  rig_open(&rig);
  assert_int_equal(session_get_state(&rig.session), STATE_CONNECTED);
}

static void log_in_at_open(struct rig *r, const struct session_action *action) {
  if (action->kind == ACTION_OPENED)
    assert_true(session_is_open(&r->session) && !session_is_clear(&r->session));
}

/* socket.io-client#1358: the queue does not go out before the application has logged in. */
static void trap_queue_flushed_before_login(void **state) {
  (void)state;
  rig.config.hold_until_ready = true;
  rig_send(&rig, 1);
  rig_connect(&rig);
  rig_forget(&rig);
  rig.callback = log_in_at_open;
  rig_open(&rig);
  rig.callback = NULL;
  rig_pass(&rig, 9000);
  rig_expect(&rig, "opened; CONNECTING>CONNECTED opened");
  session_ready(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "write 0");
}

#define TRAP(name) cmocka_unit_test_setup(trap_##name, set_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      TRAP(counter_reset_on_open),
      TRAP(first_retry_after_0_ms),
      TRAP(jitter_first_clamp_after),
      TRAP(bytes_of_the_old_link_on_the_new_one),
      TRAP(backlog_dropped_because_its_flush_failed),
      TRAP(stop_races_reconnect),
      TRAP(heartbeat_units_mixed),
      TRAP(heartbeat_counter_kept_across_links),
      TRAP(ping_stuck_behind_data),
      TRAP(heartbeat_by_the_wall_clock),
      TRAP(late_timer_beats_a_pong),
      TRAP(retry_after_without_a_bound),
      TRAP(one_429_means_never_again),
      TRAP(queue_flushed_before_login),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
