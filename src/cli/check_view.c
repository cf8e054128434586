#include "check_view.h"

#include "events.h"
#include "glyph.h"
#include "screen.h"

#include <stdio.h>
#include <string.h>

#define TEXT_CAP 1024
#define LABEL_COLUMNS 10

static struct { bool has_ticks, has_colours; } view;

static const char *colour(enum screen_colour which) {
  return view.has_colours ? screen_colour_code(which) : "";
}

void check_view_begin(const char *url) {
  char text[TEXT_CAP], clean[TEXT_CAP];
  view.has_ticks = screen_is_terminal(stdout);
  view.has_colours = screen_takes_colour(stdout);
  (void)limpet_url_redact(url, text, sizeof text);
  glyph_copy(clean, sizeof clean, text);
  printf("Checking %s\n", clean);
  (void)fflush(stdout);
}

/* ---- rows ---- */

static void begin_row(bool is_passed, const char *label) {
  const char *mark = view.has_ticks ? (is_passed ? "✓" : "✗") : (is_passed ? "ok    " : "FAILED");
  printf("  %s%s%s %-*s ", colour(is_passed ? SCREEN_GREEN : SCREEN_RED), mark,
         colour(SCREEN_PLAIN), LABEL_COLUMNS, label);
}

/* Under the first one's text. */
static void begin_further_line(void) {
  printf("\n  %*s %*s ", view.has_ticks ? 1 : 6, "", LABEL_COLUMNS, "");
}

static void print_clean(const char *text) {
  char clean[TEXT_CAP];
  glyph_copy(clean, sizeof clean, text);
  (void)fputs(clean, stdout);
}

static void print_time(uint64_t took_us) {
  if (took_us)
    printf(" %s(%llu.%llu ms)%s", colour(SCREEN_DIM), (unsigned long long)took_us / 1000,
           (unsigned long long)took_us / 100 % 10, colour(SCREEN_PLAIN));
}

/* How a fact reads; those of a certificate have a line each. */
static const struct wording {
  const char *name, *before;
  bool has_own_line;
} wordings[] = {
    {"addresses", "", false},
    {"address", "", false},
    {"proxy", "", false},
    {"version", "", false},
    {"cipher", "", false},
    {"subject", "certificate of ", true},
    {"issuer", "issued by ", true},
    {"expires", "valid until ", true},
    {"status", "HTTP status ", false},
    {"subprotocol", "subprotocol ", false},
    {"extensions", "", false},
};

static const struct wording *find_wording(const char *name) {
  static const struct wording unknown = {"", "", false};
  for (size_t i = 0; i < sizeof wordings / sizeof *wordings; i++)
    if (strcmp(wordings[i].name, name) == 0)
      return &wordings[i];
  return &unknown;
}

/* Until the proxy has let us through, what is reached is the proxy. */
static const char *before(const limpet_step_report *report, const struct wording *wording) {
  const bool is_on_the_way = report->step < LIMPET_STEP_PROXY;
  return is_on_the_way && strcmp(wording->name, "proxy") == 0 ? "of the proxy " : wording->before;
}

static void print_short_facts(const limpet_step_report *report) {
  bool is_first = true;
  for (size_t i = 0; i < report->facts_count; i++) {
    const struct wording *wording = find_wording(report->facts[i].name);
    if (wording->has_own_line || strcmp(report->facts[i].name, "verified") == 0)
      continue;
    printf("%s%s", is_first ? "" : ", ", before(report, wording));
    print_clean(report->facts[i].value);
    is_first = false;
  }
}

static void print_long_facts(const limpet_step_report *report) {
  for (size_t i = 0; i < report->facts_count; i++) {
    const struct wording *wording = find_wording(report->facts[i].name);
    if (strcmp(report->facts[i].name, "verified") == 0) {
      begin_further_line();
      printf("%snot verified (--insecure)%s", colour(SCREEN_YELLOW), colour(SCREEN_PLAIN));
    } else if (wording->has_own_line) {
      begin_further_line();
      printf("%s", wording->before);
      print_clean(report->facts[i].value);
    }
  }
}

void check_view_passed(enum check_step step, const char *label, const limpet_step_report *report) {
  begin_row(true, label);
  print_short_facts(report);
  print_time(report->took_us);
  print_long_facts(report);
  putchar('\n');
  (void)fflush(stdout);
  events_check_passed(check_step_name(step), report);
}

void check_view_failed(enum check_step step, const char *label, const limpet_error *error) {
  const char *advice = check_advice(step, error);
  begin_row(false, label);
  print_clean(error->detail);
  printf("\n\n%s%s%s\n%s\n", colour(SCREEN_RED), error->message, colour(SCREEN_PLAIN), advice);
  puts(error->retryable ? "limpet connect would try again."
                        : "limpet connect would not try again.");
  events_check_failed(check_step_name(step), error, advice);
}

void check_view_all_passed(void) {
  printf("\n%sAll of it works.%s\n", colour(SCREEN_GREEN), colour(SCREEN_PLAIN));
}

bool check_view_end(void) {
  return fflush(stdout) == 0 && !ferror(stdout);
}
