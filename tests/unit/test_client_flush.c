/* Flushing, and the water marks of what waits. (Blocking flushes: test_threads.c) */
#include "client_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static limpet_result flush(struct fixture *f, uint32_t deadline_ms) {
  return limpet_flush(f->client, deadline_ms, diary_flush, &f->diary);
}

static void nothing_to_wait_for_ends_at_once(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  assert_int_equal(flush(&f, 0), LIMPET_OK);
  world_until(&f.world, diary_has(&f.diary, "flush ok"));
  fixture_open(&f);
  assert_int_equal(flush(&f, 10000), LIMPET_OK);
  world_until(&f.world, diary_lines(&f.diary, "flush ok") == 2);
  fixture_end(&f);
}

static void blocking_the_loop_is_refused(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  assert_int_equal(limpet_flush(f.client, 0, NULL, NULL), LIMPET_WRONG_THREAD);
  fixture_end(&f);
}

static void a_flush_ends_when_all_before_it_is_out(void **state) {
  (void)state;
  for (unsigned variant = 0; variant < 2; variant++) {
    struct fixture f;
    fixture_init(&f, variant ? DIARY_FATES : 0);
    fixture_make(&f);
    fixture_send(&f, 1);
    assert_int_equal(flush(&f, 10000), LIMPET_OK);
    world_idle(&f.world, 10);
    assert_false(diary_has(&f.diary, "flush"));
    limpet_connect(f.client);
    world_until(&f.world, diary_has(&f.diary, "flush ok"));
    world_until(&f.world, f.peer.messages_count == 1);
    fixture_end(&f);
  }
}

static void a_flush_with_a_barrier_waits_for_the_proof(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  f.options.url = f.raw.url;
  f.options.confirm = LIMPET_CONFIRM_BARRIER;
  fixture_make(&f);
  limpet_connect(f.client);
  raw_peer_open(&f.raw);
  world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
  fixture_send(&f, 1);
  flush(&f, 10000);
  world_until(&f.world, diary_has(&f.diary, "fate 1 written 1"));
  world_pass(&f.world, 20);
  assert_false(diary_has(&f.diary, "flush"));
  limpet_set_url(f.client, f.peer.url, NULL);
  raw_peer_drop(&f.raw, false);
  world_until(&f.world, diary_has(&f.diary, "flush ok"));
  assert_true(diary_has(&f.diary, "fate 1 confirmed 2"));
  fixture_end(&f);
}

static void a_flush_is_over_at_its_deadline(void **state) {
  (void)state;
  static const char *const lines[] = {"flush timed_out", "flush timed_out", NULL};
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  fixture_send(&f, 1);
  flush(&f, 30);
  flush(&f, 0);
  world_until(&f.world, f.diary.count == 2);
  diary_is(&f.diary, lines);
  assert_int_equal(limpet_buffered_amount(f.client), 3);
  fixture_end(&f);
}

/* What is dropped need not be waited for; what is still on its way is lost to the flush. */
static void closed_ends_every_flush(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  f.options.confirm = LIMPET_CONFIRM_BARRIER;
  f.options.url = f.raw.url;
  f.options.close_timeout_ms = 30;
  fixture_make(&f);
  limpet_connect(f.client);
  raw_peer_open(&f.raw);
  world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
  fixture_send(&f, 1);
  flush(&f, 10000);
  flush(&f, 10000);
  world_until(&f.world, diary_has(&f.diary, "fate 1 written"));
  limpet_disconnect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_CLOSED));
  assert_int_equal(diary_lines(&f.diary, "flush not_connected"), 2);
  assert_string_equal(f.diary.lines[f.diary.count - 1], "state CONNECTED>CLOSED disconnect");
  fixture_end(&f);
}

static void stop_ends_every_flush(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  peer_stop_listening(&f.peer);
  limpet_connect(f.client);
  fixture_send(&f, 1);
  flush(&f, 10000);
  diary_stop(&f.diary, 1000);
  assert_int_equal(flush(&f, 10000), LIMPET_NOT_CONNECTED);
  world_until(&f.world, f.diary.is_over);
  assert_int_equal(diary_lines(&f.diary, "flush"), 1);
  fixture_deinit(&f);
}

