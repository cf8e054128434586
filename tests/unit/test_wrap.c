#include "wrap.h"

#include "glyph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void lines_are_broken_behind_words(void **state) {
  (void)state;
  static const struct {
    const char *text;
    unsigned columns;
    const char *lines; /* divided by | */
  } cases[] = {
      {"one two three", 20, "one two three"},
      {"one two three", 13, "one two three"},
      {"one two three", 12, "one two|three"},
      {"one two three", 7, "one two|three"},
      {"one two three", 6, "one|two|three"},
      {"one two three", 2, "on|e|tw|o|th|re|e"},
      {"a  b", 2, "a |b"},
      {"one\ntwo\n\nthree", 20, "one|two||three"},
      {"ends with a feed\n", 20, "ends with a feed"},
      {"\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xBD\xA0", 5, "\xE4\xBD\xA0\xE5\xA5\xBD|\xE4\xBD\xA0"},
      {"\xE4\xBD\xA0\xE5\xA5\xBD", 1, "\xE4\xBD\xA0|\xE5\xA5\xBD"}, /* no room: one at a time */
      {"e\xCC\x81"
       "e\xCC\x81",
       1, "e\xCC\x81|e\xCC\x81"},
      {"abc", 0, "a|b|c"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char lines[128] = "";
    size_t used = 0;
    const size_t len = strlen(cases[i].text);
    for (size_t at = 0; at < len;) {
      const struct wrap_line line = wrap_next(cases[i].text + at, len - at, cases[i].columns);
      assert_true(line.used > 0);
      used += (size_t)snprintf(lines + used, sizeof lines - used, "%s%.*s", at ? "|" : "",
                               (int)line.len, cases[i].text + at);
      at += line.used;
    }
    assert_string_equal(lines, cases[i].lines);
  }
}

static int set_up(void **state) {
  (void)state;
  glyph_init();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(lines_are_broken_behind_words)};
  return cmocka_run_group_tests(tests, set_up, NULL);
}
