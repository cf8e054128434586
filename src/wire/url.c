/*
 * Taking a WebSocket address apart. What does not read as RFC 3986 and RFC 6455 section 3 want it
 * is refused rather than mended, so that the address dialed is the address written.
 *
 * Invariant: after success every slice lies inside the text that was parsed, and holds printable
 * ASCII only, so that it can be copied into a request line as it is.
 */
#include "url.h"

#include <arpa/inet.h>
#include <string.h>

#include "text.h"

#define NAME_LEN_MAX 253
#define LABEL_LEN_MAX 63

struct cursor {
  const char *at, *end;
  const char *problem;
};

static bool fail(struct cursor *c, const char *problem) {
  c->problem = problem;
  return false;
}

static bool is_digit(char ch) {
  return ch >= '0' && ch <= '9';
}

/* The byte that %XX at `at` stands for, or -1. */
static int percent_value(const char *at, const char *end) {
  if (end - at < 3)
    return -1;
  const int high = text_hex_value(at[1]), low = text_hex_value(at[2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* ---- characters --------------------------------------------------------------- */

static const char *character_problem(unsigned char ch) {
  if (ch == '#')
    return "fragment not allowed in a WebSocket address";
  if (ch == ' ')
    return "space in the address";
  if (ch < 0x20 || ch == 0x7F)
    return "control character in the address";
  if (ch > 0x7F)
    return "byte above 0x7F in the address: percent-encode it";
  return NULL;
}

static bool check_characters(struct cursor *c) {
  for (const char *at = c->at; at < c->end; at++) {
    const char *problem = character_problem((unsigned char)*at);
    if (problem != NULL)
      return fail(c, problem);
    if (*at == '%' && percent_value(at, c->end) < 0)
      return fail(c, "percent sign without two hexadecimal digits");
  }
  return true;
}

/* ---- scheme ------------------------------------------------------------------- */

static bool take_prefix(struct cursor *c, const char *prefix) {
  const size_t len = strlen(prefix);
  if ((size_t)(c->end - c->at) < len)
    return false;
  for (size_t i = 0; i < len; i++) {
    if (text_to_lower(c->at[i]) != prefix[i])
      return false;
  }
  c->at += len;
  return true;
}

static bool parse_scheme(struct url *url, struct cursor *c) {
  if (take_prefix(c, "ws://"))
    url->scheme = URL_WS;
  else if (take_prefix(c, "wss://"))
    url->scheme = URL_WSS;
  else if (take_prefix(c, "ws+unix:"))
    url->scheme = URL_WS_UNIX;
  else
    return fail(c, "scheme is not ws://, wss:// or ws+unix:");
  return true;
}

/* ---- user info ---------------------------------------------------------------- */

/* RFC 7617 section 2: no control characters, and no colon in the user name. */
static bool check_userinfo(struct cursor *c, struct url_slice info) {
  bool is_password = false;
  const char *end = info.text + info.len;
  for (const char *at = info.text; at < end; at++) {
    const bool is_escape = *at == '%';
    const int byte = is_escape ? percent_value(at, end) : (unsigned char)*at;
    if (byte < 0x20 || byte == 0x7F)
      return fail(c, "control character in the user info");
    if (is_escape && byte == ':' && !is_password)
      return fail(c, "user name holds a colon, which Basic authorization cannot carry");
    is_password = is_password || *at == ':';
    at += is_escape ? 2 : 0;
  }
  return true;
}

/* Cuts "user:password@" off the front of an authority. */
static bool parse_userinfo(struct url *url, struct cursor *c, const char *authority_end) {
  const char *at_sign = memchr(c->at, '@', (size_t)(authority_end - c->at));
  if (at_sign == NULL)
    return true;
  url->userinfo.text = c->at;
  url->userinfo.len = (size_t)(at_sign - c->at);
  c->at = at_sign + 1;
  return check_userinfo(c, url->userinfo);
}

/* ---- host --------------------------------------------------------------------- */

static bool is_name_character(char ch) {
  ch = text_to_lower(ch);
  return (ch >= 'a' && ch <= 'z') || is_digit(ch) || ch == '-' || ch == '_';
}

/* Labels of 1-63 letters, digits, hyphens and underscores; one dot may end the name. */
static bool check_labels(struct cursor *c, const char *name, size_t len) {
  size_t label_len = 0;
  for (size_t i = 0; i < len; i++) {
    if (name[i] == '.') {
      if (label_len == 0)
        return fail(c, "empty label in the host name");
      label_len = 0;
    } else if (!is_name_character(name[i])) {
      return fail(c, "host holds a character that no host name has");
    } else if (++label_len > LABEL_LEN_MAX) {
      return fail(c, "label of the host name longer than 63");
    }
  }
  return true;
}

/* Whether the last label is a number: then the resolver would read it as IPv4, in forms older
   than the dotted quad too, so only a dotted quad is let through. */
static bool ends_in_number(const char *name, size_t len) {
  size_t start = len;
  while (start > 0 && name[start - 1] != '.')
    start--;
  if (start == len)
    return false;
  const bool is_hex =
      len - start >= 2 && name[start] == '0' && text_to_lower(name[start + 1]) == 'x';
  for (size_t i = start + (is_hex ? 2 : 0); i < len; i++) {
    if (is_hex ? text_hex_value(name[i]) < 0 : !is_digit(name[i]))
      return false;
  }
  return true;
}

static void copy_lower(char *dst, const char *src, size_t len) {
  for (size_t i = 0; i < len; i++)
    dst[i] = text_to_lower(src[i]);
  dst[len] = '\0';
}

static bool parse_ipv6(struct url *url, struct cursor *c, const char *authority_end) {
  const char *close = memchr(c->at, ']', (size_t)(authority_end - c->at));
  if (close == NULL)
    return fail(c, "IPv6 address without closing bracket");
  const size_t len = (size_t)(close - c->at) - 1;
  if (memchr(c->at, '%', len + 1) != NULL)
    return fail(c, "IPv6 zone id not allowed");
  if (len >= INET6_ADDRSTRLEN)
    return fail(c, "not an IPv6 address between the brackets");
  copy_lower(url->host, c->at + 1, len);
  uint8_t address[16];
  if (inet_pton(AF_INET6, url->host, address) != 1)
    return fail(c, "not an IPv6 address between the brackets");
  url->host_is_ip = url->host_is_ipv6 = true;
  c->at = close + 1;
  return true;
}

static bool parse_name(struct url *url, struct cursor *c, const char *authority_end) {
  const char *colon = memchr(c->at, ':', (size_t)(authority_end - c->at));
  const char *end = colon != NULL ? colon : authority_end;
  const size_t len = (size_t)(end - c->at);
  const size_t name_len = len > 0 && end[-1] == '.' ? len - 1 : len;
  if (name_len == 0)
    return fail(c, "host is empty");
  if (name_len > NAME_LEN_MAX)
    return fail(c, "host name longer than 253");
  if (!check_labels(c, c->at, len))
    return false;
  copy_lower(url->host, c->at, len);
  if (ends_in_number(url->host, name_len)) {
    uint8_t address[4];
    if (inet_pton(AF_INET, url->host, address) != 1)
      return fail(c, "host looks like an IPv4 address but is none");
    url->host_is_ip = true;
  }
  c->at = end;
  return true;
}

static bool parse_port(struct url *url, struct cursor *c, const char *authority_end,
                       uint16_t usual) {
  url->port = usual;
  url->port_is_default = true;
  if (c->at == authority_end)
    return true;
  if (*c->at++ != ':')
    return fail(c, "neither port nor path after the host");
  if (c->at == authority_end)
    return true; /* RFC 3986 section 3.2.3: an empty port is the default one */
  uint32_t port = 0;
  for (; c->at < authority_end; c->at++) {
    if (!is_digit(*c->at))
      return fail(c, "port is not a number");
    port = port * 10 + (uint32_t)(*c->at - '0');
    if (port > UINT16_MAX)
      return fail(c, "port is above 65535");
  }
  if (port == 0)
    return fail(c, "port 0 cannot be dialed");
  url->port = (uint16_t)port;
  url->port_is_default = port == usual;
  return true;
}

/* ---- the parts ---------------------------------------------------------------- */

static const char *find_either(const char *at, const char *end, char one, char other) {
  while (at < end && *at != one && *at != other)
    at++;
  return at;
}

static bool parse_authority(struct url *url, struct cursor *c, uint16_t usual_port) {
  const char *end = find_either(c->at, c->end, '/', '?');
  if (!parse_userinfo(url, c, end))
    return false;
  const bool is_bracketed = c->at < end && *c->at == '[';
  if (!(is_bracketed ? parse_ipv6(url, c, end) : parse_name(url, c, end)))
    return false;
  return parse_port(url, c, end, usual_port);
}

/* Decodes the socket's path, which reaches to the first colon. */
static bool parse_socket_path(struct url *url, struct cursor *c) {
  const char *end = find_either(c->at, c->end, ':', '?');
  size_t len = 0;
  while (c->at < end) {
    const bool is_escape = *c->at == '%';
    const int byte = is_escape ? percent_value(c->at, end) : *c->at;
    if (byte == 0)
      return fail(c, "NUL in the socket's path");
    if (len == URL_UNIX_PATH_CAP - 1)
      return fail(c, "socket's path longer than 107 bytes");
    url->unix_path[len++] = (char)byte;
    c->at += is_escape ? 3 : 1;
  }
  url->unix_path[len] = '\0';
  if (c->at < c->end && *c->at == ':' && ++c->at < c->end && *c->at != '/' && *c->at != '?')
    return fail(c, "request path after the socket's path does not begin with /");
  return true;
}

/* ws+unix:/socket:/request and ws+unix://[user info@]/socket:/request */
static bool parse_unix(struct url *url, struct cursor *c) {
  if (take_prefix(c, "//")) {
    const char *end = find_either(c->at, c->end, '/', '?');
    if (!parse_userinfo(url, c, end))
      return false;
    if (c->at != end)
      return fail(c, "host not allowed before a socket's path");
  }
  if (c->at == c->end || *c->at != '/')
    return fail(c, "socket's path is not absolute");
  url->port_is_default = true;
  return parse_socket_path(url, c);
}

static void take_path_and_query(struct url *url, struct cursor *c) {
  const char *found = memchr(c->at, '?', (size_t)(c->end - c->at));
  const char *mark = found != NULL ? found : c->end;
  url->path.text = c->at;
  url->path.len = (size_t)(mark - c->at);
  url->has_query = mark < c->end;
  url->query.text = url->has_query ? mark + 1 : mark;
  url->query.len = (size_t)(c->end - url->query.text);
}

static bool parse(struct url *url, struct cursor *c) {
  if (c->at == c->end)
    return fail(c, "address is empty");
  if (c->end - c->at >= URL_LEN_MAX)
    return fail(c, "address longer than 8191 bytes");
  if (!check_characters(c) || !parse_scheme(url, c))
    return false;
  const uint16_t usual_port = url->scheme == URL_WSS ? 443 : 80;
  if (!(url->scheme == URL_WS_UNIX ? parse_unix(url, c) : parse_authority(url, c, usual_port)))
    return false;
  take_path_and_query(url, c);
  return true;
}

bool url_parse(struct url *url, const char *text, size_t len, const char **error) {
  struct cursor c = {.at = text, .end = text + len};
  memset(url, 0, sizeof *url);
  const bool is_good = parse(url, &c);
  *error = c.problem;
  return is_good;
}

bool url_parse_authority(struct url *url, const char *text, size_t len, uint16_t usual_port,
                         const char **error) {
  struct cursor c = {.at = text, .end = text + len};
  memset(url, 0, sizeof *url);
  const bool is_good = check_characters(&c) && parse_authority(url, &c, usual_port);
  if (is_good)
    take_path_and_query(url, &c);
  *error = c.problem;
  return is_good;
}
