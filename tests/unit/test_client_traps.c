/* Traps that other clients fell into, each as a test (named after what went wrong there). */
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

/* ---- what a link sends ---- */

enum { LARGE = 8 << 20 };

/* The first frame of what a bare socket read, unmasked; its masking key to `key`. */
static void read_frame(struct raw_peer *raw, size_t len, uint8_t key[4]) {
  struct frame_header header;
  world_until(raw->world, raw_peer_has(raw, len));
  assert_int_equal(frame_read_header(raw->in, raw->in_len, &header), FRAME_READ_OK);
  assert_int_equal(header.first, FRAME_FIN | FRAME_BINARY);
  assert_true(header.is_masked);
  assert_int_equal(header.payload_len, LARGE);
  memcpy(key, header.key, 4);
  uint8_t *payload = raw->in + header.header_len;
  const size_t here = raw->in_len - header.header_len;
  for (size_t i = 0; i < here; i++)
    payload[i] ^= key[i % 4];
  raw->in_len = here;
  memmove(raw->in, payload, here);
}

/* Also: payload masked in place, then sent again. */
static void bytes_of_the_old_link_on_the_new_one(void **state) {
  (void)state;
  uint8_t *data = malloc(LARGE), keys[3][4];
  assert_non_null(data);
  for (size_t i = 0; i < LARGE; i++)
    data[i] = (uint8_t)(i * 31 >> 3);
  for (int has_node = 0; has_node < 2; has_node++) {
    struct fixture f;
    fixture_init(&f, has_node ? DIARY_FATES : 0);
    f.options.url = f.raw.url;
    f.options.queue_limit_bytes = 2 * LARGE;
    f.options.high_water = 2 * LARGE;
    fixture_make(&f);
    assert_int_equal(limpet_send_binary(f.client, data, LARGE, NULL, NULL), LIMPET_OK);
    limpet_connect(f.client);
    for (int i = 0; i < 3; i++) {
      raw_peer_open(&f.raw);
      read_frame(&f.raw, i < 2 ? 1000 : LARGE + FRAME_HEADER_MAX, keys[i]);
      assert_memory_equal(f.raw.in, data, f.raw.in_len < LARGE ? f.raw.in_len : LARGE);
      if (i == 2)
        break;
      world_until(&f.world, limpet_buffered_amount(f.client) > 0);
      raw_peer_drop(&f.raw, true);
      world_until(&f.world, (int)f.raw.accepted_count == i + 2);
    }
    assert_memory_not_equal(keys[0], keys[1], 4);
    assert_memory_not_equal(keys[1], keys[2], 4);
    fixture_end(&f);
  }
  free(data);
}

static void the_same_key_on_every_attempt(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  f.options.max_retries = 30;
  f.options.max_delay_ms = 2;
  fixture_make(&f);
  f.peer.refuses = 503;
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_FAILED));
  assert_int_equal(f.peer.keys_count, 31);
  for (size_t i = 0; i < f.peer.keys_count; i++)
    for (size_t j = 0; j < i; j++)
      assert_memory_not_equal(f.peer.keys[i], f.peer.keys[j], HANDSHAKE_KEY_LEN);
  fixture_end(&f);
}

/* ---- the queue ---- */

/* The links die under the backlog, again and again. */
static void backlog_dropped_because_its_flush_failed(void **state) {
  (void)state;
  enum { COUNT = 90 };
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  f.options.confirm = LIMPET_CONFIRM_BARRIER;
  f.options.max_retries = 20;
  f.options.max_delay_ms = 2;
  fixture_make(&f);
  for (unsigned i = 1; i <= COUNT; i++)
    fixture_send(&f, i);
  f.peer.drops_at_once = true;
  limpet_connect(f.client);
  world_until(&f.world, f.peer.opened_count == 5);
  f.peer.drops_at_once = false;
  f.peer.reset_after = COUNT / 2;
  world_until(&f.world, f.peer.opened_count == 7);
  f.peer.reset_after = 0;
  world_until(&f.world, diary_lines(&f.diary, "fate 90 confirmed") == 1);
  assert_int_equal(diary_lines(&f.diary, "fate 1 confirmed"), 1);
  for (size_t i = 0; i < f.diary.count; i++)
    assert_null(strstr(f.diary.lines[i], "dropped"));
  unsigned next = 1;
  for (size_t i = 0; i < f.peer.messages_count; i++)
    next += peer_number(&f.peer, i) == next;
  assert_int_equal(next, COUNT + 1);
  fixture_end(&f);
}

