#include "round.h"

static uint16_t bit(unsigned index) {
  return (uint16_t)(1u << index);
}

static bool is_left(const struct round *round, unsigned index) {
  return !((round->tried | round->excluded) & bit(index));
}

void round_init(struct round *round, uint8_t count) {
  *round = (struct round){.count = count};
}

void round_forgive(struct round *round) {
  round->excluded = 0;
}

void round_begin(struct round *round) {
  round->tried = 0;
}

/* The count: none is left. */
static unsigned find_next(const struct round *round) {
  if (is_left(round, round->first))
    return round->first;
  unsigned index = 0;
  while (index < round->count && !is_left(round, index))
    index++;
  return index;
}

bool round_next(struct round *round) {
  const unsigned index = find_next(round);
  if (index == round->count)
    return false;
  round->now = (uint8_t)index;
  round->tried |= bit(index);
  return true;
}

void round_prefer(struct round *round) {
  round->first = round->now;
}

void round_pass(struct round *round) {
  uint8_t index = round->now;
  do
    index = (uint8_t)((index + 1) % round->count);
  while (index != round->now && (round->excluded & bit(index)));
  round->first = index;
}

void round_exclude(struct round *round) {
  round->excluded |= bit(round->now);
}

bool round_has_next(const struct round *round) {
  return find_next(round) < round->count;
}

bool round_has_other(const struct round *round) {
  const uint16_t all = (uint16_t)((1u << round->count) - 1u);
  return all & ~(round->excluded | bit(round->now));
}
