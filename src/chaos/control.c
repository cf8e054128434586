#include "control.h"

#include "describe.h"
#include "http.h"
#include "json_text.h"
#include "page.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_MAX ((size_t)8 * 1024)
#define BODY_MAX ((size_t)64 * 1024)
#define CONNECTIONS_MAX 64
#define REQUEST_TIMEOUT_MS 10000
#define IDLE_TIMEOUT_MS 60000
#define ANSWERS_MAX ((size_t)8 * 1024 * 1024)
#define LIMIT_DEFAULT 100
#define LIMIT_MAX 2000

struct control {
  struct net_loop *loop;
  struct chaos *chaos;
  struct http_server *http;
  bool is_remote;
};

static const struct http_settings settings = {
    .request_timeout_ms = REQUEST_TIMEOUT_MS,
    .idle_timeout_ms = IDLE_TIMEOUT_MS,
    .max_head = HEAD_MAX,
    .max_body = BODY_MAX,
    .max_connections = CONNECTIONS_MAX,
    .max_answers = ANSWERS_MAX,
};

/* ---- answers ---- */

static void refuse(struct http_exchange *exchange, uint16_t status, const char *code,
                   const char *sentence) {
  http_refuse(exchange, status, code, sentence, NULL);
}

static void answer(struct http_exchange *exchange, json_t *value) {
  static const char *const lines[] = {"Cache-Control: no-store", "X-Content-Type-Options: nosniff",
                                      NULL};
  char *text = json_text(value);
  if (!text) {
    refuse(exchange, 503, "unavailable", "no memory for the answer");
    return;
  }
  const struct http_response response = {.status = 200,
                                         .content_type = "application/json",
                                         .headers = lines,
                                         .body = text,
                                         .body_len = strlen(text)};
  http_respond(exchange, &response);
  free(text);
}

/* Nothing from elsewhere, nothing inline. */
static const char policy[] =
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

static void answer_page(struct http_exchange *exchange, const char *type,
                        const struct page_part *part) {
  static const char *const lines[] = {policy, "Cache-Control: no-cache",
                                      "X-Content-Type-Options: nosniff",
                                      "Referrer-Policy: no-referrer", NULL};
  const struct http_response response = {.status = 200,
                                         .content_type = type,
                                         .headers = lines,
                                         .body = part->bytes,
                                         .body_len = part->len};
  http_respond(exchange, &response);
}

/* ---- who asks ---- */

static bool is_word(struct url_slice text, const char *word) {
  return text_equals_ignoring_case(text.text, text.len, word);
}

/* A Host header's name without its port. */
static struct url_slice host_name(const char *host) {
  struct url_slice name = {host, strlen(host)};
  const char *colon = strrchr(host, ':');
  if (colon && !strchr(colon, ']'))
    name.len = (size_t)(colon - host);
  return name;
}

static bool is_own_name(struct url_slice name) {
  char ip[64];
  struct address address;
  if (name.len == 0 || is_word(name, "localhost") || is_word(name, "[::1]"))
    return true;
  if (name.len >= sizeof ip)
    return false;
  memcpy(ip, name.text, name.len);
  ip[name.len] = '\0';
  return address_from_ip(&address, ip) && address_is_loopback(&address);
}

static bool is_own_origin(const struct handshake_request *head) {
  static const char scheme[] = "http://";
  const char *origin = head->origin;
  if (origin[0] == '\0')
    return true;
  return strncmp(origin, scheme, sizeof scheme - 1) == 0 &&
         text_equals_ignoring_case(origin + sizeof scheme - 1, strlen(origin + sizeof scheme - 1),
                                   head->host);
}

static bool may_ask(const struct control *control, struct http_exchange *exchange) {
  const struct handshake_request *head = http_request(exchange)->head;
  if (!control->is_remote && !is_own_name(host_name(head->host)))
    refuse(exchange, 403, "host_not_allowed",
           "the Host header names another machine; use localhost or 127.0.0.1");
  else if (!is_own_origin(head))
    refuse(exchange, 403, "origin_not_allowed", "pages of other origins may not use this");
  else
    return true;
  return false;
}

/* ---- bodies ---- */

static bool is_json(struct http_exchange *exchange) {
  const char *type = http_header(exchange, "Content-Type");
  if (!type)
    return false;
  return is_word(text_trim(type, strcspn(type, ";")), "application/json");
}

/* An object, to be released; NULL: it was refused. */
static json_t *take_body(struct http_exchange *exchange) {
  const struct http_request *request = http_request(exchange);
  json_error_t error;
  if (!is_json(exchange)) {
    refuse(exchange, 415, "not_json", "changes need Content-Type: application/json");
    return NULL;
  }
  json_t *root =
      json_loadb((const char *)request->body, request->body_len, JSON_REJECT_DUPLICATES, &error);
  if (json_is_object(root))
    return root;
  json_decref(root);
  refuse(exchange, 400, "bad_json", "the body is not one JSON object");
  return NULL;
}

