/* The address of a proxy, and which targets go without one: both as curl 8 reads
   them. Sans-I/O; user info is a secret and is never part of a sentence. */
#ifndef WIRE_PROXY_H
#define WIRE_PROXY_H

#include "url.h"

#define PROXY_PORT_DEFAULT 1080 /* for every scheme, as in curl */
#define PROXY_NAME_CAP 96

enum proxy_scheme {
  PROXY_HTTP,   /* CONNECT (RFC 9110 section 9.3.6) */
  PROXY_SOCKS5, /* RFC 1928; names are looked up here */
  PROXY_SOCKS5H /* RFC 1928; names are looked up by the proxy */
};

struct proxy {
  enum proxy_scheme scheme;
  struct url url; /* host, port and userinfo; the userinfo points into the text that was parsed */
};

/** Parses "scheme://[user[:password]@]host[:port][/]"; without a scheme it is http://. On failure
    false, and `*error` says what is wrong, without any part of the text. */
bool proxy_parse(struct proxy *proxy, const char *text, const char **error);
/** "proxy.example:3128", cut at PROXY_NAME_CAP: for sentences. */
void proxy_name(const struct proxy *proxy, char name[PROXY_NAME_CAP]);

/**
 * Whether the target is on a NO_PROXY list: names separated by commas. "*" alone is every target. A
 * name stands for itself and all names that end in it ("example.org" and ".example.org": also
 * www.example.org, not anexample.org), an address for itself, an address with "/bits" for its
 * network. Not in curl: a name or address with ":port" (IPv6 in brackets) stands for that port
 * only.
 */
bool proxy_is_exempt(const char *list, const struct url *target);

#endif
