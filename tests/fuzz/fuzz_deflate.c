/*
 * permessage-deflate beside plain zlib. Our messages: what zlib makes of them, and what we do, in
 * pieces and with little room, with a frame's limit at their size and one below. Strange ones: the
 * same outcome however they come, and zlib's wherever it has one.
 */
#include "fuzz.h"

#include "decoder.h"
#include "deflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { IS_OURS = 0x80, NO_TAKEOVER = 0x40 }; /* then 3 bits of window, 3 of repetitions */

#define OUT_CAP ((size_t)48 * 1024) /* more than the largest window */
#define IN_MAX 520
#define MESSAGES_MAX 8

static const uint8_t tail[] = {0x00, 0x00, 0xFF, 0xFF};

struct setup {
  uint8_t window_bits;
  bool no_takeover;
  uint8_t how;
};

struct outcome {
  enum inflate_result result;
  uint8_t *out; /* of OUT_CAP */
  size_t len;
  bool is_full; /* more would have come */
};

/* ---- inflating with little room at a time ---- */

static uint8_t *next_room(struct fuzz_cuts *rooms, const struct outcome *o, size_t *room) {
  const size_t left = OUT_CAP - o->len;
  *room = fuzz_next_cut(rooms, left) * (1 + o->len / 64); /* a bomb is not taken byte by byte */
  *room = *room < left ? *room : left;
  return fuzz_alloc(*room);
}

static void take_out(struct outcome *o, uint8_t *room, size_t len) {
  if (len > 0)
    memcpy(o->out + o->len, room, len);
  o->len += len;
  free(room);
}

static void feed_piece(struct outcome *o, struct inflater *i, const uint8_t *in, size_t len,
                       struct fuzz_cuts *rooms) {
  do {
    size_t used = len, made;
    uint8_t *room = next_room(rooms, o, &made);
    const size_t cap = made;
    o->result = inflater_feed(i, in, &used, room, &made);
    FUZZ_CHECK(used <= len && made <= cap);
    FUZZ_CHECK(o->result != INFLATE_OK || used == len);
    FUZZ_CHECK(o->result != INFLATE_ROOM || made == cap);
    take_out(o, room, made);
    in += used;
    len -= used;
    o->is_full = o->len == OUT_CAP;
  } while (o->result == INFLATE_ROOM && !o->is_full);
}

static void finish(struct outcome *o, struct inflater *i, struct fuzz_cuts *rooms) {
  do {
    size_t made;
    uint8_t *room = next_room(rooms, o, &made);
    o->result = inflater_finish(i, room, &made);
    take_out(o, room, made);
    o->is_full = o->len == OUT_CAP;
  } while (o->result == INFLATE_ROOM && !o->is_full);
}

static void inflate_message(struct outcome *o, struct inflater *i, struct fuzz_input in,
                            uint8_t how) {
  struct fuzz_cuts pieces = fuzz_cuts(how), rooms = fuzz_cuts((uint8_t)(how * 3));
  o->result = INFLATE_OK;
  o->len = 0;
  o->is_full = false;
  while (in.len > 0 && o->result == INFLATE_OK && !o->is_full) {
    const struct fuzz_input piece = fuzz_take(&in, fuzz_next_cut(&pieces, in.len));
    uint8_t *copy = fuzz_copy(piece.data, piece.len);
    feed_piece(o, i, copy, piece.len, &rooms);
    free(copy);
  }
  if (o->result == INFLATE_OK && !o->is_full)
    finish(o, i, &rooms);
}

/* ---- plain zlib ---- */

enum plain { PLAIN_WHOLE, PLAIN_BAD, PLAIN_OTHER };

static void plain_init(z_stream *z, uint8_t window_bits) {
  memset(z, 0, sizeof *z);
  FUZZ_CHECK(inflateInit2(z, -window_bits) == Z_OK);
}

