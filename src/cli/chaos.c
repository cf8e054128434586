/* `limpet chaos`: the proxy that breaks things, as a program. */
#define SPARE_DESCRIPTORS 1024 /* beside two for each connection: pipes, the control server */
#define _GNU_SOURCE
#include "chaos.h"
#include "chaos_report.h"
#include "cli.h"
#include "control.h"
#include "descriptors.h"
#include "open_loop.h"
#include "option_table.h"

#include <errno.h>
#include <limpet/limpet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OPERANDS_MAX 64

struct chaos_run {
  struct chaos_options options;
  struct chaos_target target;
  struct script script;
  struct chaos_report report;
  struct command faults[OPERANDS_MAX];
  size_t faults_count;
  const char *to, *control_listen, *script_path;
  uint64_t random_seed;
  bool is_control_remote, has_seed;
  uv_loop_t uv;
  struct net_loop *loop;
  struct chaos *chaos;
  struct control *control;
  uv_signal_t signals[2];
};

/* ---- options ---- */

static bool apply_to(void *target, const char *value, const struct option_row *row, char *error) {
  struct chaos_run *run = target;
  char detail[CHAOS_DETAIL_CAP];
  (void)row;
  run->to = value;
  if (chaos_parse_target(value, &run->target, detail))
    return true;
  (void)snprintf(error, OPTION_ERROR_CAP, "%.200s", detail);
  return false;
}

static bool apply_seed(void *target, const char *value, const struct option_row *row, char *error) {
  ((struct chaos_run *)target)->has_seed = true;
  return option_u64(target, value, row, error);
}

static bool apply_random(void *target, const char *value, const struct option_row *row,
                         char *error) {
  ((struct chaos_run *)target)->options.is_wild = true;
  return option_u64(target, value, row, error);
}

static bool apply_events(void *target, const char *value, const struct option_row *row,
                         char *error) {
  static const char *const words[] = {"text", "json", "none", NULL};
  struct chaos_run *run = target;
  uint32_t index;
  (void)row;
  if (!option_word(value, words, &index, error))
    return false;
  run->report.form = (enum chaos_report_form)index;
  return true;
}

#define OPTION(field) offsetof(struct chaos_run, field)

static const struct option_row rows[] = {
    {"listen", "ADDRESS", "IP:PORT, [IPv6]:PORT or unix:PATH; port 0 picks one\n(127.0.0.1:0)",
     option_text, OPTION(options.listen), 0, 0},
    {"to", "ADDRESS", "where connections go: HOST:PORT, [IPv6]:PORT or\nunix:PATH", apply_to, 0, 0,
     0},
    {"control", "ADDRESS",
     "serves JSON and a page, by which faults are switched\nwhile it runs; of this machine only",
     option_text, OPTION(control_listen), 0, 0},
    {"control-remote", NULL, "lets --control be an address that others reach, too", option_true,
     OPTION(is_control_remote), 0, 0},
    {"script", "FILE", "faults with times, one a line: '5s freeze both'", option_text,
     OPTION(script_path), 0, 0},
    {"random", "SEED", "faults of every kind at random times; the same seed,\nthe same faults",
     apply_random, OPTION(random_seed), 0, UINT64_MAX},
    {"seed", "N",
     "for every other choice: parts of the connections,\njitter (1, or that of --random)",
     apply_seed, OPTION(options.seed), 0, UINT64_MAX},
    {"follow-frames", NULL,
     "follow the WebSocket frames of all connections, so that\na later 'cut' reaches those that "
     "are "
     "open then",
     option_true, OPTION(options.follows_frames), 0, 0},
    {"max-connections", "N", "at once; others are reset (10000)", option_u64,
     OPTION(options.max_connections), 1, 1000000},
    {"events", "FORM", "text, json (one object a line) or none, on stderr (text)", apply_events, 0,
     0, 0},
};

#define ROWS_COUNT (sizeof rows / sizeof *rows)

