/* Bytes as messages: lines and length-prefixed ones, whole and at every cut. */
#include "splitter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define STORY_CAP 256

/* "[a][][b]!too long": messages in brackets, then how it ended. */
static void tell(const struct splitter *splitter, const char *data, size_t len, char *story) {
  struct piece piece = {NULL, 0, 0};
  size_t at = 0, used = 0;
  enum split found;
  while ((found = split_first(splitter, data + at, len - at, true, &piece)) == SPLIT_FOUND) {
    used += (size_t)snprintf(story + used, STORY_CAP - used, "[%.*s]", (int)piece.len, piece.data);
    at += piece.used;
  }
  (void)snprintf(story + used, STORY_CAP - used, "%s",
                 found == SPLIT_TOO_LONG    ? "too long"
                 : found == SPLIT_CUT_SHORT ? "cut short"
                                            : "");
}

static const struct {
  bool is_binary;
  const char *data;
  size_t len;
  const char *story;
} cases[] = {
    {false, "", 0, ""},
    {false, "\n", 1, "[]"},
    {false, "a\nb\n", 4, "[a][b]"},
    {false, "a\n\nlast", 7, "[a][][last]"},
    {false, "cr\r\n", 4, "[cr\r]"},
    {false, "12345678\n123456789\n", 19, "[12345678]too long"},
    {false, "123456789", 9, "too long"},
    {true, "", 0, ""},
    {true, "\0\0\0\0", 4, "[]"},
    {true, "\0\0\0\002a\n\0\0\0\001b", 11, "[a\n][b]"},
    {true, "\0\0\0\002a", 5, "cut short"},
    {true, "\0\0", 2, "cut short"},
    {true, "\0\0\0\011123456789", 13, "too long"},
    {true, "\377\377\377\377", 4, "too long"},
};

static void test_messages(void **state) {
  (void)state;
  char story[STORY_CAP];
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct splitter splitter = {cases[i].is_binary, 8};
    tell(&splitter, cases[i].data, cases[i].len, story);
    assert_string_equal(story, cases[i].story);
  }
}

/* While more may come, a message without its end is a part, whatever has come of it. */
static void test_parts(void **state) {
  (void)state;
  const struct splitter lines = {false, 8}, prefixed = {true, 8};
  static const char line[] = "12345678\n", message[] = "\0\0\0\003abc";
  struct piece piece;
  for (size_t len = 0; len < 9; len++)
    assert_int_equal(split_first(&lines, line, len, false, &piece), SPLIT_PART);
  assert_int_equal(split_first(&lines, line, 9, false, &piece), SPLIT_FOUND);
  assert_int_equal(piece.used, 9);
  for (size_t len = 0; len < 7; len++)
    assert_int_equal(split_first(&prefixed, message, len, false, &piece), SPLIT_PART);
  assert_int_equal(split_first(&prefixed, message, 7, false, &piece), SPLIT_FOUND);
  assert_int_equal(piece.used, 7);
}

/* A line that can no longer be short enough is not waited for. */
static void test_too_long_before_its_end(void **state) {
  (void)state;
  const struct splitter lines = {false, 8}, prefixed = {true, 8};
  struct piece piece;
  assert_int_equal(split_first(&lines, "123456789", 9, false, &piece), SPLIT_TOO_LONG);
  assert_int_equal(split_first(&prefixed, "\0\0\0\011", 4, false, &piece), SPLIT_TOO_LONG);
}

static void test_words(void **state) {
  (void)state;
  const struct splitter lines = {false, 8}, prefixed = {true, 8};
  assert_string_equal(split_unit(&lines), "line");
  assert_string_equal(split_unit(&prefixed), "message");
  assert_non_null(strstr(split_error(SPLIT_TOO_LONG), "--max-message"));
  assert_non_null(strstr(split_error(SPLIT_CUT_SHORT), "cut short"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_messages),
      cmocka_unit_test(test_parts),
      cmocka_unit_test(test_too_long_before_its_end),
      cmocka_unit_test(test_words),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
