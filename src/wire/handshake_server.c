/* The server's side: a request read and judged (RFC 6455 section 4.2.1). */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "handshake.h"
#include "handshake_extension.h"

void handshake_server_init(struct handshake_server *s,
                           const struct handshake_server_options *options) {
  memset(s, 0, offsetof(struct handshake_server, line));
  s->options = *options;
  s->result = HANDSHAKE_MORE;
  handshake_head_init(&s->head, true, options->max_handshake);
}

const struct handshake_request *handshake_server_request(const struct handshake_server *s) {
  return &s->request;
}

void handshake_server_choose_subprotocol(struct handshake_server *s, const char *name) {
  (void)snprintf(s->request.subprotocol, sizeof s->request.subprotocol, "%s", name);
}

/* The first thing wrong decides the answer. */
static void refuse(struct handshake_server *s, uint16_t status, const char *what,
                   const char *value) {
  struct handshake_request *request = &s->request;
  if (request->error_status != 0)
    return;
  request->error_status = status;
  text_describe(request->detail, sizeof request->detail, what, value);
}

/* What makes it no request of HTTP outweighs what makes it no upgrade. */
static void refuse_malformed(struct handshake_server *s, uint16_t status, const char *what,
                             const char *value) {
  if (s->request.is_malformed)
    return;
  s->request.is_malformed = true;
  s->request.error_status = 0;
  refuse(s, status, what, value);
}

/* ---- headers ------------------------------------------------------------------ */

/* Keeps a value of which there must be one only. */
static void keep_single(struct handshake_server *s, bool *has, char kept[HANDSHAKE_VALUE_CAP],
                        const char *name, const char *value) {
  if (*has)
    refuse_malformed(s, 400, "header given twice", name);
  else if (strlen(value) >= HANDSHAKE_VALUE_CAP)
    refuse_malformed(s, 400, "header " HANDSHAKE_TOO_LONG_TEXT, name);
  else
    text_copy(kept, HANDSHAKE_VALUE_CAP, value);
  *has = true;
}

/* RFC 9110 section 7.2: host and port, nothing that could be taken for more. */
static bool is_host(const char *value) {
  for (const char *at = value; *at != '\0'; at++) {
    if (!text_is_token_character(*at) && strchr("[]:(),;=", *at) == NULL)
      return false;
  }
  return value[0] != '\0';
}

static void read_host(struct handshake_server *s, const char *value) {
  if (!is_host(value))
    refuse_malformed(s, 400, "Host is not a host", value);
  keep_single(s, &s->has_host, s->request.host, "Host", value);
}

static void read_origin(struct handshake_server *s, const char *value) {
  keep_single(s, &s->has_origin, s->request.origin, "Origin", value);
}

static bool list_holds(const char *value, const char *wanted) {
  struct url_slice rest = {.text = value, .len = strlen(value)}, element;
  while (text_next_element(&rest, &element)) {
    if (text_equals_ignoring_case(element.text, element.len, wanted))
      return true;
  }
  return false;
}

static void read_upgrade(struct handshake_server *s, const char *value) {
  s->has_upgrade = s->has_upgrade || list_holds(value, "websocket");
}

static void read_connection(struct handshake_server *s, const char *value) {
  s->has_connection = s->has_connection || list_holds(value, "upgrade");
}

static void read_version(struct handshake_server *s, const char *value) {
  if (s->has_version)
    refuse(s, 400, "header given twice", "Sec-WebSocket-Version");
  s->has_version = true;
  s->has_right_version = strcmp(value, "13") == 0;
}

static bool is_base64(const char *text, size_t len, const char *last) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return strspn(text, alphabet) == len && strchr(last, text[len - 1]) != NULL;
}

/* 16 bytes are 21 digits, a digit of which two bits count, and two signs of padding. */
static bool is_key(const char *value) {
  return strlen(value) == HANDSHAKE_KEY_LEN && is_base64(value, 22, "AQgw") &&
         strcmp(value + 22, "==") == 0;
}

static void read_key(struct handshake_server *s, const char *value) {
  if (s->has_key)
    refuse(s, 400, "header given twice", "Sec-WebSocket-Key");
  else if (!is_key(value))
    refuse(s, 400, "Sec-WebSocket-Key is not base64 of 16 bytes", value);
  else
    text_copy(s->request.key, sizeof s->request.key, value);
  s->has_key = true;
}

static bool is_supported(const struct handshake_server *s, struct url_slice name) {
  const char *const *supported = s->options.subprotocols;
  for (; supported != NULL && *supported != NULL; supported++) {
    if (strlen(*supported) == name.len && memcmp(*supported, name.text, name.len) == 0)
      return true;
  }
  return false;
}

