/* What links of one loop share: deadlines, ends of turns, posted work, keys. */
#include "entropy.h"
#include "net_rig.h"
#include "timer_heap.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the heap ---- */

#define HEAP_TIMERS 300

static void check_heap(const struct timer_heap *heap) {
  for (size_t i = 0; i < heap->count; i++) {
    assert_int_equal(heap->entry[i]->slot, i + 1);
    if (i > 0)
      assert_true(heap->entry[(i - 1) / 2]->at_ms <= heap->entry[i]->at_ms);
  }
}

static uint64_t earliest(const struct net_timer *timers) {
  uint64_t at_ms = NET_NEVER;
  for (size_t i = 0; i < HEAP_TIMERS; i++)
    if (timers[i].slot && timers[i].at_ms < at_ms)
      at_ms = timers[i].at_ms;
  return at_ms;
}

/* Random moves, against the plain search for the earliest. */
static void test_heap(void **state) {
  (void)state;
  static struct net_timer timers[HEAP_TIMERS];
  struct timer_heap heap = {0};
  srand(1);
  for (int i = 0; i < 20000; i++) {
    struct net_timer *timer = &timers[rand() % HEAP_TIMERS];
    if (rand() % 3 == 0)
      timer_heap_unset(&heap, timer);
    else
      assert_true(timer_heap_set(&heap, &memory_default, timer, (uint64_t)(rand() % 1000)));
    check_heap(&heap);
    const struct net_timer *first = timer_heap_first(&heap);
    assert_int_equal(first ? first->at_ms : NET_NEVER, earliest(timers));
  }
  assert_true(timer_heap_set(&heap, &memory_default, &timers[0], NET_NEVER));
  assert_int_equal(timers[0].slot, 0);
  timer_heap_deinit(&heap, &memory_default);
}

static void test_heap_without_memory(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct net_timer timer = {0};
  rig.memory.fail_at = rig.memory.taken + 1;
  assert_false(net_timer_set(rig.loop, &timer, 1));
  assert_int_equal(timer.slot, 0);
  assert_true(net_timer_set(rig.loop, &timer, 1));
  net_timer_unset(rig.loop, &timer);
  rig_deinit(&rig);
}

/* ---- deadlines ---- */

struct alarm {
  struct net_timer timer;
  struct rig *rig;
  bool has_fired;
  uint64_t fired_at_ms;
  unsigned count, again;
};

static void on_alarm(struct net_timer *timer) {
  struct alarm *alarm = (struct alarm *)timer;
  alarm->has_fired = true;
  alarm->fired_at_ms = net_loop_now_ms(alarm->rig->loop);
  alarm->count++;
  if (alarm->count <= alarm->again)
    net_timer_set(alarm->rig->loop, timer, 0);
}

static void test_deadlines_fire_in_time_and_order(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  uint64_t now_ms = net_loop_now_ms(rig.loop);
  struct alarm late = {.timer.fire = on_alarm, .rig = &rig};
  struct alarm soon = late, moved = late, never = late;
  net_timer_set(rig.loop, &never.timer, now_ms + 3);
  net_timer_set(rig.loop, &late.timer, now_ms + 30);
  net_timer_set(rig.loop, &soon.timer, now_ms + 10);
  net_timer_set(rig.loop, &moved.timer, now_ms + 5);
  net_timer_set(rig.loop, &moved.timer, now_ms + 20);
  net_timer_unset(rig.loop, &never.timer);
  rig_until(&rig, &late.has_fired);
  assert_true(soon.fired_at_ms >= now_ms + 10 && soon.fired_at_ms <= moved.fired_at_ms);
  assert_true(moved.fired_at_ms >= now_ms + 20 && moved.fired_at_ms <= late.fired_at_ms);
  assert_true(late.fired_at_ms >= now_ms + 30);
  assert_false(never.has_fired);
  rig_deinit(&rig);
}

