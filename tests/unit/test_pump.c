/*
 * Clients inside a loop of another kind: here poll() on the pump's descriptor. The pump is run only
 * when its descriptor is readable or the time that it gave has passed, and that time is asked for
 * once after each run and each call, as by a program that then sleeps. So what the pump does not
 * tell never happens, and each test fails by its patience; and its runs are counted.
 */
#include "client_fixture.h"
#include "resolve.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The peers' loop is looked at this often. */
#define PEER_TICK_MS 1

struct foreign {
  struct fixture f;
  struct counted_memory memory;
  limpet_pump *pump;
  uint64_t due_at_ms; /* when the pump wants to run, as last asked */
  unsigned runs_count;
};

static void ask(struct foreign *p) {
  const int timeout_ms = limpet_pump_timeout_ms(p->pump);
  assert_true(timeout_ms >= -1);
  p->due_at_ms = timeout_ms < 0 ? LIMPET_NEVER : limpet_now_ms() + (uint64_t)timeout_ms;
}

static void run(struct foreign *p) {
  limpet_pump_run(p->pump);
  p->runs_count++;
  ask(p);
}

static bool is_readable(struct foreign *p, int timeout_ms) {
  struct pollfd fd = {.fd = limpet_pump_fd(p->pump), .events = POLLIN};
  return poll(&fd, 1, timeout_ms) == 1 && (fd.revents & POLLIN);
}

static void turn(struct foreign *p, const char *condition, int line) {
  const bool is_due = limpet_now_ms() >= p->due_at_ms;
  if (is_readable(p, is_due ? 0 : PEER_TICK_MS) || is_due)
    run(p);
  world_turn(&p->f.world, condition, __FILE__, line);
}

