/* The conversation with a proxy, in whichever dialect it speaks. */
#include "tunnel.h"

#include <string.h>

#include "tunnel_dialect.h"

static const struct tunnel_dialect *dialect_of(const struct tunnel *tunnel) {
  return tunnel->proxy->scheme == PROXY_HTTP ? &tunnel_http : &tunnel_socks5;
}

void tunnel_init(struct tunnel *tunnel, const struct proxy *proxy,
                 const struct tunnel_target *target, size_t max_head) {
  memset(tunnel, 0, sizeof *tunnel);
  tunnel->proxy = proxy;
  tunnel->target = *target;
  tunnel->result = TUNNEL_MORE;
  dialect_of(tunnel)->init(tunnel, max_head);
}

size_t tunnel_write(const struct tunnel *tunnel, char *out, size_t cap) {
  return cap > 0 ? dialect_of(tunnel)->write(tunnel, out, cap) : 0;
}

enum tunnel_result tunnel_feed(struct tunnel *tunnel, const uint8_t *in, size_t len,
                               size_t *consumed) {
  *consumed = 0;
  if (tunnel->result == TUNNEL_MORE || tunnel->result == TUNNEL_SEND)
    tunnel->result = dialect_of(tunnel)->feed(tunnel, in, len, consumed);
  return tunnel->result;
}

const char *tunnel_awaits(const struct tunnel *tunnel) {
  return dialect_of(tunnel)->awaits(tunnel);
}

void tunnel_put_target(struct text_writer *w, const struct tunnel_target *target) {
  const bool is_ipv6 = strchr(target->host, ':') != NULL;
  text_put_string(w, is_ipv6 ? "[" : "");
  text_put_string(w, target->host);
  text_put_string(w, is_ipv6 ? "]:" : ":");
  text_put_number(w, target->port);
}
