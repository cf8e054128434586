/* The decoder's limits: on messages, on what it asks for, on what it copies and holds. */
#include "decode.h"
#include "deflate.h"
#include "parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WHOLE SIZE_MAX
#define MIB ((size_t)1024 * 1024)
#define WIRE_CAP (2 * MIB)

static uint8_t *wire, *payload;

/* ---- limits ---- */

static void check_limit(const struct decode_setup *setup, size_t len, bool fits, size_t fail_at) {
  struct decode_run run;
  static const size_t steps[] = {SIZE_MAX, 1};
  for (size_t s = 0; s < 2; s++) {
    decode_run(&run, setup, wire, len, 0, steps[s]);
    assert_int_equal(strcmp(run.transcript, "error(1009) ") == 0, !fits);
  }
  if (fail_at != 0) {
    assert_int_equal(run.fed, fail_at);
  }
}

static void test_limit(void **state) {
  (void)state;
  static const uint64_t limits[] = {1, 2, 100, 124, 125, 126, 127, 1000, 65535, 65536};
  decode_fill_text(payload, 70000);
  for (size_t l = 0; l < sizeof limits / sizeof limits[0]; l++) {
    const struct decode_setup setup = {.max_message = limits[l]};
    const size_t max = (size_t)limits[l];
    memset(payload, 'x', max + 1);
    size_t len = frame_write(wire, FRAME_FIN | FRAME_TEXT, payload, max, NULL);
    check_limit(&setup, len, true, 0);
    /* One more is refused on its header, before a byte of payload or any room. */
    len = frame_write(wire, FRAME_FIN | FRAME_TEXT, payload, max + 1, NULL);
    check_limit(&setup, len, false, frame_header_len(max + 1, false));
    /* Fragments add up. */
    len = frame_write(wire, FRAME_BINARY, payload, max, NULL);
    const size_t second = len + 2;
    len += frame_write(wire + len, FRAME_FIN, payload, 1, NULL);
    check_limit(&setup, len, false, second);
    len = frame_write(wire, FRAME_BINARY, payload, max - 1, NULL);
    len += frame_write(wire + len, FRAME_FIN, payload, 1, NULL);
    check_limit(&setup, len, true, 0);
  }
}

static void test_inflated_limit(void **state) {
  (void)state;
  if (!HAS_DEFLATE)
    skip();
  static const uint64_t limits[] = {1, 100, 4095, 4096, 4097, 10000};
  for (size_t l = 0; l < sizeof limits / sizeof limits[0]; l++) {
    for (size_t over = 0; over < 2; over++) {
      struct deflater d;
      uint8_t packed[400];
      const struct decode_setup setup = {.max_message = limits[l], .inflater_bits = 15};
      assert_int_equal(deflater_init(&d, 15, false, NULL), INFLATE_OK);
      memset(payload, 'x', limits[l] + over);
      size_t len = deflater_message(&d, payload, limits[l] + over, packed, sizeof packed);
      assert_true(len > 0);
      len = frame_write(wire, FRAME_FIN | FRAME_RSV1 | FRAME_TEXT, packed, len, NULL);
      check_limit(&setup, len, over == 0, 0);
      deflater_deinit(&d);
    }
  }
}

/* What the inflater still has in hand counts at once, not with the next byte that comes. */
static void test_inflated_limit_without_delay(void **state) {
  (void)state;
  if (!HAS_DEFLATE)
    skip();
  struct deflater d;
  uint8_t packed[100];
  const struct decode_setup setup = {.max_message = 50, .inflater_bits = 15};
  assert_int_equal(deflater_init(&d, 15, false, NULL), INFLATE_OK);
  for (size_t i = 0; i < 60; i++) {
    payload[i] = (uint8_t)('A' + i); /* nothing repeats: a byte in is a byte out */
  }
  const size_t packed_len = deflater_message(&d, payload, 60, packed, sizeof packed);
  size_t failed_count = 0;
  for (size_t cut = 1; cut <= packed_len; cut++) {
    const size_t len = frame_write_header(wire, FRAME_RSV1 | FRAME_TEXT, 100, NULL);
    memcpy(wire + len, packed, cut);
    struct decode_run whole, bytes;
    decode_run(&whole, &setup, wire, len + cut, 0, WHOLE);
    decode_run(&bytes, &setup, wire, len + cut, 0, 1);
    assert_string_equal(whole.transcript, bytes.transcript);
    failed_count += whole.detail != NULL;
    assert_true(bytes.detail == NULL || failed_count > 1 || bytes.fed == len + cut);
  }
  assert_in_range(failed_count, 1, packed_len);
  deflater_deinit(&d);
}

