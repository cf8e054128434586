/* Acknowledgements told from ordinary messages, and what one does to the message it names. */
#include "ack.h"
#include "session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void acknowledgements_are_told_from_messages(void **state) {
  (void)state;
  static const struct {
    const char *text, *id; /* NULL: no acknowledgement */
  } cases[] = {
      {"{\"type\":\"ack\",\"id\":\"a1\"}", "a1"},
      {" {\"id\" : \"a1\", \"sequence_number\": 7, \"type\" : \"ack\"} ", "a1"},
      {"{\"type\":\"ack\",\"id\":\"\\u00e4\\\"\"}", "\xc3\xa4\""},
      {"{\"type\":\"ack\",\"id\":\"\"}", ""},
      {"{\"type\":\"ack\",\"id\":7}", NULL},
      {"{\"type\":\"ack\"}", NULL},
      {"{\"type\":\"acks\",\"id\":\"a1\"}", NULL},
      {"{\"type\":\"message\",\"id\":\"ack\"}", NULL},
      {"{\"type\":\"ack\",\"id\":\"a1\"", NULL},
      {"[\"ack\"]", NULL},
      {"ack", NULL},
      {"", NULL},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char id[ACK_ID_MAX + 1];
    const bool is_ack = ack_read_text(cases[i].text, strlen(cases[i].text), id);
    assert_int_equal(is_ack, cases[i].id != NULL);
    if (is_ack)
      assert_string_equal(id, cases[i].id);
  }
}

static void ids_are_bounded(void **state) {
  (void)state;
  char text[256], id[ACK_ID_MAX + 1];
  for (size_t len = ACK_ID_MAX; len <= ACK_ID_MAX + 1; len++) {
    const char head[] = "{\"type\":\"ack\",\"id\":\"";
    memcpy(text, head, sizeof head - 1);
    memset(text + sizeof head - 1, 'x', len);
    memcpy(text + sizeof head - 1 + len, "\"}", 2);
    assert_int_equal(ack_read_text(text, sizeof head + 1 + len, id), len == ACK_ID_MAX);
  }
}

static void long_texts_are_messages(void **state) {
  (void)state;
  static const char ack[] = "{\"type\":\"ack\",\"id\":\"a1\"}";
  static char text[ACK_TEXT_MAX + 1];
  char id[ACK_ID_MAX + 1];
  memset(text, ' ', sizeof text);
  memcpy(text, ack, sizeof ack - 1);
  assert_true(ack_read_text(text, ACK_TEXT_MAX, id));
  assert_false(ack_read_text(text, ACK_TEXT_MAX + 1, id));
}

/* ---- in the session ---- */

static struct rig rig;

static int set_up(void **state) {
  (void)state;
  rig_init(&rig);
  rig.config.confirm = CONFIRM_ACK;
  rig.config.ack_timeout_ms = 30000;
  rig.config.dialect = DIALECT_OFF;
  return 0;
}

static void an_ack_confirms_the_message_it_names(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 10);
  rig_send(&rig, 10);
  rig_send(&rig, 10);
  rig_flush(&rig);
  rig_expect(&rig, "write 0; write 1; write 2");
  assert_true(rig_ack(&rig, 1));
  rig_expect(&rig, "1 confirmed");
  assert_false(rig_ack(&rig, 1)); /* known already */
  assert_false(rig_ack(&rig, 9)); /* nobody's */
  assert_true(rig_ack(&rig, 0));
  assert_true(rig_ack(&rig, 2));
  rig_expect(&rig, "0 confirmed; 2 confirmed");
  assert_false(session_has_messages(&rig.session));
}

static void acks_count_only_where_they_are_asked_for(void **state) {
  (void)state;
  rig.config.confirm = CONFIRM_NONE;
  rig_start(&rig);
  rig_send(&rig, 10);
  assert_false(rig_ack(&rig, 0));
}

static void what_was_not_acknowledged_goes_again_on_the_next_link(void **state) {
  (void)state;
  rig_start(&rig);
  for (int i = 0; i < 3; i++)
    rig_send(&rig, 10);
  rig_flush(&rig);
  assert_true(rig_ack(&rig, 0));
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 1000);
  rig_forget(&rig);
  rig_open(&rig);
  rig_expect(&rig, "opened; RECONNECTING>CONNECTED opened; write 1; write 2");
  assert_int_equal(rig.messages[1].attempts, 2);
}

static void an_ack_of_the_last_link_counts_no_more(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 10);
  const uint32_t old = rig.epoch;
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_pass(&rig, 1000);
  rig_open(&rig);
  assert_false(session_acked(&rig.session, rig.now_ms, old, "m0", 2));
  assert_true(session_acked(&rig.session, rig.now_ms, rig.epoch, "m0", 2));
}

