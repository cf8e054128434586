#include "glyph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BAD "\xEF\xBF\xBD"
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What a terminal is given for what came, and how wide it is. */
static void text_is_cleaned_and_measured(void **state) {
  (void)state;
  static const struct {
    const char *text, *shown;
    unsigned columns;
  } cases[] = {
      {"", "", 0},
      {"plain", "plain", 5},
      {"\xC3\xA9", "\xC3\xA9", 1},
      {"e\xCC\x81", "e\xCC\x81", 1},                               /* a combining mark */
      {"\xE4\xBD\xA0\xE5\xA5\xBD", "\xE4\xBD\xA0\xE5\xA5\xBD", 4}, /* CJK */
      {"\xF0\x9F\xA6\x80", "\xF0\x9F\xA6\x80", 2},                 /* an emoji */
      {"a\nb\tc\rd", "a b c d", 7},
      {"\033[2J", BAD "[2J", 4},
      {"\033]0;title\007", BAD "]0;title" BAD, 10},
      {"\177\b", BAD BAD, 2},
      {"\xC2\x9B"
       "31m",
       BAD "31m", 4}, /* CSI as a C1 control */
      {"\xE2\x80\xAE"
       "abc",
       "abc", 3}, /* right-to-left override */
      {"\xE2\x81\xA6\xE2\x80\x8F\xEF\xBB\xBF\xE2\x80\xA8", "", 0},
      {"\xF3\xA0\x81\x81", "", 0}, /* a tag */
      /* not UTF-8, RFC 3629 */
      {"\xFF", BAD, 1},
      {"\xC0\xAF", BAD BAD, 2},
      {"\xE4\xBD", BAD BAD, 2},
      {"\xED\xA0\x80", BAD BAD BAD, 3},
      {"\xF4\x90\x80\x80", BAD BAD BAD BAD, 4},
      {"\x80", BAD, 1},
      {"\xC3(", BAD "(", 2},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char shown[64];
    glyph_copy(shown, sizeof shown, cases[i].text);
    assert_string_equal(shown, cases[i].shown);
    if (glyph_columns(cases[i].text, strlen(cases[i].text)) != cases[i].columns)
      fail_msg("case %zu: %u columns", i, glyph_columns(cases[i].text, strlen(cases[i].text)));
  }
}

/* Whatever comes, no control character leaves. */
static void no_byte_pair_is_a_control(void **state) {
  (void)state;
  char text[3], shown[16];
  for (unsigned first = 1; first < 256; first++)
    for (unsigned second = 1; second < 256; second++) {
      text[0] = (char)first;
      text[1] = (char)second;
      text[2] = '\0';
      glyph_copy(shown, sizeof shown, text);
      for (const unsigned char *c = (const unsigned char *)shown; *c; c++)
        assert_true(*c >= 0x20 && *c != 0x7F && !(c[0] == 0xC2 && c[1] < 0xA0));
    }
}

static void a_copy_is_cut_at_a_character(void **state) {
  (void)state;
  char shown[4];
  glyph_copy(shown, sizeof shown, "ab\xC3\xA9");
  assert_string_equal(shown, "ab");
  glyph_copy(shown, sizeof shown, "a\xC3\xA9z");
  assert_string_equal(shown, "a\xC3\xA9");
}

static void steps_go_over_whole_characters(void **state) {
  (void)state;
  static const char text[] = "ae\xCC\x81\xE4\xBD\xA0z"; /* a, e with accent, a wide one, z */
  static const size_t places[] = {0, 1, 4, 7, 8};
  for (size_t i = 0; i + 1 < COUNT(places); i++) {
    assert_int_equal(glyph_after(text, sizeof text - 1, places[i]), places[i + 1]);
    assert_int_equal(glyph_before(text, places[i + 1]), places[i]);
  }
  assert_int_equal(glyph_before(text, 0), 0);
  assert_int_equal(glyph_after(text, 8, 8), 8);
}

static int set_up(void **state) {
  (void)state;
  glyph_init();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_is_cleaned_and_measured),
      cmocka_unit_test(no_byte_pair_is_a_control),
      cmocka_unit_test(a_copy_is_cut_at_a_character),
      cmocka_unit_test(steps_go_over_whole_characters),
  };
  return cmocka_run_group_tests(tests, set_up, NULL);
}
