/* Clients with a thread of their own, and calls from many threads at once. */
#include "client_fixture.h"
#include "parts.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* libuv closes descriptors by a bare system call, which ThreadSanitizer does not see: it takes the
   next thread that is given the same number for a racer. */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void) {
  return "race_top:epoll_create1\nrace_top:eventfd\nrace_top:pipe2\n";
}

/* What the client's thread writes and others read. Checks made on other threads than the test's
   are counted here, since cmocka's may only be made on its own. */
struct counters {
  atomic_uint opened, closed, texts, states, wrong, flushed;
  atomic_bool is_over;
};

static struct counters counters;

static void check(bool condition) {
  if (!condition)
    atomic_fetch_add(&counters.wrong, 1);
}

static void on_open(limpet_client *client, void *user) {
  (void)client;
  check(user == &counters);
  atomic_fetch_add(&counters.opened, 1);
}

static void on_close(limpet_client *client, const limpet_close_info *info, void *user) {
  (void)client, (void)info, (void)user;
  atomic_fetch_add(&counters.closed, 1);
}

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  (void)client, (void)data, (void)len, (void)user;
  check(!atomic_load(&counters.is_over));
  atomic_fetch_add(&counters.texts, 1);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  (void)client, (void)from, (void)reason, (void)user;
  check(!atomic_load(&counters.is_over));
  atomic_fetch_add(&counters.states, 1);
  if (to == LIMPET_CLOSED)
    atomic_store(&counters.is_over, true);
}

struct bench {
  struct world world;
  struct peer peer;
  struct counted_memory memory;
  limpet_options options;
  limpet_client *client;
};

static void bench_init(struct bench *b) {
  memset(b, 0, sizeof *b);
  memset(&counters, 0, sizeof counters);
  world_init(&b->world);
  peer_init(&b->peer, &b->world);
  limpet_options_init(&b->options, sizeof b->options);
  b->options.url = b->peer.url;
  b->options.user = &counters;
  b->options.callbacks = (limpet_callbacks){
      .on_open = on_open, .on_close = on_close, .on_text = on_text, .on_state = on_state};
  b->options.initial_delay_ms = 1;
  b->options.max_delay_ms = 2;
  b->options.max_retries = LIMPET_RETRY_FOREVER;
  b->options.queue_limit = 1000000;
  b->options.queue_limit_bytes = 256 << 20;
  b->options.allocator = counted_allocator(&b->memory);
}

static void bench_make(struct bench *b) {
  char detail[LIMPET_DETAIL_CAP];
  if (limpet_new(&b->options, NULL, &b->client, detail) != LIMPET_OK)
    fail_msg("limpet_new: %s", detail);
}

static void bench_deinit(struct bench *b) {
  peer_deinit(&b->peer);
  world_deinit(&b->world);
  assert_int_equal(atomic_load(&b->memory.live), 0);
  assert_int_equal(atomic_load(&counters.wrong), 0);
}

/* ---- a call on a thread of its own, while the test's thread is the server ---- */

struct call {
  pthread_t thread;
  void (*run)(struct call *call);
  struct bench *bench;
  uint32_t number;
  limpet_result result;
  atomic_bool is_done;
};

static void *run_call(void *argument) {
  struct call *call = argument;
  call->run(call);
  atomic_store(&call->is_done, true);
  return NULL;
}

static void call_begin(struct call *call, struct bench *bench, uint32_t number,
                       void (*run)(struct call *call)) {
  memset(call, 0, sizeof *call);
  call->bench = bench;
  call->number = number;
  call->run = run;
  assert_int_equal(pthread_create(&call->thread, NULL, run_call, call), 0);
}

static void call_end(struct call *call) {
  world_until(&call->bench->world, atomic_load(&call->is_done));
  pthread_join(call->thread, NULL);
}

static void stop(struct call *call) {
  limpet_stop(call->bench->client, call->number);
}

static void stop_while_serving(struct bench *bench, uint32_t deadline_ms) {
  struct call call;
  call_begin(&call, bench, deadline_ms, stop);
  call_end(&call);
}

