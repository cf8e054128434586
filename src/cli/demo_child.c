#include "demo_child.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define ARGUMENTS_MAX 40
#define PATH_CAP 4096

/* One of its outputs, cut into lines. */
struct stream {
  uv_pipe_t pipe;
  struct demo_child *child;
  void (*line)(void *user, const char *line);
  size_t len;
  char text[DEMO_LINE_CAP];
};

struct demo_child {
  struct demo_child_events events;
  uv_process_t process;
  uv_pipe_t in;
  uv_shutdown_t end_of_input;
  struct stream out, err;
  int status;
  unsigned open_count; /* handles not yet closed */
  bool is_input_over;
};

static void on_closed(uv_handle_t *handle) {
  struct demo_child *child = handle->data;
  if (--child->open_count > 0)
    return;
  child->events.exited(child->events.user, child->status);
  free(child);
}

static void close_handle(struct demo_child *child, uv_handle_t *handle) {
  handle->data = child;
  uv_close(handle, on_closed);
}

/* ---- lines ---- */

static void end_line(struct stream *stream) {
  stream->text[stream->len] = '\0';
  stream->len = 0;
  stream->line(stream->child->events.user, stream->text);
}

static void take(struct stream *stream, const char *bytes, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (bytes[i] == '\n')
      end_line(stream);
    else if (stream->len < DEMO_LINE_CAP - 1)
      stream->text[stream->len++] = bytes[i];
  }
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer) {
  static char bytes[65536]; /* one loop, one read at a time */
  (void)handle;
  (void)wanted;
  *buffer = uv_buf_init(bytes, sizeof bytes);
}

static void on_read(uv_stream_t *pipe, ssize_t len, const uv_buf_t *buffer) {
  struct stream *stream = pipe->data;
  if (len > 0)
    take(stream, buffer->base, (size_t)len);
  else if (len < 0)
    close_handle(stream->child, (uv_handle_t *)pipe);
}

/* ---- its life ---- */

static void close_input(struct demo_child *child) {
  child->is_input_over = true;
  if (!uv_is_closing((uv_handle_t *)&child->in))
    close_handle(child, (uv_handle_t *)&child->in);
}

static void on_process_exit(uv_process_t *process, int64_t status, int signal) {
  struct demo_child *child = process->data;
  child->status = signal ? -signal : (int)status;
  close_input(child);
  close_handle(child, (uv_handle_t *)process);
}

static void init_stream(uv_loop_t *loop, struct demo_child *child, struct stream *stream,
                        void (*line)(void *, const char *)) {
  stream->child = child;
  stream->line = line;
  uv_pipe_init(loop, &stream->pipe, 0);
  stream->pipe.data = stream;
  child->open_count++;
}

static int spawn(uv_loop_t *loop, struct demo_child *child, const char *const *arguments) {
  char path[PATH_CAP];
  size_t path_len = sizeof path;
  char *words[ARGUMENTS_MAX] = {path};
  const bool hears_err = child->events.err;
  for (size_t i = 0; arguments[i] && i + 2 < ARGUMENTS_MAX; i++)
    words[i + 1] = (char *)(uintptr_t)arguments[i];
  uv_stdio_container_t stdio[3] = {
      {UV_CREATE_PIPE | UV_READABLE_PIPE, {(uv_stream_t *)&child->in}},
      {UV_CREATE_PIPE | UV_WRITABLE_PIPE, {(uv_stream_t *)&child->out.pipe}},
      {UV_INHERIT_FD, {.fd = 2}},
  };
  if (hears_err)
    stdio[2] = (uv_stdio_container_t){UV_CREATE_PIPE | UV_WRITABLE_PIPE,
                                      {(uv_stream_t *)&child->err.pipe}};
  const int error = uv_exepath(path, &path_len);
  const uv_process_options_t options = {
      .file = path, .args = words, .stdio = stdio, .stdio_count = 3, .exit_cb = on_process_exit};
  return error ? error : uv_spawn(loop, &child->process, &options);
}

static void listen_to(struct stream *stream) {
  uv_read_start((uv_stream_t *)&stream->pipe, on_alloc, on_read);
}

static void never_started(void *user, int status) {
  (void)user;
  (void)status;
}

struct demo_child *demo_child_start(uv_loop_t *loop, const char *const *arguments,
                                    const struct demo_child_events *events) {
  struct demo_child *child = calloc(1, sizeof *child);
  if (!child)
    return NULL;
  child->events = *events;
  child->process.data = child;
  uv_pipe_init(loop, &child->in, 0);
  child->open_count = 2;
  init_stream(loop, child, &child->out, events->out);
  if (events->err)
    init_stream(loop, child, &child->err, events->err);
  const int error = spawn(loop, child, arguments);
  if (error) {
    child->events.exited = never_started;
    close_handle(child, (uv_handle_t *)&child->process);
    close_input(child);
    close_handle(child, (uv_handle_t *)&child->out.pipe);
    if (events->err)
      close_handle(child, (uv_handle_t *)&child->err.pipe);
    return NULL;
  }
  listen_to(&child->out);
  if (events->err)
    listen_to(&child->err);
  return child;
}

struct write {
  uv_write_t request;
  char bytes[];
};

static void on_written(uv_write_t *request, int status) {
  (void)status; /* a process that is gone is noticed by its end */
  free(request->data);
}

void demo_child_write(struct demo_child *child, const char *text, size_t len) {
  struct write *write = child->is_input_over ? NULL : malloc(sizeof *write + len);
  if (!write)
    return;
  memcpy(write->bytes, text, len);
  write->request.data = write;
  uv_buf_t buffer = uv_buf_init(write->bytes, (unsigned)len);
  if (uv_write(&write->request, (uv_stream_t *)&child->in, &buffer, 1, on_written) != 0)
    free(write);
}

static void on_shutdown(uv_shutdown_t *request, int status) {
  (void)status;
  close_input(request->data);
}

/* What was written goes out first. */
void demo_child_end_input(struct demo_child *child) {
  if (child->is_input_over)
    return;
  child->is_input_over = true;
  child->end_of_input.data = child;
  if (uv_shutdown(&child->end_of_input, (uv_stream_t *)&child->in, on_shutdown) != 0)
    close_input(child);
}

void demo_child_kill(struct demo_child *child, int signal) {
  uv_process_kill(&child->process, signal);
}
