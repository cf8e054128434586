/* Choices from a seed: the same seed and the same course make the same choices. Not for secrets. */
#ifndef CHAOS_CHANCE_H
#define CHAOS_CHANCE_H

#include <stdint.h>

/** A mix of the two, spread over all 64 bits (the finaliser of splitmix64). */
static inline uint64_t chance_mix(uint64_t seed, uint64_t number) {
  uint64_t z = seed + (number + 1) * 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

/** The next number of a stream, from 0 to below `end`; `end` is at least 1. */
static inline uint64_t chance_next(uint64_t *stream, uint64_t end) {
  *stream = chance_mix(*stream, 0);
  return *stream % end;
}

#endif