static void *flush_from_elsewhere(void *diary) {
  (void)limpet_flush(((struct diary *)diary)->client, 10000, diary_flush, diary);
  return NULL;
}

/* While CLOSED is on its way: one here, one there, and then the end. */
static void flush_twice_and_stop(struct diary *diary, const char *line) {
  pthread_t thread;
  if (diary->is_stopped || strcmp(line, "flush not_connected") != 0)
    return;
  assert_int_equal(limpet_flush(diary->client, 10000, diary_flush, diary), LIMPET_OK);
  assert_int_equal(pthread_create(&thread, NULL, flush_from_elsewhere, diary), 0);
  pthread_join(thread, NULL);
  diary_stop(diary, 1000);
}

static void a_stop_at_the_end_of_a_flush_ends_all_others_before_closed(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  peer_stop_listening(&f.peer);
  f.diary.react = flush_twice_and_stop;
  limpet_connect(f.client);
  fixture_send(&f, 1);
  flush(&f, 10000);
  limpet_disconnect(f.client);
  world_until(&f.world, f.diary.is_over);
  assert_int_equal(diary_lines(&f.diary, "flush not_connected"), 3);
  fixture_deinit(&f);
}

/* Of two that CLOSED ends the first wants to go on, the second does not. */
static void connect_then_stop(struct diary *diary, const char *line) {
  if (strcmp(line, "flush not_connected") != 0)
    return;
  if (diary_lines(diary, "flush") == 1)
    assert_int_equal(limpet_connect(diary->client), LIMPET_OK);
  else
    diary_stop(diary, 1000);
}

static void a_stop_takes_back_a_connect_at_the_end_of_a_flush(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  peer_stop_listening(&f.peer);
  f.diary.react = connect_then_stop;
  limpet_connect(f.client);
  fixture_send(&f, 1);
  flush(&f, 10000);
  flush(&f, 10000);
  limpet_disconnect(f.client);
  world_until(&f.world, f.diary.is_over);
  assert_int_equal(diary_lines(&f.diary, "flush not_connected"), 2);
  fixture_deinit(&f);
}

static void flush_again(struct diary *diary, const char *line) {
  if (strncmp(line, "flush", 5) == 0 && diary->left-- > 0)
    assert_int_equal(limpet_flush(diary->client, 10000, diary_flush, diary), LIMPET_OK);
}

static void a_flush_may_begin_another(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  f.diary.react = flush_again;
  f.diary.left = 3;
  fixture_open(&f);
  fixture_send(&f, 1);
  flush(&f, 10000);
  world_until(&f.world, diary_lines(&f.diary, "flush ok") == 4);
  /* Also one that CLOSED has ended: with nothing queued it is over at once. */
  f.diary.left = 1;
  diary_clear(&f.diary);
  limpet_set_url(f.client, f.raw.url, NULL);
  peer_reset(&f.peer);
  world_until(&f.world, raw_peer_has_head(&f.raw));
  fixture_send(&f, 2);
  flush(&f, 10000);
  limpet_disconnect(f.client);
  world_until(&f.world, diary_lines(&f.diary, "flush") == 2);
  fixture_end(&f);
}

static void all_is_out(struct diary *diary, const char *line) {
  if (strcmp(line, "flush ok") == 0)
    assert_int_equal(limpet_buffered_amount(diary->client), 0);
}

