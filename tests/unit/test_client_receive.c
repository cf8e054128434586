/* Receiving: handlers by type, typing, heartbeats that stay hidden. */
#include "client_fixture.h"
#include "parts.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Everything the peer sends before this has been reported when it has. */
static void wait_for_mark(struct fixture *f) {
  const size_t before = diary_lines(&f->diary, "text mark");
  peer_send(&f->peer, "mark");
  world_until(&f->world, diary_lines(&f->diary, "text mark") > before);
}

/* ---- handlers by type ---- */

static void on_type(limpet_client *client, const char *type, const char *text, size_t len,
                    void *user) {
  (void)client, (void)text;
  diary_add(user, "handler %s %zu", type, len);
}

static void handlers_come_after_on_text_and_in_order(void **state) {
  (void)state;
  if (!HAS_JSON)
    skip();
  static const char news[] = "{\"a\":{\"type\":\"other\"},\"type\":\"ne\\u0077s\"}";
  struct fixture f;
  uint64_t handles[3];
  fixture_init(&f, 0);
  fixture_make(&f);
  assert_int_equal(limpet_on_type(f.client, "news", on_type, &f.diary, &handles[0]), LIMPET_OK);
  assert_int_equal(limpet_on_type(f.client, "other", on_type, &f.diary, &handles[1]), LIMPET_OK);
  assert_int_equal(limpet_on_type(f.client, "news", on_type, &f.diary, &handles[2]), LIMPET_OK);
  fixture_open(&f);
  diary_clear(&f.diary);
  peer_send(&f.peer, news);
  peer_send(&f.peer, "{\"type\":\"other\"}");
  peer_send(&f.peer, "{\"type\":\"news\"} trailing");
  peer_send(&f.peer, "{\"type\":7}");
  peer_send(&f.peer, "[\"news\"]");
  wait_for_mark(&f);
  assert_int_equal(diary_lines(&f.diary, "handler news"), 2);
  assert_int_equal(diary_lines(&f.diary, "handler other"), 1);
  assert_int_equal(diary_find(&f.diary, "text {\"a\"", 0), 0);
  assert_int_equal(diary_find(&f.diary, "handler news", 0), 1);
  assert_int_equal(diary_find(&f.diary, "handler news", 2), 2);
  assert_int_equal(limpet_off_type(f.client, handles[0]), LIMPET_OK);
  assert_int_equal(limpet_off_type(f.client, handles[0]), LIMPET_INVALID_ARGUMENT);
  assert_int_equal(limpet_off_type(f.client, 424242), LIMPET_INVALID_ARGUMENT);
  /* They outlive the link. */
  peer_reset(&f.peer);
  fixture_reopened(&f);
  peer_send(&f.peer, "{\"type\":\"news\"}");
  wait_for_mark(&f);
  assert_int_equal(diary_lines(&f.diary, "handler news"), 3);
  fixture_end(&f);
}

static void a_type_longer_than_128_bytes_is_refused(void **state) {
  (void)state;
  if (!HAS_JSON)
    skip();
  char type[130], text[160];
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  memset(type, 't', sizeof type);
  type[129] = '\0';
  assert_int_equal(limpet_on_type(f.client, type, on_type, &f.diary, NULL),
                   LIMPET_INVALID_ARGUMENT);
  type[128] = '\0';
  assert_int_equal(limpet_on_type(f.client, type, on_type, &f.diary, NULL), LIMPET_OK);
  fixture_open(&f);
  (void)snprintf(text, sizeof text, "{\"type\":\"%s\"}", type);
  peer_send(&f.peer, text);
  wait_for_mark(&f);
  assert_int_equal(diary_lines(&f.diary, "handler"), 1);
  (void)snprintf(text, sizeof text, "{\"type\":\"%st\"}", type);
  peer_send(&f.peer, text);
  wait_for_mark(&f);
  assert_int_equal(diary_lines(&f.diary, "handler"), 1);
  fixture_end(&f);
}

struct set {
  struct diary *diary;
  uint64_t handles[4];
};

