/* The demo's relay: `limpet serve` on one port and one store, killed and started again. */
#ifndef CLI_DEMO_RELAY_H
#define CLI_DEMO_RELAY_H

#include "demo_child.h"

struct demo_relay {
  uv_loop_t *loop;
  struct demo_child *child; /* NULL: dead */
  char store[256];
  const char *web;  /* a folder for browsers, or NULL */
  char address[64]; /* "127.0.0.1:PORT"; port 0 until it is known */
  bool is_ready;
  uint64_t ended_ms; /* when it was last seen to end */
  /** Its address is known, for the first time or again. */
  void (*ready)(void *user);
  void *user;
};

/** False: it could not be started. `store` and `ready` are set, `address` too from the second start
    on. */
bool demo_relay_start(struct demo_relay *relay);
/** SIGKILL. */
void demo_relay_kill(struct demo_relay *relay);
/** SIGTERM: it ends when all is stored. */
void demo_relay_end(struct demo_relay *relay);
uint16_t demo_relay_port(const struct demo_relay *relay);

#endif
