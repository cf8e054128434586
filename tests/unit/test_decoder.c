/*
 * The decoder. Each case of the table runs whole, byte by byte and at every cut, as client and,
 * masked, as server, and must report the same each time; errors must come at the very byte that
 * cannot be right.
 */
#include "decode.h"
#include "deflate.h"
#include "parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WHOLE SIZE_MAX

struct decoder_case {
  const char *what;
  const char *expected;
  size_t fail_at; /* an error, or the close, comes with this byte; 0: the last */
  size_t len;
  uint8_t bytes[80];
};

/* Frames without masks; run as both roles. */
static const struct decoder_case frames[] = {
    {"RFC 6455 5.7: a text", "text(Hello) ", 0, 7, {0x81, 0x05, 'H', 'e', 'l', 'l', 'o'}},
    {"RFC 6455 5.7: a fragmented text",
     "text(Hello) ",
     0,
     9,
     {0x01, 0x03, 'H', 'e', 'l', /* not FIN */
      0x80, 0x02, 'l', 'o'}},
    {"an empty text", "text() ", 0, 2, {0x81, 0x00}},
    {"an empty binary", "binary() ", 0, 2, {0x82, 0x00}},
    {"a message of empty fragments", "text() ", 0, 6, {0x01, 0x00, 0x00, 0x00, 0x80, 0x00}},
    {"an empty last fragment", "binary(ab) ", 0, 6, {0x02, 0x02, 'a', 'b', 0x80, 0x00}},
    {"empty fragments before the only full one",
     "text(ab) ",
     0,
     8,
     {0x01, 0x00, 0x00, 0x00, 0x80, 0x02, 'a', 'b'}},
    {"three messages in a row",
     "text(a) binary(b) text(c) ",
     0,
     9,
     {0x81, 0x01, 'a', 0x82, 0x01, 'b', 0x81, 0x01, 'c'}},
    {"a ping and a pong", "ping(x) pong() ", 0, 5, {0x89, 0x01, 'x', 0x8A, 0x00}},
    {"control frames between fragments",
     "ping(1) pong(23) text(abc) ping() ",
     0,
     21,
     {0x01, 0x01, 'a',      /* text, not FIN */
      0x89, 0x01, '1',      /* ping */
      0x00, 0x01, 'b',      /* continuation */
      0x8A, 0x02, '2', '3', /* pong */
      0x80, 0x01, 'c',      /* last */
      0x89, 0x00,           /* ping */
      0x81, 0x02, 0xC3}},   /* and a text that never ends */
    {"a character across fragments",
     "ping() text<61F09F908C62> ",
     0,
     14,
     {0x01, 0x02, 'a', 0xF0, 0x89, 0x00, 0x00, 0x02, 0x9F, 0x90, 0x80, 0x02, 0x8C, 'b'}},
    {"a close without a code", "close(1005,) ", 0, 2, {0x88, 0x00}},
    {"a close with a code", "close(1000,) ", 4, 6, {0x88, 0x02, 0x03, 0xE8, 0x81, 0x00}},
    {"a close with a reason", "close(1001,bye) ", 0, 7, {0x88, 0x05, 0x03, 0xE9, 'b', 'y', 'e'}},
    {"a close inside a message", "close(4000,) ", 0, 7, {0x01, 0x01, 'a', 0x88, 0x02, 0x0F, 0xA0}},
    {"a close of one byte", "error(1002) ", 0, 3, {0x88, 0x01, 0x03}},
    {"a close with a code that must not travel", "error(1002) ", 0, 4, {0x88, 0x02, 0x03, 0xED}},
    {"a close whose reason is not UTF-8", "error(1007) ", 0, 5, {0x88, 0x03, 0x03, 0xE8, 0xFF}},

    {"RSV1 unasked for", "error(1002) ", 2, 2, {0xC1, 0x00}},
    {"RSV2", "error(1002) ", 2, 2, {0xA1, 0x00}},
    {"RSV3", "error(1002) ", 2, 2, {0x91, 0x00}},
    {"RSV1 on a ping", "error(1002) ", 2, 2, {0xC9, 0x00}},
    {"data opcode 3", "error(1002) ", 2, 2, {0x83, 0x00}},
    {"data opcode 7", "error(1002) ", 2, 2, {0x87, 0x00}},
    {"control opcode B", "error(1002) ", 2, 2, {0x8B, 0x00}},
    {"control opcode F", "error(1002) ", 2, 2, {0x8F, 0x00}},
    {"a ping that is not FIN", "error(1002) ", 2, 2, {0x09, 0x00}},
    {"a close that is not FIN", "error(1002) ", 2, 2, {0x08, 0x00}},
    {"a ping of 126 bytes", "error(1002) ", 2, 4, {0x89, 126, 0x00, 126}},
    {"a continuation of nothing", "error(1002) ", 2, 3, {0x80, 0x01, 'a'}},
    {"a continuation after a whole message",
     "text(a) error(1002) ",
     5,
     6,
     {0x81, 0x01, 'a', 0x80, 0x01, 'b'}},
    {"a text inside a text", "error(1002) ", 5, 6, {0x01, 0x01, 'a', 0x81, 0x01, 'b'}},
    {"a binary inside a text",
     "ping() error(1002) ",
     7,
     8,
     {0x01, 0x01, 'a', 0x89, 0x00, 0x82, 0x01, 'b'}},
    {"RSV1 on a continuation", "error(1002) ", 5, 6, {0x01, 0x01, 'a', 0xC0, 0x01, 'b'}},

    {"bad UTF-8 at once", "error(1007) ", 4, 7, {0x81, 0x05, 'a', 0xFF, 'b', 'c', 'd'}},
    {"a surrogate fails at its second byte",
     "error(1007) ",
     5,
     8,
     {0x81, 0x06, 'a', 0xED, 0xA0, 0x80, 'b', 'c'}},
    {"above U+10FFFF", "error(1007) ", 4, 8, {0x81, 0x06, 0xF4, 0x90, 0x80, 0x80, 'b', 'c'}},
    {"an overlong slash", "error(1007) ", 3, 6, {0x81, 0x04, 0xC0, 0xAF, 'b', 'c'}},
    {"a text that ends inside a character", "error(1007) ", 5, 5, {0x81, 0x03, 'a', 0xE2, 0x82}},
    {"the same in fragments", "error(1007) ", 0, 7, {0x01, 0x02, 'a', 0xE2, 0x80, 0x01, 0x82}},
    {"a bad byte in the second fragment",
     "error(1007) ",
     6,
     8,
     {0x01, 0x01, 0xE2, 0x00, 0x03, 0x28, 'x', 'x'}},
    {"binary may be anything", "binary<FFC080> ", 0, 5, {0x82, 0x03, 0xFF, 0xC0, 0x80}},
};