static void print_help(void) {
  puts("Usage: limpet chaos --to ADDRESS [OPTION]... [FAULT]...\n\n"
       "A TCP proxy that breaks connections on purpose, for anyone who tests a networked\n"
       "program. Prints its address as the first line of standard output, then each fault as\n"
       "it comes, as a line that --script reads; connections are told on standard error.\n\n"
       "Faults (each one operand, in quotes if it has more than one word):\n"
       "  refuse                          new connections are refused\n"
       "  reset [after TIME]              connections are reset (RST): those open now, or each\n"
       "                                  one at that age\n"
       "  close [after TIME]              the same with an orderly end (FIN)\n"
       "  freeze [DIR]                    nothing passes, connections stay open\n"
       "  delay [DIR] TIME [jitter TIME]  bytes come later by TIME, more or less by the jitter\n"
       "  throttle [DIR] SIZE             so many bytes a second\n"
       "  truncate [DIR] SIZE [then END]  the stream ends behind its first SIZE bytes\n"
       "  cut [DIR] [frame N] [then END]  it ends inside the N-th WebSocket frame from now (1)\n"
       "  corrupt [DIR] [at N]            inverts one byte: the next, or that at offset N\n"
       "  slow-loris [DIR] TIME           one byte each TIME\n"
       "  flap TIME TIME                  up so long, then down so long: reset and refused\n"
       "  clear [KIND]                    ends all faults, or those of a kind\n"
       "  DIR: up (to the target), down, both (default). END: close (default), reset, freeze.\n"
       "  TIME: 500ms, 1.5s, 2m. SIZE: 1000, 64k, 2M, 64Ki. All but clear take 'for N%':\n"
       "  a part of the connections.\n\n"
       "Options:");
  options_print(rows, ROWS_COUNT);
  options_print_last();
  puts("\nExit status: 0 ended by SIGTERM or SIGINT; 1 usage or unusable input; 3 it cannot\n"
       "listen.\n\n"
       "Examples:\n"
       "  limpet chaos --listen 127.0.0.1:9000 --to 127.0.0.1:8085 'delay 100ms jitter 30ms'\n"
       "  limpet chaos --to example.com:80 --control 127.0.0.1:9001\n"
       "  curl -H 'Content-Type: application/json' -d '{\"fault\":\"freeze down\"}' \\\n"
       "    http://127.0.0.1:9001/faults\n"
       "  printf '5s freeze both\\n8s clear\\n' > bad; limpet chaos --to db:5432 --script bad\n"
       "  limpet chaos --to 127.0.0.1:8085 --random 42 | tail -n +2 > again");
}

static bool take_outcome(enum option_outcome outcome, int *status) {
  *status = outcome == OPTIONS_BAD ? EXIT_USAGE : EXIT_DONE;
  if (outcome == OPTIONS_HELP)
    print_help();
  if (outcome == OPTIONS_VERSION)
    puts("limpet " LIMPET_VERSION);
  return outcome == OPTIONS_OK;
}

static bool take_faults(struct chaos_run *run, int count, char **texts, int *status) {
  char error[FAULT_ERROR_CAP];
  for (int i = 0; i < count; i++) {
    struct command *command = &run->faults[run->faults_count];
    if (run->faults_count == OPERANDS_MAX)
      *status = complain("more than %d faults", OPERANDS_MAX);
    else if (!command_parse(texts[i], strlen(texts[i]), command, error))
      *status = complain("'%.80s': %s", texts[i], error);
    else if (command->kind != COMMAND_ADD)
      *status = complain("'%.80s': at the start there is nothing to end or to clear; see 'after', "
                         "and --script",
                         texts[i]);
    else {
      run->faults_count++;
      continue;
    }
    return false;
  }
  return true;
}

/* ---- the script ---- */

static bool read_file(const char *path, char **text, size_t *len, char *error) {
  FILE *file = fopen(path, "re");
  *text = file ? malloc(SCRIPT_SIZE_MAX + 1) : NULL;
  if (*text)
    *len = fread(*text, 1, SCRIPT_SIZE_MAX + 1, file);
  const bool is_read = *text && !ferror(file);
  if (!is_read)
    (void)snprintf(error, SCRIPT_ERROR_CAP, "%s", strerrordesc_np(errno));
  else if (*len > SCRIPT_SIZE_MAX)
    (void)snprintf(error, SCRIPT_ERROR_CAP, "longer than 4 MiB");
  if (file)
    (void)fclose(file);
  return is_read && *len <= SCRIPT_SIZE_MAX;
}

static bool take_script(struct chaos_run *run, int *status) {
  char error[SCRIPT_ERROR_CAP];
  char *text = NULL;
  size_t len = 0;
  const bool is_fine = read_file(run->script_path, &text, &len, error) &&
                       script_parse(&memory_default, text, len, &run->script, error);
  free(text);
  if (!is_fine)
    *status = complain("--script: %s: %s", run->script_path, error);
  run->options.script = &run->script;
  return is_fine;
}

