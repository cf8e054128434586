/*
 * The incoming half of a WebSocket: bytes in, whole messages and control frames out
 * (RFC 6455 section 5, RFC 7692 section 6). Sans-I/O, allocates nothing.
 *
 * The decoder consumes everything it is given: a message that lies whole in the input is handed
 * out as a pointer into it; what is unfinished is gathered in a buffer that the driver lends it
 * (DECODER_NEED_ROOM). A large payload can be read straight into that buffer
 * (decoder_direct()). UTF-8 is checked as the bytes come, so bad text fails at its first bad
 * byte. Errors stick.
 */
#ifndef WIRE_DECODER_H
#define WIRE_DECODER_H

#include "frame.h"
#include "utf8.h"

struct inflater;

struct decoder_options {
  bool expect_masked;        /* the server's side */
  uint64_t max_message;      /* after inflation */
  struct inflater *inflater; /* permessage-deflate was agreed on, or NULL */
};

enum decoder_result {
  DECODER_MORE,    /* the input is used up; nothing whole yet */
  DECODER_MESSAGE, /* event: opcode TEXT or BINARY, data, len */
  DECODER_PING,    /* event: data, len */
  DECODER_PONG,
  DECODER_CLOSE,     /* event: close_code (1005 if the frame was empty), data, len: its reason */
  DECODER_NEED_ROOM, /* decoder_set_room() with at least event.room_wanted bytes, then call again,
                        even if no input is left */
  DECODER_ERROR      /* event: close_code to send (1002, 1007, 1009; 1011 if the inflater got no
                        memory), detail. Sticks. */
};

/* Only what the result names is set. */
struct decoder_event {
  uint8_t opcode;
  uint16_t close_code;
  const uint8_t *data; /* valid until the next call on this decoder or reuse of the input */
  size_t len;
  uint64_t room_wanted; /* grows by doubling up to what the message can need */
  const char *detail;   /* static string */
};

#include "decoder_state.h" /* struct decoder; its members are private */

void decoder_init(struct decoder *d, const struct decoder_options *options);
/**
 * Decodes the next thing. Uses up `*consumed` bytes of `in`; call again with the rest until
 * DECODER_MORE, DECODER_CLOSE (nothing after it counts) or DECODER_ERROR. `in` is unmasked in
 * place on the server's side.
 */
enum decoder_result decoder_next(struct decoder *d, uint8_t *in, size_t len, size_t *consumed,
                                 struct decoder_event *event);
/**
 * A glance that spares most messages the call above: whether `in` begins with an unmasked,
 * unfragmented, uncompressed message of less than 64 KiB that lies whole in it, and is UTF-8 if it
 * is text. Then in[0] ^ FRAME_FIN is its opcode; `*payload_len` bytes of payload follow a header
 * whose length is returned. Who takes it so goes on behind it; the decoder need not know. 0: ask
 * decoder_next().
 */
static inline size_t decoder_glance(const struct decoder *d, const uint8_t *in, size_t len,
                                    size_t *payload_len);
/** Lends `room` bytes at `buffer`, whose first decoder_held() bytes are those of the former buffer
    (realloc does that). */
void decoder_set_room(struct decoder *d, uint8_t *buffer, size_t room);
/** Bytes gathered in the lent buffer. 0 between messages: the buffer may be taken back then with
    decoder_set_room(d, NULL, 0). */
size_t decoder_held(const struct decoder *d);
/** Where the rest of a large uncompressed payload may be read to directly, or NULL: read into any
    buffer and call decoder_next(). After reading n > 0 bytes there: decoder_next() with `in` = that
    very pointer and len = n, which then copies nothing. */
uint8_t *decoder_direct(struct decoder *d, size_t *room);
/** Payload bytes of the present frame that have not come; 0 between frames and inside a header. */
uint64_t decoder_rest(const struct decoder *d);
/** Inside a frame whose end has not come. */
bool decoder_is_inside_frame(const struct decoder *d);

/* Length of a header without mask or eight-byte length, 0 if it is another or not whole. */
static inline size_t decoder_glance_header(const uint8_t *in, size_t len, size_t *payload_len) {
  *payload_len = in[1];
  if (in[1] <= FRAME_CONTROL_MAX) {
    return 2;
  }
  if (in[1] != FRAME_LEN_16 || len < 4) {
    return 0;
  }
  *payload_len = (size_t)in[2] << 8 | in[3];
  return *payload_len > FRAME_CONTROL_MAX ? 4 : 0;
}

/* Short ASCII, which most texts are, is told without a call. */
static inline bool decoder_glance_text(const uint8_t *text, size_t len) {
  return (len <= FRAME_CONTROL_MAX && utf8_is_ascii(text, len)) || utf8_is_valid(text, len);
}

static inline size_t decoder_glance(const struct decoder *d, const uint8_t *in, size_t len,
                                    size_t *payload_len) {
  if (d->step != DECODER_BETWEEN || len < 2) {
    return 0;
  }
  const bool is_text = in[0] == (FRAME_FIN | FRAME_TEXT);
  if (!is_text && in[0] != (FRAME_FIN | FRAME_BINARY)) {
    return 0;
  }
  const size_t header_len = decoder_glance_header(in, len, payload_len);
  if (header_len == 0 || *payload_len >= d->glance_end || *payload_len > len - header_len) {
    return 0;
  }
  return !is_text || decoder_glance_text(in + header_len, *payload_len) ? header_len : 0;
}

#endif