/* A heartbeat is put ahead of what waits: the end that the flush waits for moves. */
static void a_question_does_not_shorten_a_flush(void **state) {
  (void)state;
  enum { BLOCK = 64 * 1024, COUNT = 256 };
  static const char block[BLOCK];
  struct fixture f;
  fixture_init(&f, 0);
  f.options.high_water = 256 << 20;
  f.options.heartbeat_timeout_ms = 30000;
  f.options.probe_timeout_ms = 30000;
  f.peer.forgets = true;
  fixture_make(&f);
  fixture_open(&f);
  peer_pause(&f.peer, true);
  for (int i = 0; i < COUNT; i++)
    assert_int_equal(limpet_send_binary(f.client, block, BLOCK, NULL, NULL), LIMPET_OK);
  world_idle(&f.world, 10);
  flush(&f, 60000);
  limpet_probe(f.client);
  assert_false(diary_has(&f.diary, "flush"));
  f.diary.react = all_is_out;
  peer_pause(&f.peer, false);
  world_until(&f.world, diary_has(&f.diary, "flush ok"));
  world_until(&f.world, f.peer.messages_count == COUNT);
  fixture_end(&f);
}

/* ---- water ---- */

static void check_water(struct diary *diary, const char *line) {
  const uint64_t amount = limpet_buffered_amount(diary->client);
  if (strcmp(line, "high") == 0)
    assert_true(amount >= 1 << 20);
  else if (strcmp(line, "drained") == 0)
    assert_true(amount <= 1 << 19);
}

/* One "high" when it rises, one "drained" when it has fallen, whichever way messages go. */
static void a_slow_reader_is_told_once_and_so_is_its_end(void **state) {
  (void)state;
  enum { BLOCK = 16 * 1024, COUNT = 1000 };
  static const char block[BLOCK];
  for (unsigned variant = 0; variant < 3; variant++) {
    struct fixture f;
    fixture_init(&f, variant == 1 ? DIARY_FATES : 0);
    f.options.confirm = variant == 2 ? LIMPET_CONFIRM_BARRIER : LIMPET_CONFIRM_NONE;
    f.options.queue_limit_bytes = 64 << 20;
    f.options.heartbeat_timeout_ms = 30000;
    f.peer.forgets = true;
    f.diary.react = check_water;
    fixture_make(&f);
    fixture_open(&f);
    peer_pause(&f.peer, true);
    unsigned sent = 0;
    for (; sent < COUNT && !diary_has(&f.diary, "high"); sent++) {
      assert_int_equal(limpet_send_binary(f.client, block, BLOCK, NULL, NULL), LIMPET_OK);
      world_idle(&f.world, 1);
    }
    assert_true(diary_has(&f.diary, "high"));
    assert_in_range(limpet_buffered_amount(f.client), 1 << 20, (1 << 20) + 2 * BLOCK);
    for (int i = 0; i < 100; i++, sent++)
      assert_int_equal(limpet_send_binary(f.client, block, BLOCK, NULL, NULL), LIMPET_OK);
    world_idle(&f.world, 10);
    assert_false(diary_has(&f.diary, "drained"));
    peer_pause(&f.peer, false);
    world_until(&f.world, diary_has(&f.diary, "drained"));
    world_until(&f.world, f.peer.messages_count == sent);
    assert_int_equal(diary_lines(&f.diary, "high"), 1);
    assert_int_equal(diary_lines(&f.diary, "drained"), 1);
    fixture_end(&f);
  }
}

/* Written by node but not yet with the kernel, a message counts once. */
static void the_buffered_amount_counts_each_message_once(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  fixture_make(&f);
  fixture_open(&f);
  for (unsigned i = 1; i <= 5; i++)
    fixture_send(&f, i);
  assert_in_range(limpet_buffered_amount(f.client), 5 * 3, 5 * (3 + 6));
  world_until(&f.world, f.peer.messages_count == 5);
  assert_int_equal(limpet_buffered_amount(f.client), 0);
  fixture_end(&f);
}