static void remove_all(limpet_client *client, const char *type, const char *text, size_t len,
                       void *user) {
  struct set *set = user;
  (void)type, (void)text, (void)len;
  diary_add(set->diary, "handler removes");
  for (int i = 0; i < 4; i++)
    assert_int_equal(limpet_off_type(client, set->handles[i]), LIMPET_OK);
}

static void handlers_may_be_removed_while_they_run(void **state) {
  (void)state;
  if (!HAS_JSON)
    skip();
  struct fixture f;
  struct set set = {.diary = &f.diary};
  fixture_init(&f, 0);
  fixture_make(&f);
  limpet_on_type(f.client, "news", on_type, &f.diary, &set.handles[0]);
  limpet_on_type(f.client, "news", remove_all, &set, &set.handles[1]);
  limpet_on_type(f.client, "news", on_type, &f.diary, &set.handles[2]);
  limpet_on_type(f.client, "other", on_type, &f.diary, &set.handles[3]);
  fixture_open(&f);
  peer_send(&f.peer, "{\"type\":\"news\"}");
  peer_send(&f.peer, "{\"type\":\"news\"}");
  peer_send(&f.peer, "{\"type\":\"other\"}");
  wait_for_mark(&f);
  assert_int_equal(diary_lines(&f.diary, "handler news"), 1);
  assert_int_equal(diary_lines(&f.diary, "handler removes"), 1);
  assert_int_equal(diary_lines(&f.diary, "handler other"), 0);
  fixture_end(&f);
}

static void register_again(limpet_client *client, const char *type, const char *text, size_t len,
                           void *user) {
  (void)text, (void)len;
  diary_add(user, "handler again");
  assert_int_equal(limpet_on_type(client, type, register_again, user, NULL), LIMPET_OK);
}

/* Or the first message would never end. */
static void a_handler_added_by_a_handler_sees_the_next_message(void **state) {
  (void)state;
  if (!HAS_JSON)
    skip();
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  limpet_on_type(f.client, "news", register_again, &f.diary, NULL);
  fixture_open(&f);
  peer_send(&f.peer, "{\"type\":\"news\"}");
  wait_for_mark(&f);
  assert_int_equal(diary_lines(&f.diary, "handler again"), 1);
  peer_send(&f.peer, "{\"type\":\"news\"}");
  wait_for_mark(&f);
  assert_int_equal(diary_lines(&f.diary, "handler again"), 3);
  fixture_end(&f);
}

/* ---- typing ---- */

static void typing_has_a_callback_of_its_own(void **state) {
  (void)state;
  if (!HAS_JSON)
    skip();
  static const char *const lines[] = {"typing c\"1 u1", "typing  ", "text mark", NULL};
  struct fixture f;
  fixture_init(&f, DIARY_TYPING);
  fixture_make(&f);
  fixture_open(&f);
  diary_clear(&f.diary);
  peer_send(&f.peer, "{\"type\":\"typing\",\"user_id\":\"u1\",\"conversation_id\":\"c\\\"1\"}");
  peer_send(&f.peer, "{\"type\":\"typing\",\"user_id\":7}");
  wait_for_mark(&f);
  diary_is(&f.diary, lines);
  fixture_end(&f);
}

static void without_that_callback_typing_is_an_ordinary_text(void **state) {
  (void)state;
  if (!HAS_JSON)
    skip();
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  limpet_on_type(f.client, "typing", on_type, &f.diary, NULL);
  fixture_open(&f);
  peer_send(&f.peer, "{\"type\":\"typing\"}");
  wait_for_mark(&f);
  assert_true(diary_has(&f.diary, "text {\"type\":\"typing\"}"));
  assert_true(diary_has(&f.diary, "handler typing"));
  fixture_end(&f);
}

/* ---- heartbeats ---- */

