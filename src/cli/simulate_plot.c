#define _GNU_SOURCE
#include "simulate_plot.h"

#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WIDTH 800
#define PANEL_HEIGHT 130
#define FRAME_HEIGHT 40
#define FLOOR 0.8 /* what stands for 0: below all that is drawn */

extern char **environ;

static bool ends_in(const char *text, const char *ending) {
  const size_t len = strlen(text), ending_len = strlen(ending);
  return len > ending_len && strcmp(text + len - ending_len, ending) == 0;
}

static bool is_writable(const char *path) {
  FILE *file = fopen(path, "ab");
  if (file && fclose(file) == 0)
    return true;
  (void)complain("--plot: '%s' cannot be written: %s", path, strerror(errno));
  return false;
}

bool simulate_plot_can_write(const char *path) {
  if (strpbrk(path, "'\n\\"))
    (void)complain("--plot: a quote, backslash or line break in '%s' is more than gnuplot takes",
                   path);
  else if (!ends_in(path, ".svg") && !ends_in(path, ".png"))
    (void)complain("--plot: '%s' ends neither in .svg nor in .png", path);
  else
    return is_writable(path);
  return false;
}

/* gnuplot reads `input`, and writes to the file that it is told. */
static int spawn(pid_t *pid, int input) {
  char name[] = "gnuplot";
  char *arguments[] = {name, NULL};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  const int error = posix_spawnp(pid, name, &files, NULL, arguments, environ);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

static void begin(FILE *script, const char *path, size_t panels_count) {
  const size_t height = FRAME_HEIGHT + PANEL_HEIGHT * panels_count;
  if (ends_in(path, ".svg"))
    (void)fprintf(script, "set terminal svg size %d,%zu font 'sans,11' background 'white'\n", WIDTH,
                  height);
  else
    (void)fprintf(script, "set terminal png size %d,%zu\n", WIDTH, height);
  (void)fprintf(
      script,
      "set output '%s'\nset multiplot layout %zu,1\nset logscale y\nset format y '10^{%%L}'\n"
      "set yrange [%g:2000000]\nset grid ytics\nset key top right\n"
      "set lmargin 10\nset ytics 100\nset mytics 1\n",
      path, panels_count, FLOOR);
}

bool simulate_plot_open(struct simulate_plot *plot, const char *path, size_t panels_count) {
  int ends[2];
  plot->script = NULL;
  if (pipe2(ends, O_CLOEXEC) != 0) {
    (void)complain("no pipe to gnuplot: %s", strerror(errno));
    return false;
  }
  const int error = spawn(&plot->pid, ends[0]);
  (void)close(ends[0]);
  if (!error)
    plot->script = fdopen(ends[1], "w");
  if (plot->script) {
    begin(plot->script, path, panels_count);
    return true;
  }
  (void)close(ends[1]);
  if (error == ENOENT)
    (void)complain("--plot needs the program gnuplot, which is not installed");
  else
    (void)complain("gnuplot does not start: %s", strerror(error ? error : errno));
  return false;
}

static uint32_t value_of(const struct herd_second *second, bool is_accepted) {
  return is_accepted ? second->accepted : second->dials;
}

/* Inside a level stretch no point is drawn: pictures stay small. */
static bool is_level(const struct herd_second *at, bool is_accepted) {
  const uint32_t value = value_of(at, is_accepted);
  return value_of(at - 1, is_accepted) == value && value_of(at + 1, is_accepted) == value;
}

static void write_curve(FILE *script, const struct herd_second *seconds, uint32_t count,
                        bool is_accepted) {
  for (uint32_t i = 0; i < count; i++) {
    const uint32_t value = value_of(&seconds[i], is_accepted);
    if (i == 0 || i + 1 == count || !is_level(&seconds[i], is_accepted))
      (void)fprintf(script, "%u %g\n", i, value ? value : FLOOR); /* 0 has no logarithm */
  }
  (void)fputs("e\n", script);
}

void simulate_plot_panel(struct simulate_plot *plot, const char *title,
                         const struct herd_options *options, const struct herd_second *seconds) {
  const double back_s = options->outage_ms / 1000.0;
  (void)fprintf(plot->script,
                "set title '%s' offset 0,-0.8\nset xrange [0:%u]\n"
                "unset arrow\nset arrow from %g, graph 0 to %g, graph 1 nohead dashtype 2\n"
                "plot '-' with lines lc rgb '#c0392b' title 'dials/s', "
                "'-' with lines lc rgb '#2471a3' title 'accepted/s'\n",
                title, options->seconds_count, back_s, back_s);
  write_curve(plot->script, seconds, options->seconds_count, false);
  write_curve(plot->script, seconds, options->seconds_count, true);
}

bool simulate_plot_close(struct simulate_plot *plot) {
  int status = 0;
  (void)fputs("unset multiplot\n", plot->script);
  const bool is_written = fclose(plot->script) == 0;
  while (waitpid(plot->pid, &status, 0) < 0 && errno == EINTR)
    ;
  if (is_written && WIFEXITED(status) && WEXITSTATUS(status) == 0)
    return true;
  (void)complain("gnuplot failed; no plot was made");
  return false;
}
