/* Paths and methods, and answers as a browser of another origin may read them (CORS). */
#include "internal.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_CAP 512

/* ---- answers ---- */

void routes_log(struct relay *relay, const struct http_exchange *exchange, uint16_t status,
                const char *code) {
  char path[LOG_VALUE_CAP], raw[256], address[ADDRESS_TEXT_CAP];
  const struct http_request *request = http_request(exchange);
  access_address(relay, exchange, address);
  (void)snprintf(raw, sizeof raw, "%.*s", (int)request->path.len, request->path.text);
  log_line(&relay->log, LOG_INFO, "answered", "peer=%s method=%s path=%s status=%u%s%s", address,
           request->head->method, log_value(raw, path), status, *code ? " code=" : "", code);
}

/* Header lines of an answer, in `origin_line` those that need memory. */
static void put_cors(const struct relay *relay, const struct http_exchange *exchange,
                     char origin_line[LINE_CAP], const char **lines, size_t *count) {
  bool is_refused;
  const char *origin = access_origin(relay, exchange, &is_refused);
  if (!origin || strlen(origin) > LINE_CAP / 2)
    return;
  (void)snprintf(origin_line, LINE_CAP, "Access-Control-Allow-Origin: %s", origin);
  lines[(*count)++] = origin_line;
  lines[(*count)++] = "Vary: Origin";
  lines[(*count)++] = "Access-Control-Expose-Headers: Retry-After";
}

static void respond(struct relay *relay, struct http_exchange *exchange,
                    const struct http_response *response, const char *extra) {
  char origin_line[LINE_CAP];
  const char *lines[8];
  size_t count = 0;
  put_cors(relay, exchange, origin_line, lines, &count);
  if (extra)
    lines[count++] = extra;
  lines[count] = NULL;
  struct http_response whole = *response;
  whole.headers = lines;
  http_respond(exchange, &whole);
}

/* With a line feed, for those who look at it in a terminal; it takes the place of the NUL. */
void routes_answer(struct relay *relay, struct http_exchange *exchange, uint16_t status, char *json,
                   const char *extra) {
  if (!json) {
    routes_refuse(relay, exchange, 503, "unavailable", "no memory for the answer",
                  "Retry-After: 1");
    return;
  }
  const size_t len = strlen(json);
  routes_log(relay, exchange, status, "");
  json[len] = '\n';
  const struct http_response response = {
      .status = status, .content_type = "application/json", .body = json, .body_len = len + 1};
  respond(relay, exchange, &response, extra);
  free(json);
}

void routes_refuse(struct relay *relay, struct http_exchange *exchange, uint16_t status,
                   const char *code, const char *sentence, const char *extra) {
  char origin_line[LINE_CAP];
  const char *lines[8];
  size_t count = 0;
  relay->metrics.refused_total++;
  put_cors(relay, exchange, origin_line, lines, &count);
  if (status == 401)
    lines[count++] = "WWW-Authenticate: Bearer";
  if (extra)
    lines[count++] = extra;
  lines[count] = NULL;
  routes_log(relay, exchange, status, code);
  http_refuse(exchange, status, code, sentence, lines);
}

void routes_refuse_for(struct relay *relay, struct http_exchange *exchange, unsigned retry_s,
                       uint16_t status, const char *code, const char *sentence) {
  char line[32];
  (void)snprintf(line, sizeof line, "Retry-After: %u", retry_s);
  routes_refuse(relay, exchange, status, code, sentence, line);
}

/* ---- WebSockets ---- */

static bool refuse_query(struct relay *relay, struct http_exchange *exchange,
                         const char *sentence) {
  routes_refuse(relay, exchange, 400, "bad_query", sentence, NULL);
  return false;
}

/* An id in the query. Absent: `*id` is NULL. */
static bool take_id(struct relay *relay, struct http_exchange *exchange, const char *name,
                    char text[PROTOCOL_ID_MAX + 1], const char **id) {
  char sentence[96];
  const enum http_text found = http_query(http_request(exchange), name, text, PROTOCOL_ID_MAX + 1);
  *id = found == HTTP_TEXT_FINE ? text : NULL;
  if (found == HTTP_TEXT_ABSENT || (found == HTTP_TEXT_FINE && protocol_is_id(text)))
    return true;
  (void)snprintf(sentence, sizeof sentence,
                 "'%s' is not, once, 1 to 128 bytes of UTF-8 without control characters", name);
  return refuse_query(relay, exchange, sentence);
}

static bool parse_number(const char *text, int64_t max, int64_t *number) {
  int64_t value = 0;
  if (!*text)
    return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9' || value > (max - (*text - '0')) / 10)
      return false;
    value = value * 10 + (*text - '0');
  }
  *number = value;
  return true;
}

