/* Options: defaults, presets, ranges, struct sizes, and what clients share. */
#include "client_diary.h"
#include "client_memory.h"
#include "client_world.h"
#include "parts.h"

#include <limpet/limpet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static limpet_options defaults(void) {
  limpet_options options;
  memset(&options, 0xA5, sizeof options);
  limpet_options_init(&options, sizeof options);
  return options;
}

/* ---- defaults and presets (contract, section 4) ---- */

static void defaults_are_the_contracts(void **state) {
  (void)state;
  const limpet_options o = defaults();
  assert_int_equal(o.size, sizeof o);
  assert_null(o.url);
  assert_null(o.origin);
  assert_null(o.headers);
  assert_null(o.subprotocols);
  assert_null(o.user);
  assert_null(o.callbacks.on_text);
  assert_null(o.callbacks.policy);
  assert_int_equal(o.max_retries, 10);
  assert_int_equal(o.initial_delay_ms, 1000);
  assert_int_equal(o.max_delay_ms, 60000);
  assert_true(o.multiplier == 1.5);
  assert_int_equal(o.jitter, LIMPET_JITTER_EQUAL);
  assert_int_equal(o.stable_after_ms, 5000);
  assert_int_equal(o.retry_after_max_ms, 300000);
  assert_true(o.reconnect_on_normal_close);
  assert_int_equal(o.heartbeat, LIMPET_DIALECT_WEBSOCKET);
  assert_int_equal(o.heartbeat_interval_ms, 30000);
  assert_int_equal(o.heartbeat_timeout_ms, 10000);
  assert_int_equal(o.probe_timeout_ms, 2000);
  assert_int_equal(o.connect_timeout_ms, 10000);
  assert_int_equal(o.close_timeout_ms, 3000);
  assert_false(o.hold_until_ready);
  assert_int_equal(o.ready_timeout_ms, 10000);
  assert_int_equal(o.confirm, LIMPET_CONFIRM_NONE);
  assert_int_equal(o.in_flight, 256);
  assert_int_equal(o.ack_timeout_ms, 30000);
  assert_null(o.outbox);
  assert_int_equal(o.outbox_limit, 1000000);
  assert_int_equal(o.outbox_limit_bytes, 1 << 30);
  assert_int_equal(o.outbox_durability_ms, 0);
  assert_int_equal(o.queue_limit, 100);
  assert_int_equal(o.queue_limit_bytes, 1 << 20);
  assert_int_equal(o.high_water, 1 << 20);
  assert_int_equal(o.max_message, 16 << 20);
  assert_int_equal(o.max_handshake, 16 << 10);
  assert_false(o.compress);
  assert_int_equal(o.compress_window_bits, 15);
  assert_false(o.compress_no_context_takeover);
  assert_null(o.tls_ca_file);
  assert_null(o.tls_cert_file);
  assert_null(o.tls_key_file);
  assert_false(o.tls_insecure);
  assert_int_equal(o.happy_eyeballs_delay_ms, 250);
  assert_int_equal(o.busy_poll_us, 0);
  assert_null(o.allocator.alloc);
  assert_null(o.proxy);
  assert_false(o.proxy_from_environment);
  assert_null(o.on_ack);
}

/* What a preset leaves alone stays as it was, changed or not. */
static void presets_change_what_the_seeds_say(void **state) {
  (void)state;
  limpet_options o = defaults();
  o.max_retries = 3;
  assert_int_equal(limpet_options_preset(&o, "nova"), LIMPET_OK);
  assert_int_equal(o.heartbeat, LIMPET_DIALECT_PING);
  assert_int_equal(o.max_delay_ms, 60000);
  assert_int_equal(o.heartbeat_timeout_ms, 10000);
  assert_int_equal(o.max_retries, 3);
  o = defaults();
  assert_int_equal(limpet_options_preset(&o, "medtranslate"), LIMPET_OK);
  assert_int_equal(o.heartbeat, LIMPET_DIALECT_TIMESTAMP);
  assert_int_equal(o.max_delay_ms, 30000);
  assert_int_equal(o.heartbeat_interval_ms, 30000);
  assert_int_equal(o.heartbeat_timeout_ms, 5000);
  assert_int_equal(limpet_options_preset(&o, "Nova"), LIMPET_INVALID_ARGUMENT);
  assert_int_equal(limpet_options_preset(&o, ""), LIMPET_INVALID_ARGUMENT);
}

