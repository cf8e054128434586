/* What the user wants, whenever it is said, and what the network lets be done. */
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

/* ---- disconnect ---- */

static void disconnect_closes_and_waits_for_the_end(void **state) {
  (void)state;
  rig_start(&rig);
  rig_disconnect(&rig);
  rig_expect(&rig, "close 1000");
  assert_int_equal(session_get_state(&rig.session), STATE_CONNECTED);
  assert_false(session_is_open(&rig.session));
  assert_false(session_is_clear(&rig.session));
  rig_disconnect(&rig);
  rig_expect(&rig, "");
  const struct failure closed = {.kind = FAILURE_CLOSED_BY_PEER, .close_code = 1000};
  rig_lose_by(&rig, &closed, VERDICT_BACK_OFF);
  rig_expect(&rig, "ended; CONNECTED>CLOSED disconnect");
  assert_true(session_deadline(&rig.session) == SESSION_NEVER);
}

static void an_unanswered_close_is_bounded(void **state) {
  (void)state;
  rig_start(&rig);
  rig_disconnect(&rig);
  rig_forget(&rig);
  rig_pass(&rig, 2999);
  rig_expect(&rig, "");
  rig_pass(&rig, 1);
  rig_expect(&rig, "abort; ended; CONNECTED>CLOSED disconnect");
  rig_lose(&rig, FAILURE_CONNECTION_LOST); /* its last word comes too late */
  rig_expect(&rig, "");
}

static void disconnect_aborts_what_is_not_open(void **state) {
  (void)state;
  rig_connect(&rig);
  rig_forget(&rig);
  rig_disconnect(&rig);
  rig_expect(&rig, "abort; CONNECTING>CLOSED disconnect");
  rig_open(&rig); /* the abandoned dial succeeds after all */
  rig_expect(&rig, "");

  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_forget(&rig);
  rig_disconnect(&rig);
  rig_expect(&rig, "RECONNECTING>CLOSED disconnect");
  rig_pass(&rig, 100000); /* the delay is forgotten */
  rig_expect(&rig, "");

  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 1000);
  rig_forget(&rig);
  rig_disconnect(&rig);
  rig_expect(&rig, "abort; RECONNECTING>CLOSED disconnect");
}

static void disconnect_ends_rest_too(void **state) {
  (void)state;
  rig_disconnect(&rig);
  rig_expect(&rig, "");
  rig_connect(&rig);
  rig_lose(&rig, FAILURE_TLS_VERIFY);
  rig_forget(&rig);
  rig_disconnect(&rig);
  rig_expect(&rig, "ERROR>CLOSED disconnect");
  rig.config.backoff.max_retries = 0;
  rig_connect(&rig);
  rig_lose(&rig, FAILURE_DNS);
  rig_forget(&rig);
  rig_disconnect(&rig);
  rig_expect(&rig, "FAILED>CLOSED disconnect");
}

