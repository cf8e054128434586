/*
 * The output of one link: frames in the order of the stream, and apart from them the few control
 * frames that the link sends by itself (pongs, close), which overtake at a frame boundary and have
 * no position in the stream. Pure bytes: no socket, no TLS.
 *
 *   bytes   [ gone | begin ... sent ... begun ... boundary ... end | room ]
 *
 * begin     the first frame of which some byte is not with the kernel yet
 * sent      the first byte not with the kernel
 * begun     bytes before it were handed to TLS, which must be given them again until it took them
 * boundary  the first frame boundary at or after `begun`: the place for what overtakes
 * end       the stream's end so far; inside a frame only while a large one is being encoded
 *
 * Where frames begin is written in the frames alone: it is found by going from header to header.
 * `newest`, one boundary noted by who writes, spares most of that way.
 */
#ifndef NET_OUTPUT_H
#define NET_OUTPUT_H

#include "frame.h"
#include "memory.h"

#define OUTPUT_SMALL 3072
#define OUTPUT_URGENT_CAP 512
#define OUTPUT_CONTROL_CAP (FRAME_HEADER_MAX + FRAME_CONTROL_MAX)

struct output {
  uint8_t *bytes; /* `small`, or from the allocator */
  size_t cap;
  size_t begin, sent, begun, end;
  size_t newest;        /* a frame boundary, mostly where the newest frame begins */
  bool is_inside_frame; /* `end` is not a frame boundary */

  /* Frames that must not be recovered, by the count of bytes before them since the buffer was
     last empty. */
  uint64_t *marks;
  size_t mark_first, mark_count, mark_cap;
  uint64_t gone; /* bytes compacted away since the buffer was last empty */

  size_t urgent_sent, urgent_begun, urgent_len;
  size_t urgent_pong; /* where the last waiting pong begins; >= urgent_len: none */
  uint8_t urgent[OUTPUT_URGENT_CAP];
  uint8_t small[OUTPUT_SMALL];
};

void output_init(struct output *out);
void output_deinit(struct output *out, const struct memory *memory);
bool output_is_empty(const struct output *out);

bool output_grow(struct output *out, const struct memory *memory, size_t len);
/** Makes room for `len` more bytes at the end. False: no memory. */
static inline bool output_reserve(struct output *out, const struct memory *memory, size_t len) {
  return out->cap - out->end >= len || output_grow(out, memory, len);
}
/** Whether the longest short frame fits. */
static inline bool output_has_room_for_short(const struct output *out) {
  return out->cap - out->end >= OUTPUT_CONTROL_CAP;
}
/** The first frame boundary at or after `begun`; may lie behind `end` while a large frame is
    being encoded. */
size_t output_boundary(const struct output *out);
/** Opens a gap of `len` bytes, already reserved, at the boundary `at`. */
void output_open_gap(struct output *out, size_t at, size_t len);
/** Makes room for one mark. False: no memory. */
bool output_reserve_mark(struct output *out, const struct memory *memory);
/** Marks the frame at index `at` (a boundary) as one not to be recovered. */
void output_mark(struct output *out, size_t at);
/** The kernel took `len` more bytes. */
void output_sent(struct output *out, size_t len);

/** Puts a control frame's bytes among the urgent ones. False: no room now. */
bool output_add_urgent(struct output *out, const uint8_t *frame, size_t len);
/** The same for a pong; with `latest_only` it replaces one that waits (section 5.5.3). */
bool output_add_pong(struct output *out, const uint8_t *frame, size_t len, bool latest_only);
void output_urgent_sent(struct output *out, size_t len);

/** Gives every message not wholly sent, unmasked in place, and forgets it. */
void output_recover(struct output *out,
                    void (*give)(void *user, uint8_t opcode, const uint8_t *data, size_t len),
                    void *user);

#endif