/* ---- ranges ---- */

enum width { W8 = 1, W32 = 4, W64 = 8 };

struct range {
  const char *name;
  size_t offset;
  enum width width;
  uint64_t minimum, maximum;
};

#define RANGE(field, width, minimum, maximum)                                                      \
  { #field, offsetof(limpet_options, field), width, minimum, maximum }
#define ANY UINT64_MAX /* every value of the type is fine */

static const struct range ranges[] = {
    RANGE(max_retries, W32, 0, ANY),
    RANGE(initial_delay_ms, W32, 1, 3600000),
    RANGE(max_delay_ms, W32, 1000, 86400000), /* at least the initial delay */
    RANGE(jitter, W32, 0, LIMPET_JITTER_DECORRELATED),
    RANGE(stable_after_ms, W32, 0, 3600000),
    RANGE(retry_after_max_ms, W32, 0, 86400000),
    RANGE(heartbeat, W32, 0, LIMPET_DIALECT_OFF),
    RANGE(heartbeat_interval_ms, W32, 100, 3600000),
    RANGE(heartbeat_timeout_ms, W32, 10, 30000), /* at most the interval */
    RANGE(probe_timeout_ms, W32, 10, 3600000),
    RANGE(connect_timeout_ms, W32, 10, 600000),
    RANGE(close_timeout_ms, W32, 0, 60000),
    RANGE(ready_timeout_ms, W32, 10, 600000),
    RANGE(confirm, W32, 0, LIMPET_CONFIRM_ACK),
    RANGE(ack_timeout_ms, W32, 0, 3600000),
    RANGE(outbox_limit, W64, 1, 1000000000),
    RANGE(outbox_limit_bytes, W64, 1, 1ULL << 40),
    RANGE(outbox_durability_ms, W32, 0, 60000),
    RANGE(in_flight, W32, 1, 65536),
    RANGE(queue_limit, W32, 1, 1000000),
    RANGE(queue_limit_bytes, W64, 1, 1ULL << 40),
    RANGE(high_water, W64, 1024, 1ULL << 40),
    RANGE(max_message, W64, 1, 1ULL << 31),
    RANGE(max_handshake, W32, 256, 1 << 20),
    RANGE(compress_window_bits, W8, 9, 15),
    RANGE(happy_eyeballs_delay_ms, W32, 10, 2000),
    RANGE(busy_poll_us, W32, 0, 1000),
};

static void set(limpet_options *options, const struct range *range, uint64_t value) {
  char *at = (char *)options + range->offset;
  if (range->width == W8)
    *(uint8_t *)at = (uint8_t)value;
  else if (range->width == W32)
    memcpy(at, &(uint32_t){(uint32_t)value}, 4);
  else
    memcpy(at, &value, 8);
}

/* The options that go with a value at the edge of another. */
static limpet_options around(const struct range *range, uint64_t value) {
  limpet_options o = defaults();
  o.url = "ws://127.0.0.1:9/";
  if (strcmp(range->name, "initial_delay_ms") == 0)
    o.max_delay_ms = 86400000;
  if (strcmp(range->name, "heartbeat_interval_ms") == 0)
    o.heartbeat_timeout_ms = 10;
  set(&o, range, value);
  return o;
}

static limpet_result try(const limpet_options *options, struct world *world, char *detail) {
  limpet_client *client = NULL;
  const limpet_result result = limpet_new(options, world->uv, &client, detail);
  if (result == LIMPET_OK)
    limpet_stop(client, 0);
  else
    assert_null(client);
  return result;
}

static void edges_are_taken_and_what_lies_beyond_is_named(void **state) {
  (void)state;
  struct world world;
  char detail[LIMPET_DETAIL_CAP];
  world_init(&world);
  for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
    const struct range *range = &ranges[i];
    limpet_options o = around(range, range->minimum);
    assert_int_equal(try(&o, &world, detail), LIMPET_OK);
    if (range->minimum > 0) {
      o = around(range, range->minimum - 1);
      assert_int_equal(try(&o, &world, detail), LIMPET_INVALID_ARGUMENT);
      assert_non_null(strstr(detail, range->name));
    }
    if (range->maximum == ANY)
      continue;
    o = around(range, range->maximum);
    const bool is_ack = strcmp(range->name, "confirm") == 0;
    assert_int_equal(try(&o, &world, detail),
                     is_ack && !HAS_JSON ? LIMPET_INVALID_ARGUMENT : LIMPET_OK);
    o = around(range, range->maximum + 1);
    assert_int_equal(try(&o, &world, detail), LIMPET_INVALID_ARGUMENT);
    assert_non_null(strstr(detail, range->name));
  }
  world_deinit(&world);
}

