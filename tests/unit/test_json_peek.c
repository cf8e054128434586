#include "json_peek.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* From memory that ends where the text ends, so that a sanitizer sees a byte too many. */
static bool peek(const char *text, size_t len, const char *name, struct json_peek_value *value,
                 char **copy) {
  *copy = malloc(len ? len : 1);
  assert_non_null(*copy);
  memcpy(*copy, text, len);
  return json_peek_member(*copy, len, name, value);
}

static bool is_object(const char *text, size_t len) {
  struct json_peek_value value;
  char *copy;
  const bool result = peek(text, len, "x", &value, &copy);
  free(copy);
  return result;
}

static const char *const valid[] = {
    "{}",
    " { } ",
    "\t\r\n{\"a\":1}\n",
    "{\"a\":0}",
    "{\"a\":-0}",
    "{\"a\":-12.5e+10}",
    "{\"a\":1E-2}",
    "{\"a\":0.5}",
    "{\"a\":10}",
    "{\"a\":true,\"b\":false,\"c\":null}",
    "{\"a\":\"\"}",
    "{\"\":\"x\"}",
    "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDE00\"}",
    "{\"a\":[]}",
    "{\"a\":[ ]}",
    "{\"a\":{}}",
    "{\"a\":{ } }",
    "{\"a\":[1,2,[3,{\"b\":[]}],{}]}",
    "{\"a\":{\"b\":{\"c\":[{\"d\":1},2]}},\"e\":3}",
    "{ \"a\" : [ 1 , 2 ] , \"b\" : { \"c\" : 3 , \"d\" : 4 } }",
    "{\"a\":\"\x7f \xc3\xa9\"}",
};

static const char *const invalid[] = {
    "",
    " ",
    "1",
    "\"a\"",
    "[]",
    "[{\"a\":1}]",
    "{",
    "}",
    "{}}",
    "{} {}",
    "{}x",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,\"a\":1}",
    "{\"a\":1 \"b\":2}",
    "{\"a\" 1}",
    "{a:1}",
    "{'a':1}",
    "{1:1}",
    "{\"a:1}",
    "{\"a\":\"}",
    "{\"a\":\"\\\"}",
    "{\"a\":\"\\",
    "{\"a\":\"\\u",
    "{\"a\":\"\\x\"}",
    "{\"a\":\"\\u12g4\"}",
    "{\"a\":\"\\u123",
    "{\"a\":\"\n\"}",
    "{\"a\":\"\x1f\"}",
    "{\"a\":01}",
    "{\"a\":+1}",
    "{\"a\":.5}",
    "{\"a\":1.}",
    "{\"a\":1e}",
    "{\"a\":1e+}",
    "{\"a\":-}",
    "{\"a\":-a}",
    "{\"a\":tru}",
    "{\"a\":True}",
    "{\"a\":nul",
    "{\"a\":falsy}",
    "{\"a\":NaN}",
    "{\"a\":[1,]}",
    "{\"a\":[,1]}",
    "{\"a\":[1 2]}",
    "{\"a\":[1}",
    "{\"a\":[1,2",
    "{\"a\":[1,",
    "{\"a\":[",
    "{\"a\":{\"b\":1]}",
    "{\"a\":{\"b\":1,}}",
    "{\"a\":{\"b\":1,2}}",
    "{\"a\":{\"b\"}}",
    "{\"a\":{\"b\" 1}}",
    "{\"a\":{1}}",
    "{\"a\":{",
    "{\"a\":[}]",
    "{\"a\":1",
    "{\"a\":1]",
    "{\"a\":/**/1}",
};

static void objects_are_told_strictly(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(valid); i++)
    if (!is_object(valid[i], strlen(valid[i])))
      fail_msg("refused: %s", valid[i]);
  for (size_t i = 0; i < COUNT(invalid); i++)
    if (is_object(invalid[i], strlen(invalid[i])))
      fail_msg("taken: %s", invalid[i]);
  assert_false(is_object("{\"a\":1\0}", 8));
}