/* Only one member, of that name. NULL: it was refused. */
static json_t *take_member(struct http_exchange *exchange, json_t *root, const char *name) {
  char sentence[96];
  json_t *value = json_object_get(root, name);
  if (value && json_object_size(root) == 1)
    return value;
  (void)snprintf(sentence, sizeof sentence, "the object has not exactly the member '%s'", name);
  refuse(exchange, 400, "bad_request", sentence);
  return NULL;
}

static bool parse(struct http_exchange *exchange, const json_t *value, struct command *command) {
  char error[FAULT_ERROR_CAP] = "a fault is not a string";
  if (json_is_string(value) &&
      command_parse(json_string_value(value), json_string_length(value), command, error))
    return true;
  refuse(exchange, 400, "bad_fault", error);
  return false;
}

static bool take_command(struct http_exchange *exchange, struct command *command) {
  json_t *root = take_body(exchange);
  const json_t *value = root ? take_member(exchange, root, "fault") : NULL;
  const bool is_fine = value && parse(exchange, value, command);
  json_decref(root);
  return is_fine;
}

/* ---- faults ---- */

static void post_fault(struct control *control, struct http_exchange *exchange,
                       uint64_t connection) {
  struct command command;
  struct chaos_connection about;
  char error[FAULT_ERROR_CAP];
  if (!take_command(exchange, &command))
    return;
  if (!chaos_command(control->chaos, &command, connection, CHAOS_BY_CONTROL, error))
    refuse(exchange, 409, "conflict", error);
  else if (connection && chaos_find(control->chaos, connection, &about))
    answer(exchange, describe_connection(&about, chaos_now_ms(control->chaos)));
  else
    answer(exchange, describe_faults(control->chaos));
}

/* False: it was refused. Acts are for POST: this says what is on. */
static bool parse_list(struct http_exchange *exchange, const json_t *list, struct fault *faults) {
  struct command command;
  if (!json_is_array(list) || json_array_size(list) > PLAN_FAULTS_MAX) {
    refuse(exchange, 400, "bad_request", "'faults' is not a list of at most 64");
    return false;
  }
  for (size_t i = 0; i < json_array_size(list); i++) {
    if (!parse(exchange, json_array_get(list, i), &command))
      return false;
    if (command.kind != COMMAND_ADD) {
      refuse(exchange, 400, "bad_fault", "this happens once and cannot be on; POST it");
      return false;
    }
    faults[i] = command.fault;
  }
  return true;
}

static void put_faults(struct control *control, struct http_exchange *exchange) {
  struct fault faults[PLAN_FAULTS_MAX];
  char error[FAULT_ERROR_CAP];
  json_t *root = take_body(exchange);
  const json_t *list = root ? take_member(exchange, root, "faults") : NULL;
  if (list && parse_list(exchange, list, faults)) {
    if (chaos_replace(control->chaos, faults, json_array_size(list), CHAOS_BY_CONTROL, error))
      answer(exchange, describe_faults(control->chaos));
    else
      refuse(exchange, 409, "conflict", error);
  }
  json_decref(root);
}

/* No page of another origin can send DELETE unasked, so that a body's type need not tell. */
static void delete_faults(struct control *control, struct http_exchange *exchange) {
  char error[FAULT_ERROR_CAP];
  (void)chaos_replace(control->chaos, NULL, 0, CHAOS_BY_CONTROL, error);
  answer(exchange, describe_faults(control->chaos));
}

/* ---- paths ---- */

static bool is_method(const struct http_exchange *exchange, const char *method) {
  return strcmp(http_request(exchange)->head->method, method) == 0;
}

static bool is_reading(const struct http_exchange *exchange) {
  return is_method(exchange, "GET") || is_method(exchange, "HEAD");
}

static void refuse_method(struct http_exchange *exchange, const char *allow) {
  const char *const lines[] = {allow, NULL};
  http_refuse(exchange, 405, "method_not_allowed", "this path does not know that method", lines);
}

static void serve_faults(struct control *control, struct http_exchange *exchange) {
  if (is_reading(exchange))
    answer(exchange, describe_faults(control->chaos));
  else if (is_method(exchange, "POST"))
    post_fault(control, exchange, 0);
  else if (is_method(exchange, "PUT"))
    put_faults(control, exchange);
  else if (is_method(exchange, "DELETE"))
    delete_faults(control, exchange);
  else
    refuse_method(exchange, "Allow: GET, HEAD, POST, PUT, DELETE");
}

