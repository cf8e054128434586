/* Frame headers: written in their shortest form, read strictly, at every cut. */
#include "frame.h"
#include "guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};

struct header_case {
  uint64_t payload_len;
  size_t len;
  uint8_t bytes[10]; /* without a key */
};
static const struct header_case headers[] = {
    {0, 2, {0x82, 0}},
    {1, 2, {0x82, 1}},
    {125, 2, {0x82, 125}},
    {126, 4, {0x82, 126, 0x00, 0x7E}},
    {65535, 4, {0x82, 126, 0xFF, 0xFF}},
    {65536, 10, {0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}},
    {0x0102030405060708, 10, {0x82, 127, 1, 2, 3, 4, 5, 6, 7, 8}},
    {INT64_MAX, 10, {0x82, 127, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}},
};
#define HEADER_COUNT (sizeof headers / sizeof headers[0])

/* Reads `bytes` at every cut, each ending at an unreadable page. */
static void check_read(const uint8_t *bytes, size_t len, uint64_t payload_len, bool is_masked) {
  struct guard guard;
  guard_init(&guard, 64);
  struct frame_header header;
  for (size_t cut = 0; cut < len; cut++) {
    uint8_t *p = guard_tail(&guard, cut);
    memcpy(p, bytes, cut);
    assert_int_equal(frame_read_header(p, cut, &header), FRAME_READ_MORE);
  }
  uint8_t *p = guard_tail(&guard, len);
  memcpy(p, bytes, len);
  assert_int_equal(frame_read_header(p, len, &header), FRAME_READ_OK);
  assert_int_equal(header.first, 0x82);
  assert_int_equal(header.payload_len, payload_len);
  assert_int_equal(header.header_len, len);
  assert_int_equal(header.is_masked, is_masked);
  if (is_masked) {
    assert_memory_equal(header.key, key, 4);
  }
  guard_deinit(&guard);
}

static void test_headers(void **state) {
  (void)state;
  for (size_t i = 0; i < HEADER_COUNT; i++) {
    const struct header_case *h = &headers[i];
    uint8_t out[FRAME_HEADER_MAX], masked[FRAME_HEADER_MAX];
    assert_int_equal(frame_header_len(h->payload_len, false), h->len);
    assert_int_equal(frame_write_header(out, 0x82, h->payload_len, NULL), h->len);
    assert_memory_equal(out, h->bytes, h->len);
    check_read(out, h->len, h->payload_len, false);

    assert_int_equal(frame_header_len(h->payload_len, true), h->len + 4);
    assert_int_equal(frame_write_header(masked, 0x82, h->payload_len, key), h->len + 4);
    out[1] |= 0x80;
    assert_memory_equal(masked, out, h->len);
    assert_memory_equal(masked + h->len, key, 4);
    check_read(masked, h->len + 4, h->payload_len, true);
  }
}

struct bad_case {
  const char *what;
  size_t len;
  uint8_t bytes[14];
};
static const struct bad_case bad[] = {
    {"125 in two bytes", 4, {0x82, 126, 0x00, 125}},
    {"0 in two bytes", 4, {0x82, 126, 0x00, 0x00}},
    {"65535 in eight bytes", 10, {0x82, 127, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF}},
    {"5 in eight bytes, key still to come", 10, {0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 5}},
    {"2^63", 10, {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0}},
    {"2^64-1", 10, {0x82, 127, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}},
};

static void test_bad_lengths(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    struct frame_header header;
    assert_int_equal(frame_read_header(bad[i].bytes, bad[i].len - 1, &header), FRAME_READ_MORE);
    assert_int_equal(frame_read_header(bad[i].bytes, bad[i].len, &header), FRAME_READ_BAD);
  }
}

/* RFC 6455 section 5.7. */
static void test_examples(void **state) {
  (void)state;
  static const uint8_t plain[] = {0x81, 0x05, 'H', 'e', 'l', 'l', 'o'};
  static const uint8_t masked[] = {0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, /* key */
                                   0x7F, 0x9F, 0x4D, 0x51, 0x58};
  uint8_t out[FRAME_HEADER_MAX + 5];
  assert_int_equal(frame_write(out, FRAME_FIN | FRAME_TEXT, "Hello", 5, NULL), sizeof plain);
  assert_memory_equal(out, plain, sizeof plain);
  assert_int_equal(frame_write(out, FRAME_FIN | FRAME_TEXT, "Hello", 5, key), sizeof masked);
  assert_memory_equal(out, masked, sizeof masked);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_headers),
      cmocka_unit_test(test_bad_lengths),
      cmocka_unit_test(test_examples),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
