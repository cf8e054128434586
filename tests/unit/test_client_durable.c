/* The promise "durable" and confirmation by acknowledgement, as an application sees them. */
#include "client_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* ---- what is refused ---- */

static void without_an_outbox_durable_is_refused(void **state) {
  (void)state;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_ACK);
  f.options.outbox = NULL;
  fixture_make(&f);
  assert_int_equal(box_send_as(&f, 1, LIMPET_PROMISE_DURABLE, NULL), LIMPET_INVALID_ARGUMENT);
  assert_int_equal(box_send_as(&f, 1, (limpet_promise)9, NULL), LIMPET_INVALID_ARGUMENT);
  fixture_end(&f);
}

static void acknowledged_messages_need_an_id(void **state) {
  (void)state;
  static char long_id[LIMPET_MESSAGE_ID_MAX + 2];
  memset(long_id, 'x', sizeof long_id - 1);
  const struct {
    const char *id;
    limpet_promise promise;
    limpet_result result;
  } cases[] = {
      {NULL, LIMPET_PROMISE_QUEUE, LIMPET_INVALID_ARGUMENT},
      {NULL, LIMPET_PROMISE_DURABLE, LIMPET_INVALID_ARGUMENT},
      {NULL, LIMPET_PROMISE_NOW, LIMPET_NOT_CONNECTED},
      {"", LIMPET_PROMISE_QUEUE, LIMPET_INVALID_ARGUMENT},
      {"\xff", LIMPET_PROMISE_QUEUE, LIMPET_INVALID_ARGUMENT},
      {long_id, LIMPET_PROMISE_QUEUE, LIMPET_INVALID_ARGUMENT},
      {long_id + 1, LIMPET_PROMISE_QUEUE, LIMPET_OK},
      {"ok", LIMPET_PROMISE_DURABLE, LIMPET_OK},
  };
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_ACK);
  fixture_make(&f);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const limpet_send_options how = {.promise = cases[i].promise, .message_id = cases[i].id};
    assert_int_equal(limpet_send_text(f.client, "x", 1, &how, NULL), cases[i].result);
  }
  assert_int_equal(limpet_send_text(f.client, "x", 1, NULL, NULL), LIMPET_INVALID_ARGUMENT);
  box_stop(&f);
}

static void an_outbox_needs_a_confirmation(void **state) {
  (void)state;
  char detail[LIMPET_DETAIL_CAP];
  limpet_client *client;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_NONE);
  assert_int_equal(limpet_new(&f.options, f.world.uv, &client, detail), LIMPET_INVALID_ARGUMENT);
  assert_string_equal(detail, "outbox needs confirm barrier or ack");
  fixture_deinit(&f);
}

static void an_outbox_has_one_owner(void **state) {
  (void)state;
  char detail[LIMPET_DETAIL_CAP];
  limpet_client *second;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_BARRIER);
  fixture_make(&f);
  assert_int_equal(limpet_new(&f.options, f.world.uv, &second, detail), LIMPET_OUTBOX);
  assert_non_null(strstr(detail, box_file));
  box_stop(&f);
}

static void what_is_no_outbox_is_left_alone(void **state) {
  (void)state;
  char detail[LIMPET_DETAIL_CAP], back[16] = "";
  limpet_client *client;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_BARRIER);
  FILE *other = fopen(box_file, "w");
  assert_true(other && fputs("a letter", other) >= 0 && fclose(other) == 0);
  assert_int_equal(limpet_new(&f.options, f.world.uv, &client, detail), LIMPET_OUTBOX);
  assert_non_null(strstr(detail, box_file));
  other = fopen(box_file, "r");
  assert_true(other && fread(back, 1, sizeof back - 1, other) == 8 && fclose(other) == 0);
  assert_string_equal(back, "a letter");
  fixture_deinit(&f);
}

/* ---- acknowledgements ---- */

static void an_awaited_ack_is_not_the_applications(void **state) {
  (void)state;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_ACK);
  f.options.outbox = NULL;
  fixture_make(&f);
  fixture_open(&f);
  assert_int_equal(box_send_as(&f, 1, LIMPET_PROMISE_QUEUE, NULL), LIMPET_OK);
  world_until(&f.world, diary_has(&f.diary, "fate 1 confirmed 1"));
  assert_int_equal(f.diary.texts_count, 0);
  peer_send(&f.peer, "{\"type\":\"ack\",\"id\":\"n1\"}"); /* once is enough */
  world_until(&f.world, f.diary.texts_count == 1);
  fixture_end(&f);
}

