/* Addresses: of servers and of proxies, and what is made of them. */
#include "fuzz.h"

#include "handshake.h"
#include "proxy.h"
#include "url.h"

#include <stdlib.h>
#include <string.h>

#define HOST_HEADER_CAP (URL_HOST_CAP + 10)
#define ADDRESS_CAP (URL_LEN_MAX + HOST_HEADER_CAP + 16)

static bool is_inside(struct url_slice slice, const char *text, size_t len) {
  return slice.len == 0 ||
         (slice.text >= text && slice.len <= len && (size_t)(slice.text - text) <= len - slice.len);
}

static void check_parts(const struct url *url, const char *text, size_t len) {
  FUZZ_CHECK(memchr(url->host, '\0', sizeof url->host) != NULL);
  FUZZ_CHECK(memchr(url->unix_path, '\0', sizeof url->unix_path) != NULL);
  FUZZ_CHECK(is_inside(url->userinfo, text, len));
  FUZZ_CHECK(is_inside(url->path, text, len) && is_inside(url->query, text, len));
  FUZZ_CHECK(!url->host_is_ipv6 || url->host_is_ip);
  if (url->scheme == URL_WS_UNIX)
    FUZZ_CHECK(url->unix_path[0] == '/');
  else
    FUZZ_CHECK(url->port != 0 && url->host[0] != '\0');
}

static bool are_equal(struct url_slice a, struct url_slice b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.text, b.text, a.len) == 0);
}

/* What is said to a server means the same address again. */
static void check_round_trip(const struct url *url) {
  static char text[ADDRESS_CAP];
  struct url again;
  const char *error;
  strcpy(text, url->scheme == URL_WS ? "ws://" : "wss://");
  size_t len = strlen(text);
  len += url_host_header(url, text + len, sizeof text - len);
  FUZZ_CHECK(len < HOST_HEADER_CAP + 8);
  const size_t target_len = url_request_target(url, text + len, sizeof text - len);
  FUZZ_CHECK(text[len] == '/' && strlen(text + len) == target_len);
  FUZZ_CHECK(target_len <= URL_LEN_MAX);
  if (len + target_len > URL_LEN_MAX)
    return;
  FUZZ_CHECK(url_parse(&again, text, len + target_len, &error));
  FUZZ_CHECK(again.port == url->port && strcmp(again.host, url->host) == 0);
  FUZZ_CHECK(again.host_is_ip == url->host_is_ip && again.userinfo.len == 0);
  FUZZ_CHECK(again.has_query == url->has_query && are_equal(again.query, url->query));
}

static void check_credentials(const struct url *url) {
  size_t len = SIZE_MAX;
  const size_t cap = url->userinfo.len + 2;
  char *out = fuzz_alloc(cap);
  if (url_credentials(url, out, cap, &len))
    FUZZ_CHECK(len < cap);
  free(out);
}

static void check_address(const char *text, size_t len) {
  struct url url;
  const char *error = NULL;
  if (!url_parse(&url, text, len, &error)) {
    FUZZ_CHECK(error != NULL && *error != '\0');
    return;
  }
  FUZZ_CHECK(len <= URL_LEN_MAX);
  check_parts(&url, text, len);
  check_credentials(&url);
  if (url.scheme != URL_WS_UNIX)
    check_round_trip(&url);
}

/* ---- what may be seen in a log ---- */

static char *put(char *out, const char *text, size_t len) {
  memcpy(out, text, len);
  return out + len;
}

static char *put_redacted_query(char *out, const char *query, const char *end) {
  while (query < end) {
    const size_t len = (size_t)(end - query);
    const char *stop = memchr(query, '&', len);
    stop = stop != NULL ? stop : end;
    const char *equals = memchr(query, '=', (size_t)(stop - query));
    if (equals != NULL)
      out = put(out, query, (size_t)(equals - query) + 1);
    if (stop > query)
      out = put(out, "***", 3);
    if (stop < end)
      out = put(out, "&", 1);
    query = stop < end ? stop + 1 : end;
  }
  return out;
}

