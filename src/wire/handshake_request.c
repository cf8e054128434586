/* The client's request (RFC 6455 section 4.1), and what both roles share of its key. */
#include <assert.h>
#include <string.h>

#include "handshake.h"
#include "handshake_extension.h"
#include "handshake_field.h"
#include "sha1.h"

#define CLIENT_ID_HEADER "X-Limpet-Client"
#define NONCE_LEN 16
#define CREDENTIALS_CAP URL_LEN_MAX

void handshake_accept(const char key[HANDSHAKE_KEY_LEN], char accept[HANDSHAKE_ACCEPT_LEN + 1]) {
  static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  uint8_t text[HANDSHAKE_KEY_LEN + sizeof guid - 1], digest[SHA1_LEN];
  struct text_writer w = text_writer_begin(accept, HANDSHAKE_ACCEPT_LEN + 1);
  memcpy(text, key, HANDSHAKE_KEY_LEN);
  memcpy(text + HANDSHAKE_KEY_LEN, guid, sizeof guid - 1);
  sha1(text, sizeof text, digest);
  text_put_base64(&w, digest, sizeof digest);
}

/* ---- what callers may add --------------------------------------------------------- */

static bool is_reserved(const char *name, size_t len) {
  static const char *const reserved[] = {
      "Host", "Upgrade", "Connection",        "Content-Length", "Origin",
      "TE",   "Trailer", "Transfer-Encoding", "Expect",         "HTTP2-Settings"};
  static const char prefix[] = "Sec-WebSocket-";
  for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
    if (text_equals_ignoring_case(name, len, reserved[i]))
      return true;
  }
  const size_t prefix_len = sizeof prefix - 1;
  return len >= prefix_len && text_equals_ignoring_case(name, prefix_len, prefix);
}

const char *field_check(const char *line) {
  const char *colon = strchr(line, ':');
  if (colon == NULL)
    return "header without a colon";
  if (!text_is_token(line, (size_t)(colon - line)))
    return "header name is not a token";
  if (!text_is_field_value(colon + 1, strlen(colon + 1)))
    return "header value holds a control character";
  return NULL;
}

const char *handshake_check_header(const char *line) {
  const char *problem = field_check(line);
  if (problem != NULL)
    return problem;
  return is_reserved(line, strcspn(line, ":")) ? "header is written by the handshake itself" : NULL;
}

const char *handshake_check_subprotocol(const char *name) {
  if (!text_is_token(name, strlen(name)))
    return "subprotocol is not a token";
  return strlen(name) < HANDSHAKE_VALUE_CAP ? NULL : "subprotocol " HANDSHAKE_TOO_LONG_TEXT;
}

const char *handshake_check_origin(const char *origin) {
  const size_t len = strlen(origin);
  if (len == 0 || !text_is_field_value(origin, len) || strpbrk(origin, " \t"))
    return "origin is empty or holds a blank or control character";
  return len < HANDSHAKE_VALUE_CAP ? NULL : "origin " HANDSHAKE_TOO_LONG_TEXT;
}

/* ---- writing ------------------------------------------------------------------ */

void field_put(struct text_writer *w, const char *name, const char *value) {
  text_put_string(w, name);
  text_put_string(w, ": ");
  text_put_string(w, value);
  text_put_string(w, "\r\n");
}

void field_put_lines(struct text_writer *w, const char *const *lines) {
  for (; lines != NULL && *lines != NULL; lines++) {
    text_put_string(w, *lines);
    text_put_string(w, "\r\n");
  }
}

static void put_start(struct text_writer *w, const struct url *url) {
  char host[URL_HOST_CAP + 16]; /* brackets and port */
  text_put_string(w, "GET ");
  if (!w->is_full) /* straight into the output: a target can be long */
    w->len += url_request_target(url, w->out + w->len, w->cap - w->len);
  text_put_string(w, " HTTP/1.1\r\n");
  url_host_header(url, host, sizeof host);
  field_put(w, "Host", host);
  field_put(w, "Upgrade", "websocket");
  field_put(w, "Connection", "Upgrade");
}

