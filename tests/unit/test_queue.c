/* Order, limits, fates: section 6 of the contract, through the session. */
#include "session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct rig rig;

static int set_up(void **state) {
  (void)state;
  rig_init(&rig);
  return 0;
}

static void reopen(void) {
  rig_pass(&rig, rig.last_delay_ms);
  rig_forget(&rig);
  rig_open(&rig);
}

/* ---- order ---- */

static void what_waits_goes_out_in_order(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++)
    rig_send(&rig, 10);
  rig_expect(&rig, "");
  assert_int_equal(rig_metrics(&rig).queued_messages, 3);
  assert_int_equal(rig_metrics(&rig).queued_bytes, 30);
  rig_connect(&rig);
  rig_forget(&rig);
  rig_open(&rig);
  rig_expect(&rig, "opened; CONNECTING>CONNECTED opened; write 0; write 1; write 2");
  rig_flush(&rig);
  rig_expect(&rig, "0 written; 1 written; 2 written");
  assert_int_equal(rig_metrics(&rig).queued_messages, 0);
  assert_int_equal(rig_metrics(&rig).queued_bytes, 0);
}

static void written_means_the_last_byte_is_with_the_kernel(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 10); /* ends at 16 */
  rig_send(&rig, 10); /* ends at 32 */
  rig_forget(&rig);
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 15);
  rig_take(&rig);
  rig_expect(&rig, "");
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 31);
  rig_take(&rig);
  rig_expect(&rig, "0 written");
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 20); /* never back */
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 32);
  rig_take(&rig);
  rig_expect(&rig, "1 written");
}

static void bytes_put_between_move_what_follows(void **state) {
  (void)state;
  rig_start(&rig);
  session_stream_shifted(&rig.session, rig.epoch, 0, 2); /* nothing in flight: nothing */
  rig_send(&rig, 10);                                    /* ends at 16 */
  rig_send(&rig, 10);                                    /* ends at 32, then 37 */
  rig_forget(&rig);
  session_stream_shifted(&rig.session, rig.epoch, 16, 5);
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 16);
  rig_take(&rig);
  rig_expect(&rig, "0 written");
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 36);
  rig_take(&rig);
  rig_expect(&rig, "");
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 37);
  rig_take(&rig);
  rig_expect(&rig, "1 written");
}

static void what_was_not_flushed_goes_again_first(void **state) {
  (void)state;
  rig_start(&rig);
  for (int i = 0; i < 3; i++)
    rig_send(&rig, 10);
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 20);
  rig_take(&rig);
  rig_expect(&rig, "write 0; write 1; write 2; 0 written");
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_send(&rig, 10);
  reopen();
  rig_expect(&rig, "opened; RECONNECTING>CONNECTED opened; write 1; write 2; write 3");
}

static void a_blocked_link_gets_nothing(void **state) {
  (void)state;
  rig_start(&rig);
  session_writable(&rig.session, rig.epoch, false);
  assert_false(session_is_clear(&rig.session));
  rig_send(&rig, 10);
  rig_expect(&rig, "");
  session_writable(&rig.session, rig.epoch + 1, true); /* another link's */
  rig_take(&rig);
  rig_expect(&rig, "");
  session_writable(&rig.session, rig.epoch, true);
  rig_take(&rig);
  rig_expect(&rig, "write 0");
}

static void clear_means_nothing_waits_or_is_unflushed(void **state) {
  (void)state;
  assert_false(session_is_clear(&rig.session));
  rig_start(&rig);
  assert_true(session_is_clear(&rig.session));
  rig_send(&rig, 10);
  assert_false(session_is_clear(&rig.session));
  rig_flush(&rig);
  assert_true(session_is_clear(&rig.session));
}

/* ---- messages that bypassed the queue ---- */

static void recovered_messages_come_first(void **state) {
  (void)state;
  rig.message_count = 200;
  rig_start(&rig);
  rig_send(&rig, 10); /* 200: in flight */
  session_writable(&rig.session, rig.epoch, false);
  rig_send(&rig, 10); /* 201: waiting */
  rig_forget(&rig);
  rig_recover(&rig, 100, NULL);
  rig_recover(&rig, 101, NULL);
  assert_int_equal(session_oldest_id(&rig.session), 100);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  reopen();
  rig_expect(&rig, "opened; RECONNECTING>CONNECTED opened; write 100; write 101; write 200; "
                   "write 201");
  assert_int_equal(rig.messages[100].attempts, 2);
}

static void recovering_evicts_nothing(void **state) {
  (void)state;
  rig.config.queue_limit = 1;
  rig.config.queue_limit_bytes = 12;
  rig_start(&rig);
  for (uint64_t id = 100; id < 105; id++)
    rig_recover(&rig, id, NULL);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  assert_int_equal(rig_metrics(&rig).queued_messages, 5);
  assert_int_equal(rig_metrics(&rig).dropped, 0);
  rig_forget(&rig);
  rig_send(&rig, 5); /* a new one must not make it grow further */
  rig_expect(&rig, "100 dropped overflow");
  assert_int_equal(rig_metrics(&rig).queued_messages, 5);
}

