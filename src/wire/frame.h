/* One frame as bytes (RFC 6455 section 5.2): headers written, headers read. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "mask.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER_MAX 14
#define FRAME_CONTROL_MAX 125 /* payload of a control frame, section 5.5 */
#define FRAME_FIN 0x80
#define FRAME_RSV1 0x40
#define FRAME_MASKED 0x80 /* in the second byte */
#define FRAME_LEN_16 126  /* there: two bytes of length follow */

enum frame_opcode {
  FRAME_CONTINUATION = 0x0,
  FRAME_TEXT = 0x1,
  FRAME_BINARY = 0x2,
  FRAME_CLOSE = 0x8,
  FRAME_PING = 0x9,
  FRAME_PONG = 0xA
};

struct frame_header {
  uint8_t first; /* FIN, RSV1-3 and opcode as on the wire */
  bool is_masked;
  uint8_t key[4]; /* masking key, if masked */
  uint8_t header_len;
  uint64_t payload_len;
};

/** Length of the header that frame_write_header() would write. */
size_t frame_header_len(uint64_t payload_len, bool is_masked);
/** Writes a header, the shortest form (5.2). `key` or NULL: not masked. Returns its length. */
size_t frame_write_header(uint8_t dst[FRAME_HEADER_MAX], uint8_t first, uint64_t payload_len,
                          const uint8_t key[4]);
/** Writes header and payload, masked while copied. `dst` has FRAME_HEADER_MAX + len bytes.
    Returns the frame's length. */
size_t frame_write(uint8_t *dst, uint8_t first, const void *payload, size_t len,
                   const uint8_t key[4]);

/** The same, always masked, inline for the sake of small messages: `len` is at most
    FRAME_CONTROL_MAX. */
static inline size_t frame_write_short(uint8_t *dst, uint8_t first, const void *payload, size_t len,
                                       uint32_t key) {
  dst[0] = first;
  dst[1] = FRAME_MASKED | (uint8_t)len;
  memcpy(dst + 2, &key, sizeof key);
  mask_short(dst + 2 + sizeof key, payload, len, key);
  return 2 + sizeof key + len;
}

enum frame_read { FRAME_READ_OK, FRAME_READ_MORE, FRAME_READ_BAD };
/** Reads a header. BAD: a length not in its shortest form or above 2^63-1. */
enum frame_read frame_read_header(const uint8_t *in, size_t len, struct frame_header *header);

#endif
