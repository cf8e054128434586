/* NO_PROXY: which targets go without a proxy. */
#include <arpa/inet.h>
#include <string.h>

#include "proxy.h"
#include "text.h"

#define LITERAL_CAP 64 /* longer than any address with its bits */

static bool is_blank(char ch) {
  return ch == ' ' || ch == '\t';
}

/* ---- names -------------------------------------------------------------------- */

static struct url_slice without_last_dot(struct url_slice name) {
  if (name.len > 0 && name.text[name.len - 1] == '.')
    name.len--;
  return name;
}

static bool equals(const char *a, const char *b, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (text_to_lower(a[i]) != text_to_lower(b[i]))
      return false;
  }
  return true;
}

/* The whole name, or its last labels. */
static bool matches_name(struct url_slice entry, const char *host) {
  const struct url_slice name = without_last_dot((struct url_slice){host, strlen(host)});
  entry = without_last_dot(entry);
  if (entry.len > 0 && entry.text[0] == '.') {
    entry.text++;
    entry.len--;
  }
  if (entry.len == 0 || entry.len > name.len)
    return false;
  const char *tail = name.text + (name.len - entry.len);
  return equals(entry.text, tail, entry.len) && (tail == name.text || tail[-1] == '.');
}

/* ---- addresses ---------------------------------------------------------------- */

static bool same_bits(const uint8_t *a, const uint8_t *b, size_t bits) {
  const size_t bytes = bits / 8;
  if (memcmp(a, b, bytes) != 0)
    return false;
  return bits % 8 == 0 || ((a[bytes] ^ b[bytes]) >> (8 - bits % 8)) == 0;
}

/* False: not a number of bits. No bits, and by curl's reading 0 too, are all of them. */
static bool take_bits(char *literal, size_t most, size_t *bits) {
  char *slash = strchr(literal, '/');
  *bits = most;
  if (slash == NULL)
    return true;
  *slash = '\0';
  size_t value = 0;
  for (const char *at = slash + 1; *at != '\0'; at++) {
    if (*at < '0' || *at > '9')
      return false;
    value = value * 10 + (size_t)(*at - '0');
    if (value > most)
      return false;
  }
  *bits = value > 0 ? value : most;
  return true;
}

static bool matches_address(struct url_slice entry, const struct url *target) {
  const int family = target->host_is_ipv6 ? AF_INET6 : AF_INET;
  char literal[LITERAL_CAP];
  uint8_t wanted[16], own[16];
  size_t bits;
  if (entry.len >= sizeof literal)
    return false;
  memcpy(literal, entry.text, entry.len);
  literal[entry.len] = '\0';
  return take_bits(literal, target->host_is_ipv6 ? 128 : 32, &bits) &&
         inet_pton(family, literal, wanted) == 1 && inet_pton(family, target->host, own) == 1 &&
         same_bits(wanted, own, bits);
}

/* ---- ports -------------------------------------------------------------------- */

/* Where ":port" begins, or NULL. An IPv6 address in the open has none. */
static const char *find_port(struct url_slice entry) {
  const char *end = entry.text + entry.len;
  const char *colon = memchr(entry.text, ':', entry.len);
  if (entry.len > 0 && entry.text[0] == '[') {
    const char *close = memchr(entry.text, ']', entry.len);
    return close != NULL && close + 1 < end && close[1] == ':' ? close + 1 : NULL;
  }
  const size_t rest_len = colon != NULL ? (size_t)(end - colon) - 1 : 0;
  return colon != NULL && memchr(colon + 1, ':', rest_len) == NULL ? colon : NULL;
}

static bool is_port(const char *digits, const char *end, uint16_t port) {
  uint32_t value = 0;
  for (const char *at = digits; at < end && value <= UINT16_MAX; at++) {
    if (*at < '0' || *at > '9')
      return false;
    value = value * 10 + (uint32_t)(*at - '0');
  }
  return digits < end && value == port;
}

/* ---- entries ------------------------------------------------------------------ */

static struct url_slice without_brackets(struct url_slice entry) {
  if (entry.len >= 2 && entry.text[0] == '[' && entry.text[entry.len - 1] == ']') {
    entry.text++;
    entry.len -= 2;
  }
  return entry;
}

static bool matches(struct url_slice entry, const struct url *target) {
  const char *port = find_port(entry);
  if (port != NULL && !is_port(port + 1, entry.text + entry.len, target->port))
    return false;
  if (port != NULL)
    entry.len = (size_t)(port - entry.text);
  return target->host_is_ip ? matches_address(without_brackets(entry), target)
                            : matches_name(entry, target->host);
}

static const char *skip_blanks(const char *at) {
  while (is_blank(*at))
    at++;
  return at;
}

/* What follows a blank without a comma is not read, as in curl. */
bool proxy_is_exempt(const char *list, const struct url *target) {
  if (strcmp(list, "*") == 0)
    return true;
  const char *at = list;
  while (*at != '\0') {
    at = skip_blanks(at);
    const struct url_slice entry = {at, strcspn(at, " \t,")};
    if (entry.len > 0 && matches(entry, target))
      return true;
    at = skip_blanks(at + entry.len);
    if (*at != ',')
      return false;
    at += strspn(at, ",");
  }
  return false;
}
