/*
 * permessage-deflate: every window and takeover, round trips in pieces and with little room, what
 * other peers send, damaged and cut input, and memory running out.
 */
#include "deflate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_CAP 70000

/* ---- texts ---- */

static uint8_t text[TEXT_CAP];

static uint32_t next_random(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return *seed >> 8;
}

enum kind { KIND_WORDS, KIND_NOISE, KIND_SAME, KIND_COUNT };

static void make_text(enum kind kind, size_t len, uint32_t seed) {
  static const char *const words[] = {"limpet ", "rock ", "tide ", "{\"type\":\"ping\"}", "e"};
  for (size_t i = 0; i < len;) {
    if (kind == KIND_WORDS) {
      for (const char *w = words[next_random(&seed) % 5]; *w != '\0' && i < len; w++) {
        text[i++] = (uint8_t)*w;
      }
    } else {
      text[i++] = kind == KIND_NOISE ? (uint8_t)next_random(&seed) : 'a';
    }
  }
}

/* ---- helpers ---- */

static uint8_t out[TEXT_CAP + 100];

static size_t more_room(size_t cap, size_t room) {
  assert_true(cap < sizeof out); /* else it would go on for ever */
  return cap + room < sizeof out ? cap + room : sizeof out;
}

/* Inflates a message fed in pieces of `piece` bytes into room that grows by `room` bytes. Returns
   the last result; `*made` is what came out. */
static enum inflate_result inflate_message(struct inflater *i, const uint8_t *in, size_t len,
                                           size_t piece, size_t room, size_t *made) {
  size_t cap = room;
  *made = 0;
  for (size_t at = 0; at < len;) {
    size_t used = len - at < piece ? len - at : piece;
    size_t fresh = cap - *made;
    const enum inflate_result r = inflater_feed(i, in + at, &used, out + *made, &fresh);
    at += used;
    *made += fresh;
    if (r != INFLATE_OK && r != INFLATE_ROOM) {
      return r;
    }
    cap = r == INFLATE_ROOM ? more_room(cap, room) : cap;
  }
  for (;;) {
    size_t fresh = cap - *made;
    const enum inflate_result r = inflater_finish(i, out + *made, &fresh);
    *made += fresh;
    if (r != INFLATE_ROOM) {
      return r;
    }
    cap = more_room(cap, room);
  }
}

static void expect_text(struct inflater *i, const uint8_t *in, size_t len, const char *expected) {
  size_t made;
  assert_int_equal(inflate_message(i, in, len, 1, 3, &made), INFLATE_OK);
  assert_int_equal(made, strlen(expected));
  assert_memory_equal(out, expected, made);
}

/* ---- round trips ---- */

struct ends {
  struct deflater deflater;
  struct inflater inflater;
};

static void ends_init(struct ends *e, int deflater_bits, int inflater_bits, bool no_takeover) {
  assert_int_equal(deflater_init(&e->deflater, (uint8_t)deflater_bits, no_takeover, NULL), 0);
  assert_int_equal(inflater_init(&e->inflater, (uint8_t)inflater_bits, no_takeover, NULL), 0);
}

static void ends_deinit(struct ends *e) {
  deflater_deinit(&e->deflater);
  inflater_deinit(&e->inflater);
}

static void round_trip(struct ends *e, size_t len, size_t piece, size_t room) {
  const size_t cap = deflater_bound(&e->deflater, len);
  uint8_t *packed = malloc(cap);
  assert_non_null(packed);
  const size_t packed_len = deflater_message(&e->deflater, text, len, packed, cap);
  assert_true(packed_len > 0);
  size_t made;
  assert_int_equal(inflate_message(&e->inflater, packed, packed_len, piece, room, &made), 0);
  assert_int_equal(made, len);
  assert_memory_equal(out, text, len);
  free(packed);
}

