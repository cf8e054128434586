/*
 * What the terminal shows, as rows; only rows that changed are written. A row is built from the
 * left and never becomes wider than the screen. Pure: the bytes go where the caller wants them.
 */
#ifndef TERM_CANVAS_H
#define TERM_CANVAS_H

#include <stdbool.h>
#include <stddef.h>

/** A larger terminal is used in part. */
#define CANVAS_ROWS_MAX 200
#define CANVAS_COLUMNS_MAX 500
/** Bytes of a row with its styles; what does not fit is cut. */
#define CANVAS_ROW_CAP 4096

struct canvas_row {
  char bytes[CANVAS_ROW_CAP];
  size_t len;
  unsigned columns, width;
  unsigned marks; /* without columns, in a row: some, or they would climb over other rows */
};

struct canvas {
  unsigned rows, columns;
  struct canvas_row *next;  /* being built */
  struct canvas_row *shown; /* as the terminal has it */
  unsigned cursor_row, cursor_column;
  bool is_shown; /* else everything is written */
};

/** Storage for this size. False: no memory; the canvas is then empty. */
bool canvas_resize(struct canvas *canvas, unsigned rows, unsigned columns);
void canvas_deinit(struct canvas *canvas);
/** Everything is to be written again. */
void canvas_invalidate(struct canvas *canvas);

/** Row `index` from 0, emptied. */
struct canvas_row *canvas_row(struct canvas *canvas, unsigned index);
/** `sgr` is an escape sequence of ours, or "". */
void row_style(struct canvas_row *row, const char *sgr);
/** Text from anywhere, cleaned (glyph.h). False: it was cut at the edge. */
bool row_put(struct canvas_row *row, const char *text, size_t len);
bool row_put_text(struct canvas_row *row, const char *text);
/** At most `columns` of it, the last an ellipsis if it was cut. */
void row_put_at_most(struct canvas_row *row, const char *text, size_t len, unsigned columns);
/** Spaces up to `column`. */
void row_fill(struct canvas_row *row, unsigned column);
/** One or two columns wide, whatever terminals think of that: what follows stands at column 3. */
void row_put_emoji(struct canvas_row *row, const char *emoji, size_t len);

/** Hands over the bytes that bring the terminal up to date, the cursor at `row` and `column` (from
   0). `write` gets them in pieces, in order. */
void canvas_show(struct canvas *canvas, unsigned row, unsigned column,
                 void (*write)(void *user, const char *bytes, size_t len), void *user);

#endif