/* Every prefix of an object is none, whatever stands behind it. */
static void every_cut_is_refused(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(valid); i++) {
    const size_t len = strlen(valid[i]);
    size_t end = len;
    while (valid[i][end - 1] != '}')
      end--;
    for (size_t cut = 0; cut < end; cut++)
      if (is_object(valid[i], cut))
        fail_msg("taken: %.*s", (int)cut, valid[i]);
  }
}

/* Every byte at every place: no crash, and no read beyond the end (the sanitizers see it). */
static void every_changed_byte_is_survived(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(valid); i++) {
    char text[80];
    const size_t len = strlen(valid[i]);
    assert_true(len < sizeof text);
    for (size_t at = 0; at < len; at++)
      for (int byte = 0; byte < 256; byte++) {
        memcpy(text, valid[i], len);
        text[at] = (char)byte;
        (void)is_object(text, len);
      }
  }
}

static size_t append(char *text, size_t len, const char *piece) {
  for (; *piece; piece++)
    text[len++] = *piece;
  return len;
}

/* {"a":[[...1...]]} with `depth` levels, of arrays or of objects. */
static size_t nest(char *text, int depth, const char *opening, const char *closing) {
  size_t len = append(text, 0, "{\"a\":");
  for (int i = 1; i < depth; i++)
    len = append(text, len, opening);
  len = append(text, len, "1");
  for (int i = 1; i < depth; i++)
    len = append(text, len, closing);
  return append(text, len, "}");
}

static void depth_is_bounded(void **state) {
  (void)state;
  char text[2000];
  for (int depth = 1; depth <= 200; depth++) {
    const bool is_taken = depth <= JSON_PEEK_DEPTH_MAX;
    assert_int_equal(is_object(text, nest(text, depth, "[", "]")), is_taken);
    assert_int_equal(is_object(text, nest(text, depth, "{\"a\":", "}")), is_taken);
  }
}

