/*
 * limpet-autobahn-server PORT: the server under test for the Autobahn suite's fuzzing client, an
 * echo on the library's server role. Prints the address it listens on; PORT 0 picks one.
 */
#include "link.h"
#include "listener.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_MAX (17u << 20)

static const struct link_settings settings = {
    .connect_timeout_ms = 60000,
    .close_timeout_ms = 2000,
    .max_message = MESSAGE_MAX,
    .max_handshake = 16 * 1024,
    .high_water = 4 * (uint64_t)MESSAGE_MAX,
    .compress = true,
    .deflate = {.server_max_window_bits = 15, .client_max_window_bits = 15},
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

static void on_accepted(void *user, uv_os_sock_t fd) {
  (void)link_accept(user, &settings, &events, NULL, fd);
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
  struct listener *listener =
      loop ? listener_new(loop, address, on_accepted, loop, detail, sizeof detail) : NULL;
  if (!listener) {
    fprintf(stderr, "cannot listen: %s\n", loop ? detail : uv_strerror(error));
    return 1;
  }
  printf("ws://%s\n", listener_address(listener));
  fflush(stdout);
  uv_run(&uv, UV_RUN_DEFAULT);
  return 0;
}
