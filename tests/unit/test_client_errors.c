/* Errors and hints, the policy's say in them, and the questions a client answers. */
#include "client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LONG_MS 60000

/* ---- verdicts ---- */

static void statuses_are_judged_by_the_contract(void **state) {
  (void)state;
  static const struct {
    uint16_t status;
    limpet_state leads_to;
  } cases[] = {
      {301, LIMPET_ERROR},        {400, LIMPET_ERROR},        {401, LIMPET_ERROR},
      {403, LIMPET_ERROR},        {404, LIMPET_ERROR},        {408, LIMPET_RECONNECTING},
      {425, LIMPET_RECONNECTING}, {429, LIMPET_RECONNECTING}, {500, LIMPET_RECONNECTING},
      {503, LIMPET_RECONNECTING},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture f;
    limpet_snapshot snapshot;
    fixture_init(&f, 0);
    f.options.initial_delay_ms = LONG_MS;
    fixture_make(&f);
    f.peer.refuses = cases[i].status;
    limpet_connect(f.client);
    world_until(&f.world, fixture_is(&f, cases[i].leads_to));
    limpet_get_snapshot(f.client, &snapshot, sizeof snapshot);
    assert_int_equal(snapshot.last_error, LIMPET_ERROR_HTTP_STATUS);
    assert_int_equal(snapshot.last_http_status, cases[i].status);
    assert_int_equal(snapshot.last_error_retryable, cases[i].leads_to != LIMPET_ERROR);
    assert_true(strlen(snapshot.last_error_detail) > 0);
    fixture_end(&f);
  }
}

static void a_404_is_critical_only_until_a_link_was_open(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  f.options.initial_delay_ms = 10;
  fixture_make(&f);
  fixture_open(&f);
  f.peer.refuses = 404;
  peer_reset(&f.peer);
  world_until(&f.world, diary_has(&f.diary, "error http_status retry"));
  f.peer.refuses = 0;
  fixture_reopened(&f);
  fixture_end(&f);
}

static void close_codes_are_judged_by_the_contract(void **state) {
  (void)state;
  static const struct {
    uint16_t code;
    bool is_final;
  } cases[] = {{1000, false}, {1001, false}, {1003, true}, {1007, true},
               {1008, true},  {1009, true},  {1010, true}, {1011, false},
               {1012, false}, {4000, true},  {4099, true}, {4100, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char line[64];
    struct fixture f;
    fixture_init(&f, 0);
    f.options.initial_delay_ms = LONG_MS;
    fixture_make(&f);
    fixture_open(&f);
    link_close(f.peer.link, cases[i].code, "");
    world_until(&f.world, fixture_is(&f, cases[i].is_final ? LIMPET_ERROR : LIMPET_RECONNECTING));
    (void)snprintf(line, sizeof line, "close %u clean", cases[i].code);
    assert_true(diary_has(&f.diary, line));
    fixture_end(&f);
  }
}

static void a_normal_close_may_be_the_end(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  f.options.reconnect_on_normal_close = false;
  fixture_make(&f);
  fixture_open(&f);
  link_close(f.peer.link, 1000, "");
  world_until(&f.world, fixture_is(&f, LIMPET_ERROR));
  fixture_end(&f);
}

static void a_hint_to_retry_later_is_heeded_within_bounds(void **state) {
  (void)state;
  static const struct {
    const char *header;
    uint64_t least_ms, most_ms;
  } cases[] = {{"Retry-After: 2", 2000, 3000},
               {"Retry-After: 99999999", 5000, 7500},
               {"Retry-After: Fri, 31 Dec 1999 23:59:59 GMT", 5, 15},
               {"Retry-After: soon", 5, 10}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *const extra[] = {cases[i].header, NULL};
    struct fixture f;
    limpet_snapshot snapshot;
    fixture_init(&f, 0);
    f.options.initial_delay_ms = 10;
    f.options.retry_after_max_ms = 5000;
    fixture_make(&f);
    f.peer.refuses = 503;
    f.peer.extra = extra;
    limpet_connect(f.client);
    world_until(&f.world, fixture_is(&f, LIMPET_RECONNECTING));
    limpet_get_snapshot(f.client, &snapshot, sizeof snapshot);
    if (snapshot.next_retry_at_ms != LIMPET_NEVER) /* short ones may be over */
      assert_true(snapshot.next_retry_at_ms <= snapshot.now_ms + cases[i].most_ms);
    if (cases[i].least_ms >= 1000)
      assert_true(snapshot.next_retry_at_ms + 500 >= snapshot.now_ms + cases[i].least_ms);
    fixture_end(&f);
  }
}

static void a_dial_that_takes_too_long_has_failed(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  f.options.url = f.raw.url;
  f.options.connect_timeout_ms = 50;
  f.options.max_retries = 0;
  fixture_make(&f);
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_FAILED));
  assert_true(diary_has(&f.diary, "error connect_timeout retry"));
  assert_true(diary_has(&f.diary, "error gave_up final"));
  fixture_end(&f);
}

