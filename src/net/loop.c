/*
 * One turn of a uv loop, as seen from here:
 *
 *   timers    `wake` may fire; it only makes sure that the poll does not block
 *   prepare   hooks run that were asked for since the check, `wake` is set anew
 *   poll      sockets are read
 *   check     deadlines are judged, after everything that has arrived was read; then hooks run
 *             (buffers are sent)
 *
 * Unreferenced are all handles that are always active. `wake` is active while a deadline is
 * pending, `hurry` and `nudge` while hooks wait that must be waited for.
 *
 * Between the end of one turn's check and the next turn's prepare whoever runs the loop may sleep
 * in a poll of his own, as long as uv_backend_timeout() says: time stands still there, no prepare
 * comes, and what is asked for must show in that number. So time is read anew, `wake` follows an
 * earlier deadline at once, and `nudge` says that hooks wait. It ends with the prepare, so a loop
 * that runs by itself polls no more often for it.
 */
#include "loop_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* Rounds of end-of-turn hooks after the sockets were polled, and before they are again. */
#define HOOK_ROUNDS_MAX 2
#define HANDLE_COUNT 7

/* Its address names the calling thread, and costs no call. */
static _Thread_local char this_thread;

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct net_loop *registry;

/* ---- deadlines ---- */

static void on_hurry(uv_idle_t *handle) {
  (void)handle;
}

void net_loop_hurry(struct net_loop *loop) {
  uv_idle_start(&loop->hurry, on_hurry);
}

static void on_wake(uv_timer_t *handle) {
  struct net_loop *loop = handle->data;
  loop->wake_at_ms = NET_NEVER;
  net_loop_hurry(loop);
}

static void set_wake(struct net_loop *loop) {
  const struct net_timer *first = timer_heap_first(&loop->deadlines);
  uint64_t at_ms = first ? first->at_ms : NET_NEVER;
  if (at_ms == loop->wake_at_ms)
    return;
  loop->wake_at_ms = at_ms;
  uint64_t now_ms = uv_now(loop->uv);
  if (at_ms == NET_NEVER)
    uv_timer_stop(&loop->wake);
  else
    uv_timer_start(&loop->wake, on_wake, at_ms > now_ms ? at_ms - now_ms : 0, 0);
}

static void wake_no_later(struct net_loop *loop, uint64_t at_ms) {
  if (at_ms < loop->wake_at_ms)
    set_wake(loop);
}

/* At most as many as there were: one that sets itself to the past waits for the next turn. */
static void judge_deadlines(struct net_loop *loop) {
  uint64_t now_ms = uv_now(loop->uv);
  for (size_t left = loop->deadlines.count; left > 0; left--) {
    struct net_timer *timer = timer_heap_first(&loop->deadlines);
    if (!timer || timer->at_ms > now_ms)
      break;
    timer_heap_unset(&loop->deadlines, timer);
    timer->fire(timer);
  }
}

bool net_timer_set(struct net_loop *loop, struct net_timer *timer, uint64_t at_ms) {
  if (!timer_heap_set(&loop->deadlines, &loop->memory, timer, at_ms))
    return false;
  if (loop->wake_at_ms == NET_NEVER || loop->phase == LOOP_BETWEEN_TURNS)
    wake_no_later(loop, at_ms);
  return true;
}

void net_timer_unset(struct net_loop *loop, struct net_timer *timer) {
  timer_heap_unset(&loop->deadlines, timer);
}

/* ---- the end of a turn ---- */

static void run_hooks(struct net_loop *loop) {
  loop->running_hooks = loop->hooks;
  loop->running_hooks->place = &loop->running_hooks;
  loop->hooks = NULL;
  loop->hooks_tail = &loop->hooks;
  while (loop->running_hooks) {
    struct net_turn_end *hook = loop->running_hooks;
    net_loop_cancel_turn_end(loop, hook);
    hook->run(hook);
  }
}

/* What hooks ask for is done at once, as what a burst of sends asks for usually is; after a few
   rounds the sockets come first, without sleeping, so that no hook can starve them. */
static void run_rounds(struct net_loop *loop) {
  loop->phase = LOOP_ENDING_TURN;
  for (int round = 0; loop->hooks && round < HOOK_ROUNDS_MAX; round++)
    run_hooks(loop);
}

static void on_nudge(uv_idle_t *handle) {
  (void)handle;
}

static void on_judge(uv_check_t *handle) {
  struct net_loop *loop = handle->data;
  loop->phase = LOOP_JUDGING;
  uv_idle_stop(&loop->hurry);
  judge_deadlines(loop);
  run_rounds(loop);
  loop->phase = LOOP_BETWEEN_TURNS;
  if (loop->hooks)
    uv_idle_start(&loop->nudge, on_nudge);
  const struct net_timer *first = timer_heap_first(&loop->deadlines);
  if (first)
    wake_no_later(loop, first->at_ms);
}

