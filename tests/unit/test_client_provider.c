/* The provider of URL and credentials: asked before each dial, answering now, later, or not at all.
 */
#include "client_fixture.h"
#include "utf8.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LONG_MS 60000

/* What the provider of a test was asked, and how it answers. */
static struct {
  enum { ANSWER_AT_ONCE, ANSWER_NEVER, FAIL_AT_ONCE } way;
  const char *url;
  const char *const *headers;
  const char *why;
  unsigned asked_count, refresh_count;
  limpet_provider_request last;
  char last_url[256];
  limpet_result result;
} provider;

static void provide(limpet_client *client, const limpet_provider_request *request, void *user) {
  (void)user;
  provider.asked_count++;
  provider.refresh_count += request->refresh;
  provider.last = *request;
  (void)snprintf(provider.last_url, sizeof provider.last_url, "%s", request->url);
  if (provider.way == ANSWER_AT_ONCE)
    provider.result = limpet_provide(client, request->ticket, provider.url, provider.headers, NULL);
  else if (provider.way == FAIL_AT_ONCE)
    provider.result = limpet_provide_failure(client, request->ticket, provider.why);
}

static void set_up(struct fixture *f, unsigned wants) {
  memset(&provider, 0, sizeof provider);
  provider.why = "the vault is shut";
  fixture_init(f, wants);
  f->options.provider = provide;
}

static bool has_detail(struct fixture *f, const char *part) {
  limpet_snapshot snapshot;
  limpet_get_snapshot(f->client, &snapshot, sizeof snapshot);
  return snapshot.last_error == LIMPET_ERROR_PROVIDER && strstr(snapshot.last_error_detail, part);
}

/* ---- answers ---- */

static void it_is_asked_before_every_dial(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, 0);
  fixture_make(&f);
  assert_int_equal(provider.asked_count, 0);
  fixture_open(&f);
  assert_int_equal(provider.asked_count, 1);
  assert_int_equal(provider.last.attempt, 0);
  assert_string_equal(provider.last_url, f.peer.url);
  peer_reset(&f.peer);
  world_until(&f.world, diary_has(&f.diary, "close"));
  fixture_reopened(&f);
  assert_int_equal(provider.asked_count, 2);
  assert_int_equal(provider.last.attempt, 1);
  assert_false(provider.last.refresh);
  fixture_end(&f);
}

static void what_it_says_is_dialed(void **state) {
  (void)state;
  static const char *const headers[] = {"Authorization: Bearer fresh", "X-Y: z", NULL};
  static const char *const configured[] = {"authorization: Bearer stale", "X-A: b", NULL};
  struct fixture f;
  char url[96];
  set_up(&f, 0);
  (void)snprintf(url, sizeof url, "%sfrom/the/provider?token=t1", f.raw.url);
  provider.url = url;
  provider.headers = headers;
  f.options.headers = configured;
  fixture_make(&f);
  limpet_connect(f.client);
  world_until(&f.world, raw_peer_has_head(&f.raw));
  const char *head = (const char *)f.raw.in;
  assert_non_null(strstr(head, "from/the/provider?token=t1 HTTP/1.1\r\n"));
  assert_non_null(strstr(head, "\r\nAuthorization: Bearer fresh\r\n"));
  assert_non_null(strstr(head, "\r\nX-Y: z\r\n"));
  assert_non_null(strstr(head, "\r\nX-A: b\r\n"));
  assert_null(strstr(head, "stale"));
  assert_string_equal(limpet_url(f.client), url);
  raw_peer_upgrade(&f.raw);
  world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
  fixture_end(&f);
}

static void it_may_answer_later(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, 0);
  provider.way = ANSWER_NEVER;
  fixture_make(&f);
  limpet_connect(f.client);
  assert_int_equal(provider.asked_count, 1);
  world_idle(&f.world, 5);
  assert_true(fixture_is(&f, LIMPET_CONNECTING));
  assert_int_equal(f.peer.accepted_count, 0);
  assert_int_equal(limpet_provide(f.client, provider.last.ticket, NULL, NULL, NULL), LIMPET_OK);
  fixture_reopened(&f);
  /* once more, or with a number that never was: ignored */
  assert_int_equal(limpet_provide(f.client, provider.last.ticket, NULL, NULL, NULL), LIMPET_OK);
  assert_int_equal(limpet_provide_failure(f.client, 12345, "?"), LIMPET_OK);
  world_idle(&f.world, 5);
  assert_true(fixture_is(&f, LIMPET_CONNECTED));
  fixture_end(&f);
}

static void *answer_from_outside(void *client) {
  provider.result = limpet_provide(client, provider.last.ticket, NULL, NULL, NULL);
  return NULL;
}

static void it_may_answer_from_another_thread(void **state) {
  (void)state;
  struct fixture f;
  pthread_t thread;
  set_up(&f, 0);
  provider.way = ANSWER_NEVER;
  fixture_make(&f);
  limpet_connect(f.client);
  assert_int_equal(pthread_create(&thread, NULL, answer_from_outside, f.client), 0);
  pthread_join(thread, NULL);
  assert_int_equal(provider.result, LIMPET_OK);
  fixture_reopened(&f);
  fixture_end(&f);
}

