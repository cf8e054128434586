/* Memory: none for a message once warm, little for an idle client, and no harm when it runs out. */
#include "client_fixture.h"
#include "parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

enum { SMALL = 64, COUNT = 10000 };

static const char small[SMALL + 1] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void count_text(limpet_client *client, const char *data, size_t len, void *user) {
  struct diary *diary = user;
  (void)client, (void)data;
  assert_int_equal(len, SMALL);
  diary->texts_count++;
}

/* ---- once warm ---- */

static void receive_many(struct fixture *f, size_t count) {
  const size_t until = f->diary.texts_count + count;
  for (size_t i = 0; i < count; i++)
    peer_send(&f->peer, small);
  world_until(&f->world, f->diary.texts_count == until);
}

static void receiving_allocates_nothing_once_warm(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  f.options.callbacks.on_text = count_text;
  fixture_make(&f);
  fixture_open(&f);
  receive_many(&f, COUNT);
  const unsigned long calls = atomic_load(&f.memory.calls);
  receive_many(&f, COUNT);
  assert_int_equal(atomic_load(&f.memory.calls), calls);
  fixture_end(&f);
}

static void send_many(struct fixture *f, size_t count) {
  const size_t until = f->peer.messages_count + count;
  for (size_t i = 0; i < count; i++) {
    assert_int_equal(limpet_send_text(f->client, small, SMALL, NULL, NULL), LIMPET_OK);
    if (i % 100 == 0)
      world_idle(&f->world, 1);
  }
  world_until(&f->world, f->peer.messages_count == until);
}

static void sending_allocates_nothing_once_warm(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  f.peer.forgets = true;
  fixture_make(&f);
  fixture_open(&f);
  send_many(&f, COUNT);
  const unsigned long calls = atomic_load(&f.memory.calls);
  send_many(&f, COUNT);
  assert_int_equal(atomic_load(&f.memory.calls), calls);
  fixture_end(&f);
}

/* ---- idle ---- */

enum { CLIENTS_COUNT = 1000, IDLE_BYTES_MAX = 1024 };

static void allow_descriptors(void) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  limit.rlim_cur = limit.rlim_max;
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static size_t connected_count(limpet_client *const *clients) {
  size_t count = 0;
  for (int i = 0; i < CLIENTS_COUNT; i++) {
    limpet_snapshot snapshot;
    limpet_get_snapshot(clients[i], &snapshot, sizeof snapshot);
    count += snapshot.state == LIMPET_CONNECTED;
  }
  return count;
}

/* Silent for the second and a half after which buffers have been taken back. What the loop owns,
   the same for any number of clients, is not counted. */
static void an_idle_client_costs_little(void **state) {
  (void)state;
  static limpet_client *clients[CLIENTS_COUNT];
  struct fixture f;
  allow_descriptors();
  fixture_init(&f, 0);
  f.options.connect_timeout_ms = 60000;
  fixture_make(&f);
  fixture_open(&f);
  for (int i = 0; i < CLIENTS_COUNT; i++) {
    limpet_options options;
    limpet_options_init(&options, sizeof options);
    options.url = f.peer.url;
    options.allocator = f.options.allocator;
    options.connect_timeout_ms = 60000;
    assert_int_equal(limpet_new(&options, f.world.uv, &clients[i], NULL), LIMPET_OK);
  }
  for (int i = 0; i < CLIENTS_COUNT; i++)
    limpet_connect(clients[i]);
  world_until(&f.world, connected_count(clients) == CLIENTS_COUNT);
  world_pass(&f.world, 3000);
  const long all = atomic_load(&f.memory.bytes), blocks = atomic_load(&f.memory.live);
  for (int i = 0; i < CLIENTS_COUNT; i++)
    limpet_stop(clients[i], 1000);
  world_until(&f.world, f.peer.links_count == 1);
  world_pass(&f.world, 3000);
  const long each = (all - atomic_load(&f.memory.bytes)) / CLIENTS_COUNT;
  const long each_blocks = (blocks - atomic_load(&f.memory.live)) / CLIENTS_COUNT;
  print_message("idle client: %ld bytes in %ld blocks\n", each, each_blocks);
  assert_in_range(each, 1, IDLE_BYTES_MAX);
  fixture_end(&f);
}

/* ---- none left ---- */

enum variant { PLAIN, NODES, BARRIER, FALLBACKS, PROVIDED, COMPRESSED };
#define VARIANTS_COUNT (HAS_DEFLATE ? 6 : 5)

/* Without memory the answer is not taken: the wait for it ends the dial. */
static void provide(limpet_client *client, const limpet_provider_request *request, void *user) {
  static const char *const headers[] = {"X-Y: z", NULL};
  char url[256];
  (void)user;
  (void)snprintf(url, sizeof url, "%s", request->url);
  (void)limpet_provide(client, request->ticket, url, headers, NULL);
}

