/* A system whose network nobody has taught us to watch: nothing is known, and dials tell. */
#include "watch_system.h"

static void *open_none(struct net_loop *loop, struct net_watch *watch) {
  (void)loop, (void)watch;
  return NULL;
}

static uint64_t slept_never(void) {
  return 0;
}

const struct watch_system watch_system = {.open = open_none, .slept_ms = slept_never};
