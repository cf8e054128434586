/*
 * `--metrics-listen ADDRESS`: a small HTTP server beside a client. GET /metrics answers what
 * metrics_text.h writes; GET /healthz 200 while the client is CONNECTED, else 503, with the state.
 */
#ifndef CLI_METRICS_LISTEN_H
#define CLI_METRICS_LISTEN_H

#include "http.h"

#include <limpet/limpet.h>

struct metrics_listen {
  limpet_client **client; /* set before the loop runs */
  struct http_settings settings;
  struct http_server *server; /* NULL: not listening */
};

/** Listens on `loop`. False: `detail` says why, naming the address. `listen` stays where it is. */
bool metrics_listen_start(struct metrics_listen *listen, uv_loop_t *loop, const char *address,
                          limpet_client **client, char *detail, size_t detail_cap);
/** The address in use, with the real port. */
const char *metrics_listen_address(const struct metrics_listen *listen);
/** Before the client is stopped; harmless twice, and if it never listened. */
void metrics_listen_stop(struct metrics_listen *listen);

#endif
