/*
 * The kernels behind mask.h and utf8.h: one set in plain C, and one for each vector unit worth
 * having. The best set that the processor can run is chosen at first use; a race between first
 * uses is harmless, since all of them come to the same constant.
 *
 * This is the one place that knows processors; callers want mask.h and utf8.h.
 */
#ifndef WIRE_SIMD_H
#define WIRE_SIMD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct simd_kernels {
  const char *name;
  /** dst[i] = src[i] ^ byte i % 4 of `key`, in memory order. dst == src, or they are apart. */
  void (*mask_copy)(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key);
  /** Whether `data` is UTF-8 from end to end. */
  bool (*utf8_is_valid)(const uint8_t *data, size_t len);
};

/** The set at `index` among those this processor can run, the portable one first, the best last;
    NULL behind the last. For tests and bench. */
const struct simd_kernels *simd_kernels_at(size_t index);

extern _Atomic(const struct simd_kernels *) simd_chosen;
const struct simd_kernels *simd_choose(void);

/** The best set. */
static inline const struct simd_kernels *simd_kernels(void) {
  const struct simd_kernels *kernels = atomic_load_explicit(&simd_chosen, memory_order_relaxed);
  return kernels != NULL ? kernels : simd_choose();
}

/* mask.c, utf8.c */
void mask_copy_portable(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key);
bool utf8_is_valid_portable(const uint8_t *data, size_t len);
/* mask_x86.c, utf8_x86.c */
void mask_copy_avx2(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key);
bool utf8_is_valid_avx2(const uint8_t *data, size_t len);
bool utf8_is_valid_avx512(const uint8_t *data, size_t len);

#endif
