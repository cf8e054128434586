/*
 * limpet-autobahn-server PORT: the server under test for the Autobahn suite's fuzzing client, an
 * echo on the library's server role. Prints the address it listens on; PORT 0 picks one.
 */
#include "http.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX (17u << 20)

static const struct link_settings settings = {
    .connect_timeout_ms = 60000,
    .close_timeout_ms = 2000,
    .max_message = MESSAGE_MAX,
    .high_water = 4 * (uint64_t)MESSAGE_MAX,
    .compress = true,
};

static const struct deflate_params compression = {.server_max_window_bits = 15,
                                                  .client_max_window_bits = 15};
static const struct http_settings http_settings = {
    .request_timeout_ms = 60000,
    .idle_timeout_ms = 60000,
    .max_head = 16 * 1024,
    .max_connections = 64,
    .deflate = &compression,
};

static void on_opened(struct link *link, const char *subprotocol) {
  (void)link;
  (void)subprotocol;
}

static void on_message(struct link *link, uint8_t opcode, const uint8_t *data, size_t len) {
  if (!link_write(link, opcode, data, len, NULL))
    link_abort(link);
}

static void on_pong(struct link *link, const uint8_t *data, size_t len) {
  (void)link;
  (void)data;
  (void)len;
}

static void on_ended(struct link *link, const struct link_end *end) {
  (void)link;
  (void)end;
}

static const struct link_events events = {
    .opened = on_opened, .message = on_message, .pong = on_pong, .ended = on_ended};

static void on_request(void *user, struct http_exchange *exchange) {
  (void)user;
  if (http_request(exchange)->head->is_upgrade)
    (void)http_upgrade(exchange, &settings, &events, NULL, NULL);
  else
    http_refuse_upgrade(exchange, NULL);
}

int main(int argc, char **argv) {
  char address[64], detail[256];
  uv_loop_t uv;
  int error = 0;
  if (argc != 2) {
    fputs("Usage: limpet-autobahn-server PORT\n", stderr);
    return 1;
  }
  signal(SIGPIPE, SIG_IGN);
  uv_loop_init(&uv);
  struct net_loop *loop = net_loop_acquire(&uv, &memory_default, &error);
  (void)snprintf(address, sizeof address, "127.0.0.1:%s", argv[1]);
  const struct http_handler handler = {.request = on_request};
  struct http_server *server =
      loop ? http_server_new(loop, address, &http_settings, &handler, detail, sizeof detail) : NULL;
  if (!server) {
    fprintf(stderr, "cannot listen: %s\n", loop ? detail : uv_strerror(error));
    return 1;
  }
  printf("ws://%s\n", http_server_address(server));
  fflush(stdout);
  uv_run(&uv, UV_RUN_DEFAULT);
  return 0;
}
