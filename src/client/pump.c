/*
 * A loop for programs that have one of their own, of another kind: libuv's, run a few turns at a
 * time and never asleep. Its descriptor and its next deadline are all that a foreign loop must
 * know.
 *
 * What calls from outside a turn ask for shows in uv_backend_timeout(), see src/net/loop.c; new
 * watchers do so by libuv itself since 1.44.
 */
#include "internal.h"

#include "uv_open.h"

/* Turns in one run while one follows another at once: what arrived is answered in the same run, and
   a busy peer does not keep the caller's loop waiting. */
#define PUMP_TURNS_MAX 8

struct limpet_pump {
  uv_loop_t uv;
  uv_async_t alive; /* a loop without a living handle would not even poll */
  struct memory memory;
  bool is_running;
};

static bool memory_from(const limpet_allocator *a, struct memory *memory) {
  if (a && (!a->alloc || !a->realloc || !a->free))
    return false;
  *memory = a ? (struct memory){a->alloc, a->realloc, a->free, a->context} : memory_default;
  return true;
}

static int open_loop(struct limpet_pump *pump) {
  int error = net_uv_open(&pump->uv);
  if (error)
    return error;
  error = uv_async_init(&pump->uv, &pump->alive, NULL);
  if (error)
    uv_loop_close(&pump->uv);
  return error;
}

limpet_result limpet_pump_new(const limpet_allocator *allocator, limpet_pump **pump) {
  struct memory memory;
  if (!memory_from(allocator, &memory))
    return LIMPET_INVALID_ARGUMENT;
  struct limpet_pump *made = memory_alloc_zeroed(&memory, sizeof *made);
  if (!made)
    return LIMPET_NO_MEMORY;
  made->memory = memory;
  const int error = open_loop(made);
  if (error) {
    memory_free(&memory, made);
    return error == UV_ENOMEM ? LIMPET_NO_MEMORY : LIMPET_SYSTEM;
  }
  *pump = made;
  return LIMPET_OK;
}

struct uv_loop_s *limpet_pump_loop(limpet_pump *pump) {
  return &pump->uv;
}

int limpet_pump_fd(limpet_pump *pump) {
  return uv_backend_fd(&pump->uv);
}

/* libuv counts from the last turn, after which the caller may have been busy elsewhere. */
int limpet_pump_timeout_ms(limpet_pump *pump) {
  if (pump->is_running)
    return 0;
  uv_update_time(&pump->uv);
  return uv_backend_timeout(&pump->uv);
}

void limpet_pump_run(limpet_pump *pump) {
  if (pump->is_running)
    return;
  pump->is_running = true;
  for (int left = PUMP_TURNS_MAX; left > 0; left--) {
    uv_run(&pump->uv, UV_RUN_NOWAIT);
    if (uv_backend_timeout(&pump->uv) != 0)
      break;
  }
  pump->is_running = false;
}

static void count_handle(uv_handle_t *handle, void *count) {
  (void)handle;
  ++*(size_t *)count;
}

/* Besides `alive`. A closing handle counts as well: whoever owns its memory is not done with it. */
static bool is_in_use(struct limpet_pump *pump) {
  size_t handles_count = 0;
  uv_walk(&pump->uv, count_handle, &handles_count);
  uv_unref((uv_handle_t *)&pump->alive);
  const bool has_requests = uv_loop_alive(&pump->uv) != 0;
  uv_ref((uv_handle_t *)&pump->alive);
  return handles_count > 1 || has_requests;
}

limpet_result limpet_pump_free(limpet_pump *pump) {
  if (pump->is_running)
    return LIMPET_IN_USE;
  limpet_pump_run(pump); /* the last turn of a client that has come to its end */
  if (is_in_use(pump))
    return LIMPET_IN_USE;
  const struct memory memory = pump->memory;
  uv_close((uv_handle_t *)&pump->alive, NULL);
  uv_run(&pump->uv, UV_RUN_NOWAIT);
  uv_loop_close(&pump->uv);
  memory_free(&memory, pump);
  return LIMPET_OK;
}
