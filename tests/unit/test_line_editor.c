#include "line_editor.h"

#include "glyph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void type(struct line_editor *e, const char *bytes) {
  struct keys keys = {.len = 0};
  struct key_event event;
  for (; *bytes; bytes++)
    if (keys_take(&keys, *bytes, &event)) {
      if (event.key == KEY_ENTER)
        line_editor_accept(e);
      else
        (void)line_editor_take(e, &event);
    }
}

#define LEFT "\033[D"
#define RIGHT "\033[C"
#define UP "\033[A"
#define DOWN "\033[B"
#define HOME "\001"
#define END "\005"
#define DELETE "\033[3~"
#define BACKSPACE "\177"
#define WORD_LEFT "\033b"
#define WORD_RIGHT "\033f"
#define ACUTE "e\xCC\x81"
#define WIDE "\xE4\xBD\xA0"

static void keys_edit(void **state) {
  (void)state;
  static const struct {
    const char *keys, *line; /* with | where the cursor stands */
  } cases[] = {
      {"", "|"},
      {"abc", "abc|"},
      {"abc" LEFT "x", "abx|c"},
      {"abc" LEFT LEFT RIGHT "x", "abx|c"},
      {"abc" LEFT LEFT LEFT LEFT "x", "x|abc"},
      {"abc" RIGHT "x", "abcx|"},
      {"abc" HOME "x" END "y", "xabcy|"},
      {"abc" BACKSPACE, "ab|"},
      {HOME BACKSPACE "a", "a|"},
      {"abc" HOME DELETE, "|bc"},
      {"abc" DELETE, "abc|"},
      {"abc" HOME "\004", "|bc"},
      {"a" WIDE "b" LEFT BACKSPACE, "a|b"},
      {"a" ACUTE BACKSPACE, "a|"},
      {"a" ACUTE "b" LEFT LEFT "x", "ax|" ACUTE "b"},
      {"one two  three\027", "one two  |"},
      {"one two  \027", "one |"},
      {"one\027", "|"},
      {"one two" LEFT LEFT "\025", "|wo"},
      {"one two" LEFT LEFT "\013", "one t|"},
      {"one two" WORD_LEFT "x", "one x|two"},
      {"one two" WORD_LEFT WORD_LEFT "x", "x|one two"},
      {"one two" HOME WORD_RIGHT "x", "onex| two"},
      /* history */
      {"one\r" UP, "one|"},
      {"one\rtwo\r" UP UP, "one|"},
      {"one\rtwo\r" UP UP UP DOWN, "two|"},
      {"one\rdraft" UP DOWN, "draft|"},
      {"one\rdraft" UP "!" DOWN UP, "one|"},
      {"one\r" UP "!\r" UP, "one!|"},
      {"\r\r" UP, "|"},
      {DOWN "a", "a|"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char line[64];
    struct line_editor e = {.len = 0};
    type(&e, cases[i].keys);
    (void)snprintf(line, sizeof line, "%.*s|%s", (int)e.cursor, e.text, e.text + e.cursor);
    if (strcmp(line, cases[i].line) != 0)
      fail_msg("case %zu: '%s'", i, line);
    line_editor_deinit(&e);
  }
}

static void lines_and_history_are_bounded(void **state) {
  (void)state;
  struct line_editor e = {.len = 0};
  const struct key_event key = {.key = KEY_TEXT, .text = WIDE, .len = 3};
  for (unsigned i = 0; i < LINE_EDITOR_MAX; i++)
    (void)line_editor_take(&e, &key);
  assert_int_equal(e.len, LINE_EDITOR_MAX / 3 * 3);
  assert_int_equal(strlen(e.text), e.len);
  for (unsigned i = 0; i < 2 * LINE_EDITOR_HISTORY; i++) {
    type(&e, "x");
    line_editor_accept(&e);
  }
  assert_int_equal(e.history_count, LINE_EDITOR_HISTORY);
  line_editor_deinit(&e);
}

static void the_cursor_is_always_in_the_window(void **state) {
  (void)state;
  struct line_editor e = {.len = 0};
  type(&e, "a" WIDE WIDE "b" ACUTE "cdefgh" WIDE);
  for (unsigned columns = 2; columns < 24; columns++)
    for (e.cursor = 0;; e.cursor = glyph_after(e.text, e.len, e.cursor)) {
      unsigned column;
      const size_t first = line_editor_window(&e, columns, &column);
      assert_true(first <= e.cursor);
      assert_true(column < columns);
      assert_int_equal(glyph_columns(e.text + first, e.cursor - first), column);
      if (e.cursor == e.len)
        break;
    }
  line_editor_deinit(&e);
}

static int set_up(void **state) {
  (void)state;
  glyph_init();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keys_edit),
      cmocka_unit_test(lines_and_history_are_bounded),
      cmocka_unit_test(the_cursor_is_always_in_the_window),
  };
  return cmocka_run_group_tests(tests, set_up, NULL);
}