static void put_key(struct text_writer *w, const uint8_t *nonce) {
  text_put_string(w, "Sec-WebSocket-Key: ");
  text_put_base64(w, nonce, NONCE_LEN);
  text_put_string(w, "\r\nSec-WebSocket-Version: 13\r\n");
}

static void put_subprotocols(struct text_writer *w, const char *const *names) {
  if (names == NULL || *names == NULL)
    return;
  text_put_string(w, "Sec-WebSocket-Protocol: ");
  text_put_string(w, *names++);
  for (; *names != NULL; names++) {
    text_put_string(w, ", ");
    text_put_string(w, *names);
  }
  text_put_string(w, "\r\n");
}

static void put_extensions(struct text_writer *w, const struct deflate_params *offer) {
  if (offer == NULL)
    return;
  text_put_string(w, "Sec-WebSocket-Extensions: ");
  extension_write_offer(w, offer);
  text_put_string(w, "\r\n");
}

/* Of two lines or names: whether they name the same field. */
static bool is_same_field(const char *a, const char *b) {
  const size_t len = strcspn(a, ":");
  size_t i = 0;
  while (i < len && text_to_lower(a[i]) == text_to_lower(b[i]))
    i++;
  return i == len && strcspn(b, ":") == len;
}

static bool has_field(const char *const *lines, const char *name) {
  while (lines != NULL && *lines != NULL && !is_same_field(*lines, name))
    lines++;
  return lines != NULL && *lines != NULL;
}

static bool has_header(const struct handshake_request_options *options, const char *name) {
  return has_field(options->headers, name) || has_field(options->own_headers, name);
}

static void put_headers(struct text_writer *w, const struct handshake_request_options *options) {
  const char *const *line = options->headers;
  for (; line != NULL && *line != NULL; line++) {
    if (!has_field(options->own_headers, *line))
      field_put_lines(w, (const char *const[]){*line, NULL});
  }
  field_put_lines(w, options->own_headers);
}

/* RFC 7617; the caller's own Authorization wins. */
static bool put_credentials(struct text_writer *w,
                            const struct handshake_request_options *options) {
  char credentials[CREDENTIALS_CAP];
  size_t len;
  if (options->url->userinfo.len == 0 || has_header(options, "Authorization"))
    return true;
  if (!url_credentials(options->url, credentials, sizeof credentials, &len))
    return false;
  text_put_string(w, "Authorization: Basic ");
  text_put_base64(w, (const uint8_t *)credentials, len);
  text_put_string(w, "\r\n");
  return true;
}

static bool are_headers(const char *const *lines) {
  for (; lines != NULL && *lines != NULL; lines++) {
    if (handshake_check_header(*lines) != NULL)
      return false;
  }
  return true;
}

/* Nothing that could end a line or begin another is ever written. */
static bool is_writable(const struct handshake_request_options *options) {
  const char *const *name = options->subprotocols;
  if (!are_headers(options->headers) || !are_headers(options->own_headers))
    return false;
  for (; name != NULL && *name != NULL; name++) {
    if (handshake_check_subprotocol(*name) != NULL)
      return false;
  }
  return options->origin == NULL || handshake_check_origin(options->origin) == NULL;
}

size_t handshake_write_request(const struct handshake_request_options *options, char *out,
                               size_t cap) {
  assert(options->url != NULL && options->nonce != NULL);
  if (cap == 0 || !is_writable(options))
    return 0;
  struct text_writer w = text_writer_begin(out, cap);
  put_start(&w, options->url);
  put_key(&w, options->nonce);
  if (options->origin != NULL)
    field_put(&w, "Origin", options->origin);
  if (options->client_id != NULL && !has_header(options, CLIENT_ID_HEADER))
    field_put(&w, CLIENT_ID_HEADER, options->client_id);
  put_subprotocols(&w, options->subprotocols);
  put_extensions(&w, options->deflate);
  if (!put_credentials(&w, options))
    return 0;
  put_headers(&w, options);
  text_put_string(&w, "\r\n");
  return text_writer_end(&w);
}
