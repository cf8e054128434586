/* One loop for a test: clients and servers both live on it, and nothing waits without a bound. */
#ifndef SUPPORT_CLIENT_WORLD_H
#define SUPPORT_CLIENT_WORLD_H

#include "loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* How long a condition may take to come true before the test fails. */
#define WORLD_PATIENCE_MS 10000

struct world {
  uv_loop_t *uv;    /* never reused after a failed test */
  uv_timer_t *tick; /* so that conditions are looked at though no socket is ready */
  struct net_loop *net;
  uint64_t patience_ends_ns;
};

void world_init(struct world *world);
/** Everything must have been stopped: runs until all handles are closed. */
void world_deinit(struct world *world);
/** From here on WORLD_PATIENCE_MS may pass. */
void world_be_patient(struct world *world);
/** One turn of the loop; fails the test when patience has ended. */
void world_turn(struct world *world, const char *condition, const char *file, int line);
/** Turns for a while that nobody should notice: to see that nothing happens. */
void world_idle(struct world *world, unsigned turns);
/** Lets `ms` go by on the loop. */
void world_pass(struct world *world, uint64_t ms);

/** Turns the loop until `condition` holds. */
#define world_until(world, condition)                                                              \
  do {                                                                                             \
    world_be_patient(world);                                                                       \
    while (!(condition))                                                                           \
      world_turn(world, #condition, __FILE__, __LINE__);                                           \
  } while (0)

#endif
