/* The demo's server, on the library's own server role. */
#include "demo_server.h"

#include "http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct demo_server {
  struct net_loop *loop;
  struct http_server *http;
  struct demo_tally *received;
  struct link *link; /* the newest; older ones are dropped */
  unsigned after;    /* as the newest request asked */
  unsigned produced;
};

/* ---- links ---- */

static void send_number(struct demo_server *server, unsigned number) {
  char text[32];
  const int len = snprintf(text, sizeof text, "down %u", number);
  (void)link_write(server->link, FRAME_TEXT, text, (size_t)len, NULL);
}

static void on_opened(struct link *link, const char *subprotocol) {
  struct demo_server *server = link_user(link);
  (void)subprotocol;
  for (unsigned number = server->after + 1; number <= server->produced; number++)
    send_number(server, number);
}

static void on_message(struct link *link, uint8_t opcode, const uint8_t *data, size_t len) {
  struct demo_server *server = link_user(link);
  unsigned number = 0;
  (void)opcode;
  for (size_t i = 3; i < len && data[i] >= '0' && data[i] <= '9' && number < 100000; i++)
    number = number * 10 + (unsigned)(data[i] - '0'); /* "up N" */
  demo_tally_take(server->received, number);
}

static void on_pong(struct link *link, const uint8_t *data, size_t len) {
  (void)link;
  (void)data;
  (void)len;
}

static void on_ended(struct link *link, const struct link_end *end) {
  struct demo_server *server = link_user(link);
  (void)end;
  if (server->link == link)
    server->link = NULL;
}

static const struct link_events events = {
    .opened = on_opened,
    .message = on_message,
    .pong = on_pong,
    .ended = on_ended,
};

static const struct link_settings settings = {
    .connect_timeout_ms = 5000,
    .close_timeout_ms = 1000,
    .max_message = 1 << 20,
    .high_water = 1 << 20,
};

static const struct http_settings http_settings = {
    .request_timeout_ms = 5000,
    .idle_timeout_ms = 5000,
    .max_head = 16384,
    .max_connections = 64,
};

static void on_request(void *user, struct http_exchange *exchange) {
  struct demo_server *server = user;
  const struct http_request *request = http_request(exchange);
  char after[16];
  if (!request->head->is_upgrade) {
    http_refuse_upgrade(exchange, NULL);
    return;
  }
  if (server->link)
    link_abort(server->link);
  server->after = http_query(request, "after", after, sizeof after) == HTTP_TEXT_FINE
                      ? (unsigned)strtoul(after, NULL, 10)
                      : 0;
  server->link = http_upgrade(exchange, &settings, &events, server, NULL);
}

struct demo_server *demo_server_new(struct net_loop *loop, struct demo_tally *received,
                                    char *detail, size_t detail_cap) {
  struct demo_server *server = calloc(1, sizeof *server);
  if (!server) {
    (void)snprintf(detail, detail_cap, "out of memory");
    return NULL;
  }
  server->loop = loop;
  server->received = received;
  const struct http_handler handler = {.request = on_request, .user = server};
  server->http =
      http_server_new(loop, "127.0.0.1:0", &http_settings, &handler, detail, detail_cap);
  if (server->http)
    return server;
  free(server);
  return NULL;
}

uint16_t demo_server_port(const struct demo_server *server) {
  return http_server_port(server->http);
}

void demo_server_produce(struct demo_server *server) {
  if (server->produced == DEMO_MESSAGES)
    return;
  server->produced++;
  if (server->link && link_is_open(server->link))
    send_number(server, server->produced);
}

unsigned demo_server_produced(const struct demo_server *server) {
  return server->produced;
}

void demo_server_free(struct demo_server *server) {
  if (server->link)
    link_abort(server->link);
  http_server_free(server->http);
  free(server);
}
