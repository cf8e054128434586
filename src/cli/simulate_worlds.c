/* `limpet simulate --seed` and `--script`: the session in worlds in which everything fails. */
#include "simulate.h"

#include "cli.h"
#include "worlds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LINE_CAP 200

struct run {
  const struct simulate_worlds_settings *settings;
  struct worlds worlds;
};

static int say_no_memory(void) {
  return complain("there is not enough memory");
}

/* ---- by the seed ---- */

static int report_broken(const struct run *run, uint64_t seed) {
  const struct worlds *worlds = &run->worlds;
  printf("# seed %" PRIu64 " breaks: %s\n", seed, worlds->result.broken);
  printf("# shrunk from %u operations to %u; `limpet simulate --script FILE` plays it\n",
         worlds->shrunk_from, worlds->script.ops_count);
  world_script_print(&worlds->script, stdout);
  (void)complain("seed %" PRIu64 " breaks: %s", seed, worlds->result.broken);
  return EXIT_CRITICAL;
}

static int play_seed(struct run *run, uint64_t seed) {
  if (worlds_play_seed(&run->worlds, seed, run->settings->operations))
    return EXIT_DONE;
  return report_broken(run, seed);
}

static uint64_t now_s(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec;
}

static int play_seeds(struct run *run) {
  const struct simulate_worlds_settings *settings = run->settings;
  const uint64_t until_s = now_s() + settings->seconds;
  for (uint64_t i = 0; i < settings->worlds || (settings->seconds && now_s() < until_s); i++) {
    const int status = play_seed(run, settings->seed + i);
    if (status != EXIT_DONE)
      return status;
  }
  return EXIT_DONE;
}

/* One seed a line; what follows # is a comment. */
static int play_line(struct run *run, char *line, unsigned number) {
  static const char blanks[] = " \t\r\n";
  uint64_t seed;
  line[strcspn(line, "#")] = '\0';
  line += strspn(line, blanks);
  size_t len = strlen(line);
  while (len > 0 && strchr(blanks, line[len - 1]))
    len--;
  line[len] = '\0';
  if (!*line)
    return EXIT_DONE;
  if (!option_parse_number(line, &seed))
    return complain("--seeds: line %u is not a seed: '%s'", number, line);
  return play_seed(run, seed);
}

static int play_lines(struct run *run, FILE *file) {
  char line[LINE_CAP];
  int status = EXIT_DONE;
  for (unsigned number = 1; status == EXIT_DONE && fgets(line, sizeof line, file); number++) {
    if (strlen(line) == LINE_CAP - 1)
      return complain("--seeds: line %u is too long", number);
    status = play_line(run, line, number);
  }
  return ferror(file) ? complain("--seeds: the file cannot be read") : status;
}

static int play_file(struct run *run) {
  const char *path = run->settings->seeds;
  if (!path)
    return EXIT_DONE;
  FILE *file = fopen(path, "r");
  if (!file)
    return complain("--seeds: %s: %s", path, strerror(errno));
  const int status = play_lines(run, file);
  (void)fclose(file);
  return status;
}

static int run_seeds(struct run *run) {
  const struct play_result *sum = &run->worlds.sum;
  int status = play_file(run);
  if (status == EXIT_DONE && run->settings->has_seed)
    status = play_seeds(run);
  if (status != EXIT_DONE)
    return status;
  printf("%" PRIu64 " worlds, %" PRIu64 " steps, %" PRIu64 " links, %" PRIu64 " messages (%" PRIu64
         " confirmed): no rule broken\n",
         run->worlds.count, sum->steps, sum->opened, sum->messages, sum->confirmed);
  return EXIT_DONE;
}

/* ---- by the script ---- */

static int read_script(struct run *run) {
  char error[SCRIPT_ERROR_CAP];
  const char *path = run->settings->script;
  FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
  if (!file)
    return complain("--script: %s: %s", path, strerror(errno));
  const bool is_read = world_script_read(&run->worlds.script, file, error);
  if (file != stdin)
    (void)fclose(file);
  return is_read ? EXIT_DONE : complain("--script: %s: %s", path, error);
}

static int run_script(struct run *run) {
  struct worlds *worlds = &run->worlds;
  const struct play_result *result = &worlds->result;
  const int status = read_script(run);
  if (status != EXIT_DONE)
    return status;
  world_play(&worlds->world, &worlds->script, run->settings->is_verbose, &worlds->result);
  if (result->broken) {
    (void)complain("after %" PRIu64 " ms, at operation %u of %u, it breaks: %s", result->at_ms,
                   result->ops_done, worlds->script.ops_count, result->broken);
    return EXIT_CRITICAL;
  }
  printf("%" PRIu64 " steps in %" PRIu64 " ms, %" PRIu64 " links, %" PRIu64 " messages (%" PRIu64
         " confirmed): no rule broken\n",
         result->steps, result->at_ms, result->opened, result->messages, result->confirmed);
  return EXIT_DONE;
}

int simulate_worlds(const struct simulate_worlds_settings *settings) {
  struct run *run = calloc(1, sizeof *run);
  if (!run)
    return say_no_memory();
  run->settings = settings;
  const int status = settings->script ? run_script(run) : run_seeds(run);
  free(run);
  return status;
}