/* Runs a case in every way that its bytes can come. */
static void run_every_way(const struct decoder_case *c, const struct decode_setup *setup,
                          const uint8_t *bytes, size_t len) {
  struct decode_run run;
  for (size_t cut = 0; cut <= len; cut++) {
    decode_run(&run, setup, bytes, len, cut, WHOLE);
    if (strcmp(run.transcript, c->expected) != 0) {
      fail_msg("%s, cut at %zu: %s", c->what, cut, run.transcript);
    }
  }
  decode_run(&run, setup, bytes, len, 0, 1);
  if (strcmp(run.transcript, c->expected) != 0) {
    fail_msg("%s, byte by byte: %s", c->what, run.transcript);
  }
  /* As client, where the bytes are those of the table, the moment of an error is known. */
  if (c->fail_at != 0 && !setup->is_server && run.fed != c->fail_at) {
    fail_msg("%s: ended at byte %zu, not %zu", c->what, run.fed, c->fail_at);
  }
}

static void run_both_roles(const struct decoder_case *c, struct decode_setup setup) {
  uint8_t masked[200];
  setup.is_server = false;
  run_every_way(c, &setup, c->bytes, c->len);
  setup.is_server = true;
  run_every_way(c, &setup, masked, decode_mask_frames(masked, c->bytes, c->len));
}

static void test_frames(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
    run_both_roles(&frames[i], (struct decode_setup){0});
    run_both_roles(&frames[i], (struct decode_setup){.wants_direct = true});
  }
}

/* Bytes as they are, each for one role. */
static const struct decoder_case raw[] = {
    {"RFC 6455 5.7: a masked text from a server",
     "error(1002) ",
     2,
     11,
     {0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58}},
    {"126 used for 125", "error(1002) ", 4, 4, {0x82, 126, 0x00, 125}},
    {"127 used for 65535", "error(1002) ", 10, 10, {0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}},
    {"a length of 2^63", "error(1002) ", 10, 10, {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}},
    {"2^63-1 is a length, but too much",
     "error(1009) ",
     10,
     10,
     {0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}},
};

static void test_raw(void **state) {
  (void)state;
  const struct decode_setup client = {0}, server = {.is_server = true};
  for (size_t i = 0; i < sizeof raw / sizeof raw[0]; i++) {
    run_every_way(&raw[i], &client, raw[i].bytes, raw[i].len);
  }
  static const struct decoder_case masked = {
      "RFC 6455 5.7: a masked text",
      "text(Hello) ",
      0,
      11,
      {0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58}};
  run_every_way(&masked, &server, masked.bytes, masked.len);
  static const struct decoder_case unmasked = {
      "an unmasked text from a client", "error(1002) ", 2, 3, {0x81, 0x01, 'a'}};
  run_every_way(&unmasked, &server, unmasked.bytes, unmasked.len);
}

