#include "chat_layout.h"

#include "chat_style.h"
#include "glyph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Rows without their styles, divided by |. */
static const char *draw(const struct chat_layout *l, const struct chat_message *m) {
  static char text[2048];
  static struct canvas c;
  size_t used = 0;
  assert_true(canvas_resize(&c, 1, l->columns));
  for (unsigned i = 0; i < chat_layout_height(l, m); i++) {
    struct canvas_row *row = canvas_row(&c, 0);
    chat_layout_draw(l, m, i, row);
    assert_true(row->columns <= l->columns);
    if (i)
      text[used++] = '|';
    for (size_t at = 0; at < row->len; at++) {
      if (row->bytes[at] == '\033')
        at += strcspn(row->bytes + at, "m");
      else
        text[used++] = row->bytes[at];
    }
  }
  text[used] = '\0';
  canvas_deinit(&c);
  return text;
}

static void messages_are_rows(void **state) {
  (void)state;
  static const struct {
    unsigned columns;
    const char *sender, *plaintext;
    enum chat_delivery delivery;
    const char *rows;
  } cases[] = {
      {80, "ann", "hi", CHAT_STORED, "14:05 ann: hi"},
      {80, "me", "hi", CHAT_PENDING, "  …   me: hi"},
      {80, "me", "hi", CHAT_DROPPED, "  ✗   me: hi|      not sent: overflow"},
      {80, "ann", "", CHAT_STORED, "14:05 ann: "},
      {80, "ann", "a\nb", CHAT_STORED, "14:05 ann: a|      b"},
      {80, "ann", "\033[2J", CHAT_STORED, "14:05 ann: \xEF\xBF\xBD[2J"},
      {80, "a\033c", "x", CHAT_STORED,
       "14:05 a\xEF\xBF\xBD"
       "c: x"},
      {30, "ann", "one two three four five", CHAT_STORED,
       "14:05 ann: one two three four|      five"},
      {30, "a very long name", "one two", CHAT_STORED, "14:05 a very lo…: one two"},
      {24, "a very long name", "one two", CHAT_STORED, "14:05 a very …: one two"},
      {20, "ann", "one two three four", CHAT_STORED, "ann: one two three|four"},
      {20, "me", "one", CHAT_PENDING, "… me: one"},
      {12, "abcdefgh", "one two", CHAT_STORED, "abc…: |one two"},
      {4, "ann", "hello", CHAT_STORED, "…: |hell|o"},
      {1, "ann", "ab", CHAT_STORED, "…|a|b"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const struct chat_layout layout = {cases[i].columns, true, "me"};
    const struct chat_message m = {.sender_id = cases[i].sender,
                                   .plaintext = cases[i].plaintext,
                                   .created_at_ms = (14 * 60 + 5) * 60000,
                                   .delivery = cases[i].delivery,
                                   .drop = LIMPET_DROP_OVERFLOW};
    if (strcmp(draw(&layout, &m), cases[i].rows) != 0)
      fail_msg("case %zu: '%s'", i, draw(&layout, &m));
  }
}

static void days_are_divided(void **state) {
  (void)state;
  const struct chat_message a = {.created_at_ms = 86399999}, b = {.created_at_ms = 86400000};
  assert_true(chat_layout_is_new_day(NULL, &a));
  assert_false(chat_layout_is_new_day(&a, &a));
  assert_true(chat_layout_is_new_day(&a, &b));
}

/* One colour for a name, and not the same for all. */
static void senders_have_colours(void **state) {
  (void)state;
  static const char *const names[] = {"ann", "bob", "carol", "dan", "eve", "frank"};
  bool is_different = false;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    const char *style = chat_style_of_sender(names[i], true);
    assert_string_equal(style, chat_style_of_sender(names[i], true));
    is_different |= strcmp(style, chat_style_of_sender(names[0], true)) != 0;
    assert_null(strstr(chat_style_of_sender(names[i], false), "3"));
  }
  assert_true(is_different);
}

static int set_up(void **state) {
  (void)state;
  glyph_init();
  (void)setenv("TZ", "UTC", 1);
  tzset();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(messages_are_rows),
      cmocka_unit_test(days_are_divided),
      cmocka_unit_test(senders_have_colours),
  };
  return cmocka_run_group_tests(tests, set_up, NULL);
}
