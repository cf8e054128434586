/* What an outbox adds to the end of a client, to its counts and to its fates at the edges. */
#include "client_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- one final fate ---- */

static void begin_with_one_unconfirmed(struct fixture *f, uint64_t *id) {
  box_init(f, LIMPET_CONFIRM_ACK);
  box_peer_is_silent = true;
  fixture_make(f);
  fixture_open(f);
  *id = box_send(f, 1);
  world_until(&f->world, f->peer.messages_count == 1 && box_has_fate(f, *id, "written"));
}

/* The disk is being closed: the next run sends it again, and that one tells. */
static void an_ack_after_the_stop_is_the_next_runs(void **state) {
  (void)state;
  struct fixture f;
  uint64_t id;
  begin_with_one_unconfirmed(&f, &id);
  diary_stop(&f.diary, 5000);
  peer_send(&f.peer, "{\"type\":\"ack\",\"id\":\"n1\"}");
  world_until(&f.world, f.diary.is_over);
  assert_false(box_has_fate(&f, id, "confirmed"));
  fixture_deinit(&f);

  box_init(&f, LIMPET_CONFIRM_ACK);
  fixture_make(&f);
  assert_int_equal(box_waiting(&f), 1);
  fixture_open(&f);
  world_until(&f.world, box_has_fate(&f, id, "confirmed 2")); /* the attempt before was counted */
  box_stop(&f);
}

/* A link that was never declared ready had nothing written on it. */
static void an_attempt_is_a_link_it_was_written_on(void **state) {
  (void)state;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_ACK);
  f.options.hold_until_ready = true;
  box_peer_is_silent = true;
  fixture_make(&f);
  fixture_open(&f);
  const uint64_t id = box_send(&f, 1);
  limpet_ready(f.client);
  world_until(&f.world, box_has_fate(&f, id, "written 1"));
  peer_reset(&f.peer);
  world_until(&f.world, diary_lines(&f.diary, "open") == 2 && f.peer.link);
  world_pass(&f.world, 20); /* handed out, and held */
  peer_reset(&f.peer);
  world_until(&f.world, diary_lines(&f.diary, "open") == 3 && f.peer.link);
  limpet_ready(f.client);
  world_until(&f.world, diary_lines(&f.diary, "fate") == 3);
  assert_true(box_has_fate(&f, id, "written 2"));
  box_stop(&f);
}

/* ---- the last word ---- */

static void a_stop_while_closing_waits_for_the_disk(void **state) {
  (void)state;
  for (unsigned round = 0; round < 20; round++) {
    struct fixture f;
    box_init(&f, LIMPET_CONFIRM_ACK);
    fixture_make(&f);
    fixture_open(&f);
    for (unsigned i = 1; i <= 50; i++)
      box_send(&f, i);
    limpet_disconnect(f.client);
    diary_stop(&f.diary, 5000);
    world_until(&f.world, f.diary.is_over); /* a fate after CLOSED fails here */
    world_idle(&f.world, 20);
    unsigned stored_count = 0;
    for (size_t i = 0; i < f.diary.count; i++)
      stored_count += strstr(f.diary.lines[i], " stored ") != NULL;
    assert_int_equal(stored_count, 50);
    fixture_deinit(&f);
    box_tear_down(NULL);
    assert_int_equal(box_set_up(NULL), 0);
  }
}

static void an_abandoned_stop_asks_nobody(void **state) {
  (void)state;
  for (unsigned round = 0; round < 20; round++) {
    struct fixture f;
    box_init(&f, LIMPET_CONFIRM_ACK);
    f.options.callbacks.policy = NULL;
    diary_init(&f.diary, &f.options, f.peer.url, DIARY_POLICY);
    f.options.allocator = counted_allocator(&f.memory);
    f.options.confirm = LIMPET_CONFIRM_ACK;
    f.options.outbox = box_file;
    fixture_make(&f);
    fixture_open(&f);
    box_send(&f, 1);
    diary_stop(&f.diary, 0);
    world_until(&f.world, f.diary.is_over);
    assert_false(diary_has(&f.diary, "policy"));
    assert_false(diary_has(&f.diary, "error"));
    fixture_deinit(&f);
    box_tear_down(NULL);
    assert_int_equal(box_set_up(NULL), 0);
  }
}

static void a_stop_at_rest_ends_who_waits(void **state) {
  (void)state;
  for (uint32_t deadline_ms = 0; deadline_ms <= 5000; deadline_ms += 5000) {
    struct fixture f;
    box_init(&f, LIMPET_CONFIRM_ACK);
    fixture_make(&f);
    box_send(&f, 1);
    assert_int_equal(limpet_flush(f.client, UINT32_MAX, diary_flush, &f.diary), LIMPET_OK);
    world_idle(&f.world, 5);
    diary_stop(&f.diary, deadline_ms);
    world_until(&f.world, diary_has(&f.diary, "flush not_connected"));
    fixture_deinit(&f);
    box_tear_down(NULL);
    assert_int_equal(box_set_up(NULL), 0);
  }
}

/* ---- counts ---- */

static void queue_one_and_count(struct diary *diary, const char *line) {
  const limpet_send_options how = {.promise = LIMPET_PROMISE_QUEUE};
  limpet_snapshot s;
  if (strstr(line, "written") && ++diary->left == 2)
    assert_int_equal(limpet_send_text(diary->client, "3", 1, &how, NULL), LIMPET_OK);
  if (!strstr(line, "confirmed") || diary->left > 2)
    return;
  diary->left = 3;
  limpet_get_snapshot(diary->client, &s, sizeof s);
  diary->context = (void *)(uintptr_t)(s.metrics.queued_messages + 1);
}

/* In the midst of a barrier's fates too. */
static void what_is_queued_is_not_taken_for_stored(void **state) {
  (void)state;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_BARRIER);
  f.options.in_flight = 2;
  fixture_make(&f);
  box_send(&f, 1);
  box_send(&f, 2);
  world_until(&f.world, diary_lines(&f.diary, "fate") == 2);
  f.diary.react = queue_one_and_count;
  fixture_open(&f);
  world_until(&f.world, f.peer.messages_count == 3);
  world_until(&f.world, f.diary.context);
  assert_int_equal((uintptr_t)f.diary.context - 1, 1);
  f.diary.react = NULL;
  box_stop(&f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, box_set_up, box_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_ack_after_the_stop_is_the_next_runs),
      TEST(an_attempt_is_a_link_it_was_written_on),
      TEST(a_stop_while_closing_waits_for_the_disk),
      TEST(an_abandoned_stop_asks_nobody),
      TEST(a_stop_at_rest_ends_who_waits),
      TEST(what_is_queued_is_not_taken_for_stored),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
