/* What an outbox adds to the end of a client, to its counts and to its fates at the edges. */
#include "client_box.h"

#include <pthread.h>
#include <sched.h>
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

static void a_stop_takes_back_a_connect_that_waits(void **state) {
  (void)state;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_ACK);
  fixture_make(&f);
  fixture_open(&f);
  for (unsigned i = 1; i <= 50; i++)
    box_send(&f, i);
  limpet_disconnect(f.client);
  limpet_connect(f.client);
  diary_stop(&f.diary, 5000);
  world_until(&f.world, f.diary.is_over);
  world_idle(&f.world, 50);
  assert_int_equal(f.peer.opened_count, 1);
  fixture_deinit(&f);
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

static void *send_one(void *argument) {
  struct fixture *f = argument;
  assert_int_equal(box_send_as(f, 1, LIMPET_PROMISE_QUEUE, NULL), LIMPET_OK);
  return NULL;
}

static void remember_dropped(limpet_client *client, const limpet_fate_report *report, void *user) {
  limpet_snapshot s;
  limpet_get_snapshot(client, &s, sizeof s);
  assert_int_equal(s.metrics.dropped, 1);
  diary_add(user, "dropped %s", report->message_id);
}

/* Accepted from another thread while the loop was closing. */
static void what_another_thread_lost_is_told_whole(void **state) {
  (void)state;
  struct fixture f;
  pthread_t thread;
  box_init(&f, LIMPET_CONFIRM_ACK);
  f.options.callbacks.on_fate = remember_dropped;
  fixture_make(&f);
  fixture_open(&f);
  limpet_disconnect(f.client);
  assert_int_equal(pthread_create(&thread, NULL, send_one, &f), 0);
  pthread_join(thread, NULL);
  world_until(&f.world, diary_has(&f.diary, "dropped n1"));
  world_until(&f.world, fixture_is(&f, LIMPET_CLOSED));
  box_stop(&f);
}

/* ---- what waits for the disk ---- */

static atomic_uint high_count, drained_count, stored_count;

static void count_high(limpet_client *client, void *user) {
  (void)client, (void)user;
  atomic_fetch_add(&high_count, 1);
}

static void count_drained(limpet_client *client, void *user) {
  (void)client, (void)user;
  atomic_fetch_add(&drained_count, 1);
}

static void count_stored(limpet_client *client, const limpet_fate_report *report, void *user) {
  (void)client, (void)user;
  atomic_fetch_add(&stored_count, report->fate == LIMPET_FATE_STORED);
}

/* No disk syncs a MiB before the next line is reached, ten times of ten. */
static void other_threads_learn_that_the_disk_is_behind(void **state) {
  (void)state;
  enum { LEN = 1 << 20, TIMES = 10 };
  const limpet_callbacks callbacks = {
      .on_high_water = count_high, .on_drained = count_drained, .on_fate = count_stored};
  static const char block[LEN];
  const limpet_send_options how = {.promise = LIMPET_PROMISE_DURABLE};
  struct fixture f;
  limpet_client *client;
  unsigned seen_count = 0;
  box_init(&f, LIMPET_CONFIRM_BARRIER);
  f.options.allocator = (limpet_allocator){NULL, NULL, NULL, NULL};
  f.options.callbacks = callbacks;
  f.options.high_water = LEN;
  assert_int_equal(limpet_new(&f.options, NULL, &client, NULL), LIMPET_OK);
  for (int i = 0; i < TIMES; i++) {
    assert_int_equal(limpet_send_binary(client, block, LEN, &how, NULL), LIMPET_OK);
    seen_count += limpet_buffered_amount(client) >= LEN;
    while (atomic_load(&stored_count) <= (unsigned)i)
      sched_yield();
  }
  limpet_stop(client, 60000);
  assert_true(seen_count > 0);
  assert_true(atomic_load(&high_count) > 0);
  assert_int_equal(atomic_load(&high_count), atomic_load(&drained_count));
  fixture_deinit(&f);
}

