/* permessage-deflate (RFC 7692) on zlib: messages in, messages out, both roles. */
#ifndef WIRE_DEFLATE_H
#define WIRE_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

/** What the two ends agreed on (section 7.1). */
struct deflate_params {
  bool server_no_context_takeover, client_no_context_takeover;
  uint8_t server_max_window_bits, client_max_window_bits; /* 8-15 */
};

struct deflate_allocator {
  void *(*alloc)(void *context, size_t size);
  void (*free)(void *context, void *memory);
  void *context;
};

struct inflater {
  z_stream stream;
  bool no_context_takeover;
  bool is_begun; /* a message is under way */
};

enum inflate_result { INFLATE_OK, INFLATE_ROOM, INFLATE_BAD, INFLATE_NO_MEMORY };

/** `window_bits` and takeover are those of the peer's direction. */
enum inflate_result inflater_init(struct inflater *i, uint8_t window_bits, bool no_context_takeover,
                                  const struct deflate_allocator *allocator);
void inflater_deinit(struct inflater *i);
/** Inflates a piece of a message: `*in_len` and `*out_len` become what was used and made.
    INFLATE_ROOM: the output is full, call again with more. */
enum inflate_result inflater_feed(struct inflater *i, const uint8_t *in, size_t *in_len,
                                  uint8_t *out, size_t *out_len);
/** After the last piece of a message (section 7.2.2: appends 00 00 ff ff). */
enum inflate_result inflater_finish(struct inflater *i, uint8_t *out, size_t *out_len);

struct deflater {
  z_stream stream;
  bool no_context_takeover;
};

enum inflate_result deflater_init(struct deflater *d, uint8_t window_bits, bool no_context_takeover,
                                  const struct deflate_allocator *allocator);
void deflater_deinit(struct deflater *d);
/** Upper bound for deflater_message(). */
size_t deflater_bound(struct deflater *d, size_t len);
/** Compresses one whole message (section 7.2.1); `out` has deflater_bound() bytes. Returns the
    length, 0 on failure. */
size_t deflater_message(struct deflater *d, const uint8_t *in, size_t len, uint8_t *out, size_t cap);

#endif
