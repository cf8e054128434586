/* What a setting of the backoff comes to: the shortest, mean and longest delay of each retry, and
   their sums. */
#ifndef SIM_DELAYS_H
#define SIM_DELAYS_H

#include <stdint.h>

#include "backoff.h"

#define DELAYS_RETRIES_MAX 1000

/** In ms. */
struct delay_range {
  double min, mean, max;
};

struct delays_row {
  struct delay_range delay; /* of this retry */
  struct delay_range sum;   /* of all retries up to this one */
};

/** Fills rows[0] to rows[count - 1], the first retry first; `count` is 1-DELAYS_RETRIES_MAX. Exact,
    but for the mean of decorrelated jitter, where each delay depends on the one before: that is
    of many chains drawn from one fixed seed, and always the same. */
void delays_fill(const struct backoff_config *config, struct delays_row *rows, uint32_t count);

#endif
