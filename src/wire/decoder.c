/*
 * The decoder's steps. Each takes what it can of the input; decoder_next() runs them until one
 * has something to report or stays where it is.
 *
 * Invariants: `held` is 0 unless a message is under way, and never above max_message. `small_len`
 * is 0 but inside a header or a control payload that came in pieces. `remaining` counts the
 * present frame down; bytes are unmasked when they are used up, never before, so a piece that is
 * handed in again after DECODER_NEED_ROOM is what it was.
 *
 * Room: the length that a header announces is believed only AHEAD_MAX bytes beyond what has
 * arrived; after that, room doubles with the data. A header alone reserves little.
 */
#include "decoder.h"

#include "close.h"
#include "deflate.h"
#include "mask.h"

#include <assert.h>
#include <string.h>

#define ROOM_MIN 4096
#define AHEAD_MAX ((size_t)256 * 1024)
/* Less than this is not worth an own place to read to. */
#define DIRECT_MIN 4096
/* Compressed input is unmasked by the piece, outside the input. */
#define UNMASK_PIECE 1024

#define RSV_OTHERS 0x30
#define OPCODE_MASK 0x0F
#define IS_CONTROL 0x08

struct input {
  uint8_t *bytes;
  size_t len, used;
};

static uint8_t *input_at(const struct input *in) {
  return in->bytes + in->used;
}

static size_t input_left(const struct input *in) {
  return in->len - in->used;
}

/* How much of the present frame's payload lies in the input. */
static size_t payload_left(const struct decoder *d, const struct input *in) {
  const size_t left = input_left(in);
  return d->remaining < left ? (size_t)d->remaining : left;
}