static void test_round_trips(void **state) {
  (void)state;
  static const size_t lens[] = {1, 0, 0, 2, 125, 126, 1000, 8191, 20000, 65536, 70000, 5, 0};
  for (int bits = 8; bits <= 15; bits++) {
    for (int no_takeover = 0; no_takeover < 2; no_takeover++) {
      struct ends e;
      ends_init(&e, bits, bits, no_takeover);
      for (size_t l = 0; l < sizeof lens / sizeof lens[0]; l++) {
        make_text((enum kind)(l % KIND_COUNT), lens[l], (uint32_t)l);
        round_trip(&e, lens[l], 100000, sizeof out);
        round_trip(&e, lens[l], 1 + l * 97, 1 + l * 311);
      }
      ends_deinit(&e);
    }
  }
}

/* Byte for byte in and out, zlib can look back only into its window: so this shows that what we
   compress for a small window never looks back further, 8 bits included. */
static void test_windows_are_kept(void **state) {
  (void)state;
  for (int bits = 8; bits <= 15; bits++) {
    for (int kind = 0; kind < KIND_COUNT; kind++) {
      struct ends e;
      ends_init(&e, bits, bits, false);
      for (uint32_t round = 0; round < 5; round++) {
        make_text((enum kind)kind, 5000, round);
        round_trip(&e, 5000, 1, 1);
      }
      ends_deinit(&e);
    }
  }
}

/* The other end may always have a larger window than ours. */
static void test_larger_inflater_window(void **state) {
  (void)state;
  for (int bits = 8; bits <= 15; bits++) {
    struct ends e;
    ends_init(&e, bits, 15, false);
    make_text(KIND_WORDS, 40000, 1);
    round_trip(&e, 40000, 1000, 1000);
    ends_deinit(&e);
  }
}

/* With takeover, the same text again costs little; without, as much as before. */
static void test_takeover_saves(void **state) {
  (void)state;
  for (int no_takeover = 0; no_takeover < 2; no_takeover++) {
    struct deflater d;
    uint8_t packed[3000];
    assert_int_equal(deflater_init(&d, 15, no_takeover, NULL), INFLATE_OK);
    make_text(KIND_NOISE, 1000, 7);
    const size_t first = deflater_message(&d, text, 1000, packed, sizeof packed);
    const size_t second = deflater_message(&d, text, 1000, packed, sizeof packed);
    assert_true(first > 1000);
    assert_true(no_takeover ? second == first : second < 30);
    deflater_deinit(&d);
  }
}

/* ---- what others send (RFC 7692 section 7.2.3) ---- */

struct foreign_case {
  const char *what;
  size_t len;
  uint8_t bytes[20];
  const char *text;
};
static const struct foreign_case foreign[] = {
    {"7.2.3.1: one block", 7, {0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00}, "Hello"},
    {"7.2.3.3: a stored block",
     11,
     {0x00, 0x05, 0x00, 0xFA, 0xFF, 'H', 'e', 'l', 'l', 'o', 0x00},
     "Hello"},
    {"7.2.3.4: a final block, then an empty one",
     8,
     {0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00},
     "Hello"},
    {"a final block and nothing behind it", 7, {0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00}, "Hello"},
    {"a final block, then another",
     14,
     {0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00},
     "HelloHello"},
    {"7.2.3.5: two blocks",
     13,
     {0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00},
     "Hello"},
    {"7.2.3.6: an empty message", 1, {0x00}, ""},
    {"an empty message of no bytes", 0, {0}, ""},
    {"an empty fixed block", 2, {0x02, 0x00}, ""},
};

static void test_foreign(void **state) {
  (void)state;
  for (size_t c = 0; c < sizeof foreign / sizeof foreign[0]; c++) {
    for (int no_takeover = 0; no_takeover < 2; no_takeover++) {
      struct inflater i;
      assert_int_equal(inflater_init(&i, 15, no_takeover, NULL), INFLATE_OK);
      expect_text(&i, foreign[c].bytes, foreign[c].len, foreign[c].text);
      size_t made; /* whole, and after whatever came before */
      assert_int_equal(
          inflate_message(&i, foreign[c].bytes, foreign[c].len, 100, sizeof out, &made), 0);
      assert_int_equal(made, strlen(foreign[c].text));
      expect_text(&i, foreign[0].bytes, foreign[0].len, "Hello");
      inflater_deinit(&i);
    }
  }
}

