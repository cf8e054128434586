/* Masking (RFC 6455 section 5.3): exclusive-or with a repeating four-byte key, fast. */
#ifndef WIRE_MASK_H
#define WIRE_MASK_H

#include <stddef.h>
#include <stdint.h>

/** dst[i] = src[i] ^ key[(offset + i) % 4]. The ranges do not overlap, or dst == src. */
void mask_copy(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t key[4], size_t offset);
/** A plain copy with the same wide loads; for unmasked frames. */
void mask_copy_plain(uint8_t *dst, const uint8_t *src, size_t len);

/* Implementations by name, for tests and bench; NULL-terminated, the portable one first. Those
   this processor cannot run are left out. */
struct mask_implementation {
  const char *name;
  void (*copy)(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t key[4], size_t offset);
};
const struct mask_implementation *mask_implementations(void);

#endif
