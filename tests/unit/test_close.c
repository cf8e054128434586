/* Close payloads: which codes may travel, reasons cut at a character, what is refused how. */
#include "close.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_codes(void **state) {
  (void)state;
  static const uint16_t allowed[][2] = {{1000, 1003}, {1007, 1014}, {3000, 4999}};
  for (uint32_t code = 0; code <= UINT16_MAX; code++) {
    bool expected = false;
    for (size_t i = 0; i < 3; i++) {
      expected = expected || (code >= allowed[i][0] && code <= allowed[i][1]);
    }
    assert_int_equal(close_code_is_valid((uint16_t)code), expected);
  }
}

struct read_case {
  const char *what;
  size_t len;
  uint8_t payload[8];
  uint16_t result, code;
  const char *reason;
};
static const struct read_case reads[] = {
    {"nothing", 0, {0}, 0, 1005, ""},
    {"one byte", 1, {0x03}, 1002, 1005, ""},
    {"1000 alone", 2, {0x03, 0xE8}, 0, 1000, ""},
    {"1001 and a reason", 5, {0x03, 0xE9, 'b', 'y', 'e'}, 0, 1001, "bye"},
    {"4000", 2, {0x0F, 0xA0}, 0, 4000, ""},
    {"1005 must not travel", 2, {0x03, 0xED}, 1002, 1005, ""},
    {"1006 must not travel", 2, {0x03, 0xEE}, 1002, 1006, ""},
    {"999", 2, {0x03, 0xE7}, 1002, 999, ""},
    {"5000", 2, {0x13, 0x88}, 1002, 5000, ""},
    {"a reason in bad UTF-8", 4, {0x03, 0xE8, 'x', 0xC0}, 1007, 1000, "x\xC0"},
    {"a reason cut inside a character", 4, {0x03, 0xE8, 0xE2, 0x82}, 1007, 1000, "\xE2\x82"},
};

static void test_read(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof reads / sizeof reads[0]; i++) {
    const struct read_case *c = &reads[i];
    uint16_t code;
    const uint8_t *reason;
    size_t reason_len;
    assert_int_equal(close_read(c->payload, c->len, &code, &reason, &reason_len), c->result);
    assert_int_equal(code, c->code);
    assert_int_equal(reason_len, strlen(c->reason));
    assert_memory_equal(reason, c->reason, reason_len);
  }
}

static void test_write(void **state) {
  (void)state;
  uint8_t out[125];
  assert_int_equal(close_write(out, CLOSE_NO_STATUS, "ignored"), 0);
  assert_int_equal(close_write(out, CLOSE_NORMAL, NULL), 2);
  assert_int_equal(close_write(out, CLOSE_GOING_AWAY, "bye"), 5);
  assert_memory_equal(out,
                      "\x03\xE9"
                      "bye",
                      5);
}

/* A reason of two-byte characters behind `shift` letters is cut between two of them. */
static void test_long_reasons(void **state) {
  (void)state;
  for (size_t shift = 0; shift < 4; shift++) {
    char reason[300] = "abc";
    reason[shift] = '\0';
    for (size_t at = shift; at < 200; at += 2) {
      memcpy(reason + at, "\xC3\xA9", 3);
    }
    uint8_t out[125];
    const size_t len = close_write(out, CLOSE_NORMAL, reason);
    assert_int_equal(len, shift % 2 == 0 ? 2 + CLOSE_REASON_MAX - 1 : 2 + CLOSE_REASON_MAX);
    uint16_t code;
    const uint8_t *text;
    size_t text_len;
    assert_int_equal(close_read(out, len, &code, &text, &text_len), 0);
    assert_memory_equal(text, reason, text_len);
    reason[CLOSE_REASON_MAX - 1] = 'x'; /* just fits */
    reason[CLOSE_REASON_MAX] = '\0';
    assert_int_equal(close_write(out, CLOSE_NORMAL, reason), sizeof out);
  }
  /* Not UTF-8 at all: nothing fits, and nothing is read beyond. */
  char junk[200];
  memset(junk, 0x80, sizeof junk - 1);
  junk[sizeof junk - 1] = '\0';
  uint8_t out[125];
  assert_int_equal(close_write(out, CLOSE_NORMAL, junk), 2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_codes),
      cmocka_unit_test(test_read),
      cmocka_unit_test(test_write),
      cmocka_unit_test(test_long_reasons),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
