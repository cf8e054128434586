/*
 * UTF-8: every set of kernels against a plain reading of RFC 3629's table; all code points; all
 * second bytes; broken characters at every place around the borders of vectors; and the stream,
 * which must fail at the first impossible byte.
 */
#include "guard.h"
#include "simd.h"
#include "utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* RFC 3629 section 4: UTF8-char, one row for each alternative of the grammar. */
struct row {
  uint8_t count;
  uint8_t min[4], max[4];
};
static const struct row grammar[] = {
    {1, {0x00}, {0x7F}},
    {2, {0xC2, 0x80}, {0xDF, 0xBF}},
    {3, {0xE0, 0xA0, 0x80}, {0xE0, 0xBF, 0xBF}},
    {3, {0xE1, 0x80, 0x80}, {0xEC, 0xBF, 0xBF}},
    {3, {0xED, 0x80, 0x80}, {0xED, 0x9F, 0xBF}},
    {3, {0xEE, 0x80, 0x80}, {0xEF, 0xBF, 0xBF}},
    {4, {0xF0, 0x90, 0x80, 0x80}, {0xF0, 0xBF, 0xBF, 0xBF}},
    {4, {0xF1, 0x80, 0x80, 0x80}, {0xF3, 0xBF, 0xBF, 0xBF}},
    {4, {0xF4, 0x80, 0x80, 0x80}, {0xF4, 0x8F, 0xBF, 0xBF}},
};

/* How many bytes at `p` fit the row. */
static size_t fitting(const struct row *row, const uint8_t *p, size_t len) {
  size_t i = 0;
  while (i < row->count && i < len && p[i] >= row->min[i] && p[i] <= row->max[i]) {
    i++;
  }
  return i;
}

/* How many bytes are the beginning of UTF-8; `*is_whole`: they end with a character. */
static size_t good_len(const uint8_t *p, size_t len, bool *is_whole) {
  size_t at = 0;
  while (at < len) {
    size_t best = 0;
    bool is_done = false;
    for (size_t i = 0; i < sizeof grammar / sizeof grammar[0]; i++) {
      const size_t fit = fitting(&grammar[i], p + at, len - at);
      best = fit > best ? fit : best;
      is_done = is_done || fit == grammar[i].count;
    }
    at += best;
    if (!is_done) {
      *is_whole = false;
      return at;
    }
  }
  *is_whole = true;
  return at;
}

static bool is_valid_plainly(const uint8_t *p, size_t len) {
  bool is_whole;
  return good_len(p, len, &is_whole) == len && is_whole;
}

/* The stream fed in pieces of `step` bytes must fail in just the piece with the first bad byte. */
static void check_stream(const uint8_t *p, size_t len, size_t step) {
  struct utf8_stream stream;
  bool is_whole;
  const size_t good = good_len(p, len, &is_whole);
  utf8_stream_init(&stream);
  for (size_t at = 0; at < len; at += step) {
    const size_t piece = len - at < step ? len - at : step;
    assert_int_equal(utf8_stream_feed(&stream, p + at, piece), at + piece <= good);
  }
  assert_int_equal(utf8_stream_is_complete(&stream), good == len && is_whole);
}

/* `text` in front of an unreadable page. */
static void check(const struct guard *guard, const uint8_t *text, size_t len) {
  uint8_t *p = guard_tail(guard, len);
  memcpy(p, text, len);
  const bool expected = is_valid_plainly(p, len);
  for (size_t i = 0; simd_kernels_at(i) != NULL; i++) {
    if (simd_kernels_at(i)->utf8_is_valid(p, len) != expected) {
      fail_msg("%s: %zu bytes, expected %d", simd_kernels_at(i)->name, len, expected);
    }
  }
  assert_int_equal(utf8_is_valid(p, len), expected);
  check_stream(p, len, len > 0 ? len : 1);
}

static size_t encode(uint32_t point, uint8_t out[4]) {
  if (point < 0x80) {
    out[0] = (uint8_t)point;
    return 1;
  }
  const size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  static const uint8_t leads[5] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (size_t i = len; i-- > 1; point >>= 6) {
    out[i] = (uint8_t)(0x80 | (point & 0x3F));
  }
  out[0] = (uint8_t)(leads[len] | point);
  return len;
}

