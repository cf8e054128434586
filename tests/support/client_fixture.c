#include "client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void fixture_init(struct fixture *f, unsigned diary_wants) {
  memset(f, 0, sizeof *f);
  world_init(&f->world);
  peer_init(&f->peer, &f->world);
  raw_peer_init(&f->raw, &f->world);
  diary_init(&f->diary, &f->options, f->peer.url, diary_wants);
  f->options.allocator = counted_allocator(&f->memory);
}

void fixture_make(struct fixture *f) {
  f->client = diary_new(&f->diary, &f->options, f->world.uv);
}

void fixture_reopened(struct fixture *f) {
  world_until(&f->world, fixture_is(f, LIMPET_CONNECTED) && f->peer.link);
}

void fixture_open(struct fixture *f) {
  assert_int_equal(limpet_connect(f->client), LIMPET_OK);
  fixture_reopened(f);
}

void fixture_deinit(struct fixture *f) {
  peer_deinit(&f->peer);
  raw_peer_deinit(&f->raw);
  world_deinit(&f->world);
  assert_int_equal(atomic_load(&f->memory.live), 0);
  diary_deinit(&f->diary);
}

void fixture_end(struct fixture *f) {
  const bool was_closed = fixture_is(f, LIMPET_CLOSED);
  diary_stop(&f->diary, 1000);
  if (!was_closed)
    world_until(&f->world, f->diary.is_over);
  fixture_deinit(f);
}

bool fixture_is(struct fixture *f, limpet_state state) {
  return diary_state(&f->diary) == state;
}

uint64_t fixture_send(struct fixture *f, unsigned number) {
  char text[32];
  uint64_t id = 0;
  const int len = snprintf(text, sizeof text, "m %u", number);
  assert_int_equal(limpet_send_text(f->client, text, (size_t)len, NULL, &id), LIMPET_OK);
  return id;
}
