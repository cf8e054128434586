/*
 * Frames of either role, plain and compressed: read whole and in pieces, with and without reading
 * straight into the lent room, with the same messages and the same end.
 */
#include "fuzz.h"

#include "close.h"
#include "decoder.h"
#include "deflate.h"

#include <stdlib.h>
#include <string.h>

enum { IS_SERVER = 1, IS_COMPRESSED = 2, NO_TAKEOVER = 4 }; /* then 3 bits of window, 2 of limit */

static const uint64_t limits[] = {100, 1000, 70000, (uint64_t)1024 * 1024};

struct setup {
  bool is_server, is_compressed, no_takeover, wants_direct;
  uint8_t window_bits;
  uint64_t max_message;
};

struct run {
  struct decoder decoder;
  struct inflater inflater;
  const struct setup *setup;
  uint8_t *room;
  bool is_over;
  /* what came of it */
  uint64_t sum, messages, controls;
  uint16_t end_code;
  bool is_error;
};

static void add(struct run *r, const uint8_t *data, size_t len) {
  r->sum = (r->sum ^ len) * UINT64_C(1099511628211);
  for (size_t i = 0; i < len; i++)
    r->sum = (r->sum ^ data[i]) * UINT64_C(1099511628211);
}

/* Exactly what was asked for, elsewhere each time. */
static void lend(struct run *r, uint64_t wanted) {
  const size_t held = decoder_held(&r->decoder);
  FUZZ_CHECK(wanted > held && wanted <= r->setup->max_message);
  uint8_t *room = fuzz_alloc(wanted);
  if (held > 0)
    memcpy(room, r->room, held);
  free(r->room);
  r->room = room;
  decoder_set_room(&r->decoder, room, wanted);
}

static void take_back(struct run *r) {
  if (r->room == NULL || decoder_held(&r->decoder) > 0 || decoder_is_inside_frame(&r->decoder))
    return;
  decoder_set_room(&r->decoder, NULL, 0);
  free(r->room);
  r->room = NULL;
}

static void take_message(struct run *r, const struct decoder_event *event) {
  FUZZ_CHECK(event->opcode == FRAME_TEXT || event->opcode == FRAME_BINARY);
  FUZZ_CHECK(event->len <= r->setup->max_message && decoder_held(&r->decoder) == 0);
  FUZZ_CHECK(event->opcode != FRAME_TEXT || utf8_is_valid(event->data, event->len));
  r->messages++;
  add(r, &event->opcode, 1);
  add(r, event->data, event->len);
}

static void take_end(struct run *r, const struct decoder_event *event, bool is_error) {
  r->is_over = true;
  r->is_error = is_error;
  r->end_code = event->close_code;
  if (is_error) {
    FUZZ_CHECK(event->detail != NULL && close_code_is_valid(event->close_code));
    return;
  }
  FUZZ_CHECK(event->close_code == CLOSE_NO_STATUS || close_code_is_valid(event->close_code));
  FUZZ_CHECK(event->len <= CLOSE_REASON_MAX && utf8_is_valid(event->data, event->len));
  add(r, event->data, event->len);
}

static void take(struct run *r, enum decoder_result result, const struct decoder_event *event) {
  switch (result) {
  case DECODER_MESSAGE:
    take_message(r, event);
    break;
  case DECODER_PING:
  case DECODER_PONG:
    FUZZ_CHECK(event->len <= FRAME_CONTROL_MAX);
    r->controls++;
    add(r, event->data, event->len);
    break;
  case DECODER_NEED_ROOM:
    lend(r, event->room_wanted);
    break;
  case DECODER_CLOSE:
  case DECODER_ERROR:
    take_end(r, event, result == DECODER_ERROR);
    break;
  case DECODER_MORE:
    break;
  }
}

static void decode_piece(struct run *r, uint8_t *in, size_t len) {
  enum decoder_result result;
  do {
    struct decoder_event event = {0};
    size_t consumed = 0, payload_len = 0;
    const size_t glance = decoder_glance(&r->decoder, in, len, &payload_len);
    result = decoder_next(&r->decoder, in, len, &consumed, &event);
    FUZZ_CHECK(consumed <= len && (result != DECODER_MORE || consumed == len));
    if (glance > 0)
      FUZZ_CHECK(result == DECODER_MESSAGE && consumed == glance + payload_len &&
                 event.data == in + glance && event.len == payload_len);
    in += consumed;
    len -= consumed;
    take(r, result, &event);
  } while (result != DECODER_MORE && !r->is_over);
  take_back(r);
}

static size_t read_piece(struct run *r, const uint8_t *data, size_t len) {
  size_t room;
  uint8_t *direct = r->setup->wants_direct ? decoder_direct(&r->decoder, &room) : NULL;
  if (direct != NULL) {
    FUZZ_CHECK(room > 0);
    len = len < room ? len : room;
    memcpy(direct, data, len);
    decode_piece(r, direct, len);
    return len;
  }
  uint8_t *copy = fuzz_copy(data, len);
  decode_piece(r, copy, len);
  free(copy);
  return len;
}

static void run(struct run *r, const struct setup *setup, struct fuzz_input in,
                struct fuzz_cuts cuts) {
  *r = (struct run){.setup = setup};
  const bool inflates =
      setup->is_compressed &&
      inflater_init(&r->inflater, setup->window_bits, setup->no_takeover, NULL) == INFLATE_OK;
  const struct decoder_options options = {setup->is_server, setup->max_message,
                                          inflates ? &r->inflater : NULL};
  decoder_init(&r->decoder, &options);
  while (in.len > 0 && !r->is_over) {
    const size_t used = read_piece(r, in.data, fuzz_next_cut(&cuts, in.len));
    (void)fuzz_take(&in, used);
  }
  if (inflates)
    inflater_deinit(&r->inflater);
  free(r->room);
}

static void check_same(const struct run *a, const struct run *b) {
  FUZZ_CHECK(a->is_over == b->is_over && a->is_error == b->is_error);
  FUZZ_CHECK(a->end_code == b->end_code && a->messages == b->messages);
  FUZZ_CHECK(a->controls == b->controls && a->sum == b->sum);
}

void fuzz_one(const uint8_t *data, size_t len) {
  static struct run whole, cut, direct;
  struct fuzz_input in = {data, len};
  const uint8_t flags = fuzz_byte(&in);
  const uint8_t how = fuzz_byte(&in);
  struct setup setup = {.is_server = flags & IS_SERVER,
                        .is_compressed = flags & IS_COMPRESSED,
                        .no_takeover = flags & NO_TAKEOVER,
                        .window_bits = (uint8_t)(8 + (flags >> 3 & 7)),
                        .max_message = limits[flags >> 6]};
  run(&whole, &setup, in, fuzz_cuts(0));
  run(&cut, &setup, in, fuzz_cuts(how));
  check_same(&whole, &cut);
  setup.wants_direct = true;
  run(&direct, &setup, in, fuzz_cuts(how));
  check_same(&whole, &direct);
}