/* ---- life ---- */

static void a_client_with_its_own_thread_lives_and_ends(void **state) {
  (void)state;
  struct bench b;
  bench_init(&b);
  bench_make(&b);
  assert_int_equal(limpet_send_text(b.client, "hello", 5, NULL, NULL), LIMPET_OK);
  assert_int_equal(limpet_connect(b.client), LIMPET_OK);
  world_until(&b.world, b.peer.messages_count == 1 && b.peer.link);
  peer_send(&b.peer, "back");
  world_until(&b.world, atomic_load(&counters.texts) == 1);
  stop_while_serving(&b, 5000);
  assert_true(atomic_load(&counters.is_over));
  assert_int_equal(atomic_load(&b.memory.live), 0);
  world_until(&b.world, b.peer.ended_count == 1);
  assert_int_equal(b.peer.last_end.close_code, 1000);
  bench_deinit(&b);
}

/* Never connected, and not reachable: nothing to wait for. */
static void stop_returns_when_the_thread_has_ended(void **state) {
  (void)state;
  for (int connects = 0; connects < 2; connects++) {
    struct bench b;
    bench_init(&b);
    peer_stop_listening(&b.peer);
    bench_make(&b);
    if (connects)
      limpet_connect(b.client);
    limpet_stop(b.client, 60000);
    assert_int_equal(atomic_load(&b.memory.live), 0);
    bench_deinit(&b);
  }
}

static void stop_at_open(limpet_client *client, void *user) {
  (void)user;
  atomic_fetch_add(&counters.opened, 1);
  limpet_stop(client, 1000);
}

static void stop_at_text(limpet_client *client, const char *data, size_t len, void *user) {
  (void)data, (void)len, (void)user;
  limpet_stop(client, 0);
}

static void stop_at_state(limpet_client *client, limpet_state from, limpet_state to,
                          limpet_reason reason, void *user) {
  on_state(client, from, to, reason, user);
  if (to == LIMPET_CONNECTING)
    limpet_stop(client, 1000);
}

/* Nobody joins: the thread frees itself. */
static void stop_inside_a_callback_ends_the_clients_own_thread(void **state) {
  (void)state;
  for (int place = 0; place < 3; place++) {
    struct bench b;
    bench_init(&b);
    if (place == 0)
      b.options.callbacks.on_open = stop_at_open;
    else if (place == 1)
      b.options.callbacks.on_text = stop_at_text;
    else
      b.options.callbacks.on_state = stop_at_state;
    bench_make(&b);
    b.peer.is_echo = true;
    limpet_send_text(b.client, "echo", 4, NULL, NULL);
    limpet_connect(b.client);
    world_until(&b.world, atomic_load(&b.memory.live) == 0);
    assert_true(atomic_load(&counters.is_over));
    bench_deinit(&b);
  }
}

/* ---- flush ---- */

static void flush_once(struct call *call) {
  call->result = limpet_flush(call->bench->client, call->number, NULL, NULL);
}

static void a_blocking_flush_ends_in_each_way(void **state) {
  (void)state;
  struct bench b;
  struct call call;
  bench_init(&b);
  bench_make(&b);
  call_begin(&call, &b, 10000, flush_once);
  call_end(&call);
  assert_int_equal(call.result, LIMPET_OK);
  limpet_send_text(b.client, "m", 1, NULL, NULL);
  call_begin(&call, &b, 20, flush_once);
  call_end(&call);
  assert_int_equal(call.result, LIMPET_TIMED_OUT);
  call_begin(&call, &b, 60000, flush_once);
  limpet_connect(b.client);
  call_end(&call);
  assert_int_equal(call.result, LIMPET_OK);
  stop_while_serving(&b, 1000);
  bench_deinit(&b);
}

