/* A `limpet` of the demo's own in a process of its own, heard line by line. */
#ifndef CLI_DEMO_CHILD_H
#define CLI_DEMO_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/** Longer lines are cut. */
#define DEMO_LINE_CAP 4096

struct demo_child;

struct demo_child_events {
  void (*out)(void *user, const char *line); /* a line of standard output, NUL-terminated */
  void (*err)(void *user, const char *line); /* of standard error; or NULL: it goes to ours */
  void (*exited)(void *user, int status);    /* after the last line; negative: by that signal */
  void *user;
};

/** Starts this program with `arguments` (NULL at the end, without its name). NULL: it could not. It
    frees itself after `exited`. */
struct demo_child *demo_child_start(uv_loop_t *loop, const char *const *arguments,
                                    const struct demo_child_events *events);
void demo_child_write(struct demo_child *child, const char *text, size_t len);
void demo_child_end_input(struct demo_child *child);
void demo_child_kill(struct demo_child *child, int signal);

#endif