static void answer(struct peer *peer, const char *data, size_t len) {
  char text[128];
  const char *timestamp = strstr(data, "\"timestamp\":");
  (void)len;
  if (strcmp(data, "{\"type\":\"ping\"}") == 0) {
    peer_send(peer, "{\"type\":\"pong\"}");
  } else if (timestamp) {
    const long long ms = strtoll(timestamp + 12, NULL, 10);
    (void)snprintf(
        text, sizeof text,
        "{\"type\":\"heartbeat_response\",\"timestamp\":%lld,\"originalTimestamp\":%lld}",
        ms + 5000, ms);
    peer_send(peer, text);
  }
}

static void heartbeats_are_answered_and_stay_hidden(void **state) {
  (void)state;
  static const limpet_dialect dialects[] = {LIMPET_DIALECT_WEBSOCKET, LIMPET_DIALECT_PING,
                                            LIMPET_DIALECT_TIMESTAMP};
  for (size_t i = 0; i < (HAS_JSON ? 3 : 1); i++) {
    struct fixture f;
    limpet_snapshot snapshot;
    fixture_init(&f, DIARY_HEARTBEATS);
    f.options.heartbeat = dialects[i];
    f.options.heartbeat_interval_ms = 100;
    f.options.heartbeat_timeout_ms = 100;
    f.peer.on_message = answer;
    fixture_make(&f);
    limpet_on_type(f.client, "pong", on_type, &f.diary, NULL);
    limpet_on_type(f.client, "heartbeat_response", on_type, &f.diary, NULL);
    fixture_open(&f);
    world_until(&f.world, f.diary.heartbeats_count >= 3);
    limpet_get_snapshot(f.client, &snapshot, sizeof snapshot);
    assert_true(snapshot.metrics.rtt_last_us > 0);
    assert_true(snapshot.metrics.rtt_min_us <= snapshot.metrics.rtt_mean_us);
    assert_true(snapshot.metrics.rtt_mean_us <= snapshot.metrics.rtt_max_us);
    if (dialects[i] == LIMPET_DIALECT_TIMESTAMP)
      assert_in_range(snapshot.metrics.clock_offset_ms, 4000, 5000);
    assert_int_equal(snapshot.metrics.messages_in, 0);
    assert_int_equal(f.diary.texts_count, 0);
    assert_int_equal(diary_lines(&f.diary, "handler"), 0);
    assert_int_equal(f.peer.opened_count, 1);
    fixture_end(&f);
  }
}

/* In another dialect those words are the application's. */
static void a_pong_in_json_is_an_ordinary_text_to_other_dialects(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, DIARY_HEARTBEATS);
  fixture_make(&f);
  fixture_open(&f);
  peer_send(&f.peer, "{\"type\":\"pong\"}");
  wait_for_mark(&f);
  assert_true(diary_has(&f.diary, "text {\"type\":\"pong\"}"));
  assert_int_equal(f.diary.heartbeats_count, 0);
  fixture_end(&f);
}

static void a_silent_peer_is_noticed(void **state) {
  (void)state;
  static const limpet_dialect dialects[] = {LIMPET_DIALECT_WEBSOCKET, LIMPET_DIALECT_PING};
  for (size_t i = 0; i < (HAS_JSON ? 2 : 1); i++) {
    struct fixture f;
    fixture_init(&f, DIARY_HEARTBEATS);
    f.options.url = f.raw.url;
    f.options.heartbeat = dialects[i];
    f.options.heartbeat_interval_ms = 100;
    f.options.heartbeat_timeout_ms = 50;
    fixture_make(&f);
    limpet_connect(f.client);
    raw_peer_open(&f.raw);
    world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
    const uint64_t open_ms = limpet_now_ms();
    limpet_set_url(f.client, f.peer.url, NULL);
    world_until(&f.world, diary_has(&f.diary, "error heartbeat_timeout retry"));
    assert_true(limpet_now_ms() - open_ms >= 140);
    world_until(&f.world, f.peer.link);
    assert_int_equal(f.diary.heartbeats_count, 0);
    fixture_end(&f);
  }
}

/* ---- sizes ---- */

