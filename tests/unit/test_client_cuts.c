/* Cuts: what each promise keeps when links are reset under it, and in which order. */
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

/* By which way messages go: directly, with a node each, compressed. */
enum way { DIRECTLY, BY_NODE, COMPRESSED };
#define WAYS_COUNT (HAS_DEFLATE ? 3 : 2)

static void init_way(struct fixture *f, enum way way) {
  fixture_init(f, way == BY_NODE ? DIARY_FATES : 0);
  f->options.compress = way == COMPRESSED;
  f->options.max_retries = LIMPET_RETRY_FOREVER;
  f->options.max_delay_ms = 2;
  f->options.queue_limit = 100000;
  f->options.queue_limit_bytes = 256 << 20;
}

/* ---- order ---- */

/* A link may take a few with it that the kernel held; none is repeated, none overtakes. */
static void order_is_kept_across_cuts_without_repeats(void **state) {
  (void)state;
  enum { COUNT = 2000 };
  for (int way = DIRECTLY; way < WAYS_COUNT; way++) {
    struct fixture f;
    init_way(&f, (enum way)way);
    fixture_make(&f);
    limpet_connect(f.client);
    unsigned sent = 0, last = 0;
    while (sent < COUNT) {
      while (++sent % 20)
        fixture_send(&f, sent);
      fixture_send(&f, sent);
      world_idle(&f.world, 3);
      if (sent % 100)
        continue;
      fixture_reopened(&f);
      fixture_send(&f, ++sent);
      peer_reset(&f.peer);
    }
    fixture_reopened(&f);
    fixture_send(&f, ++sent);
    world_until(&f.world,
                f.peer.messages_count && peer_number(&f.peer, f.peer.messages_count - 1) == sent);
    for (size_t i = 0; i < f.peer.messages_count; i++) {
      assert_true(peer_number(&f.peer, i) > last);
      last = peer_number(&f.peer, i);
    }
    assert_int_equal(f.peer.opened_count, COUNT / 100 + 1);
    fixture_end(&f);
  }
}

/* ---- a slow reader, then a reset ---- */

enum { BLOCK = 16 * 1024, BLOCKS = 2000 };

static void send_block(struct fixture *f, unsigned number, const limpet_send_options *options) {
  static char block[BLOCK];
  memset(block, 'x', sizeof block);
  block[snprintf(block, sizeof block, "%u", number)] = ' ';
  assert_int_equal(limpet_send_text(f->client, block, sizeof block, options, NULL), LIMPET_OK);
}

static unsigned block_number(const struct peer *peer, size_t i) {
  assert_int_equal(peer->messages[i].len, BLOCK);
  return (unsigned)strtoul(peer->messages[i].data, NULL, 10);
}

/* A frame header of a block takes 8 bytes: 16-bit length and a masking key. */
static void what_the_kernel_did_not_take_whole_goes_out_again(void **state) {
  (void)state;
  for (int way = DIRECTLY; way <= BY_NODE; way++)
    for (int is_high = 0; is_high < 2; is_high++) {
      const limpet_send_options now = {.promise = LIMPET_PROMISE_NOW};
      struct fixture f;
      init_way(&f, (enum way)way);
      f.options.high_water = is_high ? 256 << 20 : 256 << 10;
      fixture_make(&f);
      fixture_open(&f);
      peer_pause(&f.peer, true);
      for (unsigned i = 1; i <= BLOCKS; i++)
        send_block(&f, i, NULL);
      world_idle(&f.world, 20);
      const uint64_t waiting = limpet_buffered_amount(f.client);
      assert_true(waiting > BLOCK);
      /* Of the message that has begun to go, a part at least is left. */
      const uint64_t frame = is_high && way == DIRECTLY ? BLOCK + 8 : BLOCK;
      const unsigned count = (unsigned)((waiting + frame - 1) / frame);
      assert_int_equal(limpet_send_text(f.client, "now", 3, &now, NULL), LIMPET_OK);
      peer_reset(&f.peer);
      world_until(&f.world, f.peer.messages_count >= count);
      world_idle(&f.world, 50);
      assert_int_equal(f.peer.opened_count, 2);
      const unsigned first = block_number(&f.peer, 0);
      if (is_high)
        assert_int_equal(first, BLOCKS - count + 1);
      for (size_t i = 0; i < f.peer.messages_count; i++)
        assert_int_equal(block_number(&f.peer, i), first + i);
      assert_int_equal(first + f.peer.messages_count - 1, BLOCKS);
      fixture_end(&f);
    }
}

