/* Worlds by the seed, one after the other, and what became of them. */
#ifndef SIM_WORLDS_H
#define SIM_WORLDS_H

#include "world_play.h"

/** Storage of the caller's, about half a megabyte. */
struct worlds {
  struct world world;
  struct script script, spare;
  struct play_result result; /* of the last one */
  struct play_result sum;    /* of all */
  uint64_t count;
  uint32_t shrunk_from, tries; /* of the one that broke */
};

/** Plays the world of a seed. False: a rule broke; `script` is then as short as it could be made,
   and `result` says what broke in it. */
bool worlds_play_seed(struct worlds *worlds, uint64_t seed, uint32_t ops_count);

#endif
