#include "client_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define TICK_MS 1

static void on_tick(uv_timer_t *timer) {
  (void)timer;
}

void world_init(struct world *world) {
  int error = 0;
  world->uv = malloc(sizeof *world->uv);
  world->tick = malloc(sizeof *world->tick);
  assert_non_null(world->uv);
  assert_non_null(world->tick);
  assert_int_equal(uv_loop_init(world->uv), 0);
  uv_timer_init(world->uv, world->tick);
  uv_timer_start(world->tick, on_tick, TICK_MS, TICK_MS);
  uv_unref((uv_handle_t *)world->tick);
  world->net = net_loop_acquire(world->uv, &memory_default, &error);
  assert_non_null(world->net);
  world_be_patient(world);
}

void world_deinit(struct world *world) {
  net_loop_release(world->net);
  uv_close((uv_handle_t *)world->tick, NULL);
  world_be_patient(world);
  while (uv_run(world->uv, UV_RUN_NOWAIT) != 0)
    if (uv_hrtime() > world->patience_ends_ns) {
      uv_print_all_handles(world->uv, stderr);
      fail_msg("something keeps the loop alive");
    }
  assert_int_equal(uv_loop_close(world->uv), 0);
  free(world->tick);
  free(world->uv);
}

void world_be_patient(struct world *world) {
  world->patience_ends_ns = uv_hrtime() + (uint64_t)WORLD_PATIENCE_MS * 1000000;
}

void world_turn(struct world *world, const char *condition, const char *file, int line) {
  uv_ref((uv_handle_t *)world->tick);
  uv_run(world->uv, UV_RUN_ONCE);
  uv_unref((uv_handle_t *)world->tick);
  if (uv_hrtime() > world->patience_ends_ns)
    fail_msg("%s:%d: waited in vain for: %s", file, line, condition);
}

void world_idle(struct world *world, unsigned turns) {
  for (unsigned i = 0; i < turns; i++)
    uv_run(world->uv, UV_RUN_NOWAIT);
}

void world_pass(struct world *world, uint64_t ms) {
  const uint64_t end_ns = uv_hrtime() + ms * 1000000;
  world_until(world, uv_hrtime() >= end_ns);
}
