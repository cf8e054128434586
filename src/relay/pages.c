/* GET and HEAD of the files of --web. Pages are public, with --token-file too: a browser has no
 * token before it has the page, and a page holds no secrets. */
#include "internal.h"
#include "web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Scripts, styles and pictures from here only, nothing inline; WebAssembly may be compiled, which
   'wasm-unsafe-eval' allows without allowing eval(); 'self' does not cover WebSockets everywhere.
 */
#define POLICY                                                                                     \
  "Content-Security-Policy: default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "            \
  "connect-src 'self' ws: wss:; img-src 'self' data:; object-src 'none'; base-uri 'none'; "        \
  "form-action 'self'; frame-ancestors 'none'"

/* "no-cache" is: keep it, but ask each time whether it is still right. */
static void respond(struct http_exchange *exchange, const struct web_file *file, uint16_t status,
                    const char *content) {
  char tag[WEB_TAG_CAP + 8];
  const char *lines[] = {tag,
                         "Cache-Control: no-cache",
                         "X-Content-Type-Options: nosniff",
                         "Referrer-Policy: no-referrer",
                         file->is_page ? POLICY : NULL,
                         NULL};
  (void)snprintf(tag, sizeof tag, "ETag: %s", file->tag);
  const struct http_response response = {.status = status,
                                         .content_type = status == 304 ? NULL : file->content_type,
                                         .headers = lines,
                                         .body = content,
                                         .body_len = status == 304 ? 0 : file->len};
  http_respond(exchange, &response);
}

static void refuse(struct relay *relay, struct http_exchange *exchange, enum web_result result) {
  if (result == WEB_TOO_BIG)
    routes_refuse(relay, exchange, 413, "too_long", "the file is too big to be served", NULL);
  else if (result == WEB_NO_MEMORY)
    routes_refuse(relay, exchange, 503, "unavailable", "no memory for the file", "Retry-After: 1");
  else
    routes_refuse(relay, exchange, 404, "not_found", "there is nothing at this path", NULL);
}

static void answer_content(struct relay *relay, struct http_exchange *exchange,
                           const struct web_file *file) {
  enum web_result result;
  char *content = web_read(file, &result);
  if (!content) {
    refuse(relay, exchange, result);
    return;
  }
  routes_log(relay, exchange, 200, "");
  respond(exchange, file, 200, content);
  free(content);
}

static void answer(struct relay *relay, struct http_exchange *exchange,
                   const struct web_file *file) {
  const bool is_known = web_is_known(file, http_header(exchange, "If-None-Match"));
  if (!is_known && strcmp(http_request(exchange)->head->method, "GET") == 0) {
    answer_content(relay, exchange, file);
    return;
  }
  const uint16_t status = is_known ? 304 : 200;
  routes_log(relay, exchange, status, "");
  respond(exchange, file, status, NULL);
}

void pages_serve(struct relay *relay, struct http_exchange *exchange) {
  struct web_file file;
  const enum web_result result = web_open(relay->options->web, http_request(exchange)->path, &file);
  if (result != WEB_FOUND) {
    refuse(relay, exchange, result);
    return;
  }
  answer(relay, exchange, &file);
  web_close(&file);
}
