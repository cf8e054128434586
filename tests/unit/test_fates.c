/* What becomes of messages: time to live, replace keys, the ends, and how all is told. */
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

/* ---- time to live ---- */

static void a_waiting_message_expires(void **state) {
  (void)state;
  rig_send_with(&rig, 1, 500, NULL);
  rig_pass(&rig, 499);
  rig_expect(&rig, "");
  assert_int_equal(session_deadline(&rig.session), rig.now_ms + 1);
  rig_pass(&rig, 1);
  rig_expect(&rig, "0 dropped expired");
  assert_true(session_deadline(&rig.session) == SESSION_NEVER);
}

static void they_expire_by_time_not_by_order(void **state) {
  (void)state;
  static const uint64_t ttls[] = {500, 100, 300, SESSION_NEVER, 100, 700, 50};
  for (size_t i = 0; i < sizeof ttls / sizeof *ttls; i++)
    rig_send_with(&rig, 1, ttls[i], NULL);
  rig_pass(&rig, 1000);
  rig_expect(&rig, "6 dropped expired; 1 dropped expired; 4 dropped expired; 2 dropped expired; "
                   "0 dropped expired; 5 dropped expired");
  assert_int_equal(rig_metrics(&rig).queued_messages, 1);
}

static void one_that_was_sent_does_not_expire(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send_with(&rig, 1, 500, NULL);
  rig_forget(&rig);
  rig_pass(&rig, 1000);
  rig_expect(&rig, "");
  rig_flush(&rig);
  rig_expect(&rig, "0 written");
}

static void back_in_the_queue_the_time_counts_again(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send_with(&rig, 1, 500, NULL);
  rig_send_with(&rig, 1, 5000, NULL);
  rig_send_with(&rig, 1, 4000, NULL);
  rig_forget(&rig);
  rig_pass(&rig, 600);
  session_link_lost(&rig.session, rig.now_ms, rig.epoch,
                    &(struct failure){.kind = FAILURE_CONNECTION_LOST}, VERDICT_RETRY_NOW);
  rig_take(&rig);
  assert_memory_equal(rig.log, "0 dropped expired;", 18);
  rig_forget(&rig);
  rig_pass(&rig, 5000);
  assert_string_equal(rig.log, "dial; 2 dropped expired; 1 dropped expired");
}

static void an_expired_one_never_crowds_out_another(void **state) {
  (void)state;
  rig.config.queue_limit = 2;
  rig_send(&rig, 1);
  rig_send_with(&rig, 1, 500, NULL);
  rig.now_ms += 500; /* the tick is on its way */
  rig_send(&rig, 1);
  rig_expect(&rig, "1 dropped expired");
  rig_send_with(&rig, 1, 0, NULL); /* dead on arrival */
  rig_expect(&rig, "3 dropped expired");
}

static void none_is_written_after_its_time(void **state) {
  (void)state;
  rig_connect(&rig);
  rig_send_with(&rig, 1, 500, NULL);
  rig_forget(&rig);
  rig.now_ms += 500;
  rig_open(&rig);
  rig_expect(&rig, "opened; CONNECTING>CONNECTED opened; 0 dropped expired");
}

/* ---- replace keys ---- */

static void a_newer_message_takes_the_place(void **state) {
  (void)state;
  rig_send_with(&rig, 10, SESSION_NEVER, "position");
  rig_send(&rig, 10);
  rig_send_with(&rig, 20, SESSION_NEVER, "position");
  rig_expect(&rig, "0 dropped replaced");
  rig_send_with(&rig, 10, SESSION_NEVER, "posture");
  rig_send_with(&rig, 10, SESSION_NEVER, "positio");
  assert_int_equal(rig_metrics(&rig).queued_messages, 4);
  assert_int_equal(rig_metrics(&rig).queued_bytes, 50);
  assert_int_equal(rig_metrics(&rig).dropped, 1);
  rig_connect(&rig);
  rig_forget(&rig);
  rig_open(&rig);
  rig_expect(&rig, "opened; CONNECTING>CONNECTED opened; write 2; write 1; write 3; write 4");
}

static void the_last_of_the_ring_can_be_replaced(void **state) {
  (void)state;
  rig_send(&rig, 1);
  rig_send_with(&rig, 1, SESSION_NEVER, "k");
  rig_send_with(&rig, 1, SESSION_NEVER, "k");
  rig_send(&rig, 1);
  rig_connect(&rig);
  rig_forget(&rig);
  rig_open(&rig);
  rig_expect(&rig, "opened; CONNECTING>CONNECTED opened; write 0; write 2; write 3");
}

static void one_in_flight_is_not_replaced(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send_with(&rig, 1, SESSION_NEVER, "k");
  session_writable(&rig.session, rig.epoch, false);
  rig_send_with(&rig, 1, SESSION_NEVER, "k");
  rig_expect(&rig, "write 0");
  rig_lose(&rig, FAILURE_CONNECTION_LOST); /* now both wait; the newer one stands for the key */
  rig_forget(&rig);
  rig_send_with(&rig, 1, SESSION_NEVER, "k");
  rig_expect(&rig, "1 dropped replaced");
  reopen();
  rig_expect(&rig, "opened; RECONNECTING>CONNECTED opened; write 0; write 2");
}

