/* Editing by characters and words. */
#include "line_editor.h"

#include "glyph.h"

#include <stdlib.h>
#include <string.h>

void line_editor_deinit(struct line_editor *e) {
  for (size_t i = 0; i < e->history_count; i++)
    free(e->history[i]);
  free(e->draft);
  *e = (struct line_editor){.len = 0};
}

static bool insert(struct line_editor *e, const char *text, size_t len) {
  if (e->len + len > LINE_EDITOR_MAX)
    return false;
  memmove(e->text + e->cursor + len, e->text + e->cursor, e->len - e->cursor + 1);
  memcpy(e->text + e->cursor, text, len);
  e->len += len;
  e->cursor += len;
  return true;
}

/* The cursor ends up where the gap was. */
static bool erase(struct line_editor *e, size_t begin, size_t end) {
  if (begin == end)
    return false;
  memmove(e->text + begin, e->text + end, e->len - end + 1);
  e->len -= end - begin;
  e->cursor = begin;
  return true;
}

static bool go_to(struct line_editor *e, size_t cursor) {
  const bool has_moved = e->cursor != cursor;
  e->cursor = cursor;
  return has_moved;
}

static size_t word_before(const struct line_editor *e) {
  size_t at = e->cursor;
  while (at > 0 && e->text[at - 1] == ' ')
    at--;
  while (at > 0 && e->text[at - 1] != ' ')
    at--;
  return at;
}

static size_t word_after(const struct line_editor *e) {
  size_t at = e->cursor;
  while (at < e->len && e->text[at] == ' ')
    at++;
  while (at < e->len && e->text[at] != ' ')
    at++;
  return at;
}

/* ---- lines of before ---- */

static void set_text(struct line_editor *e, const char *text) {
  e->len = e->cursor = strlen(text);
  memcpy(e->text, text, e->len + 1);
}

static bool look_at(struct line_editor *e, size_t at) {
  if (e->history_at == e->history_count) {
    free(e->draft);
    e->draft = strdup(e->text);
  }
  e->history_at = at;
  if (at < e->history_count)
    set_text(e, e->history[at]);
  else
    set_text(e, e->draft ? e->draft : "");
  return true;
}

static bool look_back(struct line_editor *e) {
  return e->history_at > 0 && look_at(e, e->history_at - 1);
}

static bool look_on(struct line_editor *e) {
  return e->history_at < e->history_count && look_at(e, e->history_at + 1);
}

static void remember(struct line_editor *e) {
  char *line = strdup(e->text);
  if (!line)
    return;
  if (e->history_count == LINE_EDITOR_HISTORY) {
    free(e->history[0]);
    e->history_count--;
    memmove(e->history, e->history + 1, e->history_count * sizeof *e->history);
  }
  e->history[e->history_count++] = line;
}

void line_editor_accept(struct line_editor *e) {
  if (e->len > 0)
    remember(e);
  e->history_at = e->history_count;
  set_text(e, "");
}

bool line_editor_take(struct line_editor *e, const struct key_event *event) {
  switch (event->key) {
  case KEY_TEXT:
    return insert(e, event->text, event->len);
  case KEY_BACKSPACE:
    return erase(e, glyph_before(e->text, e->cursor), e->cursor);
  case KEY_DELETE:
  case KEY_DELETE_OR_END:
    return erase(e, e->cursor, glyph_after(e->text, e->len, e->cursor));
  case KEY_LEFT:
    return go_to(e, glyph_before(e->text, e->cursor));
  case KEY_RIGHT:
    return go_to(e, glyph_after(e->text, e->len, e->cursor));
  case KEY_WORD_LEFT:
    return go_to(e, word_before(e));
  case KEY_WORD_RIGHT:
    return go_to(e, word_after(e));
  case KEY_HOME:
    return go_to(e, 0);
  case KEY_END:
    return go_to(e, e->len);
  case KEY_ERASE_TO_BEGIN:
    return erase(e, 0, e->cursor);
  case KEY_ERASE_TO_END:
    return erase(e, e->cursor, e->len);
  case KEY_ERASE_WORD:
    return erase(e, word_before(e), e->cursor);
  case KEY_UP:
    return look_back(e);
  case KEY_DOWN:
    return look_on(e);
  default:
    return false;
  }
}

/* The cursor itself needs a column behind the text. */
size_t line_editor_window(const struct line_editor *e, unsigned columns, unsigned *cursor_column) {
  size_t first = 0;
  while ((*cursor_column = glyph_columns(e->text + first, e->cursor - first)) + 1 > columns &&
         first < e->cursor)
    first = glyph_after(e->text, e->len, first);
  return first;
}