/* One message and its tail in one call. OTHER: it ends with a final block, or the room does. */
static enum plain plain_inflate(z_stream *z, struct fuzz_input in, uint8_t *out, size_t *len) {
  uint8_t *copy = fuzz_alloc(in.len + sizeof tail);
  if (in.len > 0)
    memcpy(copy, in.data, in.len);
  memcpy(copy + in.len, tail, sizeof tail);
  z->next_in = copy;
  z->avail_in = (unsigned)(in.len + sizeof tail);
  z->next_out = out;
  z->avail_out = (unsigned)OUT_CAP;
  const int status = inflate(z, Z_SYNC_FLUSH);
  *len = OUT_CAP - z->avail_out;
  const bool is_used = z->avail_in == 0 && z->avail_out > 0;
  free(copy);
  if (status == Z_DATA_ERROR)
    return PLAIN_BAD;
  if (status != Z_OK || !is_used)
    return PLAIN_OTHER;
  return z->data_type & 128 ? PLAIN_WHOLE : PLAIN_BAD; /* between two blocks, or cut short */
}

/* ---- our own messages ---- */

static struct fuzz_input frame_of(uint8_t *frame, const uint8_t *in, size_t len) {
  const size_t head = frame_write_header(frame, FRAME_FIN | FRAME_RSV1 | FRAME_BINARY, len, NULL);
  memcpy(frame + head, in, len);
  return (struct fuzz_input){frame, head + len};
}

/* The decoder with that limit; DECODER_MESSAGE must give `want` again. */
static enum decoder_result decode(struct fuzz_input in, const struct setup *setup,
                                  uint64_t max_message, struct fuzz_input want) {
  struct decoder d;
  struct inflater i;
  uint8_t *room = fuzz_alloc(OUT_CAP), *copy = fuzz_copy(in.data, in.len), *at = copy;
  enum decoder_result result;
  FUZZ_CHECK(inflater_init(&i, setup->window_bits, true, NULL) == INFLATE_OK);
  const struct decoder_options options = {.max_message = max_message, .inflater = &i};
  decoder_init(&d, &options);
  do {
    struct decoder_event event;
    size_t consumed;
    result = decoder_next(&d, at, in.len, &consumed, &event);
    at += consumed;
    in.len -= consumed;
    if (result == DECODER_NEED_ROOM)
      decoder_set_room(&d, room, event.room_wanted);
    if (result == DECODER_MESSAGE)
      FUZZ_CHECK(event.len == want.len &&
                 (want.len == 0 || memcmp(event.data, want.data, want.len) == 0));
    if (result == DECODER_ERROR)
      FUZZ_CHECK(event.close_code == 1009);
  } while (result == DECODER_NEED_ROOM);
  inflater_deinit(&i);
  free(copy);
  free(room);
  return result;
}

/* A message that stands for itself, in a frame: its limit counts what it inflates to. */
static void check_limit(const uint8_t *deflated, size_t len, const struct setup *setup,
                        struct fuzz_input want) {
  uint8_t *frame = fuzz_alloc(FRAME_HEADER_MAX + len);
  const struct fuzz_input in = frame_of(frame, deflated, len);
  FUZZ_CHECK(decode(in, setup, want.len, want) == DECODER_MESSAGE);
  if (want.len > 0)
    FUZZ_CHECK(decode(in, setup, want.len - 1, want) == DECODER_ERROR);
  free(frame);
}

static void check_made(const struct outcome *o, struct fuzz_input want) {
  FUZZ_CHECK(o->result == INFLATE_OK && o->len == want.len);
  FUZZ_CHECK(want.len == 0 || memcmp(o->out, want.data, want.len) == 0);
}

/* A line, some times over: matches that reach far back. */
static struct fuzz_input repeated(struct fuzz_input line, unsigned times) {
  uint8_t *text = fuzz_alloc(line.len * times);
  for (unsigned i = 0; i < times && line.len > 0; i++)
    memcpy(text + line.len * i, line.data, line.len);
  return (struct fuzz_input){text, line.len * times};
}

struct ends {
  struct deflater deflater;
  struct inflater inflater;
  z_stream plain;
};

