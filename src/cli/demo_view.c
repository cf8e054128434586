#include "demo_view.h"

#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define VIEW_LINES (DEMO_CHATTERS + 4)
#define BAR_CELLS 16u /* all of a line fits into 80 columns */
#define VIEW_COLUMNS 80

/* A line that wraps, or has scrolled away, cannot be drawn over. */
static bool has_room(void) {
  struct winsize size;
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || !size.ws_col ||
         (size.ws_col >= VIEW_COLUMNS && size.ws_row > VIEW_LINES);
}

void demo_view_begin(struct demo_view *view) {
  view->is_live = screen_is_terminal(stdout) && has_room();
  view->has_colours = screen_takes_colour(stdout);
  printf("\n  Limpet demo: %u people chat through a relay (SQLite), each with an outbox on\n"
         "  disk and a bad network. Links are reset and frozen, the relay and one of the\n"
         "  programs are killed (SIGKILL) and started again.\n\n",
         DEMO_CHATTERS);
  fflush(stdout);
}

void demo_view_tell(struct demo_view *view, const char *news) {
  const double seconds = (double)(limpet_now_ms() - view->start_ms) / 1000;
  (void)snprintf(view->news, sizeof view->news, "%5.1f s  %s", seconds, news);
  if (view->is_live)
    return;
  printf("  %s\n", view->news);
  fflush(stdout);
}

/* ---- the live view ---- */

static void put(const struct demo_view *view, enum screen_colour colour, const char *text,
                int width) {
  printf("%s%-*s%s", view->has_colours ? screen_colour_code(colour) : "", width, text,
         view->has_colours ? screen_colour_code(SCREEN_PLAIN) : "");
}

static void draw_bar(unsigned done) {
  const unsigned filled = done * BAR_CELLS / DEMO_MESSAGES;
  for (unsigned i = 0; i < BAR_CELLS; i++)
    fputs(i < filled ? "█" : "░", stdout);
}

static void draw_state(const struct demo_view *view, const struct demo_chatter *c) {
  char text[48];
  if (!c->child)
    (void)snprintf(text, sizeof text, "%s", c->exit_status < 0 ? "killed" : "left");
  else if (c->attempt)
    (void)snprintf(text, sizeof text, "%s, attempt %u", limpet_state_name(c->state), c->attempt);
  else
    (void)snprintf(text, sizeof text, "%s", limpet_state_name(c->state));
  const enum screen_colour gone = c->exit_status < 0 ? SCREEN_RED : SCREEN_DIM;
  put(view, c->child ? screen_state_colour(c->state) : gone, text, 24);
}

static void draw_chatter(const struct demo_view *view, const struct demo_chatter *c) {
  const unsigned confirmed =
      c->confirmed_count < c->accepted_count ? c->confirmed_count : c->accepted_count;
  printf("  %-5s", c->name);
  draw_state(view, c);
  draw_bar(confirmed);
  printf(" %3u with the relay, %3u queued\033[K\n", confirmed, c->accepted_count - confirmed);
}

void demo_view_draw(struct demo_view *view) {
  if (!view->is_live)
    return;
  if (view->is_drawn)
    printf("\033[%uA", VIEW_LINES);
  view->is_drawn = true;
  fputs("  relay ", stdout);
  if (view->relay->is_ready)
    put(view, SCREEN_GREEN, "running", 0);
  else
    put(view, SCREEN_RED, view->relay->child ? "starting" : "killed", 0);
  fputs("\033[K\n\n", stdout);
  for (unsigned i = 0; i < DEMO_CHATTERS; i++)
    draw_chatter(view, &view->chatters[i]);
  printf("\n  %s\033[K\n", view->news);
  fflush(stdout);
}

/* ---- the table ---- */

struct row {
  const char *label;
  unsigned values[DEMO_CHATTERS];
};

static void print_row(const struct row *row) {
  unsigned sum = 0;
  printf("  %-36s", row->label);
  for (unsigned i = 0; i < DEMO_CHATTERS; i++) {
    printf(" %7u", row->values[i]);
    sum += row->values[i];
  }
  printf(" %9u\n", sum);
}

static void print_head(const struct demo_view *view) {
  printf("\n  %-36s", "");
  for (unsigned i = 0; i < DEMO_CHATTERS; i++)
    printf(" %7s", view->chatters[i].name);
  printf(" %9s\n", "all");
}

static void print_counts(const struct demo_audit *audit) {
  struct row rows[] = {
      {.label = "accepted (on the sender's disk)"},
      {.label = "stored by the relay"},
      {.label = "lost"},
      {.label = "repeated"},
      {.label = "out of order"},
      {.label = "sent again on the wire"},
      {.label = "shown twice on a screen"},
      {.label = "shown out of order"},
      {.label = "reconnects"},
  };
  for (unsigned i = 0; i < DEMO_CHATTERS; i++) {
    const struct demo_chatter *c = &audit->chatters[i];
    const struct demo_verdict *v = &audit->verdicts[i];
    const unsigned values[] = {c->accepted_count, v->stored, v->lost,        v->repeated,
                               v->out_of_order,   c->again,  v->shown_again, v->shown_out_of_order,
                               c->reconnects};
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
      rows[row].values[i] = values[row];
  }
  for (size_t row = 0; row < sizeof rows / sizeof *rows; row++)
    print_row(&rows[row]);
}

/* ---- times ---- */

struct times {
  uint64_t back[DEMO_CHATTERS * DEMO_OUTAGES_MAX], reset[DEMO_CHATTERS * DEMO_OUTAGES_MAX];
  unsigned back_count, reset_count;
};

static void add_outage(struct times *times, const struct demo_outage *outage) {
  if (!outage->open_us)
    return;
  const uint64_t whole = outage->open_us - outage->cut_us, delay = outage->delay_ms * 1000;
  times->back[times->back_count++] = whole;
  if (outage->kind == DEMO_RESET)
    times->reset[times->reset_count++] = whole > delay ? whole - delay : 0;
}

static int compare(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static double median_ms(uint64_t *values, unsigned count) {
  const unsigned middle = count / 2;
  qsort(values, count, sizeof *values, compare);
  return count ? (double)values[middle] / 1000 : 0;
}

static void print_times(const struct demo_view *view) {
  struct times times = {.back_count = 0};
  for (unsigned i = 0; i < DEMO_CHATTERS; i++)
    for (unsigned j = 0; j < view->chatters[i].outages_count; j++)
      add_outage(&times, &view->chatters[i].outages[j]);
  const double middle = median_ms(times.back, times.back_count);
  printf("\n  from a cut to open again: median %.0f ms, worst %.0f ms\n", middle,
         times.back_count ? (double)times.back[times.back_count - 1] / 1000 : 0.0);
  printf("  from a reset to open again, first delay aside: median %.1f ms\n",
         median_ms(times.reset, times.reset_count));
}

void demo_view_table(const struct demo_view *view, const struct demo_audit *audit) {
  const bool is_clean = demo_audit_is_clean(audit);
  print_head(view);
  print_counts(audit);
  print_times(view);
  fputs("\n  ", stdout);
  put(view, is_clean ? SCREEN_GREEN : SCREEN_RED,
      is_clean             ? "Nothing was lost, nothing came twice."
      : audit->is_complete ? "The table is not clean."
                           : "The demo could not be finished.",
      0);
  putchar('\n');
  fflush(stdout);
}
