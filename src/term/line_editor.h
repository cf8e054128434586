/*
 * One line being edited, and those sent before. Pure. The cursor stands between characters, a
 * character being what the user sees: with the marks that stand on it.
 */
#ifndef TERM_LINE_EDITOR_H
#define TERM_LINE_EDITOR_H

#include "keys.h"

/** Longest line, in bytes; more is not taken. */
#define LINE_EDITOR_MAX 4000
#define LINE_EDITOR_HISTORY 50

struct line_editor {
  char text[LINE_EDITOR_MAX + 1];
  size_t len, cursor;
  char *history[LINE_EDITOR_HISTORY]; /* the last is the newest */
  size_t history_count;
  size_t history_at; /* history_count: the line that is new */
  char *draft;       /* the new line while older ones are looked at */
};

/** All zero is an empty editor. */
void line_editor_deinit(struct line_editor *editor);
/** True: the line, or where the cursor stands, changed. Keys that do not edit change nothing. */
bool line_editor_take(struct line_editor *editor, const struct key_event *event);
/** Empties the line and remembers it. */
void line_editor_accept(struct line_editor *editor);

/** What to show in `columns` columns so that the cursor is within: the first byte, and the cursor's
    column. */
size_t line_editor_window(const struct line_editor *editor, unsigned columns,
                          unsigned *cursor_column);

#endif
