#include "link_internal.h"

#include "close.h"
#include "mask.h"

#include <assert.h>
#include <errno.h>

/* ---- sending ---- */

/* TLS makes a system call of each record anyway, and a record is encrypted where the first-level
   cache still has it. */
static inline size_t send_at(const struct link *link) {
  return link->tls ? TLS_RECORD_MAX : LINK_SEND_AT;
}

void link_output_opened(struct link *link) {
  const bool joins = !link->is_server && !link->deflate;
  link->join_below = joins ? (uint32_t)(send_at(link) - OUTPUT_CONTROL_CAP) : 0;
}

/* The stretch that may be sent next, and whether it is of the urgent frames. Urgent ones wait for
   the end of the frame that has been begun, and hold back what comes behind it. After a close frame
   nothing goes (RFC 6455 section 5.5.1). */
static bool next_stretch(const struct link *link, size_t *len) {
  const struct output *out = &link->traffic->out;
  size_t urgent_left = out->urgent_len - out->urgent_sent;
  if (urgent_left == 0) {
    *len = link->phase == LINK_OPEN ? out->end - out->sent : 0;
    return false;
  }
  size_t boundary = output_boundary(out);
  if (out->urgent_begun > 0 || boundary == out->sent) {
    *len = urgent_left;
    return true;
  }
  *len = (boundary < out->end ? boundary : out->end) - out->sent;
  return false;
}

static enum io_result send_urgent(struct link *link, size_t len, size_t *written) {
  struct output *out = &link->traffic->out;
  size_t in_flight = out->urgent_begun - out->urgent_sent;
  enum io_result result =
      link_io_write(link, out->urgent + out->urgent_sent, len, false, written, &in_flight);
  out->urgent_begun = out->urgent_sent + in_flight;
  output_urgent_sent(out, *written);
  return result;
}

static enum io_result send_stream(struct link *link, size_t len, bool more_comes, size_t *written) {
  struct output *out = &link->traffic->out;
  size_t in_flight = out->begun - out->sent;
  enum io_result result =
      link_io_write(link, out->bytes + out->sent, len, more_comes, written, &in_flight);
  out->begun = out->sent + in_flight;
  output_sent(out, *written);
  return result;
}

/* In the midst of a burst TLS is given whole records only: each one costs a system call, and a
   short one at the end of every 64 KiB would be a fifth call. */
static size_t whole_records(const struct link *link, bool is_urgent, size_t len) {
  return link->tls && !is_urgent ? len - len % TLS_RECORD_MAX : len;
}

/* Without this the end of a burst would wait for the kernel's patience, a fifth of a second. */
static void uncork(struct link *link) {
  if (link->is_corked)
    sock_push(link->fd);
  link->is_corked = false;
}

/* `more_comes`: the burst goes on, so nothing needs to be scraped together, by us or the kernel. */
static void push_stream(struct link *link, bool more_comes) {
  while (!link->is_blocked && !link->is_broken) {
    size_t len, written = 0;
    bool is_urgent = next_stretch(link, &len);
    if (len == 0) {
      if (!more_comes)
        uncork(link);
      link_output_is_done(link);
      return;
    }
    if (more_comes)
      len = whole_records(link, is_urgent, len);
    if (len == 0)
      return;
    link->is_corked = more_comes && !is_urgent && link->tls;
    enum io_result result =
        is_urgent ? send_urgent(link, len, &written) : send_stream(link, len, more_comes, &written);
    link->has_news |= written > 0;
    link->traffic->is_active |= written > 0;
    if (result == IO_FAILED)
      link->is_broken = true;
    else if (!link->tls && written < len)
      link->is_blocked = true;
    else if (result == IO_EMPTY)
      link->is_blocked = true;
  }
}

static void push(struct link *link) {
  push_stream(link, false);
}

void link_send(struct link *link) {
  if (link->traffic)
    push(link);
  else
    link_output_is_done(link);
}

void link_flush(struct link *link) {
  if (link->phase < LINK_OPEN || link->phase == LINK_ENDED)
    return;
  link_send(link);
  link_at_turn_end(link);
}

/* ---- frames of data ---- */

static void mask_piece(uint8_t *dst, const uint8_t *data, size_t len, const uint8_t *key,
                       size_t offset) {
  if (key)
    mask_copy(dst, data, len, key, offset);
  else
    mask_copy_plain(dst, data, len);
}

/* A frame too long for one call: each piece is with the kernel before the next is encoded. While
   the kernel takes them all, they are encoded in one and the same place, which stays in the caches:
   the caller's data, still at hand, can restore what was there. */
struct large_frame {
  const uint8_t *data;
  const uint8_t *key;
  size_t payload_at; /* where the payload stands in the output */
  size_t left_out;   /* its first bytes that do not stand there */
};

/* What is left of a piece moves to where the payload begins, and the next is put behind it. */
static void leave_out_sent(struct output *out, struct large_frame *frame) {
  const size_t sent = out->sent - frame->payload_at;
  memmove(out->bytes + frame->payload_at, out->bytes + out->sent, out->end - out->sent);
  frame->left_out += sent;
  out->end -= sent;
  out->sent = out->begun = frame->payload_at;
}

