#define _GNU_SOURCE
#include "pipes.h"

#include <fcntl.h>
#include <unistd.h>

/* Unprivileged users get pages for about 64 MiB of pipes; with less it goes on more slowly. */
static struct pipe *make(struct pipes *pipes) {
  int ends[2];
  struct pipe *pipe = memory_alloc_zeroed(pipes->memory, sizeof *pipe);
  if (!pipe || pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) {
    memory_free(pipes->memory, pipe);
    return NULL;
  }
  pipe->out = ends[0];
  pipe->in = ends[1];
  (void)fcntl(pipe->in, F_SETPIPE_SZ, (int)PIPE_CAP);
  return pipe;
}

static void destroy(struct pipes *pipes, struct pipe *pipe) {
  close(pipe->in);
  close(pipe->out);
  memory_free(pipes->memory, pipe);
}

struct pipe *pipes_take(struct pipes *pipes) {
  struct pipe *pipe = pipes->spare;
  if (pipes->used_count == PIPES_MAX)
    return NULL;
  if (pipe) {
    pipes->spare = pipe->next;
    pipes->spare_count--;
  } else {
    pipe = make(pipes);
  }
  pipes->used_count += pipe != NULL;
  return pipe;
}

void pipes_give_back(struct pipes *pipes, struct pipe *pipe) {
  if (!pipe)
    return;
  pipes->used_count--;
  if (pipe->len > 0 || pipes->spare_count == PIPES_SPARE_MAX) {
    destroy(pipes, pipe);
    return;
  }
  pipe->next = pipes->spare;
  pipes->spare = pipe;
  pipes->spare_count++;
}

void pipes_deinit(struct pipes *pipes) {
  while (pipes->spare) {
    struct pipe *pipe = pipes->spare;
    pipes->spare = pipe->next;
    destroy(pipes, pipe);
  }
}
