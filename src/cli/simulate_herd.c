/* `limpet simulate herd`: one fleet after the other, for each policy. */
#include "simulate.h"

#include "cli.h"
#include "herd.h"
#include "simulate_plot.h"

#include <stdio.h>
#include <stdlib.h>

static const struct policy {
  const char *name, *title;
  enum backoff_jitter jitter;
  enum herd_service service;
} policies[] = {
    {"none", "no jitter", JITTER_NONE, HERD_CUTS},
    {"equal", "equal jitter (the default)", JITTER_EQUAL, HERD_CUTS},
    {"full", "full jitter", JITTER_FULL, HERD_CUTS},
    {"decorrelated", "decorrelated jitter", JITTER_DECORRELATED, HERD_CUTS},
    {"retry-after", "503 with Retry-After", JITTER_EQUAL, HERD_HINTS},
    {"restart", "closed with 1012", JITTER_EQUAL, HERD_SAYS_RESTART},
};

#define POLICIES_COUNT (sizeof policies / sizeof *policies)

/* --jitter asks for one kind, under every service. */
static bool is_wanted(const struct simulate_settings *settings, const struct policy *policy) {
  return !settings->has_jitter || policy->service != HERD_CUTS ||
         policy->jitter == settings->backoff.jitter;
}

static struct herd_options options_of(const struct simulate_settings *settings,
                                      const struct policy *policy) {
  struct herd_options options = {.backoff = settings->backoff,
                                 .service = policy->service,
                                 .clients_count = settings->clients,
                                 .seconds_count = settings->outage_s + settings->duration_s,
                                 .outage_ms = settings->outage_s * 1000,
                                 .latency_ms = settings->latency_ms,
                                 .capacity = settings->capacity,
                                 .retry_after_ms = settings->retry_after_s * 1000,
                                 .seed = settings->seed};
  if (!settings->has_jitter)
    options.backoff.jitter = policy->jitter;
  return options;
}

/* ---- output ---- */

static void print_csv(const struct policy *policy, const struct herd *herd) {
  for (uint32_t i = 0; i < herd->options->seconds_count; i++)
    printf("%s,%u,%u,%u,%u,%u\n", policy->name, i, herd->seconds[i].dials,
           herd->seconds[i].accepted, herd->seconds[i].dials - herd->seconds[i].accepted,
           herd->seconds[i].connected);
}

static void print_moment(uint32_t seconds) {
  if (seconds == UINT32_MAX)
    printf(" %7s", "-");
  else
    printf(" %7u", seconds);
}

static void print_row(const struct policy *policy, const struct herd *herd) {
  struct herd_summary summary;
  herd_summarise(herd, &summary);
  printf("%-13s %10u %12llu %12llu", policy->name, summary.peak, (unsigned long long)summary.dials,
         (unsigned long long)summary.turned_away);
  print_moment(summary.half_at);
  print_moment(summary.all_but_1_percent_at);
  print_moment(summary.all_at);
  printf(" %10u %10u\n", summary.connected, summary.gave_up);
}

static void print_head(const struct simulate_settings *settings) {
  if (settings->is_csv) {
    puts("policy,second,dials,accepted,refused,connected");
    return;
  }
  printf("%u clients, down for %u s, then ", settings->clients, settings->outage_s);
  if (settings->capacity)
    printf("%u connections a second are taken", settings->capacity);
  else
    printf("every connection is taken");
  printf("; %u s from the return on\n\n", settings->duration_s);
  printf("%-13s %10s %12s %12s %7s %7s %7s %10s %10s\n", "", "most dials", "dials", "turned away",
         "50 %", "99 %", "all", "connected", "gave up");
  printf("%-13s %10s %12s %12s %23s\n", "", "in 1 s", "in all", "once back", "connected after s");
}

/* ---- the runs ---- */

static bool reserve(struct herd *herd, const struct simulate_settings *settings) {
  const size_t seconds = (size_t)settings->outage_s + settings->duration_s;
  herd->clients = calloc(settings->clients, sizeof *herd->clients);
  herd->firsts = calloc(seconds * 1000, sizeof *herd->firsts);
  herd->seconds = calloc(seconds, sizeof *herd->seconds);
  if (herd->clients && herd->firsts && herd->seconds)
    return true;
  (void)complain("there is no memory for %u clients: %zu MB", settings->clients,
                 settings->clients * sizeof *herd->clients / 1000000 + 1);
  return false;
}

static void release(struct herd *herd) {
  free(herd->clients);
  free(herd->firsts);
  free(herd->seconds);
}

static void run_policies(const struct simulate_settings *settings, struct herd *herd,
                         struct simulate_plot *plot) {
  print_head(settings);
  for (size_t i = 0; i < POLICIES_COUNT; i++) {
    if (!is_wanted(settings, &policies[i]))
      continue;
    const struct herd_options options = options_of(settings, &policies[i]);
    herd_run(herd, &options);
    (settings->is_csv ? print_csv : print_row)(&policies[i], herd);
    (void)fflush(stdout);
    if (plot)
      simulate_plot_panel(plot, policies[i].title, &options, herd->seconds);
  }
}

static size_t count_wanted(const struct simulate_settings *settings) {
  size_t count = 0;
  for (size_t i = 0; i < POLICIES_COUNT; i++)
    count += is_wanted(settings, &policies[i]);
  return count;
}

static int run_with_plot(const struct simulate_settings *settings, struct herd *herd) {
  struct simulate_plot plot;
  if (!simulate_plot_open(&plot, settings->plot, count_wanted(settings)))
    return EXIT_USAGE;
  run_policies(settings, herd, &plot);
  return simulate_plot_close(&plot) ? EXIT_DONE : EXIT_USAGE;
}

int simulate_herd(const struct simulate_settings *settings) {
  struct herd herd = {0};
  int status = EXIT_USAGE;
  if (settings->plot && !simulate_plot_can_write(settings->plot))
    return status;
  if (reserve(&herd, settings)) {
    status = EXIT_DONE;
    if (settings->plot)
      status = run_with_plot(settings, &herd);
    else
      run_policies(settings, &herd, NULL);
  }
  release(&herd);
  return status;
}