static void test_all_code_points(void **state) {
  (void)state;
  struct guard guard;
  guard_init(&guard, 64);
  for (uint32_t point = 0; point < 0x110800; point++) {
    uint8_t text[4];
    const size_t len = encode(point, text);
    const bool expected = (point < 0xD800 || point > 0xDFFF) && point < 0x110000;
    assert_int_equal(is_valid_plainly(text, len), expected);
    uint8_t *p = guard_tail(&guard, len);
    memcpy(p, text, len);
    for (size_t i = 0; simd_kernels_at(i) != NULL; i++) {
      if (simd_kernels_at(i)->utf8_is_valid(p, len) != expected) {
        fail_msg("%s: U+%04X", simd_kernels_at(i)->name, point);
      }
    }
  }
  guard_deinit(&guard);
}

/* Every pair of bytes, alone and with continuations behind it. */
static void test_all_pairs(void **state) {
  (void)state;
  struct guard guard;
  guard_init(&guard, 64);
  for (unsigned pair = 0; pair < 0x10000; pair++) {
    const uint8_t text[] = {(uint8_t)(pair >> 8), (uint8_t)pair, 0x80, 0xBF};
    for (size_t len = 1; len <= sizeof text; len++) {
      check(&guard, text, len);
    }
    check_stream(text, sizeof text, 1);
  }
  guard_deinit(&guard);
}

struct sample {
  const char *name;
  size_t len;
  uint8_t bytes[6];
};
static const struct sample samples[] = {
    {"two bytes, lowest", 2, {0xC2, 0x80}},
    {"two bytes, highest", 2, {0xDF, 0xBF}},
    {"three bytes, lowest", 3, {0xE0, 0xA0, 0x80}},
    {"below the surrogates", 3, {0xED, 0x9F, 0xBF}},
    {"above the surrogates", 3, {0xEE, 0x80, 0x80}},
    {"U+FFFF", 3, {0xEF, 0xBF, 0xBF}},
    {"four bytes, lowest", 4, {0xF0, 0x90, 0x80, 0x80}},
    {"U+10FFFF", 4, {0xF4, 0x8F, 0xBF, 0xBF}},
    {"lone continuation", 1, {0x80}},
    {"two lone continuations", 2, {0xBF, 0x80}},
    {"overlong slash, two", 2, {0xC0, 0xAF}},
    {"overlong, two, highest", 2, {0xC1, 0xBF}},
    {"overlong, three", 3, {0xE0, 0x9F, 0xBF}},
    {"overlong, four", 4, {0xF0, 0x8F, 0xBF, 0xBF}},
    {"first surrogate", 3, {0xED, 0xA0, 0x80}},
    {"last surrogate", 3, {0xED, 0xBF, 0xBF}},
    {"U+110000", 4, {0xF4, 0x90, 0x80, 0x80}},
    {"five-byte form", 5, {0xF8, 0x88, 0x80, 0x80, 0x80}},
    {"six-byte form", 6, {0xFC, 0x84, 0x80, 0x80, 0x80, 0x80}},
    {"FE", 1, {0xFE}},
    {"FF", 1, {0xFF}},
    {"two of two, cut", 1, {0xC3}},
    {"two of three, cut", 2, {0xE2, 0x82}},
    {"three of four, cut", 3, {0xF0, 0x9F, 0x90}},
    {"one of four, cut", 1, {0xF4}},
    {"cut, then ASCII", 3, {0xE2, 0x82, 'x'}},
    {"cut, then a lead", 3, {0xE2, 0x82, 0xC3}},
    {"a continuation too many", 4, {0xE2, 0x82, 0xAC, 0x80}},
};
#define SAMPLE_COUNT (sizeof samples / sizeof samples[0])

