/* `limpet hold`: the sidecar as a program. */
#include "sidecar.h"

#include "cli.h"
#include "descriptors.h"
#include "glyph.h"
#include "hold_options.h"
#include "open_loop.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define SPARE_DESCRIPTORS 256
#define LINE_CAP 1024

struct run {
  struct hold_command command;
  uv_loop_t uv;
  struct net_loop *loop;
  struct hold *hold;
  uv_signal_t signals[3];
  bool is_stopping;
  int status;
};

/* ---- the log ---- */

static bool is_quiet;

/* What the far side said may be in it. A reader of the log that stands still holds up no program.
 */
static void log_line(const char *line) {
  struct timespec now;
  struct tm utc;
  char stamp[32], clean[LINE_CAP], gap[48] = "";
  if (is_quiet || !can_complain())
    return;
  const unsigned long long left_out = take_left_out();
  if (left_out)
    (void)snprintf(gap, sizeof gap, " left_out=%llu", left_out);
  (void)clock_gettime(CLOCK_REALTIME, &now);
  (void)gmtime_r(&now.tv_sec, &utc);
  (void)strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
  glyph_copy(clean, sizeof clean, line);
  fprintf(stderr, "%s.%03ldZ %s%s\n", stamp, now.tv_nsec / 1000000, clean, gap);
}

/* ---- the run ---- */

static void close_signals(struct run *run) {
  for (size_t i = 0; i < sizeof run->signals / sizeof *run->signals; i++)
    uv_close((uv_handle_t *)&run->signals[i], NULL);
}

static void on_stopped(void *user, uint64_t undelivered) {
  struct run *run = user;
  if (undelivered) {
    (void)complain("%llu message%s not delivered", (unsigned long long)undelivered,
                   undelivered == 1 ? "" : "s");
    run->status = EXIT_DROPPED;
  }
  close_signals(run);
}

static void on_signal(uv_signal_t *handle, int number) {
  struct run *run = handle->data;
  if (number == SIGUSR1) {
    if (!run->is_stopping)
      hold_dump(run->hold, stderr);
  } else if (run->is_stopping) {
    _exit(EXIT_SIGNAL + number);
  } else {
    run->is_stopping = true;
    hold_stop(run->hold, run->command.hold.drain_timeout_ms, on_stopped, run);
  }
}

static void watch_signals(struct run *run) {
  static const int numbers[] = {SIGUSR1, SIGINT, SIGTERM};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    uv_signal_init(&run->uv, &run->signals[i]);
    run->signals[i].data = run;
    uv_signal_start(&run->signals[i], on_signal, numbers[i]);
  }
}

static int start(struct run *run) {
  char detail[HOLD_DETAIL_CAP];
  run->hold = hold_new(run->loop, &run->command.hold, detail);
  if (!run->hold) {
    (void)complain("%s", detail);
    return EXIT_CRITICAL;
  }
  watch_signals(run);
  print_address(hold_address(run->hold));
  return EXIT_DONE;
}

static int serve(struct run *run) {
  int error;
  if (!open_loop(&run->uv))
    return EXIT_CRITICAL;
  run->loop = net_loop_acquire(&run->uv, &memory_default, &error);
  if (!run->loop) {
    (void)complain("%s", net_loop_error_text(error));
    return EXIT_CRITICAL;
  }
  descriptors_raise(run->command.hold.max_connections, 2, SPARE_DESCRIPTORS);
  run->status = start(run);
  net_loop_release(run->loop);
  uv_run(&run->uv, UV_RUN_DEFAULT);
  uv_loop_close(&run->uv);
  return run->status;
}

int hold_main(int argc, char **argv) {
  static struct run run;
  int status;
  if (hold_command_parse(&run.command, argc, argv, &status)) {
    is_quiet = run.command.connect.is_quiet;
    run.command.hold.log = log_line;
    status = serve(&run);
  }
  hold_command_deinit(&run.command);
  return status;
}