/* The kernel takes no more: the whole frame has to stand there until it has all of it. */
static void restore(struct output *out, struct large_frame *frame) {
  uint8_t *const payload = out->bytes + frame->payload_at;
  memmove(payload + frame->left_out, payload, out->end - frame->payload_at);
  mask_piece(payload, frame->data, frame->left_out, frame->key, 0);
  out->sent += frame->left_out;
  out->begun += frame->left_out;
  out->end += frame->left_out;
  frame->left_out = 0;
}

static void push_piece(struct link *link, struct large_frame *frame, bool is_last) {
  struct output *out = &link->traffic->out;
  if (!link->is_blocked)
    push_stream(link, !is_last);
  if (!link->is_blocked && !link->is_broken && out->sent > frame->payload_at)
    leave_out_sent(out, frame);
  else if (frame->left_out > 0)
    restore(out, frame);
}

static void encode_large(struct link *link, uint8_t first, const uint8_t *data, size_t len,
                         const uint8_t *key) {
  struct output *out = &link->traffic->out;
  out->end += frame_write_header(out->bytes + out->end, first, len, key);
  out->is_inside_frame = true;
  struct large_frame frame = {.data = data, .key = key, .payload_at = out->end};
  for (size_t at = 0; at < len;) {
    size_t piece = len - at < LINK_PIECE ? len - at : LINK_PIECE;
    mask_piece(out->bytes + out->end, data + at, piece, key, at);
    out->end += piece;
    at += piece;
    push_piece(link, &frame, at == len);
  }
  out->is_inside_frame = false;
  output_sent(out, 0);
}

/* Room for the frame was reserved. */
static void encode(struct link *link, uint8_t first, const uint8_t *data, size_t len) {
  struct output *out = &link->traffic->out;
  uint8_t pooled[4];
  const uint8_t *key = NULL;
  if (!link->is_server) {
    key_pool_take(&link->loop->keys, pooled);
    key = pooled;
  }
  link->stream_end += frame_header_len(len, key != NULL) + len;
  out->newest = out->end;
  if (len < LINK_LARGE_MIN)
    out->end += frame_write(out->bytes + out->end, first, data, len, key);
  else
    encode_large(link, first, data, len, key);
}

/* Compressed where it will stand, then masked in place: the header's length is known only
   afterwards, but differs from the guess in rare cases only. */
static bool write_compressed(struct link *link, uint8_t opcode, const uint8_t *data, size_t len) {
  struct deflater *deflater = &link->deflate->deflater;
  struct output *out = &link->traffic->out;
  size_t bound = deflater_bound(deflater, len);
  if (!output_reserve(out, link_memory(link), FRAME_HEADER_MAX + bound))
    return false;
  uint8_t *payload = out->bytes + out->end + FRAME_HEADER_MAX;
  size_t payload_len = deflater_message(deflater, data, len, payload, bound);
  if (payload_len == 0)
    return false;
  uint8_t pooled[4];
  const uint8_t *key = NULL;
  if (!link->is_server) {
    key_pool_take(&link->loop->keys, pooled);
    key = pooled;
    mask_copy(payload, payload, payload_len, key, 0);
  }
  size_t header_len =
      frame_write_header(out->bytes + out->end, FRAME_FIN | FRAME_RSV1 | opcode, payload_len, key);
  memmove(out->bytes + out->end + header_len, payload, payload_len);
  out->newest = out->end;
  out->end += header_len + payload_len;
  link->stream_end += header_len + payload_len;
  return true;
}

static bool is_ready_to_write(struct link *link) {
  return link->phase == LINK_OPEN && (link->traffic || link_warm_up(link));
}

/* Not inline anywhere: link_write() must stay small. */
__attribute__((noinline)) static bool write_message(struct link *link, uint8_t opcode,
                                                    const void *data, size_t len,
                                                    uint64_t *stream_end) {
  if (!is_ready_to_write(link))
    return false;
  struct output *out = &link->traffic->out;
  if (link->deflate) {
    if (!write_compressed(link, opcode, data, len))
      return false;
  } else {
    if (!output_reserve(out, link_memory(link), FRAME_HEADER_MAX + len))
      return false;
    encode(link, FRAME_FIN | opcode, data, len);
  }
  if (stream_end)
    *stream_end = link->stream_end;
  if (!link->turn_end.place)
    link_at_turn_end(link);
  if (out->end - out->sent >= send_at(link) && !link->is_blocked)
    push_stream(link, true);
  return true;
}

/* Most messages of a burst: short, and nothing is to be done but to put them behind what waits.
   Nothing that join() does can call anything, so that neither costs a stack frame. */