static void log_in_when_open(struct diary *diary, const char *line) {
  const limpet_send_options now = {.promise = LIMPET_PROMISE_NOW};
  if (strcmp(line, "open") == 0)
    assert_int_equal(limpet_send_text(diary->client, "login", 5, &now, NULL), LIMPET_OK);
  else if (strcmp(line, "text welcome") == 0)
    assert_int_equal(limpet_ready(diary->client), LIMPET_OK);
}

static void welcome(struct peer *peer, const char *text, size_t len) {
  (void)len;
  if (strcmp(text, "login") == 0)
    peer_send(peer, "welcome");
}

/* On every link, not on the first alone. */
static void queue_flushed_before_the_application_has_authenticated(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  f.options.hold_until_ready = true;
  f.diary.react = log_in_when_open;
  f.peer.on_message = welcome;
  fixture_make(&f);
  unsigned sent = 0;
  fixture_send(&f, ++sent);
  fixture_open(&f);
  for (unsigned link = 1; link <= 5; link++) {
    fixture_send(&f, ++sent);
    world_until(&f.world, f.peer.messages_count == sent + link);
    peer_reset(&f.peer);
    fixture_send(&f, ++sent);
    world_until(&f.world, f.peer.opened_count == link + 1);
  }
  world_until(&f.world, f.peer.messages_count == sent + 6);
  for (size_t i = 0; i < f.peer.messages_count; i++) {
    const bool is_first = i == 0 || f.peer.messages[i].link != f.peer.messages[i - 1].link;
    assert_int_equal(strcmp(f.peer.messages[i].data, "login") == 0, is_first);
  }
  fixture_end(&f);
}

/* ---- retries ---- */

struct delays {
  struct diary *diary;
  uint64_t planned_ms[32], at_ms[32];
  size_t count;
};

static struct delays delays;

static void note_delay(limpet_client *client, const limpet_retry *retry, void *user) {
  (void)client;
  assert_ptr_equal(user, delays.diary);
  assert_int_equal(retry->attempt, delays.count + 1);
  delays.at_ms[delays.count] = limpet_now_ms();
  delays.planned_ms[delays.count++] = retry->delay_ms;
}

static void first_retry_after_0_ms(void **state) {
  (void)state;
  static const limpet_jitter jitters[] = {LIMPET_JITTER_NONE, LIMPET_JITTER_EQUAL,
                                          LIMPET_JITTER_DECORRELATED};
  for (size_t i = 0; i < 3; i++) {
    struct fixture f;
    fixture_init(&f, 0);
    f.options.callbacks.on_retry = note_delay;
    f.options.jitter = jitters[i];
    f.options.initial_delay_ms = 40;
    delays = (struct delays){.diary = &f.diary};
    fixture_make(&f);
    fixture_open(&f);
    peer_reset(&f.peer);
    world_until(&f.world, f.peer.accepted_count == 2);
    const uint64_t waited_ms = limpet_now_ms() - delays.at_ms[0];
    assert_int_equal(delays.count, 1);
    assert_in_range(delays.planned_ms[0], jitters[i] == LIMPET_JITTER_EQUAL ? 20 : 40, 120);
    assert_true(waited_ms + 2 >= delays.planned_ms[0]);
    fixture_end(&f);
  }
}

/* A server that accepts, and drops at once, after the 101 or before it. */
static void counter_reset_on_101_or_on_connect(void **state) {
  (void)state;
  for (int has_101 = 0; has_101 < 2; has_101++) {
    struct fixture f;
    fixture_init(&f, 0);
    f.options.callbacks.on_retry = note_delay;
    f.options.jitter = LIMPET_JITTER_NONE;
    f.options.initial_delay_ms = 2;
    f.options.multiplier = 2;
    f.options.max_retries = 4;
    f.options.url = has_101 ? f.peer.url : f.raw.url;
    f.peer.drops_at_once = true;
    delays = (struct delays){.diary = &f.diary};
    fixture_make(&f);
    limpet_connect(f.client);
    world_be_patient(&f.world);
    while (!fixture_is(&f, LIMPET_FAILED)) {
      if (f.raw.fd >= 0)
        raw_peer_drop(&f.raw, false);
      world_turn(&f.world, "FAILED", __FILE__, __LINE__);
    }
    assert_int_equal(delays.count, 4);
    for (size_t i = 0; i < delays.count; i++)
      assert_int_equal(delays.planned_ms[i], 2 << i);
    assert_int_equal(has_101 ? f.peer.opened_count : f.raw.accepted_count, 5);
    fixture_end(&f);
  }
}