static void members_are_found(void **state) {
  (void)state;
  static const struct {
    const char *text, *name;
    enum json_peek_kind kind;
    const char *value;
  } cases[] = {
      {"{\"a\":1}", "a", JSON_PEEK_NUMBER, "1"},
      {"{\"a\":1}", "b", JSON_PEEK_ABSENT, ""},
      {"{}", "a", JSON_PEEK_ABSENT, ""},
      {"{\"a\": -1.5e3 }", "a", JSON_PEEK_NUMBER, "-1.5e3"},
      {"{\"a\":\"x\\ny\"}", "a", JSON_PEEK_STRING, "x\\ny"},
      {"{\"a\":true}", "a", JSON_PEEK_OTHER, "true"},
      {"{\"a\":null}", "a", JSON_PEEK_OTHER, "null"},
      {"{\"a\": [1, 2] }", "a", JSON_PEEK_OTHER, "[1, 2]"},
      {"{\"a\":{\"b\":2},\"b\":3}", "b", JSON_PEEK_NUMBER, "3"},
      {"{\"a\":{\"b\":2}}", "b", JSON_PEEK_ABSENT, ""},
      {"{\"a\":1,\"a\":2}", "a", JSON_PEEK_NUMBER, "2"},
      {"{\"ab\":1}", "a", JSON_PEEK_ABSENT, ""},
      {"{\"a\":1}", "ab", JSON_PEEK_ABSENT, ""},
      {"{\"\\u0061b\":1}", "ab", JSON_PEEK_NUMBER, "1"},
      {"{\"\\u0061b\":1}", "a", JSON_PEEK_ABSENT, ""},
      {"{\"\\u0061\":1}", "ab", JSON_PEEK_ABSENT, ""},
      {"{\"\\u0062\":1}", "a", JSON_PEEK_ABSENT, ""},
      {"{\"\\ud800\":1}", "a", JSON_PEEK_ABSENT, ""},
      {"{\"\\/\":1}", "/", JSON_PEEK_NUMBER, "1"},
      {"{\"\":1}", "", JSON_PEEK_NUMBER, "1"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct json_peek_value value;
    assert_true(json_peek_member(cases[i].text, strlen(cases[i].text), cases[i].name, &value));
    if (value.kind != cases[i].kind || value.len != strlen(cases[i].value) ||
        (value.len && memcmp(value.text, cases[i].value, value.len) != 0))
      fail_msg("%s in %s", cases[i].name, cases[i].text);
  }
}

static struct json_peek_value string_value(const char *raw) {
  return (struct json_peek_value){JSON_PEEK_STRING, raw, strlen(raw), strchr(raw, '\\') != NULL};
}

static void strings_are_decoded(void **state) {
  (void)state;
  static const struct {
    const char *raw, *decoded; /* NULL: refused */
  } cases[] = {
      {"", ""},
      {"abc", "abc"},
      {"\\\"\\\\\\/", "\"\\/"},
      {"\\b\\f\\n\\r\\t", "\b\f\n\r\t"},
      {"\\u0041\\u00e9\\u20AC", "A\xc3\xa9\xe2\x82\xac"},
      {"\\uD83D\\uDE00", "\xf0\x9f\x98\x80"},
      {"\\uDBFF\\uDFFF", "\xf4\x8f\xbf\xbf"},
      {"\\uD83D\\uDE0", NULL},
      {"\\u0000", NULL},
      {"\\uD83D", NULL},
      {"\\uD83Dx", NULL},
      {"\\uD83D\\n12345", NULL},
      {"\\uD83Dx\\uDE00", NULL},
      {"\\uD83D\\u0041", NULL},
      {"\\uD83D\\uE000", NULL},
      {"\\uDE00", NULL},
      {"\\u12", NULL},
      {"a\\", "a\\"}, /* never made by json_peek_member(); harmless */
  };
  char out[32];
  for (size_t i = 0; i < COUNT(cases); i++) {
    const struct json_peek_value value = string_value(cases[i].raw);
    if (json_peek_string(&value, out, sizeof out) != (cases[i].decoded != NULL))
      fail_msg("%s", cases[i].raw);
    if (cases[i].decoded)
      assert_string_equal(out, cases[i].decoded);
  }
  const struct json_peek_value abc = string_value("abc"), euro = string_value("a\\u20ac"),
                               nul = {JSON_PEEK_STRING, "a\0b", 3, false},
                               number = {JSON_PEEK_NUMBER, "1", 1, false};
  assert_true(json_peek_string(&abc, out, 4));
  assert_false(json_peek_string(&abc, out, 3));
  assert_false(json_peek_string(&abc, out, 0));
  assert_true(json_peek_string(&euro, out, 5));
  assert_false(json_peek_string(&euro, out, 4));
  assert_false(json_peek_string(&nul, out, sizeof out));
  assert_false(json_peek_string(&number, out, sizeof out));
}

static void integers_are_read(void **state) {
  (void)state;
  static const struct {
    const char *raw;
    bool is_integer;
    int64_t value;
  } cases[] = {
      {"0", true, 0},
      {"-0", true, 0},
      {"1700000000123", true, 1700000000123},
      {"-1", true, -1},
      {"9223372036854775807", true, INT64_MAX},
      {"9223372036854775808", false, 0},
      {"-9223372036854775808", true, INT64_MIN},
      {"-9223372036854775809", false, 0},
      {"99999999999999999999999999", false, 0},
      {"1.0", false, 0},
      {"1e3", false, 0},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    const struct json_peek_value value = {JSON_PEEK_NUMBER, cases[i].raw, strlen(cases[i].raw),
                                          false};
    int64_t out = 77;
    assert_int_equal(json_peek_integer(&value, &out), cases[i].is_integer);
    if (cases[i].is_integer)
      assert_true(out == cases[i].value);
  }
  const struct json_peek_value string = string_value("1");
  int64_t out;
  assert_false(json_peek_integer(&string, &out));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(objects_are_told_strictly),
      cmocka_unit_test(every_cut_is_refused),
      cmocka_unit_test(every_changed_byte_is_survived),
      cmocka_unit_test(depth_is_bounded),
      cmocka_unit_test(members_are_found),
      cmocka_unit_test(strings_are_decoded),
      cmocka_unit_test(integers_are_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