bool routes_take_number(struct relay *relay, struct http_exchange *exchange, const char *name,
                        int64_t min, int64_t max, int64_t *number) {
  char text[24], sentence[96];
  switch (http_query(http_request(exchange), name, text, sizeof text)) {
  case HTTP_TEXT_ABSENT:
    return true;
  case HTTP_TEXT_FINE:
    if (parse_number(text, max, number) && *number >= min)
      return true;
    break;
  default:
    break;
  }
  (void)snprintf(sentence, sizeof sentence, "'%s' is not one whole number within %lld-%lld", name,
                 (long long)min, (long long)max);
  return refuse_query(relay, exchange, sentence);
}

static bool is_upgrade(struct relay *relay, struct http_exchange *exchange) {
  if (http_request(exchange)->head->is_upgrade)
    return true;
  relay->metrics.refused_total++;
  routes_log(relay, exchange, http_request(exchange)->head->error_status, "bad_upgrade");
  http_refuse_upgrade(exchange, NULL);
  return false;
}

/* What is checked last costs a place. */
static bool admit(struct relay *relay, struct http_exchange *exchange,
                  const struct access *access) {
  unsigned retry_s;
  if (access->status != 0) {
    routes_refuse(relay, exchange, access->status, access->code, access->sentence, NULL);
  } else if (relay->metrics.connections >= relay->options->max_connections) {
    routes_refuse_for(relay, exchange, 10, 503, "too_many_connections",
                      "the relay has as many connections as it may");
  } else if (!access_admit(relay, &retry_s)) {
    routes_refuse_for(relay, exchange, retry_s, 503, "busy",
                      "too many connections come at once; come back a little later");
  } else {
    return true;
  }
  return false;
}

static void serve_echo(struct relay *relay, struct http_exchange *exchange) {
  if (!is_upgrade(relay, exchange))
    return;
  const struct access access = access_check(relay, exchange, NULL, NULL);
  const struct member_request request = {.kind = MEMBER_ECHO, .after = -1, .access = &access};
  if (admit(relay, exchange, &access))
    member_accept(relay, exchange, &request);
}

static void serve_ws(struct relay *relay, struct http_exchange *exchange) {
  char conversation[PROTOCOL_ID_MAX + 1], user[PROTOCOL_ID_MAX + 1];
  struct member_request request = {.after = -1};
  if (!is_upgrade(relay, exchange) ||
      !take_id(relay, exchange, "conversation_id", conversation, &request.conversation_id) ||
      !take_id(relay, exchange, "user_id", user, &request.user_id) ||
      !routes_take_number(relay, exchange, "after", 0, SEQUENCE_MAX, &request.after))
    return;
  if (!request.conversation_id != !request.user_id) {
    refuse_query(relay, exchange, "'conversation_id' and 'user_id' go together");
    return;
  }
  const struct access access =
      access_check(relay, exchange, request.user_id, request.conversation_id);
  request.kind = request.conversation_id ? MEMBER_OF_ROOM : MEMBER_BARE;
  request.access = &access;
  if (admit(relay, exchange, &access))
    member_accept(relay, exchange, &request);
}

/* ---- the rest ---- */

/* Machines ask for these two again and again: no line in the log. */
static void serve_health(struct relay *relay, struct http_exchange *exchange) {
  const char *text = relay->options->has_levers ? "{\"status\":\"ok\",\"levers\":true}\n"
                                                : "{\"status\":\"ok\"}\n";
  struct http_response response = {
      .status = 200, .content_type = "application/json", .body = text, .body_len = strlen(text)};
  respond(relay, exchange, &response, NULL);
}

static void serve_metrics(struct relay *relay, struct http_exchange *exchange) {
  char text[METRICS_TEXT_CAP];
  struct http_response response = {
      .status = 200, .content_type = "text/plain; version=0.0.4; charset=utf-8", .body = text};
  response.body_len = metrics_write(&relay->metrics, text);
  respond(relay, exchange, &response, NULL);
}

static bool is_method(const struct http_exchange *exchange, const char *method) {
  return strcmp(http_request(exchange)->head->method, method) == 0;
}

static bool is_reading(const struct http_exchange *exchange) {
  return is_method(exchange, "GET") || is_method(exchange, "HEAD");
}

static void refuse_method(struct relay *relay, struct http_exchange *exchange, const char *allow) {
  routes_refuse(relay, exchange, 405, "method_not_allowed",
                "this path does not know that method; see the Allow header", allow);
}

static void serve_messages(struct relay *relay, struct http_exchange *exchange,
                           const char *conversation_id) {
  if (is_method(exchange, "POST"))
    rest_post(relay, exchange, conversation_id);
  else if (is_reading(exchange))
    rest_get(relay, exchange, conversation_id);
  else
    refuse_method(relay, exchange, "Allow: GET, HEAD, POST, OPTIONS");
}