/* Also where a message without a node comes behind those that have one. */
static void the_buffered_amount_counts_what_a_now_message_follows_once(void **state) {
  (void)state;
  static const char large[10000];
  const limpet_send_options now = {.promise = LIMPET_PROMISE_NOW};
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  f.options.high_water = 64 * 1024;
  fixture_make(&f);
  fixture_open(&f);
  for (unsigned i = 0; i < 4; i++)
    assert_int_equal(limpet_send_binary(f.client, large, sizeof large, NULL, NULL), LIMPET_OK);
  for (unsigned i = 1; i <= 2; i++) {
    assert_int_equal(limpet_send_text(f.client, "abc", 3, &now, NULL), LIMPET_OK);
    assert_in_range(limpet_buffered_amount(f.client), 4 * sizeof large + i * 3,
                    4 * sizeof large + i * (3 + 6));
  }
  world_until(&f.world, f.peer.messages_count == 6);
  assert_int_equal(limpet_buffered_amount(f.client), 0);
  assert_false(diary_has(&f.diary, "high"));
  fixture_end(&f);
}

/* A new link's stream begins at 0: what an older one sent directly is no part of it. */
static void the_buffered_amount_knows_the_present_link_alone(void **state) {
  (void)state;
  static const char large[10000];
  const limpet_send_options lasting = {.ttl_ms = 60000}; /* by node */
  struct fixture f;
  fixture_init(&f, 0);
  fixture_make(&f);
  fixture_open(&f);
  assert_int_equal(limpet_send_binary(f.client, large, sizeof large, NULL, NULL), LIMPET_OK);
  world_until(&f.world, f.peer.messages_count == 1);
  peer_reset(&f.peer);
  world_until(&f.world, f.peer.opened_count == 2 && fixture_is(&f, LIMPET_CONNECTED));
  for (unsigned i = 0; i < 5; i++)
    assert_int_equal(limpet_send_text(f.client, "abc", 3, &lasting, NULL), LIMPET_OK);
  assert_in_range(limpet_buffered_amount(f.client), 5 * 3, 5 * (3 + 6));
  fixture_end(&f);
}

static void send_when_flushed(struct diary *diary, const char *line) {
  if (strcmp(line, "flush ok") == 0)
    assert_int_equal(limpet_send_text(diary->client, line, strlen(line), NULL, NULL), LIMPET_OK);
}

/* What a callback sends at the very end of the client's work goes out like anything else: nothing
   else would wake the client, since the last bytes left long after they were written. */
static void a_message_sent_when_flushed_goes_out_at_once(void **state) {
  (void)state;
  enum { LARGE = 8 << 20 };
  char *large = calloc(1, LARGE);
  assert_non_null(large);
  struct fixture f;
  fixture_init(&f, DIARY_FATES);
  f.options.queue_limit_bytes = 2 * LARGE;
  f.diary.react = send_when_flushed;
  fixture_make(&f);
  fixture_open(&f);
  peer_pause(&f.peer, true);
  assert_int_equal(limpet_send_binary(f.client, large, LARGE, NULL, NULL), LIMPET_OK);
  flush(&f, 60000);
  world_idle(&f.world, 10);
  assert_false(diary_has(&f.diary, "flush"));
  peer_pause(&f.peer, false);
  world_until(&f.world, f.peer.messages_count == 2);
  free(large);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_to_wait_for_ends_at_once),
      cmocka_unit_test(blocking_the_loop_is_refused),
      cmocka_unit_test(a_flush_ends_when_all_before_it_is_out),
      cmocka_unit_test(a_flush_with_a_barrier_waits_for_the_proof),
      cmocka_unit_test(a_flush_is_over_at_its_deadline),
      cmocka_unit_test(closed_ends_every_flush),
      cmocka_unit_test(stop_ends_every_flush),
      cmocka_unit_test(a_stop_at_the_end_of_a_flush_ends_all_others_before_closed),
      cmocka_unit_test(a_stop_takes_back_a_connect_at_the_end_of_a_flush),
      cmocka_unit_test(a_flush_may_begin_another),
      cmocka_unit_test(a_question_does_not_shorten_a_flush),
      cmocka_unit_test(a_slow_reader_is_told_once_and_so_is_its_end),
      cmocka_unit_test(the_buffered_amount_counts_each_message_once),
      cmocka_unit_test(the_buffered_amount_counts_what_a_now_message_follows_once),
      cmocka_unit_test(the_buffered_amount_knows_the_present_link_alone),
      cmocka_unit_test(a_message_sent_when_flushed_goes_out_at_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