static inline bool only_joins(const struct link *link, size_t len) {
  const struct traffic *traffic = link->traffic;
  return len <= FRAME_CONTROL_MAX && link->phase == LINK_OPEN && traffic && link->turn_end.place &&
         output_has_room_for_short(&traffic->out) &&
         traffic->out.end - traffic->out.sent < link->join_below &&
         !key_pool_is_used_up(&link->loop->keys);
}

static inline void join(struct link *link, uint8_t opcode, const void *data, size_t len) {
  struct output *out = &link->traffic->out;
  const size_t frame_len = frame_write_short(out->bytes + out->end, FRAME_FIN | opcode, data, len,
                                             key_pool_take_word(&link->loop->keys));
  out->end += frame_len;
  link->stream_end += frame_len;
}

bool link_write(struct link *link, uint8_t opcode, const void *data, size_t len,
                uint64_t *stream_end) {
  if (!only_joins(link, len))
    return write_message(link, opcode, data, len, stream_end);
  join(link, opcode, data, len);
  if (stream_end)
    *stream_end = link->stream_end;
  return true;
}

bool link_write_volatile(struct link *link, uint8_t opcode, const void *data, size_t len,
                         uint64_t *stream_end) {
  if (!is_ready_to_write(link))
    return false;
  struct output *out = &link->traffic->out;
  if (link->deflate)
    return write_message(link, opcode, data, len, stream_end);
  if (!output_reserve(out, link_memory(link), FRAME_HEADER_MAX + len) ||
      !output_reserve_mark(out, link_memory(link)))
    return false;
  output_mark(out, out->end);
  return write_message(link, opcode, data, len, stream_end);
}

/* ---- frames that go ahead ---- */

static bool write_ahead(struct link *link, uint8_t first, const uint8_t *data, size_t len,
                        bool is_marked, struct link_position *position) {
  if (!is_ready_to_write(link))
    return false;
  struct output *out = &link->traffic->out;
  size_t frame_len = frame_header_len(len, !link->is_server) + len;
  if (!output_reserve(out, link_memory(link), frame_len) ||
      (is_marked && !output_reserve_mark(out, link_memory(link))))
    return false;
  uint8_t key[4];
  if (!link->is_server)
    key_pool_take(&link->loop->keys, key);
  size_t at = output_boundary(out);
  position->begin = link->stream_end - (out->end - at);
  position->end = position->begin + frame_len;
  output_open_gap(out, at, frame_len);
  if (is_marked)
    output_mark(out, at);
  uint8_t header[FRAME_HEADER_MAX];
  size_t header_len = frame_write_header(header, first, len, link->is_server ? NULL : key);
  memcpy(out->bytes + at, header, header_len);
  if (link->is_server)
    mask_copy_plain(out->bytes + at + header_len, data, len);
  else
    mask_copy(out->bytes + at + header_len, data, len, key, 0);
  link->stream_end += frame_len;
  link_at_turn_end(link);
  return true;
}

bool link_ping(struct link *link, const void *data, size_t len, struct link_position *position) {
  assert(len <= FRAME_CONTROL_MAX);
  return write_ahead(link, FRAME_FIN | FRAME_PING, data, len, false, position);
}

bool link_write_ahead(struct link *link, const void *text, size_t len,
                      struct link_position *position) {
  return write_ahead(link, FRAME_FIN | FRAME_TEXT, text, len, true, position);
}

/* ---- the link's own frames ---- */

static size_t encode_control(struct link *link, uint8_t opcode, const uint8_t *payload, size_t len,
                             uint8_t frame[OUTPUT_CONTROL_CAP]) {
  uint8_t key[4];
  if (!link->is_server)
    key_pool_take(&link->loop->keys, key);
  return frame_write(frame, FRAME_FIN | opcode, payload, len, link->is_server ? NULL : key);
}

bool link_add_close(struct link *link, uint16_t code, const char *reason) {
  if (!link->traffic && !link_warm_up(link))
    return false;
  uint8_t payload[FRAME_CONTROL_MAX], frame[OUTPUT_CONTROL_CAP];
  size_t len = close_write(payload, code, reason);
  size_t frame_len = encode_control(link, FRAME_CLOSE, payload, len, frame);
  bool added = output_add_urgent(&link->traffic->out, frame, frame_len);
  assert(added); /* pongs leave it room */
  (void)added;
  return true;
}

/* A peer that asks without reading the answers gets only the latest one (section 5.5.3). */
void link_add_pong(struct link *link, const uint8_t *data, size_t len) {
  if (link->phase != LINK_OPEN)
    return;
  uint8_t frame[OUTPUT_CONTROL_CAP];
  struct output *out = &link->traffic->out;
  size_t frame_len = encode_control(link, FRAME_PONG, data, len, frame);
  if (!output_add_pong(out, frame, frame_len, link->is_blocked)) {
    push(link);
    output_add_pong(out, frame, frame_len, true);
  }
  link_at_turn_end(link);
}

void link_pong(struct link *link, const void *data, size_t len) {
  assert(len <= FRAME_CONTROL_MAX);
  if (link->traffic || link_warm_up(link))
    link_add_pong(link, data, len);
}
