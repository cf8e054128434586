/* The barrier: what a heartbeat reply proves of the messages before its question. */
#include "session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct rig rig;

static int set_up(void **state) {
  (void)state;
  rig_init(&rig);
  rig.config.confirm = CONFIRM_BARRIER;
  rig.config.in_flight = 4;
  return 0;
}

static void a_reply_confirms_what_stood_before_the_question(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 10);
  rig_expect(&rig, "write 0; ask"); /* the queue ran empty: asked at once */
  rig_send(&rig, 10);               /* behind the question */
  rig_flush(&rig);
  rig_expect(&rig, "write 1");
  assert_true(session_has_messages(&rig.session));
  rig_reply(&rig, 100);
  rig_expect(&rig, "0 confirmed; ask"); /* one is still unconfirmed: asked again */
  rig_flush(&rig);
  rig_reply(&rig, 100);
  rig_expect(&rig, "1 confirmed");
  assert_false(session_has_messages(&rig.session));
}

/* A ping at a frame boundary ahead of waiting data proves nothing about that data. */
static void what_the_question_overtook_is_not_confirmed(void **state) {
  (void)state;
  struct session_action action;
  rig_start(&rig);
  rig_send(&rig, 10); /* a question follows */
  rig_send(&rig, 10);
  rig_send(&rig, 10);
  rig_flush(&rig);
  rig_expect(&rig, "write 0; ask; write 1; write 2");
  const uint64_t boundary = rig.stream_end - 16; /* between 1 and 2 */
  const struct heartbeat_reply first = {.counter = rig.question.counter};
  session_heartbeat_reply(&rig.session, rig.now_ms * 1000, rig.epoch, &first);
  assert_true(session_next_action(&rig.session, rig.now_ms, &action)); /* 0 is confirmed */
  assert_true(session_next_action(&rig.session, rig.now_ms, &action));
  assert_int_equal(action.kind, ACTION_ASK);
  session_stream_shifted(&rig.session, rig.epoch, boundary, RIG_QUESTION_LEN);
  session_asked(&rig.session, rig.now_ms * 1000, rig.epoch, boundary, boundary + RIG_QUESTION_LEN);
  rig.question = action.question;
  rig.stream_end += RIG_QUESTION_LEN;
  rig_reply(&rig, 0);
  rig_expect(&rig, "1 confirmed; ask"); /* 2 is not */
}

/* A pong of ours goes ahead of all: message and question move together. */
static void bytes_put_before_both_change_nothing(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 10);
  session_stream_shifted(&rig.session, rig.epoch, 0, 50);
  rig.stream_end += 50;
  rig_flush(&rig);
  rig_reply(&rig, 0);
  rig_expect(&rig, "write 0; ask; 0 confirmed");
}

static void half_a_window_asks(void **state) {
  (void)state;
  rig_send(&rig, 1);
  rig_send(&rig, 1);
  rig_send(&rig, 1);
  rig_send(&rig, 1);
  rig_send(&rig, 1);
  rig_send(&rig, 1);
  rig_connect(&rig);
  rig_forget(&rig);
  rig_open(&rig);
  rig_expect(&rig, "opened; CONNECTING>CONNECTED opened; write 0; write 1; ask; write 2; write 3");
  rig_flush(&rig);
  rig_reply(&rig, 0);
  rig_expect(&rig, "0 confirmed; 1 confirmed; ask; write 4; write 5");
  rig_flush(&rig);
  rig_reply(&rig, 0);
  rig_expect(&rig, "2 confirmed; 3 confirmed; ask");
  rig_flush(&rig);
  rig_reply(&rig, 0);
  rig_expect(&rig, "4 confirmed; 5 confirmed");
}

static void a_blocked_queue_does_not_ask_early(void **state) {
  (void)state;
  rig_start(&rig);
  session_writable(&rig.session, rig.epoch, false);
  rig_send(&rig, 1);
  rig_send(&rig, 1);
  rig_expect(&rig, "");
  session_writable(&rig.session, rig.epoch, true);
  rig_take(&rig);
  rig_expect(&rig, "write 0; write 1; ask");
}

static void the_heartbeats_own_question_confirms_too(void **state) {
  (void)state;
  rig_start(&rig);
  rig_pass(&rig, 29999);
  rig_send(&rig, 1);
  rig_flush(&rig);
  rig_reply(&rig, 0);
  rig_expect(&rig, "write 0; ask; 0 confirmed");
  rig_pass(&rig, 29999); /* the early question was a heartbeat as well */
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, "ask");
}

static void unconfirmed_messages_are_sent_again_in_order(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 1);
  rig_send(&rig, 1);
  rig_flush(&rig);
  rig_reply(&rig, 0);
  rig_send(&rig, 1);
  rig_flush(&rig);
  rig_forget(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_send(&rig, 1);
  rig_pass(&rig, 1000);
  rig_forget(&rig);
  rig_open(&rig);
  rig_expect(&rig, "opened; RECONNECTING>CONNECTED opened; write 1; write 2; ask; write 3");
  assert_int_equal(rig.messages[1].attempts, 2);
  assert_int_equal(rig.messages[3].attempts, 1);
}

/* What the dead link's peer said of it comes to nothing on the next one. */
static void a_reply_of_the_old_link_confirms_nothing(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 1);
  rig_flush(&rig);
  const struct heartbeat_question old = rig.question;
  const uint32_t old_epoch = rig.epoch;
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 1000);
  rig_open(&rig);
  rig_flush(&rig);
  rig_forget(&rig);
  const struct heartbeat_reply reply = {.dialect = DIALECT_WEBSOCKET, .counter = old.counter};
  session_heartbeat_reply(&rig.session, rig.now_ms * 1000, old_epoch, &reply);
  rig_take(&rig);
  rig_expect(&rig, "");
  session_heartbeat_reply(&rig.session, rig.now_ms * 1000, rig.epoch, &reply);
  rig_take(&rig);
  rig_expect(&rig, "");
  rig_reply(&rig, 0);
  rig_expect(&rig, "0 confirmed");
}

static void with_the_heartbeat_off_the_barrier_pings(void **state) {
  (void)state;
  rig.config.dialect = DIALECT_OFF;
  rig_start(&rig);
  rig_send(&rig, 1);
  rig_expect(&rig, "write 0; ask");
  assert_int_equal(rig.question.dialect, DIALECT_WEBSOCKET);
  rig_flush(&rig);
  rig_pass(&rig, 9999);
  rig_reply(&rig, 0);
  rig_expect(&rig, "0 confirmed");
}

static void a_close_still_lets_the_peer_confirm(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 1);
  rig_send(&rig, 1);
  rig_flush(&rig);
  rig_forget(&rig);
  rig_disconnect(&rig);
  rig_expect(&rig, "close 1000");
  rig_reply(&rig, 0);
  rig_expect(&rig, "0 confirmed");
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_expect(&rig, "1 dropped disconnected; ended; CONNECTED>CLOSED disconnect");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_reply_confirms_what_stood_before_the_question),
      TEST(what_the_question_overtook_is_not_confirmed),
      TEST(bytes_put_before_both_change_nothing),
      TEST(half_a_window_asks),
      TEST(a_blocked_queue_does_not_ask_early),
      TEST(the_heartbeats_own_question_confirms_too),
      TEST(unconfirmed_messages_are_sent_again_in_order),
      TEST(a_reply_of_the_old_link_confirms_nothing),
      TEST(with_the_heartbeat_off_the_barrier_pings),
      TEST(a_close_still_lets_the_peer_confirm),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