static void what_the_server_forgot_goes_again(void **state) {
  (void)state;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_ACK);
  f.options.outbox = NULL;
  f.options.ack_timeout_ms = 20;
  box_peer_is_silent = true;
  fixture_make(&f);
  fixture_open(&f);
  assert_int_equal(box_send_as(&f, 1, LIMPET_PROMISE_QUEUE, NULL), LIMPET_OK);
  world_until(&f.world, f.peer.messages_count == 1);
  box_peer_is_silent = false;
  world_until(&f.world, diary_has(&f.diary, "fate 1 confirmed"));
  assert_true(f.peer.messages_count >= 2);
  assert_int_equal(f.peer.opened_count, 1);
  fixture_end(&f);
}

/* ---- durable ---- */

static void a_stored_message_outlives_the_client(void **state) {
  (void)state;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_ACK);
  fixture_make(&f);
  const uint64_t first = box_send(&f, 1), second = box_send(&f, 2);
  assert_true(second > first);
  world_until(&f.world, diary_lines(&f.diary, "fate") == 2);
  assert_int_equal(box_waiting(&f), 2);
  box_stop(&f);

  box_init(&f, LIMPET_CONFIRM_ACK);
  fixture_make(&f);
  assert_int_equal(box_waiting(&f), 2);
  fixture_open(&f);
  const uint64_t third = box_send(&f, 3);
  assert_true(third > second);
  world_until(&f.world, diary_lines(&f.diary, "fate") == 7); /* stored, 3 x written, confirmed */
  box_peer_has_all(&f.peer, 3);
  assert_int_equal(f.peer.messages_count, 3);
  assert_int_equal(limpet_flush(f.client, 10000, diary_flush, &f.diary), LIMPET_OK);
  world_until(&f.world, diary_has(&f.diary, "flush ok"));
  assert_int_equal(box_waiting(&f), 0);
  box_stop(&f);

  box_init(&f, LIMPET_CONFIRM_ACK); /* and nothing is left */
  fixture_make(&f);
  assert_int_equal(box_waiting(&f), 0);
  box_stop(&f);
}

static void stopping_waits_for_the_disk(void **state) {
  (void)state;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_BARRIER);
  fixture_make(&f);
  for (unsigned i = 1; i <= 20; i++)
    box_send(&f, i);
  diary_stop(&f.diary, 5000);
  world_until(&f.world, diary_lines(&f.diary, "fate") == 20);
  fixture_deinit(&f);
  box_init(&f, LIMPET_CONFIRM_BARRIER);
  fixture_make(&f);
  assert_int_equal(box_waiting(&f), 20);
  box_stop(&f);
}

static void a_lost_link_sends_the_unconfirmed_again_in_order(void **state) {
  (void)state;
  for (int confirm = LIMPET_CONFIRM_BARRIER; confirm <= LIMPET_CONFIRM_ACK; confirm++) {
    struct fixture f;
    box_init(&f, (limpet_confirm)confirm);
    f.options.in_flight = 8;
    f.options.max_retries = LIMPET_RETRY_FOREVER;
    f.peer.reset_after = 30;
    fixture_make(&f);
    for (unsigned i = 1; i <= 300; i++)
      box_send(&f, i);
    limpet_connect(f.client);
    world_until(&f.world, diary_lines(&f.diary, "fate") >= 300 && !box_waiting(&f));
    box_peer_has_all(&f.peer, 300);
    assert_true(f.peer.opened_count >= 10);
    box_stop(&f);
    box_tear_down(NULL);
    assert_int_equal(box_set_up(NULL), 0);
  }
}

static void the_backlog_is_not_in_memory(void **state) {
  (void)state;
  struct fixture f;
  limpet_snapshot s;
  box_init(&f, LIMPET_CONFIRM_ACK);
  f.options.in_flight = 4;
  box_peer_is_silent = true;
  fixture_make(&f);
  for (unsigned i = 1; i <= 500; i++)
    box_send(&f, i);
  fixture_open(&f);
  world_until(&f.world, f.peer.messages_count == 4);
  world_idle(&f.world, 50);
  const uint64_t live = atomic_load(&f.memory.live);
  assert_true(live < 64);
  assert_int_equal(f.peer.messages_count, 4); /* the window */
  limpet_get_snapshot(f.client, &s, sizeof s);
  assert_int_equal(s.metrics.queued_messages, 0); /* counted once: there */
  assert_int_equal(s.metrics.outbox_messages, 500);
  box_stop(&f);
}

