/*
 * Masking, the portable part: eight bytes at a time. A length that is no multiple of eight ends
 * with one overlapping word, read before anything is written, so that dst == src works.
 */
#include "mask.h"

#include "simd.h"

#include <string.h>

/* Below this a call through the table of kernels costs more than wide registers gain. */
#define SMALL_LEN 32

static inline uint64_t load_64(const uint8_t *p) {
  uint64_t word;
  memcpy(&word, p, sizeof word);
  return word;
}

static inline void store_64(uint8_t *p, uint64_t word) {
  memcpy(p, &word, sizeof word);
}

static inline uint64_t twice(uint32_t key) {
  return (uint64_t)key << 32 | key;
}

static inline void mask_bytes(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
  uint8_t bytes[4];
  memcpy(bytes, &key, 4);
  for (size_t i = 0; i < len; i++) {
    dst[i] = src[i] ^ bytes[i % 4];
  }
}

static inline void mask_words(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
  if (len < 8) {
    mask_bytes(dst, src, len, key);
    return;
  }
  const uint64_t key_64 = twice(key);
  const uint64_t last = load_64(src + len - 8) ^ twice(simd_rotate_key(key, len));
  for (size_t i = 0; i + 8 < len; i += 8) {
    store_64(dst + i, load_64(src + i) ^ key_64);
  }
  store_64(dst + len - 8, last);
}

void mask_copy_portable(uint8_t *dst, const uint8_t *src, size_t len, uint32_t key) {
  mask_words(dst, src, len, key);
}

void mask_copy(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t key[4], size_t offset) {
  uint32_t word;
  memcpy(&word, key, 4);
  word = simd_rotate_key(word, offset);
  if (len < SMALL_LEN) {
    mask_words(dst, src, len, word);
  } else {
    simd_kernels()->mask_copy(dst, src, len, word);
  }
}

void mask_copy_plain(uint8_t *dst, const uint8_t *src, size_t len) {
  if (len < SMALL_LEN) {
    mask_words(dst, src, len, 0);
  } else {
    simd_kernels()->mask_copy(dst, src, len, 0);
  }
}
