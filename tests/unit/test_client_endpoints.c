/* Several endpoints of one service: rounds, memory of failures, the policy's say in them. */
#include "client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LONG_MS 60000

/* `f.peer` is A, options.url; `b` the only fallback. */
struct pair {
  struct fixture f;
  struct peer b;
  const char *fallbacks[2];
};

static void pair_init(struct pair *pair, unsigned wants) {
  fixture_init(&pair->f, wants);
  peer_init(&pair->b, &pair->f.world);
  pair->fallbacks[0] = pair->b.url;
  pair->fallbacks[1] = NULL;
  pair->f.options.fallbacks = pair->fallbacks;
}

static void pair_end(struct pair *pair) {
  const bool was_closed = fixture_is(&pair->f, LIMPET_CLOSED);
  diary_stop(&pair->f.diary, 1000);
  if (!was_closed)
    world_until(&pair->f.world, pair->f.diary.is_over);
  peer_deinit(&pair->b);
  fixture_deinit(&pair->f);
}

static void connect_to(struct pair *pair, struct peer *peer) {
  limpet_connect(pair->f.client);
  world_until(&pair->f.world, fixture_is(&pair->f, LIMPET_CONNECTED) && peer->link);
}

static void reconnect_to(struct pair *pair, struct peer *from, struct peer *to) {
  peer_reset(from);
  world_until(&pair->f.world, diary_has(&pair->f.diary, "close"));
  world_until(&pair->f.world, fixture_is(&pair->f, LIMPET_CONNECTED) && to->link);
}

/* ---- rounds ---- */

static void one_that_is_down_is_passed_within_the_first_attempt(void **state) {
  (void)state;
  static const char *const course[] = {"state CLOSED>CONNECTING connect",
                                       "error connect_refused retry", "open",
                                       "state CONNECTING>CONNECTED opened", NULL};
  struct pair pair;
  pair_init(&pair, 0);
  fixture_make(&pair.f);
  peer_stop_listening(&pair.f.peer);
  connect_to(&pair, &pair.b);
  diary_is(&pair.f.diary, course);
  assert_string_equal(limpet_url(pair.f.client), pair.b.url);
  pair_end(&pair);
}

/* Without a pause between the two, though a retry would wait long. */
static void when_the_second_goes_down_it_is_back_to_the_first(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, 0);
  pair.f.options.initial_delay_ms = 20;
  fixture_make(&pair.f);
  pair.f.peer.refuses = 503;
  connect_to(&pair, &pair.b);
  pair.f.peer.refuses = 0;
  peer_stop_listening(&pair.b);
  reconnect_to(&pair, &pair.b, &pair.f.peer);
  assert_int_equal(diary_lines(&pair.f.diary, "retry"), 1); /* for the link that was lost */
  pair_end(&pair);
}

static void the_last_good_one_is_dialed_first(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, 0);
  fixture_make(&pair.f);
  pair.f.peer.refuses = 503;
  connect_to(&pair, &pair.b);
  pair.f.peer.refuses = 0;
  reconnect_to(&pair, &pair.b, &pair.b);
  assert_int_equal(pair.f.peer.accepted_count, 1);
  assert_int_equal(pair.b.opened_count, 2);
  pair_end(&pair);
}

static void a_round_is_one_attempt(void **state) {
  (void)state;
  static const char *const course[] = {"state CLOSED>CONNECTING connect",
                                       "error connect_refused retry",
                                       "error connect_refused retry",
                                       "state CONNECTING>DISCONNECTED lost",
                                       "retry 1",
                                       "state DISCONNECTED>RECONNECTING retry",
                                       "error connect_refused retry",
                                       "error connect_refused retry",
                                       "error gave_up final",
                                       "state RECONNECTING>FAILED gave_up",
                                       NULL};
  struct pair pair;
  pair_init(&pair, 0);
  pair.f.options.max_retries = 1;
  fixture_make(&pair.f);
  peer_stop_listening(&pair.f.peer);
  peer_stop_listening(&pair.b);
  limpet_connect(pair.f.client);
  world_until(&pair.f.world, fixture_is(&pair.f, LIMPET_FAILED));
  diary_is(&pair.f.diary, course);
  pair_end(&pair);
}

static void each_endpoint_has_its_own_time(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, 0);
  pair.f.options.url = pair.f.raw.url; /* takes the request and says nothing */
  pair.f.options.connect_timeout_ms = 50;
  fixture_make(&pair.f);
  connect_to(&pair, &pair.b);
  assert_true(diary_has(&pair.f.diary, "error connect_timeout retry"));
  pair_end(&pair);
}

