/* A client's life: what it reports and in which order. */
#include "client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- the order of reports ---- */

static void a_cut_is_told_in_the_order_of_the_contract(void **state) {
  (void)state;
  static const char *const lines[] = {
      "state CLOSED>CONNECTING connect",
      "open",
      "state CONNECTING>CONNECTED opened",
      "error connection_lost retry",
      "close 1006 unclean",
      "state CONNECTED>DISCONNECTED lost",
      "retry 1",
      "state DISCONNECTED>RECONNECTING retry",
      "open",
      "state RECONNECTING>CONNECTED opened",
      "close 1000 clean",
      "state CONNECTED>CLOSED disconnect",
      NULL,
  };
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  assert_int_equal(limpet_connect(f.client), LIMPET_OK);
  fixture_reopened(&f);
  peer_reset(&f.peer);
  world_until(&f.world, f.peer.opened_count == 2 && fixture_is(&f, LIMPET_CONNECTED));
  assert_int_equal(limpet_disconnect(f.client), LIMPET_OK);
  world_until(&f.world, fixture_is(&f, LIMPET_CLOSED));
  world_idle(&f.world, 50);
  diary_is(&f.diary, lines);
  assert_int_equal(f.peer.last_end.close_code, 1000);
  assert_true(f.peer.last_end.was_clean);
  fixture_end(&f);
}

static void giving_up_is_told_last(void **state) {
  (void)state;
  static const char *const lines[] = {
      "state CLOSED>CONNECTING connect",
      "error connect_refused retry",
      "state CONNECTING>DISCONNECTED lost",
      "retry 1",
      "state DISCONNECTED>RECONNECTING retry",
      "error connect_refused retry",
      "retry 2",
      "error connect_refused retry",
      "error gave_up final",
      "state RECONNECTING>FAILED gave_up",
      "state FAILED>CONNECTING connect",
      "error connect_refused retry",
      "state CONNECTING>DISCONNECTED lost",
      "retry 1",
      "state DISCONNECTED>RECONNECTING retry",
      "error connect_refused retry",
      "retry 2",
      "error connect_refused retry",
      "error gave_up final",
      "state RECONNECTING>FAILED gave_up",
      NULL,
  };
  struct fixture f;
  fixture_init(&f, 0);
  f.options.max_retries = 2;
  fixture_make(&f);
  peer_stop_listening(&f.peer);
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_FAILED));
  limpet_connect(f.client);
  world_until(&f.world, diary_lines(&f.diary, "error gave_up") == 2);
  diary_is(&f.diary, lines);
  fixture_end(&f);
}

static void a_critical_answer_ends_in_error(void **state) {
  (void)state;
  static const char *const lines[] = {
      "state CLOSED>CONNECTING connect",
      "error http_status final",
      "state CONNECTING>ERROR critical",
      "state ERROR>CONNECTING connect",
      "open",
      "state CONNECTING>CONNECTED opened",
      "error closed_by_peer final",
      "close 4001 clean enough",
      "state CONNECTED>DISCONNECTED lost",
      "state DISCONNECTED>ERROR critical",
      NULL,
  };
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  f.peer.refuses = 401;
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_ERROR));
  f.peer.refuses = 0;
  limpet_connect(f.client);
  fixture_reopened(&f);
  link_close(f.peer.link, 4001, "enough");
  world_until(&f.world, fixture_is(&f, LIMPET_ERROR));
  diary_is(&f.diary, lines);
  fixture_end(&f);
}

/* What an earlier link heard is not told of a later one. */
static void a_close_that_nobody_answers_is_told_as_such(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  f.options.close_timeout_ms = 30;
  fixture_make(&f);
  fixture_open(&f);
  link_close(f.peer.link, 1001, "going");
  world_until(&f.world, diary_has(&f.diary, "close 1001 clean going"));
  limpet_disconnect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_CLOSED));
  limpet_set_url(f.client, f.raw.url, NULL);
  limpet_connect(f.client);
  raw_peer_open(&f.raw);
  world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
  diary_clear(&f.diary);
  limpet_disconnect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_CLOSED));
  assert_true(diary_has(&f.diary, "close 1006 unclean"));
  fixture_end(&f);
}

/* Our own close is no error: the policy is not asked, and no error is remembered. */
static void an_orderly_end_is_no_error(void **state) {
  (void)state;
  struct fixture f;
  limpet_snapshot snapshot;
  fixture_init(&f, DIARY_POLICY);
  fixture_make(&f);
  fixture_open(&f);
  limpet_disconnect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_CLOSED));
  assert_int_equal(diary_lines(&f.diary, "error"), 0);
  assert_int_equal(diary_lines(&f.diary, "policy"), 0);
  limpet_get_snapshot(f.client, &snapshot, sizeof snapshot);
  assert_int_equal(snapshot.last_error, LIMPET_ERROR_NONE);
  assert_false(snapshot.last_error_retryable);
  assert_string_equal(snapshot.last_error_detail, "");
  fixture_end(&f);
}

static void a_connect_while_closing_is_carried_out_after_closed(void **state) {
  (void)state;
  static const char *const lines[] = {
      "close 1000 clean",
      "state CONNECTED>CLOSED disconnect",
      "state CLOSED>CONNECTING connect",
      "open",
      "state CONNECTING>CONNECTED opened",
      NULL,
  };
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  fixture_open(&f);
  diary_clear(&f.diary);
  limpet_disconnect(f.client);
  limpet_connect(f.client);
  assert_int_equal(limpet_send_text(f.client, "x", 1, NULL, NULL), LIMPET_NOT_CONNECTED);
  world_until(&f.world, f.peer.opened_count == 2 && fixture_is(&f, LIMPET_CONNECTED));
  diary_is(&f.diary, lines);
  fixture_end(&f);
}

static void a_later_disconnect_or_stop_takes_the_connect_back(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  fixture_open(&f);
  limpet_disconnect(f.client);
  limpet_connect(f.client);
  limpet_disconnect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_CLOSED));
  world_idle(&f.world, 50);
  assert_true(fixture_is(&f, LIMPET_CLOSED));
  fixture_open(&f);
  limpet_disconnect(f.client);
  limpet_connect(f.client);
  fixture_end(&f);
}

/* ---- from inside callbacks ---- */

static void disconnect_and_send(struct diary *diary, const char *line) {
  if (strcmp(line, "state CONNECTING>CONNECTED opened") != 0)
    return;
  assert_int_equal(limpet_disconnect(diary->client), LIMPET_OK);
  assert_int_equal(limpet_send_text(diary->client, "x", 1, NULL, NULL), LIMPET_NOT_CONNECTED);
}

static void after_a_disconnect_inside_a_callback_nothing_is_taken(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  f.diary.react = disconnect_and_send;
  limpet_connect(f.client);
  world_until(&f.world, diary_has(&f.diary, "state CONNECTED>CLOSED"));
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_cut_is_told_in_the_order_of_the_contract),
      cmocka_unit_test(giving_up_is_told_last),
      cmocka_unit_test(a_critical_answer_ends_in_error),
      cmocka_unit_test(a_close_that_nobody_answers_is_told_as_such),
      cmocka_unit_test(an_orderly_end_is_no_error),
      cmocka_unit_test(a_connect_while_closing_is_carried_out_after_closed),
      cmocka_unit_test(a_later_disconnect_or_stop_takes_the_connect_back),
      cmocka_unit_test(after_a_disconnect_inside_a_callback_nothing_is_taken),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
