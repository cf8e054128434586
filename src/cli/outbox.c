/* `limpet outbox`: looks into an outbox, beside its owner or without one, and empties it. */
#include "outbox.h"
#include "cli.h"
#include "glyph.h"
#include "option_table.h"

#include <inttypes.h>
#include <limpet/limpet.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define AGE_CAP 64
#define ID_COLUMN 36u /* a UUID's length */

/* The two greatest units, as "3 d 4 h". */
static void write_age(char text[AGE_CAP], int64_t age_ms) {
  static const struct {
    const char *name;
    int64_t seconds;
  } units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}};
  const int64_t age_s = age_ms > 0 ? age_ms / 1000 : 0; /* the wall clock may have been set back */
  size_t i = 0;
  while (i < 3 && age_s < units[i].seconds)
    i++;
  const int64_t great = age_s / units[i].seconds;
  if (i == 3)
    (void)snprintf(text, AGE_CAP, "%" PRId64 " s", great);
  else
    (void)snprintf(text, AGE_CAP, "%" PRId64 " %s %" PRId64 " %s", great, units[i].name,
                   age_s % units[i].seconds / units[i + 1].seconds, units[i + 1].name);
}

/* Ids are text from a file: what would steer the terminal is not printed as it is. */
static void print_id(const char *id) {
  char clean[3 * OUTBOX_ID_MAX + 1]; /* what stands for a byte has three at the most */
  glyph_copy(clean, sizeof clean, id);
  fputs(clean, stdout);
  for (unsigned width = glyph_columns(clean, strlen(clean)); width < ID_COLUMN; width++)
    putchar(' ');
}

static const char *plural(uint64_t count) {
  return count == 1 ? "" : "s";
}

static bool print_item(const struct outbox_item *item, void *user) {
  const int64_t *now_ms = user;
  char age[AGE_CAP];
  write_age(age, *now_ms - item->stored_at_wall_ms);
  print_id(item->id);
  printf("  %12s old  %9" PRIu64 " byte%-1s  %3" PRIu32 " attempt%s\n", age, item->len,
         plural(item->len), item->attempts, plural(item->attempts));
  return !ferror(stdout);
}

/* What another try may cure is critical; the rest is a file that this cannot be done to. */
static int fail(enum outbox_result result, const char *detail) {
  (void)complain("%s", detail);
  switch (result) {
  case OUTBOX_CANNOT_OPEN:
  case OUTBOX_NOT_OURS:
  case OUTBOX_NEWER:
  case OUTBOX_CORRUPT:
    return EXIT_USAGE;
  default:
    return EXIT_CRITICAL;
  }
}

static int list(const char *path) {
  char detail[OUTBOX_DETAIL_CAP];
  int64_t now_ms = (int64_t)time(NULL) * 1000;
  const enum outbox_result result = outbox_list(path, print_item, &now_ms, detail);
  return result == OUTBOX_OK ? EXIT_DONE : fail(result, detail);
}

static int count(const char *path) {
  char detail[OUTBOX_DETAIL_CAP];
  uint64_t messages_count, bytes;
  const enum outbox_result result = outbox_read_count(path, &messages_count, &bytes, detail);
  if (result != OUTBOX_OK)
    return fail(result, detail);
  printf("%" PRIu64 "\n", messages_count);
  return EXIT_DONE;
}

static int purge(const char *path) {
  char detail[OUTBOX_DETAIL_CAP];
  uint64_t removed;
  const enum outbox_result result = outbox_purge(path, &removed, detail);
  if (result != OUTBOX_OK)
    return fail(result, detail);
  printf("removed %" PRIu64 " message%s\n", removed, plural(removed));
  return EXIT_DONE;
}

static const struct action {
  const char *name;
  int (*run)(const char *path);
} actions[] = {{"list", list}, {"count", count}, {"purge", purge}};

#define ACTIONS_COUNT (sizeof actions / sizeof *actions)

static int print_help(void) {
  puts("Usage: limpet outbox FILE list|count|purge\n\n"
       "Looks into an outbox, where messages wait on disk for a confirmation.\n\n"
       "  list                      each message, oldest first: id, age, size, and on how many\n"
       "                            links it was tried\n"
       "  count                     how many there are\n"
       "  purge                     removes all of them\n\n"
       "`list` and `count` work while another program owns the outbox; `purge` does not.\n\n"
       "Options:");
  options_print_last();
  puts("\nExit status: 0 done, 1 usage, no such file or not an outbox, 3 in use or the disk "
       "failed.\n\n"
       "Examples:\n"
       "  limpet outbox messages.box count\n"
       "  limpet outbox messages.box list | head");
  return EXIT_DONE;
}

static int run_action(const char *path, const char *name) {
  for (size_t i = 0; i < ACTIONS_COUNT; i++)
    if (strcmp(name, actions[i].name) == 0)
      return actions[i].run(path);
  return complain("an outbox has no '%s'; there are list, count and purge", name);
}

int outbox_main(int argc, char **argv) {
  int first;
  glyph_init();
  signal(SIGPIPE, SIG_DFL); /* `list | head`: who reads no more wants no word about it */
  switch (options_parse(argc, argv, NULL, 0, NULL, &first)) {
  case OPTIONS_HELP:
    return print_help();
  case OPTIONS_VERSION:
    puts("limpet " LIMPET_VERSION);
    return EXIT_DONE;
  case OPTIONS_BAD:
    return EXIT_USAGE;
  case OPTIONS_OK:
    break;
  }
  if (argc - first != 2)
    return complain("an outbox's file and one of list, count and purge are wanted; `limpet outbox "
                    "--help` tells more");
  return run_action(argv[first], argv[first + 1]);
}