static void one_429_means_never_again(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  f.peer.refuses = 429;
  limpet_connect(f.client);
  world_until(&f.world, diary_has(&f.diary, "error http_status retry"));
  f.peer.refuses = 0;
  fixture_reopened(&f);
  fixture_end(&f);
}

/* After any number of turns from the cut on, with and without time for the close handshake. */
static void stop_that_races_reconnect(void **state) {
  (void)state;
  for (unsigned turns = 0; turns < 60; turns++) {
    struct fixture f;
    fixture_init(&f, 0);
    fixture_make(&f);
    fixture_open(&f);
    peer_reset(&f.peer);
    for (unsigned i = 0; i < turns / 2; i++)
      world_turn(&f.world, "", __FILE__, __LINE__);
    diary_stop(&f.diary, turns % 2 ? 1000 : 0);
    world_until(&f.world, f.diary.is_over);
    const unsigned accepted_count = f.peer.accepted_count;
    world_pass(&f.world, 4); /* the delay is 1 ms at most */
    assert_in_range(f.peer.accepted_count, accepted_count, accepted_count + 1);
    fixture_deinit(&f);
  }
}

/* ---- callbacks ---- */

static void handle(limpet_client *client, const char *type, const char *text, size_t len,
                   void *user) {
  (void)client, (void)type, (void)text, (void)len;
  diary_add(user, "handler");
}

/* How often lines of this kind came so far: a callback that always sends would never end. */
static size_t kind_count(const struct diary *diary, const char *line) {
  char kind[16];
  (void)snprintf(kind, sizeof kind, "%.7s", line);
  return diary_lines(diary, kind);
}

/* Every call of the header that does not end the client. */
static void call_everything(struct diary *diary, const char *line) {
  limpet_client *client = diary->client;
  limpet_snapshot snapshot;
  char text[160];
  uint64_t number;
  if (diary->left > 0 || !client || kind_count(diary, line) > 3)
    return;
  diary->left = 1; /* not from within itself */
  limpet_get_snapshot(client, &snapshot, sizeof snapshot);
  limpet_status_text(client, true, text, sizeof text);
  assert_non_null(limpet_url(client));
  assert_int_equal(limpet_set_url(client, limpet_url(client), NULL), LIMPET_OK);
  (void)limpet_buffered_amount(client);
  (void)limpet_send_text(client, "t", 1, NULL, &number);
  (void)limpet_send_binary(client, "b", 1, NULL, NULL);
  (void)limpet_send_typing(client, "c", "u");
  assert_int_equal(limpet_flush(client, 0, NULL, NULL), LIMPET_WRONG_THREAD);
  (void)limpet_flush(client, 10, diary_flush, diary);
  assert_int_equal(limpet_on_type(client, "x", handle, diary, &number), LIMPET_OK);
  assert_int_equal(limpet_off_type(client, number), LIMPET_OK);
  assert_int_equal(limpet_ready(client), LIMPET_OK);
  assert_int_equal(limpet_healthy(client), LIMPET_OK);
  assert_int_equal(limpet_probe(client), LIMPET_OK);
  assert_int_equal(limpet_connect(client), LIMPET_OK);
  assert_int_equal(limpet_queue_clear(client), LIMPET_OK);
  diary->left = 0;
}

/* A lock held would never be had. */
static void a_callback_under_a_lock(void **state) {
  (void)state;
  if (!HAS_JSON)
    skip();
  for (unsigned variant = 0; variant < 3; variant++) {
    struct fixture f;
    fixture_init(&f, (variant == 1 ? DIARY_FATES : 0) | DIARY_HEARTBEATS | DIARY_LOGS |
                         DIARY_POLICY | DIARY_TYPING);
    f.options.confirm = variant == 2 ? LIMPET_CONFIRM_BARRIER : LIMPET_CONFIRM_NONE;
    f.options.hold_until_ready = true;
    f.options.high_water = 1024;
    f.diary.react = call_everything;
    fixture_make(&f);
    assert_int_equal(limpet_on_type(f.client, "news", handle, &f.diary, NULL), LIMPET_OK);
    fixture_open(&f);
    for (int i = 0; i < 3; i++) {
      static const char large[4096];
      (void)limpet_send_binary(f.client, large, sizeof large, NULL, NULL);
      peer_send(&f.peer, "{\"type\":\"typing\"}");
      peer_send(&f.peer, "{\"type\":\"news\"}");
      assert_true(link_write(f.peer.link, FRAME_BINARY, "b", 1, NULL));
      const size_t handled = diary_lines(&f.diary, "handler");
      world_until(&f.world, diary_lines(&f.diary, "handler") > handled &&
                                diary_lines(&f.diary, "heartbeat") > (size_t)i);
      peer_reset(&f.peer);
      world_until(&f.world, f.peer.opened_count == (unsigned)i + 2);
      fixture_reopened(&f);
    }
    f.diary.react = NULL; /* a connect would take the stop's place for ever */
    fixture_end(&f);
  }
}