/* Of several that came back with one key the newest stands for it. */
static void of_those_that_come_back_the_newest_is_replaced(void **state) {
  (void)state;
  rig.message_count = 200;
  rig_start(&rig);
  rig_send_with(&rig, 1, SESSION_NEVER, "k"); /* 200 */
  rig_send_with(&rig, 1, SESSION_NEVER, "k"); /* 201 */
  rig_send_with(&rig, 1, SESSION_NEVER, "k"); /* 202 */
  rig_recover(&rig, 100, "k");
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_forget(&rig);
  rig_send_with(&rig, 1, SESSION_NEVER, "k");
  rig_expect(&rig, "202 dropped replaced");
  reopen();
  rig_expect(&rig, "opened; RECONNECTING>CONNECTED opened; write 100; write 200; write 201; "
                   "write 203");
}

static void a_replacement_at_the_limit_evicts_nothing(void **state) {
  (void)state;
  rig.config.queue_limit = 2;
  rig.config.queue_limit_bytes = 30;
  rig_send_with(&rig, 10, SESSION_NEVER, "k");
  rig_send(&rig, 10);
  rig_send_with(&rig, 10, SESSION_NEVER, "k");
  rig_expect(&rig, "0 dropped replaced");
  rig_send_with(&rig, 25, SESSION_NEVER, "k"); /* too big beside the other: that one goes */
  rig_expect(&rig, "2 dropped replaced; 1 dropped overflow");
}

static void a_replacement_has_its_own_time(void **state) {
  (void)state;
  rig_send_with(&rig, 1, 500, "k");
  rig_send_with(&rig, 1, SESSION_NEVER, "k");
  rig_forget(&rig);
  rig_pass(&rig, 1000);
  rig_expect(&rig, "");
}

/* Hundreds of keys, put in, replaced and taken out in all orders. */
static void many_keys_find_their_places(void **state) {
  (void)state;
  static char keys[200][8];
  rig.config.queue_limit = 1000;
  for (int i = 0; i < 200; i++) {
    (void)snprintf(keys[i], sizeof keys[i], "key%d", i);
    rig_send_with(&rig, 1, i % 3 ? SESSION_NEVER : 100, keys[i]);
  }
  rig_pass(&rig, 100); /* every third is gone */
  assert_int_equal(rig_metrics(&rig).queued_messages, 133);
  for (int i = 0; i < 200; i += 2)
    rig_send_with(&rig, 1, SESSION_NEVER, keys[i]);
  const uint64_t held = rig_metrics(&rig).queued_messages;
  assert_int_equal(held, 133 + 34); /* 66 replaced, 34 anew */
  rig_connect(&rig);
  rig_open(&rig);
  rig_flush(&rig);
  assert_null(rig.session.queue.keyed);
  assert_int_equal(rig_metrics(&rig).queued_messages, 0);
}

/* Two keys whose hashes are equal would hang one below the other; the same key of another length
   is another key. */
static void a_key_may_be_empty_or_binary(void **state) {
  (void)state;
  rig_send_with(&rig, 1, SESSION_NEVER, "");
  rig_send_with(&rig, 1, SESSION_NEVER, "\x01\xff");
  rig_send_with(&rig, 1, SESSION_NEVER, "\x01\xfe");
  rig_expect(&rig, "");
  rig_send_with(&rig, 1, SESSION_NEVER, "");
  rig_send_with(&rig, 1, SESSION_NEVER, "\x01\xff");
  rig_expect(&rig, "0 dropped replaced; 1 dropped replaced");
}

/* ---- ends ---- */

static void clear_drops_what_waits_only(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 1);
  session_writable(&rig.session, rig.epoch, false);
  rig_send(&rig, 1);
  rig_send(&rig, 1);
  rig_forget(&rig);
  session_clear(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "1 dropped cleared; 2 dropped cleared");
  rig_flush(&rig);
  rig_expect(&rig, "0 written");
}

static void disconnect_drops_all_and_closed_comes_last(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 1);
  session_writable(&rig.session, rig.epoch, false);
  rig_send(&rig, 1);
  rig_forget(&rig);
  rig_disconnect(&rig);
  rig_expect(&rig, "1 dropped disconnected; close 1000");
  assert_null(rig_send(&rig, 1));
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_expect(&rig, "0 dropped disconnected; ended; CONNECTED>CLOSED disconnect");
}

static void what_gets_out_before_the_close_is_written(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 1);
  rig_disconnect(&rig);
  rig_forget(&rig);
  rig_flush(&rig);
  rig_expect(&rig, "0 written");
}

static void disconnect_at_rest_gives_all_back(void **state) {
  (void)state;
  rig_send(&rig, 1);
  rig_disconnect(&rig);
  rig_expect(&rig, "0 dropped disconnected");
}