/* The peer freezes: its heartbeat ends the link, and nothing that waited is lost with it. */
static void a_frozen_peer_takes_nothing_with_it_but_what_the_kernel_held(void **state) {
  (void)state;
  for (int way = DIRECTLY; way <= BY_NODE; way++) {
    struct fixture f;
    init_way(&f, (enum way)way);
    f.options.high_water = 256 << 20;
    f.options.heartbeat_interval_ms = 100;
    f.options.heartbeat_timeout_ms = 100;
    fixture_make(&f);
    fixture_open(&f);
    peer_pause(&f.peer, true);
    for (unsigned i = 1; i <= BLOCKS; i++)
      send_block(&f, i, NULL);
    world_idle(&f.world, 20);
    const unsigned count = (unsigned)(limpet_buffered_amount(f.client) / (BLOCK + 8));
    assert_true(count > 0);
    world_until(&f.world, f.peer.messages_count >= count);
    assert_true(diary_has(&f.diary, "error heartbeat_timeout retry"));
    world_until(&f.world, block_number(&f.peer, f.peer.messages_count - 1) == BLOCKS);
    for (size_t i = 1; i < f.peer.messages_count; i++)
      assert_int_equal(block_number(&f.peer, i), block_number(&f.peer, i - 1) + 1);
    fixture_end(&f);
  }
}

/* A message with a time to live keeps it, although it stood in the link's output already. */
static void what_comes_back_from_a_link_may_have_faded(void **state) {
  (void)state;
  const limpet_send_options brief = {.ttl_ms = 20};
  struct fixture f;
  init_way(&f, DIRECTLY);
  f.options.high_water = 256 << 20;
  fixture_make(&f);
  fixture_open(&f);
  peer_pause(&f.peer, true);
  for (unsigned i = 1; i <= BLOCKS; i++)
    send_block(&f, i, i == BLOCKS ? &brief : NULL);
  world_pass(&f.world, 40);
  assert_true(limpet_buffered_amount(f.client) > BLOCK);
  peer_reset(&f.peer);
  fixture_reopened(&f);
  fixture_send(&f, 1);
  world_until(&f.world,
              f.peer.messages_count && f.peer.messages[f.peer.messages_count - 1].len < BLOCK);
  assert_int_equal(block_number(&f.peer, f.peer.messages_count - 2), BLOCKS - 1);
  fixture_end(&f);
}

/* Half of a large frame is with the peer when the link dies; the new one begins with a whole one,
   masked anew. */
static void a_large_message_half_sent_arrives_whole(void **state) {
  (void)state;
  enum { LARGE = 16 << 20 };
  char *data = malloc(LARGE);
  assert_non_null(data);
  for (size_t i = 0; i < LARGE; i++)
    data[i] = (char)('A' + i % 57 % 26);
  for (int way = DIRECTLY; way < WAYS_COUNT; way++) {
    struct fixture f;
    init_way(&f, (enum way)way);
    fixture_make(&f);
    fixture_open(&f);
    peer_pause(&f.peer, true);
    assert_int_equal(limpet_send_text(f.client, data, LARGE, NULL, NULL), LIMPET_OK);
    world_idle(&f.world, 20);
    if (limpet_buffered_amount(f.client) > 0) /* compressed, it may be gone */
      peer_reset(&f.peer);
    else
      peer_pause(&f.peer, false);
    world_until(&f.world, f.peer.messages_count == 1);
    assert_int_equal(f.peer.messages[0].len, LARGE);
    assert_memory_equal(f.peer.messages[0].data, data, LARGE);
    fixture_end(&f);
  }
  free(data);
}

/* ---- barrier ---- */