/* ---- heartbeat ---- */

/* The question goes ahead of megabytes that wait, and its reply is not late for their sake. */
static void ping_stuck_behind_data(void **state) {
  (void)state;
  enum { BLOCK = 64 * 1024, COUNT = 512 };
  static const char block[BLOCK];
  struct fixture f;
  fixture_init(&f, DIARY_HEARTBEATS);
  f.options.high_water = 256 << 20;
  f.peer.forgets = true;
  fixture_make(&f);
  fixture_open(&f);
  peer_pause(&f.peer, true);
  for (int i = 0; i < COUNT; i++)
    assert_int_equal(limpet_send_binary(f.client, block, BLOCK, NULL, NULL), LIMPET_OK);
  world_idle(&f.world, 10);
  limpet_probe(f.client);
  peer_pause(&f.peer, false);
  world_until(&f.world, f.diary.heartbeats_count == 1);
  assert_true(f.peer.messages_count < COUNT);
  world_until(&f.world, f.peer.messages_count == COUNT);
  fixture_end(&f);
}

/* No pong can come before the frame it would interrupt has ended. */
static void pong_inside_a_half_sent_frame(void **state) {
  (void)state;
  static const uint8_t header[] = {0x82, 127, 0, 0, 0, 0, 0, 0x10, 0, 0}; /* 1 MiB */
  static const uint8_t piece[2048];
  struct fixture f;
  fixture_init(&f, DIARY_HEARTBEATS);
  f.options.url = f.raw.url;
  f.options.heartbeat_interval_ms = 100;
  f.options.heartbeat_timeout_ms = 100;
  fixture_make(&f);
  limpet_connect(f.client);
  raw_peer_open(&f.raw);
  world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
  raw_peer_send(&f.raw, header, sizeof header);
  for (int i = 0; i < 50; i++) {
    raw_peer_send(&f.raw, piece, sizeof piece);
    world_pass(&f.world, 10);
  }
  assert_true(fixture_is(&f, LIMPET_CONNECTED));
  assert_int_equal(diary_lines(&f.diary, "error"), 0);
  limpet_set_url(f.client, f.peer.url, NULL);
  world_until(&f.world, diary_has(&f.diary, "error heartbeat_timeout retry"));
  fixture_reopened(&f);
  world_until(&f.world, f.diary.heartbeats_count > 0);
  fixture_end(&f);
}

static void connect_again(struct diary *diary, const char *line) {
  if (strncmp(line, "retry", 5) == 0 && diary->left > 0) {
    diary->left--;
    limpet_connect(diary->client);
  }
}

/* A dial that fails at once, for want of memory, and an application that tries anew in each report:
   others on the loop, and limpet_stop(), must have their turn all the same. */
static void a_loop_inside_one_turn(void **state) {
  (void)state;
  enum { TRIES = 3000 };
  struct fixture f;
  fixture_init(&f, 0);
  f.options.max_retries = LIMPET_RETRY_FOREVER;
  f.diary.react = connect_again;
  f.diary.left = TRIES;
  fixture_make(&f);
  atomic_store(&f.memory.fails_on, true);
  atomic_store(&f.memory.fail_at, atomic_load(&f.memory.calls) + 1);
  limpet_connect(f.client);
  world_idle(&f.world, 1);
  assert_true(f.diary.left > TRIES / 2);
  world_until(&f.world, f.diary.left < TRIES / 2); /* and yet it goes on */
  atomic_store(&f.memory.fail_at, 0);
  world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_of_the_old_link_on_the_new_one),
      cmocka_unit_test(the_same_key_on_every_attempt),
      cmocka_unit_test(backlog_dropped_because_its_flush_failed),
      cmocka_unit_test(queue_flushed_before_the_application_has_authenticated),
      cmocka_unit_test(first_retry_after_0_ms),
      cmocka_unit_test(counter_reset_on_101_or_on_connect),
      cmocka_unit_test(one_429_means_never_again),
      cmocka_unit_test(stop_that_races_reconnect),
      cmocka_unit_test(a_callback_under_a_lock),
      cmocka_unit_test(ping_stuck_behind_data),
      cmocka_unit_test(pong_inside_a_half_sent_frame),
      cmocka_unit_test(a_loop_inside_one_turn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