static uint64_t min_64(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t max_64(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

void decoder_init(struct decoder *d, const struct decoder_options *options) {
  memset(d, 0, sizeof *d);
  d->step = DECODER_BETWEEN;
  d->expect_masked = options->expect_masked;
  /* Far above any memory, and far enough below SIZE_MAX that doubling cannot overflow. */
  d->max_message = min_64(options->max_message, SIZE_MAX / 4);
  d->inflater = options->inflater;
  d->glance_end = options->expect_masked ? 0 : (uint32_t)min_64(d->max_message + 1, UINT16_MAX + 1);
}

/* ---- results ---- */

static enum decoder_result report_error(const struct decoder *d, struct decoder_event *event) {
  event->close_code = d->close_code;
  event->detail = d->detail;
  return DECODER_ERROR;
}

static enum decoder_result fail(struct decoder *d, struct decoder_event *event, uint16_t code,
                                const char *detail) {
  d->step = DECODER_FAILED;
  d->close_code = code;
  d->detail = detail;
  d->remaining = 0;
  d->small_len = 0;
  return report_error(d, event);
}

static enum decoder_result fail_too_big(struct decoder *d, struct decoder_event *event) {
  return fail(d, event, CLOSE_TOO_BIG, "message longer than the limit");
}

static enum decoder_result fail_text(struct decoder *d, struct decoder_event *event) {
  return fail(d, event, CLOSE_INVALID_DATA, "text message is not UTF-8");
}

static enum decoder_result report_message(struct decoder *d, struct decoder_event *event,
                                          const uint8_t *data, size_t len) {
  event->opcode = d->opcode;
  event->data = data;
  event->len = len;
  d->opcode = 0;
  d->held = 0;
  d->step = DECODER_BETWEEN;
  return DECODER_MESSAGE;
}

/* The message's last byte has been gathered. */
static enum decoder_result finish_message(struct decoder *d, struct decoder_event *event) {
  if (d->opcode == FRAME_TEXT && !utf8_stream_is_complete(&d->utf8)) {
    return fail(d, event, CLOSE_INVALID_DATA, "text message ends inside a character");
  }
  const uint8_t *data = d->held > 0 ? d->room : (const uint8_t *)"";
  return report_message(d, event, data, d->held);
}

static enum decoder_result ask_room(struct decoder_event *event, uint64_t wanted) {
  event->room_wanted = wanted;
  return DECODER_NEED_ROOM;
}

/* ---- headers ---- */

static const char *check_control(uint8_t first, bool is_extended) {
  if ((first & OPCODE_MASK) > FRAME_PONG) {
    return "reserved opcode";
  }
  if ((first & FRAME_RSV1) != 0) {
    return "RSV1 on a control frame";
  }
  if ((first & FRAME_FIN) == 0) {
    return "fragmented control frame";
  }
  return is_extended ? "control frame longer than 125 bytes" : NULL;
}

static const char *check_data(const struct decoder *d, uint8_t first) {
  const uint8_t opcode = first & OPCODE_MASK;
  if (opcode > FRAME_BINARY) {
    return "reserved opcode";
  }
  if (opcode == FRAME_CONTINUATION && d->opcode == 0) {
    return "continuation frame outside a message";
  }
  if (opcode != FRAME_CONTINUATION && d->opcode != 0) {
    return "new message inside a fragmented one";
  }
  /* Only a message's first frame tells that it is compressed (RFC 7692 section 6). */
  if ((first & FRAME_RSV1) != 0 && opcode == FRAME_CONTINUATION) {
    return "RSV1 on a continuation frame";
  }
  if ((first & FRAME_RSV1) != 0 && d->inflater == NULL) {
    return "RSV1 without permessage-deflate";
  }
  return NULL;
}

/* What is wrong with a frame that begins so, or NULL. The first two bytes are enough to know. */
static const char *check_start(const struct decoder *d, uint8_t first, bool is_masked,
                               bool is_extended) {
  if ((first & RSV_OTHERS) != 0) {
    return "reserved bits set";
  }
  if (is_masked != d->expect_masked) {
    return is_masked ? "masked frame from a server" : "unmasked frame from a client";
  }
  return (first & IS_CONTROL) != 0 ? check_control(first, is_extended) : check_data(d, first);
}

/* Reads a header from the input, or by way of `small` if it comes in pieces. */
static enum frame_read take_header(struct decoder *d, struct input *in,
                                   struct frame_header *header) {
  if (d->small_len == 0) {
    const enum frame_read read = frame_read_header(input_at(in), input_left(in), header);
    if (read != FRAME_READ_MORE) {
      in->used += read == FRAME_READ_OK ? header->header_len : 0;
      return read;
    }
  }
  while (input_left(in) > 0) {
    d->small[d->small_len++] = in->bytes[in->used++];
    const enum frame_read read = frame_read_header(d->small, d->small_len, header);
    if (read != FRAME_READ_MORE) {
      return read;
    }
  }
  return FRAME_READ_MORE;
}

static enum decoder_result begin_data(struct decoder *d, struct decoder_event *event) {
  const uint8_t opcode = d->first & OPCODE_MASK;
  if (opcode != FRAME_CONTINUATION) {
    d->opcode = opcode;
    d->is_compressed = (d->first & FRAME_RSV1) != 0;
    utf8_stream_init(&d->utf8);
  }
  if (!d->is_compressed && d->remaining > d->max_message - d->held) {
    return fail_too_big(d, event);
  }
  d->step = d->is_compressed ? DECODER_INFLATE : DECODER_DATA;
  return DECODER_MORE;
}

static enum decoder_result begin_frame(struct decoder *d, const struct frame_header *header,
                                       struct decoder_event *event) {
  d->small_len = 0;
  d->first = header->first;
  d->remaining = header->payload_len;
  d->key_offset = 0;
  if (header->is_masked) {
    memcpy(d->key, header->key, 4);
  }
  if ((header->first & IS_CONTROL) != 0) {
    d->step = DECODER_CONTROL;
    return DECODER_MORE;
  }
  return begin_data(d, event);
}

static enum decoder_result step_header(struct decoder *d, struct input *in,
                                       struct decoder_event *event) {
  struct frame_header header;
  const enum frame_read read = take_header(d, in, &header);
  const char *wrong = NULL;
  if (read == FRAME_READ_OK) {
    wrong = check_start(d, header.first, header.is_masked, header.payload_len > FRAME_CONTROL_MAX);
  } else if (read == FRAME_READ_BAD) {
    wrong = "frame length not in its shortest form, or above 2^63-1";
  } else if (d->small_len >= 2) {
    wrong = check_start(d, d->small[0], d->small[1] >> 7, (d->small[1] & 0x7F) > FRAME_CONTROL_MAX);
  }
  if (wrong != NULL) {
    return fail(d, event, CLOSE_PROTOCOL_ERROR, wrong);
  }
  if (read == FRAME_READ_OK) {
    return begin_frame(d, &header, event);
  }
  d->step = d->small_len > 0 ? DECODER_HEADER : d->step;
  return DECODER_MORE;
}

/* ---- payloads ---- */

/* Copies payload without its mask; `dst` may be the place itself. */
static void unmask(const struct decoder *d, uint8_t *dst, const uint8_t *src, size_t len) {
  if (d->expect_masked) {
    mask_copy(dst, src, len, d->key, d->key_offset);
  } else if (dst != src) {
    mask_copy_plain(dst, src, len);
  }
}

static void use_payload(struct decoder *d, struct input *in, size_t len) {
  in->used += len;
  d->remaining -= len;
  d->key_offset = (uint8_t)((d->key_offset + len) % 4);
}

static enum decoder_result report_close(struct decoder *d, const uint8_t *payload, size_t len,
                                        struct decoder_event *event) {
  const uint16_t wrong = close_read(payload, len, &event->close_code, &event->data, &event->len);
  if (wrong != 0) {
    return fail(d, event, wrong,
                wrong == CLOSE_INVALID_DATA ? "close reason is not UTF-8" : "invalid close frame");
  }
  d->step = DECODER_CLOSED;
  return DECODER_CLOSE;
}

static enum decoder_result report_control(struct decoder *d, const uint8_t *payload, size_t len,
                                          struct decoder_event *event) {
  const uint8_t opcode = d->first & OPCODE_MASK;
  d->small_len = 0;
  d->step = d->opcode != 0 ? DECODER_HEADER : DECODER_BETWEEN;
  if (opcode == FRAME_CLOSE) {
    return report_close(d, payload, len, event);
  }
  event->opcode = opcode;
  event->data = payload;
  event->len = len;
  return opcode == FRAME_PING ? DECODER_PING : DECODER_PONG;
}

static enum decoder_result step_control(struct decoder *d, struct input *in,
                                        struct decoder_event *event) {
  const size_t len = payload_left(d, in);
  uint8_t *const payload = input_at(in);
  if (d->small_len == 0 && len == d->remaining) {
    unmask(d, payload, payload, len);
    use_payload(d, in, len);
    return report_control(d, payload, len, event);
  }
  unmask(d, d->small + d->small_len, payload, len);
  d->small_len = (uint8_t)(d->small_len + len);
  use_payload(d, in, len);
  return d->remaining > 0 ? DECODER_MORE : report_control(d, d->small, d->small_len, event);
}

/* A message that lies whole in the input. */
static enum decoder_result take_whole(struct decoder *d, struct input *in, size_t len,
                                      struct decoder_event *event) {
  uint8_t *const payload = input_at(in);
  unmask(d, payload, payload, len);
  use_payload(d, in, len);
  if (d->opcode == FRAME_TEXT && !utf8_is_valid(payload, len)) {
    return fail_text(d, event);
  }
  return report_message(d, event, payload, len);
}

/* Room for a plain message of which `arrived` bytes have come. */
static uint64_t data_room(const struct decoder *d, uint64_t arrived) {
  const uint64_t announced = d->held + d->remaining;
  const uint64_t credible = min_64(announced, max_64(2 * arrived, arrived + AHEAD_MAX));
  const uint64_t most = (d->first & FRAME_FIN) != 0 ? announced : d->max_message;
  return min_64(most, max_64(credible, max_64(2 * (uint64_t)d->room_cap, ROOM_MIN)));
}

static enum decoder_result end_frame(struct decoder *d, struct decoder_event *event) {
  if ((d->first & FRAME_FIN) != 0) {
    return finish_message(d, event);
  }
  d->step = DECODER_HEADER;
  return DECODER_MORE;
}

static enum decoder_result step_data(struct decoder *d, struct input *in,
                                     struct decoder_event *event) {
  const size_t len = payload_left(d, in);
  if (d->held == 0 && len == d->remaining && (d->first & FRAME_FIN) != 0) {
    return take_whole(d, in, len, event);
  }
  if (len > d->room_cap - d->held) {
    return ask_room(event, data_room(d, d->held + len));
  }
  if (len > 0) {
    uint8_t *const dst = d->room + d->held;
    unmask(d, dst, input_at(in), len);
    use_payload(d, in, len);
    d->held += len;
    if (d->opcode == FRAME_TEXT && !utf8_stream_feed(&d->utf8, dst, len)) {
      return fail_text(d, event);
    }
  }
  if (d->remaining == 0) {
    return end_frame(d, event);
  }
  /* Asked for ahead of need, so that decoder_direct() has something to offer. */
  const bool is_full = d->held > 0 && d->held == d->room_cap;
  return is_full ? ask_room(event, data_room(d, d->held)) : DECODER_MORE;
}

/* ---- compressed payloads ---- */

struct inflated {
  enum inflate_result result;
  size_t used, made;
};

/* Inflates a piece, or, without one, the end of the message. At the limit there is one byte of
   room that is never kept: whether it gets used tells a message that fits from one that does not.
 */
static struct inflated run_inflater(struct decoder *d, const uint8_t *piece, size_t len) {
  uint8_t beyond = 0;
  const bool is_at_limit = d->held == d->max_message;
  const size_t room = (size_t)min_64(d->room_cap, d->max_message) - d->held;
  if (!is_at_limit && room == 0) {
    return (struct inflated){INFLATE_ROOM, 0, 0};
  }
  uint8_t *const out = is_at_limit ? &beyond : d->room + d->held;
  struct inflated i = {INFLATE_OK, len, is_at_limit ? 1 : room};
  i.result = piece != NULL ? inflater_feed(d->inflater, piece, &i.used, out, &i.made)
                           : inflater_finish(d->inflater, out, &i.made);
  return i;
}

/* What follows from one run of the inflater: DECODER_MORE if it may go on. */
static enum decoder_result take_inflated(struct decoder *d, const struct inflated *i,
                                         struct decoder_event *event) {
  if (i->result == INFLATE_NO_MEMORY) {
    return fail(d, event, CLOSE_INTERNAL_ERROR, "no memory to inflate a message");
  }
  if (i->made > d->max_message - d->held) {
    return fail_too_big(d, event);
  }
  d->held += i->made;
  if (d->opcode == FRAME_TEXT && i->made > 0 &&
      !utf8_stream_feed(&d->utf8, d->room + d->held - i->made, i->made)) {
    return fail_text(d, event);
  }
  if (i->result == INFLATE_BAD) {
    return fail(d, event, CLOSE_INVALID_DATA, "compressed message is damaged");
  }
  if (i->result == INFLATE_ROOM && d->held < d->max_message) {
    return ask_room(event, min_64(d->max_message, max_64(2 * (uint64_t)d->room_cap, ROOM_MIN)));
  }
  return DECODER_MORE;
}

/* Inflates the next piece of the payload in the input. */
static enum decoder_result inflate_piece(struct decoder *d, struct input *in, size_t len,
                                         struct decoder_event *event) {
  uint8_t unmasked[UNMASK_PIECE];
  const uint8_t *piece = input_at(in);
  if (d->expect_masked) {
    len = len < sizeof unmasked ? len : sizeof unmasked;
    unmask(d, unmasked, piece, len);
    piece = unmasked;
  }
  const struct inflated i = run_inflater(d, piece, len);
  use_payload(d, in, i.used);
  return take_inflated(d, &i, event);
}

static enum decoder_result inflate_end(struct decoder *d, struct decoder_event *event) {
  struct inflated i;
  do { /* more than once only at the limit */
    i = run_inflater(d, NULL, 0);
    const enum decoder_result result = take_inflated(d, &i, event);
    if (result != DECODER_MORE) {
      return result;
    }
  } while (i.result == INFLATE_ROOM);
  return finish_message(d, event);
}

static enum decoder_result step_inflate(struct decoder *d, struct input *in,
                                        struct decoder_event *event) {
  size_t len;
  while ((len = payload_left(d, in)) > 0 || d->inflater->is_full) {
    const enum decoder_result result = inflate_piece(d, in, len, event);
    if (result != DECODER_MORE) {
      return result;
    }
  }
  if (d->remaining > 0) {
    return DECODER_MORE;
  }
  return (d->first & FRAME_FIN) != 0 ? inflate_end(d, event) : end_frame(d, event);
}

/* ---- the rest of the interface ---- */

static enum decoder_result run_step(struct decoder *d, struct input *in,
                                    struct decoder_event *event) {
  switch ((enum decoder_phase)d->step) {
  case DECODER_BETWEEN:
  case DECODER_HEADER:
    return step_header(d, in, event);
  case DECODER_CONTROL:
    return step_control(d, in, event);
  case DECODER_DATA:
    return step_data(d, in, event);
  case DECODER_INFLATE:
    return step_inflate(d, in, event);
  case DECODER_CLOSED:
    in->used = in->len;
    return DECODER_MORE;
  case DECODER_FAILED:
    break;
  }
  return report_error(d, event);
}

enum decoder_result decoder_next(struct decoder *d, uint8_t *in, size_t len, size_t *consumed,
                                 struct decoder_event *event) {
  struct input input = {in, len, 0};
  enum decoder_result result;
  uint8_t before;
  do {
    before = d->step;
    result = run_step(d, &input, event);
  } while (result == DECODER_MORE && d->step != before);
  *consumed = input.used;
  return result;
}

void decoder_set_room(struct decoder *d, uint8_t *buffer, size_t room) {
  assert(room >= d->held);
  d->room = buffer;
  d->room_cap = room;
}

size_t decoder_held(const struct decoder *d) {
  return d->held;
}

uint8_t *decoder_direct(struct decoder *d, size_t *room) {
  const uint64_t rest = min_64(d->remaining, d->room_cap - d->held);
  if (d->step != DECODER_DATA || rest < DIRECT_MIN) {
    return NULL;
  }
  *room = (size_t)rest;
  return d->room + d->held;
}

uint64_t decoder_rest(const struct decoder *d) {
  return d->remaining;
}

bool decoder_is_inside_frame(const struct decoder *d) {
  return d->remaining > 0 || d->small_len > 0;
}