static void on_prepare(uv_prepare_t *handle) {
  struct net_loop *loop = handle->data;
  atomic_store_explicit(&loop->thread, &this_thread, memory_order_relaxed);
  uv_idle_stop(&loop->nudge);
  run_rounds(loop);
  if (loop->hooks)
    net_loop_hurry(loop);
  loop->phase = LOOP_POLLING;
  set_wake(loop);
}

/* The caller's own prepare handle may run after ours and send: then the poll must not sleep on it.
 */
void net_loop_at_turn_end(struct net_loop *loop, struct net_turn_end *hook) {
  if (hook->place)
    return;
  if (loop->phase == LOOP_POLLING)
    net_loop_hurry(loop);
  if (loop->phase == LOOP_BETWEEN_TURNS)
    uv_idle_start(&loop->nudge, on_nudge);
  hook->next = NULL;
  hook->place = loop->hooks_tail;
  *loop->hooks_tail = hook;
  loop->hooks_tail = &hook->next;
}

void net_loop_cancel_turn_end(struct net_loop *loop, struct net_turn_end *hook) {
  if (!hook->place)
    return;
  *hook->place = hook->next;
  if (hook->next)
    hook->next->place = hook->place;
  else if (loop->hooks_tail == &hook->next)
    loop->hooks_tail = hook->place;
  hook->place = NULL;
}

/* ---- work from other threads ---- */

void net_loop_post(struct net_loop *loop, struct net_task *task) {
  struct net_task *head = atomic_load_explicit(&loop->posted, memory_order_relaxed);
  do {
    task->next = head;
  } while (!atomic_compare_exchange_weak_explicit(&loop->posted, &head, task, memory_order_release,
                                                  memory_order_relaxed));
  if (!head)
    uv_async_send(&loop->post_box);
}

/* The list is last in, first out; turned round it runs in the order of posting. */
static void run_posted(struct net_loop *loop) {
  struct net_task *task = atomic_exchange_explicit(&loop->posted, NULL, memory_order_acquire);
  struct net_task *in_order = NULL;
  while (task) {
    struct net_task *next = task->next;
    task->next = in_order;
    in_order = task;
    task = next;
  }
  while (in_order) {
    task = in_order;
    in_order = task->next;
    task->run(task);
  }
}

static void on_post(uv_async_t *handle) {
  run_posted(handle->data);
}

/* ---- warm links ---- */

static void on_sweep(uv_timer_t *handle) {
  struct net_loop *loop = handle->data;
  if (!traffic_sweep(loop))
    uv_timer_stop(&loop->sweeper);
}

void net_loop_start_sweeper(struct net_loop *loop) {
  if (!uv_is_active((uv_handle_t *)&loop->sweeper))
    uv_timer_start(&loop->sweeper, on_sweep, TRAFFIC_SWEEP_MS, TRAFFIC_SWEEP_MS);
}

/* ---- life ---- */

static void destroy(struct net_loop *loop) {
  struct memory memory = loop->memory;
  run_posted(loop);
  traffic_pool_deinit(loop);
  timer_heap_deinit(&loop->deadlines, &memory);
  key_pool_deinit(&loop->keys);
  memory_free(&memory, loop);
}

static void on_closed(uv_handle_t *handle) {
  struct net_loop *loop = handle->data;
  if (--loop->handle_count == 0)
    destroy(loop);
}

static void close_handles(struct net_loop *loop) {
  uv_handle_t *const handles[HANDLE_COUNT] = {
      (uv_handle_t *)&loop->wake,     (uv_handle_t *)&loop->sweeper, (uv_handle_t *)&loop->prepare,
      (uv_handle_t *)&loop->judge,    (uv_handle_t *)&loop->hurry,   (uv_handle_t *)&loop->nudge,
      (uv_handle_t *)&loop->post_box,
  };
  loop->handle_count = HANDLE_COUNT;
  for (size_t i = 0; i < HANDLE_COUNT; i++) {
    handles[i]->data = loop;
    uv_close(handles[i], on_closed);
  }
}

