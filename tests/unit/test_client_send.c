/* Sending: promises, fates, limits, and what is refused. */
#include "client_fixture.h"
#include "parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static limpet_result send_now(struct fixture *f, const char *text) {
  const limpet_send_options now = {.promise = LIMPET_PROMISE_NOW};
  return limpet_send_text(f->client, text, strlen(text), &now, NULL);
}

static uint64_t send_with(struct fixture *f, const char *text, uint32_t ttl_ms, const char *key) {
  const limpet_send_options options = {.ttl_ms = ttl_ms, .replace_key = key};
  uint64_t id = 0;
  assert_int_equal(limpet_send_text(f->client, text, strlen(text), &options, &id), LIMPET_OK);
  return id;
}

/* The peer has exactly these texts, in this order, of all links. */
static void peer_got(const struct peer *peer, const char *const *texts) {
  size_t count = 0;
  while (texts[count])
    count++;
  assert_int_equal(peer->messages_count, count);
  for (size_t i = 0; i < count; i++)
    assert_string_equal(peer->messages[i].data, texts[i]);
}

/* ---- what arrives ---- */

/* Without and with a node for each message, and compressed. */
static void every_length_arrives_as_it_was_sent(void **state) {
  (void)state;
  static const size_t lens[] = {0, 1, 125, 126, 65535, 65536, 70000, 1 << 20};
  const size_t count = sizeof lens / sizeof *lens;
  char *data = malloc(1 << 20);
  assert_non_null(data);
  for (size_t i = 0; i < 1 << 20; i++)
    data[i] = (char)('a' + i % 26 + i / 997 % 3);
  for (unsigned variant = 0; variant < (HAS_DEFLATE ? 3 : 2); variant++) {
    struct fixture f;
    fixture_init(&f, variant == 1 ? DIARY_FATES : 0);
    f.options.compress = variant == 2;
    f.options.queue_limit_bytes = 8 << 20;
    fixture_make(&f);
    fixture_open(&f);
    for (size_t i = 0; i < count; i++) {
      assert_int_equal(limpet_send_text(f.client, data, lens[i], NULL, NULL), LIMPET_OK);
      assert_int_equal(limpet_send_binary(f.client, data, lens[i], NULL, NULL), LIMPET_OK);
    }
    world_until(&f.world, f.peer.messages_count == 2 * count);
    for (size_t i = 0; i < 2 * count; i++) {
      const struct peer_message *m = &f.peer.messages[i];
      assert_int_equal(m->opcode, i % 2 ? FRAME_BINARY : FRAME_TEXT);
      assert_int_equal(m->len, lens[i / 2]);
      assert_memory_equal(m->data, data, m->len);
    }
    world_until(&f.world, limpet_buffered_amount(f.client) == 0);
    fixture_end(&f);
  }
  free(data);
}

static void what_was_sent_before_the_first_link_arrives_in_order(void **state) {
  (void)state;
  static const char *const texts[] = {"m 1", "m 2", "m 3", NULL};
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  const uint64_t first = fixture_send(&f, 1);
  assert_true(fixture_send(&f, 2) > first);
  limpet_connect(f.client);
  fixture_send(&f, 3);
  world_until(&f.world, f.peer.messages_count == 3);
  peer_got(&f.peer, texts);
  fixture_end(&f);
}

/* ---- what is refused ---- */

static void what_can_never_go_is_refused_at_once(void **state) {
  (void)state;
  static const char large[4096];
  struct fixture f;
  uint64_t id = 77;
  fixture_init(&f, DIARY_FATES);
  f.options.max_message = 2048;
  f.options.queue_limit_bytes = 1024;
  fixture_make(&f);
  assert_int_equal(limpet_send_binary(f.client, large, 2049, NULL, &id), LIMPET_MESSAGE_TOO_BIG);
  assert_int_equal(limpet_send_binary(f.client, large, 1025, NULL, &id), LIMPET_QUEUE_OVERFLOW);
  assert_int_equal(limpet_send_text(f.client, "\xff", 1, NULL, &id), LIMPET_INVALID_UTF8);
  assert_int_equal(limpet_send_text(f.client, "\xc3", 1, NULL, &id), LIMPET_INVALID_UTF8);
  assert_int_equal(id, 77);
  assert_int_equal(f.diary.count, 0);
  assert_int_equal(limpet_buffered_amount(f.client), 0);
  fixture_end(&f);
}

