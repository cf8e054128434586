/* Composing the chat's screen from top to bottom. */
#include "chat_view.h"

#include "chat_layout.h"
#include "chat_style.h"
#include "glyph.h"
#include "wrap.h"

#include <stdio.h>
#include <string.h>

#define NOTICE_MS 6000
#define BADGE_DELAY_MS 700 /* what is stored sooner was never in doubt */
#define DOT_MS 400
#define NAMES_MAX 3
#define STATUS_CAP 200
#define BADGE_CAP 40
#define FIGURES_CAP 512
#define NARROW_COLUMNS 60 /* the badge is a bare number */
#define DOTS_COLUMNS 3

/* Below so many rows a part is left out. */
#define ROWS_FOR_STATUS 3
#define ROWS_FOR_HINT 4
#define ROWS_FOR_BANNER 5 /* else it takes the status's place */
#define ROWS_FOR_FIGURES 9

struct facts {
  struct chat *chat;
  limpet_snapshot snapshot;
  char status[STATUS_CAP]; /* emoji first */
  uint64_t now_ms;
  uint64_t waiting; /* messages in memory and on disk */
  uint64_t earlier; /* of them: what an earlier run left */
};

static const char *style(const struct chat_view *v, enum chat_style which) {
  return chat_style(which, v->has_colours);
}

void chat_view_tell(struct chat_view *v, uint64_t now_ms, const char *text) {
  (void)snprintf(v->notice, sizeof v->notice, "%s", text);
  v->notice_until_ms = now_ms + NOTICE_MS;
}

static void gather(struct chat_view *v, struct chat *chat, uint64_t now_ms, struct facts *f) {
  f->chat = chat;
  f->now_ms = now_ms;
  limpet_get_snapshot(chat_client(chat), &f->snapshot, sizeof f->snapshot);
  limpet_status_text(chat_client(chat), true, f->status, sizeof f->status);
  const uint64_t pending = chat_pending_count(chat);
  const uint64_t stored = f->snapshot.metrics.outbox_messages;
  f->earlier = stored > pending ? stored - pending : 0;
  f->waiting = pending + f->earlier;
  if (f->waiting == 0)
    v->waiting_since_ms = 0;
  else if (v->waiting_since_ms == 0)
    v->waiting_since_ms = now_ms;
}

static bool is_waiting_long(const struct chat_view *v, const struct facts *f) {
  return f->waiting > 0 && (f->snapshot.state != LIMPET_CONNECTED ||
                            f->now_ms - v->waiting_since_ms >= BADGE_DELAY_MS);
}

/* ---- the status ---- */

static enum chat_style state_style(limpet_state state) {
  switch (state) {
  case LIMPET_CONNECTED:
    return CHAT_STYLE_GREEN;
  case LIMPET_CONNECTING:
  case LIMPET_RECONNECTING:
    return CHAT_STYLE_YELLOW;
  case LIMPET_CLOSED:
    return CHAT_STYLE_DIM;
  default:
    return CHAT_STYLE_RED;
  }
}

static unsigned dots(const struct facts *f) {
  const bool moves =
      f->snapshot.state == LIMPET_RECONNECTING || f->snapshot.state == LIMPET_CONNECTING;
  return moves ? (unsigned)(f->now_ms / DOT_MS % 4) : 0;
}

static void write_badge(const struct chat_view *v, const struct facts *f, char badge[BADGE_CAP]) {
  badge[0] = '\0';
  if (is_waiting_long(v, f))
    (void)snprintf(badge, BADGE_CAP,
                   v->canvas.columns < NARROW_COLUMNS ? " %llu " : " %llu waiting ",
                   (unsigned long long)f->waiting);
}