static void connect_while_closing_is_carried_out_after_closed(void **state) {
  (void)state;
  rig_start(&rig);
  rig_disconnect(&rig);
  rig_connect(&rig);
  rig_expect(&rig, "close 1000");
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_expect(&rig, "ended; CONNECTED>CLOSED disconnect; CLOSED>CONNECTING connect; dial");
  rig_open(&rig);
  rig_disconnect(&rig);
  rig_connect(&rig);
  rig_disconnect(&rig); /* the last word counts */
  rig_forget(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_expect(&rig, "ended; CONNECTED>CLOSED disconnect");
}

/* ---- calls from callbacks ---- */

static void disconnect_at(struct rig *r, const struct session_action *action) {
  if (action->kind == ACTION_STATE && action->state.to == STATE_DISCONNECTED) {
    session_disconnect(&r->session, r->now_ms);
    assert_false(session_is_open(&r->session));
    assert_null(rig_send(r, 1));
  }
}

static void disconnect_in_a_callback_waits_its_turn(void **state) {
  (void)state;
  rig_start(&rig);
  rig.callback = disconnect_at;
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_expect(&rig, LOST "; RECONNECTING>CLOSED disconnect");
}

static void connect_at(struct rig *r, const struct session_action *action) {
  if (action->kind == ACTION_STATE && action->state.to == STATE_DISCONNECTED)
    session_connect(&r->session, r->now_ms);
}

static void connect_in_a_callback_tries_now(void **state) {
  (void)state;
  rig_start(&rig);
  rig.callback = connect_at;
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_expect(&rig, LOST "; dial");
}

static void waver_at(struct rig *r, const struct session_action *action) {
  if (action->kind != ACTION_OPENED)
    return;
  for (int i = 0; i < 100; i++) {
    session_disconnect(&r->session, r->now_ms);
    session_connect(&r->session, r->now_ms);
  }
}

static void any_number_of_wishes_in_a_callback_is_one(void **state) {
  (void)state;
  rig_connect(&rig);
  rig_forget(&rig);
  rig.callback = waver_at;
  rig_open(&rig);
  rig_expect(&rig, "opened; CONNECTING>CONNECTED opened; close 1000");
  rig.callback = NULL;
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_expect(&rig, "ended; CONNECTED>CLOSED disconnect; CLOSED>CONNECTING connect; dial");
}

static void lose_at_open(struct rig *r, const struct session_action *action) {
  if (action->kind == ACTION_OPENED)
    session_link_lost(&r->session, r->now_ms, r->epoch, &cut, VERDICT_BACK_OFF);
}

static void a_loss_inside_a_callback_is_told_after_it(void **state) {
  (void)state;
  rig_connect(&rig);
  rig_forget(&rig);
  rig.callback = lose_at_open;
  rig_open(&rig);
  rig_expect(&rig, "opened; CONNECTING>CONNECTED opened; " LOST);
}

static void lose_at_fate(struct rig *r, const struct session_action *action) {
  if (action->kind == ACTION_FATE)
    session_link_lost(&r->session, r->now_ms, r->epoch, &cut, VERDICT_BACK_OFF);
}

/* The close that was decided is not started on a link that has just gone. */
static void a_link_that_ends_before_its_close_is_closed(void **state) {
  (void)state;
  rig.config.hold_until_ready = true;
  rig_start(&rig);
  rig_send(&rig, 1);
  rig.callback = lose_at_fate;
  rig_disconnect(&rig);
  rig_expect(&rig, "0 dropped disconnected; ended; CONNECTED>CLOSED disconnect");
}

/* ---- the network ---- */

static void offline_no_attempt_is_spent(void **state) {
  (void)state;
  rig_start(&rig);
  session_network_down(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, ""); /* the link may live on */
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_expect(&rig, "error connection_lost; ended; CONNECTED>DISCONNECTED lost; "
                   "DISCONNECTED>WAITING_FOR_NETWORK network_down");
  assert_int_equal(session_attempt(&rig.session), 0);
  assert_true(session_deadline(&rig.session) == SESSION_NEVER);
  session_network_down(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "");
  session_network_up(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "WAITING_FOR_NETWORK>RECONNECTING network_up");
  assert_in_range(session_next_retry_at(&rig.session), rig.now_ms, rig.now_ms + 49);
  rig_pass(&rig, 50);
  rig_expect(&rig, "dial");
}

static void connect_while_offline_waits(void **state) {
  (void)state;
  session_network_down(&rig.session, rig.now_ms);
  rig_connect(&rig);
  rig_expect(&rig, "CLOSED>WAITING_FOR_NETWORK network_down");
  session_network_up(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "WAITING_FOR_NETWORK>CONNECTING network_up");
  rig_pass(&rig, 50);
  rig_expect(&rig, "dial");
}

static void while_offline_connect_tries_anyway(void **state) {
  (void)state;
  session_network_down(&rig.session, rig.now_ms);
  rig_connect(&rig);
  rig_forget(&rig);
  rig_connect(&rig);
  rig_expect(&rig, "WAITING_FOR_NETWORK>CONNECTING connect; dial");
  rig_connect(&rig);
  rig_expect(&rig, "");
  rig_lose(&rig, FAILURE_NETWORK_UNREACHABLE);
  rig_expect(&rig, "error network_unreachable; CONNECTING>WAITING_FOR_NETWORK network_down");
  rig_connect(&rig);
  rig_open(&rig); /* the look-up was wrong */
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_forget(&rig);
  rig_connect(&rig);
  rig_expect(&rig, "WAITING_FOR_NETWORK>RECONNECTING connect; dial");
  rig_lose(&rig, FAILURE_NETWORK_UNREACHABLE);
  rig_expect(&rig, "error network_unreachable; RECONNECTING>WAITING_FOR_NETWORK network_down");
  rig_disconnect(&rig);
  rig_expect(&rig, "WAITING_FOR_NETWORK>CLOSED disconnect");
}

static void a_lost_network_stops_dials_and_delays(void **state) {
  (void)state;
  rig_connect(&rig);
  rig_forget(&rig);
  session_network_down(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "abort; CONNECTING>WAITING_FOR_NETWORK network_down");
  session_network_up(&rig.session, rig.now_ms);
  session_network_down(&rig.session, rig.now_ms); /* before the spread is over */
  rig_take(&rig);
  rig_expect(&rig, "WAITING_FOR_NETWORK>CONNECTING network_up; "
                   "CONNECTING>WAITING_FOR_NETWORK network_down");
  session_network_up(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_forget(&rig);
  rig_connect(&rig); /* try now, without the spread */
  rig_expect(&rig, "dial");
  rig_lose(&rig, FAILURE_CONNECT_REFUSED);
  rig_forget(&rig);
  session_network_down(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "RECONNECTING>WAITING_FOR_NETWORK network_down");
}

static void failed_revives_with_the_network(void **state) {
  (void)state;
  rig.config.backoff.max_retries = 0;
  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_forget(&rig);
  session_network_up(&rig.session, rig.now_ms); /* it never was away */
  rig_take(&rig);
  rig_expect(&rig, "");
  session_network_down(&rig.session, rig.now_ms);
  session_network_up(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "FAILED>RECONNECTING network_up");
  assert_int_equal(session_attempt(&rig.session), 0);
}

/* A network that flaps gets one dial each time, but no fresh set of retries. */
static void the_network_resets_the_counter_at_most_once_a_while(void **state) {
  (void)state;
  rig.config.backoff.max_retries = 2;
  rig_start(&rig);
  for (int flap = 0; flap < 4; flap++) {
    session_network_down(&rig.session, rig.now_ms);
    rig_lose(&rig, FAILURE_CONNECTION_LOST);
    session_network_up(&rig.session, rig.now_ms);
    rig_pass(&rig, 50);
    rig_lose(&rig, FAILURE_CONNECT_REFUSED);
    assert_int_equal(session_get_state(&rig.session), flap < 2 ? STATE_RECONNECTING : STATE_FAILED);
    if (flap < 2)
      assert_int_equal(session_attempt(&rig.session), flap + 1);
  }
  rig_pass(&rig, 5000);
  session_network_down(&rig.session, rig.now_ms);
  session_network_up(&rig.session, rig.now_ms);
  rig_take(&rig);
  assert_int_equal(session_attempt(&rig.session), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(disconnect_closes_and_waits_for_the_end),
      TEST(an_unanswered_close_is_bounded),
      TEST(disconnect_aborts_what_is_not_open),
      TEST(disconnect_ends_rest_too),
      TEST(connect_while_closing_is_carried_out_after_closed),
      TEST(disconnect_in_a_callback_waits_its_turn),
      TEST(connect_in_a_callback_tries_now),
      TEST(any_number_of_wishes_in_a_callback_is_one),
      TEST(a_loss_inside_a_callback_is_told_after_it),
      TEST(a_link_that_ends_before_its_close_is_closed),
      TEST(offline_no_attempt_is_spent),
      TEST(connect_while_offline_waits),
      TEST(while_offline_connect_tries_anyway),
      TEST(a_lost_network_stops_dials_and_delays),
      TEST(failed_revives_with_the_network),
      TEST(the_network_resets_the_counter_at_most_once_a_while),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
