/*
 * CONNECT: one request, one head as the answer. Any 2xx opens the tunnel, which begins right behind
 * the head: Content-Length and Transfer-Encoding mean nothing there (RFC 9110 section 9.3.6).
 */
#include <string.h>

#include "handshake_field.h"
#include "tunnel_dialect.h"

#define STATUS_SWITCHING 101
#define STATUS_PROXY_AUTHENTICATION 407

static void init(struct tunnel *tunnel, size_t max_head) {
  handshake_head_init(&tunnel->as.http.head, false, max_head);
}

static const char *awaits(const struct tunnel *tunnel) {
  (void)tunnel;
  return "the answer to CONNECT";
}

/* ---- the request --------------------------------------------------------------- */

static bool put_credentials(struct text_writer *w, const struct url *url) {
  char credentials[URL_LEN_MAX];
  size_t len;
  if (url->userinfo.len == 0)
    return true;
  if (!url_credentials(url, credentials, sizeof credentials, &len))
    return false;
  text_put_string(w, "Proxy-Authorization: Basic ");
  text_put_base64(w, (const uint8_t *)credentials, len);
  text_put_string(w, "\r\n");
  return true;
}

static size_t write_request(const struct tunnel *tunnel, char *out, size_t cap) {
  struct text_writer w = text_writer_begin(out, cap);
  text_put_string(&w, "CONNECT ");
  tunnel_put_target(&w, &tunnel->target);
  text_put_string(&w, " HTTP/1.1\r\nHost: ");
  tunnel_put_target(&w, &tunnel->target);
  text_put_string(&w, "\r\n");
  if (!put_credentials(&w, &tunnel->proxy->url))
    return 0;
  text_put_string(&w, "\r\n");
  return text_writer_end(&w);
}

/* ---- challenges (RFC 9110 section 11.6.1) -------------------------------------- */

/* Up to the comma behind it; one in a quoted string belongs to it (section 5.6.4). */
static size_t element_len(const char *text) {
  bool is_quoted = false;
  size_t len = 0;
  for (; text[len] != '\0' && (is_quoted || text[len] != ','); len++) {
    if (text[len] == '"')
      is_quoted = !is_quoted;
    else if (is_quoted && text[len] == '\\' && text[len + 1] != '\0')
      len++;
  }
  return len;
}

/* The scheme if the element begins a challenge; empty if it is another parameter of the one before,
   a token and "=". */
static struct url_slice scheme_of(struct url_slice element) {
  size_t len = 0;
  while (len < element.len && text_is_token_character(element.text[len]))
    len++;
  const struct url_slice rest = text_trim(element.text + len, element.len - len);
  const bool is_apart = rest.len == 0 || rest.text > element.text + len;
  const bool begins_one = is_apart && (rest.len == 0 || rest.text[0] != '=');
  return (struct url_slice){.text = element.text, .len = begins_one ? len : 0};
}

static void read_challenges(struct tunnel_http *http, const char *text) {
  while (*text != '\0') {
    const size_t len = element_len(text);
    const struct url_slice scheme = scheme_of(text_trim(text, len));
    http->has_challenge = http->has_challenge || scheme.len > 0;
    if (text_equals_ignoring_case(scheme.text, scheme.len, "Basic"))
      http->offers_basic = true;
    text += text[len] == ',' ? len + 1 : len;
  }
}

/* ---- the answer ---------------------------------------------------------------- */

static bool is_http_1(const struct handshake_head *head) {
  return handshake_head_is_http_1(head, 1) || handshake_head_is_http_1(head, 0);
}

static uint16_t status_of(const struct tunnel_http *http) {
  return http->head.parser.status_code;
}

static enum tunnel_result read_start(struct tunnel *tunnel, const struct head_line *line) {
  struct tunnel_http *http = &tunnel->as.http;
  const char *reason = handshake_head_value(&http->head, line);
  if (status_of(http) < 100 || !is_http_1(&http->head)) {
    text_describe(tunnel->detail, sizeof tunnel->detail, "not an HTTP/1.1 status line", reason);
    return TUNNEL_REFUSED;
  }
  text_copy(http->reason, sizeof http->reason, reason);
  return TUNNEL_MORE;
}

