/* Escape sequences of the styles: the terminal's own sixteen colours, so that they suit its theme,
   but for the amber. */
#include "chat_style.h"

#include <stddef.h>
#include <stdint.h>

static const struct {
  const char *colour, *plain;
} styles[] = {
    [CHAT_STYLE_PLAIN] = {"\033[0m", "\033[0m"},
    [CHAT_STYLE_DIM] = {"\033[0;2m", "\033[0;2m"},
    [CHAT_STYLE_BOLD] = {"\033[0;1m", "\033[0;1m"},
    [CHAT_STYLE_GREEN] = {"\033[0;32m", "\033[0m"},
    [CHAT_STYLE_YELLOW] = {"\033[0;33m", "\033[0m"},
    [CHAT_STYLE_RED] = {"\033[0;31m", "\033[0;1m"},
    [CHAT_STYLE_BADGE] = {"\033[0;30;48;5;214m", "\033[0;7m"},
    [CHAT_STYLE_BANNER] = {"\033[0;30;48;5;214m", "\033[0;7m"},
};

/* Readable on light and dark; red is left to what went wrong. */
static const char *const senders[] = {
    "\033[0;1;32m", "\033[0;1;33m", "\033[0;1;34m", "\033[0;1;35m", "\033[0;1;36m",
    "\033[0;32m",   "\033[0;33m",   "\033[0;34m",   "\033[0;35m",   "\033[0;36m",
};

const char *chat_style(enum chat_style style, bool has_colours) {
  return has_colours ? styles[style].colour : styles[style].plain;
}

/* FNV-1a, 32 bits. */
const char *chat_style_of_sender(const char *sender_id, bool has_colours) {
  uint32_t hash = 0x811C9DC5;
  for (; *sender_id; sender_id++)
    hash = (hash ^ (unsigned char)*sender_id) * 0x01000193;
  const size_t index = (hash >> 8) % (sizeof senders / sizeof *senders);
  return has_colours ? senders[index] : chat_style(CHAT_STYLE_BOLD, false);
}
