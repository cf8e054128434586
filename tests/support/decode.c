/* See decode.h. */
#include "decode.h"

#include "deflate.h"
#include "guard.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SPELL_MAX 40
#define DEFAULT_MAX ((uint64_t)1024 * 1024)

struct driver {
  struct decoder decoder;
  struct inflater inflater;
  const struct decode_setup *setup;
  struct decode_run *run;
  struct guard room; /* map == NULL: none lent */
  bool is_over;
};

static bool is_plain(const uint8_t *data, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (!isgraph(data[i])) {
      return false;
    }
  }
  return len <= SPELL_MAX;
}

void decode_describe(char *out, size_t cap, const char *what, const uint8_t *data, size_t len) {
  if (is_plain(data, len)) {
    snprintf(out, cap, "%s(%.*s) ", what, (int)len, (const char *)data);
    return;
  }
  if (len <= SPELL_MAX) {
    int used = snprintf(out, cap, "%s<", what);
    for (size_t i = 0; i < len; i++) {
      used += snprintf(out + used, cap - (size_t)used, "%02X", data[i]);
    }
    snprintf(out + used, cap - (size_t)used, "> ");
    return;
  }
  uint32_t sum = 2166136261u;
  for (size_t i = 0; i < len; i++) {
    sum = (sum ^ data[i]) * 16777619u;
  }
  snprintf(out, cap, "%s[%zu,%08x] ", what, len, sum);
}

static void write_down(struct driver *d, const char *what, const uint8_t *data, size_t len) {
  const size_t used = strlen(d->run->transcript);
  assert_true(used + 200 < TRANSCRIPT_CAP);
  decode_describe(d->run->transcript + used, TRANSCRIPT_CAP - used, what, data, len);
}

/* Lends just what was asked for, in fresh memory, so that stale pointers show. */
static void lend_room(struct driver *d, uint64_t wanted) {
  const size_t held = decoder_held(&d->decoder);
  struct guard fresh;
  assert_true(wanted > held && wanted <= d->decoder.max_message);
  guard_init(&fresh, wanted);
  uint8_t *buffer = guard_tail(&fresh, wanted);
  if (d->room.map != NULL) {
    memcpy(buffer, d->decoder.room, held);
    guard_deinit(&d->room);
  }
  d->room = fresh;
  decoder_set_room(&d->decoder, buffer, wanted);
  d->run->room_count++;
  d->run->room_max = wanted > d->run->room_max ? wanted : d->run->room_max;
}

static void take_room_back(struct driver *d) {
  if (d->room.map != NULL && decoder_held(&d->decoder) == 0 &&
      !decoder_is_inside_frame(&d->decoder)) {
    decoder_set_room(&d->decoder, NULL, 0);
    guard_deinit(&d->room);
    d->room.map = NULL;
  }
}

static void take_close(struct driver *d, const struct decoder_event *event) {
  char what[140];
  snprintf(what, sizeof what, "%u,%.*s", event->close_code, (int)event->len,
           (const char *)event->data);
  write_down(d, "close", (const uint8_t *)what, strlen(what));
  d->is_over = true;
}

static void take_error(struct driver *d, const struct decoder_event *event) {
  char code[12];
  snprintf(code, sizeof code, "%u", event->close_code);
  write_down(d, "error", (const uint8_t *)code, strlen(code));
  assert_non_null(event->detail);
  d->run->detail = event->detail;
  d->is_over = true;
}

static void take(struct driver *d, enum decoder_result result, const struct decoder_event *event) {
  switch (result) {
  case DECODER_MESSAGE:
    assert_non_null(event->data);
    assert_int_equal(decoder_held(&d->decoder), 0);
    write_down(d, event->opcode == FRAME_TEXT ? "text" : "binary", event->data, event->len);
    break;
  case DECODER_PING:
  case DECODER_PONG:
    write_down(d, result == DECODER_PING ? "ping" : "pong", event->data, event->len);
    break;
  case DECODER_CLOSE:
    take_close(d, event);
    break;
  case DECODER_NEED_ROOM:
    lend_room(d, event->room_wanted);
    break;
  case DECODER_ERROR:
    take_error(d, event);
    break;
  case DECODER_MORE:
    break;
  }
}

/* What is over stays over. */
static void check_end(struct driver *d) {
  uint8_t more[] = {0x81, 0x01, 'x'};
  struct decoder_event event = {0};
  size_t consumed = 99;
  const enum decoder_result result =
      decoder_next(&d->decoder, more, sizeof more, &consumed, &event);
  assert_int_equal(result, d->run->detail != NULL ? DECODER_ERROR : DECODER_MORE);
  assert_true(consumed <= sizeof more);
  assert_ptr_equal(event.detail, d->run->detail);
  assert_false(d->run->detail != NULL && decoder_is_inside_frame(&d->decoder));
}

/* What the glance promises, the decoder delivers. */
static void check_glance(const uint8_t *in, size_t header_len, size_t payload_len,
                         enum decoder_result result, const struct decoder_event *event) {
  assert_int_equal(result, DECODER_MESSAGE);
  assert_int_equal(event->opcode, in[0] ^ FRAME_FIN);
  assert_ptr_equal(event->data, in + header_len);
  assert_int_equal(event->len, payload_len);
}