/* A deadline keeps the loop running; nothing else of the shared object does. */
static void test_deadline_keeps_loop_alive(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  assert_int_equal(uv_run(&rig.uv, UV_RUN_DEFAULT), 0);
  struct alarm alarm = {.timer.fire = on_alarm, .rig = &rig};
  net_timer_set(rig.loop, &alarm.timer, net_loop_now_ms(rig.loop) + 20);
  assert_int_equal(uv_run(&rig.uv, UV_RUN_DEFAULT), 0);
  assert_true(alarm.has_fired);
  rig_deinit(&rig);
}

static void test_deadline_in_the_past_set_again(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct alarm alarm = {.timer.fire = on_alarm, .rig = &rig, .again = 5};
  net_timer_set(rig.loop, &alarm.timer, 0);
  rig_until_count(&rig, &alarm.count, 6);
  rig_deinit(&rig);
}

/* Waiting costs no turns: the poll sleeps until the deadline. */
static unsigned turn_count;

static void count_turn(uv_prepare_t *handle) {
  (void)handle;
  turn_count++;
}

static void test_waiting_does_not_spin(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  uv_prepare_t prepare;
  uv_prepare_init(&rig.uv, &prepare);
  uv_prepare_start(&prepare, count_turn);
  turn_count = 0;
  struct alarm alarm = {.timer.fire = on_alarm, .rig = &rig};
  net_timer_set(rig.loop, &alarm.timer, net_loop_now_ms(rig.loop) + 100);
  rig_until(&rig, &alarm.has_fired);
  assert_in_range(turn_count, 1, 6);
  uv_close((uv_handle_t *)&prepare, NULL);
  rig_deinit(&rig);
}

/* A late deadline never beats what has already arrived: both are due in the same turn here. */
struct race {
  struct alarm alarm;
  bool was_read, was_read_first;
  int fd;
};

static void on_race_read(uv_poll_t *handle, int status, int events) {
  (void)status;
  (void)events;
  struct race *race = handle->data;
  race->was_read = true;
  uv_poll_stop(handle);
}

static void on_race_alarm(struct net_timer *timer) {
  struct race *race = (struct race *)timer;
  race->alarm.has_fired = true;
  race->was_read_first = race->was_read;
}

static void test_deadline_after_arrived_data(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  int fds[2];
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
  struct race race = {.alarm.timer.fire = on_race_alarm, .alarm.rig = &rig};
  uv_poll_t poll;
  poll.data = &race;
  uv_poll_init(&rig.uv, &poll, fds[0]);
  uv_poll_start(&poll, UV_READABLE, on_race_read);
  net_timer_set(rig.loop, &race.alarm.timer, net_loop_now_ms(rig.loop)); /* over already */
  assert_int_equal(write(fds[1], "x", 1), 1);
  rig_until(&rig, &race.alarm.has_fired);
  assert_true(race.was_read_first);
  uv_close((uv_handle_t *)&poll, NULL);
  close(fds[0]);
  close(fds[1]);
  rig_deinit(&rig);
}

/* ---- the end of a turn ---- */

struct hook {
  struct net_turn_end turn_end;
  struct rig *rig;
  bool has_run;
  unsigned count, again;
  struct hook *cancels;
  int order;
};

static int next_order;

static void on_hook(struct net_turn_end *turn_end) {
  struct hook *hook = (struct hook *)turn_end;
  hook->has_run = true;
  hook->order = ++next_order;
  if (hook->count++ < hook->again)
    net_loop_at_turn_end(hook->rig->loop, turn_end);
  if (hook->cancels)
    net_loop_cancel_turn_end(hook->rig->loop, &hook->cancels->turn_end);
}

static struct hook make_hook(struct rig *rig) {
  return (struct hook){.turn_end.run = on_hook, .rig = rig};
}

