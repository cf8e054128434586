#include "bucket.h"

#define EACH ((uint64_t)1000)

void bucket_init(struct bucket *bucket, uint32_t rate, uint64_t now_ms) {
  bucket->level = rate * EACH;
  bucket->at_ms = now_ms;
}

/* A rate a second is just as many thousandths a millisecond. */
static uint64_t level_at(const struct bucket *bucket, uint32_t rate, uint64_t now_ms) {
  const uint64_t full = rate * EACH;
  const uint64_t passed_ms = now_ms > bucket->at_ms ? now_ms - bucket->at_ms : 0;
  if (passed_ms >= EACH || bucket->level + passed_ms * rate >= full)
    return full;
  return bucket->level + passed_ms * rate;
}

bool bucket_take(struct bucket *bucket, uint32_t rate, uint64_t now_ms) {
  bucket->level = level_at(bucket, rate, now_ms);
  bucket->at_ms = now_ms;
  if (bucket->level < EACH)
    return false;
  bucket->level -= EACH;
  return true;
}

uint64_t bucket_wait_ms(const struct bucket *bucket, uint32_t rate, uint64_t count,
                        uint64_t now_ms) {
  const uint64_t level = level_at(bucket, rate, now_ms);
  const uint64_t wanted = (count < rate ? count : rate) * EACH;
  return level >= wanted ? 0 : (wanted - level + rate - 1) / rate;
}
