/* Masking (RFC 6455 section 5.3): exclusive-or with a repeating four-byte key, fast. */
#ifndef WIRE_MASK_H
#define WIRE_MASK_H

#include <stddef.h>
#include <stdint.h>

/** dst[i] = src[i] ^ key[(offset + i) % 4]. The ranges do not overlap, or dst == src. */
void mask_copy(uint8_t *dst, const uint8_t *src, size_t len, const uint8_t key[4], size_t offset);
/** A plain copy with the same wide loads, for unmasked frames. The C library's copy falls to a
    twentieth of its speed where source and destination differ by 1-15 bytes modulo 4096. */
void mask_copy_plain(uint8_t *dst, const uint8_t *src, size_t len);

#endif
