/* When the heartbeat asks, what answers it, and when its reply is late. */
#include "session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HEARTBEAT_LOSS                                                                             \
  "late; error heartbeat_timeout; ended; CONNECTED>DISCONNECTED lost; retry 1/10 1000; "           \
  "DISCONNECTED>RECONNECTING retry"

static struct rig rig;

static int set_up(void **state) {
  (void)state;
  rig_init(&rig);
  return 0;
}

/* An open link whose first question has just gone to the kernel. */
static void start_and_ask(void) {
  rig_start(&rig);
  rig_pass(&rig, 30000);
  rig_expect(&rig, "ask");
  rig_flush(&rig);
}

static void reply_with(enum heartbeat_dialect dialect, uint64_t counter) {
  const struct heartbeat_reply reply = {.dialect = dialect, .counter = counter};
  session_heartbeat_reply(&rig.session, rig.now_ms * 1000, rig.epoch, &reply);
  rig_take(&rig);
}

static void the_first_question_comes_one_interval_after_opening(void **state) {
  (void)state;
  rig_start(&rig);
  rig_pass(&rig, 29999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, "ask");
  assert_int_equal(rig.question.dialect, DIALECT_WEBSOCKET);
}

static void questions_come_at_the_interval(void **state) {
  (void)state;
  start_and_ask();
  rig_pass(&rig, 70);
  rig_reply(&rig, 0);
  const uint64_t first = rig.question.counter;
  rig_pass(&rig, 30000 - 70 - 1);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, "ask");
  assert_int_equal(rig.question.counter, first + 1);
}

static void a_frozen_server_is_noticed_at_interval_plus_timeout(void **state) {
  (void)state;
  start_and_ask();
  rig_pass(&rig, 9999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, HEARTBEAT_LOSS);
  assert_int_equal(rig.now_ms, 1000000 + 30000 + 10000);
}

static void a_reply_in_time_ends_the_question(void **state) {
  (void)state;
  start_and_ask();
  rig_pass(&rig, 9999);
  rig_reply(&rig, 0);
  rig_pass(&rig, 1);
  rig_expect(&rig, "");
  assert_int_equal(session_get_state(&rig.session), STATE_CONNECTED);
}

