/* The driver's half of a world: what world.c does to a session is done through these. */
#ifndef SIM_WORLD_DRIVER_H
#define SIM_WORLD_DRIVER_H

#include "world.h"

#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition))                                                                              \
      world_fail(w, #condition);                                                                   \
  } while (0)

bool world_chance(struct world *w, unsigned one_in);

/* ---- the application ---- */
void driver_push(struct world *w);
void driver_send_direct(struct world *w);

/* ---- the link ---- */
struct failure driver_random_failure(struct world *w);
void driver_open(struct world *w);
void driver_lose(struct world *w, struct failure failure);
void driver_flush(struct world *w);
void driver_peer_reads(struct world *w);
void driver_reply(struct world *w);
void driver_ack(struct world *w);

void driver_take_actions(struct world *w);

#endif