/* ---- no answer ---- */

static void one_that_fails_is_asked_again(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, 0);
  provider.way = FAIL_AT_ONCE;
  fixture_make(&f);
  limpet_connect(f.client);
  world_until(&f.world, diary_has(&f.diary, "retry 3"));
  assert_true(diary_has(&f.diary, "error provider retry"));
  assert_true(has_detail(&f, "the vault is shut"));
  provider.way = ANSWER_AT_ONCE;
  fixture_reopened(&f);
  fixture_end(&f);
}

static unsigned errors_count;

static void expect_text(limpet_client *client, const limpet_error *error, void *user) {
  (void)client;
  (void)user;
  const size_t len = strlen(error->detail);
  errors_count++;
  assert_in_range(len, LIMPET_DETAIL_CAP / 2, LIMPET_DETAIL_CAP - 1);
  assert_true(utf8_is_valid((const uint8_t *)error->detail, len));
}

/* "Longer ones are cut at a character": the reason itself, and where it is quoted. */
static void a_long_reason_stays_text(void **state) {
  (void)state;
  char why[2 * LIMPET_DETAIL_CAP + 2] = "x";
  for (size_t i = 0; i < LIMPET_DETAIL_CAP; i++)
    memcpy(why + 1 + 2 * i, "\u00fc", 3);
  for (size_t shift = 0; shift < 2; shift++) {
    struct fixture f;
    set_up(&f, 0);
    provider.way = FAIL_AT_ONCE;
    provider.why = why + shift;
    f.options.max_retries = 0;
    f.options.callbacks.on_error = expect_text;
    errors_count = 0;
    fixture_make(&f);
    limpet_connect(f.client);
    world_until(&f.world, fixture_is(&f, LIMPET_FAILED));
    assert_int_equal(errors_count, 2);
    fixture_end(&f);
  }
}

static void one_that_hangs_is_asked_again(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, 0);
  provider.way = ANSWER_NEVER;
  f.options.provider_timeout_ms = 10;
  fixture_make(&f);
  limpet_connect(f.client);
  world_until(&f.world, diary_has(&f.diary, "retry 2"));
  assert_true(has_detail(&f, "no answer from the provider within 10 ms"));
  provider.way = ANSWER_AT_ONCE;
  fixture_reopened(&f);
  fixture_end(&f);
}

static void a_late_answer_is_ignored(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, 0);
  provider.way = ANSWER_NEVER;
  f.options.provider_timeout_ms = 10;
  f.options.initial_delay_ms = LONG_MS;
  fixture_make(&f);
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_RECONNECTING));
  assert_int_equal(limpet_provide(f.client, provider.last.ticket, NULL, NULL, NULL), LIMPET_OK);
  world_idle(&f.world, 10);
  assert_int_equal(f.peer.accepted_count, 0);
  assert_true(fixture_is(&f, LIMPET_RECONNECTING));
  fixture_end(&f);
}

/* A program that has no ticket yet, or none any more, must not hit what the client does. */
static void an_answer_without_a_ticket_is_ignored(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, 0);
  fixture_make(&f);
  fixture_open(&f);
  assert_int_equal(limpet_provide(f.client, 0, NULL, NULL, NULL), LIMPET_OK);
  assert_int_equal(limpet_provide_failure(f.client, 0, "?"), LIMPET_OK);
  world_idle(&f.world, 5);
  assert_true(fixture_is(&f, LIMPET_CONNECTED));
  assert_int_equal(f.peer.accepted_count, 1);
  fixture_end(&f);
}

static void a_failure_without_a_reason_is_a_failure(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, 0);
  provider.way = ANSWER_NEVER;
  f.options.initial_delay_ms = LONG_MS;
  fixture_make(&f);
  limpet_connect(f.client);
  assert_int_equal(limpet_provide_failure(f.client, provider.last.ticket, NULL), LIMPET_OK);
  world_until(&f.world, fixture_is(&f, LIMPET_RECONNECTING));
  assert_true(has_detail(&f, "gave no reason"));
  assert_int_equal(f.peer.accepted_count, 0);
  fixture_end(&f);
}

static void an_unusable_answer_is_a_failure(void **state) {
  (void)state;
  static const char *const bad[] = {"no header", NULL};
  static const struct {
    const char *url;
    const char *const *headers;
    const char *detail;
  } cases[] = {{"http://h/", NULL, "url: "}, {NULL, bad, "headers: "}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture f;
    set_up(&f, 0);
    provider.url = cases[i].url;
    provider.headers = cases[i].headers;
    f.options.initial_delay_ms = LONG_MS;
    fixture_make(&f);
    limpet_connect(f.client);
    world_until(&f.world, fixture_is(&f, LIMPET_RECONNECTING));
    assert_int_equal(provider.result, LIMPET_INVALID_ARGUMENT);
    assert_true(has_detail(&f, cases[i].detail));
    fixture_end(&f);
  }
}