/* A server that refused a message, or forgot it, and lives: nothing is given up. */
static void what_is_not_acknowledged_in_time_goes_again_on_this_link(void **state) {
  (void)state;
  rig_start(&rig);
  rig_send(&rig, 10);
  rig_send(&rig, 10);
  rig_pass(&rig, 40000); /* not even with the kernel: the time does not run */
  rig_flush(&rig);
  rig_expect(&rig, "write 0; write 1");
  rig_pass(&rig, 29999);
  rig_expect(&rig, "");
  assert_true(rig_ack(&rig, 0)); /* progress: the time begins anew */
  rig_pass(&rig, 29999);
  rig_expect(&rig, "0 confirmed");
  rig_pass(&rig, 1);
  rig_expect(&rig, "write 1");
  rig_flush(&rig);
  rig_pass(&rig, 30000);
  rig_expect(&rig, "write 1");
  rig_flush(&rig);
  assert_true(rig_ack(&rig, 1));
  rig_pass(&rig, 100000); /* nothing is left to be late */
  rig_expect(&rig, "1 confirmed");
}

static void without_a_timeout_it_waits(void **state) {
  (void)state;
  rig.config.ack_timeout_ms = 0;
  rig_start(&rig);
  rig_send(&rig, 10);
  rig_flush(&rig);
  rig_pass(&rig, 10000000);
  rig_expect(&rig, "write 0");
}

/* ---- messages that an outbox has too ---- */

static void stored_ones_are_taken_only_by_an_open_link(void **state) {
  (void)state;
  assert_null(rig_send_stored(&rig, 10));
  rig_connect(&rig);
  assert_null(rig_send_stored(&rig, 10));
  rig_open(&rig);
  rig_forget(&rig);
  assert_non_null(rig_send_stored(&rig, 10));
  rig_expect(&rig, "write 0");
  rig_disconnect(&rig);
  assert_null(rig_send_stored(&rig, 10));
}

static void stored_ones_go_back_when_the_link_is_lost(void **state) {
  (void)state;
  rig.config.in_flight = 2;
  rig_start(&rig);
  rig_send_stored(&rig, 10);
  rig_send(&rig, 10);
  rig_send_stored(&rig, 10);
  rig_expect(&rig, "write 0; write 1");
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_expect(&rig, "0 stored; 2 stored; error connection_lost; ended; CONNECTED>DISCONNECTED lost; "
                   "retry 1/10 1000; DISCONNECTED>RECONNECTING retry");
  assert_int_equal(rig_metrics(&rig).queued_messages, 1);
  assert_int_equal(rig_metrics(&rig).dropped, 0);
}

static void a_disconnect_does_not_drop_stored_ones(void **state) {
  (void)state;
  rig.config.in_flight = 1;
  rig_start(&rig);
  rig_send_stored(&rig, 10);
  rig_send_stored(&rig, 10);
  rig_expect(&rig, "write 0");
  rig_disconnect(&rig);
  rig_expect(&rig, "1 stored; close 1000");
  assert_true(rig_ack(&rig, 0)); /* the peer may yet say what it read */
  rig_lose(&rig, FAILURE_CLOSED_BY_PEER);
  rig_expect(&rig, "0 confirmed; ended; CONNECTED>CLOSED disconnect");
  assert_int_equal(rig_metrics(&rig).dropped, 0);
}

static void stored_ones_are_neither_evicted_nor_cleared_nor_counted(void **state) {
  (void)state;
  rig.config.in_flight = 1;
  rig.config.queue_limit_bytes = 25;
  rig_start(&rig);
  rig_send_stored(&rig, 1000);
  rig_send_stored(&rig, 1000);
  rig_send(&rig, 20);
  assert_int_equal(rig_metrics(&rig).queued_bytes, 20);
  rig_expect(&rig, "write 0");
  rig_send(&rig, 20); /* the older small one makes room */
  rig_expect(&rig, "2 dropped overflow");
  session_clear(&rig.session, rig.now_ms);
  rig_take(&rig);
  rig_expect(&rig, "3 dropped cleared");
  assert_true(rig_ack(&rig, 0));
  rig_expect(&rig, "0 confirmed; write 1");
}

#define RIGGED(test) cmocka_unit_test_setup(test, set_up)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(acknowledgements_are_told_from_messages),
      cmocka_unit_test(ids_are_bounded),
      cmocka_unit_test(long_texts_are_messages),
      RIGGED(an_ack_confirms_the_message_it_names),
      RIGGED(acks_count_only_where_they_are_asked_for),
      RIGGED(what_was_not_acknowledged_goes_again_on_the_next_link),
      RIGGED(an_ack_of_the_last_link_counts_no_more),
      RIGGED(what_is_not_acknowledged_in_time_goes_again_on_this_link),
      RIGGED(without_a_timeout_it_waits),
      RIGGED(stored_ones_are_taken_only_by_an_open_link),
      RIGGED(stored_ones_go_back_when_the_link_is_lost),
      RIGGED(a_disconnect_does_not_drop_stored_ones),
      RIGGED(stored_ones_are_neither_evicted_nor_cleared_nor_counted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
