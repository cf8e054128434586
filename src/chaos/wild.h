/*
 * Random steps from a seed: the same seed gives the same steps for ever. Faults of every kind come
 * and go; no more than three are on at once, and all is cleared again and again, so that whoever is
 * tested gets the chance to recover. Pure.
 */
#ifndef CHAOS_WILD_H
#define CHAOS_WILD_H

#include "script.h"

struct wild {
  uint64_t stream;
  uint64_t at_ms;    /* of the last step */
  unsigned on_count; /* faults turned on since the last clear */
};

void wild_init(struct wild *wild, uint64_t seed);
/** The next step; times never go back. */
void wild_next(struct wild *wild, struct script_step *step);

#endif
