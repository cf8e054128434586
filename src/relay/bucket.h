/*
 * A token bucket: so many a second, and so many at once after a rest. Time comes from the caller.
 */
#ifndef RELAY_BUCKET_H
#define RELAY_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#define BUCKET_RATE_MAX 1000000

struct bucket {
  uint64_t level; /* in thousandths */
  uint64_t at_ms; /* when the level was right */
};

/** A full one. `rate` a second, which is also what it holds. */
void bucket_init(struct bucket *bucket, uint32_t rate, uint64_t now_ms);
/** Takes one out. False: it is empty, nothing was taken. */
bool bucket_take(struct bucket *bucket, uint32_t rate, uint64_t now_ms);
/** How long until it holds `count`, at most all that it can hold. 0: it does. */
uint64_t bucket_wait_ms(const struct bucket *bucket, uint32_t rate, uint64_t count,
                        uint64_t now_ms);

#endif
