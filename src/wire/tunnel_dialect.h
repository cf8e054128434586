/* What tunnel.c and the two dialects share. */
#ifndef WIRE_TUNNEL_DIALECT_H
#define WIRE_TUNNEL_DIALECT_H

#include "text.h"
#include "tunnel.h"

struct tunnel_dialect {
  void (*init)(struct tunnel *tunnel, size_t max_head);
  size_t (*write)(const struct tunnel *tunnel, char *out, size_t cap);
  enum tunnel_result (*feed)(struct tunnel *tunnel, const uint8_t *in, size_t len,
                             size_t *consumed);
  const char *(*awaits)(const struct tunnel *tunnel);
};

extern const struct tunnel_dialect tunnel_http, tunnel_socks5;

/** Puts "host:port", brackets around an IPv6 address. */
void tunnel_put_target(struct text_writer *w, const struct tunnel_target *target);

#endif