static bool parse_number(struct url_slice text, uint64_t *number) {
  *number = 0;
  for (size_t i = 0; i < text.len; i++) {
    if (text.text[i] < '0' || text.text[i] > '9')
      return false;
    *number = *number * 10 + (uint64_t)(text.text[i] - '0');
  }
  return text.len > 0 && text.len <= 18;
}

static void serve_connections(struct control *control, struct http_exchange *exchange) {
  char text[24];
  uint64_t limit = LIMIT_DEFAULT;
  const enum http_text found = http_query(http_request(exchange), "limit", text, sizeof text);
  const struct url_slice digits = {text, found == HTTP_TEXT_FINE ? strlen(text) : 0};
  if (!is_reading(exchange))
    refuse_method(exchange, "Allow: GET, HEAD");
  else if (found != HTTP_TEXT_ABSENT &&
           (!parse_number(digits, &limit) || limit < 1 || limit > LIMIT_MAX))
    refuse(exchange, 400, "bad_query", "'limit' is not one whole number within 1-2000");
  else
    answer(exchange, describe_connections(control->chaos, (size_t)limit));
}

static void serve_connection(struct control *control, struct http_exchange *exchange,
                             struct url_slice number) {
  struct chaos_connection about;
  uint64_t id;
  if (!parse_number(number, &id) || !chaos_find(control->chaos, id, &about))
    refuse(exchange, 404, "not_found", "there is no such connection, or it is forgotten");
  else if (is_reading(exchange))
    answer(exchange, describe_connection(&about, chaos_now_ms(control->chaos)));
  else if (!is_method(exchange, "POST"))
    refuse_method(exchange, "Allow: GET, HEAD, POST");
  else if (about.phase == CHAOS_ENDED)
    refuse(exchange, 409, "conflict", "this connection has ended");
  else
    post_fault(control, exchange, id);
}

static void serve_page(struct http_exchange *exchange, const char *type,
                       const struct page_part *part) {
  if (is_reading(exchange))
    answer_page(exchange, type, part);
  else
    refuse_method(exchange, "Allow: GET, HEAD");
}

static void dispatch(struct control *control, struct http_exchange *exchange) {
  struct url_slice path = http_request(exchange)->path, first, second;
  const bool has_first = http_next_segment(&path, &first);
  const bool has_second = has_first && http_next_segment(&path, &second);
  if (!has_first || path.len > 0)
    refuse(exchange, 404, "not_found", "there is nothing at this path");
  else if (has_second && is_word(first, "connections"))
    serve_connection(control, exchange, second);
  else if (has_second)
    refuse(exchange, 404, "not_found", "there is nothing at this path");
  else if (is_word(first, "faults"))
    serve_faults(control, exchange);
  else if (is_word(first, "connections"))
    serve_connections(control, exchange);
  else if (first.len == 0)
    serve_page(exchange, "text/html; charset=utf-8", &page_html);
  else if (is_word(first, "page.js"))
    serve_page(exchange, "text/javascript; charset=utf-8", &page_js);
  else if (is_word(first, "page.css"))
    serve_page(exchange, "text/css; charset=utf-8", &page_css);
  else
    refuse(exchange, 404, "not_found", "there is nothing at this path");
}

static void on_request(void *user, struct http_exchange *exchange) {
  struct control *control = user;
  if (may_ask(control, exchange))
    dispatch(control, exchange);
}

/* ---- life ---- */

static bool is_local(const char *address) {
  return strncmp(address, "127.", 4) == 0 || strncmp(address, "[::1]:", 6) == 0 ||
         strncmp(address, "localhost:", 10) == 0 || strncmp(address, "unix:", 5) == 0;
}

struct control *control_new(struct net_loop *loop, struct chaos *chaos, const char *address,
                            bool is_remote, char detail[CHAOS_DETAIL_CAP]) {
  (void)snprintf(
      detail, CHAOS_DETAIL_CAP,
      "%s: not an address of this machine alone (127.0.0.1:0, [::1]:0, unix:PATH); others "
      "could break what they like; say --control-remote if that is wanted",
      address);
  if (!is_remote && !is_local(address))
    return NULL;
  struct control *control = memory_alloc_zeroed(net_loop_memory(loop), sizeof *control);
  (void)snprintf(detail, CHAOS_DETAIL_CAP, "no memory");
  if (!control)
    return NULL;
  *control = (struct control){.loop = loop, .chaos = chaos, .is_remote = is_remote};
  const struct http_handler handler = {on_request, NULL, control};
  control->http = http_server_new(loop, address, &settings, &handler, detail, CHAOS_DETAIL_CAP);
  if (control->http)
    return control;
  memory_free(net_loop_memory(loop), control);
  return NULL;
}

const char *control_address(const struct control *control) {
  return http_server_address(control->http);
}

void control_free(struct control *control) {
  if (!control)
    return;
  http_server_free(control->http);
  memory_free(net_loop_memory(control->loop), control);
}