/* A bomb takes no more room than a message may have. */
static void test_bomb(void **state) {
  (void)state;
  if (!HAS_DEFLATE)
    skip();
  struct deflater d;
  const size_t len = 20 * MIB;
  uint8_t *zeros = calloc(1, len);
  assert_non_null(zeros);
  assert_int_equal(deflater_init(&d, 15, false, NULL), INFLATE_OK);
  const size_t packed_len = deflater_message(&d, zeros, len, payload, WIRE_CAP);
  const size_t wire_len =
      frame_write(wire, FRAME_FIN | FRAME_RSV1 | FRAME_BINARY, payload, packed_len, NULL);
  const struct decode_setup setup = {.max_message = 100000, .inflater_bits = 15};
  struct decode_run run;
  decode_run(&run, &setup, wire, wire_len, 0, 100);
  assert_string_equal(run.transcript, "error(1009) ");
  assert_true(run.room_max <= 100000);
  assert_true(run.fed < 1000);
  deflater_deinit(&d);
  free(zeros);
}

/* ---- room ---- */

static const struct decoder_options plain_client = {false, 16 * MIB, NULL};

/* A header that announces 16 MiB and one byte reserve 256 KiB, not 16 MiB. */
static void test_announcements_are_not_believed(void **state) {
  (void)state;
  struct decoder d;
  struct decoder_event event;
  size_t consumed;
  decoder_init(&d, &plain_client);
  const size_t header_len = frame_write_header(wire, 0x82, 16 * MIB, NULL);
  assert_int_equal(decoder_next(&d, wire, header_len, &consumed, &event), DECODER_MORE);
  assert_true(decoder_is_inside_frame(&d));
  assert_int_equal(decoder_next(&d, wire, 1, &consumed, &event), DECODER_NEED_ROOM);
  assert_int_equal(consumed, 0);
  assert_true(event.room_wanted <= MIB / 4 + 1);
}

/* Room doubles, so that a long message asks a few times; what is small asks once, for its size. */
static void test_room_grows_by_doubling(void **state) {
  (void)state;
  struct decode_run run;
  const struct decode_setup setup = {.wants_direct = true};
  decode_fill_text(payload, MIB);
  size_t len = frame_write(wire, 0x82, payload, MIB, NULL);
  decode_run(&run, &setup, wire, len, 14, 60000);
  assert_true(run.room_count <= 4);
  assert_int_equal(run.room_max, MIB);
  assert_true(run.direct_len > 900000);

  len = frame_write(wire, 0x82, payload, 3000, NULL);
  decode_run(&run, &setup, wire, len, 100, WHOLE);
  assert_int_equal(run.room_count, 1);
  assert_int_equal(run.room_max, 3000);
  assert_int_equal(run.direct_len, 0);

  char expected[TRANSCRIPT_CAP];
  len = decode_write_fragments(wire, payload, 100000, 1000, expected, sizeof expected);
  decode_run(&run, &setup, wire, len, 0, WHOLE);
  assert_string_equal(run.transcript, expected);
  assert_true(run.room_count <= 6);
}

/* Nothing is held between messages, nor for a message that lies whole in the input. */
static void test_nothing_held_between(void **state) {
  (void)state;
  struct decode_run run;
  const struct decode_setup setup = {0};
  size_t len = 0;
  for (int i = 0; i < 20; i++) {
    len += frame_write(wire + len, 0x81, "0123456789", (size_t)i % 11, NULL);
    len += frame_write(wire + len, 0x89, "ping", 4, NULL);
  }
  decode_run(&run, &setup, wire, len, 0, WHOLE);
  assert_int_equal(run.room_count, 0);
  assert_true(sizeof(struct decoder) <= 240);
}