typedef void change(limpet_options *options);

static const char *const bad_header[] = {"X-Fine: 1", "no colon", NULL};
static const char *const split_header[] = {"X-Evil: a\r\nX-More: b", NULL};
static const char *const own_header[] = {"Sec-WebSocket-Key: x", NULL};
static const char *const bad_token[] = {"chat", "two words", NULL};
static const char *const twice[] = {"chat", "chat", NULL};

static void no_url(limpet_options *o) {
  o->url = NULL;
}
static void small_multiplier(limpet_options *o) {
  o->multiplier = 0.99;
}
static void large_multiplier(limpet_options *o) {
  o->multiplier = 10.01;
}
static void nan_multiplier(limpet_options *o) {
  o->multiplier = strtod("nan", NULL);
}
static void barrier_alone(limpet_options *o) {
  o->confirm = LIMPET_CONFIRM_BARRIER;
  o->heartbeat = LIMPET_DIALECT_OFF;
}
static void cert_alone(limpet_options *o) {
  o->tls_cert_file = "/nowhere";
}
static void key_alone(limpet_options *o) {
  o->tls_key_file = "/nowhere";
}
static void ca_missing(limpet_options *o) {
  o->url = "wss://127.0.0.1:9/";
  o->tls_ca_file = "/nowhere/ca.pem";
}
static void header_bad(limpet_options *o) {
  o->headers = bad_header;
}
static void header_split(limpet_options *o) {
  o->headers = split_header;
}
static void header_own(limpet_options *o) {
  o->headers = own_header;
}
static void token_bad(limpet_options *o) {
  o->subprotocols = bad_token;
}
static void token_twice(limpet_options *o) {
  o->subprotocols = twice;
}
static void origin_bad(limpet_options *o) {
  o->origin = "http://a b";
}
static void allocator_half(limpet_options *o) {
  static struct counted_memory memory;
  o->allocator = counted_allocator(&memory);
  o->allocator.realloc = NULL;
}
static void url_http(limpet_options *o) {
  o->url = "http://127.0.0.1/";
}
static void url_fragment(limpet_options *o) {
  o->url = "ws://127.0.0.1/#there";
}
static void url_port(limpet_options *o) {
  o->url = "ws://127.0.0.1:65536/";
}
static void url_host(limpet_options *o) {
  o->url = "ws:///path";
}
static void url_space(limpet_options *o) {
  o->url = "ws://127.0.0.1/a b";
}
static void url_empty(limpet_options *o) {
  o->url = "";
}
static void proxy_scheme(limpet_options *o) {
  o->proxy = "socks4://h:1";
}
static void proxy_port(limpet_options *o) {
  o->proxy = "http://h:0";
}
static void proxy_of_the_environment(limpet_options *o) {
  setenv("http_proxy", "https://u:secret@h", 1);
  o->proxy_from_environment = true;
}