/* The client runs on the test's loop, so that its work can be seen to begin. */
static void a_stop_ends_a_flush_that_blocks(void **state) {
  (void)state;
  struct bench b;
  struct call call;
  bench_init(&b);
  peer_stop_listening(&b.peer);
  b.options.initial_delay_ms = b.options.max_delay_ms = 60000;
  assert_int_equal(limpet_new(&b.options, b.world.uv, &b.client, NULL), LIMPET_OK);
  limpet_connect(b.client);
  limpet_send_text(b.client, "m", 1, NULL, NULL);
  world_until(&b.world, atomic_load(&counters.states) == 3);
  const unsigned long calls = atomic_load(&b.memory.calls);
  call_begin(&call, &b, 60000, flush_once);
  world_until(&b.world, atomic_load(&b.memory.calls) > calls);
  world_pass(&b.world, 20);
  assert_false(atomic_load(&call.is_done));
  limpet_stop(b.client, 1000);
  call_end(&call);
  assert_int_equal(call.result, LIMPET_NOT_CONNECTED);
  bench_deinit(&b);
}

struct proof {
  atomic_uint received; /* by the server */
  atomic_uint missing;  /* flushed, yet not received */
};

static struct proof proof;

static void note_received(struct peer *peer, const char *text, size_t len) {
  (void)peer, (void)text, (void)len;
  atomic_fetch_add(&proof.received, 1);
}

static void send_and_flush(struct call *call) {
  for (unsigned i = 1; i <= call->number; i++) {
    check(limpet_send_text(call->bench->client, "m 1", 3, NULL, NULL) == LIMPET_OK);
    check(limpet_flush(call->bench->client, 60000, NULL, NULL) == LIMPET_OK);
    if (atomic_load(&proof.received) < i)
      atomic_fetch_add(&proof.missing, 1);
  }
}

/* However a thread's message and its flush fall between the loop's turns. */
static void what_a_thread_sent_before_its_flush_is_proven_after_it(void **state) {
  (void)state;
  struct bench b;
  struct call call;
  bench_init(&b);
  memset(&proof, 0, sizeof proof);
  b.options.confirm = LIMPET_CONFIRM_BARRIER;
  b.peer.on_message = note_received;
  bench_make(&b);
  limpet_connect(b.client);
  call_begin(&call, &b, 300, send_and_flush);
  call_end(&call);
  assert_int_equal(atomic_load(&proof.missing), 0);
  stop_while_serving(&b, 1000);
  bench_deinit(&b);
}

static void *send_then_flush(void *argument) {
  struct diary *diary = argument;
  check(limpet_send_text(diary->client, "second", 6, NULL, NULL) == LIMPET_OK);
  check(limpet_flush(diary->client, 50, diary_flush, diary) == LIMPET_OK);
  return NULL;
}

static void let_another_thread_in(struct diary *diary, const char *line) {
  pthread_t thread;
  if (!strstr(line, "cleared"))
    return;
  check(pthread_create(&thread, NULL, send_then_flush, diary) == 0);
  pthread_join(thread, NULL);
}

static void *clear_queue(void *argument) {
  check(limpet_queue_clear(argument) == LIMPET_OK);
  return NULL;
}

/* The worst moment: both are handed in while the loop's thread is at an earlier command. */
static void a_flush_does_not_overtake_the_message_before_it(void **state) {
  (void)state;
  struct fixture f;
  pthread_t thread;
  memset(&counters, 0, sizeof counters);
  fixture_init(&f, DIARY_FATES);
  f.diary.react = let_another_thread_in;
  fixture_make(&f);
  assert_int_equal(limpet_send_text(f.client, "first", 5, NULL, NULL), LIMPET_OK);
  assert_int_equal(pthread_create(&thread, NULL, clear_queue, f.client), 0);
  pthread_join(thread, NULL);
  world_until(&f.world, diary_has(&f.diary, "flush"));
  assert_true(diary_has(&f.diary, "flush timed_out"));
  assert_int_equal(atomic_load(&counters.wrong), 0);
  fixture_end(&f);
}

/* ---- many threads ---- */

enum { THREADS_COUNT = 4, EACH_COUNT = 1500 };

static uint64_t ids[THREADS_COUNT][EACH_COUNT];