static void serve_preflight(struct relay *relay, struct http_exchange *exchange) {
  struct http_response response = {.status = 204};
  char origin_line[LINE_CAP];
  const char *lines[8];
  size_t count = 0;
  put_cors(relay, exchange, origin_line, lines, &count);
  lines[count++] = "Allow: GET, HEAD, POST, OPTIONS";
  lines[count++] = "Access-Control-Allow-Methods: GET, HEAD, POST";
  lines[count++] = "Access-Control-Allow-Headers: Authorization, Content-Type";
  lines[count++] = "Access-Control-Max-Age: 600";
  lines[count] = NULL;
  response.headers = lines;
  routes_log(relay, exchange, 204, "");
  http_respond(exchange, &response);
}

/* ---- paths ---- */

static bool is_path(const struct http_exchange *exchange, const char *path) {
  const struct url_slice own = http_request(exchange)->path;
  return own.len == strlen(path) && memcmp(own.text, path, own.len) == 0;
}

static bool is_word(struct url_slice segment, const char *word) {
  return segment.len == strlen(word) && memcmp(segment.text, word, segment.len) == 0;
}

enum path_match { PATH_OTHER, PATH_BAD_ID, PATH_MESSAGES };

/* /conversations/ID/messages */
static enum path_match match_messages(const struct http_exchange *exchange,
                                      char id[PROTOCOL_ID_MAX + 1]) {
  struct url_slice path = http_request(exchange)->path, first, second, third;
  if (!http_next_segment(&path, &first) || !is_word(first, "conversations") ||
      !http_next_segment(&path, &second) || !http_next_segment(&path, &third) ||
      !is_word(third, "messages") || path.len > 0)
    return PATH_OTHER;
  return http_decode(second, false, id, PROTOCOL_ID_MAX + 1) == HTTP_TEXT_FINE && protocol_is_id(id)
             ? PATH_MESSAGES
             : PATH_BAD_ID;
}

static void serve_only_read(struct relay *relay, struct http_exchange *exchange,
                            void (*serve)(struct relay *relay, struct http_exchange *exchange)) {
  if (is_reading(exchange))
    serve(relay, exchange);
  else
    refuse_method(relay, exchange, "Allow: GET, HEAD");
}

static void serve_lever(struct relay *relay, struct http_exchange *exchange,
                        void (*pull)(struct relay *relay, struct http_exchange *exchange)) {
  if (is_method(exchange, "POST"))
    pull(relay, exchange);
  else
    refuse_method(relay, exchange, "Allow: POST");
}

/* What is no path of the API's. */
static void serve_other(struct relay *relay, struct http_exchange *exchange) {
  if (relay->options->has_levers && is_path(exchange, "/demo/cut"))
    serve_lever(relay, exchange, levers_cut);
  else if (relay->options->has_levers && is_path(exchange, "/demo/kill"))
    serve_lever(relay, exchange, levers_kill);
  else if (relay->options->web)
    serve_only_read(relay, exchange, pages_serve);
  else
    routes_refuse(relay, exchange, 404, "not_found", "there is nothing at this path", NULL);
}

static void dispatch(struct relay *relay, struct http_exchange *exchange) {
  char id[PROTOCOL_ID_MAX + 1];
  const enum path_match match = match_messages(exchange, id);
  if (match == PATH_BAD_ID)
    routes_refuse(relay, exchange, 400, "bad_path",
                  "the conversation's id is not 1 to 128 bytes of UTF-8 without control characters",
                  NULL);
  else if (match == PATH_MESSAGES && is_method(exchange, "OPTIONS"))
    serve_preflight(relay, exchange);
  else if (match == PATH_MESSAGES)
    serve_messages(relay, exchange, id);
  else if (is_path(exchange, "/ws"))
    serve_ws(relay, exchange);
  else if (is_path(exchange, "/echo"))
    serve_echo(relay, exchange);
  else if (is_path(exchange, "/healthz"))
    serve_only_read(relay, exchange, serve_health);
  else if (is_path(exchange, "/metrics"))
    serve_only_read(relay, exchange, serve_metrics);
  else
    serve_other(relay, exchange);
}

/* A browser would carry out a foreign page's POST, and open its WebSocket, without asking. */
void routes_request(void *user, struct http_exchange *exchange) {
  struct relay *relay = user;
  bool is_refused;
  relay->metrics.requests++;
  (void)access_origin(relay, exchange, &is_refused);
  if (is_refused)
    routes_refuse(relay, exchange, 403, "origin_not_allowed",
                  "pages of this origin may not use the relay (see --allow-origin)", NULL);
  else
    dispatch(relay, exchange);
}

void routes_refused(void *user, uint16_t status, const char *sentence) {
  struct relay *relay = user;
  char quoted[LOG_VALUE_CAP];
  relay->metrics.refused_total++;
  log_line(&relay->log, LOG_INFO, "refused", "status=%u detail=%s", status,
           log_value(sentence, quoted));
}