static void the_queue_survives_error_and_failed(void **state) {
  (void)state;
  rig_connect(&rig);
  rig_send(&rig, 1);
  rig_lose(&rig, FAILURE_TLS_VERIFY);
  rig_send(&rig, 1);
  assert_int_equal(rig_metrics(&rig).queued_messages, 2);
  rig_connect(&rig);
  rig_forget(&rig);
  rig_open(&rig);
  rig_expect(&rig, "opened; CONNECTING>CONNECTED opened; write 0; write 1");
}

static void send_in_a_fate(struct rig *r, const struct session_action *action) {
  if (action->kind == ACTION_FATE)
    assert_null(rig_send(r, 1));
}

static void nothing_is_taken_between_the_fates_and_closed(void **state) {
  (void)state;
  rig_connect(&rig);
  rig_send(&rig, 1);
  rig_forget(&rig);
  rig.callback = send_in_a_fate;
  rig_disconnect(&rig);
  rig_expect(&rig, "0 dropped disconnected; abort; CONNECTING>CLOSED disconnect");
  rig.callback = NULL;
  assert_non_null(rig_send(&rig, 1));
}

/* ---- reports ---- */

static void every_fate_is_told_if_asked(void **state) {
  (void)state;
  rig.config.report_fates = true;
  rig_send(&rig, 1);
  rig_expect(&rig, "0 queued");
  rig_connect(&rig);
  rig_open(&rig);
  rig_forget(&rig);
  rig_flush(&rig);
  rig_expect(&rig, "0 written");
}

static void with_the_barrier_written_is_not_the_end(void **state) {
  (void)state;
  rig.config.report_fates = true;
  rig.config.confirm = CONFIRM_BARRIER;
  rig_start(&rig);
  rig_send(&rig, 1);
  rig_flush(&rig);
  rig_expect(&rig, "0 queued; write 0; ask; 0 written");
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  reopen();
  rig_flush(&rig);
  rig_reply(&rig, 0);
  rig_expect(&rig, "opened; RECONNECTING>CONNECTED opened; write 0; ask; 0 written; 0 confirmed");
}

static void fates_of_one_message_come_in_the_order_of_its_life(void **state) {
  (void)state;
  struct session_message *message = &rig.messages[0];
  rig.config.report_fates = true;
  rig.config.confirm = CONFIRM_BARRIER;
  rig_start(&rig);
  *message = (struct session_message){.expires_at_ms = SESSION_NEVER};
  assert_true(session_enqueue(&rig.session, rig.now_ms, message));
  session_clear(&rig.session, rig.now_ms); /* before the first report was taken */
  rig_take(&rig);
  rig_expect(&rig, "0 queued; 0 dropped cleared");
}

static void the_lowest_id_is_known(void **state) {
  (void)state;
  assert_true(session_oldest_id(&rig.session) == UINT64_MAX);
  rig_send_with(&rig, 1, SESSION_NEVER, "a"); /* 0, then 4 in its place */
  rig_send_with(&rig, 1, SESSION_NEVER, "b"); /* 1, then 5 in its place */
  rig_send(&rig, 1);
  rig_send(&rig, 1);
  rig_send_with(&rig, 1, SESSION_NEVER, "a");
  rig_send_with(&rig, 1, SESSION_NEVER, "b");
  assert_int_equal(session_oldest_id(&rig.session), 2);
  rig_start(&rig);
  assert_int_equal(session_oldest_id(&rig.session), 2);
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 21);
  rig_take(&rig);
  assert_int_equal(session_oldest_id(&rig.session), 3);
  session_flushed(&rig.session, rig.now_ms, rig.epoch, 28);
  rig_take(&rig);
  assert_false(session_has_messages(&rig.session));
  rig_disconnect(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_send_with(&rig, 1, SESSION_NEVER, "a"); /* 6, then 7: nothing but replacements */
  rig_send_with(&rig, 1, SESSION_NEVER, "a");
  assert_int_equal(session_oldest_id(&rig.session), 7);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(a_waiting_message_expires),
      TEST(they_expire_by_time_not_by_order),
      TEST(one_that_was_sent_does_not_expire),
      TEST(back_in_the_queue_the_time_counts_again),
      TEST(an_expired_one_never_crowds_out_another),
      TEST(none_is_written_after_its_time),
      TEST(a_newer_message_takes_the_place),
      TEST(the_last_of_the_ring_can_be_replaced),
      TEST(one_in_flight_is_not_replaced),
      TEST(of_those_that_come_back_the_newest_is_replaced),
      TEST(a_replacement_at_the_limit_evicts_nothing),
      TEST(a_replacement_has_its_own_time),
      TEST(many_keys_find_their_places),
      TEST(a_key_may_be_empty_or_binary),
      TEST(clear_drops_what_waits_only),
      TEST(disconnect_drops_all_and_closed_comes_last),
      TEST(what_gets_out_before_the_close_is_written),
      TEST(disconnect_at_rest_gives_all_back),
      TEST(the_queue_survives_error_and_failed),
      TEST(nothing_is_taken_between_the_fates_and_closed),
      TEST(every_fate_is_told_if_asked),
      TEST(with_the_barrier_written_is_not_the_end),
      TEST(fates_of_one_message_come_in_the_order_of_its_life),
      TEST(the_lowest_id_is_known),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