static void test_turn_end(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  next_order = 0;
  struct hook a = make_hook(&rig), b = a, c = a, d = a;
  net_loop_cancel_turn_end(rig.loop, &a.turn_end); /* not queued: harmless */
  net_loop_at_turn_end(rig.loop, &a.turn_end);
  net_loop_at_turn_end(rig.loop, &a.turn_end); /* once */
  net_loop_at_turn_end(rig.loop, &b.turn_end);
  net_loop_at_turn_end(rig.loop, &c.turn_end);
  net_loop_at_turn_end(rig.loop, &d.turn_end);
  net_loop_cancel_turn_end(rig.loop, &b.turn_end);
  net_loop_cancel_turn_end(rig.loop, &d.turn_end); /* the last one */
  net_loop_at_turn_end(rig.loop, &d.turn_end);
  a.cancels = &c; /* while they run */
  uv_run(&rig.uv, UV_RUN_DEFAULT);
  assert_int_equal(a.count, 1);
  assert_int_equal(a.order, 1);
  assert_false(b.has_run);
  assert_false(c.has_run);
  assert_int_equal(d.order, 2);
  rig_deinit(&rig);
}

struct asker {
  struct net_timer timer;
  struct hook *hook;
};

static void ask(struct net_timer *timer) {
  struct asker *asker = (struct asker *)timer;
  net_loop_at_turn_end(asker->hook->rig->loop, &asker->hook->turn_end);
}

/* What a turn asks for is done in it; what is asked for between two turns keeps the loop alive. */
static void test_turn_end_in_the_same_turn(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct hook hook = make_hook(&rig);
  struct asker asker = {.timer.fire = ask, .hook = &hook};
  net_timer_set(rig.loop, &asker.timer, 0);
  uv_run(&rig.uv, UV_RUN_NOWAIT);
  assert_int_equal(hook.count, 1);
  uv_run(&rig.uv, UV_RUN_NOWAIT);
  assert_false(uv_loop_alive(&rig.uv));
  net_loop_at_turn_end(rig.loop, &hook.turn_end); /* between two turns */
  assert_true(uv_loop_alive(&rig.uv));
  assert_int_equal(uv_backend_timeout(&rig.uv), 0);
  uv_run(&rig.uv, UV_RUN_NOWAIT);
  assert_int_equal(hook.count, 2);
  rig_deinit(&rig);
}

/* A hook that asks for itself again comes a few times in a turn, then lets the sockets be polled,
   but does not let the loop sleep. */
static void test_turn_end_again(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct hook hook = make_hook(&rig);
  hook.again = 100;
  net_loop_at_turn_end(rig.loop, &hook.turn_end);
  uv_run(&rig.uv, UV_RUN_NOWAIT);
  assert_in_range(hook.count, 1, 10);
  rig_until_count(&rig, &hook.count, 101);
  rig_deinit(&rig);
}

/* ---- posting ---- */

#define POSTERS 4
#define POSTS_EACH 500

struct letter {
  struct net_task task;
  unsigned *count;
  unsigned number;
  unsigned *last;
  bool is_own_thread;
  struct rig *rig;
};

static void on_letter(struct net_task *task) {
  struct letter *letter = (struct letter *)task;
  assert_true(net_loop_is_own_thread(letter->rig->loop));
  assert_int_equal(letter->number, *letter->last + 1); /* in order of posting */
  *letter->last = letter->number;
  (*letter->count)++;
}

struct poster {
  struct rig *rig;
  struct letter letters[POSTS_EACH];
  unsigned last;
  pthread_t thread;
};

static void *post_all(void *argument) {
  struct poster *poster = argument;
  if (net_loop_is_own_thread(poster->rig->loop))
    abort();
  for (size_t i = 0; i < POSTS_EACH; i++)
    net_loop_post(poster->rig->loop, &poster->letters[i].task);
  return NULL;
}