/* The client's order is its preference (section 4.1, item 10). */
static void read_subprotocols(struct handshake_server *s, const char *value) {
  struct url_slice rest = {.text = value, .len = strlen(value)}, name;
  while (text_next_element(&rest, &name)) {
    if (!text_is_token(name.text, name.len))
      refuse(s, 400, "subprotocol is not a token", value);
    if (s->request.subprotocol[0] != '\0' || name.len >= HANDSHAKE_VALUE_CAP ||
        !is_supported(s, name))
      continue;
    memcpy(s->request.subprotocol, name.text, name.len);
    s->request.subprotocol[name.len] = '\0';
  }
}

static void consider_offer(struct handshake_server *s, const struct extension *offer) {
  struct handshake_request *request = &s->request;
  if (s->options.deflate == NULL || request->deflate_agreed)
    return;
  request->deflate_agreed = extension_accept_offer(offer, s->options.deflate, &request->deflate);
  request->deflate_names_server_bits = offer->has_server_bits;
}

/* Several offers, also on several lines, are in order of preference: the first acceptable one. */
static void read_extensions(struct handshake_server *s, const char *value) {
  struct url_slice rest = {.text = value, .len = strlen(value)};
  struct extension offer;
  enum extension_result result;
  while ((result = extension_next(&rest, &offer)) == EXTENSION_FOUND)
    consider_offer(s, &offer);
  if (result == EXTENSION_MALFORMED)
    refuse(s, 400, "malformed Sec-WebSocket-Extensions", value);
}

static void read_content_length(struct handshake_server *s, const char *value) {
  s->has_body = s->has_body || strspn(value, "0") != strlen(value);
}

/* RFC 9112 section 6.3: without chunks at its end nobody knows where the body ends. llhttp says so
   of codings that it does not know, but takes an empty list for no header, and what follows for
   another request. */
static void read_transfer_encoding(struct handshake_server *s, const char *value) {
  struct url_slice rest = {.text = value, .len = strlen(value)}, coding;
  if (!text_next_element(&rest, &coding))
    refuse_malformed(s, 400, "Transfer-Encoding names no coding", NULL);
  s->has_body = true;
}

struct field_reader {
  const char *name;
  void (*read)(struct handshake_server *s, const char *value);
};

static const struct field_reader fields[] = {{"Host", read_host},
                                             {"Origin", read_origin},
                                             {"Upgrade", read_upgrade},
                                             {"Connection", read_connection},
                                             {"Sec-WebSocket-Version", read_version},
                                             {"Sec-WebSocket-Key", read_key},
                                             {"Sec-WebSocket-Protocol", read_subprotocols},
                                             {"Sec-WebSocket-Extensions", read_extensions},
                                             {"Content-Length", read_content_length},
                                             {"Transfer-Encoding", read_transfer_encoding},
                                             {NULL, NULL}};

static enum handshake_result read_header(struct handshake_server *s, const struct head_line *line) {
  const char *name = handshake_head_name(&s->head, line);
  const char *value = handshake_head_value(&s->head, line);
  if (s->head.is_cut) {
    refuse_malformed(s, 431, "header line longer than 8190 bytes", NULL);
    return HANDSHAKE_BAD;
  }
  const struct field_reader *field = fields;
  while (field->name != NULL && !text_equals_ignoring_case(name, strlen(name), field->name))
    field++;
  if (field->name != NULL)
    field->read(s, value);
  if (s->options.on_header != NULL)
    s->options.on_header(s->options.user, name, value);
  return HANDSHAKE_MORE;
}

/* ---- the request line --------------------------------------------------------------- */

/* Of the absolute form (RFC 9112 section 3.2.2) only path and query count here; the Host header
   that must come with it is read as always. */
static const char *origin_form(const char *target) {
  const char *mark = strstr(target, "://");
  if (target[0] == '/' || mark == NULL)
    return target;
  const size_t scheme_len = (size_t)(mark - target);
  if (!text_equals_ignoring_case(target, scheme_len, "http") &&
      !text_equals_ignoring_case(target, scheme_len, "https") &&
      !text_equals_ignoring_case(target, scheme_len, "ws") &&
      !text_equals_ignoring_case(target, scheme_len, "wss"))
    return target;
  return mark + 3 + strcspn(mark + 3, "/?");
}

static bool is_target(const char *target) {
  for (const char *at = target; *at != '\0'; at++) {
    if (*at <= 0x20 || *at >= 0x7F || *at == '#')
      return false;
  }
  return target[0] == '/';
}

static void keep_target(struct handshake_request *request, const char *sent) {
  struct text_writer w = text_writer_begin(request->target, sizeof request->target);
  const char *target = origin_form(sent);
  if (target != sent && target[0] != '/')
    text_put_string(&w, "/");
  text_put_string(&w, target);
}

