/* WebSocket addresses (RFC 6455 section 3, RFC 3986): taken apart, checked, redacted. */
#ifndef WIRE_URL_H
#define WIRE_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URL_LEN_MAX 8192
#define URL_HOST_CAP 256
#define URL_UNIX_PATH_CAP 108

enum url_scheme { URL_WS, URL_WSS, URL_WS_UNIX };

/** Slices point into the text that was parsed and live as long as it. */
struct url_slice {
  const char *text;
  size_t len;
};

struct url {
  enum url_scheme scheme;
  char host[URL_HOST_CAP]; /* lower case, IPv6 literal without brackets; "" for ws+unix */
  bool host_is_ip;         /* IPv4 or IPv6 literal */
  bool host_is_ipv6;
  uint16_t port; /* explicit or default (80, 443) */
  bool port_is_default;
  char unix_path[URL_UNIX_PATH_CAP]; /* ws+unix: percent-decoded, absolute */
  struct url_slice userinfo;         /* as written, before percent-decoding; len 0 if none */
  struct url_slice path;             /* len 0 means "/" */
  struct url_slice query;            /* without "?" */
  bool has_query;
};

/**
 * Parses `text`. On failure false, and `*error` names what is wrong and where ("port 70000 is
 * above 65535", "fragment not allowed in a WebSocket address", ...). Refused: other schemes,
 * fragments, empty hosts, spaces and control characters, raw bytes above 0x7F, bad percent
 * sequences, port 0 or above 65535, IPv6 zone ids, names longer than 253.
 */
bool url_parse(struct url *url, const char *text, size_t len, const char **error);
/** What follows "scheme://" in an address of another scheme, by the same rules: user info, host,
    port, path and query are filled, the scheme is not. */
bool url_parse_authority(struct url *url, const char *text, size_t len, uint16_t usual_port,
                         const char **error);
/** The request target: path and query, "/" if empty. Returns the length; cut at cap - 1. */
size_t url_request_target(const struct url *url, char *out, size_t cap);
/** The Host header's value: brackets around IPv6, port only if not the scheme's default. */
size_t url_host_header(const struct url *url, char *out, size_t cap);
/** User name and password, percent-decoded and joined by ":", for Basic. False if it does not fit.
 */
bool url_credentials(const struct url *url, char *out, size_t cap, size_t *len);
/** The address for logs: user info, and every query value become ***; names stay. Works on text
    that does not parse too. Returns the length it wants. */
size_t url_redact(const char *text, char *out, size_t cap);

#endif