static void a_client_may_end_while_it_waits(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, 0);
  provider.way = ANSWER_NEVER;
  fixture_make(&f);
  limpet_connect(f.client);
  limpet_disconnect(f.client);
  assert_true(fixture_is(&f, LIMPET_CLOSED));
  assert_int_equal(limpet_provide(f.client, provider.last.ticket, NULL, NULL, NULL), LIMPET_OK);
  world_idle(&f.world, 5);
  assert_int_equal(f.peer.accepted_count, 0);
  limpet_connect(f.client);
  assert_int_equal(provider.asked_count, 2);
  fixture_end(&f); /* stops it while it waits again */
}

static void stop_inside(limpet_client *client, const limpet_provider_request *request, void *user) {
  (void)request;
  provider.asked_count++;
  diary_stop(user, 1000);
  assert_int_equal(limpet_provide(client, request->ticket, NULL, NULL, NULL), LIMPET_OK);
}

static void a_client_may_be_stopped_by_its_provider(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, 0);
  f.options.provider = stop_inside;
  fixture_make(&f);
  limpet_connect(f.client);
  world_until(&f.world, f.diary.is_over);
  assert_int_equal(provider.asked_count, 1);
  assert_int_equal(f.peer.opened_count, 0);
  fixture_deinit(&f);
}

/* ---- refused credentials ---- */

static void refused_credentials_are_refreshed_at_once(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, DIARY_POLICY);
  f.diary.obeys = false;
  f.diary.decision = LIMPET_NEW_CREDENTIALS;
  f.options.initial_delay_ms = LONG_MS;
  fixture_make(&f);
  f.peer.refuses = 401;
  limpet_connect(f.client);
  /* at once the first time; refused again it waits */
  world_until(&f.world, diary_has(&f.diary, "retry 2"));
  assert_int_equal(f.peer.accepted_count, 2);
  assert_int_equal(provider.asked_count, 2);
  assert_int_equal(provider.refresh_count, 1);
  f.peer.refuses = 0;
  limpet_connect(f.client); /* now */
  fixture_reopened(&f);
  assert_int_equal(provider.refresh_count, 2);
  fixture_end(&f);
}

static void without_a_provider_that_is_an_ordinary_retry(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, DIARY_POLICY);
  f.options.provider = NULL;
  f.diary.obeys = false;
  f.diary.decision = LIMPET_NEW_CREDENTIALS;
  f.options.initial_delay_ms = LONG_MS;
  fixture_make(&f);
  f.peer.refuses = 401;
  limpet_connect(f.client);
  world_until(&f.world, diary_has(&f.diary, "retry 1"));
  world_idle(&f.world, 5);
  assert_int_equal(f.peer.accepted_count, 1);
  fixture_end(&f);
}

/* ---- several endpoints ---- */

static void each_endpoint_is_asked_for(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, 0);
  const char *const fallbacks[] = {f.peer.url, NULL};
  f.options.url = "ws://127.0.0.1:9/";
  f.options.fallbacks = fallbacks;
  fixture_make(&f);
  fixture_open(&f);
  assert_int_equal(provider.asked_count, 2);
  assert_int_equal(provider.last.endpoint, 1);
  assert_string_equal(provider.last_url, f.peer.url);
  fixture_end(&f);
}

static void a_provider_that_fails_has_failed_for_each(void **state) {
  (void)state;
  struct fixture f;
  set_up(&f, 0);
  const char *const fallbacks[] = {f.peer.url, NULL};
  provider.way = FAIL_AT_ONCE;
  f.options.fallbacks = fallbacks;
  f.options.max_retries = 0;
  fixture_make(&f);
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_FAILED));
  assert_int_equal(provider.asked_count, 2);
  assert_int_equal(diary_lines(&f.diary, "error provider retry"), 2);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_is_asked_before_every_dial),
      cmocka_unit_test(what_it_says_is_dialed),
      cmocka_unit_test(it_may_answer_later),
      cmocka_unit_test(it_may_answer_from_another_thread),
      cmocka_unit_test(one_that_fails_is_asked_again),
      cmocka_unit_test(a_long_reason_stays_text),
      cmocka_unit_test(one_that_hangs_is_asked_again),
      cmocka_unit_test(a_late_answer_is_ignored),
      cmocka_unit_test(an_answer_without_a_ticket_is_ignored),
      cmocka_unit_test(a_failure_without_a_reason_is_a_failure),
      cmocka_unit_test(an_unusable_answer_is_a_failure),
      cmocka_unit_test(a_client_may_end_while_it_waits),
      cmocka_unit_test(a_client_may_be_stopped_by_its_provider),
      cmocka_unit_test(refused_credentials_are_refreshed_at_once),
      cmocka_unit_test(without_a_provider_that_is_an_ordinary_retry),
      cmocka_unit_test(each_endpoint_is_asked_for),
      cmocka_unit_test(a_provider_that_fails_has_failed_for_each),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