/* Section 7.2.3.2: the second message looks back into the first; also across a final block. */
static void test_takeover_from_others(void **state) {
  (void)state;
  static const uint8_t second[] = {0xF2, 0x00, 0x11, 0x00, 0x00};
  for (size_t c = 0; c <= 3; c++) {
    struct inflater i;
    assert_int_equal(inflater_init(&i, 15, false, NULL), INFLATE_OK);
    expect_text(&i, foreign[c].bytes, foreign[c].len, "Hello");
    expect_text(&i, second, sizeof second, "Hello");
    inflater_deinit(&i);

    size_t made; /* without takeover there is nothing to look back to */
    assert_int_equal(inflater_init(&i, 15, true, NULL), INFLATE_OK);
    expect_text(&i, foreign[c].bytes, foreign[c].len, "Hello");
    assert_int_equal(inflate_message(&i, second, sizeof second, 9, 99, &made), INFLATE_BAD);
    inflater_deinit(&i);
  }
}

static const struct foreign_case damaged[] = {
    {"reserved block type", 1, {0x06}, NULL},
    {"cut inside a block", 4, {0xF2, 0x48, 0xCD, 0xC9}, NULL},
    {"cut inside a stored block", 7, {0x00, 0x05, 0x00, 0xFA, 0xFF, 'H', 'e'}, NULL},
    {"cut in the header of a stored block", 3, {0x00, 0x05, 0x00}, NULL},
    {"lengths that contradict each other", 6, {0x00, 0x05, 0x00, 0xFA, 0xFE, 'H'}, NULL},
    {"the tail left in place, and one byte more", 3, {0x02, 0x00, 0x01}, NULL},
    {"looks back before the beginning", 4, {0x02, 0x11, 0x00, 0x00}, NULL},
    {"noise", 8, {0xDE, 0xAD, 0xBE, 0xEF, 0x01, 0x02, 0x03, 0x04}, NULL},
};

static void test_damaged(void **state) {
  (void)state;
  for (size_t c = 0; c < sizeof damaged / sizeof damaged[0]; c++) {
    for (size_t piece = 1; piece <= damaged[c].len; piece++) {
      struct inflater i;
      size_t made;
      assert_int_equal(inflater_init(&i, 15, false, NULL), INFLATE_OK);
      if (inflate_message(&i, damaged[c].bytes, damaged[c].len, piece, 64, &made) != INFLATE_BAD) {
        fail_msg("%s", damaged[c].what);
      }
      inflater_deinit(&i);
    }
  }
}

/* Each beginning of a message, taken as the whole: never OK with more than was sent. */
static void test_every_cut(void **state) {
  (void)state;
  struct deflater d;
  uint8_t packed[2000];
  assert_int_equal(deflater_init(&d, 15, false, NULL), INFLATE_OK);
  make_text(KIND_WORDS, 1500, 3);
  const size_t len = deflater_message(&d, text, 1500, packed, sizeof packed);
  for (size_t cut = 0; cut < len; cut++) {
    struct inflater i;
    size_t made;
    assert_int_equal(inflater_init(&i, 15, false, NULL), INFLATE_OK);
    const enum inflate_result r = inflate_message(&i, packed, cut, 64, 64, &made);
    assert_true(r == INFLATE_BAD || cut == 0 || cut == len - 1);
    inflater_deinit(&i);
  }
  deflater_deinit(&d);
}

