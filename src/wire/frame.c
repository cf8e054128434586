/* Frame headers (RFC 6455 section 5.2). Knows lengths and masks; what opcodes and flags mean in
   which order is the decoder's business. */
#include "frame.h"

#include <string.h>

#define LEN_64 127 /* eight bytes of length follow */

static size_t extended_len(uint64_t payload_len) {
  return payload_len < FRAME_LEN_16 ? 0 : payload_len <= UINT16_MAX ? 2 : 8;
}

static void write_big_endian(uint8_t *dst, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; i++) {
    dst[i] = (uint8_t)(value >> 8 * (width - 1 - i));
  }
}

static uint64_t read_big_endian(const uint8_t *in, size_t width) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; i++) {
    value = value << 8 | in[i];
  }
  return value;
}

size_t frame_header_len(uint64_t payload_len, bool is_masked) {
  return 2 + extended_len(payload_len) + (is_masked ? 4 : 0);
}

size_t frame_write_header(uint8_t dst[FRAME_HEADER_MAX], uint8_t first, uint64_t payload_len,
                          const uint8_t key[4]) {
  const size_t width = extended_len(payload_len);
  const uint8_t len_7 = width == 0 ? (uint8_t)payload_len : width == 2 ? FRAME_LEN_16 : LEN_64;
  dst[0] = first;
  dst[1] = key != NULL ? len_7 | FRAME_MASKED : len_7;
  write_big_endian(dst + 2, payload_len, width);
  if (key == NULL) {
    return 2 + width;
  }
  memcpy(dst + 2 + width, key, 4);
  return 2 + width + 4;
}

size_t frame_write(uint8_t *dst, uint8_t first, const void *payload, size_t len,
                   const uint8_t key[4]) {
  const size_t header_len = frame_write_header(dst, first, len, key);
  if (key != NULL) {
    mask_copy(dst + header_len, payload, len, key, 0);
  } else {
    mask_copy_plain(dst + header_len, payload, len);
  }
  return header_len + len;
}

enum frame_read frame_read_header(const uint8_t *in, size_t len, struct frame_header *header) {
  if (len < 2) {
    return FRAME_READ_MORE;
  }
  const uint8_t len_7 = in[1] & 0x7F;
  const size_t width = len_7 < FRAME_LEN_16 ? 0 : len_7 == FRAME_LEN_16 ? 2 : 8;
  if (len < 2 + width) {
    return FRAME_READ_MORE;
  }
  const uint64_t payload_len = width == 0 ? len_7 : read_big_endian(in + 2, width);
  if (extended_len(payload_len) != width || payload_len > INT64_MAX) {
    return FRAME_READ_BAD;
  }
  header->first = in[0];
  header->is_masked = (in[1] & FRAME_MASKED) != 0;
  header->payload_len = payload_len;
  header->header_len = (uint8_t)(2 + width + (header->is_masked ? 4 : 0));
  if (len < header->header_len) {
    return FRAME_READ_MORE;
  }
  if (header->is_masked) {
    memcpy(header->key, in + 2 + width, 4);
  }
  return FRAME_READ_OK;
}
