/* Rows and their differences. */
#include "canvas.h"

#include "glyph.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STYLE_RESERVE 64 /* room that text leaves, so that a style can always end */
#define MARKS_MAX 4
#define ELLIPSIS "\xE2\x80\xA6"

bool canvas_resize(struct canvas *c, unsigned rows, unsigned columns) {
  canvas_deinit(c);
  rows = rows < CANVAS_ROWS_MAX ? rows : CANVAS_ROWS_MAX;
  c->next = calloc(rows, sizeof *c->next);
  c->shown = calloc(rows, sizeof *c->shown);
  if (!c->next || !c->shown) {
    canvas_deinit(c);
    return false;
  }
  c->rows = rows;
  c->columns = columns < CANVAS_COLUMNS_MAX ? columns : CANVAS_COLUMNS_MAX;
  for (unsigned i = 0; i < rows; i++)
    (void)canvas_row(c, i);
  return true;
}

void canvas_deinit(struct canvas *c) {
  free(c->next);
  free(c->shown);
  *c = (struct canvas){.rows = 0};
}

void canvas_invalidate(struct canvas *c) {
  c->is_shown = false;
}

struct canvas_row *canvas_row(struct canvas *c, unsigned index) {
  assert(index < c->rows);
  struct canvas_row *row = &c->next[index];
  row->len = 0;
  row->columns = row->marks = 0;
  row->width = c->columns;
  return row;
}

static void put_bytes(struct canvas_row *row, const char *bytes, size_t len) {
  memcpy(row->bytes + row->len, bytes, len);
  row->len += len;
}

void row_style(struct canvas_row *row, const char *sgr) {
  const size_t len = strlen(sgr);
  if (row->len + len <= CANVAS_ROW_CAP)
    put_bytes(row, sgr, len);
}

static bool put_glyph(struct canvas_row *row, const struct glyph *g) {
  if (row->columns + g->columns > row->width || row->len + g->len > CANVAS_ROW_CAP - STYLE_RESERVE)
    return false;
  row->marks = g->columns ? 0 : row->marks + 1;
  if (row->marks <= MARKS_MAX)
    put_bytes(row, g->bytes, g->len);
  row->columns += g->columns;
  return true;
}

bool row_put(struct canvas_row *row, const char *text, size_t len) {
  for (size_t at = 0; at < len;) {
    const struct glyph g = glyph_next(text + at, len - at);
    if (!put_glyph(row, &g))
      return false;
    at += g.used;
  }
  return true;
}

bool row_put_text(struct canvas_row *row, const char *text) {
  return row_put(row, text, strlen(text));
}

/* The longest beginning of at most `columns` columns. */
static size_t fit(const char *text, size_t len, unsigned columns) {
  size_t at = 0;
  while (at < len) {
    const struct glyph g = glyph_next(text + at, len - at);
    if (g.columns > columns)
      break;
    columns -= g.columns;
    at += g.used;
  }
  return at;
}

void row_put_at_most(struct canvas_row *row, const char *text, size_t len, unsigned columns) {
  const unsigned left = row->width - row->columns;
  const unsigned room = columns < left ? columns : left;
  if (glyph_columns(text, len) <= room) {
    (void)row_put(row, text, len);
  } else if (room > 0) {
    (void)row_put(row, text, fit(text, len, room - 1));
    (void)row_put_text(row, ELLIPSIS);
  }
}

void row_fill(struct canvas_row *row, unsigned column) {
  while (row->columns < column && row_put(row, " ", 1))
    ;
}

void row_put_emoji(struct canvas_row *row, const char *emoji, size_t len) {
  if (row->columns != 0 || row->width < 4)
    return;
  put_bytes(row, emoji, len);
  row_style(row, "\033[4G");
  row->columns = 3;
}

/* ---- to the terminal ---- */

static bool is_same(const struct canvas_row *a, const struct canvas_row *b) {
  return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Erased first: behind an emoji the cursor jumps, and what stood there would stay. */
static void write_row(const struct canvas_row *row, unsigned index,
                      void (*write)(void *user, const char *bytes, size_t len), void *user) {
  char move[48];
  const int len = snprintf(move, sizeof move, "\033[%u;1H\033[0m\033[2K", index + 1);
  write(user, move, (size_t)len);
  write(user, row->bytes, row->len);
}

static bool is_current(const struct canvas *c, unsigned row, unsigned column) {
  bool is_same_all = c->is_shown && c->cursor_row == row && c->cursor_column == column;
  for (unsigned i = 0; i < c->rows && is_same_all; i++)
    is_same_all = is_same(&c->next[i], &c->shown[i]);
  return is_same_all;
}

void canvas_show(struct canvas *c, unsigned row, unsigned column,
                 void (*write)(void *user, const char *bytes, size_t len), void *user) {
  char move[64];
  if (is_current(c, row, column))
    return;
  write(user, "\033[?25l", 6);
  for (unsigned i = 0; i < c->rows; i++) {
    if (c->is_shown && is_same(&c->next[i], &c->shown[i]))
      continue;
    write_row(&c->next[i], i, write, user);
    c->shown[i] = c->next[i];
  }
  c->is_shown = true;
  c->cursor_row = row;
  c->cursor_column = column;
  const int len = snprintf(move, sizeof move, "\033[0m\033[%u;%uH\033[?25h", row + 1, column + 1);
  write(user, move, (size_t)len);
}