static void disconnecting_drops_nothing_stored(void **state) {
  (void)state;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_ACK);
  box_peer_is_silent = true;
  fixture_make(&f);
  fixture_open(&f);
  const uint64_t first = box_send(&f, 1);
  world_until(&f.world, f.peer.messages_count == 1);
  limpet_disconnect(f.client);
  assert_int_equal(box_send_as(&f, 2, LIMPET_PROMISE_DURABLE, NULL), LIMPET_NOT_CONNECTED);
  world_until(&f.world, fixture_is(&f, LIMPET_CLOSED));
  assert_false(box_has_fate(&f, first, "dropped"));
  box_peer_is_silent = false;
  fixture_open(&f);
  world_until(&f.world, box_has_fate(&f, first, "confirmed 2"));
  box_stop(&f);
}

static void what_fades_is_told_and_gone(void **state) {
  (void)state;
  struct fixture f;
  const limpet_send_options how = {
      .promise = LIMPET_PROMISE_DURABLE, .ttl_ms = 30, .message_id = "fades"};
  box_init(&f, LIMPET_CONFIRM_ACK);
  fixture_make(&f);
  uint64_t fading = 0;
  assert_int_equal(limpet_send_text(f.client, "x", 1, &how, &fading), LIMPET_OK);
  box_send(&f, 1);
  world_until(&f.world, box_has_fate(&f, fading, "dropped expired"));
  assert_int_equal(box_waiting(&f), 1);
  box_stop(&f);
}

/* Also one that was read already, and waits for the link in memory. */
static void what_fades_on_a_link_is_told_and_gone(void **state) {
  (void)state;
  struct fixture f;
  limpet_snapshot s;
  const limpet_send_options how = {
      .promise = LIMPET_PROMISE_DURABLE, .ttl_ms = 200, .message_id = "fades"};
  box_init(&f, LIMPET_CONFIRM_ACK);
  f.options.hold_until_ready = true;
  fixture_make(&f);
  fixture_open(&f);
  uint64_t fading = 0;
  assert_int_equal(limpet_send_text(f.client, "x", 1, &how, &fading), LIMPET_OK);
  world_until(&f.world, box_has_fate(&f, fading, "dropped expired"));
  world_until(&f.world, !box_waiting(&f));
  limpet_get_snapshot(f.client, &s, sizeof s);
  assert_int_equal(s.metrics.dropped, 1);
  assert_int_equal(f.peer.messages_count, 0);
  box_stop(&f);
}

static void a_newer_one_takes_the_place(void **state) {
  (void)state;
  struct fixture f;
  uint64_t old, fresh;
  limpet_send_options how = {.promise = LIMPET_PROMISE_DURABLE, .replace_key = "k"};
  box_init(&f, LIMPET_CONFIRM_BARRIER);
  fixture_make(&f);
  assert_int_equal(limpet_send_text(f.client, "old 1", 5, &how, &old), LIMPET_OK);
  assert_int_equal(limpet_send_text(f.client, "new 1", 5, &how, &fresh), LIMPET_OK);
  world_until(&f.world, box_has_fate(&f, old, "dropped replaced"));
  fixture_open(&f);
  world_until(&f.world, box_has_fate(&f, fresh, "confirmed"));
  assert_int_equal(f.peer.messages_count, 1);
  assert_string_equal(f.peer.messages[0].data, "new 1");
  box_stop(&f);
}

static void a_full_outbox_refuses_the_new(void **state) {
  (void)state;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_ACK);
  f.options.outbox_limit = 2;
  fixture_make(&f);
  box_send(&f, 1);
  box_send(&f, 2);
  assert_int_equal(box_send_as(&f, 3, LIMPET_PROMISE_DURABLE, NULL), LIMPET_QUEUE_OVERFLOW);
  fixture_open(&f);
  world_until(&f.world, !box_waiting(&f));
  box_send(&f, 3);
  world_until(&f.world, f.peer.messages_count == 3);
  box_peer_has_all(&f.peer, 3);
  box_stop(&f);
}