#define foreign_until(p, condition)                                                                \
  do {                                                                                             \
    world_be_patient(&(p)->f.world);                                                               \
    while (!(condition))                                                                           \
      turn(p, #condition, __LINE__);                                                               \
  } while (0)

static void pass(struct foreign *p, uint64_t ms) {
  const uint64_t end_ms = limpet_now_ms() + ms;
  foreign_until(p, limpet_now_ms() >= end_ms);
}

static void foreign_init(struct foreign *p) {
  const limpet_allocator allocator = counted_allocator(&p->memory);
  memset(&p->memory, 0, sizeof p->memory);
  fixture_init(&p->f, 0);
  assert_int_equal(limpet_pump_new(&allocator, &p->pump), LIMPET_OK);
  p->runs_count = 0;
  ask(p);
}

static void foreign_make(struct foreign *p) {
  p->f.client = diary_new(&p->f.diary, &p->f.options, limpet_pump_loop(p->pump));
  ask(p);
}

static void foreign_open(struct foreign *p) {
  foreign_make(p);
  assert_int_equal(limpet_connect(p->f.client), LIMPET_OK);
  ask(p);
  foreign_until(p, fixture_is(&p->f, LIMPET_CONNECTED) && p->f.peer.link);
}

/* Until nothing is due at once. */
static void settle(struct foreign *p) {
  foreign_until(p, limpet_now_ms() < p->due_at_ms && !is_readable(p, 0));
}

static void free_pump(struct foreign *p) {
  foreign_until(p, limpet_pump_free(p->pump) == LIMPET_OK);
  assert_int_equal(atomic_load(&p->memory.live), 0);
}

static void foreign_end(struct foreign *p) {
  diary_stop(&p->f.diary, 1000);
  ask(p);
  foreign_until(p, p->f.diary.is_over);
  foreign_until(p, atomic_load(&p->f.memory.live) == 0);
  free_pump(p);
  fixture_deinit(&p->f);
}

static void say(struct foreign *p, const char *text) {
  assert_int_equal(limpet_send_text(p->f.client, text, strlen(text), NULL, NULL), LIMPET_OK);
  ask(p);
}

/* ---- life ---- */

static void an_idle_pump_sleeps(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  settle(&p);
  assert_true(p.due_at_ms == LIMPET_NEVER);
  p.runs_count = 0;
  pass(&p, 30);
  assert_int_equal(p.runs_count, 0);
  free_pump(&p);
  fixture_deinit(&p.f);
}

static void a_pump_that_was_never_run_is_freed(void **state) {
  (void)state;
  limpet_pump *pump;
  assert_int_equal(limpet_pump_new(NULL, &pump), LIMPET_OK);
  assert_true(limpet_pump_fd(pump) >= 0);
  assert_non_null(limpet_pump_loop(pump));
  assert_int_equal(limpet_pump_free(pump), LIMPET_OK);
}

static void half_an_allocator_or_no_memory_is_refused(void **state) {
  (void)state;
  struct counted_memory memory = {0};
  limpet_allocator allocator = counted_allocator(&memory);
  limpet_pump *pump = NULL;
  atomic_store(&memory.fail_at, 1);
  assert_int_equal(limpet_pump_new(&allocator, &pump), LIMPET_NO_MEMORY);
  allocator.realloc = NULL;
  assert_int_equal(limpet_pump_new(&allocator, &pump), LIMPET_INVALID_ARGUMENT);
  assert_null(pump);
  assert_int_equal(atomic_load(&memory.live), 0);
}

static void a_pump_in_use_is_not_freed(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  foreign_make(&p);
  assert_int_equal(limpet_pump_free(p.pump), LIMPET_IN_USE); /* CLOSED, but not stopped */
  assert_string_equal(limpet_result_name(LIMPET_IN_USE), "in_use");
  limpet_connect(p.f.client);
  ask(&p);
  foreign_until(&p, fixture_is(&p.f, LIMPET_CONNECTED));
  assert_int_equal(limpet_pump_free(p.pump), LIMPET_IN_USE);
  ask(&p);
  foreign_end(&p); /* and it went on */
}

static void after_a_stop_free_is_asked_until_it_is_done(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  foreign_open(&p);
  diary_stop(&p.f.diary, 1000);
  ask(&p);
  free_pump(&p);
  assert_true(diary_has(&p.f.diary, "state CONNECTED>CLOSED"));
  fixture_deinit(&p.f);
}

static void a_client_stopped_before_it_ran_is_let_go(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  foreign_make(&p);
  diary_stop(&p.f.diary, 1000);
  ask(&p);
  free_pump(&p);
  fixture_deinit(&p.f);
}

static void run_from_inside(struct diary *diary, const char *line) {
  limpet_pump *pump = diary->context;
  if (strcmp(line, "text hello") != 0)
    return;
  limpet_pump_run(pump);
  assert_int_equal(limpet_pump_timeout_ms(pump), 0);
  assert_int_equal(limpet_pump_free(pump), LIMPET_IN_USE);
  diary->left++;
}

static void inside_a_callback_it_is_neither_run_nor_freed(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  p.f.peer.is_echo = true;
  p.f.diary.react = run_from_inside;
  p.f.diary.context = p.pump;
  foreign_open(&p);
  say(&p, "hello");
  foreign_until(&p, p.f.diary.left == 1);
  foreign_end(&p);
}

static void a_closed_client_costs_nothing_and_connects_again(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  foreign_open(&p);
  assert_int_equal(limpet_disconnect(p.f.client), LIMPET_OK);
  ask(&p);
  foreign_until(&p, fixture_is(&p.f, LIMPET_CLOSED));
  foreign_until(&p, p.due_at_ms == LIMPET_NEVER); /* once its buffers have gone cold */
  p.runs_count = 0;
  pass(&p, 30);
  assert_int_equal(p.runs_count, 0);
  assert_int_equal(limpet_connect(p.f.client), LIMPET_OK);
  ask(&p);
  foreign_until(&p, fixture_is(&p.f, LIMPET_CONNECTED));
  foreign_end(&p);
}

/* ---- what wakes it ---- */

static void each_call_from_outside_is_noticed(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  p.f.peer.is_echo = true;
  foreign_open(&p);
  for (unsigned i = 1; i <= 50; i++) {
    settle(&p);
    say(&p, "m");
    assert_true(p.due_at_ms <= limpet_now_ms());
    foreign_until(&p, p.f.diary.texts_count == i);
  }
  foreign_end(&p);
}

static void quiet_links_cost_few_runs(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  foreign_open(&p);
  settle(&p);
  p.runs_count = 0;
  pass(&p, 300);
  assert_in_range(p.runs_count, 0, 10); /* the sweeper of buffers comes by now and then */
  foreign_end(&p);
}

static void a_message_costs_few_runs(void **state) {
  (void)state;
  enum { MESSAGES = 200 };
  struct foreign p;
  foreign_init(&p);
  p.f.peer.is_echo = true;
  foreign_open(&p);
  settle(&p);
  p.runs_count = 0;
  for (unsigned i = 1; i <= MESSAGES; i++) {
    say(&p, "m");
    foreign_until(&p, p.f.diary.texts_count == i);
  }
  assert_in_range(p.runs_count, MESSAGES, 4 * MESSAGES); /* one to send, one to receive */
  foreign_end(&p);
}

static void answer(struct diary *diary, const char *line) {
  if (strcmp(line, "text ask") == 0)
    assert_int_equal(limpet_send_text(diary->client, "answer", 6, NULL, NULL), LIMPET_OK);
}

static void count_answers(struct peer *peer, const char *text, size_t len) {
  (void)len;
  *(unsigned *)peer->context += strcmp(text, "answer") == 0;
}

static void what_callbacks_send_leaves_in_the_same_run(void **state) {
  (void)state;
  struct foreign p;
  unsigned answers_count = 0;
  foreign_init(&p);
  p.f.peer.on_message = count_answers;
  p.f.peer.context = &answers_count;
  p.f.diary.react = answer;
  foreign_open(&p);
  settle(&p);
  peer_send(&p.f.peer, "ask");
  world_idle(&p.f.world, 3);
  assert_true(is_readable(&p, 1000));
  limpet_pump_run(p.pump);
  assert_int_equal(p.f.diary.texts_count, 1);
  ask(&p);
  p.due_at_ms = LIMPET_NEVER; /* no second run is needed */
  foreign_until(&p, answers_count == 1);
  ask(&p);
  foreign_end(&p);
}

static void heartbeats_come_in_time(void **state) {
  (void)state;
  enum { HEARTBEATS = 6, INTERVAL_MS = 100 };
  struct foreign p;
  foreign_init(&p);
  p.f.options.heartbeat_interval_ms = INTERVAL_MS;
  p.f.options.heartbeat_timeout_ms = INTERVAL_MS;
  diary_deinit(&p.f.diary);
  diary_init(&p.f.diary, &p.f.options, p.f.peer.url, DIARY_HEARTBEATS);
  p.f.options.allocator = counted_allocator(&p.f.memory);
  p.f.options.heartbeat_interval_ms = INTERVAL_MS;
  p.f.options.heartbeat_timeout_ms = INTERVAL_MS;
  foreign_open(&p);
  p.runs_count = 0;
  const uint64_t begin_ms = limpet_now_ms();
  foreign_until(&p, p.f.diary.heartbeats_count == HEARTBEATS);
  assert_true(limpet_now_ms() - begin_ms >= (HEARTBEATS - 1) * INTERVAL_MS);
  assert_in_range(p.runs_count, HEARTBEATS, 8 * HEARTBEATS);
  foreign_end(&p);
}

/* The deadline of a flush is nothing but a timer: no byte and no hook goes with it. */
static void an_earlier_deadline_from_outside_shortens_the_sleep(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  p.f.options.confirm = LIMPET_CONFIRM_BARRIER;
  foreign_open(&p);
  peer_pause(&p.f.peer, true);
  say(&p, "never read");
  settle(&p);
  assert_int_equal(limpet_flush(p.f.client, 50, diary_flush, &p.f.diary), LIMPET_OK);
  ask(&p);
  assert_true(p.due_at_ms <= limpet_now_ms() + 50);
  foreign_until(&p, diary_has(&p.f.diary, "flush timed_out"));
  foreign_end(&p);
}

/* libuv's idea of "now" is that of the last run: a deadline counted from there would be over. */
static void time_has_gone_on_while_the_program_slept(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  p.f.options.confirm = LIMPET_CONFIRM_BARRIER;
  foreign_open(&p);
  settle(&p);
  poll(NULL, 0, 1200);
  assert_int_equal(limpet_send_text(p.f.client, "m", 1, NULL, NULL), LIMPET_OK);
  assert_int_equal(limpet_flush(p.f.client, 1000, diary_flush, &p.f.diary), LIMPET_OK);
  ask(&p);
  foreign_until(&p, diary_has(&p.f.diary, "flush"));
  assert_true(diary_has(&p.f.diary, "flush ok"));
  foreign_end(&p);
}

static void the_sleep_is_counted_from_now_and_not_from_the_last_run(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  p.f.options.heartbeat_interval_ms = 2000;
  p.f.options.heartbeat_timeout_ms = 2000;
  foreign_open(&p);
  settle(&p);
  const uint64_t due_at_ms = p.due_at_ms;
  assert_true(due_at_ms != LIMPET_NEVER);
  poll(NULL, 0, 100);
  ask(&p);
  assert_in_range(p.due_at_ms, due_at_ms - 20, due_at_ms + 20);
  foreign_end(&p);
}

static void *send_elsewhere(void *client) {
  const limpet_result result = limpet_send_text(client, "from afar", 9, NULL, NULL);
  return result == LIMPET_OK ? client : NULL;
}

static void another_thread_makes_the_descriptor_readable(void **state) {
  (void)state;
  struct foreign p;
  pthread_t thread;
  void *sent = NULL;
  foreign_init(&p);
  p.f.peer.is_echo = true;
  foreign_open(&p);
  settle(&p);
  assert_int_equal(pthread_create(&thread, NULL, send_elsewhere, p.f.client), 0);
  foreign_until(&p, diary_has(&p.f.diary, "text from afar"));
  pthread_join(thread, &sent);
  assert_ptr_equal(sent, p.f.client);
  foreign_end(&p);
}

static void *send_while_closed(void *client) {
  return limpet_connect(client) == LIMPET_OK ? client : NULL;
}

static void another_thread_wakes_a_pump_without_any_deadline(void **state) {
  (void)state;
  struct foreign p;
  pthread_t thread;
  foreign_init(&p);
  foreign_make(&p);
  settle(&p);
  assert_true(p.due_at_ms == LIMPET_NEVER);
  assert_int_equal(pthread_create(&thread, NULL, send_while_closed, p.f.client), 0);
  foreign_until(&p, fixture_is(&p.f, LIMPET_CONNECTED));
  pthread_join(thread, NULL);
  foreign_end(&p);
}

static void find(const char *host, int family, struct resolve_answer *found) {
  poll(NULL, 0, 20); /* so that the pump sleeps when the answer comes */
  if (strcmp(host, "peer.test") == 0)
    resolve_is_known("127.0.0.1", family, found);
}

static void look_ups_on_other_threads_wake_it(void **state) {
  (void)state;
  struct foreign p;
  char url[sizeof p.f.peer.url + 16];
  foreign_init(&p);
  (void)snprintf(url, sizeof url, "ws://peer.test%s", strrchr(p.f.peer.url, ':'));
  p.f.options.url = url;
  resolve_use(find);
  foreign_open(&p);
  resolve_use(NULL);
  foreign_end(&p);
}

static void cuts_and_retries_need_no_call(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  p.f.options.initial_delay_ms = 20;
  foreign_open(&p);
  for (unsigned i = 2; i <= 4; i++) {
    peer_reset(&p.f.peer);
    foreign_until(&p, p.f.peer.opened_count == i && fixture_is(&p.f, LIMPET_CONNECTED));
  }
  foreign_end(&p);
}

static void busy_polling_clients_are_pumped_too(void **state) {
  (void)state;
  struct foreign p;
  foreign_init(&p);
  p.f.options.busy_poll_us = 200;
  p.f.peer.is_echo = true;
  foreign_open(&p);
  for (unsigned i = 1; i <= 20; i++) {
    say(&p, "m");
    foreign_until(&p, p.f.diary.texts_count == i);
  }
  foreign_end(&p);
}

/* More than the socket holds: the rest goes when it is writable again. */
static void a_large_message_goes_out_in_pieces(void **state) {
  (void)state;
  static char text[4 << 20];
  struct foreign p;
  foreign_init(&p);
  foreign_open(&p);
  memset(text, 'x', sizeof text - 1);
  say(&p, text);
  foreign_until(&p, p.f.peer.messages_count == 1);
  assert_int_equal(p.f.peer.messages[0].len, sizeof text - 1);
  foreign_end(&p);
}

/* ---- many ---- */

#define CROWD 200

static unsigned crowd_open_count;

static void count_open(limpet_client *client, void *user) {
  (void)client, (void)user;
  crowd_open_count++;
}

static void many_clients_share_a_pump(void **state) {
  (void)state;
  static limpet_client *crowd[CROWD];
  struct foreign p;
  foreign_init(&p);
  limpet_options options;
  limpet_options_init(&options, sizeof options);
  options.url = p.f.peer.url;
  options.callbacks.on_open = count_open;
  crowd_open_count = 0;
  for (size_t i = 0; i < CROWD; i++) {
    assert_int_equal(limpet_new(&options, limpet_pump_loop(p.pump), &crowd[i], NULL), LIMPET_OK);
    assert_int_equal(limpet_send_text(crowd[i], "here", 4, NULL, NULL), LIMPET_OK);
    assert_int_equal(limpet_connect(crowd[i]), LIMPET_OK);
  }
  ask(&p);
  foreign_until(&p, crowd_open_count == CROWD && p.f.peer.messages_count == CROWD);
  settle(&p);
  p.runs_count = 0;
  pass(&p, 100);
  assert_in_range(p.runs_count, 0, 5);
  for (size_t i = 0; i < CROWD; i++)
    limpet_stop(crowd[i], 1000);
  ask(&p);
  free_pump(&p);
  fixture_deinit(&p.f);
}

/* ---- the caller's own uv_loop_t, pumped by him ---- */

static void a_uv_loop_shows_in_its_backend_what_calls_ask_for(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, 0);
  f.options.confirm = LIMPET_CONFIRM_BARRIER;
  fixture_make(&f);
  fixture_open(&f);
  peer_pause(&f.peer, true);
  world_idle(&f.world, 10);
  uv_timer_stop(f.world.tick); /* the test's own, each ms */
  world_idle(&f.world, 1);
  assert_true(uv_backend_timeout(f.world.uv) > 100);
  assert_int_equal(limpet_flush(f.client, 100, diary_flush, &f.diary), LIMPET_OK);
  assert_in_range(uv_backend_timeout(f.world.uv), 0, 100);
  uv_timer_again(f.world.tick);
  fixture_end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_idle_pump_sleeps),
      cmocka_unit_test(a_pump_that_was_never_run_is_freed),
      cmocka_unit_test(half_an_allocator_or_no_memory_is_refused),
      cmocka_unit_test(a_pump_in_use_is_not_freed),
      cmocka_unit_test(after_a_stop_free_is_asked_until_it_is_done),
      cmocka_unit_test(a_client_stopped_before_it_ran_is_let_go),
      cmocka_unit_test(inside_a_callback_it_is_neither_run_nor_freed),
      cmocka_unit_test(a_closed_client_costs_nothing_and_connects_again),
      cmocka_unit_test(each_call_from_outside_is_noticed),
      cmocka_unit_test(quiet_links_cost_few_runs),
      cmocka_unit_test(a_message_costs_few_runs),
      cmocka_unit_test(what_callbacks_send_leaves_in_the_same_run),
      cmocka_unit_test(heartbeats_come_in_time),
      cmocka_unit_test(an_earlier_deadline_from_outside_shortens_the_sleep),
      cmocka_unit_test(time_has_gone_on_while_the_program_slept),
      cmocka_unit_test(the_sleep_is_counted_from_now_and_not_from_the_last_run),
      cmocka_unit_test(another_thread_makes_the_descriptor_readable),
      cmocka_unit_test(another_thread_wakes_a_pump_without_any_deadline),
      cmocka_unit_test(look_ups_on_other_threads_wake_it),
      cmocka_unit_test(cuts_and_retries_need_no_call),
      cmocka_unit_test(busy_polling_clients_are_pumped_too),
      cmocka_unit_test(a_large_message_goes_out_in_pieces),
      cmocka_unit_test(many_clients_share_a_pump),
      cmocka_unit_test(a_uv_loop_shows_in_its_backend_what_calls_ask_for),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
