/*
 * What limpet hold makes of a local program's request and of the far side's messages: the far
 * address stays on its host, what goes into it comes out of it, header lines are header lines, and
 * the values to resume after are those that the other reader of JSON finds.
 */
#include "service.h"

#include "json_peek.h"
#include "request.h"
#include "resume.h"
#include "target.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum kind { KIND_RESUME, KIND_TARGET, KIND_REQUEST, KINDS_COUNT };

static const char *const bases[] = {"ws://far", "wss://u:p@far:9/base/?token=x", "wss://[::1]/?",
                                    "ws+unix:/socket", "ws+unix:/socket:/a?b"};
#define BASES_COUNT (sizeof bases / sizeof *bases)

/* ---- resuming ---- */

static void check_value(const char *text, size_t len, const char *name, const char *value) {
  struct json_peek_value peeked;
  char string[RESUME_VALUE_CAP];
  int64_t number;
  FUZZ_CHECK(value[0] != '\0');
  FUZZ_CHECK(json_peek_member(text, len, name, &peeked));
  if (json_peek_integer(&peeked, &number))
    FUZZ_CHECK(strtoll(value, NULL, 10) == number);
  else
    FUZZ_CHECK(json_peek_string(&peeked, string, sizeof string) && strcmp(string, value) == 0);
}

static void read_values(struct fuzz_input in) {
  char *text = (char *)fuzz_copy(in.data, in.len), value[RESUME_VALUE_CAP];
  /* what jansson lets by: see the target `json` */
  const bool is_text = in.len == 0 || memchr(in.data, '\0', in.len) == NULL;
  if (resume_value(text, in.len, "after", value) && is_text) {
    check_value(text, in.len, "after", value);
    FUZZ_CHECK(!json_peek_has_type(text, in.len, "ack"));
  }
  if (resume_message_id(text, in.len, value) && is_text) {
    check_value(text, in.len, "id", value);
    FUZZ_CHECK(strlen(value) <= LIMPET_MESSAGE_ID_MAX);
  }
  free(text);
}

/* ---- addresses ---- */

/* Where a local program's words cannot lead elsewhere. */
static bool is_at(const char *text, const char *base) {
  struct url url, far;
  const char *error;
  FUZZ_CHECK(url_parse(&far, base, strlen(base), &error));
  if (!url_parse(&url, text, strlen(text), &error))
    return false;
  FUZZ_CHECK(url.scheme == far.scheme && url.port == far.port);
  FUZZ_CHECK(strcmp(url.host, far.host) == 0 && strcmp(url.unix_path, far.unix_path) == 0);
  FUZZ_CHECK(url.userinfo.len == far.userinfo.len);
  return true;
}

static void check_set(const char *url, const char *value) {
  static char out[URL_LEN_MAX + 1], found[URL_LEN_MAX];
  struct url parsed;
  const char *error;
  if (!target_set(url, "after", value, out))
    return;
  FUZZ_CHECK(url_parse(&parsed, out, strlen(out), &error));
  const struct http_request request = {.query = parsed.query};
  FUZZ_CHECK(http_query(&request, "after", found, sizeof found) == HTTP_TEXT_FINE);
  FUZZ_CHECK(strcmp(found, value) == 0);
}

/* The path begins with a slash, as every request's does. */
static void join(struct fuzz_input in) {
  static char out[URL_LEN_MAX + 1];
  const char *base = bases[fuzz_byte(&in) % BASES_COUNT];
  const struct fuzz_input path = fuzz_line(&in), query = fuzz_line(&in);
  char *path_text = fuzz_alloc(path.len + 1), *query_text = fuzz_text(query);
  path_text[0] = '/';
  if (path.len > 0)
    memcpy(path_text + 1, path.data, path.len);
  const struct url_slice slices[] = {{path_text, path.len + 1}, {query_text, query.len}};
  char *value = fuzz_text(in);
  if (target_join(base, slices[0], slices[1], out) && is_at(out, base))
    check_set(out, value);
  free(path_text);
  free(query_text);
  free(value);
}

/* ---- requests ---- */

static struct service service;
static struct hold_options options;

static bool is_of_handshake(const char *line) {
  static const char *const names[] = {
      "Host:",          "Connection:", "Upgrade:", "Sec-WebSocket-Key:", "Transfer-Encoding:",
      "Content-Length:"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (text_equals_ignoring_case(line, strlen(names[i]), names[i]))
      return true;
  return false;
}

static void check_request(const struct request *r) {
  FUZZ_CHECK(r->lines_count <= REQUEST_LINES_MAX &&
             r->subprotocols_count <= REQUEST_SUBPROTOCOLS_MAX);
  FUZZ_CHECK(r->text_len <= sizeof r->text);
  for (size_t i = 0; i < r->lines_count; i++) {
    FUZZ_CHECK(handshake_check_header(r->lines[i]) == NULL);
    FUZZ_CHECK(!is_of_handshake(r->lines[i]));
  }
  for (size_t i = 0; i < r->subprotocols_count; i++)
    FUZZ_CHECK(handshake_check_subprotocol(r->subprotocols[i]) == NULL);
  (void)is_at(r->far.url, options.far.url);
}

static void on_request(void *user, struct http_exchange *exchange) {
  static struct request request;
  (void)user;
  const char *error = request_read(&request, &options, exchange);
  if (error == NULL)
    check_request(&request);
  http_refuse(exchange, 502, "far", error != NULL ? error : "nobody is there", NULL);
}

static void start(void) {
  static const struct http_settings settings = {.request_timeout_ms = 60000,
                                                .idle_timeout_ms = 60000,
                                                .max_head = 16384,
                                                .max_body = 1000,
                                                .max_connections = 4};
  static const struct http_handler handler = {.request = on_request};
  char detail[256];
  service_init(&service);
  options.far.url = bases[1];
  FUZZ_CHECK(http_server_new(service.loop, service.address, &settings, &handler, detail,
                             sizeof detail) != NULL);
}

static void talk(struct fuzz_input in) {
  if (service.loop == NULL)
    start();
  const struct fuzz_cuts cuts = fuzz_cuts(fuzz_byte(&in));
  service_check(service_talk(&service, in, cuts), NULL);
}

void fuzz_one(const uint8_t *data, size_t len) {
  static void (*const kinds[])(struct fuzz_input) = {read_values, join, talk};
  struct fuzz_input in = {data, len};
  kinds[fuzz_byte(&in) % KINDS_COUNT](in);
}