static void send_one(struct ends *e, const struct setup *setup, struct fuzz_input want,
                     uint8_t *out, bool is_first) {
  struct outcome o = {.out = out};
  size_t plain_len;
  const size_t cap = deflater_bound(&e->deflater, want.len);
  uint8_t *deflated = fuzz_alloc(cap);
  const size_t len = deflater_message(&e->deflater, want.data, want.len, deflated, cap);
  FUZZ_CHECK(len > 0 && len <= cap);
  const struct fuzz_input in = {deflated, len};
  inflate_message(&o, &e->inflater, in, setup->how);
  check_made(&o, want);
  if (setup->no_takeover)
    FUZZ_CHECK(inflateReset(&e->plain) == Z_OK);
  FUZZ_CHECK(plain_inflate(&e->plain, in, out, &plain_len) == PLAIN_WHOLE);
  check_made(&(struct outcome){INFLATE_OK, out, plain_len, false}, want);
  if (setup->no_takeover || is_first)
    check_limit(deflated, len, setup, want);
  free(deflated);
}

static void check_ours(const struct setup *setup, struct fuzz_input in, unsigned times,
                       uint8_t *out) {
  struct ends e;
  FUZZ_CHECK(deflater_init(&e.deflater, setup->window_bits, setup->no_takeover, NULL) ==
             INFLATE_OK);
  FUZZ_CHECK(inflater_init(&e.inflater, setup->window_bits, setup->no_takeover, NULL) ==
             INFLATE_OK);
  plain_init(&e.plain, setup->window_bits);
  for (unsigned i = 0; i < MESSAGES_MAX && in.len > 0; i++) {
    const struct fuzz_input want = repeated(fuzz_line(&in), times);
    send_one(&e, setup, want, out, i == 0);
    free((void *)(uintptr_t)want.data);
  }
  deflater_deinit(&e.deflater);
  inflater_deinit(&e.inflater);
  inflateEnd(&e.plain);
}

/* ---- strange ones ---- */

static void check_strange(const struct setup *setup, struct fuzz_input in, uint8_t *out) {
  struct inflater whole, cut;
  struct outcome a = {.out = out}, b = {.out = out + OUT_CAP};
  z_stream z;
  size_t plain_len;
  FUZZ_CHECK(inflater_init(&whole, setup->window_bits, setup->no_takeover, NULL) == INFLATE_OK);
  FUZZ_CHECK(inflater_init(&cut, setup->window_bits, setup->no_takeover, NULL) == INFLATE_OK);
  for (unsigned i = 0; i < 2; i++) { /* the second finds what the first has left behind */
    inflate_message(&a, &whole, in, 0);
    inflate_message(&b, &cut, in, setup->how);
    FUZZ_CHECK(a.is_full == b.is_full && (a.is_full || a.result == b.result));
    if (a.result == INFLATE_BAD || a.is_full)
      break; /* no message comes after it */
    FUZZ_CHECK(a.len == b.len && memcmp(a.out, b.out, a.len) == 0);
    if (i > 0)
      continue;
    plain_init(&z, setup->window_bits);
    const enum plain plain = in.len > 0 ? plain_inflate(&z, in, b.out, &plain_len) : PLAIN_OTHER;
    inflateEnd(&z);
    FUZZ_CHECK(plain != PLAIN_BAD);
    if (plain == PLAIN_WHOLE)
      check_made(&a, (struct fuzz_input){b.out, plain_len});
  }
  inflater_deinit(&whole);
  inflater_deinit(&cut);
}

void fuzz_one(const uint8_t *data, size_t len) {
  static const unsigned times[] = {1, 1, 2, 3, 5, 17, 50, 90};
  struct fuzz_input in = {data, len < IN_MAX ? len : IN_MAX};
  const uint8_t flags = fuzz_byte(&in);
  const struct setup setup = {.window_bits = (uint8_t)(8 + (flags >> 3 & 7)),
                              .no_takeover = flags & NO_TAKEOVER,
                              .how = fuzz_byte(&in)};
  uint8_t *out = fuzz_alloc(2 * OUT_CAP);
  if (flags & IS_OURS)
    check_ours(&setup, in, times[flags & 7], out);
  else
    check_strange(&setup, in, out);
  free(out);
}
