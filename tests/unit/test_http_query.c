/* Paths and queries taken apart. */
#include "http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct url_slice slice(const char *text) {
  return (struct url_slice){text, strlen(text)};
}

static void test_decoding(void **state) {
  (void)state;
  static const struct {
    const char *in;
    bool plus_is_space;
    const char *out; /* NULL: BAD */
  } cases[] = {
      {"", false, ""},           {"abc", false, "abc"},
      {"a%20b", false, "a b"},   {"a+b", false, "a+b"},
      {"a+b", true, "a b"},      {"%C3%a4", false, "\xC3\xA4"},
      {"%2F%2f", false, "//"},   {"%", false, NULL},
      {"%1", false, NULL},       {"%zz", false, NULL},
      {"a%00b", false, NULL},    {"%41", false, "A"},
      {"12345", false, "12345"}, {"1234567", false, "1234567"},
      {"12345678", false, NULL}, {"1234567%41", false, NULL},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char out[8];
    const enum http_text found =
        http_decode(slice(cases[i].in), cases[i].plus_is_space, out, sizeof out);
    assert_int_equal(found, cases[i].out ? HTTP_TEXT_FINE : HTTP_TEXT_BAD);
    if (cases[i].out)
      assert_string_equal(out, cases[i].out);
  }
}

static void test_members(void **state) {
  (void)state;
  static const struct {
    const char *query;
    enum http_text found;
    const char *value;
  } cases[] = {
      {"", HTTP_TEXT_ABSENT, NULL},
      {"a", HTTP_TEXT_FINE, ""},
      {"a=", HTTP_TEXT_FINE, ""},
      {"a=1", HTTP_TEXT_FINE, "1"},
      {"b=2&a=1", HTTP_TEXT_FINE, "1"},
      {"a=1&b=2", HTTP_TEXT_FINE, "1"},
      {"&&a=1&", HTTP_TEXT_FINE, "1"},
      {"a=b=c", HTTP_TEXT_FINE, "b=c"},
      {"aa=1&A=2", HTTP_TEXT_ABSENT, NULL},
      {"a=1&a=1", HTTP_TEXT_BAD, NULL},
      {"a=%", HTTP_TEXT_BAD, NULL},
      {"a=123456789", HTTP_TEXT_BAD, NULL},
      {"b=123456789&a=+%2B", HTTP_TEXT_FINE, " +"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char out[8];
    const struct http_request request = {.query = slice(cases[i].query)};
    if (http_query(&request, "a", out, sizeof out) != cases[i].found)
      fail_msg("%s", cases[i].query);
    if (cases[i].value)
      assert_string_equal(out, cases[i].value);
  }
}

static void test_segments(void **state) {
  (void)state;
  static const struct {
    const char *path, *segments; /* joined by | */
  } cases[] = {{"/", "|"},   {"/a", "a|"}, {"/a/", "a||"}, {"/a/b%2Fc/d", "a|b%2Fc|d|"},
               {"//", "||"}, {"", ""},     {"a/b", ""}};
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct url_slice path = slice(cases[i].path), segment;
    char found[64] = "";
    while (http_next_segment(&path, &segment)) {
      (void)strncat(found, segment.text, segment.len);
      (void)strcat(found, "|");
    }
    assert_string_equal(found, cases[i].segments);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_decoding),
      cmocka_unit_test(test_members),
      cmocka_unit_test(test_segments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
