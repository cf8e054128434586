#include "worlds.h"

#define TRIES_MAX 5000

static void add_up(struct worlds *worlds) {
  const struct play_result *result = &worlds->result;
  worlds->count++;
  worlds->sum.steps += result->steps;
  worlds->sum.opened += result->opened;
  worlds->sum.messages += result->messages;
  worlds->sum.confirmed += result->confirmed;
}

bool worlds_play_seed(struct worlds *worlds, uint64_t seed, uint32_t ops_count) {
  world_script_draw(&worlds->script, seed, ops_count);
  world_play(&worlds->world, &worlds->script, false, &worlds->result);
  add_up(worlds);
  if (!worlds->result.broken)
    return true;
  worlds->shrunk_from = ops_count;
  worlds->tries = world_shrink(&worlds->world, &worlds->script, &worlds->spare, TRIES_MAX);
  world_play(&worlds->world, &worlds->script, false, &worlds->result);
  return false;
}
