/* The terminal's status line. */
#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static bool has_line, has_colours;
static char shown[512]; /* "" while the line is clear */

void screen_init(bool has_status_line) {
  const char *no_colour = getenv("NO_COLOR");
  const bool is_terminal = isatty(STDERR_FILENO) == 1;
  has_line = has_status_line && is_terminal;
  has_colours = is_terminal && !(no_colour && *no_colour);
}

bool screen_has_status_line(void) {
  return has_line;
}

const char *screen_colour(enum screen_colour colour) {
  static const char *const codes[] = {
      [SCREEN_PLAIN] = "\033[0m",  [SCREEN_GREEN] = "\033[32m", [SCREEN_YELLOW] = "\033[33m",
      [SCREEN_RED] = "\033[31m", [SCREEN_DIM] = "\033[2m",
  };
  return has_colours ? codes[colour] : "";
}

enum screen_colour screen_state_colour(limpet_state state) {
  switch (state) {
  case LIMPET_CONNECTED:
    return SCREEN_GREEN;
  case LIMPET_CONNECTING:
  case LIMPET_RECONNECTING:
    return SCREEN_YELLOW;
  case LIMPET_CLOSED:
    return SCREEN_DIM;
  default:
    return SCREEN_RED;
  }
}

void screen_clear(void) {
  if (!shown[0])
    return;
  fputs("\r\033[K", stderr);
  shown[0] = '\0';
}

/* Cut at the terminal's width, or the line would wrap and could not be cleared. */
static void cut_to_width(char *text) {
  struct winsize size;
  const bool is_known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 8;
  size_t columns = is_known ? size.ws_col - 4U : 76; /* the emoji is two wide */
  char *c = text;
  while (*c && columns > 0) {
    c++;
    while (((unsigned char)*c & 0xC0) == 0x80)
      c++;
    columns--;
  }
  *c = '\0';
}

void screen_draw(limpet_client *client) {
  char status[200], line[512];
  limpet_snapshot s;
  if (!has_line)
    return;
  limpet_status_text(client, true, status, sizeof status);
  limpet_get_snapshot(client, &s, sizeof s);
  if (s.metrics.queued_messages)
    (void)snprintf(line, sizeof line, "%s  [%u queued]", status, s.metrics.queued_messages);
  else
    (void)snprintf(line, sizeof line, "%s", status);
  cut_to_width(line);
  if (strcmp(line, shown) == 0)
    return;
  (void)snprintf(shown, sizeof shown, "%s", line);
  fprintf(stderr, "\r\033[K%s%s%s", screen_colour(screen_state_colour(s.state)), line,
          screen_colour(SCREEN_PLAIN));
}
