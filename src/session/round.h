/*
 * A round over the endpoints of one service: one attempt dials each once, without a delay between,
 * the last good one first, the others in the order given (section 4 of the contract). An endpoint
 * that failed for good is left out until the client connects anew from rest.
 */
#ifndef SESSION_ROUND_H
#define SESSION_ROUND_H

#include <stdbool.h>
#include <stdint.h>

#define ROUND_ENDPOINTS_MAX 16

struct round {
  uint8_t count;     /* endpoints; 1-ROUND_ENDPOINTS_MAX */
  uint8_t first;     /* dialed first in each round */
  uint8_t now;       /* being dialed, open, or dialed last */
  uint16_t tried;    /* in this round, one bit each */
  uint16_t excluded; /* failed for good */
};

void round_init(struct round *round, uint8_t count);
/** The client starts from rest: what failed for good may have been cured. */
void round_forgive(struct round *round);
/** A new attempt: none was tried. */
void round_begin(struct round *round);
/** Goes to the next endpoint of this round, `now`. False: the round is over. */
bool round_next(struct round *round);
/** `now` comes first from here on: it opened, or is to be tried again. */
void round_prefer(struct round *round);
/** `now` is to be left for another: the one behind it comes first from here on. */
void round_pass(struct round *round);
/** `now` failed for good. */
void round_exclude(struct round *round);
/** Another is left in this round. */
bool round_has_next(const struct round *round);
/** Another than `now` has not failed for good. */
bool round_has_other(const struct round *round);

#endif
