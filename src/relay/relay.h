/*
 * The reference relay: conversations over WebSocket and REST, on a store. Messages are stored,
 * acknowledged and broadcast after the commit; whoever comes back gets what it missed, then what
 * is new, without a gap and without a repeat. The wire contract is section 9 of the design;
 * docs/limpet-serve.1 has it for users.
 *
 * One relay lives on one loop; the store's file is worked on by a thread of its own.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "loop.h"

#define RELAY_DETAIL_CAP 512
#define RELAY_LIST_MAX 64 /* origins, proxies */
/** In the list of proxies: whoever comes by a Unix socket. */
#define RELAY_UNIX_PROXY "unix:"

struct relay;

struct relay_options {
  const char *listen;     /* as for listener_new() */
  const char *store_path; /* NULL: in memory */
  const char *store_vfs;  /* NULL: SQLite's default */
  const char *token_file; /* NULL: everybody may do everything */
  const char *tls_cert, *tls_key;
  const char *web;                         /* a folder of files to serve beside the API, or NULL */
  const char *origins[RELAY_LIST_MAX + 1]; /* whose pages may use it, "*": all; NULL at the end */
  const char *proxies[RELAY_LIST_MAX + 1]; /* whose X-Forwarded-For is believed; NULL at the end */
  uint32_t max_connections;
  uint32_t rate;       /* messages a second of each connection, 0: no limit */
  uint32_t admit_rate; /* new WebSockets a second, 0: no limit */
  uint32_t heartbeat_interval_ms, heartbeat_timeout_ms;
  uint64_t max_message;
  uint64_t max_backlog;       /* bytes that wait for a reader */
  uint64_t max_backlog_total; /* and for all of them */
  uint64_t max_conversations;
  uint64_t keep_age_s, keep_bytes; /* 0: for ever, without limit */
  bool is_quiet;
  bool has_levers; /* POST /demo/cut and /demo/kill: for `limpet demo` alone */
};

void relay_options_init(struct relay_options *options);

enum relay_start { RELAY_STARTED, RELAY_BAD_INPUT, RELAY_CANNOT_START };

/** Listens, or says in `detail` why not. `options` and what it points to must stay. */
enum relay_start relay_new(struct net_loop *loop, const struct relay_options *options,
                           struct relay **relay, char detail[RELAY_DETAIL_CAP]);
/** "http://127.0.0.1:8085", with the real port. */
const char *relay_address(const struct relay *relay);
/** Reads token file and certificates again. What cannot be used is logged, and the old one kept. */
void relay_reload(struct relay *relay);
/** Takes no more, stores and acknowledges what has come, closes all with 1012, closes the store,
    frees itself and calls `stopped`. Bounded in time; `is_clean` is false if the disk did not let
    the store close: then the process must end without waiting for it. */
void relay_stop(struct relay *relay, void (*stopped)(void *user, bool is_clean), void *user);

#endif