/* Of an address all is known: its parts stand where the parser says. */
static void check_redacted_address(const struct url *url, const char *text, const char *redacted) {
  const char *rest = text, *end = text + strlen(text);
  char *expected = fuzz_alloc(strlen(text) * 4 + 8), *out = expected;
  if (url->userinfo.text != NULL) {
    out = put(out, text, (size_t)(url->userinfo.text - text));
    out = put(out, "***", 3);
    rest = url->userinfo.text + url->userinfo.len;
  }
  const char *query = url->has_query ? url->query.text : end;
  out = put(out, rest, (size_t)(query - rest));
  out = put_redacted_query(out, query, end);
  *out = '\0';
  FUZZ_CHECK(strcmp(expected, redacted) == 0);
  free(expected);
}

/* "name=***", "***" or nothing. */
static void check_redacted_parameter(const char *at, size_t len) {
  const char *equals = memchr(at, '=', len);
  const size_t name_len = equals != NULL ? (size_t)(equals - at) + 1 : 0;
  FUZZ_CHECK(len == 0 || (len - name_len == 3 && memcmp(at + name_len, "***", 3) == 0));
}

/* Of any other text: what stands before the last @ may be a password, what follows a question mark
   a token. */
static void check_redacted_text(const char *text, const char *redacted) {
  const char *mark = strstr(text, "://"), *at_sign = strrchr(text, '@');
  const size_t scheme_len =
      strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
  const size_t shown = mark == text + scheme_len ? scheme_len + 3 : 0;
  if (at_sign != NULL && at_sign >= text + shown)
    FUZZ_CHECK(strncmp(redacted, text, shown) == 0 && strncmp(redacted + shown, "***", 3) == 0);
  const char *fragment = redacted + strcspn(redacted, "#");
  FUZZ_CHECK(*fragment == '\0' || strcmp(fragment, "#***") == 0);
  const char *part = redacted + strcspn(redacted, "?#");
  while (*part == '?' || *part == '&') {
    const size_t len = strcspn(++part, "&#");
    check_redacted_parameter(part, len);
    part += len;
  }
}

/* However little room there is. */
static void check_redacted(const char *text, size_t len) {
  struct url url;
  const char *error;
  const size_t wanted = url_redact(text, NULL, 0);
  char *out = fuzz_alloc(wanted + 1);
  FUZZ_CHECK(url_redact(text, out, wanted + 1) == wanted && strlen(out) == wanted);
  if (url_parse(&url, text, len, &error))
    check_redacted_address(&url, text, out);
  else
    check_redacted_text(text, out);
  char *small = fuzz_alloc(wanted / 2 + 1);
  FUZZ_CHECK(url_redact(text, small, wanted / 2 + 1) == wanted);
  FUZZ_CHECK(strlen(small) == wanted / 2 && memcmp(small, out, wanted / 2) == 0);
  free(small);
  free(out);
}

static void check_proxy(const char *text) {
  struct proxy proxy;
  char name[PROXY_NAME_CAP];
  const char *error = NULL;
  if (!proxy_parse(&proxy, text, &error)) {
    FUZZ_CHECK(error != NULL && *error != '\0');
    return;
  }
  FUZZ_CHECK(proxy.url.port != 0 && proxy.url.host[0] != '\0');
  FUZZ_CHECK(is_inside(proxy.url.userinfo, text, strlen(text)));
  proxy_name(&proxy, name);
  FUZZ_CHECK(memchr(name, '\0', sizeof name) != NULL);
}

static void check_exempt(const char *list) {
  static const char *const targets[] = {"ws://www.example.org:81/", "wss://192.0.2.1/",
                                        "ws://[2001:db8::a]/"};
  for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
    struct url url;
    const char *error;
    FUZZ_CHECK(url_parse(&url, targets[i], strlen(targets[i]), &error));
    FUZZ_CHECK(proxy_is_exempt(list, &url) || strcmp(list, "*") != 0);
  }
}

/* What passes as a header of the caller's cannot begin another. */
static void check_header(const char *line) {
  if (handshake_check_header(line) == NULL || handshake_check_origin(line) == NULL ||
      handshake_check_subprotocol(line) == NULL)
    FUZZ_CHECK(strpbrk(line, "\r\n") == NULL);
}

void fuzz_one(const uint8_t *data, size_t len) {
  char *text = fuzz_text((struct fuzz_input){data, len});
  check_address((const char *)data, len);
  check_redacted(text, strlen(text));
  check_proxy(text);
  check_exempt(text);
  check_header(text);
  free(text);
}