static void now_is_refused_unless_connected(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  f.options.initial_delay_ms = 60000;
  f.options.max_delay_ms = 60000;
  fixture_make(&f);
  assert_int_equal(send_now(&f, "a"), LIMPET_NOT_CONNECTED);
  limpet_connect(f.client);
  assert_int_equal(send_now(&f, "b"), LIMPET_NOT_CONNECTED);
  fixture_reopened(&f);
  assert_int_equal(send_now(&f, "c"), LIMPET_OK);
  world_until(&f.world, f.peer.messages_count == 1);
  assert_string_equal(f.peer.messages[0].data, "c");
  peer_reset(&f.peer);
  world_until(&f.world, fixture_is(&f, LIMPET_RECONNECTING));
  assert_int_equal(send_now(&f, "d"), LIMPET_NOT_CONNECTED);
  assert_int_equal(diary_lines(&f.diary, "fate"), 0);
  limpet_disconnect(f.client);
  assert_int_equal(send_now(&f, "e"), LIMPET_NOT_CONNECTED);
  fixture_end(&f);
}

/* A peer that does not read must not fill the memory of whoever goes on. */
static void now_is_refused_where_too_much_waits(void **state) {
  (void)state;
  enum { HIGH_WATER = 64 << 10, LIMIT = 100000, LEN = 2048 };
  const limpet_send_options now = {.promise = LIMPET_PROMISE_NOW};
  static const char block[LEN];
  struct fixture f;
  fixture_init(&f, 0);
  f.options.high_water = HIGH_WATER;
  f.options.queue_limit_bytes = LIMIT;
  fixture_make(&f);
  fixture_open(&f);
  peer_pause(&f.peer, true);
  limpet_result result = LIMPET_OK;
  for (unsigned i = 0; result == LIMPET_OK && i < 100000; i++)
    result = limpet_send_binary(f.client, block, LEN, &now, NULL);
  assert_int_equal(result, LIMPET_QUEUE_OVERFLOW);
  assert_in_range(limpet_buffered_amount(f.client), HIGH_WATER, HIGH_WATER + LIMIT + LEN);
  fixture_end(&f);
}

/* ---- waiting messages ---- */

static void what_waited_too_long_is_dropped_and_told(void **state) {
  (void)state;
  static const char *const texts[] = {"lasts", NULL};
  char expected[64];
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  fixture_make(&f);
  const uint64_t id = send_with(&f, "fades", 20, NULL);
  send_with(&f, "lasts", 60000, NULL);
  (void)snprintf(expected, sizeof expected, "fate %llu dropped expired 0", (unsigned long long)id);
  world_until(&f.world, diary_has(&f.diary, expected));
  limpet_connect(f.client);
  world_until(&f.world, f.peer.messages_count > 0);
  world_idle(&f.world, 20);
  peer_got(&f.peer, texts);
  fixture_end(&f);
}

static void a_newer_message_takes_the_place_of_a_waiting_one(void **state) {
  (void)state;
  static const char *const texts[] = {"a2", "b", "c", NULL};
  char expected[64];
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  fixture_make(&f);
  const uint64_t replaced = send_with(&f, "a1", 0, "a");
  send_with(&f, "b", 0, "b");
  send_with(&f, "a2", 0, "a");
  send_with(&f, "c", 0, NULL);
  (void)snprintf(expected, sizeof expected, "fate %llu dropped replaced 0",
                 (unsigned long long)replaced);
  assert_true(diary_has(&f.diary, expected));
  limpet_connect(f.client);
  world_until(&f.world, f.peer.messages_count == 3);
  peer_got(&f.peer, texts);
  send_with(&f, "a3", 0, "a"); /* nothing waits: both go */
  send_with(&f, "a4", 0, "a");
  world_until(&f.world, f.peer.messages_count == 5);
  fixture_end(&f);
}

