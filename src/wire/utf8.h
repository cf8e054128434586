/* UTF-8 validation (RFC 3629), whole and streamed, by the method of Keiser and Lemire. */
#ifndef WIRE_UTF8_H
#define WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** Whether `data` is UTF-8 from end to end. */
bool utf8_is_valid(const uint8_t *data, size_t len);

/** A validator that is fed pieces; fails at the first byte that cannot be continued to UTF-8. */
struct utf8_stream {
  uint8_t tail[4]; /* bytes of an unfinished character */
  uint8_t tail_len;
  bool is_bad; /* sticks */
};
void utf8_stream_init(struct utf8_stream *stream);
/** False once the text so far cannot be the beginning of UTF-8. */
bool utf8_stream_feed(struct utf8_stream *stream, const uint8_t *data, size_t len);
/** True if the text so far is whole UTF-8. */
bool utf8_stream_is_complete(const struct utf8_stream *stream);

#define UTF8_HIGH_BITS 0x8080808080808080u

static inline uint64_t utf8_load_64(const uint8_t *p) {
  uint64_t word;
  memcpy(&word, p, sizeof word);
  return word;
}

/** What has the high bit set, of 32 bytes. */
static inline uint64_t utf8_high_bits_32(const uint8_t *p) {
  return (utf8_load_64(p) | utf8_load_64(p + 8) | utf8_load_64(p + 16) | utf8_load_64(p + 24)) &
         UTF8_HIGH_BITS;
}

/** Sixteen bytes in the vector unit that every processor of a kind has. */
typedef uint64_t utf8_pair __attribute__((vector_size(16)));

static inline utf8_pair utf8_load_pair(const uint8_t *p) {
  utf8_pair pair;
  memcpy(&pair, p, sizeof pair);
  return pair;
}

static inline bool utf8_is_low_pair(utf8_pair pair) {
  return ((pair[0] | pair[1]) & UTF8_HIGH_BITS) == 0;
}

/** What is set in any of 32 bytes. */
static inline utf8_pair utf8_seen_32(const uint8_t *p) {
  return utf8_load_pair(p) | utf8_load_pair(p + 16);
}

/** Whether no byte has its high bit set; for short texts, inline in the way of small messages. The
    end is looked at with loads that may overlap the ones before. */
static inline bool utf8_is_ascii(const uint8_t *data, size_t len) {
  if (len >= 32) {
    utf8_pair seen = utf8_seen_32(data + len - 32);
    for (size_t i = 0; i + 32 < len; i += 32) {
      seen |= utf8_seen_32(data + i);
    }
    return utf8_is_low_pair(seen);
  }
  if (len >= 16) {
    return utf8_is_low_pair(utf8_load_pair(data) | utf8_load_pair(data + len - 16));
  }
  if (len >= 8) {
    return ((utf8_load_64(data) | utf8_load_64(data + len - 8)) & UTF8_HIGH_BITS) == 0;
  }
  uint8_t seen = 0;
  for (size_t i = 0; i < len; i++) {
    seen |= data[i];
  }
  return seen < 0x80;
}

#endif
