/*
 * What the terminal shows, as rows; only rows that changed are written. A row is built from the
 * left and never becomes wider than the screen. Pure: the bytes go where the caller wants them.
 */
#ifndef TERM_FRAME_H
#define TERM_FRAME_H

#include <stdbool.h>
#include <stddef.h>

/** A larger terminal is used in part. */
#define FRAME_ROWS_MAX 200
#define FRAME_COLUMNS_MAX 500
/** Bytes of a row with its styles; what does not fit is cut. */
#define FRAME_ROW_CAP 4096

struct frame_row {
  char bytes[FRAME_ROW_CAP];
  size_t len;
  unsigned columns, width;
  unsigned marks; /* without columns, in a row: some, or they would climb over other rows */
};

struct frame {
  unsigned rows, columns;
  struct frame_row *next;  /* being built */
  struct frame_row *shown; /* as the terminal has it */
  bool is_shown;           /* else everything is written */
};

/** Storage for this size. False: no memory; the frame is then empty. */
bool frame_resize(struct frame *frame, unsigned rows, unsigned columns);
void frame_deinit(struct frame *frame);
/** Everything is to be written again. */
void frame_invalidate(struct frame *frame);

/** Row `index` from 0, emptied. */
struct frame_row *frame_row(struct frame *frame, unsigned index);
/** `sgr` is an escape sequence of ours, or "". */
void row_style(struct frame_row *row, const char *sgr);
/** Text from anywhere, cleaned (glyph.h). False: it was cut at the edge. */
bool row_put(struct frame_row *row, const char *text, size_t len);
bool row_put_text(struct frame_row *row, const char *text);
/** At most `columns` of it, the last an ellipsis if it was cut. */
void row_put_at_most(struct frame_row *row, const char *text, size_t len, unsigned columns);
/** Spaces up to `column`. */
void row_fill(struct frame_row *row, unsigned column);
/** One or two columns wide, whatever terminals think of that: what follows stands at column 3. */
void row_put_emoji(struct frame_row *row, const char *emoji, size_t len);

/** Hands over the bytes that bring the terminal up to date, the cursor at `row` and `column` (from
   0). `write` gets them in pieces, in order. */
void frame_show(struct frame *frame, unsigned row, unsigned column,
                void (*write)(void *user, const char *bytes, size_t len), void *user);

#endif
