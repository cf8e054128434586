/* Masking: short ranges inline, long ones by the best kernel. */
#include "mask.h"

#include "simd.h"

/* Below this a call through the table of kernels costs more than wide registers gain. */
#define SHORT_MAX 128

void mask_copy_portable(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
  mask_short(dst, src, len, key);
}

static void copy(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
  if (len <= SHORT_MAX) {
    mask_short(dst, src, len, key);
  } else {
    simd_kernels()->mask_copy(dst, src, len, key);
  }
}

void mask_copy(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t key[4], size_t offset) {
  uint32_t word;
  memcpy(&word, key, 4);
  copy(dst, src, len, mask_rotate_key(word, offset));
}

void mask_copy_plain(uint8_t *dst, const uint8_t *src, size_t len) {
  copy(dst, src, len, 0);
}