static void decode_piece(struct driver *d, uint8_t *in, size_t len) {
  enum decoder_result result;
  do {
    struct decoder_event event = {0};
    size_t consumed = 0;
    size_t payload_len;
    const size_t header_len = decoder_glance(&d->decoder, in, len, &payload_len);
    result = decoder_next(&d->decoder, in, len, &consumed, &event);
    assert_true(consumed <= len);
    if (header_len > 0) {
      check_glance(in, header_len, payload_len, result, &event);
      assert_int_equal(consumed, header_len + payload_len);
    }
    in += consumed;
    len -= consumed;
    take(d, result, &event);
    if (result == DECODER_MORE) {
      assert_int_equal(len, 0);
    }
  } while (result != DECODER_MORE && !d->is_over);
  take_room_back(d);
}

/* Reads up to `len` bytes, straight into the room if the decoder offers some. Returns how many. */
static size_t read_piece(struct driver *d, const struct guard *input, const uint8_t *bytes,
                         size_t len) {
  size_t room;
  uint8_t *direct = d->setup->wants_direct ? decoder_direct(&d->decoder, &room) : NULL;
  if (direct != NULL) {
    len = len < room ? len : room;
    d->run->direct_len += len;
  }
  uint8_t *in = direct != NULL ? direct : guard_tail(input, len);
  memcpy(in, bytes, len);
  decode_piece(d, in, len);
  return len;
}

static void driver_init(struct driver *d, struct decode_run *run,
                        const struct decode_setup *setup) {
  memset(d, 0, sizeof *d);
  memset(run, 0, sizeof *run);
  d->setup = setup;
  d->run = run;
  const bool has_inflater = setup->inflater_bits != 0;
  if (has_inflater) {
    assert_int_equal(
        inflater_init(&d->inflater, setup->inflater_bits, setup->no_context_takeover, NULL), 0);
  }
  const struct decoder_options options = {
      setup->is_server, setup->max_message != 0 ? setup->max_message : DEFAULT_MAX,
      has_inflater ? &d->inflater : NULL};
  decoder_init(&d->decoder, &options);
}

void decode_run(struct decode_run *run, const struct decode_setup *setup, const uint8_t *bytes,
                size_t len, size_t cut, size_t step) {
  struct driver d;
  struct guard input;
  driver_init(&d, run, setup);
  guard_init(&input, len);
  for (size_t at = 0; at < len && !d.is_over;) {
    const size_t end = at < cut ? cut : len;
    at += read_piece(&d, &input, bytes + at, end - at < step ? end - at : step);
    run->fed = at;
  }
  if (d.is_over) {
    check_end(&d);
  }
  if (setup->inflater_bits != 0) {
    inflater_deinit(&d.inflater);
  }
  if (d.room.map != NULL) {
    guard_deinit(&d.room);
  }
  guard_deinit(&input);
}

size_t decode_mask_frames(uint8_t *out, const uint8_t *frames, size_t len) {
  size_t made = 0;
  struct frame_header header;
  for (uint8_t n = 1; len > 0; n++) {
    const uint8_t key[4] = {n, (uint8_t)(n * 3), 0xA5, (uint8_t)~n};
    assert_int_equal(frame_read_header(frames, len, &header), FRAME_READ_OK);
    const size_t there =
        len - header.header_len < header.payload_len ? len - header.header_len : header.payload_len;
    made += frame_write_header(out + made, header.first, header.payload_len, key);
    for (size_t i = 0; i < there; i++) {
      out[made++] = frames[header.header_len + i] ^ key[i % 4];
    }
    frames += header.header_len + there;
    len -= header.header_len + there;
  }
  return made;
}

void decode_fill_text(uint8_t *p, size_t len) {
  static const char unit[] = "\xD0\x96\xE2\x82\xAC\xF0\x9F\x90\x8C plain text ";
  size_t i = 0;
  for (; i + sizeof unit - 1 <= len; i += sizeof unit - 1) {
    memcpy(p + i, unit, sizeof unit - 1);
  }
  memset(p + i, 'x', len - i);
}

size_t decode_write_fragments(uint8_t *out, const uint8_t *text, size_t len, size_t frame,
                              char *expected, size_t cap) {
  size_t made = 0;
  expected[0] = '\0';
  for (size_t at = 0; at < len; at += frame) {
    const size_t part = len - at < frame ? len - at : frame;
    const uint8_t fin = at + part == len ? FRAME_FIN : 0;
    made += frame_write(out + made, fin | (at == 0 ? FRAME_TEXT : FRAME_CONTINUATION), text + at,
                        part, NULL);
    if (fin == 0) {
      made += frame_write(out + made, FRAME_FIN | FRAME_PING, "p", 1, NULL);
      decode_describe(expected + strlen(expected), cap - strlen(expected), "ping",
                      (const uint8_t *)"p", 1);
    }
  }
  decode_describe(expected + strlen(expected), cap - strlen(expected), "text", text, len);
  return made;
}