/* In what the status leaves: the badge, and the names if there is room for them. */
static void put_right(const struct chat_view *v, const struct facts *f, struct canvas_row *row,
                      const char *badge) {
  char names[2 * CHAT_ID_MAX + 16];
  (void)snprintf(names, sizeof names, "%s · %s ", v->conversation_id, chat_user_id(f->chat));
  const unsigned badge_columns = glyph_columns(badge, strlen(badge));
  const unsigned names_columns = glyph_columns(names, strlen(names)) - (badge_columns ? 0 : 1);
  row_style(row, style(v, CHAT_STYLE_DIM));
  if (row->columns + DOTS_COLUMNS + names_columns + badge_columns <= row->width) {
    row_fill(row, row->width - names_columns - badge_columns);
    (void)row_put_text(row, names);
  }
  if (badge_columns == 0 || badge_columns > row->width)
    return;
  row_fill(row, row->width - badge_columns);
  row_style(row, style(v, CHAT_STYLE_BADGE));
  (void)row_put_text(row, badge);
}

/* What does not fit loses what stands in parentheses first. */
static void put_state(struct canvas_row *row, const char *text, unsigned room) {
  const size_t len = strlen(text), short_len = strcspn(text, "(");
  const bool is_cut = glyph_columns(text, len) > room && short_len < len && short_len > 0;
  row_put_at_most(row, text, is_cut ? short_len - 1 : len, room);
}

static void draw_status(const struct chat_view *v, const struct facts *f, struct canvas_row *row) {
  char badge[BADGE_CAP];
  const size_t emoji_len = strcspn(f->status, " ");
  const char *text = f->status + emoji_len + (f->status[emoji_len] == ' ');
  write_badge(v, f, badge);
  row_put_emoji(row, f->status, emoji_len);
  const unsigned taken = row->columns + DOTS_COLUMNS + glyph_columns(badge, strlen(badge));
  row_style(row, style(v, state_style(f->snapshot.state)));
  put_state(row, text, row->width > taken ? row->width - taken : 0);
  (void)row_put(row, "...", dots(f));
  put_right(v, f, row, badge);
}

static bool write_banner(const struct chat_view *v, const struct facts *f,
                         char text[CHAT_BANNER_CAP]) {
  const struct chat_banner_facts about = {
      .state = f->snapshot.state,
      .waiting = f->waiting,
      .status = f->status + strcspn(f->status, " ") + 1,
      .last_error = f->snapshot.last_error_detail,
  };
  return chat_banner_text(&v->banner, &about, f->now_ms, text);
}

static void draw_banner(const struct chat_view *v, struct canvas_row *row, const char *text) {
  row_style(row, style(v, CHAT_STYLE_BANNER));
  (void)row_put(row, " ", 1);
  row_put_at_most(row, text, strlen(text), row->width);
  row_fill(row, row->width);
}

/* ---- figures ---- */

static void write_round_trip(const limpet_metrics *m, char *text, size_t cap) {
  if (m->rtt_last_us == 0)
    (void)snprintf(text, cap, "not measured yet");
  else
    (void)snprintf(text, cap, "%.1f ms (%.1f to %.1f, mean %.1f)", m->rtt_last_us / 1000.0,
                   m->rtt_min_us / 1000.0, m->rtt_max_us / 1000.0, m->rtt_mean_us / 1000.0);
}

static void write_figures(const struct facts *f, char text[FIGURES_CAP]) {
  const limpet_metrics *m = &f->snapshot.metrics;
  char round_trip[80];
  write_round_trip(m, round_trip, sizeof round_trip);
  (void)snprintf(
      text, FIGURES_CAP,
      "reconnects %u · waiting %llu, on disk %llu · round trip %s · messages in %llu, "
      "out %llu · down %llu s, longest %llu s · dropped %llu · malformed %llu",
      m->reconnects, (unsigned long long)f->waiting, (unsigned long long)m->outbox_messages,
      round_trip, (unsigned long long)m->messages_in, (unsigned long long)m->messages_out,
      (unsigned long long)m->downtime_ms / 1000, (unsigned long long)m->longest_outage_ms / 1000,
      (unsigned long long)m->dropped, (unsigned long long)chat_malformed_count(f->chat));
}