/* ---- the policy ---- */

static void the_policy_may_stop_what_would_be_retried(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, DIARY_POLICY);
  f.diary.obeys = false;
  f.diary.decision = LIMPET_GIVE_UP;
  fixture_make(&f);
  fixture_open(&f);
  peer_reset(&f.peer);
  world_until(&f.world, fixture_is(&f, LIMPET_ERROR));
  assert_true(diary_has(&f.diary, "policy connection_lost"));
  assert_true(diary_has(&f.diary, "error connection_lost final"));
  fixture_end(&f);
}

static void the_policy_may_retry_what_is_critical(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, DIARY_POLICY);
  f.diary.obeys = false;
  f.diary.decision = LIMPET_BACK_OFF;
  f.options.initial_delay_ms = 10;
  fixture_make(&f);
  f.peer.refuses = 401;
  limpet_connect(f.client);
  world_until(&f.world, diary_has(&f.diary, "error http_status retry"));
  f.peer.refuses = 0;
  fixture_reopened(&f);
  fixture_end(&f);
}

static void the_policy_may_retry_at_once_but_not_for_ever(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, DIARY_POLICY);
  f.diary.obeys = false;
  f.diary.decision = LIMPET_RETRY_NOW;
  f.options.initial_delay_ms = LONG_MS;
  f.options.max_retries = 3;
  fixture_make(&f);
  fixture_open(&f);
  peer_stop_listening(&f.peer);
  peer_reset(&f.peer);
  world_until(&f.world, fixture_is(&f, LIMPET_FAILED));
  assert_int_equal(diary_lines(&f.diary, "retry"), 3);
  assert_int_equal(diary_lines(&f.diary, "policy"), 4);
  fixture_end(&f);
}

static void act_in_policy(struct diary *diary, const char *line) {
  if (strncmp(line, "policy", 6) != 0)
    return;
  if (diary->left == 0)
    assert_int_equal(limpet_disconnect(diary->client), LIMPET_OK);
  else
    assert_int_equal(limpet_set_url(diary->client, diary->context, NULL), LIMPET_OK);
}

static void the_policy_may_disconnect_or_turn_elsewhere(void **state) {
  (void)state;
  for (unsigned turns = 0; turns < 2; turns++) {
    struct fixture f;
    struct peer other;
    fixture_init(&f, DIARY_POLICY);
    peer_init(&other, &f.world);
    f.diary.react = act_in_policy;
    f.diary.left = turns;
    f.diary.context = other.url;
    fixture_make(&f);
    fixture_open(&f);
    peer_reset(&f.peer);
    if (turns)
      world_until(&f.world, other.link);
    else
      world_until(&f.world, fixture_is(&f, LIMPET_CLOSED));
    assert_int_equal(f.peer.accepted_count, 1);
    diary_stop(&f.diary, 1000);
    world_until(&f.world, f.diary.is_over || !turns);
    peer_deinit(&other);
    fixture_deinit(&f);
  }
}

/* ---- addresses ---- */

static void a_new_address_counts_from_the_next_dial(void **state) {
  (void)state;
  char detail[LIMPET_DETAIL_CAP];
  struct fixture f;
  struct peer other;
  fixture_init(&f, 0);
  peer_init(&other, &f.world);
  fixture_make(&f);
  assert_string_equal(limpet_url(f.client), f.peer.url);
  fixture_open(&f);
  assert_int_equal(limpet_set_url(f.client, other.url, detail), LIMPET_OK);
  assert_string_equal(limpet_url(f.client), other.url);
  assert_int_equal(limpet_set_url(f.client, "http://x/", detail), LIMPET_INVALID_ARGUMENT);
  assert_non_null(strstr(detail, "url"));
  assert_string_equal(limpet_url(f.client), other.url);
  world_idle(&f.world, 10);
  assert_true(fixture_is(&f, LIMPET_CONNECTED));
  peer_reset(&f.peer);
  world_until(&f.world, other.link && fixture_is(&f, LIMPET_CONNECTED));
  assert_int_equal(f.peer.accepted_count, 1);
  diary_stop(&f.diary, 1000);
  world_until(&f.world, f.diary.is_over);
  peer_deinit(&other);
  fixture_deinit(&f);
}

