#include "timer_heap.h"

#include <assert.h>

static void put(struct timer_heap *heap, size_t i, struct net_timer *timer) {
  heap->entry[i] = timer;
  timer->slot = i + 1;
}

static void sift_up(struct timer_heap *heap, size_t i, struct net_timer *timer) {
  while (i > 0) {
    size_t parent = (i - 1) / 2;
    if (heap->entry[parent]->at_ms <= timer->at_ms)
      break;
    put(heap, i, heap->entry[parent]);
    i = parent;
  }
  put(heap, i, timer);
}

static void sift_down(struct timer_heap *heap, size_t i, struct net_timer *timer) {
  for (;;) {
    size_t child = 2 * i + 1;
    if (child >= heap->count)
      break;
    if (child + 1 < heap->count && heap->entry[child + 1]->at_ms < heap->entry[child]->at_ms)
      child++;
    if (heap->entry[child]->at_ms >= timer->at_ms)
      break;
    put(heap, i, heap->entry[child]);
    i = child;
  }
  put(heap, i, timer);
}

/* Finds the place for `timer`, whose key may have moved either way, starting at i. */
static void place(struct timer_heap *heap, size_t i, struct net_timer *timer) {
  if (i > 0 && heap->entry[(i - 1) / 2]->at_ms > timer->at_ms)
    sift_up(heap, i, timer);
  else
    sift_down(heap, i, timer);
}

static bool grow(struct timer_heap *heap, const struct memory *memory) {
  size_t cap = heap->cap ? 2 * heap->cap : 16;
  struct net_timer **entry = memory_realloc(memory, heap->entry, cap * sizeof(struct net_timer *));
  if (!entry)
    return false;
  heap->entry = entry;
  heap->cap = cap;
  return true;
}

bool timer_heap_set(struct timer_heap *heap, const struct memory *memory, struct net_timer *timer,
                    uint64_t at_ms) {
  if (at_ms == NET_NEVER) {
    timer_heap_unset(heap, timer);
    return true;
  }
  if (!timer->slot) {
    if (heap->count == heap->cap && !grow(heap, memory))
      return false;
    timer->slot = ++heap->count;
  }
  timer->at_ms = at_ms;
  place(heap, timer->slot - 1, timer);
  return true;
}

void timer_heap_unset(struct timer_heap *heap, struct net_timer *timer) {
  if (!timer->slot)
    return;
  size_t i = timer->slot - 1;
  assert(i < heap->count && heap->entry[i] == timer);
  timer->slot = 0;
  struct net_timer *last = heap->entry[--heap->count];
  if (last != timer)
    place(heap, i, last);
}

struct net_timer *timer_heap_first(const struct timer_heap *heap) {
  return heap->count ? heap->entry[0] : NULL;
}

void timer_heap_deinit(struct timer_heap *heap, const struct memory *memory) {
  memory_free(memory, heap->entry);
  heap->entry = NULL;
  heap->count = heap->cap = 0;
}
