/* Vectors against plain references: UTF-8, masking; frame headers and close frames both ways. */
#include "fuzz.h"

#include "close.h"
#include "frame.h"
#include "simd.h"
#include "utf8.h"

#include <stdlib.h>
#include <string.h>

/* ---- UTF-8, by the table of RFC 3629 section 4 ---- */

/* Length of the character that begins with `first`, and the range of its second byte; 0: none. */
static size_t character(uint8_t first, uint8_t *low, uint8_t *high) {
  *low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  *high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (first < 0x80)
    return 1;
  if (first >= 0xC2 && first <= 0xDF)
    return 2;
  if ((first & 0xF0) == 0xE0)
    return 3;
  return first >= 0xF0 && first <= 0xF4 ? 4 : 0;
}

/* How many bytes are the beginning of UTF-8; `*is_whole`: and no character is unfinished there. */
static size_t plain_utf8(const uint8_t *data, size_t len, bool *is_whole) {
  size_t at = 0;
  *is_whole = true;
  while (at < len) {
    uint8_t low, high;
    const size_t wanted = character(data[at], &low, &high);
    *is_whole = wanted == 1;
    if (wanted == 0)
      return at;
    for (size_t i = 1; i < wanted; i++, low = 0x80, high = 0xBF) {
      if (at + i == len)
        return len;
      if (data[at + i] < low || data[at + i] > high)
        return at + i;
    }
    *is_whole = true;
    at += wanted;
  }
  return len;
}

static void check_stream(const uint8_t *data, size_t len, size_t fine_len, bool is_whole,
                         struct fuzz_cuts cuts) {
  struct utf8_stream stream;
  utf8_stream_init(&stream);
  for (size_t at = 0; at < len;) {
    const size_t piece = fuzz_next_cut(&cuts, len - at);
    uint8_t *copy = fuzz_copy(data + at, piece);
    const bool is_fine = utf8_stream_feed(&stream, copy, piece);
    free(copy);
    at += piece;
    FUZZ_CHECK(is_fine == (at <= fine_len));
  }
  FUZZ_CHECK(utf8_stream_is_complete(&stream) == (fine_len == len && is_whole));
}

static void check_utf8(const uint8_t *data, size_t len, struct fuzz_cuts cuts) {
  bool is_whole, is_ascii = true;
  const size_t fine_len = plain_utf8(data, len, &is_whole);
  const bool is_valid = fine_len == len && is_whole;
  const struct simd_kernels *kernels;
  for (size_t i = 0; (kernels = simd_kernels_at(i)) != NULL; i++)
    FUZZ_CHECK(kernels->utf8_is_valid(data, len) == is_valid);
  FUZZ_CHECK(utf8_is_valid(data, len) == is_valid);
  for (size_t i = 0; i < len; i++)
    is_ascii = is_ascii && data[i] < 0x80;
  FUZZ_CHECK(utf8_is_ascii(data, len) == is_ascii);
  check_stream(data, len, fine_len, is_whole, cuts);
}

/* ---- masking ---- */

static void check_masked(const uint8_t *out, const uint8_t *in, size_t len, const uint8_t key[4],
                         size_t offset) {
  for (size_t i = 0; i < len; i++)
    FUZZ_CHECK(out[i] == (in[i] ^ key[(offset + i) % 4]));
}

/* At the alignment that `skew` gives, apart and in place. */
static void check_kernel(const struct simd_kernels *kernels, const uint8_t *data, size_t len,
                         const uint8_t key[4], size_t skew) {
  uint32_t word;
  uint8_t *out = fuzz_alloc(skew + len);
  memcpy(&word, key, sizeof word);
  kernels->mask_copy(out + skew, data, len, word);
  check_masked(out + skew, data, len, key, 0);
  kernels->mask_copy(out + skew, out + skew, len, word);
  FUZZ_CHECK(len == 0 || memcmp(out + skew, data, len) == 0);
  free(out);
}