static void after_an_aborted_close_they_are_dropped(void **state) {
  (void)state;
  rig_start(&rig);
  rig_disconnect(&rig);
  rig.now_ms += 3000;
  session_tick(&rig.session, rig.now_ms); /* ACTION_ABORT waits */
  rig_recover(&rig, 100, NULL);
  rig_forget(&rig);
  rig_take(&rig);
  rig_expect(&rig, "100 dropped disconnected; abort; ended; CONNECTED>CLOSED disconnect");
}

static void at_rest_they_are_dropped_alone(void **state) {
  (void)state;
  rig_send(&rig, 1);
  rig_recover(&rig, 100, NULL);
  rig_take(&rig);
  rig_expect(&rig, "100 dropped disconnected");
  assert_int_equal(rig_metrics(&rig).queued_messages, 1);
}

static void without_a_link_they_wait(void **state) {
  (void)state;
  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_recover(&rig, 100, NULL);
  reopen();
  rig_expect(&rig, "opened; RECONNECTING>CONNECTED opened; write 100");
}

/* ---- limits ---- */

static void at_the_limit_the_oldest_goes(void **state) {
  (void)state;
  rig.config.queue_limit = 3;
  for (int i = 0; i < 5; i++)
    rig_send(&rig, 1);
  rig_expect(&rig, "0 dropped overflow; 1 dropped overflow");
  assert_int_equal(rig_metrics(&rig).queued_messages, 3);
  assert_int_equal(rig_metrics(&rig).dropped, 2);
}

static void no_limit_by_count_while_connected(void **state) {
  (void)state;
  rig.config.queue_limit = 3;
  rig_start(&rig);
  session_writable(&rig.session, rig.epoch, false);
  for (int i = 0; i < 5; i++)
    rig_send(&rig, 1);
  rig_expect(&rig, "");
  rig_lose(&rig, FAILURE_CONNECTION_LOST); /* a loss drops nothing */
  assert_int_equal(rig_metrics(&rig).queued_messages, 5);
  rig_forget(&rig);
  rig_send(&rig, 1);
  rig_expect(&rig, "0 dropped overflow");
  assert_int_equal(rig_metrics(&rig).queued_messages, 5);
}

static void a_limit_of_0_keeps_nothing(void **state) {
  (void)state;
  rig.config.queue_limit = 0;
  rig_send(&rig, 1);
  rig_expect(&rig, "0 dropped overflow");
}

static void the_limit_in_bytes_holds_always(void **state) {
  (void)state;
  rig.config.queue_limit_bytes = 100;
  assert_null(rig_send(&rig, 101));
  rig_expect(&rig, "");
  assert_int_equal(rig_metrics(&rig).dropped, 0);
  rig_send(&rig, 60);
  rig_send(&rig, 40);
  rig_expect(&rig, "");
  rig_send(&rig, 1);
  rig_expect(&rig, "0 dropped overflow");
  rig_send(&rig, 100);
  rig_expect(&rig, "1 dropped overflow; 2 dropped overflow");
}

/* Waiting ones first; in flight only if none waits. */
static void overflow_spares_what_is_in_flight(void **state) {
  (void)state;
  rig.config.queue_limit_bytes = 100;
  rig_start(&rig);
  rig_send(&rig, 40);
  session_writable(&rig.session, rig.epoch, false);
  rig_send(&rig, 40);
  rig_forget(&rig);
  rig_send(&rig, 60);
  rig_expect(&rig, "1 dropped overflow");
  rig_send(&rig, 90);
  rig_expect(&rig, "2 dropped overflow; 0 dropped overflow");
  session_writable(&rig.session, rig.epoch, true);
  rig_take(&rig);
  rig_expect(&rig, "write 3");
  rig_send(&rig, 91); /* nothing waits but itself */
  rig_expect(&rig, "3 dropped overflow; write 4");
}

static void overflow_takes_recovered_ones_before_others_in_flight(void **state) {
  (void)state;
  rig.config.queue_limit_bytes = 20;
  rig_start(&rig);
  rig_send(&rig, 10);
  rig_recover(&rig, 100, NULL);
  rig_forget(&rig);
  rig_send(&rig, 10);
  rig_expect(&rig, "100 dropped overflow; write 1");
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(what_waits_goes_out_in_order),
      TEST(written_means_the_last_byte_is_with_the_kernel),
      TEST(bytes_put_between_move_what_follows),
      TEST(what_was_not_flushed_goes_again_first),
      TEST(a_blocked_link_gets_nothing),
      TEST(clear_means_nothing_waits_or_is_unflushed),
      TEST(recovered_messages_come_first),
      TEST(recovering_evicts_nothing),
      TEST(after_an_aborted_close_they_are_dropped),
      TEST(at_rest_they_are_dropped_alone),
      TEST(without_a_link_they_wait),
      TEST(at_the_limit_the_oldest_goes),
      TEST(no_limit_by_count_while_connected),
      TEST(a_limit_of_0_keeps_nothing),
      TEST(the_limit_in_bytes_holds_always),
      TEST(overflow_spares_what_is_in_flight),
      TEST(overflow_takes_recovered_ones_before_others_in_flight),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
