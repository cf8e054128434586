/*
 * The conversation with a proxy up to the moment when the connection is the target's: HTTP CONNECT
 * (RFC 9110 section 9.3.6) and SOCKS5 (RFC 1928, RFC 1929), the client's side. Sans-I/O, allocates
 * nothing; whatever the proxy says is bounded.
 *
 *   tunnel_init, then: tunnel_write, send it, tunnel_feed until it is not TUNNEL_MORE; on
 *   TUNNEL_SEND again from tunnel_write.
 */
#ifndef WIRE_TUNNEL_H
#define WIRE_TUNNEL_H

#include "handshake_head.h"
#include "proxy.h"

#define TUNNEL_DETAIL_CAP 192
#define TUNNEL_REASON_CAP 49
#define TUNNEL_LINE_CAP 1024     /* longer lines of a head are cut: none that counts is as long */
#define TUNNEL_MESSAGE_CAP 12288 /* more than any message: CONNECT with 8 KiB of user info */
#define SOCKS5_MESSAGE_CAP 520   /* the longest, user name and password of 255 bytes each */
#define SOCKS5_REPLY_CAP 262

enum tunnel_result {
  TUNNEL_MORE,   /* the answer is not whole yet */
  TUNNEL_SEND,   /* another message is due: tunnel_write() */
  TUNNEL_DONE,   /* the bytes behind *consumed are the target's */
  TUNNEL_REFUSED /* by the proxy, or because it speaks no sense: see detail */
};

struct tunnel_target {
  const char *host; /* a name, or an address without brackets; the caller's */
  uint16_t port;
  uint8_t address_len; /* 4 or 16: asked for by this address; 0: by name */
  uint8_t address[16]; /* network byte order */
};

struct tunnel_http {
  struct handshake_head head;
  bool has_challenge, offers_basic;
  char reason[TUNNEL_REASON_CAP]; /* of the answer under way, cut */
  char line[TUNNEL_LINE_CAP];
};

enum socks5_step { SOCKS5_METHOD, SOCKS5_LOGIN, SOCKS5_CONNECT };

struct tunnel_socks5 {
  enum socks5_step step;
  size_t reply_len, reply_wanted;
  uint8_t reply[SOCKS5_REPLY_CAP];
};

/** Members are read by others, written by tunnel*.c alone. */
struct tunnel {
  const struct proxy *proxy; /* the caller's */
  struct tunnel_target target;
  enum tunnel_result result;      /* sticks at DONE and REFUSED */
  uint16_t http_status;           /* of a refusal, or 0 */
  char detail[TUNNEL_DETAIL_CAP]; /* of a refusal; no secrets, does not name the proxy */
  union {
    struct tunnel_http http;
    struct tunnel_socks5 socks5;
  } as;
};

/** `max_head` bounds the answer to CONNECT. Proxy and host stay while the tunnel is used. */
void tunnel_init(struct tunnel *tunnel, const struct proxy *proxy,
                 const struct tunnel_target *target, size_t max_head);
/** Writes the message that is due. Returns its length, 0 if it does not fit. */
size_t tunnel_write(const struct tunnel *tunnel, char *out, size_t cap);
/** Reads a piece of the answer, as it came. Never takes a byte behind it. */
enum tunnel_result tunnel_feed(struct tunnel *tunnel, const uint8_t *in, size_t len,
                               size_t *consumed);
/** What is being waited for: "the answer to CONNECT". */
const char *tunnel_awaits(const struct tunnel *tunnel);

#endif