/* As many rows as they need, but no more than a third of the screen. Returns the next row. */
static unsigned draw_figures(struct chat_view *v, const struct facts *f, unsigned top) {
  char text[FIGURES_CAP];
  write_figures(f, text);
  const size_t len = strlen(text);
  const unsigned end = top + v->canvas.rows / 3;
  for (size_t at = 0; at < len && top < end; top++) {
    struct canvas_row *row = canvas_row(&v->canvas, top);
    const struct wrap_line line = wrap_next(text + at, len - at, row->width - 1);
    row_style(row, style(v, CHAT_STYLE_DIM));
    (void)row_put(row, " ", 1);
    (void)row_put(row, text + at, line.len);
    at += line.used;
  }
  return top;
}

/* ---- messages, from the bottom up ---- */

struct stack {
  struct chat_view *view;
  struct chat_layout layout;
  unsigned top, bottom; /* rows of the screen, `bottom` not included */
  unsigned row;         /* the next to be drawn stands above it */
  unsigned hidden;      /* rows still below the screen */
};

static bool is_full(const struct stack *s) {
  return s->row == s->top;
}

/* The row to draw into, or NULL while it is below the screen. */
static struct canvas_row *next_row(struct stack *s) {
  if (s->hidden > 0) {
    s->hidden--;
    return NULL;
  }
  return canvas_row(&s->view->canvas, --s->row);
}

static void stack_message(struct stack *s, const struct chat_message *m) {
  unsigned left = chat_layout_height(&s->layout, m);
  while (left-- > 0 && !is_full(s)) {
    struct canvas_row *row = next_row(s);
    if (row)
      chat_layout_draw(&s->layout, m, left, row);
  }
}

static void stack_day(struct stack *s, const struct chat_message *m) {
  struct canvas_row *row = is_full(s) ? NULL : next_row(s);
  if (row)
    chat_layout_draw_day(&s->layout, m, row);
}

static void stack_earlier(struct stack *s, uint64_t count) {
  char text[96];
  struct canvas_row *row = next_row(s);
  if (!row)
    return;
  (void)snprintf(text, sizeof text, "  …   %llu message%s of an earlier run still to be sent",
                 (unsigned long long)count, count == 1 ? "" : "s");
  row_style(row, style(s->view, CHAT_STYLE_DIM));
  row_put_at_most(row, text, strlen(text), row->width);
}

static void stack_all(struct stack *s, const struct facts *f) {
  if (f->earlier > 0 && is_waiting_long(s->view, f) && !is_full(s))
    stack_earlier(s, f->earlier);
  for (size_t i = chat_count(f->chat); i-- > 0 && !is_full(s);) {
    const struct chat_message *m = chat_at(f->chat, i);
    stack_message(s, m);
    if (chat_layout_is_new_day(i ? chat_at(f->chat, i - 1) : NULL, m))
      stack_day(s, m);
  }
}

static struct chat_layout layout_of(const struct chat_view *v, const struct chat *chat) {
  return (struct chat_layout){v->canvas.columns, v->has_colours, chat_user_id(chat)};
}

/* A conversation shorter than the screen begins at its top. */
static void lift(struct chat_view *v, unsigned top, unsigned bottom, unsigned first) {
  if (first == top)
    return;
  for (unsigned i = top; i < bottom; i++) {
    const unsigned from = i + (first - top);
    if (from < bottom)
      v->canvas.next[i] = v->canvas.next[from];
    else
      (void)canvas_row(&v->canvas, i);
  }
}

/* Scrolled back too far: the oldest message stands at the top. */
static void draw_messages(struct chat_view *v, const struct facts *f, unsigned top,
                          unsigned bottom) {
  struct stack s = {v, layout_of(v, f->chat), top, bottom, bottom, v->scroll};
  v->page = bottom - top;
  stack_all(&s, f);
  const unsigned too_far = s.hidden + (s.row - top);
  if (v->scroll > 0 && too_far > 0) {
    v->scroll -= too_far < v->scroll ? too_far : v->scroll;
    s = (struct stack){v, s.layout, top, bottom, bottom, v->scroll};
    for (unsigned i = top; i < bottom; i++)
      (void)canvas_row(&v->canvas, i);
    stack_all(&s, f);
  }
  if (v->scroll == 0)
    v->new_below = 0;
  lift(v, top, bottom, s.row);
}