/* ---- permessage-deflate ---- */

/* RFC 7692 section 7.2.3, and what may go wrong. */
static const struct decoder_case compressed[] = {
    {"7.2.3.1: one frame",
     "text(Hello) ",
     0,
     9,
     {0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00}},
    {"7.2.3.1: two fragments and a ping between",
     "ping() text(Hello) ",
     0,
     13,
     {0x41, 0x03, 0xF2, 0x48, 0xCD, 0x89, 0x00, 0x80, 0x04, 0xC9, 0xC9, 0x07, 0x00}},
    {"7.2.3.2: the window is kept",
     "text(Hello) text(Hello) ",
     0,
     16,
     {0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0xC1, 0x05, 0xF2, 0x00, 0x11, 0x00,
      0x00}},
    {"7.2.3.3: stored",
     "text(Hello) ",
     0,
     13,
     {0xC1, 0x0B, 0x00, 0x05, 0x00, 0xFA, 0xFF, 'H', 'e', 'l', 'l', 'o', 0x00}},
    {"7.2.3.4: a final block",
     "text(Hello) ",
     0,
     10,
     {0xC1, 0x08, 0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00}},
    {"7.2.3.5: two blocks",
     "text(Hello) ",
     0,
     15,
     {0xC1, 0x0D, 0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00}},
    {"7.2.3.6: empty", "text() binary() ", 0, 6, {0xC1, 0x01, 0x00, 0xC2, 0x01, 0x00}},
    {"empty, of no bytes", "text() text(a) ", 0, 5, {0xC1, 0x00, 0x81, 0x01, 'a'}},
    {"empty fragments",
     "text(Hello) ",
     0,
     13,
     {0x41, 0x00, 0x00, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x80, 0x00}},
    {"not compressed, though it was agreed on",
     "text(Hello) ",
     0,
     7,
     {0x81, 0x05, 'H', 'e', 'l', 'l', 'o'}},
    {"RSV1 on a continuation", "error(1002) ", 4, 4, {0x41, 0x00, 0xC0, 0x00}},
    {"RSV1 on a ping", "error(1002) ", 2, 2, {0xC9, 0x00}},
    {"RSV2", "error(1002) ", 2, 2, {0xE1, 0x00}},
    {"damaged", "error(1007) ", 0, 3, {0xC2, 0x01, 0x06}},
    {"cut inside a block", "error(1007) ", 0, 6, {0xC1, 0x04, 0xF2, 0x48, 0xCD, 0xC9}},
    /* A stored block: 'a', then FF, which is seen although the frame goes on. */
    {"bad UTF-8 when inflated",
     "error(1007) ",
     9,
     11,
     {0xC1, 0x09, 0x00, 0x03, 0x00, 0xFC, 0xFF, 'a', 0xFF, 'b', 0x00}},
    {"ends inside a character",
     "error(1007) ",
     0,
     11,
     {0xC1, 0x09, 0x00, 0x03, 0x00, 0xFC, 0xFF, 'a', 0xE2, 0x82, 0x00}},
};

static void test_compressed(void **state) {
  (void)state;
  if (!HAS_DEFLATE)
    skip();
  for (size_t i = 0; i < sizeof compressed / sizeof compressed[0]; i++) {
    run_both_roles(&compressed[i], (struct decode_setup){.inflater_bits = 15});
  }
  struct decoder_case no_takeover = compressed[2];
  no_takeover.expected = "text(Hello) error(1007) ";
  run_both_roles(&no_takeover,
                 (struct decode_setup){.inflater_bits = 15, .no_context_takeover = true});
}

/* ---- long messages ---- */

static uint8_t *wire, *payload;
#define MIB ((size_t)1024 * 1024)
#define WIRE_CAP (2 * MIB)

static void check_long(const struct decode_setup *setup, const uint8_t *bytes, size_t len,
                       size_t cut, size_t step, const char *expected) {
  struct decode_run run;
  decode_run(&run, setup, bytes, len, cut, step);
  if (strcmp(run.transcript, expected) != 0) {
    fail_msg("%zu bytes, cut at %zu, step %zu: %s", len, cut, step, run.transcript);
  }
}

