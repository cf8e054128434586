/* Addresses of proxies taken apart. */
#include "proxy.h"

#include <string.h>

#include "text.h"

#define SOCKS5_CREDENTIAL_MAX 255 /* RFC 1929 section 2 */

struct scheme {
  const char *name;
  enum proxy_scheme scheme;
};

static const struct scheme schemes[] = {
    {"http", PROXY_HTTP}, {"socks5", PROXY_SOCKS5}, {"socks5h", PROXY_SOCKS5H}};

static const char *scheme_problem(const char *text, size_t len) {
  if (text_equals_ignoring_case(text, len, "https"))
    return "https:// (TLS to the proxy itself) is not supported; http://, socks5:// and socks5h:// "
           "are";
  return "scheme is not http://, socks5:// or socks5h://";
}

/* Returns what follows the scheme, or NULL with the problem. */
static const char *take_scheme(struct proxy *proxy, const char *text, const char **error) {
  const char *mark = strstr(text, "://");
  proxy->scheme = PROXY_HTTP;
  if (mark == NULL)
    return text;
  const size_t len = (size_t)(mark - text);
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
    if (text_equals_ignoring_case(text, len, schemes[i].name)) {
      proxy->scheme = schemes[i].scheme;
      return mark + 3;
    }
  }
  *error = scheme_problem(text, len);
  return NULL;
}

static const char *credentials_problem(const struct proxy *proxy) {
  char text[URL_LEN_MAX];
  size_t len;
  if (proxy->scheme == PROXY_HTTP || proxy->url.userinfo.len == 0)
    return NULL;
  if (!url_credentials(&proxy->url, text, sizeof text, &len))
    return "user info is too long";
  const char *colon = memchr(text, ':', len);
  const size_t user_len = (size_t)(colon - text);
  if (user_len == 0)
    return "user name is empty, which SOCKS5 does not allow";
  if (user_len > SOCKS5_CREDENTIAL_MAX || len - user_len - 1 > SOCKS5_CREDENTIAL_MAX)
    return "user name or password longer than 255 bytes, which SOCKS5 does not allow";
  return NULL;
}

static const char *rest_problem(const struct proxy *proxy) {
  const struct url *url = &proxy->url;
  if (url->has_query || url->path.len > 1)
    return "path or query after the proxy's host and port";
  return credentials_problem(proxy);
}

bool proxy_parse(struct proxy *proxy, const char *text, const char **error) {
  *error = NULL;
  if (text[0] == '\0')
    *error = "address is empty";
  else if (strlen(text) >= URL_LEN_MAX)
    *error = "address longer than 8191 bytes";
  else if (strchr(text, '#') != NULL)
    *error = "'#' in the address: percent-encode it";
  const char *rest = *error == NULL ? take_scheme(proxy, text, error) : NULL;
  if (rest == NULL)
    return false;
  if (url_parse_authority(&proxy->url, rest, strlen(rest), PROXY_PORT_DEFAULT, error))
    *error = rest_problem(proxy);
  return *error == NULL;
}

void proxy_name(const struct proxy *proxy, char name[PROXY_NAME_CAP]) {
  const struct url *url = &proxy->url;
  const size_t room = PROXY_NAME_CAP - sizeof "[]:65535";
  const size_t len = strlen(url->host);
  struct text_writer w = text_writer_begin(name, PROXY_NAME_CAP);
  text_put_string(&w, url->host_is_ipv6 ? "[" : "");
  text_put(&w, url->host, len < room ? len : room);
  text_put_string(&w, url->host_is_ipv6 ? "]:" : ":");
  text_put_number(&w, url->port);
}
