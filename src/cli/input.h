/*
 * Standard input as messages: lines, or length-prefixed with --binary. Read only while the taker
 * takes; one buffer, bounded by the largest message. Files, pipes, terminals and sockets alike.
 */
#ifndef CLI_INPUT_H
#define CLI_INPUT_H

#include "splitter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

enum input_answer {
  INPUT_TAKEN,
  INPUT_WAIT, /* not now: input_resume() offers the same message again */
  INPUT_BAD,  /* unusable, not UTF-8: reading ends */
  INPUT_NUL,  /* unusable, holds U+0000: reading ends */
  INPUT_LONG  /* unusable, too long as what it becomes: reading ends */
};

struct input;

struct input_taker {
  enum input_answer (*take)(void *user, const char *data, size_t len);
  /** Once. `error` is NULL at the proper end, else a sentence that names the line. */
  void (*ended)(void *user, const char *error);
  void *user;
};

struct input {
  uv_loop_t *loop;
  struct input_taker taker;
  uv_poll_t poll; /* for what can be polled */
  uv_idle_t idle; /* for regular files, which are always ready */
  int fd;
  bool is_pollable, owns_fd, is_reading, at_end, is_over;
  struct splitter splitter;
  uint64_t number; /* of the message at the front, from 1 */
  char *buffer;
  size_t cap, begin, end;
};

/** A descriptor of our own for what can be polled: libuv makes it non-blocking, and that must not
    reach the processes that share standard input, nor the terminal that is our output too. -1:
   there can be none. */
int input_open_own(void);
/** False: standard input cannot be read at all. */
bool input_start(struct input *input, uv_loop_t *loop, bool is_binary, uint64_t max_message,
                 const struct input_taker *taker);
/** Offers what waits and reads on. */
void input_resume(struct input *input);
bool input_is_waiting(const struct input *input);
/** Reads no more; `ended` is not called. */
void input_stop(struct input *input);
void input_deinit(struct input *input);

#endif
