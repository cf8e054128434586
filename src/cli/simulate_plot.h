/* A herd as a picture, by gnuplot. */
#ifndef CLI_SIMULATE_PLOT_H
#define CLI_SIMULATE_PLOT_H

#include "herd.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct simulate_plot {
  FILE *script; /* gnuplot's standard input */
  pid_t pid;
};

/** True if the file can be written, and gnuplot can be told to: by its ending, and without
    characters that its script cannot hold. Complains otherwise. */
bool simulate_plot_can_write(const char *path);
/** Starts gnuplot on a picture of `panels_count` panels, one above the other. Complains if that
    fails. */
bool simulate_plot_open(struct simulate_plot *plot, const char *path, size_t panels_count);
/** The next panel: a curve of the dials and one of the accepted. */
void simulate_plot_panel(struct simulate_plot *plot, const char *title,
                         const struct herd_options *options, const struct herd_second *seconds);
/** Waits for gnuplot. False, with a complaint: it failed. */
bool simulate_plot_close(struct simulate_plot *plot);

#endif
