/*
 * For targets that are whole servers of ours: a loop, a folder with their socket, and one
 * conversation after the other on it, from the first byte until the server has closed. Not a
 * client: it says what it is told to say, whole or in pieces.
 */
#ifndef FUZZ_SERVICE_H
#define FUZZ_SERVICE_H

#include "fuzz.h"
#include "loop.h"

#include <uv.h>

#define SERVICE_PATIENCE_MS 50000

struct service {
  uv_loop_t uv;
  struct net_loop *loop;
  char folder[32];
  char path[48];    /* of the socket */
  char address[64]; /* "unix:" and the path */
};

/** Once; the folder goes with the process. */
void service_init(struct service *service);

struct answer {
  uint8_t *data; /* ends with a NUL that does not count; free() it */
  size_t len;
};

/** Connects, says `text` as it is cut, ends its half, and takes what comes until the other half
    ends. A server that does neither within SERVICE_PATIENCE_MS hangs: that ends the program. */
struct answer service_talk(struct service *service, struct fuzz_input text, struct fuzz_cuts cuts);

/** A request with a body, which may be none. Free it. */
struct fuzz_input service_request(const char *method, struct fuzz_input target, const char *type,
                                  struct fuzz_input body);
/** The upgrade of `target`, then a frame for each line of `lines`: its first byte's low half is the
    opcode. Free it. */
struct fuzz_input service_upgrade(struct fuzz_input target, struct fuzz_input lines);
/** What every answer is: none, or a status line first; after a 101 good frames and nothing else.
    `each` gets the texts among them, or is NULL. Frees it. */
void service_check(struct answer answer, void (*each)(const uint8_t *text, size_t len));

#endif
