/* UTF-8 validation (RFC 3629), whole and streamed, by the method of Keiser and Lemire. */
#ifndef WIRE_UTF8_H
#define WIRE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

struct utf8_implementation {
  const char *name;
  bool (*is_valid)(const uint8_t *data, size_t len);
};
/** NULL-terminated by name == NULL, the portable one first. */
const struct utf8_implementation *utf8_implementations(void);

#endif