static void ask_everything(limpet_client *client) {
  limpet_snapshot snapshot;
  char text[160];
  limpet_get_snapshot(client, &snapshot, sizeof snapshot);
  check(snapshot.state <= LIMPET_FAILED);
  check(snapshot.metrics.queued_messages <= THREADS_COUNT * EACH_COUNT);
  check(memchr(snapshot.last_error_detail, '\0', sizeof snapshot.last_error_detail) != NULL);
  limpet_status_text(client, false, text, sizeof text);
  check(strlen(text) > 0);
  (void)limpet_buffered_amount(client);
}

static void ignore(limpet_client *client, const char *type, const char *text, size_t len,
                   void *user) {
  (void)client, (void)type, (void)text, (void)len, (void)user;
}

static void send_many(struct call *call) {
  struct bench *b = call->bench;
  uint64_t handle;
  char text[32];
  for (unsigned i = 0; i < EACH_COUNT; i++) {
    const int len = snprintf(text, sizeof text, "%u %u", call->number, i);
    limpet_result result;
    while ((result = limpet_send_text(b->client, text, (size_t)len, NULL, &ids[call->number][i])) ==
           LIMPET_QUEUE_OVERFLOW)
      sched_yield();
    check(result == LIMPET_OK);
    if (i % 50 == 0)
      ask_everything(b->client);
    if (HAS_JSON && i % 100 == 0) {
      check(limpet_on_type(b->client, "t", ignore, NULL, &handle) == LIMPET_OK);
      check(limpet_set_url(b->client, b->peer.url, NULL) == LIMPET_OK);
      check(limpet_off_type(b->client, handle) == LIMPET_OK);
    }
  }
  check(limpet_flush(b->client, 60000, NULL, NULL) == LIMPET_OK);
}