/* A whole message comes as a pointer into the input: no copy. */
static void test_no_copy(void **state) {
  (void)state;
  static const size_t lens[] = {5, 125, 126, 65535, 65536};
  for (size_t l = 0; l < sizeof lens / sizeof lens[0]; l++) {
    struct decoder d;
    struct decoder_event event;
    size_t consumed;
    decoder_init(&d, &plain_client);
    memset(payload, 'y', lens[l]);
    const size_t len = frame_write(wire, 0x81, payload, lens[l], NULL);
    assert_int_equal(decoder_next(&d, wire, len + 1, &consumed, &event), DECODER_MESSAGE);
    assert_int_equal(consumed, len);
    assert_ptr_equal(event.data, wire + len - lens[l]);
    assert_int_equal(event.len, lens[l]);
  }
}

static void test_direct_is_for_plain_data(void **state) {
  (void)state;
  struct decoder d;
  struct decoder_event event;
  size_t consumed, room;
  static uint8_t buffer[100000];
  decoder_init(&d, &plain_client);
  assert_null(decoder_direct(&d, &room));
  assert_int_equal(decoder_rest(&d), 0);
  decoder_set_room(&d, buffer, sizeof buffer); /* a room kept from earlier messages */
  assert_null(decoder_direct(&d, &room));
  const size_t len = frame_write_header(wire, 0x82, 90000, NULL);
  assert_int_equal(decoder_next(&d, wire, len, &consumed, &event), DECODER_MORE);
  assert_ptr_equal(decoder_direct(&d, &room), buffer);
  assert_int_equal(room, 90000);
  memset(buffer, 7, 90000);
  assert_int_equal(decoder_next(&d, buffer, 87000, &consumed, &event), DECODER_MORE);
  assert_int_equal(consumed, 87000);
  assert_null(decoder_direct(&d, &room)); /* the rest is not worth it */
  assert_int_equal(decoder_rest(&d), 3000);
  memset(wire, 7, 3000);
  assert_int_equal(decoder_next(&d, wire, 3000, &consumed, &event), DECODER_MESSAGE);
  assert_ptr_equal(event.data, buffer);
  assert_int_equal(event.len, 90000);
  assert_int_equal(decoder_rest(&d), 0);
}

/* ---- memory for inflation ---- */

static void *alloc_some(void *context, size_t size) {
  size_t *left = context;
  return *left > 0 && (*left)-- > 0 ? malloc(size) : NULL;
}

static void free_some(void *context, void *memory) {
  (void)context;
  free(memory);
}

/* RFC 7692 section 7.2.3.1. */
static const uint8_t hello[] = {0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00};

static void test_inflater_out_of_memory(void **state) {
  (void)state;
  if (!HAS_DEFLATE)
    skip();
  size_t left = 1; /* enough to begin, not enough for a window */
  const struct deflate_allocator allocator = {alloc_some, free_some, &left};
  struct inflater inflater;
  struct decoder d;
  struct decoder_event event = {0};
  size_t consumed;
  uint8_t room[64];
  assert_int_equal(inflater_init(&inflater, 15, false, &allocator), INFLATE_OK);
  const struct decoder_options options = {false, 64, &inflater};
  decoder_init(&d, &options);
  decoder_set_room(&d, room, sizeof room);
  memcpy(wire, hello, sizeof hello);
  assert_int_equal(decoder_next(&d, wire, sizeof hello, &consumed, &event), DECODER_ERROR);
  assert_int_equal(event.close_code, 1011);
  inflater_deinit(&inflater);
}

static int set_up(void **state) {
  (void)state;
  wire = malloc(WIRE_CAP);
  payload = malloc(WIRE_CAP);
  return wire != NULL && payload != NULL ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  free(wire);
  free(payload);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_limit),
      cmocka_unit_test(test_inflated_limit),
      cmocka_unit_test(test_inflated_limit_without_delay),
      cmocka_unit_test(test_bomb),
      cmocka_unit_test(test_announcements_are_not_believed),
      cmocka_unit_test(test_room_grows_by_doubling),
      cmocka_unit_test(test_nothing_held_between),
      cmocka_unit_test(test_no_copy),
      cmocka_unit_test(test_direct_is_for_plain_data),
      cmocka_unit_test(test_inflater_out_of_memory),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