static void a_message_above_the_limit_ends_it_all(void **state) {
  (void)state;
  char text[102];
  struct fixture f;
  fixture_init(&f, 0);
  f.options.max_message = 100;
  fixture_make(&f);
  fixture_open(&f);
  memset(text, 'x', sizeof text);
  text[100] = '\0';
  peer_send(&f.peer, text);
  text[100] = 'x';
  text[101] = '\0';
  peer_send(&f.peer, text);
  world_until(&f.world, fixture_is(&f, LIMPET_ERROR));
  assert_int_equal(f.diary.texts_count, 1);
  assert_true(diary_has(&f.diary, "error message_too_big final"));
  world_until(&f.world, f.peer.ended_count == 1);
  assert_int_equal(f.peer.last_end.close_code, 1009);
  fixture_end(&f);
}

/* Read in many pieces, and behind it small ones in the same read. */
static void large_and_small_messages_keep_their_order(void **state) {
  (void)state;
  enum { LARGE = 3 << 20 };
  char *large = malloc(LARGE);
  assert_non_null(large);
  memset(large, 'L', LARGE);
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  fixture_open(&f);
  diary_clear(&f.diary);
  for (int i = 0; i < 3; i++) {
    assert_true(link_write(f.peer.link, FRAME_BINARY, large, LARGE, NULL));
    peer_send(&f.peer, "small");
  }
  world_until(&f.world, f.diary.count == 6);
  for (size_t i = 0; i < 6; i++)
    assert_string_equal(f.diary.lines[i], i % 2 ? "text small" : "binary 3145728");
  free(large);
  fixture_end(&f);
}

/* ---- pauses ---- */

static void a_paused_client_is_given_nothing_and_misses_nothing(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, DIARY_HEARTBEATS);
  f.options.heartbeat_interval_ms = 100;
  f.options.heartbeat_timeout_ms = 100;
  fixture_make(&f);
  assert_int_equal(limpet_pause(f.client, true), LIMPET_OK); /* before there is a link */
  fixture_open(&f);
  diary_clear(&f.diary);
  peer_send(&f.peer, "a");
  world_pass(&f.world, 300); /* in which a heartbeat would have been missed */
  assert_int_equal(f.diary.count, 0);
  assert_true(fixture_is(&f, LIMPET_CONNECTED));
  assert_int_equal(limpet_pause(f.client, false), LIMPET_OK);
  world_until(&f.world, diary_lines(&f.diary, "text a") == 1);
  world_until(&f.world, f.diary.heartbeats_count > 0);
  fixture_end(&f);
}

static void pause_it(limpet_client *client, const char *type, const char *text, size_t len,
                     void *user) {
  (void)type, (void)text, (void)len, (void)user;
  assert_int_equal(limpet_pause(client, true), LIMPET_OK);
}

static void the_message_at_hand_is_the_last(void **state) {
  (void)state;
  if (!HAS_JSON)
    skip();
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  assert_int_equal(limpet_on_type(f.client, "stop", pause_it, NULL, NULL), LIMPET_OK);
  fixture_open(&f);
  peer_send(&f.peer, "{\"type\":\"stop\"}");
  peer_send(&f.peer, "b");
  world_until(&f.world, diary_lines(&f.diary, "text {") == 1);
  world_idle(&f.world, 20);
  assert_int_equal(diary_lines(&f.diary, "text b"), 0);
  assert_int_equal(limpet_pause(f.client, false), LIMPET_OK);
  world_until(&f.world, diary_lines(&f.diary, "text b") == 1);
  fixture_end(&f);
}

static void pause_at_first(struct diary *diary, const char *line) {
  if (strcmp(line, "text 1") == 0)
    assert_int_equal(limpet_pause(diary->client, true), LIMPET_OK);
}

static void *resume_from_elsewhere(void *client) {
  (void)limpet_pause(client, false);
  return NULL;
}

/* The pause ends and the link breaks in the same turn, while output waits: what was received before
   the pause still comes first. */
