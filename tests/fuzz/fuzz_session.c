/*
 * The session in the simulator's world (tests/sim), where every choice is a byte of the input: what
 * happens next, with which numbers, under which options. The world checks itself after each step.
 */
#include "fuzz.h"

#include "world.h"

#define STEPS_MAX 3000

void fuzz_one(const uint8_t *data, size_t len) {
  static struct world world;
  world_init_choices(&world, data, len);
  for (unsigned step = 0; step < STEPS_MAX && world.choices_left > 0; step++)
    world_step(&world);
  world_end(&world);
}