static void read_header(struct tunnel *tunnel, const struct head_line *line) {
  struct tunnel_http *http = &tunnel->as.http;
  const char *name = handshake_head_name(&http->head, line);
  const char *value = handshake_head_value(&http->head, line);
  if (text_equals_ignoring_case(name, strlen(name), "Proxy-Authenticate"))
    read_challenges(http, value);
}

static const char *authentication_problem(const struct tunnel *tunnel) {
  const struct tunnel_http *http = &tunnel->as.http;
  if (http->has_challenge && !http->offers_basic)
    return "it wants another authorization than Basic";
  return tunnel->proxy->url.userinfo.len > 0 ? "user name and password were refused"
                                             : "it wants a user name and password";
}

static enum tunnel_result refuse(struct tunnel *tunnel) {
  const struct tunnel_http *http = &tunnel->as.http;
  struct text_writer w = text_writer_begin(tunnel->detail, sizeof tunnel->detail);
  tunnel->http_status = status_of(http);
  text_put_string(&w, "HTTP ");
  text_put_number(&w, tunnel->http_status);
  text_put_string(&w, http->reason[0] != '\0' ? " " : "");
  text_put_escaped(&w, http->reason, strlen(http->reason));
  if (tunnel->http_status == STATUS_PROXY_AUTHENTICATION) {
    text_put_string(&w, ": ");
    text_put_string(&w, authentication_problem(tunnel));
  }
  text_put_string(&w, ", asked for ");
  tunnel_put_target(&w, &tunnel->target);
  return TUNNEL_REFUSED;
}

static enum tunnel_result end_head(struct tunnel *tunnel) {
  const uint16_t status = status_of(&tunnel->as.http);
  if (status >= 300 || status == STATUS_SWITCHING)
    return refuse(tunnel);
  if (status >= 200)
    return TUNNEL_DONE;
  handshake_head_next(&tunnel->as.http.head); /* an interim answer: the real one follows */
  return TUNNEL_MORE;
}

static enum tunnel_result fail_too_long(struct tunnel *tunnel) {
  struct text_writer w = text_writer_begin(tunnel->detail, sizeof tunnel->detail);
  text_put_string(&w, "its answer's head is longer than ");
  text_put_number(&w, tunnel->as.http.head.max);
  text_put_string(&w, " bytes");
  return TUNNEL_REFUSED;
}

static enum tunnel_result fail_malformed(struct tunnel *tunnel) {
  handshake_head_describe(&tunnel->as.http.head, tunnel->detail, sizeof tunnel->detail);
  return TUNNEL_REFUSED;
}

static enum tunnel_result read_line(struct tunnel *tunnel, enum head_result what,
                                    const struct head_line *line) {
  switch (what) {
  case HEAD_START:
    return read_start(tunnel, line);
  case HEAD_HEADER:
    read_header(tunnel, line);
    return TUNNEL_MORE;
  case HEAD_END:
    return end_head(tunnel);
  case HEAD_TOO_LONG:
    return fail_too_long(tunnel);
  default:
    return fail_malformed(tunnel);
  }
}

static enum tunnel_result feed(struct tunnel *tunnel, const uint8_t *in, size_t len,
                               size_t *consumed) {
  struct tunnel_http *http = &tunnel->as.http;
  const struct head_line line = {.text = http->line, .cap = sizeof http->line};
  enum tunnel_result result = TUNNEL_MORE;
  while (result == TUNNEL_MORE) {
    size_t used;
    const enum head_result what =
        handshake_head_feed(&http->head, &line, in + *consumed, len - *consumed, &used);
    *consumed += used;
    if (what == HEAD_MORE)
      return TUNNEL_MORE;
    result = read_line(tunnel, what, &line);
  }
  return result;
}

const struct tunnel_dialect tunnel_http = {init, write_request, feed, awaits};
