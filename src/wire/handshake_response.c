/* The client's reading of the response (RFC 6455 section 4.1, second list). */
#include <assert.h>
#include <string.h>

#include "handshake.h"
#include "handshake_date.h"
#include "handshake_extension.h"

#define STATUS_SWITCHING 101

void handshake_reader_init(struct handshake_reader *r,
                           const struct handshake_request_options *options, size_t max_handshake,
                           int64_t wall_s) {
  char key[HANDSHAKE_KEY_LEN + 1];
  struct text_writer w = text_writer_begin(key, sizeof key);
  memset(r, 0, offsetof(struct handshake_reader, line));
  text_put_base64(&w, options->nonce, 16);
  handshake_accept(key, r->accept);
  r->options = options;
  r->wall_s = wall_s;
  r->result = HANDSHAKE_MORE;
  r->response.retry_after_ms = UINT64_MAX;
  handshake_head_init(&r->head, false, max_handshake);
}

const struct handshake_response *handshake_reader_response(const struct handshake_reader *r) {
  return &r->response;
}

/* Only the first thing wrong is told. */
static void blame(struct handshake_reader *r, const char *what, const char *value) {
  if (r->response.detail[0] == '\0')
    text_describe(r->response.detail, sizeof r->response.detail, what, value);
}

/* ---- the headers of a 101 ----------------------------------------------------------- */

static void read_upgrade(struct handshake_reader *r, const char *value) {
  if (r->has_upgrade)
    blame(r, "more than one Upgrade header", value);
  else if (!text_equals_ignoring_case(value, strlen(value), "websocket"))
    blame(r, "Upgrade is not 'websocket'", value);
  r->has_upgrade = true;
}

static void read_connection(struct handshake_reader *r, const char *value) {
  struct url_slice rest = {.text = value, .len = strlen(value)}, element;
  while (text_next_element(&rest, &element)) {
    if (text_equals_ignoring_case(element.text, element.len, "upgrade"))
      r->has_connection = true;
  }
}

static void read_accept(struct handshake_reader *r, const char *value) {
  if (r->has_accept)
    blame(r, "more than one Sec-WebSocket-Accept header", value);
  else if (strcmp(value, r->accept) != 0)
    blame(r, "wrong Sec-WebSocket-Accept", value);
  r->has_accept = true;
}

static bool was_offered(const struct handshake_reader *r, const char *name) {
  const char *const *offered = r->options->subprotocols;
  for (; offered != NULL && *offered != NULL; offered++) {
    if (strcmp(*offered, name) == 0)
      return true;
  }
  return false;
}

static void read_subprotocol(struct handshake_reader *r, const char *value) {
  if (r->has_subprotocol) {
    blame(r, "more than one Sec-WebSocket-Protocol header", value);
  } else if (!was_offered(r, value)) {
    r->response.is_final = r->response.detail[0] == '\0';
    blame(r, "subprotocol was not offered", value);
  } else {
    text_copy(r->response.subprotocol, sizeof r->response.subprotocol, value);
  }
  r->has_subprotocol = true;
}

static const char *extension_problem(struct handshake_reader *r, const struct extension *e) {
  if (!e->is_deflate || r->options->deflate == NULL)
    return "extension was not offered";
  if (r->response.deflate_agreed)
    return "permessage-deflate answered twice";
  r->response.deflate_agreed = true;
  return extension_check_answer(e, r->options->deflate, &r->response.deflate);
}

static void read_extensions(struct handshake_reader *r, const char *value) {
  struct url_slice rest = {.text = value, .len = strlen(value)};
  struct extension extension;
  enum extension_result result;
  while ((result = extension_next(&rest, &extension)) == EXTENSION_FOUND) {
    const char *problem = extension_problem(r, &extension);
    if (problem != NULL)
      blame(r, problem, value);
  }
  if (result == EXTENSION_MALFORMED)
    blame(r, "malformed Sec-WebSocket-Extensions", value);
}

struct field_reader {
  const char *name;
  void (*read)(struct handshake_reader *r, const char *value);
};

static const struct field_reader upgrade_fields[] = {{"Upgrade", read_upgrade},
                                                     {"Connection", read_connection},
                                                     {"Sec-WebSocket-Accept", read_accept},
                                                     {"Sec-WebSocket-Protocol", read_subprotocol},
                                                     {"Sec-WebSocket-Extensions", read_extensions},
                                                     {NULL, NULL}};

/* ---- the headers of a refusal -------------------------------------------------------- */

static void read_retry_after(struct handshake_reader *r, const char *value) {
  const bool counts = r->response.status == 429 || r->response.status == 503;
  if (counts && r->response.retry_after_ms == UINT64_MAX)
    r->response.retry_after_ms = handshake_date_retry_after_ms(value, r->wall_s);
}

static void read_location(struct handshake_reader *r, const char *value) {
  text_copy(r->response.location, sizeof r->response.location, value);
}