static void a_reply_without_its_question_is_ignored(void **state) {
  (void)state;
  rig_start(&rig);
  reply_with(DIALECT_WEBSOCKET, 0);
  reply_with(DIALECT_WEBSOCKET, 1);
  assert_int_equal(rig_metrics(&rig).rtt_max_us, 0);
  rig_pass(&rig, 30000);
  rig_flush(&rig);
  rig_forget(&rig);
  reply_with(DIALECT_WEBSOCKET, rig.question.counter + 1);
  reply_with(DIALECT_WEBSOCKET, rig.question.counter - 1);
  reply_with(DIALECT_PING, rig.question.counter);
  rig_pass(&rig, 10000);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

/* A server's unsolicited pong frame answers no JSON question. */
static void a_reply_in_another_dialect_is_ignored(void **state) {
  (void)state;
  rig.config.dialect = DIALECT_PING;
  start_and_ask();
  assert_int_equal(rig.question.dialect, DIALECT_PING);
  reply_with(DIALECT_WEBSOCKET, rig.question.counter);
  rig_pass(&rig, 10000);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void a_json_reply_needs_no_counter(void **state) {
  (void)state;
  rig.config.dialect = DIALECT_PING;
  start_and_ask();
  reply_with(DIALECT_PING, 0);
  rig_pass(&rig, 10000);
  rig_expect(&rig, "");
}

static void other_traffic_does_not_replace_the_reply(void **state) {
  (void)state;
  start_and_ask();
  for (int i = 0; i < 9; i++) {
    rig_pass(&rig, 1000);
    session_received(&rig.session, 1, 100);
  }
  rig_pass(&rig, 1000);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void off_asks_nothing(void **state) {
  (void)state;
  rig.config.dialect = DIALECT_OFF;
  rig_start(&rig);
  rig_pass(&rig, 5000); /* stable */
  assert_true(session_deadline(&rig.session) == SESSION_NEVER);
  rig_pass(&rig, 10000000);
  rig_expect(&rig, "");
}

/* ---- the deadline moves while the question is on its way out ---- */

static void a_question_behind_data_is_timed_from_its_departure(void **state) {
  (void)state;
  rig_start(&rig);
  rig_pass(&rig, 29000);
  rig_send(&rig, 1000);
  rig_pass(&rig, 1000);
  rig_expect(&rig, "write 0; ask");
  for (int i = 1; i <= 5; i++) { /* a slow but living pipe */
    rig_pass(&rig, 9000);
    session_flushed(&rig.session, rig.now_ms, rig.epoch, (uint64_t)i * 100);
    rig_take(&rig);
  }
  rig_pass(&rig, 9000);
  rig_flush(&rig); /* now it left */
  rig_forget(&rig);
  rig_pass(&rig, 9999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void once_gone_the_deadline_stands(void **state) {
  (void)state;
  start_and_ask();
  rig_pass(&rig, 5000);
  rig_send(&rig, 100);
  rig_flush(&rig); /* later bytes say nothing of the question */
  rig_forget(&rig);
  rig_pass(&rig, 5000);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void a_stuck_pipe_is_noticed(void **state) {
  (void)state;
  rig_start(&rig);
  rig_pass(&rig, 30000);
  rig_forget(&rig);
  rig_pass(&rig, 9999);
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 0); /* no progress is none */
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void a_question_that_the_driver_never_asks_is_late_too(void **state) {
  (void)state;
  struct session_action action;
  rig_start(&rig);
  rig.now_ms += 30000;
  session_tick(&rig.session, rig.now_ms);
  assert_true(session_next_action(&rig.session, rig.now_ms, &action));
  assert_int_equal(action.kind, ACTION_ASK);
  reply_with(DIALECT_WEBSOCKET, action.question.counter); /* not asked: no reply */
  rig_pass(&rig, 10000);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

/* Only the answer to ACTION_ASK makes a question. */
static void an_unwanted_question_is_none(void **state) {
  (void)state;
  rig_start(&rig);
  session_asked(&rig.session, rig.now_ms * 1000, rig.epoch, 0, 14);
  reply_with(DIALECT_WEBSOCKET, 0);
  assert_int_equal(rig_metrics(&rig).rtt_max_us, 0);
  rig_pass(&rig, 10000);
  rig_expect(&rig, "");
}

static void bytes_put_before_the_question_move_it(void **state) {
  (void)state;
  rig_start(&rig);
  rig_pass(&rig, 30000);
  rig_forget(&rig);
  session_stream_shifted(&rig.session, rig.epoch, 0, 50); /* the answer to a ping went ahead */
  rig_pass(&rig, 5000);
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 50 + RIG_QUESTION_LEN - 1);
  rig_pass(&rig, 5000);
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 50 + RIG_QUESTION_LEN);
  session_stream_shifted(&rig.session, rig.epoch, 0, 50); /* it has gone: nothing */
  rig_pass(&rig, 9999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

/* ---- the deadline moves while a frame comes in ---- */

static void progress(uint64_t len) {
  session_frame_progress(&rig.session, rig.now_ms, rig.epoch, len);
  rig_take(&rig);
}

static void an_incoming_frame_moves_the_deadline(void **state) {
  (void)state;
  start_and_ask();
  for (int i = 0; i < 20; i++) {
    rig_pass(&rig, 9000);
    progress(1024);
  }
  rig_expect(&rig, "");
  rig_pass(&rig, 9999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void small_pieces_add_up(void **state) {
  (void)state;
  start_and_ask();
  for (int i = 0; i < 100; i++) {
    rig_pass(&rig, 900);
    progress(128); /* 1 KiB each 7.2 s */
  }
  rig_expect(&rig, "");
}

/* A byte now and then does not keep a link alive. */
static void a_trickle_does_not_move_the_deadline_for_ever(void **state) {
  (void)state;
  start_and_ask();
  const uint64_t asked_ms = rig.now_ms;
  for (int i = 0; i < 60 && session_get_state(&rig.session) == STATE_CONNECTED; i++) {
    rig_pass(&rig, 1000);
    progress(64);
  }
  assert_in_range(rig.now_ms - asked_ms, 20000, 22000);
}

/* The next question starts with a clean slate. */
static void slowness_is_forgotten_with_the_question(void **state) {
  (void)state;
  start_and_ask();
  rig_pass(&rig, 1000);
  progress(1);
  rig_reply(&rig, 0);
  rig_pass(&rig, 29000);
  rig_flush(&rig);
  rig_expect(&rig, "ask");
  rig_pass(&rig, 9000);
  progress(1);
  rig_pass(&rig, 9999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void progress_before_the_question_does_not_count(void **state) {
  (void)state;
  rig_start(&rig);
  progress(5000);
  rig_pass(&rig, 30000);
  rig_flush(&rig);
  rig_forget(&rig);
  rig_pass(&rig, 10000);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void a_moved_deadline_asks_again_at_once(void **state) {
  (void)state;
  start_and_ask();
  for (int i = 0; i < 5; i++) {
    rig_pass(&rig, 9000);
    progress(4096);
  }
  rig_forget(&rig);
  rig_reply(&rig, 0); /* 45 s after the question: the next one is due */
  rig_expect(&rig, "ask");
}

/* ---- probes ---- */

static void a_probe_asks_now_and_waits_less(void **state) {
  (void)state;
  session_probe(&rig.session, rig.now_ms); /* no link: nothing */
  rig_start(&rig);
  rig_pass(&rig, 100);
  session_probe(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "ask");
  rig_flush(&rig);
  rig_pass(&rig, 1999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void a_probe_shortens_an_outstanding_question(void **state) {
  (void)state;
  start_and_ask();
  rig_pass(&rig, 1000);
  session_probe(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "");
  rig_pass(&rig, 1999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void a_probe_never_lengthens(void **state) {
  (void)state;
  start_and_ask();
  rig_pass(&rig, 9000);
  session_probe(&rig.session, rig.now_ms);
  rig_pass(&rig, 1000);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void after_a_probe_the_usual_timeout_holds(void **state) {
  (void)state;
  rig_start(&rig);
  session_probe(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_flush(&rig);
  rig_reply(&rig, 0);
  rig_pass(&rig, 30000);
  rig_flush(&rig);
  rig_expect(&rig, "ask; ask");
  rig_pass(&rig, 9999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void with_the_heartbeat_off_a_probe_is_a_ping(void **state) {
  (void)state;
  rig.config.dialect = DIALECT_OFF;
  rig_start(&rig);
  session_probe(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "ask");
  assert_int_equal(rig.question.dialect, DIALECT_WEBSOCKET);
  rig_flush(&rig);
  rig_reply(&rig, 500);
  assert_int_equal(rig_metrics(&rig).rtt_last_us, 500);
  rig_pass(&rig, 100000); /* and no second one */
  rig_expect(&rig, "");
  session_probe(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_flush(&rig);
  rig_pass(&rig, 2000);
  rig_expect(&rig, "ask; " HEARTBEAT_LOSS);
}

static void a_wish_asks_now_and_waits_as_ever(void **state) {
  (void)state;
  session_ask(&rig.session, rig.now_ms); /* no link: nothing */
  rig_start(&rig);
  rig_pass(&rig, 100);
  session_ask(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "ask");
  rig_flush(&rig);
  rig_pass(&rig, 5000);
  session_ask(&rig.session, rig.now_ms); /* one is outstanding: nothing */
  rig_pass(&rig, 4999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

/* ---- a machine that slept ---- */

/* The tick comes a minute late: we slept, and the reply may lie unread in the socket. */
static void after_sleep_the_reply_gets_another_chance(void **state) {
  (void)state;
  start_and_ask();
  rig.now_ms += 70000;
  session_tick(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "");
  rig_reply(&rig, 0);
  assert_int_equal(session_get_state(&rig.session), STATE_CONNECTED);
  rig_forget(&rig);

  rig_flush(&rig);
  rig.now_ms += 70000;
  session_tick(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_pass(&rig, 1999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

static void a_tick_a_little_late_is_a_tick(void **state) {
  (void)state;
  start_and_ask();
  rig.now_ms += 10999;
  session_tick(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, HEARTBEAT_LOSS);
}

/* ---- figures ---- */

static void round_trips_are_measured_in_microseconds(void **state) {
  (void)state;
  static const uint64_t trips_us[] = {800, 200, 500};
  rig_start(&rig);
  for (int i = 0; i < 3; i++) {
    rig_pass(&rig, 30000);
    rig_flush(&rig);
    rig_reply(&rig, trips_us[i]);
  }
  const struct session_metrics m = rig_metrics(&rig);
  assert_int_equal(m.rtt_last_us, 500);
  assert_int_equal(m.rtt_min_us, 200);
  assert_int_equal(m.rtt_mean_us, 500);
  assert_int_equal(m.rtt_max_us, 800);
}

static void an_endless_round_trip_saturates(void **state) {
  (void)state;
  start_and_ask();
  rig_reply(&rig, UINT64_C(1) << 33);
  assert_int_equal(rig_metrics(&rig).rtt_max_us, UINT32_MAX);
}

struct clock_case {
  bool has_time;
  int64_t server_ms, original_ms, offset_ms;
};

static void the_servers_clock_is_compared(void **state) {
  (void)state;
  static const struct clock_case cases[] = {
      {true, 6000, 1000, 4990}, /* 20 ms there and back */
      {true, 1000, 6000, -5010},  {false, 6000, 1000, 0},          {true, INT64_MAX, 1000, 0},
      {true, 6000, INT64_MIN, 0}, {true, INT64_MIN, INT64_MAX, 0}, {true, 6000, INT64_MAX, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    rig_init(&rig);
    rig.config.dialect = DIALECT_TIMESTAMP;
    start_and_ask();
    const struct heartbeat_reply reply = {.dialect = DIALECT_TIMESTAMP,
                                          .has_server_time = cases[i].has_time,
                                          .server_time_ms = cases[i].server_ms,
                                          .original_time_ms = cases[i].original_ms};
    session_heartbeat_reply(&rig.session, rig.now_ms * 1000 + 20000, rig.epoch, &reply);
    assert_int_equal(rig_metrics(&rig).clock_offset_ms, cases[i].offset_ms);
  }
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(the_first_question_comes_one_interval_after_opening),
      TEST(questions_come_at_the_interval),
      TEST(a_frozen_server_is_noticed_at_interval_plus_timeout),
      TEST(a_reply_in_time_ends_the_question),
      TEST(a_reply_without_its_question_is_ignored),
      TEST(a_reply_in_another_dialect_is_ignored),
      TEST(a_json_reply_needs_no_counter),
      TEST(other_traffic_does_not_replace_the_reply),
      TEST(off_asks_nothing),
      TEST(a_question_behind_data_is_timed_from_its_departure),
      TEST(once_gone_the_deadline_stands),
      TEST(a_stuck_pipe_is_noticed),
      TEST(a_question_that_the_driver_never_asks_is_late_too),
      TEST(an_unwanted_question_is_none),
      TEST(bytes_put_before_the_question_move_it),
      TEST(an_incoming_frame_moves_the_deadline),
      TEST(small_pieces_add_up),
      TEST(a_trickle_does_not_move_the_deadline_for_ever),
      TEST(slowness_is_forgotten_with_the_question),
      TEST(progress_before_the_question_does_not_count),
      TEST(a_moved_deadline_asks_again_at_once),
      TEST(a_probe_asks_now_and_waits_less),
      TEST(a_probe_shortens_an_outstanding_question),
      TEST(a_probe_never_lengthens),
      TEST(a_wish_asks_now_and_waits_as_ever),
      TEST(after_a_probe_the_usual_timeout_holds),
      TEST(with_the_heartbeat_off_a_probe_is_a_ping),
      TEST(after_sleep_the_reply_gets_another_chance),
      TEST(a_tick_a_little_late_is_a_tick),
      TEST(round_trips_are_measured_in_microseconds),
      TEST(an_endless_round_trip_saturates),
      TEST(the_servers_clock_is_compared),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