static void other_mistakes_are_named(void **state) {
  (void)state;
  static const struct {
    change *make;
    const char *names;
  } cases[] = {
      {no_url, "url"},
      {small_multiplier, "multiplier"},
      {large_multiplier, "multiplier"},
      {nan_multiplier, "multiplier"},
      {barrier_alone, "confirm"},
      {cert_alone, "tls_cert_file"},
      {key_alone, "tls_key_file"},
      {ca_missing, HAS_TLS ? "/nowhere/ca.pem" : "this build has no TLS"},
      {header_bad, "headers"},
      {header_split, "headers"},
      {header_own, "headers"},
      {token_bad, "subprotocols"},
      {token_twice, "subprotocols"},
      {origin_bad, "origin"},
      {allocator_half, "allocator"},
      {url_http, "url"},
      {url_fragment, "fragment"},
      {url_port, "port"},
      {url_host, "host"},
      {url_space, "url"},
      {url_empty, "url"},
      {proxy_scheme, "proxy: scheme"},
      {proxy_port, "proxy: port"},
      {proxy_of_the_environment, "http_proxy: https:// "},
  };
  struct world world;
  char detail[LIMPET_DETAIL_CAP];
  world_init(&world);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    limpet_options o = defaults();
    o.url = "ws://127.0.0.1:9/";
    cases[i].make(&o);
    assert_int_equal(try(&o, &world, detail), LIMPET_INVALID_ARGUMENT);
    if (!strstr(detail, cases[i].names))
      fail_msg("case %zu: '%s' does not name %s", i, detail, cases[i].names);
    assert_int_equal(try(&o, &world, NULL), LIMPET_INVALID_ARGUMENT);
  }
  unsetenv("http_proxy");
  world_deinit(&world);
}

/* ---- struct sizes: programs older and newer than the library ---- */

static void an_older_program_gets_defaults_for_what_it_does_not_know(void **state) {
  (void)state;
  struct {
    limpet_options options;
    char behind[64];
  } room;
  const size_t old_size = offsetof(limpet_options, compress);
  struct world world;
  world_init(&world);
  memset(&room, 0xEE, sizeof room);
  limpet_options_init(&room.options, old_size);
  assert_int_equal(room.options.size, old_size);
  assert_int_equal(room.options.max_handshake, 16 << 10);
  const unsigned char *beyond = (const unsigned char *)&room.options + old_size;
  for (size_t i = 0; i < sizeof room - old_size; i++)
    assert_int_equal(beyond[i], 0xEE);
  room.options.url = "ws://127.0.0.1:9/";
  /* Its compress_window_bits is 0xEE: read, it would be out of range. */
  assert_int_equal(try(&room.options, &world, NULL), LIMPET_OK);
  world_deinit(&world);
}

static void a_newer_program_may_know_more(void **state) {
  (void)state;
  struct {
    limpet_options options;
    char more[64];
  } room;
  struct world world;
  world_init(&world);
  memset(&room, 0xEE, sizeof room);
  limpet_options_init(&room.options, sizeof room);
  assert_int_equal(room.options.size, sizeof room);
  for (size_t i = 0; i < sizeof room.more; i++)
    assert_int_equal(room.more[i], 0);
  room.options.url = "ws://127.0.0.1:9/";
  assert_int_equal(try(&room.options, &world, NULL), LIMPET_OK);
  /* What it sets there is not passed over in silence, wherever it stands. */
  for (size_t i = 0; i < sizeof room.more; i += sizeof room.more - 1) {
    char detail[LIMPET_DETAIL_CAP];
    room.more[i] = 1;
    assert_int_equal(try(&room.options, &world, detail), LIMPET_INVALID_ARGUMENT);
    assert_memory_equal(detail, "size ", 5);
    room.more[i] = 0;
  }
  world_deinit(&world);
}

static void options_that_were_not_initialised_are_refused(void **state) {
  static const size_t sizes[] = {0, 1, offsetof(limpet_options, origin) - 1, 65537, SIZE_MAX};
  limpet_options options = defaults();
  char detail[LIMPET_DETAIL_CAP];
  struct world world;
  (void)state;
  world_init(&world);
  options.url = "ws://127.0.0.1:9/";
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    options.size = sizes[i];
    assert_int_equal(try(&options, &world, detail), LIMPET_INVALID_ARGUMENT);
    assert_string_equal(detail, "size is not what limpet_options_init() writes");
  }
  world_deinit(&world);
}

