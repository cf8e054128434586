/*
 * Drives sessions through random worlds, each from a seed of its own.
 *
 *   sim_session [FIRST_SEED [WORLDS [STEPS]]]
 *
 * A failure prints the seed; `sim_session SEED 1 STEPS` plays that world again.
 */
#include "world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct world world;

static char last_words[64];

/* An assertion of the session traps: say which world it was. */
static void on_trap(int signal_number) {
  (void)signal_number;
  (void)!write(STDERR_FILENO, last_words, sizeof last_words);
  _exit(1);
}

static uint64_t argument(int argc, char **argv, int at, uint64_t otherwise) {
  return at < argc ? strtoull(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv) {
  const uint64_t first = argument(argc, argv, 1, 1);
  const uint64_t worlds = argument(argc, argv, 2, 1000);
  const uint64_t steps = argument(argc, argv, 3, 3000);
  uint64_t events = 0, finals = 0, opened = 0;
  (void)signal(SIGILL, on_trap);
  (void)signal(SIGTRAP, on_trap);
  for (uint64_t seed = first; seed < first + worlds; seed++) {
    (void)snprintf(last_words, sizeof last_words, "seed %llu: an assertion of the session\n",
                   (unsigned long long)seed);
    world_init(&world, seed);
    for (uint64_t step = 0; step < steps; step++)
      world_step(&world);
    world_end(&world);
    events += world.events;
    finals += world.finals;
    opened += world.session.counts.reconnects;
  }
  (void)printf("%llu worlds, %llu inputs and actions, %llu messages, %llu reconnects: no rule "
               "broken\n",
               (unsigned long long)worlds, (unsigned long long)events, (unsigned long long)finals,
               (unsigned long long)opened);
  return finals && (opened || worlds < 10) ? 0 : 1;
}
