/*
 * When the bytes of one direction may leave: throttle, slow-loris and delay as arithmetic.
 * Pure: time and chance come in.
 */
#ifndef CHAOS_PACE_H
#define CHAOS_PACE_H

#include "plan.h"

struct pace {
  uint64_t asked_at_ms; /* when the credit was last reckoned */
  uint64_t credit;      /* thousandths of bytes */
  uint64_t byte_at_ms;  /* when slow-loris lets the next byte go */
  uint64_t release_ms;  /* of the newest byte: order is kept */
};

void pace_init(struct pace *pace, uint64_t now_ms);
/** How many of `wanted` bytes may leave now. */
size_t pace_allows(struct pace *pace, const struct plan_flow *flow, size_t wanted, uint64_t now_ms);
/** So many left. */
void pace_spent(struct pace *pace, const struct plan_flow *flow, size_t len, uint64_t now_ms);
/** When at least one more may, after pace_allows() said 0. */
uint64_t pace_next_ms(const struct pace *pace, const struct plan_flow *flow);
/** Until when bytes that came now are held; `chance` is any random number. */
uint64_t pace_release_ms(struct pace *pace, const struct plan_flow *flow, uint64_t now_ms,
                         uint64_t chance);

#endif
