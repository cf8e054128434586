/* Plays scripts, shrinks those that break a rule, and runs worlds by the seed. */
#ifndef SIM_WORLD_PLAY_H
#define SIM_WORLD_PLAY_H

#include "world_script.h"

#define WORLD_OPS 120 /* operations of a world unless told otherwise */

struct play_result {
  const char *broken; /* the rule, or NULL */
  uint32_t
      ops_done;   /* up to and with the one that broke it; ops_count: at the end, or not at all */
  uint64_t at_ms; /* since the world began */
  uint64_t steps, opened, messages, confirmed;
};

/** Storage of the caller's, as a world is large. A crash is a broken rule too, and so is an
    assertion of the session where it is compiled in: their signals are caught meanwhile. One thread
   at a time. */
void world_play(struct world *w, const struct script *script, bool is_traced,
                struct play_result *result);

/** Makes a script that breaks a rule shorter and plainer as long as it breaks the same one; plays
    it at most `tries` times. `spare` is room for another script. Returns how often it was played.
 */
uint32_t world_shrink(struct world *w, struct script *script, struct script *spare, uint32_t tries);

#endif