/* A bomb comes out no further than there is room. */
static void test_bomb(void **state) {
  (void)state;
  struct deflater d;
  struct inflater i;
  uint8_t *zeros = calloc(1, 10000000), *packed = malloc(100000);
  assert_true(zeros != NULL && packed != NULL);
  assert_int_equal(deflater_init(&d, 15, false, NULL), INFLATE_OK);
  assert_int_equal(inflater_init(&i, 15, false, NULL), INFLATE_OK);
  size_t len = deflater_message(&d, zeros, 10000000, packed, 100000);
  assert_true(len > 0 && len < 10000000 / 900);
  size_t made = 1000;
  assert_int_equal(inflater_feed(&i, packed, &len, out, &made), INFLATE_ROOM);
  assert_int_equal(made, 1000);
  made = 0; /* no room, no step */
  assert_int_equal(inflater_feed(&i, packed + len, &len, out, &made), INFLATE_ROOM);
  assert_int_equal(len, 0);
  deflater_deinit(&d);
  inflater_deinit(&i);
  free(zeros);
  free(packed);
}

/* Too little room for the compressed form: a clear failure, and the next message is fine. */
static void test_deflater_without_room(void **state) {
  (void)state;
  struct ends e;
  ends_init(&e, 12, 12, false);
  for (size_t cap = 0; cap < 200; cap++) {
    make_text(KIND_NOISE, 200, (uint32_t)cap);
    assert_int_equal(deflater_message(&e.deflater, text, 200, out, cap), 0);
    if (cap % 50 == 0) {
      round_trip(&e, 200, 10, 10);
    }
  }
  assert_int_equal(deflater_message(&e.deflater, text, 0, out, 0), 0);
  ends_deinit(&e);
}

/* ---- memory ---- */

struct purse {
  size_t allowed, live;
};

static void *purse_alloc(void *context, size_t size) {
  struct purse *purse = context;
  if (purse->allowed == 0) {
    return NULL;
  }
  purse->allowed--;
  purse->live++;
  return malloc(size);
}

static void purse_free(void *context, void *memory) {
  struct purse *purse = context;
  purse->live--;
  free(memory);
}

/* Compresses and inflates with `allowed` allocations; true if that was enough. */
static bool run_with(struct purse *purse) {
  const struct deflate_allocator allocator = {purse_alloc, purse_free, purse};
  struct deflater d;
  struct inflater i;
  uint8_t packed[200];
  size_t made;
  make_text(KIND_WORDS, 100, 1);
  enum inflate_result r = deflater_init(&d, 15, false, &allocator);
  if (r != INFLATE_OK) {
    assert_int_equal(r, INFLATE_NO_MEMORY);
    return false;
  }
  const size_t len = deflater_message(&d, text, 100, packed, sizeof packed);
  deflater_deinit(&d);
  r = inflater_init(&i, 15, false, &allocator);
  if (r == INFLATE_OK) {
    r = inflate_message(&i, packed, len, 10, 10, &made);
    inflater_deinit(&i);
  }
  assert_true(r == INFLATE_OK || r == INFLATE_NO_MEMORY);
  return r == INFLATE_OK;
}

static void test_fail_every_allocation(void **state) {
  (void)state;
  bool is_enough = false;
  size_t count = 0;
  for (; !is_enough; count++) {
    struct purse purse = {count, 0};
    is_enough = run_with(&purse);
    assert_int_equal(purse.live, 0);
    assert_true(count < 50);
  }
  assert_true(count > 3);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_round_trips),
      cmocka_unit_test(test_windows_are_kept),
      cmocka_unit_test(test_larger_inflater_window),
      cmocka_unit_test(test_takeover_saves),
      cmocka_unit_test(test_foreign),
      cmocka_unit_test(test_takeover_from_others),
      cmocka_unit_test(test_damaged),
      cmocka_unit_test(test_every_cut),
      cmocka_unit_test(test_bomb),
      cmocka_unit_test(test_deflater_without_room),
      cmocka_unit_test(test_fail_every_allocation),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