static const struct field_reader refusal_fields[] = {
    {"Retry-After", read_retry_after}, {"Location", read_location}, {NULL, NULL}};

static void read_header(struct handshake_reader *r, const struct head_line *line) {
  const char *name = handshake_head_name(&r->head, line);
  const bool is_upgrade = r->response.status == STATUS_SWITCHING;
  const struct field_reader *field = is_upgrade ? upgrade_fields : refusal_fields;
  while (field->name != NULL && !text_equals_ignoring_case(name, strlen(name), field->name))
    field++;
  if (field->name == NULL)
    return;
  if (is_upgrade && r->head.is_cut)
    blame(r, "header longer than 1023 bytes", name);
  else
    field->read(r, handshake_head_value(&r->head, line));
}

/* ---- start and end of a head ---------------------------------------------------------- */

static enum handshake_result read_start(struct handshake_reader *r, const struct head_line *line) {
  const char *reason = handshake_head_value(&r->head, line);
  struct handshake_response *response = &r->response;
  response->status = (uint16_t)llhttp_get_status_code(&r->head.parser);
  const bool is_1_1 = handshake_head_is_http_1(&r->head, 1);
  if (response->status < 100 || (!is_1_1 && !handshake_head_is_http_1(&r->head, 0))) {
    blame(r, "not an HTTP/1.1 status line", reason);
    return HANDSHAKE_BAD;
  }
  if (response->status == STATUS_SWITCHING && !is_1_1)
    blame(r, "101 in HTTP/1.0", reason);
  if (response->status < 200)
    return HANDSHAKE_MORE;
  struct text_writer w = text_writer_begin(response->detail, sizeof response->detail);
  text_put_string(&w, "HTTP ");
  text_put_number(&w, response->status);
  text_put_string(&w, reason[0] != '\0' ? " " : "");
  text_put_escaped(&w, reason, strlen(reason));
  return HANDSHAKE_MORE;
}

static void note_missing(struct handshake_reader *r) {
  if (!r->has_upgrade)
    blame(r, "no Upgrade header", NULL);
  if (!r->has_connection)
    blame(r, "no 'upgrade' in a Connection header", NULL);
  if (!r->has_accept)
    blame(r, "no Sec-WebSocket-Accept header", NULL);
}

static enum handshake_result end_upgrade(struct handshake_reader *r) {
  note_missing(r);
  if (r->response.detail[0] == '\0')
    return HANDSHAKE_DONE;
  r->response.deflate_agreed = false;
  r->response.subprotocol[0] = '\0';
  return HANDSHAKE_BAD;
}

static enum handshake_result end_refusal(struct handshake_reader *r) {
  struct handshake_response *response = &r->response;
  struct text_writer w = text_writer_resume(response->detail, sizeof response->detail);
  if (response->location[0] == '\0')
    return HANDSHAKE_STATUS;
  char location[HANDSHAKE_VALUE_CAP];
  url_redact(response->location, location, sizeof location);
  text_put_string(&w, ", Location: ");
  text_put_escaped(&w, location, strlen(location));
  return HANDSHAKE_STATUS;
}

static enum handshake_result end_head(struct handshake_reader *r) {
  if (r->response.status == STATUS_SWITCHING)
    return end_upgrade(r);
  if (r->response.status >= 200)
    return end_refusal(r);
  handshake_head_next(&r->head); /* an interim response: the real one follows */
  return HANDSHAKE_MORE;
}

static enum handshake_result fail_malformed(struct handshake_reader *r) {
  handshake_head_describe(&r->head, r->response.detail, sizeof r->response.detail);
  return HANDSHAKE_BAD;
}

static enum handshake_result fail_too_long(struct handshake_reader *r) {
  struct text_writer w = text_writer_begin(r->response.detail, sizeof r->response.detail);
  text_put_string(&w, "response head longer than ");
  text_put_number(&w, r->head.max);
  text_put_string(&w, " bytes");
  return HANDSHAKE_TOO_LONG;
}

static enum handshake_result read_line(struct handshake_reader *r, enum head_result what,
                                       const struct head_line *line) {
  switch (what) {
  case HEAD_START:
    return read_start(r, line);
  case HEAD_HEADER:
    read_header(r, line);
    return HANDSHAKE_MORE;
  case HEAD_END:
    return end_head(r);
  case HEAD_TOO_LONG:
    return fail_too_long(r);
  default:
    return fail_malformed(r);
  }
}

enum handshake_result handshake_reader_feed(struct handshake_reader *r, const uint8_t *in,
                                            size_t len, size_t *consumed) {
  const struct head_line line = {.text = r->line, .cap = sizeof r->line};
  *consumed = 0;
  while (r->result == HANDSHAKE_MORE) {
    size_t used;
    const enum head_result what =
        handshake_head_feed(&r->head, &line, in + *consumed, len - *consumed, &used);
    *consumed += used;
    if (what == HEAD_MORE)
      return HANDSHAKE_MORE;
    r->result = read_line(r, what, &line);
  }
  return r->result;
}
