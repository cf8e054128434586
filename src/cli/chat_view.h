/*
 * The chat's screen, composed: status, banner, figures, messages, who is typing, the line being
 * written. What there is no room for is left out from the least important on.
 */
#ifndef CLI_CHAT_VIEW_H
#define CLI_CHAT_VIEW_H

#include "canvas.h"
#include "chat.h"
#include "chat_banner.h"
#include "line_editor.h"

struct chat_view {
  struct canvas canvas;
  struct line_editor editor;
  struct chat_banner banner;
  const char *conversation_id;
  bool has_colours;
  bool shows_figures;
  unsigned scroll;    /* rows below the screen */
  unsigned new_below; /* messages that came since it was scrolled back */
  unsigned page;      /* rows that messages have on the screen */
  char notice[256];
  uint64_t notice_until_ms;
  uint64_t waiting_since_ms; /* 0: nothing waits */
};

/** Says something in the row above the input, for a while. */
void chat_view_tell(struct chat_view *view, uint64_t now_ms, const char *text);
/** A message came: what the user looks at stays where it is. */
void chat_view_arrived(struct chat_view *view, const struct chat *chat,
                       const struct chat_message *message);
void chat_view_scroll(struct chat_view *view, int pages);
/** Composes the canvas; `*cursor_column` is the cursor's, in the last row. */
void chat_view_compose(struct chat_view *view, struct chat *chat, uint64_t now_ms,
                       unsigned *cursor_column);

#endif
