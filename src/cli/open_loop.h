/* The event loop of a subcommand. */
#ifndef CLI_OPEN_LOOP_H
#define CLI_OPEN_LOOP_H

#include <stdbool.h>
#include <uv.h>

/** False: the system gives no loop, and was complained about; then the status is EXIT_CRITICAL. */
bool open_loop(uv_loop_t *loop);

#endif