/* The only handle whose making can fail comes first, so that nothing is to be undone. */
static int open_handles(struct net_loop *loop) {
  int error = uv_async_init(loop->uv, &loop->post_box, on_post);
  if (error)
    return error;
  uv_timer_init(loop->uv, &loop->wake);
  uv_timer_init(loop->uv, &loop->sweeper);
  uv_prepare_init(loop->uv, &loop->prepare);
  uv_check_init(loop->uv, &loop->judge);
  uv_idle_init(loop->uv, &loop->hurry);
  uv_idle_init(loop->uv, &loop->nudge);
  loop->post_box.data = loop->wake.data = loop->sweeper.data = loop;
  loop->prepare.data = loop->judge.data = loop->hurry.data = loop;
  uv_prepare_start(&loop->prepare, on_prepare);
  uv_check_start(&loop->judge, on_judge);
  uv_unref((uv_handle_t *)&loop->post_box);
  uv_unref((uv_handle_t *)&loop->sweeper);
  uv_unref((uv_handle_t *)&loop->prepare);
  uv_unref((uv_handle_t *)&loop->judge);
  return 0;
}

static struct net_loop *make(uv_loop_t *uv, const struct memory *memory, int *error) {
  *error = UV_ENOMEM;
  struct net_loop *loop = memory_alloc(memory, sizeof *loop);
  if (!loop)
    return NULL;
  memset(loop, 0, offsetof(struct net_loop, room));
  loop->uv = uv;
  loop->receive = loop->room + (64 - (uintptr_t)loop->room % 64) % 64;
  loop->memory = *memory;
  loop->reference_count = 1;
  loop->wake_at_ms = NET_NEVER;
  loop->phase = LOOP_BETWEEN_TURNS; /* or it becomes so soon */
  loop->hooks_tail = &loop->hooks;
  atomic_store(&loop->thread, &this_thread);
  *error = key_pool_init(&loop->keys) ? open_handles(loop) : UV_EIO;
  if (*error) {
    key_pool_deinit(&loop->keys);
    memory_free(memory, loop);
    return NULL;
  }
  return loop;
}

static struct net_loop *find(const uv_loop_t *uv, const struct memory *memory) {
  for (struct net_loop *loop = registry; loop; loop = loop->next)
    if (loop->uv == uv && loop->memory.alloc == memory->alloc &&
        loop->memory.realloc == memory->realloc && loop->memory.free == memory->free &&
        loop->memory.context == memory->context)
      return loop;
  return NULL;
}

struct net_loop *net_loop_acquire(uv_loop_t *uv, const struct memory *memory, int *error) {
  pthread_mutex_lock(&registry_lock);
  *error = 0;
  struct net_loop *loop = find(uv, memory);
  if (loop) {
    loop->reference_count++;
  } else {
    loop = make(uv, memory, error);
    if (loop) {
      loop->next = registry;
      registry = loop;
    }
  }
  pthread_mutex_unlock(&registry_lock);
  return loop;
}

/* Only the masking keys fail with this one. */
const char *net_loop_error_text(int error) {
  return error == UV_EIO ? "no random numbers from the system" : uv_strerror(error);
}

void net_loop_retain(struct net_loop *loop) {
  loop->reference_count++;
}

static void unregister(struct net_loop *loop) {
  pthread_mutex_lock(&registry_lock);
  struct net_loop **place = &registry;
  while (*place != loop)
    place = &(*place)->next;
  *place = loop->next;
  pthread_mutex_unlock(&registry_lock);
}

void net_loop_release(struct net_loop *loop) {
  if (--loop->reference_count > 0)
    return;
  unregister(loop);
  close_handles(loop);
}

void net_loop_hold(struct net_loop *loop) {
  if (loop->hold_count++ == 0)
    uv_ref((uv_handle_t *)&loop->post_box);
}

void net_loop_let_go(struct net_loop *loop) {
  if (--loop->hold_count == 0)
    uv_unref((uv_handle_t *)&loop->post_box);
}

/* ---- questions ---- */

uv_loop_t *net_loop_uv(struct net_loop *loop) {
  return loop->uv;
}

const struct memory *net_loop_memory(struct net_loop *loop) {
  return &loop->memory;
}

uint64_t net_loop_now_ms(struct net_loop *loop) {
  if (loop->phase == LOOP_BETWEEN_TURNS)
    uv_update_time(loop->uv);
  return uv_now(loop->uv);
}

uint64_t net_loop_now_us(struct net_loop *loop) {
  (void)loop;
  return uv_hrtime() / 1000;
}

int64_t net_loop_wall_ms(struct net_loop *loop) {
  (void)loop;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool net_loop_is_own_thread(const struct net_loop *loop) {
  return atomic_load_explicit(&loop->thread, memory_order_relaxed) == &this_thread;
}

uint8_t *net_loop_receive_buffer(struct net_loop *loop) {
  return loop->receive;
}

void net_loop_masking_key(struct net_loop *loop, uint8_t key[4]) {
  key_pool_take(&loop->keys, key);
}