static void order_is_kept_when_a_link_breaks_as_the_pause_ends(void **state) {
  (void)state;
  static const uint8_t first_two[] = {0x81, 1, '1', 0x81, 1, '2'}, third[] = {0x81, 1, '3'};
  static char block[64 * 1024];
  struct fixture f;
  pthread_t thread;
  fixture_init(&f, 0);
  f.options.url = f.raw.url;
  f.diary.react = pause_at_first;
  fixture_make(&f);
  limpet_connect(f.client);
  raw_peer_open(&f.raw);
  world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
  for (int i = 0; i < 256; i++) /* more than both systems keep */
    (void)limpet_send_binary(f.client, block, sizeof block, NULL, NULL);
  raw_peer_send(&f.raw, first_two, sizeof first_two);
  world_until(&f.world, diary_has(&f.diary, "text 1"));
  world_idle(&f.world, 5);
  raw_peer_send(&f.raw, third, sizeof third);
  assert_int_equal(pthread_create(&thread, NULL, resume_from_elsewhere, f.client), 0);
  pthread_join(thread, NULL);
  raw_peer_drop(&f.raw, true);
  world_until(&f.world, diary_has(&f.diary, "error connection_lost"));
  const size_t second = diary_find(&f.diary, "text 2", 0);
  assert_true(second < diary_find(&f.diary, "text 3", 0));
  assert_true(second < diary_find(&f.diary, "error", 0));
  fixture_end(&f);
}

static void a_paused_client_can_be_closed(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  fixture_open(&f);
  assert_int_equal(limpet_pause(f.client, true), LIMPET_OK);
  assert_int_equal(limpet_disconnect(f.client), LIMPET_OK);
  world_until(&f.world, fixture_is(&f, LIMPET_CLOSED));
  world_until(&f.world, f.peer.ended_count == 1);
  assert_true(f.peer.last_end.was_clean);
  fixture_end(&f);
}

/* ---- acknowledgements ---- */

static void on_ack(limpet_client *client, const char *text, size_t len, void *user) {
  (void)client;
  diary_add(user, "ack %.*s", (int)len, text);
}

static void acknowledgements_are_told_to_those_who_ask(void **state) {
  (void)state;
  if (!HAS_JSON)
    skip();
  static const char ack[] = "{\"type\":\"ack\",\"id\":\"m\",\"sequence_number\":7}";
  const limpet_send_options how = {.message_id = "m"};
  struct fixture f;
  fixture_init(&f, 0);
  f.options.confirm = LIMPET_CONFIRM_ACK;
  f.options.on_ack = on_ack;
  fixture_make(&f);
  fixture_open(&f);
  assert_int_equal(limpet_send_text(f.client, "x", 1, &how, NULL), LIMPET_OK);
  world_until(&f.world, f.peer.messages_count == 1);
  peer_send(&f.peer, ack);
  peer_send(&f.peer, ack); /* of nothing that is awaited: an ordinary text */
  wait_for_mark(&f);
  assert_int_equal(diary_lines(&f.diary, "ack {"), 1);
  assert_int_equal(diary_lines(&f.diary, "text {"), 1);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(handlers_come_after_on_text_and_in_order),
      cmocka_unit_test(a_type_longer_than_128_bytes_is_refused),
      cmocka_unit_test(handlers_may_be_removed_while_they_run),
      cmocka_unit_test(a_handler_added_by_a_handler_sees_the_next_message),
      cmocka_unit_test(typing_has_a_callback_of_its_own),
      cmocka_unit_test(without_that_callback_typing_is_an_ordinary_text),
      cmocka_unit_test(heartbeats_are_answered_and_stay_hidden),
      cmocka_unit_test(a_pong_in_json_is_an_ordinary_text_to_other_dialects),
      cmocka_unit_test(a_silent_peer_is_noticed),
      cmocka_unit_test(a_message_above_the_limit_ends_it_all),
      cmocka_unit_test(large_and_small_messages_keep_their_order),
      cmocka_unit_test(a_paused_client_is_given_nothing_and_misses_nothing),
      cmocka_unit_test(the_message_at_hand_is_the_last),
      cmocka_unit_test(order_is_kept_when_a_link_breaks_as_the_pause_ends),
      cmocka_unit_test(a_paused_client_can_be_closed),
      cmocka_unit_test(acknowledgements_are_told_to_those_who_ask),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