static void init_variant(struct fixture *f, enum variant variant) {
  fixture_init(f, variant == NODES ? DIARY_FATES : 0);
  f->options.confirm = variant == BARRIER ? LIMPET_CONFIRM_BARRIER : LIMPET_CONFIRM_NONE;
  f->options.compress = variant == COMPRESSED;
  f->options.max_retries = LIMPET_RETRY_FOREVER;
  f->options.max_delay_ms = 5;
  f->peer.is_echo = true;
  if (variant == FALLBACKS) {
    static const char *fallbacks[] = {NULL, NULL};
    fallbacks[0] = f->peer.url;
    f->options.url = "ws://127.0.0.1:1/"; /* nobody listens there */
    f->options.fallbacks = fallbacks;
  } else if (variant == PROVIDED) {
    f->options.provider = provide;
    f->options.provider_timeout_ms = 10;
  }
}

/* False: limpet_new() itself got no memory, and said so. */
static bool make_or_not(struct fixture *f) {
  char detail[LIMPET_DETAIL_CAP] = "";
  const limpet_result result = limpet_new(&f->options, f->world.uv, &f->diary.client, detail);
  f->client = f->diary.client;
  if (result == LIMPET_OK)
    return true;
  assert_int_equal(result, LIMPET_NO_MEMORY);
  assert_null(f->client);
  assert_true(strlen(detail) > 0);
  return false;
}

static void ignore(limpet_client *client, const char *type, const char *text, size_t len,
                   void *user) {
  (void)client, (void)type, (void)text, (void)len, (void)user;
}

static void send_stubbornly(struct fixture *f, const char *data, size_t len) {
  limpet_result result;
  while ((result = limpet_send_text(f->client, data, len, NULL, NULL)) != LIMPET_OK)
    assert_int_equal(result, LIMPET_NO_MEMORY);
}

/* A message may go down with a link whose memory ran out: then another one is sent. */
static void converse(struct fixture *f, char *large, size_t len) {
  const size_t before = f->diary.texts_count;
  uint64_t again_ms = 0;
  world_be_patient(&f->world);
  while (f->diary.texts_count == before) {
    if (limpet_now_ms() >= again_ms && fixture_is(f, LIMPET_CONNECTED)) {
      send_stubbornly(f, large, len);
      again_ms = limpet_now_ms() + 100;
    }
    world_turn(&f->world, "an echo", __FILE__, __LINE__);
  }
}

static void live_a_life(struct fixture *f) {
  static char large[100000];
  uint64_t handle;
  memset(large, 'x', sizeof large);
  limpet_result result = limpet_on_type(f->client, "t", ignore, NULL, &handle);
  assert_true(!HAS_JSON || result == LIMPET_OK || result == LIMPET_NO_MEMORY);
  limpet_connect(f->client);
  converse(f, large, 10);
  converse(f, large, sizeof large);
  result = limpet_flush(f->client, 10000, diary_flush, &f->diary);
  assert_true(result == LIMPET_OK || result == LIMPET_NO_MEMORY);
  world_until(&f->world, f->peer.link);
  peer_reset(&f->peer);
  converse(f, large, 300);
  result = limpet_set_url(f->client, f->peer.url, NULL);
  assert_true(result == LIMPET_OK || result == LIMPET_NO_MEMORY);
}

/* One call fails, whichever it is: the client goes on. */
static void one_refused_allocation_does_no_lasting_harm(void **state) {
  (void)state;
  for (int variant = PLAIN; variant < VARIANTS_COUNT; variant++) {
    unsigned long failed = 1;
    for (unsigned long at = 1; failed; at++) {
      struct fixture f;
      init_variant(&f, (enum variant)variant);
      atomic_store(&f.memory.fail_at, at);
      const bool is_made = make_or_not(&f);
      if (is_made)
        live_a_life(&f);
      failed = atomic_load(&f.memory.failed);
      if (is_made)
        fixture_end(&f);
      else
        fixture_deinit(&f);
    }
  }
}

/* From some call on nothing is to be had: whatever happens, the client can be stopped. */
static void without_any_memory_a_client_can_still_be_stopped(void **state) {
  (void)state;
  for (int variant = PLAIN; variant < VARIANTS_COUNT; variant++) {
    unsigned long failed = 1;
    for (unsigned long at = 1; failed; at++) {
      struct fixture f;
      init_variant(&f, (enum variant)variant);
      atomic_store(&f.memory.fail_at, at);
      atomic_store(&f.memory.fails_on, true);
      if (!make_or_not(&f)) {
        fixture_deinit(&f);
        continue;
      }
      limpet_connect(f.client);
      for (unsigned i = 0; i < 60; i++) {
        (void)limpet_send_text(f.client, small, SMALL, NULL, NULL);
        world_turn(&f.world, "", __FILE__, __LINE__);
        if (i == 30 && f.peer.link)
          peer_reset(&f.peer);
      }
      failed = atomic_load(&f.memory.failed);
      fixture_end(&f);
    }
  }
}

/* The deadline of a stop needs a place among the loop's timers. When it gets none, the time is
   looked at in each turn. */