static void a_hint_of_the_last_endpoint_sets_the_delay(void **state) {
  (void)state;
  static const char *const extra[] = {"Retry-After: 100", NULL};
  struct pair pair;
  limpet_snapshot snapshot;
  pair_init(&pair, 0);
  fixture_make(&pair.f);
  pair.f.peer.refuses = pair.b.refuses = 503;
  pair.b.extra = extra;
  limpet_connect(pair.f.client);
  world_until(&pair.f.world, fixture_is(&pair.f, LIMPET_RECONNECTING));
  limpet_get_snapshot(pair.f.client, &snapshot, sizeof snapshot);
  assert_true(snapshot.next_retry_at_ms >= snapshot.now_ms + 90000);
  pair_end(&pair);
}

/* ---- critical errors ---- */

static void a_critical_answer_of_one_leaves_it_out(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, 0);
  fixture_make(&pair.f);
  pair.f.peer.refuses = 401;
  connect_to(&pair, &pair.b);
  assert_true(diary_has(&pair.f.diary, "error http_status retry"));
  pair.f.peer.refuses = 0;
  reconnect_to(&pair, &pair.b, &pair.b);
  pair.b.refuses = 503; /* the next round finds no other */
  peer_reset(&pair.b);
  world_until(&pair.f.world, diary_lines(&pair.f.diary, "retry") >= 3);
  assert_int_equal(pair.f.peer.accepted_count, 1);
  pair_end(&pair);
}

static void critical_answers_of_all_are_the_end(void **state) {
  (void)state;
  static const char *const course[] = {"state CLOSED>CONNECTING connect", "error http_status retry",
                                       "error http_status final", "state CONNECTING>ERROR critical",
                                       NULL};
  struct pair pair;
  pair_init(&pair, 0);
  fixture_make(&pair.f);
  pair.f.peer.refuses = 401;
  pair.b.refuses = 403;
  limpet_connect(pair.f.client);
  world_until(&pair.f.world, fixture_is(&pair.f, LIMPET_ERROR));
  diary_is(&pair.f.diary, course);
  pair.f.peer.refuses = 0; /* connect from rest forgets that */
  connect_to(&pair, &pair.f.peer);
  pair_end(&pair);
}

static void one_critical_and_one_down_is_retried(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, 0);
  fixture_make(&pair.f);
  pair.f.peer.refuses = 503;
  pair.b.refuses = 401;
  limpet_connect(pair.f.client);
  world_until(&pair.f.world, diary_lines(&pair.f.diary, "retry") >= 2);
  assert_int_equal(pair.b.accepted_count, 1);
  pair.f.peer.refuses = 0;
  world_until(&pair.f.world, fixture_is(&pair.f, LIMPET_CONNECTED));
  pair_end(&pair);
}

static void a_final_close_goes_over_to_the_other(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, 0);
  fixture_make(&pair.f);
  connect_to(&pair, &pair.f.peer);
  link_close(pair.f.peer.link, 4000, "not here");
  world_until(&pair.f.world, fixture_is(&pair.f, LIMPET_CONNECTED) && pair.b.link);
  assert_true(diary_has(&pair.f.diary, "error closed_by_peer retry"));
  assert_int_equal(pair.f.peer.opened_count, 1);
  pair_end(&pair);
}

/* ---- the policy ---- */

static void the_policy_may_leave_an_open_endpoint(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, DIARY_POLICY);
  pair.f.diary.obeys = false;
  pair.f.diary.decision = LIMPET_NEXT_ENDPOINT;
  fixture_make(&pair.f);
  connect_to(&pair, &pair.f.peer);
  reconnect_to(&pair, &pair.f.peer, &pair.b);
  assert_int_equal(diary_lines(&pair.f.diary, "retry"), 1);
  diary_clear(&pair.f.diary);
  reconnect_to(&pair, &pair.b, &pair.f.peer);
  pair_end(&pair);
}

/* The second endpoint is not even dialed. */
static void refused_first(uint16_t status, limpet_decision decision, limpet_state leads_to) {
  struct pair pair;
  pair_init(&pair, DIARY_POLICY);
  pair.f.diary.obeys = false;
  pair.f.diary.decision = decision;
  pair.f.options.initial_delay_ms = LONG_MS;
  fixture_make(&pair.f);
  pair.f.peer.refuses = status;
  limpet_connect(pair.f.client);
  world_until(&pair.f.world, fixture_is(&pair.f, leads_to));
  assert_int_equal(pair.b.accepted_count, 0);
  pair_end(&pair);
}

static void the_policy_may_end_a_round(void **state) {
  (void)state;
  refused_first(401, LIMPET_BACK_OFF, LIMPET_RECONNECTING);
}

static void the_policy_may_end_it_all(void **state) {
  (void)state;
  refused_first(503, LIMPET_GIVE_UP, LIMPET_ERROR);
}

