/* The terminal's status line. */
#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ROWS_MIN 4 /* below that there is no room for a line of our own */

static struct {
  bool has_line, has_colours;
  struct winsize size; /* for which the bottom row is set apart */
  char shown[512];
} screen;

bool screen_is_terminal(FILE *file) {
  const char *term = getenv("TERM");
  return isatty(fileno(file)) == 1 && !(term && strcmp(term, "dumb") == 0);
}

bool screen_takes_colour(FILE *file) {
  const char *no_colour = getenv("NO_COLOR");
  return screen_is_terminal(file) && !(no_colour && *no_colour);
}

void screen_init(bool has_status_line) {
  screen.has_line = has_status_line && screen_is_terminal(stderr);
  screen.has_colours = screen_takes_colour(stderr);
}

bool screen_has_status_line(void) {
  return screen.has_line;
}

const char *screen_colour_code(enum screen_colour colour) {
  static const char *const codes[] = {
      [SCREEN_PLAIN] = "\033[0m", [SCREEN_GREEN] = "\033[32m", [SCREEN_YELLOW] = "\033[33m",
      [SCREEN_RED] = "\033[31m",  [SCREEN_DIM] = "\033[2m",
  };
  return codes[colour];
}

const char *screen_colour(enum screen_colour colour) {
  return screen.has_colours ? screen_colour_code(colour) : "";
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

static bool is_set_apart(void) {
  return screen.size.ws_row != 0;
}

/* The whole screen scrolls again. The cursor is saved, since setting the region moves it. */
static void give_row_back(void) {
  if (!is_set_apart())
    return;
  fprintf(stderr, "\0337\033[%u;1H\033[K\033[r\0338", screen.size.ws_row);
  screen.size = (struct winsize){0};
  screen.shown[0] = '\0';
}

/* The line feed scrolls once if the cursor is in the bottom row, so that it ends up above it. */
static void set_row_apart(const struct winsize *size) {
  screen.size = *size;
  fprintf(stderr, "\n\033[A\0337\033[1;%ur\0338", size->ws_row - 1U);
}

/* False where there is no room for the line now. */
static bool fit_to_terminal(void) {
  struct winsize size;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < ROWS_MIN || !size.ws_col) {
    give_row_back();
    return false;
  }
  if (size.ws_row == screen.size.ws_row && size.ws_col == screen.size.ws_col)
    return true;
  give_row_back();
  set_row_apart(&size);
  return true;
}

void screen_deinit(void) {
  give_row_back();
  fflush(stderr);
}

/* Cut at the terminal's width, or the line would wrap. The emoji is two columns wide. */
static void cut_to_width(char *text) {
  size_t columns = screen.size.ws_col > 2 ? screen.size.ws_col - 2U : 1;
  char *c = text;
  while (*c && columns > 0) {
    c++;
    while (((unsigned char)*c & 0xC0) == 0x80)
      c++;
    columns--;
  }
  *c = '\0';
}

static limpet_state compose(limpet_client *client, char *line, size_t cap) {
  char status[200];
  limpet_snapshot s;
  limpet_status_text(client, true, status, sizeof status);
  limpet_get_snapshot(client, &s, sizeof s);
  const unsigned long long queued = s.metrics.queued_messages + s.metrics.outbox_messages;
  if (queued)
    (void)snprintf(line, cap, "%s  [%llu queued]", status, queued);
  else
    (void)snprintf(line, cap, "%s", status);
  cut_to_width(line);
  return s.state;
}

void screen_draw(limpet_client *client) {
  char line[sizeof screen.shown];
  if (!screen.has_line || !fit_to_terminal())
    return;
  const limpet_state state = compose(client, line, sizeof line);
  if (strcmp(line, screen.shown) == 0)
    return;
  memcpy(screen.shown, line, sizeof line);
  fprintf(stderr, "\0337\033[%u;1H\033[K%s%s%s\0338", screen.size.ws_row,
          screen_colour(screen_state_colour(state)), line, screen_colour(SCREEN_PLAIN));
}