static void a_snapshot_fills_what_the_program_knows_of_and_no_more(void **state) {
  struct {
    limpet_snapshot snapshot;
    unsigned char behind[64];
  } room;
  const size_t old_size = offsetof(limpet_snapshot, metrics.outbox_messages);
  unsigned char *const bytes = (unsigned char *)&room;
  limpet_options options = defaults();
  limpet_client *client;
  struct world world;
  (void)state;
  world_init(&world);
  options.url = "ws://127.0.0.1:9/";
  assert_int_equal(limpet_new(&options, world.uv, &client, NULL), LIMPET_OK);
  memset(&room, 0xEE, sizeof room);
  limpet_get_snapshot(client, &room.snapshot, old_size);
  assert_int_equal(room.snapshot.max_retries, 10);
  assert_int_equal(room.snapshot.metrics.clock_offset_ms, 0);
  for (size_t i = old_size; i < sizeof room; i++)
    assert_int_equal(bytes[i], 0xEE);
  limpet_get_snapshot(client, &room.snapshot, sizeof room);
  assert_int_equal(room.snapshot.metrics.outbox_messages, 0);
  for (size_t i = sizeof room.snapshot; i < sizeof room; i++)
    assert_int_equal(bytes[i], 0);
  limpet_stop(client, 0);
  world_deinit(&world);
}

/* ---- what clients share ---- */

static long cost_of(const limpet_options *options, struct world *world,
                    struct counted_memory *memory, limpet_client **client) {
  const long before = atomic_load(&memory->bytes);
  assert_int_equal(limpet_new(options, world->uv, client, NULL), LIMPET_OK);
  return atomic_load(&memory->bytes) - before;
}

/* Equal options in memory of their own, by value equal, by address not. */
static void equal_clients_share_their_settings_and_different_ones_do_not(void **state) {
  (void)state;
  char name_a[] = "chat", name_b[] = "chat", header_a[] = "X-A: 1", header_b[] = "X-A: 1";
  const char *const names_a[] = {name_a, NULL}, *const names_b[] = {name_b, NULL};
  const char *const headers_a[] = {header_a, NULL}, *const headers_b[] = {header_b, NULL};
  static struct counted_memory memory;
  struct world world;
  limpet_client *clients[4];
  int user;
  world_init(&world);
  limpet_options o = defaults();
  o.url = "ws://127.0.0.1:9/";
  o.subprotocols = names_a;
  o.headers = headers_a;
  o.allocator = counted_allocator(&memory);
  (void)cost_of(&o, &world, &memory, &clients[0]);
  o.subprotocols = names_b;
  o.headers = headers_b;
  o.user = &user;
  o.url = "ws://127.0.0.1:9/else";
  const long equal = cost_of(&o, &world, &memory, &clients[1]);
  header_b[5] = '2';
  const long other_text = cost_of(&o, &world, &memory, &clients[2]);
  header_b[5] = '1';
  o.close_timeout_ms = 1;
  const long other_number = cost_of(&o, &world, &memory, &clients[3]);
  assert_in_range(equal, 1, 1024);
  assert_true(other_text >= equal + (long)sizeof o);
  assert_true(other_number >= equal + (long)sizeof o);
  for (int i = 0; i < 4; i++)
    limpet_stop(clients[i], 0);
  world_deinit(&world);
  assert_int_equal(atomic_load(&memory.live), 0);
}

/* Of what the environment says each client keeps what it was when it was made. */
static void clients_share_a_proxy_only_if_it_is_the_same(void **state) {
  (void)state;
  static struct counted_memory memory;
  struct world world;
  limpet_client *clients[5];
  char proxy[] = "http://h:1";
  world_init(&world);
  limpet_options o = defaults();
  o.url = "ws://127.0.0.1:9/";
  o.allocator = counted_allocator(&memory);
  o.proxy_from_environment = true;
  setenv("http_proxy", "http://h:1", 1);
  (void)cost_of(&o, &world, &memory, &clients[0]);
  const long equal = cost_of(&o, &world, &memory, &clients[1]);
  setenv("http_proxy", "http://h:2", 1);
  const long other_environment = cost_of(&o, &world, &memory, &clients[2]);
  unsetenv("http_proxy");
  o.proxy = proxy;
  const long other_option = cost_of(&o, &world, &memory, &clients[3]);
  o.proxy = "http://h:1";
  const long equal_option = cost_of(&o, &world, &memory, &clients[4]);
  memset(proxy, 'x', sizeof proxy - 1); /* it was copied */
  assert_in_range(equal, 1, 1024);
  assert_true(other_environment >= equal + (long)sizeof o);
  assert_true(other_option >= equal + (long)sizeof o);
  assert_int_equal(equal_option, equal);
  for (int i = 0; i < 5; i++)
    limpet_stop(clients[i], 0);
  world_deinit(&world);
  assert_int_equal(atomic_load(&memory.live), 0);
}

