#include "request.h"

#include "target.h"
#include "text.h"

#include <string.h>

/* ---- where to ---- */

static bool join_urls(struct request *r, const struct hold_options *options) {
  const struct http_request *asked = http_request(r->exchange);
  const char *const *fallback = options->far.fallbacks;
  size_t count = 0;
  if (!target_join(options->far.url, asked->path, asked->query, r->url))
    return false;
  for (; fallback && fallback[count] && count < REQUEST_FALLBACKS_MAX; count++) {
    if (!target_join(fallback[count], asked->path, asked->query, r->fallback_urls[count]))
      return false;
    r->fallbacks[count] = r->fallback_urls[count];
  }
  r->far.url = r->url;
  r->far.fallbacks = count ? r->fallbacks : NULL;
  return true;
}

/* ---- headers ---- */

/* Of this hop (RFC 9110 section 7.6.1), or written by the handshake for the far side. */
static bool is_of_this_hop(const char *name) {
  static const char *const names[] = {
      "Host",
      "Origin",
      "Connection",
      "Keep-Alive",
      "Proxy-Connection",
      "TE",
      "Trailer",
      "Upgrade",
      "Content-Length",
      "Proxy-Authenticate",
      "Expect",
      "Transfer-Encoding",
      "HTTP2-Settings",
      "Proxy-Authorization",
      "X-Limpet-Client",
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (text_equals_ignoring_case(name, strlen(name), names[i]))
      return true;
  return strlen(name) >= 14 && text_equals_ignoring_case(name, 14, "Sec-WebSocket-");
}

static bool is_named_by_connection(const struct request *r, const char *name) {
  const char *value = NULL;
  while ((value = http_header_before(r->exchange, "Connection", value))) {
    struct url_slice rest = {value, strlen(value)}, element;
    while (text_next_element(&rest, &element))
      if (text_equals_ignoring_case(element.text, element.len, name))
        return true;
  }
  return false;
}

/* --header stands instead of the program's own. */
static bool is_given(const limpet_options *far, const char *name) {
  for (const char *const *line = far->headers; line && *line; line++)
    if (text_equals_ignoring_case(*line, strcspn(*line, ":"), name))
      return true;
  return false;
}

static const char *keep(struct request *r, const char *a, const char *b, const char *c) {
  const size_t size = strlen(a) + strlen(b) + strlen(c) + 1;
  char *at = r->text + r->text_len;
  if (size > sizeof r->text - r->text_len) {
    r->error = "the request's headers are too long";
    return NULL;
  }
  struct text_writer w = text_writer_begin(at, size);
  text_put_string(&w, a);
  text_put_string(&w, b);
  text_put_string(&w, c);
  r->text_len += size;
  return at;
}

static void add_line(struct request *r, const char *line) {
  if (line && r->lines_count == REQUEST_LINES_MAX)
    r->error = "the request has too many headers";
  else if (line)
    r->lines[r->lines_count++] = line;
}

static void take_subprotocols(struct request *r, const char *value) {
  struct url_slice rest = {value, strlen(value)}, element;
  while (text_next_element(&rest, &element)) {
    char name[HANDSHAKE_VALUE_CAP] = "";
    if (element.len < sizeof name)
      memcpy(name, element.text, element.len);
    if (handshake_check_subprotocol(name) || r->subprotocols_count == REQUEST_SUBPROTOCOLS_MAX) {
      r->error = "the request asks for subprotocols that cannot be offered";
      return;
    }
    r->subprotocols[r->subprotocols_count++] = keep(r, name, "", "");
    r->asks_subprotocol = true;
  }
}

static void on_header(void *user, const char *name, const char *value) {
  struct request *r = user;
  if (r->error)
    return;
  if (text_equals_ignoring_case(name, strlen(name), "Sec-WebSocket-Protocol"))
    take_subprotocols(r, value);
  if (is_of_this_hop(name) || is_named_by_connection(r, name) || is_given(&r->far, name))
    return;
  const char *line = keep(r, name, ": ", value);
  if (line && !handshake_check_header(line))
    add_line(r, line);
}

static void take_origin(struct request *r) {
  const char *origin = http_header(r->exchange, "Origin");
  if (!r->far.origin && origin && !handshake_check_origin(origin))
    r->far.origin = keep(r, origin, "", "");
}

const char *request_read(struct request *r, const struct hold_options *options,
                         const struct http_exchange *exchange) {
  memset(r, 0, offsetof(struct request, text));
  r->text_len = 0;
  r->error = NULL;
  r->exchange = exchange;
  r->far = options->far;
  memset(r->fallbacks, 0, sizeof r->fallbacks);
  if (!join_urls(r, options))
    return "path and query do not fit into a URL of the far side";
  http_each_header(exchange, on_header, r);
  take_origin(r);
  for (const char *const *line = options->far.headers; line && *line; line++)
    add_line(r, *line);
  r->far.headers = r->lines_count ? r->lines : NULL;
  if (r->asks_subprotocol)
    r->far.subprotocols = r->subprotocols;
  return r->error;
}
