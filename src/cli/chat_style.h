/* Colours and weights of the chat's screen. Without colours (NO_COLOR) weights remain. Pure. */
#ifndef CLI_CHAT_STYLE_H
#define CLI_CHAT_STYLE_H

#include <stdbool.h>

enum chat_style {
  CHAT_STYLE_PLAIN,
  CHAT_STYLE_DIM,
  CHAT_STYLE_BOLD,
  CHAT_STYLE_GREEN,
  CHAT_STYLE_YELLOW,
  CHAT_STYLE_RED,
  CHAT_STYLE_BADGE, /* a count that asks for attention */
  CHAT_STYLE_BANNER /* amber, the whole row */
};

const char *chat_style(enum chat_style style, bool has_colours);
/** The same for one id always, whoever runs the program. */
const char *chat_style_of_sender(const char *sender_id, bool has_colours);

#endif