static int compare(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static void ids_are_unique(void) {
  uint64_t *all = &ids[0][0];
  const size_t count = (size_t)THREADS_COUNT * EACH_COUNT;
  for (size_t t = 0; t < THREADS_COUNT; t++)
    for (size_t i = 1; i < EACH_COUNT; i++)
      assert_true(ids[t][i] > ids[t][i - 1]);
  qsort(all, count, sizeof *all, compare);
  for (size_t i = 1; i < count; i++)
    assert_true(all[i] > all[i - 1]);
}

/* All of each thread arrive, for the first time in the order in which it sent them. */
static void each_threads_order_is_kept(const struct peer *peer) {
  unsigned next[THREADS_COUNT] = {0};
  for (size_t i = 0; i < peer->messages_count; i++) {
    const unsigned thread = (unsigned)strtoul(peer->messages[i].data, NULL, 10);
    const unsigned number = peer_number(peer, i);
    assert_in_range(thread, 0, THREADS_COUNT - 1);
    assert_true(number <= next[thread]);
    next[thread] += number == next[thread];
  }
  for (size_t t = 0; t < THREADS_COUNT; t++)
    assert_int_equal(next[t], EACH_COUNT);
}

static bool are_done(const struct call *calls) {
  bool all = true;
  for (int i = 0; i < THREADS_COUNT; i++)
    all &= atomic_load(&calls[i].is_done);
  return all;
}

static void many_threads_send_while_the_link_is_cut(void **state) {
  (void)state;
  for (int is_own = 0; is_own < 2; is_own++) {
    struct bench b;
    struct call calls[THREADS_COUNT];
    bench_init(&b);
    b.options.confirm = LIMPET_CONFIRM_BARRIER;
    b.peer.reset_after = 400;
    if (is_own)
      bench_make(&b);
    else
      assert_int_equal(limpet_new(&b.options, b.world.uv, &b.client, NULL), LIMPET_OK);
    limpet_connect(b.client);
    for (unsigned i = 0; i < THREADS_COUNT; i++)
      call_begin(&calls[i], &b, i, send_many);
    world_until(&b.world, are_done(calls));
    for (unsigned i = 0; i < THREADS_COUNT; i++)
      call_end(&calls[i]);
    assert_true(b.peer.opened_count > 5);
    each_threads_order_is_kept(&b.peer);
    ids_are_unique();
    if (is_own)
      stop_while_serving(&b, 1000);
    else
      limpet_stop(b.client, 1000);
    world_until(&b.world, atomic_load(&counters.is_over));
    bench_deinit(&b);
  }
}

/* ---- many clients ---- */

static void live_and_die(struct call *call) {
  for (unsigned i = 0; i < call->number; i++) {
    limpet_client *client;
    check(limpet_new(&call->bench->options, NULL, &client, NULL) == LIMPET_OK);
    check(limpet_send_text(client, "m 1", 3, NULL, NULL) == LIMPET_OK);
    check(limpet_connect(client) == LIMPET_OK);
    if (i % 2)
      check(limpet_flush(client, 60000, NULL, NULL) == LIMPET_OK);
    limpet_stop(client, i % 3 ? 1000 : 0);
  }
}

static void clients_come_and_go_on_many_threads(void **state) {
  (void)state;
  struct bench b;
  struct call calls[THREADS_COUNT];
  bench_init(&b);
  b.options.callbacks.on_state = NULL; /* they share the counters */
  for (unsigned i = 0; i < THREADS_COUNT; i++)
    call_begin(&calls[i], &b, 20, live_and_die);
  for (unsigned i = 0; i < THREADS_COUNT; i++)
    call_end(&calls[i]);
  bench_deinit(&b);
}

/* ---- a client of the caller's loop, spoken to from outside ---- */

static void send_from_outside(struct call *call) {
  const limpet_send_options now = {.promise = LIMPET_PROMISE_NOW};
  static const char large[4096];
  struct bench *b = call->bench;
  check(limpet_send_text(b->client, "x", 1, &now, NULL) == LIMPET_NOT_CONNECTED);
  check(limpet_send_typing(b->client, "c", "u") ==
        (HAS_JSON ? LIMPET_NOT_CONNECTED : LIMPET_INVALID_ARGUMENT));
  check(limpet_send_text(b->client, "\xff", 1, NULL, NULL) == LIMPET_INVALID_UTF8);
  check(limpet_send_binary(b->client, large, sizeof large, NULL, NULL) == LIMPET_MESSAGE_TOO_BIG);
  check(limpet_send_binary(b->client, large, 2000, NULL, NULL) == LIMPET_QUEUE_OVERFLOW);
  unsigned taken = 0;
  while (limpet_send_binary(b->client, large, 500, NULL, NULL) == LIMPET_OK)
    taken++;
  check(taken >= 2 && taken < 100);
  check(limpet_buffered_amount(b->client) == taken * 500);
  while (limpet_send_text(b->client, "", 0, NULL, NULL) == LIMPET_OK && taken <= 65536)
    taken++;
  check(taken == 65536);
}

/* The loop does not turn: what other threads hand in is bounded. */
static void what_the_loop_does_not_take_is_bounded(void **state) {
  (void)state;
  struct bench b;
  struct call call;
  bench_init(&b);
  b.options.high_water = 1024;
  b.options.queue_limit_bytes = 1500;
  b.options.max_message = 3000;
  assert_int_equal(limpet_new(&b.options, b.world.uv, &b.client, NULL), LIMPET_OK);
  call_begin(&call, &b, 0, send_from_outside);
  pthread_join(call.thread, NULL);
  assert_int_equal(atomic_load(&counters.wrong), 0);
  limpet_stop(b.client, 0);
  bench_deinit(&b);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_client_with_its_own_thread_lives_and_ends),
      cmocka_unit_test(stop_returns_when_the_thread_has_ended),
      cmocka_unit_test(stop_inside_a_callback_ends_the_clients_own_thread),
      cmocka_unit_test(a_blocking_flush_ends_in_each_way),
      cmocka_unit_test(a_stop_ends_a_flush_that_blocks),
      cmocka_unit_test(what_a_thread_sent_before_its_flush_is_proven_after_it),
      cmocka_unit_test(a_flush_does_not_overtake_the_message_before_it),
      cmocka_unit_test(many_threads_send_while_the_link_is_cut),
      cmocka_unit_test(clients_come_and_go_on_many_threads),
      cmocka_unit_test(what_the_loop_does_not_take_is_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