static void at_the_limit_the_oldest_go_and_are_told(void **state) {
  (void)state;
  static const char *const texts[] = {"m 3", "m 4", "m 5", NULL};
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  f.options.queue_limit = 3;
  fixture_make(&f);
  for (unsigned i = 1; i <= 5; i++)
    fixture_send(&f, i);
  assert_int_equal(diary_lines(&f.diary, "fate"), 7);
  assert_true(diary_has(&f.diary, "fate 1 dropped overflow 0"));
  assert_true(diary_has(&f.diary, "fate 2 dropped overflow 0"));
  limpet_snapshot snapshot;
  limpet_get_snapshot(f.client, &snapshot, sizeof snapshot);
  assert_int_equal(snapshot.metrics.dropped, 2);
  assert_int_equal(snapshot.metrics.queued_messages, 3);
  assert_int_equal(snapshot.metrics.queued_bytes, 9);
  assert_int_equal(limpet_buffered_amount(f.client), 9);
  limpet_connect(f.client);
  world_until(&f.world, f.peer.messages_count == 3);
  peer_got(&f.peer, texts);
  fixture_end(&f);
}

static void the_limit_in_bytes_holds_too(void **state) {
  (void)state;
  static const char *const texts[] = {"m 3", "m 4", NULL};
  struct fixture f;
  fixture_init(&f, 0);
  f.options.queue_limit_bytes = 8; /* two of three bytes */
  fixture_make(&f);
  for (unsigned i = 1; i <= 4; i++)
    fixture_send(&f, i);
  limpet_connect(f.client);
  world_until(&f.world, f.peer.messages_count == 2);
  peer_got(&f.peer, texts);
  fixture_end(&f);
}

static void clearing_drops_what_waits_and_tells(void **state) {
  (void)state;
  static const char *const lines[] = {"fate 1 queued 0", "fate 2 queued 0",
                                      "fate 1 dropped cleared 0", "fate 2 dropped cleared 0", NULL};
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  fixture_make(&f);
  fixture_send(&f, 1);
  fixture_send(&f, 2);
  assert_int_equal(limpet_queue_clear(f.client), LIMPET_OK);
  diary_is(&f.diary, lines);
  assert_int_equal(limpet_buffered_amount(f.client), 0);
  fixture_open(&f);
  fixture_send(&f, 3);
  world_until(&f.world, f.peer.messages_count == 1);
  assert_string_equal(f.peer.messages[0].data, "m 3");
  fixture_end(&f);
}

/* ---- fates ---- */

static void without_confirmation_written_is_the_last_word(void **state) {
  (void)state;
  static const char *const lines[] = {"fate 1 queued 0", "fate 1 written 1", NULL};
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  fixture_make(&f);
  fixture_open(&f);
  diary_clear(&f.diary);
  fixture_send(&f, 1);
  world_until(&f.world, f.diary.count == 2);
  diary_is(&f.diary, lines);
  fixture_end(&f);
}

/* Frozen: the server reads, but its reply to the barrier never comes. */
static void a_message_that_was_not_confirmed_is_written_again(void **state) {
  (void)state;
  static const char *const lines[] = {
      "fate 1 queued 0",
      "fate 2 queued 0",
      "fate 1 written 1",
      "fate 2 written 1",
      "error connection_lost retry",
      "close 1006 unclean",
      "state CONNECTED>DISCONNECTED lost",
      "retry 1",
      "state DISCONNECTED>RECONNECTING retry",
      "open",
      "state RECONNECTING>CONNECTED opened",
      "fate 1 written 2",
      "fate 2 written 2",
      "fate 1 confirmed 2",
      "fate 2 confirmed 2",
      NULL,
  };
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  f.options.url = f.raw.url;
  f.options.confirm = LIMPET_CONFIRM_BARRIER;
  fixture_make(&f);
  limpet_connect(f.client);
  raw_peer_open(&f.raw);
  world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
  diary_clear(&f.diary);
  fixture_send(&f, 1);
  fixture_send(&f, 2);
  world_until(&f.world, diary_lines(&f.diary, "fate") == 4);
  assert_int_equal(limpet_set_url(f.client, f.peer.url, NULL), LIMPET_OK);
  raw_peer_drop(&f.raw, true);
  world_until(&f.world, diary_lines(&f.diary, "fate") == 8);
  diary_is(&f.diary, lines);
  assert_int_equal(f.peer.messages_count, 2);
  fixture_end(&f);
}

static void a_disconnect_is_the_fate_of_what_waits(void **state) {
  (void)state;
  static const char *const lines[] = {
      "fate 1 dropped disconnected 0",
      "fate 2 dropped disconnected 0",
      "state RECONNECTING>CLOSED disconnect",
      NULL,
  };
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  f.options.initial_delay_ms = 60000;
  f.options.max_delay_ms = 60000;
  fixture_make(&f);
  peer_stop_listening(&f.peer);
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_RECONNECTING));
  fixture_send(&f, 1);
  fixture_send(&f, 2);
  diary_clear(&f.diary);
  limpet_disconnect(f.client);
  diary_is(&f.diary, lines);
  fixture_end(&f);
}

