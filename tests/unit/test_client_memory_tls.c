/* The client's own allocations over TLS, with compression: each refused in turn, then all from one
 * on. */
#include "client_fixture.h"
#include "net_certs.h"
#include "parts.h"
#include "tls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LEN = 40000, AGAIN_MS = 100, TURNS = 60 };

static struct certs certs;
static struct tls_context *server;

static int set_up(void **state) {
  char detail[TLS_DETAIL_CAP];
  (void)state;
  certs_make(&certs);
  return tls_server_context_new(&memory_default, certs.good, certs.good, &server, detail) ==
                 TLS_MADE
             ? 0
             : -1;
}

static int tear_down(void **state) {
  (void)state;
  tls_context_release(server);
  certs_remove(&certs);
  return 0;
}

static void init(struct fixture *f, unsigned long fail_at, bool fails_on) {
  fixture_init(f, 0);
  peer_deinit(&f->peer);
  peer_init_secure(&f->peer, &f->world, server);
  f->peer.is_echo = true;
  f->options.tls_ca_file = certs.ca;
  f->options.compress = HAS_DEFLATE;
  f->options.max_retries = LIMPET_RETRY_FOREVER;
  f->options.max_delay_ms = 5;
  atomic_store(&f->memory.fail_at, fail_at);
  atomic_store(&f->memory.fails_on, fails_on);
}

/* False: limpet_new() itself got no memory, and said so. */
static bool make_or_not(struct fixture *f) {
  char detail[LIMPET_DETAIL_CAP] = "";
  const limpet_result result = limpet_new(&f->options, f->world.uv, &f->diary.client, detail);
  f->client = f->diary.client;
  if (result == LIMPET_OK)
    return true;
  assert_int_equal(result, LIMPET_NO_MEMORY);
  assert_true(strlen(detail) > 0);
  return false;
}

/* A message may go down with a link whose memory ran out: then another one is sent. */
static void converse(struct fixture *f) {
  static char text[LEN];
  const size_t before = f->diary.texts_count;
  uint64_t again_ms = 0;
  memset(text, 'x', sizeof text);
  world_be_patient(&f->world);
  while (f->diary.texts_count == before) {
    if (limpet_now_ms() >= again_ms && fixture_is(f, LIMPET_CONNECTED)) {
      const limpet_result result = limpet_send_text(f->client, text, sizeof text, NULL, NULL);
      assert_true(result == LIMPET_OK || result == LIMPET_NO_MEMORY);
      again_ms = limpet_now_ms() + AGAIN_MS;
    }
    world_turn(&f->world, "an echo", __FILE__, __LINE__);
  }
}

static void one_refused_allocation_does_no_lasting_harm(void **state) {
  unsigned long failed = 1;
  (void)state;
  for (unsigned long at = 1; failed; at++) {
    struct fixture f;
    init(&f, at, false);
    if (!make_or_not(&f)) {
      fixture_deinit(&f);
      continue;
    }
    limpet_connect(f.client);
    converse(&f);
    world_until(&f.world, f.peer.link);
    peer_reset(&f.peer);
    converse(&f);
    failed = atomic_load(&f.memory.failed);
    fixture_end(&f);
  }
}

static void without_any_memory_a_client_can_still_be_stopped(void **state) {
  unsigned long failed = 1;
  (void)state;
  for (unsigned long at = 1; failed; at++) {
    struct fixture f;
    init(&f, at, true);
    if (!make_or_not(&f)) {
      fixture_deinit(&f);
      continue;
    }
    limpet_connect(f.client);
    for (unsigned i = 0; i < TURNS; i++) {
      (void)limpet_send_text(f.client, "x", 1, NULL, NULL);
      world_turn(&f.world, "", __FILE__, __LINE__);
      if (i == TURNS / 2 && f.peer.link)
        peer_reset(&f.peer);
    }
    failed = atomic_load(&f.memory.failed);
    fixture_end(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_refused_allocation_does_no_lasting_harm),
      cmocka_unit_test(without_any_memory_a_client_can_still_be_stopped),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
