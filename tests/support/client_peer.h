/*
 * Servers for a client's tests, on the test's own loop. `peer`: the library's server role, with
 * hooks, cuts and a slow mode. `raw_peer`: a bare socket in the test's hands, for misbehaviour.
 */
#ifndef SUPPORT_CLIENT_PEER_H
#define SUPPORT_CLIENT_PEER_H

#include "client_world.h"
#include "http.h"
#include "link.h"
#include "listener.h"

#include <limpet/limpet.h>

/** One message received: on which link (1 for the first), and what. */
struct peer_message {
  unsigned link;
  uint8_t opcode;
  size_t len;
  char *data; /* NUL-terminated for convenience */
};

struct peer {
  struct world *world;
  struct http_server *http;
  char url[64];
  struct link *link;   /* the newest; NULL when it has ended */
  struct link **links; /* all that live */
  size_t links_count, links_cap;
  unsigned accepted_count, opened_count, ended_count;

  struct peer_message *messages;
  size_t messages_count, messages_cap;
  struct link_end last_end; /* how the latest ended link did */
  char (*keys)[HANDSHAKE_KEY_LEN + 1];
  size_t keys_count;

  /* behaviour; hooks come after the message was remembered */
  bool is_echo;
  bool forgets;             /* messages are counted only */
  bool drops_at_once;       /* each link is reset as soon as it is open */
  uint16_t refuses;         /* this status instead of 101; 0: accepts */
  const char *const *extra; /* header lines of a refusal */
  unsigned reset_after;     /* each link is reset after this many messages; 0: never */
  unsigned on_this_link;
  void (*on_message)(struct peer *peer, const char *text, size_t len);
  void (*on_opened)(struct peer *peer);
  void *context;
  struct http_settings settings;
};

/** Listens on a free port of 127.0.0.1. */
void peer_init(struct peer *peer, struct world *world);
/** The same for wss, unless `tls` is NULL; the context outlives the peer. */
void peer_init_secure(struct peer *peer, struct world *world, struct tls_context *tls);
/** Drops all links and messages and stops listening. */
void peer_deinit(struct peer *peer);
/** Stops listening: dials are refused from now on; links live on. */
void peer_stop_listening(struct peer *peer);
/** Cuts the newest link with a TCP reset. */
void peer_reset(struct peer *peer);
void peer_send(struct peer *peer, const char *text);
/** Reads no more from the newest link, or again. */
void peer_pause(struct peer *peer, bool paused);
/** The number at the end of message `i`, as 17 in "m 17". */
unsigned peer_number(const struct peer *peer, size_t i);
void peer_forget(struct peer *peer);

struct raw_peer {
  struct world *world;
  struct listener *listener;
  char url[64];
  int fd; /* -1: none accepted */
  unsigned accepted_count;
  uint8_t *in;
  size_t in_len, in_cap;
  bool is_ended; /* the client closed or reset */
};

void raw_peer_init(struct raw_peer *raw, struct world *world);
void raw_peer_deinit(struct raw_peer *raw);
/** Reads what has come. True once at least `len` bytes were read that were not thrown away. */
bool raw_peer_has(struct raw_peer *raw, size_t len);
/** Whether a whole request head has come. */
bool raw_peer_has_head(struct raw_peer *raw);
/** Answers the request head with 101 and throws it away. */
void raw_peer_upgrade(struct raw_peer *raw);
void raw_peer_send(struct raw_peer *raw, const void *data, size_t len);
void raw_peer_send_text(struct raw_peer *raw, const char *text); /* bytes, not a frame */
/** Ends the connection, with a reset or orderly. */
void raw_peer_drop(struct raw_peer *raw, bool is_reset);
/** Accepts the first dial and waits until the upgrade is done on the server's side. */
void raw_peer_open(struct raw_peer *raw);

#endif
