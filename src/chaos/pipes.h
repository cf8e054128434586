/*
 * Pipes for splice(2): bytes go from socket to socket through the kernel alone. A pipe belongs to a
 * direction only while bytes are in it, and then goes back to the pool, so that thousands of idle
 * connections need none. There is a bound; whoever gets none copies.
 */
#ifndef CHAOS_PIPES_H
#define CHAOS_PIPES_H

#include "memory.h"

#include <stdbool.h>

#define PIPES_MAX 256      /* in use at once */
#define PIPES_SPARE_MAX 16 /* kept for the next */
#define PIPE_CAP ((size_t)256 * 1024)

struct pipe {
  struct pipe *next; /* of the spare ones */
  int in, out;       /* write here, read there */
  size_t len;        /* bytes in it */
};

struct pipes {
  const struct memory *memory;
  struct pipe *spare;
  size_t spare_count, used_count;
};

/** An empty one, or NULL. */
struct pipe *pipes_take(struct pipes *pipes);
/** What is still in it is lost. */
void pipes_give_back(struct pipes *pipes, struct pipe *pipe);
/** All must have been given back. */
void pipes_deinit(struct pipes *pipes);

#endif