static void one_id_is_stored_once(void **state) {
  (void)state;
  struct fixture f;
  limpet_snapshot s;
  box_init(&f, LIMPET_CONFIRM_ACK);
  fixture_make(&f);
  box_send(&f, 1);
  const uint64_t second = box_send(&f, 1);
  world_until(&f.world, box_has_fate(&f, second, "dropped duplicate"));
  limpet_get_snapshot(f.client, &s, sizeof s);
  assert_int_equal(s.metrics.dropped, 1);
  assert_true(diary_has(&f.diary, "error outbox retry"));
  assert_int_equal(box_waiting(&f), 1);
  box_stop(&f);
}

static void queue_and_now_go_beside_it(void **state) {
  (void)state;
  struct fixture f;
  box_init(&f, LIMPET_CONFIRM_ACK);
  fixture_make(&f);
  uint64_t queued = 0, now = 0;
  assert_int_equal(box_send_as(&f, 1, LIMPET_PROMISE_QUEUE, &queued), LIMPET_OK);
  fixture_open(&f);
  world_until(&f.world, box_has_fate(&f, queued, "confirmed"));
  assert_int_equal(box_send_as(&f, 2, LIMPET_PROMISE_NOW, &now), LIMPET_OK);
  const uint64_t stored = box_send(&f, 3);
  assert_true(queued < now && now < stored); /* one row numbers all */
  world_until(&f.world, box_has_fate(&f, stored, "confirmed"));
  box_peer_has_all(&f.peer, 3);
  box_stop(&f);
}

static void without_an_id_one_is_made(void **state) {
  (void)state;
  struct fixture f;
  const limpet_send_options how = {.promise = LIMPET_PROMISE_DURABLE};
  char id[LIMPET_NEW_ID_CAP];
  box_init(&f, LIMPET_CONFIRM_BARRIER);
  fixture_make(&f);
  assert_true(limpet_new_id(id));
  assert_int_equal(strlen(id), LIMPET_NEW_ID_CAP - 1);
  assert_int_equal(limpet_send_text(f.client, "a", 1, &how, NULL), LIMPET_OK);
  assert_int_equal(limpet_send_text(f.client, "b", 1, &how, NULL), LIMPET_OK);
  world_until(&f.world, diary_lines(&f.diary, "fate") == 2);
  assert_int_equal(box_waiting(&f), 2);
  box_stop(&f);
}

/* On a thread of its own: blocking calls, and the end waits for the disk too. */
static void from_another_thread(void **state) {
  (void)state;
  struct fixture f;
  limpet_client *client;
  limpet_snapshot s;
  const limpet_send_options how = {.promise = LIMPET_PROMISE_DURABLE};
  box_init(&f, LIMPET_CONFIRM_BARRIER);
  limpet_options options = f.options;
  options.allocator = (limpet_allocator){NULL, NULL, NULL, NULL};
  memset(&options.callbacks, 0, sizeof options.callbacks);
  for (unsigned round = 1; round <= 2; round++) {
    assert_int_equal(limpet_new(&options, NULL, &client, NULL), LIMPET_OK);
    for (int i = 0; i < 100; i++)
      assert_int_equal(limpet_send_text(client, "x", 1, &how, NULL), LIMPET_OK);
    limpet_get_snapshot(client, &s, sizeof s);
    assert_int_equal(s.metrics.outbox_messages, 100 * round);
    limpet_stop(client, 5000);
  }
  fixture_deinit(&f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, box_set_up, box_tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(without_an_outbox_durable_is_refused),
      TEST(acknowledged_messages_need_an_id),
      TEST(an_outbox_needs_a_confirmation),
      TEST(an_outbox_has_one_owner),
      TEST(what_is_no_outbox_is_left_alone),
      TEST(an_awaited_ack_is_not_the_applications),
      TEST(what_the_server_forgot_goes_again),
      TEST(a_stored_message_outlives_the_client),
      TEST(stopping_waits_for_the_disk),
      TEST(a_lost_link_sends_the_unconfirmed_again_in_order),
      TEST(the_backlog_is_not_in_memory),
      TEST(disconnecting_drops_nothing_stored),
      TEST(what_fades_is_told_and_gone),
      TEST(what_fades_on_a_link_is_told_and_gone),
      TEST(a_newer_one_takes_the_place),
      TEST(a_full_outbox_refuses_the_new),
      TEST(one_id_is_stored_once),
      TEST(queue_and_now_go_beside_it),
      TEST(without_an_id_one_is_made),
      TEST(from_another_thread),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
