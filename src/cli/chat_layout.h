/* One message as rows of a screen: time, sender, text broken into lines that stand below each
   other. Pure but for the time zone. */
#ifndef CLI_CHAT_LAYOUT_H
#define CLI_CHAT_LAYOUT_H

#include "canvas.h"
#include "chat_message.h"

struct chat_layout {
  unsigned columns;
  bool has_colours;
  const char *own_id; /* whose messages are ours */
};

/** How many rows it takes, at least 1. */
unsigned chat_layout_height(const struct chat_layout *layout, const struct chat_message *message);
/** Draws row `index` of it. */
void chat_layout_draw(const struct chat_layout *layout, const struct chat_message *message,
                      unsigned index, struct canvas_row *row);

/** Whether a row with the date belongs between them; `before` or NULL. */
bool chat_layout_is_new_day(const struct chat_message *before, const struct chat_message *message);
void chat_layout_draw_day(const struct chat_layout *layout, const struct chat_message *message,
                          struct canvas_row *row);

#endif
