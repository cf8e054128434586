/* Seeded chance: the same seed, the same run. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include <stdint.h>

/** The next 64 bits of splitmix64. */
uint64_t random_next(uint64_t *state);
/** In [0, 1). */
double random_unit(uint64_t *state);

#endif