static enum handshake_result read_start(struct handshake_server *s, const struct head_line *line) {
  struct handshake_request *request = &s->request;
  struct text_writer w = text_writer_begin(request->method, sizeof request->method);
  text_put_string(&w, llhttp_method_name((llhttp_method_t)llhttp_get_method(&s->head.parser)));
  if (s->head.is_cut) {
    refuse_malformed(s, 414, "request target longer than 8191 bytes", NULL);
    return HANDSHAKE_BAD;
  }
  keep_target(request, handshake_head_value(&s->head, line));
  request->is_http_1_1 = handshake_head_is_http_1(&s->head, 1);
  if (!request->is_http_1_1 && !handshake_head_is_http_1(&s->head, 0))
    refuse_malformed(s, 505, "neither HTTP/1.1 nor 1.0", NULL);
  if (!request->is_http_1_1)
    refuse(s, 505, "not HTTP/1.1", NULL);
  if (strcmp(request->method, "GET") != 0)
    refuse(s, 405, "method is not GET", request->method);
  if (!is_target(request->target))
    refuse_malformed(s, 400, "request target is not a path", NULL);
  return HANDSHAKE_MORE;
}

/* ---- the end ------------------------------------------------------------------ */

/* In the order in which an answer says most. */
static void note_missing(struct handshake_server *s) {
  if (!s->has_host && s->request.is_http_1_1)
    refuse_malformed(s, 400, "no Host header", NULL);
  if (!s->has_upgrade)
    refuse(s, 426, "no 'websocket' in an Upgrade header", NULL);
  if (!s->has_connection)
    refuse(s, 426, "no 'upgrade' in a Connection header", NULL);
  if (!s->has_version)
    refuse(s, 400, "no Sec-WebSocket-Version header", NULL);
  if (!s->has_right_version)
    refuse(s, 426, "Sec-WebSocket-Version is not 13", NULL);
  if (!s->has_key)
    refuse(s, 400, "no Sec-WebSocket-Key header", NULL);
  if (s->has_body)
    refuse(s, 400, "an upgrade request with a body", NULL);
}

static enum handshake_result end_head(struct handshake_server *s) {
  struct handshake_request *request = &s->request;
  note_missing(s);
  request->has_body = s->has_body;
  const uint16_t flags = s->head.parser.flags;
  request->keeps_alive =
      request->is_http_1_1 ? !(flags & F_CONNECTION_CLOSE) : (flags & F_CONNECTION_KEEP_ALIVE) != 0;
  request->is_upgrade = request->error_status == 0;
  if (!request->is_upgrade) {
    request->deflate_agreed = false;
    request->subprotocol[0] = '\0';
  }
  return HANDSHAKE_DONE;
}

static enum handshake_result fail_malformed(struct handshake_server *s) {
  const llhttp_errno_t error = llhttp_get_errno(&s->head.parser);
  struct handshake_request *request = &s->request;
  request->is_malformed = true;
  request->error_status = error == HPE_INVALID_VERSION ? 505 : 400;
  handshake_head_describe(&s->head, request->detail, sizeof request->detail);
  return HANDSHAKE_BAD;
}

static enum handshake_result fail_too_long(struct handshake_server *s) {
  struct handshake_request *request = &s->request;
  request->is_malformed = true;
  request->error_status = s->head.is_start_line ? 414 : 431;
  struct text_writer w = text_writer_begin(request->detail, sizeof request->detail);
  text_put_string(&w, "request head longer than ");
  text_put_number(&w, s->head.max);
  text_put_string(&w, " bytes");
  return HANDSHAKE_TOO_LONG;
}

static enum handshake_result read_line(struct handshake_server *s, enum head_result what,
                                       const struct head_line *line) {
  switch (what) {
  case HEAD_START:
    return read_start(s, line);
  case HEAD_HEADER:
    return read_header(s, line);
  case HEAD_END:
    return end_head(s);
  case HEAD_TOO_LONG:
    return fail_too_long(s);
  default:
    return fail_malformed(s);
  }
}

enum handshake_result handshake_server_feed(struct handshake_server *s, const uint8_t *in,
                                            size_t len, size_t *consumed) {
  const struct head_line line = {.text = s->line, .cap = sizeof s->line};
  *consumed = 0;
  while (s->result == HANDSHAKE_MORE) {
    size_t used;
    const enum head_result what =
        handshake_head_feed(&s->head, &line, in + *consumed, len - *consumed, &used);
    *consumed += used;
    if (what == HEAD_MORE)
      return HANDSHAKE_MORE;
    s->result = read_line(s, what, &line);
  }
  return s->result;
}

/* ---- the body ----------------------------------------------------------------- */

uint64_t handshake_server_body_len(const struct handshake_server *s) {
  return s->head.parser.flags & F_CHUNKED ? UINT64_MAX : s->head.parser.content_length;
}

enum handshake_result handshake_server_body(struct handshake_server *s, const uint8_t *in,
                                            size_t len, size_t *consumed, head_body_callback *take,
                                            void *user) {
  assert(s->result == HANDSHAKE_DONE && s->request.has_body);
  switch (handshake_head_body(&s->head, in, len, consumed, take, user)) {
  case HEAD_MORE:
    return HANDSHAKE_MORE;
  case HEAD_END:
    return HANDSHAKE_DONE;
  default:
    return fail_malformed(s);
  }
}