static void test_posting(void **state) {
  (void)state;
  static struct poster posters[POSTERS];
  struct rig rig;
  rig_init(&rig);
  unsigned count = 0;
  for (size_t p = 0; p < POSTERS; p++) {
    posters[p].rig = &rig;
    posters[p].last = 0;
    for (unsigned i = 0; i < POSTS_EACH; i++)
      posters[p].letters[i] =
          (struct letter){{NULL, on_letter}, &count, i + 1, &posters[p].last, false, &rig};
    assert_int_equal(pthread_create(&posters[p].thread, NULL, post_all, &posters[p]), 0);
  }
  struct alarm keep_alive = {.timer.fire = on_alarm, .rig = &rig};
  net_timer_set(rig.loop, &keep_alive.timer, net_loop_now_ms(rig.loop) + RIG_PATIENCE_MS * 2);
  rig_until_count(&rig, &count, POSTERS * POSTS_EACH);
  net_timer_unset(rig.loop, &keep_alive.timer);
  for (size_t p = 0; p < POSTERS; p++)
    pthread_join(posters[p].thread, NULL);
  rig_deinit(&rig);
}

/* ---- the shared object ---- */

static void test_one_object_for_a_loop(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  int error;
  struct net_loop *same = net_loop_acquire(&rig.uv, &rig.memory.memory, &error);
  assert_ptr_equal(same, rig.loop);
  struct net_loop *other = net_loop_acquire(&rig.uv, &memory_default, &error);
  assert_ptr_not_equal(other, rig.loop); /* memory of one owner is never freed by another's */
  assert_ptr_equal(net_loop_uv(other), &rig.uv);
  net_loop_release(other);
  net_loop_release(same);
  assert_true(net_loop_is_own_thread(rig.loop));
  assert_true(net_loop_now_us(rig.loop) / 1000 + 10 >= net_loop_now_ms(rig.loop));
  assert_true(net_loop_wall_ms(rig.loop) > 1600000000000);
  assert_non_null(net_loop_receive_buffer(rig.loop));
  rig_deinit(&rig);
}

static void test_no_memory_for_a_loop(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  net_loop_release(rig.loop);
  rig.memory.fail_at = rig.memory.taken + 1;
  int error = 0;
  assert_null(net_loop_acquire(&rig.uv, &rig.memory.memory, &error));
  assert_int_equal(error, UV_ENOMEM);
  rig.loop = net_loop_acquire(&rig.uv, &rig.memory.memory, &error);
  assert_non_null(rig.loop);
  rig_deinit(&rig);
}

/* ---- chance ---- */

static int compare_keys(const void *a, const void *b) {
  return memcmp(a, b, 4);
}

/* 100,000 keys over many refills: 4-byte values repeat about once by chance, not often. */
static void test_masking_keys_differ(void **state) {
  (void)state;
  enum { KEYS = 100000 };
  struct rig rig;
  rig_init(&rig);
  uint8_t(*keys)[4] = malloc(sizeof(uint8_t[KEYS][4]));
  for (size_t i = 0; i < KEYS; i++)
    net_loop_masking_key(rig.loop, keys[i]);
  qsort(keys, KEYS, 4, compare_keys);
  unsigned repeats = 0;
  for (size_t i = 1; i < KEYS; i++)
    repeats += memcmp(keys[i - 1], keys[i], 4) == 0;
  assert_true(repeats < 20);
  free(keys);
  rig_deinit(&rig);
}

static void test_random(void **state) {
  (void)state;
  uint8_t a[64] = {0}, b[64] = {0};
  assert_true(net_random(a, sizeof a));
  assert_true(net_random(b, sizeof b));
  assert_memory_not_equal(a, b, sizeof a);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_heap),
      cmocka_unit_test(test_heap_without_memory),
      cmocka_unit_test(test_deadlines_fire_in_time_and_order),
      cmocka_unit_test(test_deadline_keeps_loop_alive),
      cmocka_unit_test(test_deadline_in_the_past_set_again),
      cmocka_unit_test(test_waiting_does_not_spin),
      cmocka_unit_test(test_deadline_after_arrived_data),
      cmocka_unit_test(test_turn_end),
      cmocka_unit_test(test_turn_end_in_the_same_turn),
      cmocka_unit_test(test_turn_end_again),
      cmocka_unit_test(test_posting),
      cmocka_unit_test(test_one_object_for_a_loop),
      cmocka_unit_test(test_no_memory_for_a_loop),
      cmocka_unit_test(test_masking_keys_differ),
      cmocka_unit_test(test_random),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