/* 100 cuts at message counts that are never the same in a row. */
static void with_a_barrier_nothing_is_lost_over_a_hundred_cuts(void **state) {
  (void)state;
  struct fixture f;
  init_way(&f, DIRECTLY);
  f.options.confirm = LIMPET_CONFIRM_BARRIER;
  f.options.in_flight = 16;
  fixture_make(&f);
  limpet_connect(f.client);
  unsigned sent = 0;
  for (unsigned cut = 1; cut <= 100; cut++) {
    f.peer.reset_after = 1 + cut * 7 % 23;
    fixture_reopened(&f);
    for (unsigned i = 0; i < f.peer.reset_after; i++)
      fixture_send(&f, ++sent);
    world_until(&f.world, f.peer.opened_count == cut + 1);
  }
  f.peer.reset_after = 0;
  limpet_flush(f.client, 60000, diary_flush, &f.diary);
  world_until(&f.world, diary_has(&f.diary, "flush"));
  assert_true(diary_has(&f.diary, "flush ok"));
  unsigned next = 1;
  for (size_t i = 0; i < f.peer.messages_count; i++) {
    const unsigned number = peer_number(&f.peer, i);
    assert_true(number <= next); /* first arrivals come in order, repeats are old ones */
    next += number == next;
  }
  assert_int_equal(next, sent + 1);
  assert_int_equal(limpet_buffered_amount(f.client), 0);
  fixture_end(&f);
}

/* ---- ends that are not sudden ---- */

static void what_was_sent_just_before_a_disconnect_arrives(void **state) {
  (void)state;
  for (int way = DIRECTLY; way < WAYS_COUNT; way++) {
    struct fixture f;
    init_way(&f, (enum way)way);
    fixture_make(&f);
    fixture_open(&f);
    for (unsigned i = 1; i <= 100; i++)
      fixture_send(&f, i);
    limpet_disconnect(f.client);
    world_until(&f.world, fixture_is(&f, LIMPET_CLOSED));
    assert_int_equal(f.peer.messages_count, 100);
    fixture_end(&f);
  }
}

/* The peer has said Close but keeps the connection: what is sent meanwhile goes on the next link,
   and is no error. */
static void what_is_sent_behind_the_peers_close_waits_for_the_next_link(void **state) {
  (void)state;
  static const uint8_t close_frame[] = {0x88, 2, 1001 >> 8, 1001 & 0xff};
  const limpet_send_options now = {.promise = LIMPET_PROMISE_NOW};
  for (int way = DIRECTLY; way < WAYS_COUNT; way++) {
    struct fixture f;
    init_way(&f, (enum way)way);
    f.options.url = f.raw.url;
    f.options.close_timeout_ms = 200;
    fixture_make(&f);
    limpet_connect(f.client);
    raw_peer_open(&f.raw);
    world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
    limpet_set_url(f.client, f.peer.url, NULL);
    raw_peer_send(&f.raw, close_frame, sizeof close_frame);
    world_until(&f.world, raw_peer_has(&f.raw, 8));
    assert_true(fixture_is(&f, LIMPET_CONNECTED));
    fixture_send(&f, 1);
    assert_int_equal(limpet_send_text(f.client, "now", 3, &now, NULL), LIMPET_NOT_CONNECTED);
    assert_int_equal(limpet_probe(f.client), LIMPET_OK);
    fixture_send(&f, 2);
    world_until(&f.world, f.peer.messages_count == 2);
    assert_int_equal(peer_number(&f.peer, 0), 1);
    assert_int_equal(peer_number(&f.peer, 1), 2);
    assert_int_equal(diary_lines(&f.diary, "error"), 1);
    assert_true(diary_has(&f.diary, "error closed_by_peer retry"));
    fixture_end(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(order_is_kept_across_cuts_without_repeats),
      cmocka_unit_test(what_the_kernel_did_not_take_whole_goes_out_again),
      cmocka_unit_test(a_frozen_peer_takes_nothing_with_it_but_what_the_kernel_held),
      cmocka_unit_test(what_comes_back_from_a_link_may_have_faded),
      cmocka_unit_test(a_large_message_half_sent_arrives_whole),
      cmocka_unit_test(with_a_barrier_nothing_is_lost_over_a_hundred_cuts),
      cmocka_unit_test(what_was_sent_just_before_a_disconnect_arrives),
      cmocka_unit_test(what_is_sent_behind_the_peers_close_waits_for_the_next_link),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
