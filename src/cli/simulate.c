/* `limpet simulate`: what a setting does, before a fleet tries it out. */
#include "simulate.h"

#include "cli.h"
#include "option_table.h"
#include "world_play.h"

#include <limpet/limpet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const simulate_jitters[SIMULATE_JITTERS + 1] = {"none", "equal", "full", "decorrelated",
                                                            NULL};

/* ---- options ---- */

static bool apply_jitter(void *target, const char *value, const struct option_row *row,
                         char *error) {
  struct simulate_settings *settings = target;
  uint32_t index;
  (void)row;
  if (!option_word(value, simulate_jitters, &index, error))
    return false;
  settings->backoff.jitter = (enum backoff_jitter)index;
  settings->has_jitter = true;
  return true;
}

static bool apply_retries(void *target, const char *value, const struct option_row *row,
                          char *error) {
  if (strcmp(value, "forever") != 0)
    return option_u32(target, value, row, error);
  ((struct simulate_settings *)target)->backoff.max_retries = BACKOFF_FOREVER;
  return true;
}

#define SETTING(field) offsetof(struct simulate_settings, field)

static const struct option_row rows[] = {
    {"initial-delay", "MS", "before the first retry (1000)", option_u32,
     SETTING(backoff.initial_delay_ms), 1, 3600000},
    {"max-delay", "MS", "the longest delay (60000)", option_u32, SETTING(backoff.max_delay_ms), 1,
     86400000},
    {"multiplier", "X", "growth of the delay, 1.0-10.0 (1.5)", option_decimal,
     SETTING(backoff.multiplier), 1, 10},
    {"jitter", "KIND", "none, equal, full or decorrelated (each in turn)", apply_jitter, 0, 0, 0},
    {"max-retries", "N", "retries until the client gives up (10); of a herd also\n'forever'",
     apply_retries, SETTING(backoff.max_retries), 0, UINT32_MAX - 1},
    {"csv", NULL, "comma-separated values instead of a table for people", option_true,
     SETTING(is_csv), 0, 0},
    /* from here on of a herd alone */
    {"clients", "N", "in the fleet (10000)", option_u32, SETTING(clients), 1, 1000000},
    {"outage", "S", "how long the servers are down (60)", option_u32, SETTING(outage_s), 0, 3600},
    {"duration", "S", "seconds simulated after the return (300)", option_u32, SETTING(duration_s),
     1, 36000},
    {"latency", "MS", "a dial reaches the servers within this time (100)", option_u32,
     SETTING(latency_ms), 0, 10000},
    {"capacity", "N", "connections that the servers take a second; the rest is\nrefused (no limit)",
     option_u32, SETTING(capacity), 1, 1000000},
    {"retry-after", "S", "what the servers that hint say with 503 (30)", option_u32,
     SETTING(retry_after_s), 0, 3600},
    {"seed", "N", "of all chance: the same seed, the same fleet (1)", option_u64, SETTING(seed), 0,
     UINT64_MAX},
    {"plot", "FILE", "draws it by gnuplot; FILE ends in .svg or .png", option_text, SETTING(plot),
     0, 0},
};

#define ROWS_COUNT (sizeof rows / sizeof *rows)
#define BACKOFF_ROWS_COUNT 6

#define WORLDS(field) offsetof(struct simulate_worlds_settings, field)

static bool apply_seed(void *target, const char *value, const struct option_row *row, char *error) {
  ((struct simulate_worlds_settings *)target)->has_seed = true;
  return option_u64(target, value, row, error);
}

static const struct option_row worlds_rows[] = {
    {"seed", "N", "plays the worlds of this seed and of those after it", apply_seed, WORLDS(seed),
     0, UINT64_MAX},
    {"worlds", "N", "how many (1)", option_u32, WORLDS(worlds), 1, UINT32_MAX},
    {"seconds", "S", "goes on with further seeds until so much time has passed", option_u32,
     WORLDS(seconds), 0, 1000000},
    {"operations", "N", "wishes and faults in each world (120)", option_u32, WORLDS(operations), 1,
     SCRIPT_OPS_MAX},
    {"seeds", "FILE", "first plays the seeds that stand in FILE, one a line", option_text,
     WORLDS(seeds), 0, 0},
    {"script", "FILE", "plays one world from a script; '-' is standard input", option_text,
     WORLDS(script), 0, 0},
    {"verbose", NULL, "tells what happens in the world of a script", option_true,
     WORLDS(is_verbose), 0, 0},
};

#define WORLDS_ROWS_COUNT (sizeof worlds_rows / sizeof *worlds_rows)

static const struct simulate_settings defaults = {
    .backoff = {.max_retries = 10,
                .initial_delay_ms = 1000,
                .max_delay_ms = 60000,
                .retry_after_max_ms = 300000,
                .multiplier = 1.5,
                .jitter = JITTER_EQUAL},
    .clients = 10000,
    .outage_s = 60,
    .duration_s = 300,
    .latency_ms = 100,
    .retry_after_s = 30,
    .seed = 1,
};