/* ---- ready ---- */

static void the_queue_waits_until_the_application_is_ready(void **state) {
  (void)state;
  static const char *const texts[] = {"login", "m 1", "m 2", NULL};
  struct fixture f;
  fixture_init(&f, 0);
  f.options.hold_until_ready = true;
  fixture_make(&f);
  fixture_send(&f, 1);
  fixture_open(&f);
  fixture_send(&f, 2);
  assert_int_equal(send_now(&f, "login"), LIMPET_OK);
  world_until(&f.world, f.peer.messages_count == 1);
  world_pass(&f.world, 20);
  assert_int_equal(f.peer.messages_count, 1);
  limpet_ready(f.client);
  world_until(&f.world, f.peer.messages_count == 3);
  peer_got(&f.peer, texts);
  fixture_end(&f);
}

static void not_ready_in_time_is_a_loss(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  f.options.hold_until_ready = true;
  f.options.ready_timeout_ms = 30;
  fixture_make(&f);
  fixture_send(&f, 1);
  fixture_open(&f);
  world_until(&f.world, f.peer.opened_count == 2 && fixture_is(&f, LIMPET_CONNECTED));
  assert_true(diary_has(&f.diary, "error connection_lost retry"));
  assert_int_equal(f.peer.messages_count, 0);
  limpet_ready(f.client);
  world_until(&f.world, f.peer.messages_count == 1);
  fixture_end(&f);
}

/* ---- typing ---- */

static void typing_goes_out_as_json_now_or_never(void **state) {
  (void)state;
  if (!HAS_JSON)
    skip();
  static const char expected[] = "{\"type\":\"typing\",\"conversation_id\":\"a\\\"\\\\b\","
                                 "\"user_id\":\"\\u0001\xc3\xa9\"}";
  char long_id[130];
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  assert_int_equal(limpet_send_typing(f.client, "c", "u"), LIMPET_NOT_CONNECTED);
  fixture_open(&f);
  world_idle(&f.world, 20);
  assert_int_equal(f.peer.messages_count, 0);
  assert_int_equal(limpet_send_typing(f.client, "a\"\\b", "\x01\xc3\xa9"), LIMPET_OK);
  memset(long_id, 'x', sizeof long_id);
  long_id[129] = '\0';
  assert_int_equal(limpet_send_typing(f.client, long_id, "u"), LIMPET_INVALID_ARGUMENT);
  assert_int_equal(limpet_send_typing(f.client, "c", long_id), LIMPET_INVALID_ARGUMENT);
  assert_int_equal(limpet_send_typing(f.client, "c", "\xff"), LIMPET_INVALID_UTF8);
  memset(long_id, 1, 128);
  long_id[128] = '\0';
  assert_int_equal(limpet_send_typing(f.client, long_id, long_id), LIMPET_OK);
  world_until(&f.world, f.peer.messages_count == 2);
  assert_string_equal(f.peer.messages[0].data, expected);
  assert_true(f.peer.messages[1].len > 2 * 128 * 6);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_length_arrives_as_it_was_sent),
      cmocka_unit_test(what_was_sent_before_the_first_link_arrives_in_order),
      cmocka_unit_test(what_can_never_go_is_refused_at_once),
      cmocka_unit_test(now_is_refused_unless_connected),
      cmocka_unit_test(now_is_refused_where_too_much_waits),
      cmocka_unit_test(what_waited_too_long_is_dropped_and_told),
      cmocka_unit_test(a_newer_message_takes_the_place_of_a_waiting_one),
      cmocka_unit_test(at_the_limit_the_oldest_go_and_are_told),
      cmocka_unit_test(the_limit_in_bytes_holds_too),
      cmocka_unit_test(clearing_drops_what_waits_and_tells),
      cmocka_unit_test(without_confirmation_written_is_the_last_word),
      cmocka_unit_test(a_message_that_was_not_confirmed_is_written_again),
      cmocka_unit_test(a_disconnect_is_the_fate_of_what_waits),
      cmocka_unit_test(the_queue_waits_until_the_application_is_ready),
      cmocka_unit_test(not_ready_in_time_is_a_loss),
      cmocka_unit_test(typing_goes_out_as_json_now_or_never),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
