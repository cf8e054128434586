#include "open_loop.h"

#include "cli.h"
#include "uv_open.h"

bool open_loop(uv_loop_t *loop) {
  const int error = net_uv_open(loop);
  if (error)
    (void)complain("no event loop: %s", uv_strerror(error));
  return error == 0;
}