static void check_mask(const uint8_t *data, size_t len, const uint8_t key[4], uint8_t skew) {
  const struct simd_kernels *kernels;
  for (size_t i = 0; (kernels = simd_kernels_at(i)) != NULL; i++)
    check_kernel(kernels, data, len, key, skew % 64);
  uint8_t *out = fuzz_alloc(len);
  mask_copy(out, data, len, key, skew);
  check_masked(out, data, len, key, skew);
  mask_copy_plain(out, data, len);
  FUZZ_CHECK(len == 0 || memcmp(out, data, len) == 0);
  if (len <= FRAME_CONTROL_MAX) {
    uint32_t word;
    memcpy(&word, key, sizeof word);
    mask_short(out, data, len, word);
    check_masked(out, data, len, key, 0);
  }
  free(out);
}

/* ---- headers ---- */

static void check_header_read(const uint8_t *data, size_t len) {
  struct frame_header header;
  uint8_t again[FRAME_HEADER_MAX];
  if (frame_read_header(data, len, &header) != FRAME_READ_OK)
    return;
  FUZZ_CHECK(header.header_len <= len && header.payload_len <= INT64_MAX);
  FUZZ_CHECK(header.header_len == frame_header_len(header.payload_len, header.is_masked));
  const size_t made = frame_write_header(again, header.first, header.payload_len,
                                         header.is_masked ? header.key : NULL);
  FUZZ_CHECK(made == header.header_len && memcmp(again, data, made) == 0);
  for (size_t cut = 0; cut < made; cut++)
    FUZZ_CHECK(frame_read_header(data, cut, &header) == FRAME_READ_MORE);
}

static void check_frame_written(const uint8_t *data, size_t len, const uint8_t key[4]) {
  struct frame_header header;
  uint8_t *out = fuzz_alloc(FRAME_HEADER_MAX + len);
  const size_t made = frame_write(out, FRAME_FIN | FRAME_BINARY, data, len, key);
  FUZZ_CHECK(frame_read_header(out, made, &header) == FRAME_READ_OK);
  FUZZ_CHECK(header.payload_len == len && made == header.header_len + len);
  check_masked(out + header.header_len, data, len, key, 0);
  free(out);
}

static void check_close(const uint8_t *data, size_t len) {
  uint16_t code = 0;
  const uint8_t *reason = NULL;
  size_t reason_len = 0;
  uint8_t out[FRAME_CONTROL_MAX];
  bool is_whole;
  if (len > FRAME_CONTROL_MAX)
    return;
  const uint16_t answer = close_read(data, len, &code, &reason, &reason_len);
  FUZZ_CHECK(answer == 0 || answer == CLOSE_PROTOCOL_ERROR || answer == CLOSE_INVALID_DATA);
  if (answer != 0 || len == 0)
    return;
  FUZZ_CHECK(close_code_is_valid(code) && reason_len == len - 2);
  FUZZ_CHECK(plain_utf8(reason, reason_len, &is_whole) == reason_len && is_whole);
  char *text = fuzz_text((struct fuzz_input){reason, reason_len});
  const size_t made = close_write(out, code, text);
  FUZZ_CHECK(made == 2 + strlen(text) && memcmp(out, data, made) == 0);
  free(text);
}

void fuzz_one(const uint8_t *data, size_t len) {
  struct fuzz_input in = {data, len};
  const uint8_t how = fuzz_byte(&in);
  const uint8_t key[4] = {how, (uint8_t)(how * 7), (uint8_t)~how, (uint8_t)(how ^ 0x5A)};
  uint8_t *copy = fuzz_copy(in.data, in.len);
  check_utf8(copy, in.len, fuzz_cuts(how));
  check_mask(copy, in.len, key, how);
  check_header_read(copy, in.len);
  check_frame_written(copy, in.len, key);
  check_close(copy, in.len);
  free(copy);
}