static void a_stop_keeps_its_deadline_without_memory_for_it(void **state) {
  (void)state;
  enum { PLACES_COUNT = 16 }; /* that the loop takes at once */
  struct fixture f;
  limpet_client *others[PLACES_COUNT];
  fixture_init(&f, 0);
  f.options.url = f.raw.url;
  f.options.heartbeat = LIMPET_DIALECT_OFF;
  f.options.stable_after_ms = 0;
  f.options.close_timeout_ms = 60000;
  fixture_make(&f);
  limpet_connect(f.client);
  raw_peer_open(&f.raw);
  world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
  for (unsigned i = 0; i < PLACES_COUNT; i++) {
    limpet_options options;
    limpet_options_init(&options, sizeof options);
    options.url = f.peer.url;
    options.allocator = f.options.allocator;
    assert_int_equal(limpet_new(&options, f.world.uv, &others[i], NULL), LIMPET_OK);
    limpet_connect(others[i]);
    world_until(&f.world, f.peer.opened_count == i + 1);
    world_idle(&f.world, 10);
  }
  /* A link that has just spoken has the buffers that its close frame needs. */
  assert_int_equal(limpet_send_text(f.client, small, SMALL, NULL, NULL), LIMPET_OK);
  atomic_store(&f.memory.fail_at, atomic_load(&f.memory.calls) + 1);
  atomic_store(&f.memory.fails_on, true);
  const uint64_t before_ms = limpet_now_ms();
  diary_stop(&f.diary, 50);
  world_until(&f.world, f.diary.is_over);
  assert_in_range(limpet_now_ms() - before_ms, 48, 5000);
  assert_true(atomic_load(&f.memory.failed) > 0);
  for (unsigned i = 0; i < PLACES_COUNT; i++)
    limpet_stop(others[i], 1000);
  world_until(&f.world, f.peer.links_count == 0);
  fixture_deinit(&f);
}

/* What came along with the answer to the upgrade needs a place while the client is paused. Without
   one the link is lost, and says so: the message is not missing on a link that goes on. */
static void a_message_for_a_paused_client_is_kept_or_the_link_is_lost(void **state) {
  (void)state;
  static const uint8_t hello[] = {0x81, 5, 'h', 'e', 'l', 'l', 'o'};
  unsigned long failed = 1;
  for (unsigned long at = 1; failed; at++) {
    struct fixture f;
    fixture_init(&f, 0);
    f.options.url = f.raw.url;
    fixture_make(&f);
    limpet_pause(f.client, true);
    limpet_connect(f.client);
    world_until(&f.world, raw_peer_has_head(&f.raw));
    atomic_store(&f.memory.fail_at, atomic_load(&f.memory.calls) + at);
    raw_peer_upgrade(&f.raw);
    raw_peer_send(&f.raw, hello, sizeof hello);
    world_until(&f.world, !fixture_is(&f, LIMPET_CONNECTING));
    world_idle(&f.world, 5);
    failed = atomic_load(&f.memory.failed);
    atomic_store(&f.memory.fail_at, 0);
    limpet_pause(f.client, false);
    world_until(&f.world, diary_has(&f.diary, "text hello") || diary_has(&f.diary, "error"));
    fixture_end(&f);
  }
}

/* What the lost link had yet to send, and nothing is there to keep it in, is gone for good: nobody
   asked for its fate, but the count of what was dropped tells of it. */
static void what_cannot_be_kept_of_a_lost_link_counts_as_dropped(void **state) {
  (void)state;
  enum { BLOCK = 16 * 1024, BLOCKS = 2000 };
  static char block[BLOCK];
  struct fixture f;
  limpet_snapshot snapshot;
  memset(block, 'x', sizeof block);
  fixture_init(&f, 0);
  f.options.high_water = 256 << 20;
  fixture_make(&f);
  fixture_open(&f);
  peer_pause(&f.peer, true);
  for (unsigned i = 0; i < BLOCKS; i++)
    assert_int_equal(limpet_send_text(f.client, block, sizeof block, NULL, NULL), LIMPET_OK);
  world_idle(&f.world, 20);
  const uint64_t left = (limpet_buffered_amount(f.client) + BLOCK + 7) / (BLOCK + 8);
  assert_true(left > 0);
  atomic_store(&f.memory.fail_at, atomic_load(&f.memory.calls) + 1);
  atomic_store(&f.memory.fails_on, true);
  peer_reset(&f.peer);
  world_until(&f.world, !fixture_is(&f, LIMPET_CONNECTED));
  atomic_store(&f.memory.fail_at, 0);
  limpet_get_snapshot(f.client, &snapshot, sizeof snapshot);
  assert_int_equal(snapshot.metrics.dropped, left);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(receiving_allocates_nothing_once_warm),
      cmocka_unit_test(sending_allocates_nothing_once_warm),
      cmocka_unit_test(an_idle_client_costs_little),
      cmocka_unit_test(one_refused_allocation_does_no_lasting_harm),
      cmocka_unit_test(without_any_memory_a_client_can_still_be_stopped),
      cmocka_unit_test(a_stop_keeps_its_deadline_without_memory_for_it),
      cmocka_unit_test(a_message_for_a_paused_client_is_kept_or_the_link_is_lost),
      cmocka_unit_test(what_cannot_be_kept_of_a_lost_link_counts_as_dropped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
