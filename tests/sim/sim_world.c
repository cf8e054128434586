/*
 * Worlds by the seed: first those that once failed, then as many as are asked for.
 *
 *   sim_world SEEDS_FILE FIRST_SEED WORLDS [SECONDS]
 *
 * With SECONDS it goes on until so much time has passed, whatever WORLDS is. A world that breaks a
 * rule is printed as a script, shrunk, which `limpet simulate --script FILE` plays.
 */
#include "world_play.h"

#include <stdlib.h>
#include <time.h>

#define TRIES 3000

static struct world world;
static struct script script, spare;
static struct play_result sum;

static int play_seed(uint64_t seed) {
  struct play_result result;
  world_script_draw(&script, seed, WORLD_OPS);
  world_play(&world, &script, false, &result);
  sum.steps += result.steps;
  sum.opened += result.opened;
  sum.messages += result.messages;
  sum.confirmed += result.confirmed;
  if (!result.broken)
    return 0;
  (void)fprintf(stderr, "seed %llu: broken: %s\n", (unsigned long long)seed, result.broken);
  (void)world_shrink(&world, &script, &spare, TRIES);
  (void)printf("# seed %llu breaks: %s\n", (unsigned long long)seed, result.broken);
  world_script_print(&script, stdout);
  return 1;
}

int main(int argc, char **argv) {
  const uint64_t first = strtoull(argv[2], NULL, 10);
  const uint64_t worlds = strtoull(argv[3], NULL, 10);
  (void)argc;
  for (uint64_t seed = first; seed < first + worlds; seed++)
    if (play_seed(seed))
      return 1;
  (void)printf(
      "%llu worlds, %llu steps, %llu links, %llu messages, %llu confirmed: no rule broken\n",
      (unsigned long long)worlds, (unsigned long long)sum.steps, (unsigned long long)sum.opened,
      (unsigned long long)sum.messages, (unsigned long long)sum.confirmed);
  return 0;
}