/* All left out by an application that goes on nevertheless: none is, then. */
static void a_policy_that_goes_on_for_ever_finds_endpoints(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, DIARY_POLICY);
  pair.f.diary.obeys = false;
  pair.f.diary.decision = LIMPET_NEXT_ENDPOINT;
  fixture_make(&pair.f);
  pair.f.peer.refuses = pair.b.refuses = 401;
  limpet_connect(pair.f.client);
  world_until(&pair.f.world, diary_lines(&pair.f.diary, "retry") >= 3);
  assert_true(pair.f.peer.accepted_count >= 2 && pair.b.accepted_count >= 2);
  pair_end(&pair);
}

/* ---- wishes meanwhile ---- */

static void disconnect_at(struct diary *diary, const char *line) {
  if (strncmp(line, "error", 5) == 0)
    limpet_disconnect(diary->client);
}

static void a_disconnect_at_the_first_error_ends_the_round(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, 0);
  pair.f.diary.react = disconnect_at;
  fixture_make(&pair.f);
  pair.f.peer.refuses = 503;
  limpet_connect(pair.f.client);
  world_until(&pair.f.world, fixture_is(&pair.f, LIMPET_CLOSED));
  world_idle(&pair.f.world, 20);
  assert_int_equal(pair.b.accepted_count, 0);
  assert_int_equal(diary_lines(&pair.f.diary, "error"), 1);
  pair_end(&pair);
}

static void start_anew_at(struct diary *diary, const char *line) {
  if (strncmp(line, "error", 5) != 0 || diary->left == 0)
    return;
  diary->left--;
  limpet_disconnect(diary->client);
  limpet_connect(diary->client);
}

static void a_new_start_at_the_first_error_is_a_new_round(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, 0);
  pair.f.diary.react = start_anew_at;
  pair.f.diary.left = 1;
  fixture_make(&pair.f);
  pair.f.peer.refuses = 503;
  connect_to(&pair, &pair.b);
  assert_int_equal(pair.f.peer.accepted_count, 2);
  assert_int_equal(pair.b.opened_count, 1);
  pair_end(&pair);
}

static void stop_at(struct diary *diary, const char *line) {
  if (strncmp(line, "error", 5) == 0)
    diary_stop(diary, 1000);
}

static void a_stop_at_the_first_error_is_the_end(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, 0);
  pair.f.diary.react = stop_at;
  fixture_make(&pair.f);
  pair.f.peer.refuses = 503;
  limpet_connect(pair.f.client);
  world_until(&pair.f.world, pair.f.diary.is_over);
  world_idle(&pair.f.world, 20);
  assert_int_equal(pair.b.accepted_count, 0);
  peer_deinit(&pair.b);
  fixture_deinit(&pair.f);
}

/* ---- options ---- */

static void fallbacks_are_checked(void **state) {
  (void)state;
  const char *many[17] = {NULL};
  const char *const bad[] = {"ws://h/", "http://h/", NULL};
  limpet_client *client;
  limpet_options options;
  char detail[LIMPET_DETAIL_CAP];
  struct fixture f;
  fixture_init(&f, 0);
  options = f.options;
  options.fallbacks = bad;
  assert_int_equal(limpet_new(&options, f.world.uv, &client, detail), LIMPET_INVALID_ARGUMENT);
  assert_non_null(strstr(detail, "fallbacks: "));
  for (size_t i = 0; i < 16; i++)
    many[i] = "ws://h/";
  options.fallbacks = many;
  assert_int_equal(limpet_new(&options, f.world.uv, &client, detail), LIMPET_INVALID_ARGUMENT);
  assert_non_null(strstr(detail, "more than 15"));
  fixture_deinit(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_that_is_down_is_passed_within_the_first_attempt),
      cmocka_unit_test(when_the_second_goes_down_it_is_back_to_the_first),
      cmocka_unit_test(the_last_good_one_is_dialed_first),
      cmocka_unit_test(a_round_is_one_attempt),
      cmocka_unit_test(each_endpoint_has_its_own_time),
      cmocka_unit_test(a_hint_of_the_last_endpoint_sets_the_delay),
      cmocka_unit_test(a_critical_answer_of_one_leaves_it_out),
      cmocka_unit_test(critical_answers_of_all_are_the_end),
      cmocka_unit_test(one_critical_and_one_down_is_retried),
      cmocka_unit_test(a_final_close_goes_over_to_the_other),
      cmocka_unit_test(the_policy_may_leave_an_open_endpoint),
      cmocka_unit_test(the_policy_may_end_a_round),
      cmocka_unit_test(the_policy_may_end_it_all),
      cmocka_unit_test(a_policy_that_goes_on_for_ever_finds_endpoints),
      cmocka_unit_test(a_disconnect_at_the_first_error_ends_the_round),
      cmocka_unit_test(a_new_start_at_the_first_error_is_a_new_round),
      cmocka_unit_test(a_stop_at_the_first_error_is_the_end),
      cmocka_unit_test(fallbacks_are_checked),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
