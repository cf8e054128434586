/* Reading standard input as messages. */
#include "input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)64 * 1024)

static void set_reading(struct input *in, bool is_reading);

static void finish(struct input *in, const char *error) {
  set_reading(in, false);
  in->is_over = true;
  in->taker.ended(in->taker.user, error);
}

static void fail(struct input *in, const char *what) {
  char error[160];
  (void)snprintf(error, sizeof error, "%s %llu of standard input %s", split_unit(&in->splitter),
                 (unsigned long long)in->number, what);
  finish(in, error);
}

/* ---- from bytes to messages ---- */

static const char *why_unusable(const struct input *in, enum input_answer answer) {
  if (answer == INPUT_NUL)
    return "holds a NUL byte, which a message with an id cannot carry";
  if (answer == INPUT_LONG)
    return "is longer, as a message with an id, than the largest message (--max-message)";
  return in->splitter.is_binary ? "cannot be sent" : "is not valid UTF-8";
}

/* Offers whole messages until one must wait. True: all were taken, more can be read. */
static bool offer(struct input *in) {
  struct piece piece = {NULL, 0, 0};
  enum split found = SPLIT_PART;
  while (!in->is_over &&
         (found = split_first(&in->splitter, in->buffer + in->begin, in->end - in->begin,
                              in->at_end, &piece)) == SPLIT_FOUND) {
    const enum input_answer answer = in->taker.take(in->taker.user, piece.data, piece.len);
    if (answer == INPUT_WAIT)
      return false;
    if (answer != INPUT_TAKEN) {
      fail(in, why_unusable(in, answer));
      return false;
    }
    in->begin += piece.used;
    in->number++;
  }
  if (found > SPLIT_PART && !in->is_over)
    fail(in, split_error(found));
  return found == SPLIT_PART && !in->is_over;
}

/* ---- from the descriptor to bytes ---- */

/* Slides what is left to the front and doubles up to what the largest message needs. */
static bool make_room(struct input *in) {
  memmove(in->buffer, in->buffer + in->begin, in->end - in->begin);
  in->end -= in->begin;
  in->begin = 0;
  if (in->cap - in->end >= CHUNK)
    return true;
  char *grown = realloc(in->buffer, in->cap * 2);
  if (!grown)
    return false;
  in->buffer = grown;
  in->cap *= 2;
  return true;
}

/* True: something came, or the end. */
static bool read_some(struct input *in) {
  if (in->cap - in->end < CHUNK && !make_room(in)) {
    fail(in, "does not fit into memory");
    return false;
  }
  const ssize_t len = read(in->fd, in->buffer + in->end, CHUNK);
  if (len < 0 && (errno == EAGAIN || errno == EINTR))
    return false;
  if (len < 0) {
    fail(in, strerror(errno));
    return false;
  }
  in->end += (size_t)len;
  in->at_end = len == 0;
  return true;
}

static void go_on(struct input *in) {
  const bool is_ready_for_more = offer(in);
  if (is_ready_for_more && in->at_end)
    finish(in, NULL);
  else if (!in->is_over)
    set_reading(in, is_ready_for_more);
}

static void on_readable(struct input *in) {
  if (!in->is_over && read_some(in))
    go_on(in);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  (void)status; /* read() will say what is wrong */
  (void)events;
  on_readable(poll->data);
}

static void on_idle(uv_idle_t *idle) {
  on_readable(idle->data);
}

static void set_reading(struct input *in, bool is_reading) {
  if (in->is_reading == is_reading)
    return;
  in->is_reading = is_reading;
  if (in->is_pollable && is_reading)
    uv_poll_start(&in->poll, UV_READABLE | UV_DISCONNECT, on_poll);
  else if (in->is_pollable)
    uv_poll_stop(&in->poll);
  else if (is_reading)
    uv_idle_start(&in->idle, on_idle);
  else
    uv_idle_stop(&in->idle);
}

void input_resume(struct input *in) {
  if (input_is_waiting(in))
    go_on(in);
}

bool input_is_waiting(const struct input *in) {
  return !in->is_over && !in->is_reading;
}

int input_open_own(void) {
  struct stat facts;
  if (fstat(STDIN_FILENO, &facts) != 0)
    return -1;
  if (S_ISFIFO(facts.st_mode) || S_ISCHR(facts.st_mode))
    return open("/proc/self/fd/0", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  return -1;
}

static bool init_handles(struct input *in) {
  const int own = input_open_own();
  in->fd = own >= 0 ? own : STDIN_FILENO;
  in->owns_fd = own >= 0;
  in->is_pollable = uv_poll_init(in->loop, &in->poll, in->fd) == 0;
  in->poll.data = in;
  if (!in->is_pollable && uv_idle_init(in->loop, &in->idle) != 0)
    return false;
  in->idle.data = in;
  return true;
}

bool input_start(struct input *in, uv_loop_t *loop, bool is_binary, uint64_t max_message,
                 const struct input_taker *taker) {
  memset(in, 0, sizeof *in);
  in->taker = *taker;
  in->splitter = (struct splitter){is_binary, max_message};
  in->number = 1;
  in->cap = 2 * CHUNK;
  in->buffer = malloc(in->cap);
  if (!in->buffer)
    return false;
  in->loop = loop; /* from here on there are handles to close */
  if (!init_handles(in))
    return false;
  set_reading(in, true);
  return true;
}

void input_stop(struct input *in) {
  set_reading(in, false);
  in->is_over = true;
}

void input_deinit(struct input *in) {
  if (in->is_pollable)
    uv_close((uv_handle_t *)&in->poll, NULL);
  else if (in->loop)
    uv_close((uv_handle_t *)&in->idle, NULL);
  if (in->owns_fd)
    close(in->fd);
  free(in->buffer);
  in->buffer = NULL;
}