void chat_view_arrived(struct chat_view *v, const struct chat *chat, const struct chat_message *m) {
  const struct chat_layout layout = layout_of(v, chat);
  if (v->scroll == 0 || strcmp(m->sender_id, chat_user_id(chat)) == 0)
    return;
  v->scroll += chat_layout_height(&layout, m);
  v->new_below++;
}

void chat_view_scroll(struct chat_view *v, int pages) {
  const unsigned step = v->page > 1 ? v->page - 1 : 1;
  if (pages > 0)
    v->scroll += step;
  else
    v->scroll -= step < v->scroll ? step : v->scroll;
}

/* ---- the row above the input ---- */

static void write_typists(const struct facts *f, char *text, size_t cap) {
  const char *ids[NAMES_MAX];
  const size_t count = chat_typing(f->chat, f->now_ms, ids, NAMES_MAX);
  text[0] = '\0';
  if (count == 1)
    (void)snprintf(text, cap, "%s is typing…", ids[0]);
  else if (count == 2)
    (void)snprintf(text, cap, "%s and %s are typing…", ids[0], ids[1]);
  else if (count > 2)
    (void)snprintf(text, cap, "%s, %s and %zu more are typing…", ids[0], ids[1], count - 2);
}

static void draw_hint(const struct chat_view *v, const struct facts *f, struct canvas_row *row) {
  char text[2 * CHAT_ID_MAX + 64];
  const bool has_notice = f->now_ms < v->notice_until_ms;
  if (v->scroll > 0)
    (void)snprintf(text, sizeof text, v->new_below ? "↓ %u new below · PgDn" : "↓ PgDn",
                   v->new_below);
  else if (!has_notice)
    write_typists(f, text, sizeof text);
  row_style(row, style(v, has_notice ? CHAT_STYLE_YELLOW : CHAT_STYLE_DIM));
  const char *shown = has_notice ? v->notice : text;
  row_put_at_most(row, shown, strlen(shown), row->width);
}

static unsigned draw_input(const struct chat_view *v, struct canvas_row *row) {
  unsigned cursor;
  row_style(row, style(v, CHAT_STYLE_BOLD));
  (void)row_put(row, "> ", row->width > 8 ? 2 : 0);
  row_style(row, style(v, CHAT_STYLE_PLAIN));
  const unsigned begin = row->columns;
  const size_t first = line_editor_window(&v->editor, row->width - begin, &cursor);
  (void)row_put(row, v->editor.text + first, v->editor.len - first);
  return begin + cursor;
}

/* ---- the whole ---- */

static unsigned draw_head(struct chat_view *v, const struct facts *f) {
  const unsigned rows = v->canvas.rows;
  char banner[CHAT_BANNER_CAP];
  const bool has_banner = write_banner(v, f, banner);
  unsigned top = 0;
  if (rows >= ROWS_FOR_STATUS && (!has_banner || rows >= ROWS_FOR_BANNER))
    draw_status(v, f, canvas_row(&v->canvas, top++));
  if (rows >= ROWS_FOR_STATUS && has_banner)
    draw_banner(v, canvas_row(&v->canvas, top++), banner);
  if (rows >= ROWS_FOR_FIGURES && v->shows_figures)
    top = draw_figures(v, f, top);
  return top;
}

void chat_view_compose(struct chat_view *v, struct chat *chat, uint64_t now_ms,
                       unsigned *cursor_column) {
  struct facts f;
  unsigned bottom = v->canvas.rows;
  *cursor_column = 0;
  if (bottom == 0)
    return;
  gather(v, chat, now_ms, &f);
  for (unsigned i = 0; i < v->canvas.rows; i++)
    (void)canvas_row(&v->canvas, i);
  *cursor_column = draw_input(v, canvas_row(&v->canvas, --bottom));
  const unsigned top = draw_head(v, &f);
  if (v->canvas.rows >= ROWS_FOR_HINT)
    draw_hint(v, &f, canvas_row(&v->canvas, --bottom));
  draw_messages(v, &f, top, bottom);
}