/* Each sample at each place of an ASCII text and of a text without ASCII, of many lengths. */
static void test_samples_at_borders(void **state) {
  (void)state;
  static const size_t lens[] = {0, 1, 3, 30, 62, 64, 66, 126, 130, 190, 254, 260, 300, 514, 580};
  struct guard guard;
  guard_init(&guard, 1024);
  for (size_t s = 0; s < SAMPLE_COUNT; s++) {
    for (size_t l = 0; l < sizeof lens / sizeof lens[0]; l++) {
      uint8_t text[600];
      for (size_t at = 0; at <= lens[l]; at++) {
        memset(text, 'a', sizeof text);
        memcpy(text + at, samples[s].bytes, samples[s].len);
        check(&guard, text, lens[l] + samples[s].len);
        for (size_t i = 0; i + 2 <= sizeof text; i += 2) {
          text[i] = 0xD0;
          text[i + 1] = 0xB6;
        }
        memcpy(text + at / 2 * 2, samples[s].bytes, samples[s].len);
        check(&guard, text, lens[l] / 2 * 2);
      }
    }
  }
  guard_deinit(&guard);
}

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 8;
}

/* A text of random characters, mostly of one kind. */
static size_t random_text(uint32_t *seed, uint8_t *out, size_t cap) {
  static const uint32_t tops[] = {0x80, 0x80, 0x800, 0xD800, 0x110000};
  const uint32_t usual = tops[next_random(seed) % 5];
  size_t len = 0;
  while (len + 4 <= cap) {
    const uint32_t top = next_random(seed) % 4 == 0 ? tops[next_random(seed) % 5] : usual;
    const uint32_t point = next_random(seed) % top;
    len += encode(point >= 0xD800 && point < 0xE000 ? 0xFFFD : point, out + len);
  }
  return len;
}

static void test_random(void **state) {
  (void)state;
  struct guard guard;
  guard_init(&guard, 1024);
  uint32_t seed = 20240607;
  for (int round = 0; round < 30000; round++) {
    uint8_t text[700];
    const size_t len = random_text(&seed, text, 4 + next_random(&seed) % (sizeof text - 4));
    check(&guard, text, len);
    check_stream(text, len, 1 + next_random(&seed) % 70);
    text[next_random(&seed) % (len + 1)] ^= (uint8_t)(1u << next_random(&seed) % 8);
    check(&guard, text, len);
    check(&guard, text, len / 2);
    check_stream(text, len, 1);
    check_stream(text, len, 1 + next_random(&seed) % 70);
  }
  guard_deinit(&guard);
}

static void test_all_lengths_ascii(void **state) {
  (void)state;
  struct guard guard;
  guard_init(&guard, 1024);
  uint8_t text[600];
  memset(text, 'z', sizeof text);
  for (size_t len = 0; len <= sizeof text; len++) {
    check(&guard, text, len);
    uint8_t *p = guard_tail(&guard, len);
    assert_true(utf8_is_ascii(p, len));
    for (size_t at = 0; at < len && len <= 130; at++) {
      p[at] = 0x80;
      assert_false(utf8_is_ascii(p, len));
      p[at] = 'z';
    }
  }
  guard_deinit(&guard);
}

static void test_stream_sticks(void **state) {
  (void)state;
  struct utf8_stream stream;
  utf8_stream_init(&stream);
  assert_true(utf8_stream_is_complete(&stream));
  assert_true(utf8_stream_feed(&stream, (const uint8_t *)"\xF4", 1));
  assert_false(utf8_stream_is_complete(&stream));
  assert_true(utf8_stream_feed(&stream, (const uint8_t *)"", 0));
  assert_false(utf8_stream_feed(&stream, (const uint8_t *)"\x90", 1)); /* above U+10FFFF */
  assert_false(utf8_stream_feed(&stream, (const uint8_t *)"a", 1));
  assert_false(utf8_stream_feed(&stream, (const uint8_t *)"", 0));
  assert_false(utf8_stream_is_complete(&stream));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_all_code_points),    cmocka_unit_test(test_all_pairs),
      cmocka_unit_test(test_samples_at_borders), cmocka_unit_test(test_random),
      cmocka_unit_test(test_all_lengths_ascii),  cmocka_unit_test(test_stream_sticks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