static void secrets_stay_out_of_errors(void **state) {
  (void)state;
  char url[128];
  struct fixture f;
  fixture_init(&f, DIARY_LOGS);
  (void)snprintf(url, sizeof url, "ws://me:hunter2@127.0.0.1:%u/?token=hunter2",
                 http_server_port(f.peer.http));
  f.options.url = url;
  fixture_make(&f);
  f.peer.refuses = 401;
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_ERROR));
  limpet_snapshot snapshot;
  limpet_get_snapshot(f.client, &snapshot, sizeof snapshot);
  assert_null(strstr(snapshot.last_error_detail, "hunter2"));
  assert_string_equal(limpet_url(f.client), url);
  fixture_end(&f);
}

/* ---- questions ---- */

static void a_snapshot_tells_all(void **state) {
  (void)state;
  struct fixture f;
  limpet_snapshot s;
  fixture_init(&f, 0);
  f.peer.is_echo = true;
  f.options.initial_delay_ms = 20;
  fixture_make(&f);
  memset(&s, 0xEE, sizeof s);
  limpet_get_snapshot(f.client, &s, sizeof s);
  assert_int_equal(s.state, LIMPET_CLOSED);
  assert_int_equal(s.reason, LIMPET_REASON_NONE);
  assert_int_equal(s.max_retries, 10);
  assert_true(s.next_retry_at_ms == LIMPET_NEVER);
  assert_true(s.metrics.connection_duration_ms == 0);
  fixture_open(&f);
  for (unsigned i = 1; i <= 4; i++)
    fixture_send(&f, i);
  world_until(&f.world, f.diary.texts_count == 4);
  limpet_get_snapshot(f.client, &s, sizeof s);
  assert_int_equal(s.state, LIMPET_CONNECTED);
  assert_int_equal(s.reason, LIMPET_REASON_OPENED);
  assert_int_equal(s.metrics.messages_in, 4);
  assert_int_equal(s.metrics.bytes_in, 12);
  assert_int_equal(s.metrics.messages_out, 4);
  assert_int_equal(s.metrics.bytes_out, 12);
  assert_int_equal(s.metrics.reconnects, 0);
  peer_reset(&f.peer);
  world_until(&f.world, fixture_is(&f, LIMPET_RECONNECTING));
  limpet_get_snapshot(f.client, &s, sizeof s);
  assert_int_equal(s.reason, LIMPET_REASON_RETRY);
  assert_int_equal(s.attempt, 1);
  assert_int_equal(s.last_error, LIMPET_ERROR_CONNECTION_LOST);
  assert_true(s.last_error_retryable);
  fixture_reopened(&f);
  world_pass(&f.world, 20);
  limpet_get_snapshot(f.client, &s, sizeof s);
  assert_int_equal(s.metrics.reconnects, 1);
  assert_true(s.metrics.downtime_ms >= 10);
  assert_true(s.metrics.longest_outage_ms == s.metrics.downtime_ms);
  assert_in_range(s.metrics.connection_duration_ms, 19, 60000);
  fixture_end(&f);
}

/* An older and a newer program. */
static void a_snapshot_fits_the_callers_struct(void **state) {
  (void)state;
  struct {
    limpet_snapshot snapshot;
    unsigned char more[32];
  } room;
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  memset(&room, 0xEE, sizeof room);
  limpet_get_snapshot(f.client, &room.snapshot, offsetof(limpet_snapshot, metrics));
  assert_int_equal(room.snapshot.max_retries, 10);
  assert_int_equal(room.snapshot.metrics.reconnects, 0xEEEEEEEE);
  limpet_get_snapshot(f.client, &room.snapshot, sizeof room);
  assert_int_equal(room.snapshot.metrics.reconnects, 0);
  for (size_t i = 0; i < sizeof room.more; i++)
    assert_int_equal(room.more[i], 0);
  fixture_end(&f);
}

