#define _GNU_SOURCE
#include "uv_open.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The process's own pipe and a loop's. */
#define PIPES_COUNT 2

/* Whether they could be had; the window in which another thread takes them is small. */
static int try_pipes(unsigned count) {
  int fds[2];
  if (count == 0)
    return 0;
  if (pipe2(fds, O_CLOEXEC) != 0)
    return uv_translate_sys_error(errno);
  const int error = try_pipes(count - 1);
  close(fds[0]);
  close(fds[1]);
  return error;
}

int net_uv_open(uv_loop_t *uv) {
  const int error = try_pipes(PIPES_COUNT);
  return error ? error : uv_loop_init(uv);
}