static void test_lengths(void **state) {
  (void)state;
  static const size_t lens[] = {1,   31,   32,   63,   64,    65,    124,   125,    126,
                                127, 4095, 4096, 4097, 65535, 65536, 65537, 300000, MIB};
  static const size_t divisors[] = {1, 2, 3, 9};
  uint8_t *masked = malloc(WIRE_CAP);
  assert_non_null(masked);
  for (size_t l = 0; l < sizeof lens / sizeof lens[0]; l++) {
    for (size_t v = 0; v < 4; v++) {
      char expected[400];
      const size_t frame = lens[l] / divisors[v] + 1;
      decode_fill_text(payload, lens[l]);
      const size_t len =
          decode_write_fragments(wire, payload, lens[l], frame, expected, sizeof expected);
      const size_t masked_len = decode_mask_frames(masked, wire, len);
      static const size_t steps[] = {SIZE_MAX, 100000, 40000, 4099, 997};
      for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        for (size_t cut = 0; cut < (s == 0 ? 12 : 2) && cut < len; cut++) {
          const struct decode_setup client = {.wants_direct = cut % 2};
          const struct decode_setup server = {.is_server = true, .wants_direct = cut % 2};
          check_long(&client, wire, len, cut, steps[s], expected);
          check_long(&server, masked, masked_len, masked_len - cut, steps[s], expected);
        }
      }
    }
  }
  free(masked);
}

static void test_long_compressed(void **state) {
  (void)state;
  if (!HAS_DEFLATE)
    skip();
  struct deflater d;
  assert_int_equal(deflater_init(&d, 12, false, NULL), INFLATE_OK);
  static const size_t lens[] = {1, 100, 4096, 4097, 50000, MIB};
  size_t len = 0;
  char expected[400] = "";
  uint8_t *packed = malloc(WIRE_CAP), *masked = malloc(WIRE_CAP);
  assert_true(packed != NULL && masked != NULL);
  for (size_t l = 0; l < sizeof lens / sizeof lens[0]; l++) {
    decode_fill_text(payload, lens[l]);
    decode_describe(expected + strlen(expected), 100, "text", payload, lens[l]);
    const size_t packed_len = deflater_message(&d, payload, lens[l], packed, WIRE_CAP);
    len += frame_write(wire + len, FRAME_RSV1 | FRAME_TEXT, packed, packed_len / 2, NULL);
    len += frame_write(wire + len, FRAME_FIN, packed + packed_len / 2, packed_len - packed_len / 2,
                       NULL);
  }
  const size_t masked_len = decode_mask_frames(masked, wire, len);
  for (size_t step = 1; step < 3000; step = step * 3 + 1) {
    const struct decode_setup client = {.inflater_bits = 12, .wants_direct = true};
    const struct decode_setup server = {.inflater_bits = 12, .is_server = true};
    check_long(&client, wire, len, step, step, expected);
    check_long(&server, masked, masked_len, step, WHOLE, expected);
    check_long(&server, masked, masked_len, 0, step, expected);
  }
  free(packed);
  free(masked);
  deflater_deinit(&d);
}

/* ---- noise ---- */

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 8;
}

/* Frames with flipped bits: whatever is reported is the same however the bytes come. */
static void test_noise(void **state) {
  (void)state;
  if (!HAS_DEFLATE)
    skip();
  uint32_t seed = 7;
  for (int round = 0; round < 4000; round++) {
    const struct decode_setup setup = {
        .is_server = round % 2, .inflater_bits = round % 4 < 2, .max_message = 300};
    struct decode_setup with_bits = setup;
    with_bits.inflater_bits = setup.inflater_bits != 0 ? 9 : 0;
    uint8_t bytes[300];
    size_t len = 0;
    while (len < 200) {
      const struct decoder_case *c = next_random(&seed) % 2 == 0
                                         ? &frames[next_random(&seed) % 12]
                                         : &compressed[next_random(&seed) % 9];
      len += setup.is_server ? decode_mask_frames(bytes + len, c->bytes, c->len)
                             : (memcpy(bytes + len, c->bytes, c->len), c->len);
    }
    for (uint32_t flips = next_random(&seed) % 3; flips > 0; flips--) {
      bytes[next_random(&seed) % len] ^= (uint8_t)(1u << next_random(&seed) % 8);
    }
    struct decode_run whole, pieces;
    decode_run(&whole, &with_bits, bytes, len, 0, WHOLE);
    decode_run(&pieces, &with_bits, bytes, len, 0, 1 + next_random(&seed) % 5);
    assert_string_equal(whole.transcript, pieces.transcript);
  }
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
      cmocka_unit_test(test_frames),          cmocka_unit_test(test_raw),
      cmocka_unit_test(test_compressed),      cmocka_unit_test(test_lengths),
      cmocka_unit_test(test_long_compressed), cmocka_unit_test(test_noise),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