static void status_is(struct fixture *f, bool emoji, const char *expected) {
  char text[160];
  limpet_status_text(f->client, emoji, text, sizeof text);
  if (strncmp(text, expected, strlen(expected)) != 0)
    fail_msg("'%s' is not '%s'", text, expected);
}

static void the_status_is_told_in_words(void **state) {
  (void)state;
  char small[8];
  struct fixture f;
  fixture_init(&f, 0);
  f.options.initial_delay_ms = LONG_MS;
  f.options.max_delay_ms = LONG_MS;
  fixture_make(&f);
  status_is(&f, false, "Not connected");
  status_is(&f, true, "\xe2\xac\x9c Not connected");
  limpet_connect(f.client);
  status_is(&f, false, "Connecting");
  fixture_reopened(&f);
  status_is(&f, false, "Connected (0s)");
  peer_reset(&f.peer);
  world_until(&f.world, fixture_is(&f, LIMPET_RECONNECTING));
  status_is(&f, true, "\xf0\x9f\x9f\xa1 Reconnecting (attempt 1 of 10, in ");
  limpet_status_text(f.client, false, small, sizeof small);
  assert_true(strlen(small) < sizeof small);
  f.peer.refuses = 401;
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_ERROR));
  status_is(&f, true, "\xe2\x9a\xa0\xef\xb8\x8f WebSocket error");
  fixture_end(&f);
}

/* A machine that woke up asks at once. */
static void a_probe_finds_a_dead_link_in_its_own_time(void **state) {
  (void)state;
  struct fixture f;
  limpet_snapshot snapshot;
  fixture_init(&f, 0);
  f.options.url = f.raw.url;
  f.options.probe_timeout_ms = 30;
  fixture_make(&f);
  assert_int_equal(limpet_probe(f.client), LIMPET_OK);
  limpet_connect(f.client);
  raw_peer_open(&f.raw);
  world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
  limpet_set_url(f.client, f.peer.url, NULL);
  limpet_probe(f.client);
  world_until(&f.world, diary_has(&f.diary, "error heartbeat_timeout retry"));
  fixture_reopened(&f);
  limpet_get_snapshot(f.client, &snapshot, sizeof snapshot);
  assert_non_null(strstr(snapshot.last_error_detail, "(timeout 30 ms)"));
  fixture_end(&f);
}

static void a_healthy_link_has_counter_0(void **state) {
  (void)state;
  struct fixture f;
  limpet_snapshot snapshot;
  fixture_init(&f, 0);
  fixture_make(&f);
  fixture_open(&f);
  peer_reset(&f.peer);
  world_until(&f.world, f.peer.opened_count == 2 && fixture_is(&f, LIMPET_CONNECTED));
  limpet_get_snapshot(f.client, &snapshot, sizeof snapshot);
  assert_int_equal(snapshot.attempt, 1);
  limpet_healthy(f.client);
  limpet_get_snapshot(f.client, &snapshot, sizeof snapshot);
  assert_int_equal(snapshot.attempt, 0);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(statuses_are_judged_by_the_contract),
      cmocka_unit_test(a_404_is_critical_only_until_a_link_was_open),
      cmocka_unit_test(close_codes_are_judged_by_the_contract),
      cmocka_unit_test(a_normal_close_may_be_the_end),
      cmocka_unit_test(a_hint_to_retry_later_is_heeded_within_bounds),
      cmocka_unit_test(a_dial_that_takes_too_long_has_failed),
      cmocka_unit_test(the_policy_may_stop_what_would_be_retried),
      cmocka_unit_test(the_policy_may_retry_what_is_critical),
      cmocka_unit_test(the_policy_may_retry_at_once_but_not_for_ever),
      cmocka_unit_test(the_policy_may_disconnect_or_turn_elsewhere),
      cmocka_unit_test(a_new_address_counts_from_the_next_dial),
      cmocka_unit_test(secrets_stay_out_of_errors),
      cmocka_unit_test(a_snapshot_tells_all),
      cmocka_unit_test(a_snapshot_fits_the_callers_struct),
      cmocka_unit_test(the_status_is_told_in_words),
      cmocka_unit_test(a_probe_finds_a_dead_link_in_its_own_time),
      cmocka_unit_test(a_healthy_link_has_counter_0),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
