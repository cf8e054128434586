/*
 * The deadlines of one loop in a binary heap of pointers. Pure: no clock, no libuv.
 *
 * Invariant: entry[i] has slot i + 1, and is not later than its two children. A timer that is set
 * moves without memory being needed.
 */
#ifndef NET_TIMER_HEAP_H
#define NET_TIMER_HEAP_H

#include "loop.h"

struct timer_heap {
  struct net_timer **entry;
  size_t count, cap;
};

/** Sets or moves. False: no memory, and the timer stays unset. */
bool timer_heap_set(struct timer_heap *heap, const struct memory *memory, struct net_timer *timer,
                    uint64_t at_ms);
void timer_heap_unset(struct timer_heap *heap, struct net_timer *timer);
/** The earliest, or NULL. */
struct net_timer *timer_heap_first(const struct timer_heap *heap);
void timer_heap_deinit(struct timer_heap *heap, const struct memory *memory);

#endif
