/* Rows of a message. */
#include "chat_layout.h"

#include "chat_style.h"
#include "glyph.h"
#include "wrap.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define TIME_COLUMNS 6     /* "14:05 " */
#define NARROW_COLUMNS 24  /* below that no time is shown */
#define TEXT_COLUMNS_MIN 8 /* of the first row; else the text begins below */

/* ---- where things stand ---- */

static unsigned indent_of(const struct chat_layout *l) {
  return l->columns < NARROW_COLUMNS ? 0 : TIME_COLUMNS;
}

/* A name takes a third at most. */
static unsigned name_columns(const struct chat_layout *l, const struct chat_message *m) {
  const unsigned columns = glyph_columns(m->sender_id, strlen(m->sender_id));
  const unsigned most = l->columns / 3 > 1 ? l->columns / 3 : 1;
  return columns < most ? columns : most;
}

/* What is left of the first row behind "NAME: ". */
static unsigned first_columns(const struct chat_layout *l, const struct chat_message *m) {
  const unsigned taken = indent_of(l) + name_columns(l, m) + 2;
  return taken + TEXT_COLUMNS_MIN <= l->columns ? l->columns - taken : 0;
}

static unsigned rest_columns(const struct chat_layout *l) {
  return l->columns - indent_of(l);
}

/* The line that stands in row `index` of the message. False: there is none, and `index` is less the
   rows of the text then. */
static bool find_line(const struct chat_layout *l, const struct chat_message *m, unsigned *index,
                      struct wrap_line *line, size_t *at) {
  const size_t len = strlen(m->plaintext);
  unsigned columns = first_columns(l, m);
  *at = 0;
  *line = (struct wrap_line){0, 0};
  for (bool is_first = true; is_first || *at < len; is_first = false) {
    *line = is_first && columns == 0 ? (struct wrap_line){0, 0}
                                     : wrap_next(m->plaintext + *at, len - *at, columns);
    if (*index == 0)
      return true;
    --*index;
    *at += line->used;
    columns = rest_columns(l);
  }
  return false;
}

unsigned chat_layout_height(const struct chat_layout *l, const struct chat_message *m) {
  struct wrap_line line;
  size_t at;
  unsigned left = UINT32_MAX;
  (void)find_line(l, m, &left, &line, &at);
  return UINT32_MAX - left + (m->delivery == CHAT_DROPPED);
}

/* ---- drawing ---- */

static struct tm local_time(int64_t ms) {
  const time_t seconds = (time_t)(ms / 1000);
  struct tm local = {.tm_year = 70, .tm_mday = 1};
  (void)localtime_r(&seconds, &local);
  return local;
}

static bool is_dim(const struct chat_message *m) {
  return m->delivery != CHAT_STORED;
}

/* What waits has no time yet, but a mark where its time will be. */
static void draw_time(const struct chat_layout *l, const struct chat_message *m,
                      struct canvas_row *row) {
  const struct tm local = local_time(m->created_at_ms);
  char text[16] = "  … ";
  if (indent_of(l) == 0 && m->delivery == CHAT_STORED)
    return;
  if (m->delivery == CHAT_STORED)
    (void)strftime(text, sizeof text, "%H:%M", &local);
  else if (m->delivery == CHAT_DROPPED)
    (void)snprintf(text, sizeof text, "  ✗ ");
  row_style(row, chat_style(m->delivery == CHAT_DROPPED ? CHAT_STYLE_RED : CHAT_STYLE_DIM,
                            l->has_colours));
  (void)row_put_text(row, indent_of(l) ? text : text + 2);
  row_fill(row, indent_of(l));
}

static void draw_name(const struct chat_layout *l, const struct chat_message *m,
                      struct canvas_row *row) {
  const bool is_ours = strcmp(m->sender_id, l->own_id) == 0;
  row_style(row, is_dim(m) ? chat_style(CHAT_STYLE_DIM, l->has_colours)
                 : is_ours ? chat_style(CHAT_STYLE_BOLD, l->has_colours)
                           : chat_style_of_sender(m->sender_id, l->has_colours));
  row_put_at_most(row, m->sender_id, strlen(m->sender_id), name_columns(l, m));
  row_style(row, chat_style(CHAT_STYLE_DIM, l->has_colours));
  (void)row_put_text(row, ": ");
}

static void draw_reason(const struct chat_layout *l, const struct chat_message *m,
                        struct canvas_row *row) {
  char text[80];
  (void)snprintf(text, sizeof text, "not sent: %s",
                 m->drop == LIMPET_DROP_NOT_STORED ? "the outbox could not take it"
                                                   : limpet_drop_name(m->drop));
  row_fill(row, indent_of(l));
  row_style(row, chat_style(CHAT_STYLE_RED, l->has_colours));
  row_put_at_most(row, text, strlen(text), rest_columns(l));
}

void chat_layout_draw(const struct chat_layout *l, const struct chat_message *m, unsigned index,
                      struct canvas_row *row) {
  struct wrap_line line;
  size_t at;
  const bool is_first = index == 0;
  if (!find_line(l, m, &index, &line, &at)) {
    draw_reason(l, m, row);
    return;
  }
  if (is_first) {
    draw_time(l, m, row);
    draw_name(l, m, row);
  } else {
    row_fill(row, indent_of(l));
  }
  row_style(row, chat_style(is_dim(m) ? CHAT_STYLE_DIM : CHAT_STYLE_PLAIN, l->has_colours));
  (void)row_put(row, m->plaintext + at, line.len);
}

/* ---- days ---- */

bool chat_layout_is_new_day(const struct chat_message *before, const struct chat_message *m) {
  if (!before)
    return true;
  const struct tm a = local_time(before->created_at_ms), b = local_time(m->created_at_ms);
  return a.tm_yday != b.tm_yday || a.tm_year != b.tm_year;
}

void chat_layout_draw_day(const struct chat_layout *l, const struct chat_message *m,
                          struct canvas_row *row) {
  char text[40] = "";
  const struct tm local = local_time(m->created_at_ms);
  (void)strftime(text, sizeof text, "── %a %e %b %Y ──", &local);
  const unsigned columns = glyph_columns(text, strlen(text));
  row_fill(row, l->columns > columns ? (l->columns - columns) / 2 : 0);
  row_style(row, chat_style(CHAT_STYLE_DIM, l->has_colours));
  row_put_at_most(row, text, strlen(text), l->columns);
}