/* ---- no memory ---- */

enum { MESSAGES = 6 };

static bool make_or_not(struct fixture *f, unsigned long fail_at, bool fails_on) {
  box_init(f, LIMPET_CONFIRM_ACK);
  f->options.max_retries = LIMPET_RETRY_FOREVER;
  f->options.in_flight = 2; /* so that some are acknowledged before the cut */
  f->peer.reset_after = 4;
  atomic_store(&f->memory.fail_at, fail_at);
  atomic_store(&f->memory.fails_on, fails_on);
  const limpet_result result = limpet_new(&f->options, f->world.uv, &f->client, NULL);
  f->diary.client = f->client;
  if (result == LIMPET_OK)
    return true;
  assert_int_equal(result, LIMPET_NO_MEMORY);
  fixture_deinit(f);
  return false;
}

static size_t ends_of(const struct fixture *f, uint64_t id) {
  char confirmed[64], dropped[64];
  (void)snprintf(confirmed, sizeof confirmed, "fate %llu confirmed", (unsigned long long)id);
  (void)snprintf(dropped, sizeof dropped, "fate %llu dropped", (unsigned long long)id);
  return diary_lines(&f->diary, confirmed) + diary_lines(&f->diary, dropped);
}

static void one_refused_allocation_loses_nothing_stored(void **state) {
  (void)state;
  unsigned long failed = 1;
  for (unsigned long at = 1; failed; at++) {
    struct fixture f;
    uint64_t ids[MESSAGES];
    box_tear_down(NULL);
    assert_int_equal(box_set_up(NULL), 0);
    if (!make_or_not(&f, at, false))
      continue;
    for (unsigned i = 0; i < MESSAGES; i++)
      ids[i] = box_send(&f, i + 1);
    limpet_connect(f.client);
    world_until(&f.world, box_waiting(&f) == 0);
    world_idle(&f.world, 5);
    for (unsigned i = 0; i < MESSAGES; i++)
      assert_int_equal(ends_of(&f, ids[i]), 1);
    box_peer_has_all(&f.peer, MESSAGES);
    failed = atomic_load(&f.memory.failed);
    box_stop(&f);
  }
}

static void without_any_memory_what_is_stored_stays(void **state) {
  (void)state;
  unsigned long failed = 1;
  for (unsigned long at = 1; failed; at++) {
    struct fixture f;
    box_tear_down(NULL);
    assert_int_equal(box_set_up(NULL), 0);
    if (!make_or_not(&f, at, true))
      continue;
    for (unsigned i = 0; i < MESSAGES; i++)
      (void)box_send_as(&f, i + 1, LIMPET_PROMISE_DURABLE, NULL);
    limpet_connect(f.client);
    for (unsigned i = 0; i < 60; i++)
      world_turn(&f.world, "", __FILE__, __LINE__);
    failed = atomic_load(&f.memory.failed);
    box_stop(&f);

    box_init(&f, LIMPET_CONFIRM_ACK);
    fixture_make(&f);
    fixture_open(&f);
    world_until(&f.world, box_waiting(&f) == 0);
    box_stop(&f);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, box_set_up, box_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(an_ack_after_the_stop_is_the_next_runs),
      TEST(an_attempt_is_a_link_it_was_written_on),
      TEST(a_stop_while_closing_waits_for_the_disk),
      TEST(a_stop_takes_back_a_connect_that_waits),
      TEST(an_abandoned_stop_asks_nobody),
      TEST(a_stop_at_rest_ends_who_waits),
      TEST(what_is_queued_is_not_taken_for_stored),
      TEST(what_another_thread_lost_is_told_whole),
      TEST(other_threads_learn_that_the_disk_is_behind),
      TEST(one_refused_allocation_loses_nothing_stored),
      TEST(without_any_memory_what_is_stored_stays),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
