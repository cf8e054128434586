/* permessage-deflate (RFC 7692) on zlib: messages in, messages out, both roles. A build without
   zlib has this interface too (no_deflate/), and none can be made there. */
#ifndef WIRE_DEFLATE_H
#define WIRE_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deflate_stream.h"

/** What the two ends agreed on (section 7.1). */
struct deflate_params {
  bool server_no_context_takeover, client_no_context_takeover;
  uint8_t server_max_window_bits, client_max_window_bits; /* 8-15 */
};

/* Must outlive what was made with it. */
struct deflate_allocator {
  void *(*alloc)(void *context, size_t size);
  void (*free)(void *context, void *memory);
  void *context;
};

struct inflater {
  deflate_stream stream;
  bool no_context_takeover;
  bool is_begun;     /* bytes of a message have come */
  bool is_full;      /* the last answer was INFLATE_ROOM: more may come without input */
  bool is_finishing; /* inflater_finish() was called, but ran out of room */
  bool is_ended;     /* the last byte fed ended a final block */
  uint8_t tail_left; /* of the four bytes that inflater_finish() appends */
};

enum inflate_result { INFLATE_OK, INFLATE_ROOM, INFLATE_BAD, INFLATE_NO_MEMORY };

/** `window_bits` (8-15) and takeover are those of the peer's direction. `allocator` or NULL: the C
    library's. */
enum inflate_result inflater_init(struct inflater *i, uint8_t window_bits, bool no_context_takeover,
                                  const struct deflate_allocator *allocator);
void inflater_deinit(struct inflater *i);
/** Inflates a piece of a message: `*in_len` and `*out_len` become what was used and made.
    INFLATE_ROOM: the output is full, and there may be more: call again with what is left, which
    may be nothing, and more room. INFLATE_OK: all input is used, all output made. */
enum inflate_result inflater_feed(struct inflater *i, const uint8_t *in, size_t *in_len,
                                  uint8_t *out, size_t *out_len);
/** After the last piece of a message (section 7.2.2: appends 00 00 ff ff). INFLATE_ROOM as above;
    INFLATE_BAD also if the message was cut short. */
enum inflate_result inflater_finish(struct inflater *i, uint8_t *out, size_t *out_len);

struct deflater {
  deflate_stream stream;
  bool no_context_takeover;
};

/** For our own direction. zlib cannot make a window of 8 bits, but with 9 bits it never looks back
    further than 250 bytes, which fits into 8 bits: so 8 is served by 9. */
enum inflate_result deflater_init(struct deflater *d, uint8_t window_bits, bool no_context_takeover,
                                  const struct deflate_allocator *allocator);
void deflater_deinit(struct deflater *d);
/** Upper bound for deflater_message(). */
size_t deflater_bound(struct deflater *d, size_t len);
/** Compresses one whole message (section 7.2.1); `cap` should be deflater_bound().
    Returns the length; 0 on failure, after which the next message starts afresh. */
size_t deflater_message(struct deflater *d, const uint8_t *in, size_t len, uint8_t *out,
                        size_t cap);

#endif
