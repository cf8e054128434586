#include "canvas.h"

#include "glyph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct {
  char bytes[4096];
  size_t len;
} written;

static void write_down(void *user, const char *bytes, size_t len) {
  (void)user;
  assert_true(written.len + len < sizeof written.bytes);
  memcpy(written.bytes + written.len, bytes, len);
  written.len += len;
  written.bytes[written.len] = '\0';
}

static const char *show(struct canvas *c, unsigned column) {
  written.len = 0;
  written.bytes[0] = '\0';
  canvas_show(c, c->rows - 1, column, write_down, NULL);
  return written.bytes;
}

static void only_what_changed_is_written(void **state) {
  (void)state;
  struct canvas c = {.rows = 0};
  assert_true(canvas_resize(&c, 2, 10));
  row_put_text(canvas_row(&c, 0), "one");
  row_put_text(canvas_row(&c, 1), "two");
  assert_non_null(strstr(show(&c, 0), "\033[1;1H\033[0m\033[2Kone"));
  assert_string_equal(show(&c, 0), "");
  row_put_text(canvas_row(&c, 1), "TWO");
  assert_null(strstr(show(&c, 0), "one"));
  assert_non_null(strstr(written.bytes, "\033[2;1H\033[0m\033[2KTWO"));
  assert_string_equal(show(&c, 4), "\033[?25l\033[0m\033[2;5H\033[?25h");
  canvas_invalidate(&c);
  assert_non_null(strstr(show(&c, 4), "one"));
  canvas_deinit(&c);
}

static void rows_are_cut_at_the_edge(void **state) {
  (void)state;
  static const struct {
    const char *text;
    unsigned columns; /* at most */
    const char *row;
  } cases[] = {
      {"123456", 99, "123456"},
      {"1234567", 99, "12345\xE2\x80\xA6"},
      {"1234567", 3, "12\xE2\x80\xA6"},
      {"1234567", 0, ""},
      {"12345\xE4\xBD\xA0", 99, "12345\xE2\x80\xA6"},
      {"1234\xE4\xBD\xA0", 99, "1234\xE4\xBD\xA0"},
      {"1234\xE4\xBD\xA0x", 99, "1234\xE2\x80\xA6"}, /* no room for half of a wide one */
      {"\033[2J", 99, "\xEF\xBF\xBD[2J"},
  };
  struct canvas c = {.rows = 0};
  assert_true(canvas_resize(&c, 1, 6));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct canvas_row *row = canvas_row(&c, 0);
    row_put_at_most(row, cases[i].text, strlen(cases[i].text), cases[i].columns);
    if (row->len != strlen(cases[i].row) || memcmp(row->bytes, cases[i].row, row->len) != 0)
      fail_msg("case %zu: '%.*s'", i, (int)row->len, row->bytes);
    assert_true(row->columns <= 6);
  }
  assert_false(row_put(canvas_row(&c, 0), "1234567", 7));
  canvas_deinit(&c);
}

/* A pile of marks on one letter stays a few, and the row within its bounds. */
static void marks_and_bytes_are_bounded(void **state) {
  (void)state;
  struct canvas c = {.rows = 0};
  assert_true(canvas_resize(&c, 1, CANVAS_COLUMNS_MAX));
  struct canvas_row *row = canvas_row(&c, 0);
  for (unsigned i = 0; i < 3000; i++)
    (void)row_put_text(row, "\xCC\x81");
  assert_true(row->len < 16);
  for (unsigned i = 0; i < 1000; i++)
    (void)row_put_text(row, "\xE4\xBD\xA0\xCC\x81\xCC\x81\xCC\x81\xCC\x81");
  row_style(row, "\033[0m");
  assert_true(row->len <= CANVAS_ROW_CAP);
  canvas_deinit(&c);
}

static void sizes_are_bounded(void **state) {
  (void)state;
  struct canvas c = {.rows = 0};
  assert_true(canvas_resize(&c, 5000, 5000));
  assert_int_equal(c.rows, CANVAS_ROWS_MAX);
  assert_int_equal(c.columns, CANVAS_COLUMNS_MAX);
  assert_true(canvas_resize(&c, 1, 1));
  row_put_emoji(canvas_row(&c, 0), "\xF0\x9F\x9F\xA2", 4);
  row_fill(&c.next[0], 9);
  assert_int_equal(c.next[0].columns, 1);
  canvas_deinit(&c);
}

static int set_up(void **state) {
  (void)state;
  glyph_init();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_what_changed_is_written),
      cmocka_unit_test(rows_are_cut_at_the_edge),
      cmocka_unit_test(marks_and_bytes_are_bounded),
      cmocka_unit_test(sizes_are_bounded),
  };
  return cmocka_run_group_tests(tests, set_up, NULL);
}