/* ---- pure functions ---- */

static void urls_lose_their_secrets(void **state) {
  (void)state;
  char text[64];
  const char *url = "wss://me:pw@h.example/ws?token=abc&room=7";
  const size_t len = limpet_url_redact(url, text, sizeof text);
  assert_int_equal(len, strlen(text));
  assert_null(strstr(text, "abc"));
  assert_null(strstr(text, "pw"));
  assert_non_null(strstr(text, "token=***"));
  assert_int_equal(limpet_url_redact(url, text, 8), len);
  assert_int_equal(strlen(text), 7);
}

static void delays_are_clamped_before_the_jitter(void **state) {
  (void)state;
  limpet_options o = defaults();
  assert_int_equal(limpet_backoff_delay(&o, 0, 0.0, 0), 500);
  assert_int_equal(limpet_backoff_delay(&o, 1, 0.0, 0), 750);
  assert_int_equal(limpet_backoff_delay(&o, 1000, 0.0, 0), 30000);
  assert_in_range(limpet_backoff_delay(&o, 1000, 0.999999, 0), 59999, 60000);
  o.jitter = LIMPET_JITTER_NONE;
  assert_int_equal(limpet_backoff_delay(&o, 2, 0.3, 0), 2250);
}

static void unknown_values_have_a_name(void **state) {
  (void)state;
  assert_string_equal(limpet_state_name(LIMPET_WAITING_FOR_NETWORK), "WAITING_FOR_NETWORK");
  assert_string_equal(limpet_state_name((limpet_state)99), "?");
  assert_string_equal(limpet_reason_name((limpet_reason)99), "?");
  assert_string_equal(limpet_error_kind_name(LIMPET_ERROR_TLS_VERIFY), "tls_verify");
  assert_string_equal(limpet_error_kind_name((limpet_error_kind)99), "?");
  assert_string_equal(limpet_fate_name(LIMPET_FATE_CONFIRMED), "confirmed");
  assert_string_equal(limpet_fate_name((limpet_fate)99), "?");
  assert_string_equal(limpet_drop_name(LIMPET_DROP_REPLACED), "replaced");
  assert_string_equal(limpet_drop_name((limpet_drop)99), "?");
  for (int i = LIMPET_OK; i <= LIMPET_WRONG_THREAD; i++) {
    assert_true(strlen(limpet_result_name((limpet_result)i)) > 1);
    assert_true(strlen(limpet_result_text((limpet_result)i)) > 1);
  }
  assert_string_equal(limpet_result_name((limpet_result)99), "?");
  assert_string_equal(limpet_result_text((limpet_result)-1), "?");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults_are_the_contracts),
      cmocka_unit_test(presets_change_what_the_seeds_say),
      cmocka_unit_test(edges_are_taken_and_what_lies_beyond_is_named),
      cmocka_unit_test(other_mistakes_are_named),
      cmocka_unit_test(an_older_program_gets_defaults_for_what_it_does_not_know),
      cmocka_unit_test(a_newer_program_may_know_more),
      cmocka_unit_test(options_that_were_not_initialised_are_refused),
      cmocka_unit_test(a_snapshot_fills_what_the_program_knows_of_and_no_more),
      cmocka_unit_test(equal_clients_share_their_settings_and_different_ones_do_not),
      cmocka_unit_test(clients_share_a_proxy_only_if_it_is_the_same),
      cmocka_unit_test(urls_lose_their_secrets),
      cmocka_unit_test(delays_are_clamped_before_the_jitter),
      cmocka_unit_test(unknown_values_have_a_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
