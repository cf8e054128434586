#include "metrics_listen.h"

#include "metrics_text.h"

#include <stdio.h>
#include <string.h>

/* Whoever asks here asks seldom and shortly. */
static const struct http_settings modest = {
    .request_timeout_ms = 10000,
    .idle_timeout_ms = 60000,
    .max_head = (size_t)16 * 1024,
    .max_body = 0,
    .max_connections = 64,
    .max_answers = (size_t)1024 * 1024,
};

static void answer_metrics(const struct metrics_listen *listen, struct http_exchange *exchange) {
  char text[METRICS_TEXT_CAP];
  limpet_snapshot snapshot;
  limpet_client *client = *listen->client;
  limpet_get_snapshot(client, &snapshot, sizeof snapshot);
  const size_t len =
      metrics_text_write(&snapshot, limpet_buffered_amount(client), limpet_url(client), text);
  http_respond(exchange,
               &(struct http_response){.status = 200,
                                       .content_type = "text/plain; version=0.0.4; charset=utf-8",
                                       .body = text,
                                       .body_len = len});
}

static void answer_health(const struct metrics_listen *listen, struct http_exchange *exchange) {
  char text[80];
  limpet_snapshot snapshot;
  limpet_get_snapshot(*listen->client, &snapshot, sizeof snapshot);
  const bool is_well = snapshot.state == LIMPET_CONNECTED;
  (void)snprintf(text, sizeof text, "{\"status\":\"%s\",\"state\":\"%s\"}\n",
                 is_well ? "ok" : "unavailable", limpet_state_name(snapshot.state));
  http_respond(exchange, &(struct http_response){.status = is_well ? 200 : 503,
                                                 .content_type = "application/json",
                                                 .body = text,
                                                 .body_len = strlen(text)});
}

static bool is_path(const struct http_exchange *exchange, const char *path) {
  const struct url_slice own = http_request(exchange)->path;
  return own.len == strlen(path) && memcmp(own.text, path, own.len) == 0;
}

static bool is_reading(const struct http_exchange *exchange) {
  const char *method = http_request(exchange)->head->method;
  return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
}

static void on_request(void *user, struct http_exchange *exchange) {
  static const char *const allow[] = {"Allow: GET, HEAD", NULL};
  const bool is_metrics = is_path(exchange, "/metrics");
  if (!is_metrics && !is_path(exchange, "/healthz"))
    http_refuse(exchange, 404, "not_found", "there are /metrics and /healthz", NULL);
  else if (!is_reading(exchange))
    http_refuse(exchange, 405, "method_not_allowed", "this path is only for reading", allow);
  else if (is_metrics)
    answer_metrics(user, exchange);
  else
    answer_health(user, exchange);
}

bool metrics_listen_start(struct metrics_listen *listen, uv_loop_t *loop, const char *address,
                          limpet_client **client, char *detail, size_t detail_cap) {
  const struct http_handler handler = {.request = on_request, .user = listen};
  int error = 0;
  *listen = (struct metrics_listen){.client = client, .settings = modest};
  struct net_loop *net = net_loop_acquire(loop, &memory_default, &error);
  if (!net) {
    (void)snprintf(detail, detail_cap, "%s: %s", address, uv_strerror(error));
    return false;
  }
  listen->server = http_server_new(net, address, &listen->settings, &handler, detail, detail_cap);
  net_loop_release(net); /* the server holds its own */
  return listen->server != NULL;
}

const char *metrics_listen_address(const struct metrics_listen *listen) {
  return http_server_address(listen->server);
}

void metrics_listen_stop(struct metrics_listen *listen) {
  http_server_free(listen->server);
  listen->server = NULL;
}