/* So that the connections of before are cut, too. */
static void follow_for_script(struct chaos_run *run) {
  for (size_t i = 0; i < run->script.count; i++)
    if (run->script.steps[i].command.kind == COMMAND_ADD &&
        run->script.steps[i].command.fault.kind == FAULT_CUT)
      run->options.follows_frames = true;
  if (run->options.is_wild)
    run->options.follows_frames = true;
}

static bool parse(struct chaos_run *run, int argc, char **argv, int *status) {
  int first;
  run->options = (struct chaos_options){
      .listen = "127.0.0.1:0", .seed = 1, .max_connections = 10000, .target = &run->target};
  if (!take_outcome(options_parse(argc, argv, rows, ROWS_COUNT, run, &first), status))
    return false;
  if (!run->to)
    *status = complain("--to is missing: where should connections go? --help tells more");
  else if (run->script_path && run->options.is_wild)
    *status = complain("--script and --random do not go together");
  else if (run->is_control_remote && !run->control_listen)
    *status = complain("--control-remote needs --control");
  else
    *status = EXIT_DONE;
  if (*status != EXIT_DONE || !take_faults(run, argc - first, argv + first, status) ||
      (run->script_path && !take_script(run, status)))
    return false;
  if (run->options.is_wild && !run->has_seed)
    run->options.seed = run->random_seed;
  run->options.random_seed = run->random_seed;
  follow_for_script(run);
  return true;
}

/* ---- the run ---- */

static void stop(struct chaos_run *run) {
  for (size_t i = 0; i < sizeof run->signals / sizeof *run->signals; i++)
    uv_close((uv_handle_t *)&run->signals[i], NULL);
  control_free(run->control);
  chaos_report_totals(&run->report);
  chaos_free(run->chaos);
}

static void on_signal(uv_signal_t *handle, int number) {
  (void)number;
  stop(handle->data);
}

static void watch_signals(struct chaos_run *run) {
  static const int numbers[] = {SIGINT, SIGTERM};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    uv_signal_init(&run->uv, &run->signals[i]);
    run->signals[i].data = run;
    uv_signal_start(&run->signals[i], on_signal, numbers[i]);
  }
}

static bool open_control(struct chaos_run *run, char *detail) {
  if (!run->control_listen)
    return true;
  run->control =
      control_new(run->loop, run->chaos, run->control_listen, run->is_control_remote, detail);
  return run->control != NULL;
}

static void begin(struct chaos_run *run) {
  char error[FAULT_ERROR_CAP];
  watch_signals(run);
  print_address(chaos_address(run->chaos));
  chaos_report_started(&run->report, run->control ? control_address(run->control) : NULL);
  for (size_t i = 0; i < run->faults_count; i++)
    if (!chaos_command(run->chaos, &run->faults[i], 0, CHAOS_BY_OWNER, error))
      (void)complain("%s", error);
  chaos_start(run->chaos);
}

static int start(struct chaos_run *run) {
  char detail[CHAOS_DETAIL_CAP];
  run->chaos = chaos_new(run->loop, &run->options, detail);
  if (run->chaos && open_control(run, detail)) {
    run->report.chaos = run->chaos;
    begin(run);
    return EXIT_DONE;
  }
  chaos_free(run->chaos);
  (void)complain("%s", detail);
  return EXIT_CRITICAL;
}

static int run_loop(struct chaos_run *run) {
  int error;
  if (!open_loop(&run->uv))
    return EXIT_CRITICAL;
  run->options.events = chaos_report_events(&run->report);
  run->loop = net_loop_acquire(&run->uv, &memory_default, &error);
  if (!run->loop) {
    (void)complain("%s", net_loop_error_text(error));
    return EXIT_CRITICAL;
  }
  descriptors_raise(run->options.max_connections, 1, SPARE_DESCRIPTORS);
  const int status = start(run);
  net_loop_release(run->loop);
  uv_run(&run->uv, UV_RUN_DEFAULT);
  uv_loop_close(&run->uv);
  return status;
}

int chaos_main(int argc, char **argv) {
  static struct chaos_run run;
  int status;
  if (parse(&run, argc, argv, &status))
    status = run_loop(&run);
  script_deinit(&memory_default, &run.script);
  return status;
}
