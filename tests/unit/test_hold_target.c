/* Where a local request leads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "target.h"

#include <string.h>

static struct url_slice slice(const char *text) {
  return (struct url_slice){text, strlen(text)};
}

static void joined(void **state) {
  static const struct {
    const char *base, *path, *query, *wanted;
  } cases[] = {
      {"ws://h", "/", "", "ws://h/"},
      {"ws://h/", "/", "", "ws://h/"},
      {"ws://h", "/a/b", "", "ws://h/a/b"},
      {"ws://h:81/", "/a", "b=1", "ws://h:81/a?b=1"},
      {"ws://h?x=1", "/a", "b=1", "ws://h/a?x=1&b=1"},
      {"ws://h/base", "/", "", "ws://h/base"},
      {"ws://h/base/", "/", "", "ws://h/base/"},
      {"ws://h/base", "/a", "", "ws://h/base/a"},
      {"ws://h/base/", "/a", "", "ws://h/base/a"},
      {"wss://u:p@h/base?x=1", "/a", "", "wss://u:p@h/base/a?x=1"},
      {"ws://h/", "/a%20b", "c=%26", "ws://h/a%20b?c=%26"},
      {"ws+unix:///s", "/a", "b=1", "ws+unix:///s:/a?b=1"},
      {"ws+unix:///s:", "/a", "", "ws+unix:///s:/a"},
      {"ws+unix:///s:?x=1", "/", "", "ws+unix:///s:/?x=1"},
      {"ws+unix:///s:/base", "/a", "", "ws+unix:///s:/base/a"},
      {"ws+unix:///s:/", "/", "", "ws+unix:///s:/"},
      {"ws://h?", "/", "a=1", "ws://h/?a=1"},
  };
  char out[URL_LEN_MAX + 1];
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_true(target_join(cases[i].base, slice(cases[i].path), slice(cases[i].query), out));
    assert_string_equal(out, cases[i].wanted);
  }
}

static void set(void **state) {
  static const struct {
    const char *url, *value, *wanted;
  } cases[] = {
      {"ws://h/", "7", "ws://h/?after=7"},
      {"ws://h/?", "7", "ws://h/?after=7"},
      {"ws://h/?a=1", "7", "ws://h/?a=1&after=7"},
      {"ws://h/?after=0", "7", "ws://h/?after=7"},
      {"ws://h/?after", "7", "ws://h/?after=7"},
      {"ws://h/?after=0&a=1&after=2", "7", "ws://h/?a=1&after=7"},
      {"ws://h/?afterwards=1", "7", "ws://h/?afterwards=1&after=7"},
      {"ws://h/?a=1&&b", "a b&=\xc3\xa9", "ws://h/?a=1&b&after=a%20b%26%3D%C3%A9"},
  };
  char out[URL_LEN_MAX + 1];
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_true(target_set(cases[i].url, "after", cases[i].value, out));
    assert_string_equal(out, cases[i].wanted);
  }
}

static void too_long(void **state) {
  static char path[URL_LEN_MAX + 1], out[URL_LEN_MAX + 1];
  (void)state;
  memset(path, 'a', URL_LEN_MAX);
  path[0] = '/';
  assert_false(target_join("ws://h", slice(path), slice(""), out));
  assert_false(target_join("http://h", slice("/"), slice(""), out));
  path[URL_LEN_MAX - 8] = '\0';
  assert_true(target_join("ws://h", slice(path), slice(""), out));
  assert_false(target_set(out, "after", "7", path));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(joined),
      cmocka_unit_test(set),
      cmocka_unit_test(too_long),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