static int print_help(void) {
  puts("Usage: limpet simulate backoff [OPTION]...\n"
       "       limpet simulate herd [OPTION]...\n"
       "       limpet simulate --seed N [OPTION]...\n"
       "       limpet simulate --script FILE [--verbose]\n\n"
       "Tells what a setting does, or tries to break a promise, in virtual time: nothing is\n"
       "connected to.\n\n"
       "  backoff                   the shortest, mean and longest delay of each retry, and\n"
       "                            what they add up to\n"
       "  herd                      a fleet of clients is cut at once, its servers are down\n"
       "                            and come back: how many dial in each second, for each\n"
       "                            jitter, for 503 with Retry-After (retry-after), and for\n"
       "                            servers that close with 1012 (restart)\n\n"
       "Without a name: a client, its disk, a network and a server in which everything fails\n"
       "at random, from one seed. Whatever happens, no promise may break; the world of a seed\n"
       "that breaks one is printed as a script, as short as it could be made.\n\n"
       "Options:");
  options_print(rows, BACKOFF_ROWS_COUNT);
  puts("\nOf a herd:");
  options_print(rows + BACKOFF_ROWS_COUNT, ROWS_COUNT - BACKOFF_ROWS_COUNT);
  puts("\nOf worlds:");
  options_print(worlds_rows, WORLDS_ROWS_COUNT);
  putchar('\n');
  options_print_last();
  puts("\nExit status: 0 done, 1 usage, or gnuplot is missing or failed, 3 a promise was broken, "
       "or\n"
       "standard output takes no more.\n\n"
       "Examples:\n"
       "  limpet simulate backoff\n"
       "  limpet simulate backoff --jitter full --max-retries 35\n"
       "  limpet simulate herd --clients 100000 --outage 60 --capacity 5000\n"
       "  limpet simulate herd --clients 1000000 --max-retries forever --plot herd.svg\n"
       "  limpet simulate --seed 1 --worlds 100");
  return EXIT_DONE;
}

/* ---- kinds ---- */

static const struct kind {
  const char *name;
  int (*run)(const struct simulate_settings *settings);
  size_t rows_count;
} kinds[] = {{"backoff", simulate_backoff, BACKOFF_ROWS_COUNT},
             {"herd", simulate_herd, ROWS_COUNT}};

#define KINDS_COUNT (sizeof kinds / sizeof *kinds)

static const struct kind *find_kind(const char *name) {
  for (size_t i = 0; i < KINDS_COUNT; i++)
    if (strcmp(name, kinds[i].name) == 0)
      return &kinds[i];
  return NULL;
}

static int run(const struct kind *kind, const struct simulate_settings *settings) {
  if (settings->backoff.max_delay_ms < settings->backoff.initial_delay_ms)
    return complain("--max-delay is below --initial-delay");
  return kind->run(settings);
}

static int run_worlds(const struct simulate_worlds_settings *settings) {
  if (!settings->has_seed && !settings->seeds && !settings->script)
    return complain("what to simulate comes first: backoff, herd, or worlds by --seed or --script");
  if (settings->script && (settings->has_seed || settings->seeds))
    return complain("--script is one world: it makes no sense with seeds");
  if ((settings->worlds > 1 || settings->seconds > 0) && !settings->has_seed)
    return complain("--worlds and --seconds go on from --seed, which is missing");
  if (settings->is_verbose && !settings->script)
    return complain("--verbose tells of one world: it makes sense with --script only");
  return simulate_worlds(settings);
}

/* What is to be done, but for running it. True: `*status` is how it ended. */
static bool is_ended(enum option_outcome outcome, int first, int argc, char **argv, int *status) {
  *status = EXIT_DONE;
  switch (outcome) {
  case OPTIONS_HELP:
    *status = print_help();
    return true;
  case OPTIONS_VERSION:
    puts("limpet " LIMPET_VERSION);
    return true;
  case OPTIONS_BAD:
    *status = EXIT_USAGE;
    return true;
  case OPTIONS_OK:
    break;
  }
  if (first >= argc)
    return false;
  *status = complain("this makes no sense here: '%s'", argv[first]);
  return true;
}

static int parse_kind(int argc, char **argv, const struct kind *kind) {
  struct simulate_settings settings = defaults;
  int first = 0, status;
  const enum option_outcome outcome =
      options_parse(argc, argv, rows, kind->rows_count, &settings, &first);
  return is_ended(outcome, first, argc, argv, &status) ? status : run(kind, &settings);
}

static int parse_worlds(int argc, char **argv) {
  struct simulate_worlds_settings settings = {.worlds = 1, .operations = WORLD_OPS};
  int first = 0, status;
  const enum option_outcome outcome =
      options_parse(argc, argv, worlds_rows, WORLDS_ROWS_COUNT, &settings, &first);
  return is_ended(outcome, first, argc, argv, &status) ? status : run_worlds(&settings);
}

int simulate_main(int argc, char **argv) {
  if (argc < 2 || argv[1][0] == '-')
    return parse_worlds(argc, argv);
  const struct kind *kind = find_kind(argv[1]);
  if (!kind)
    return complain("there is no simulation '%s'; there are backoff and herd", argv[1]);
  return parse_kind(argc - 1, argv + 1, kind);
}
