#include "internal.h"

#include <stdio.h>
#include <unistd.h>

/* Beyond the limit so many are still taken in, to be told so; more are closed without a word. */
#define SURPLUS_MAX 64

static void on_accepted(void *user, uv_os_sock_t fd) {
  struct http_server *server = user;
  const size_t max = server->settings->max_connections;
  if (server->count >= max + SURPLUS_MAX) {
    close(fd);
    return;
  }
  connection_new(server, fd, server->count >= max);
}

struct http_server *http_server_new(struct net_loop *loop, const char *address,
                                    const struct http_settings *settings,
                                    const struct http_handler *handler, char *detail,
                                    size_t detail_cap) {
  struct http_server *server = memory_alloc_zeroed(net_loop_memory(loop), sizeof *server);
  if (!server) {
    (void)snprintf(detail, detail_cap, "%s: no memory", address);
    return NULL;
  }
  server->loop = loop;
  server->settings = settings;
  server->handler = *handler;
  server->listener = listener_new(loop, address, on_accepted, server, detail, detail_cap);
  if (server->listener) {
    net_loop_retain(loop);
    return server;
  }
  memory_free(net_loop_memory(loop), server);
  return NULL;
}

const char *http_server_address(const struct http_server *server) {
  return listener_address(server->listener);
}

uint16_t http_server_port(const struct http_server *server) {
  return listener_port(server->listener);
}

size_t http_server_count(const struct http_server *server) {
  return server->count;
}

void http_server_stop(struct http_server *server) {
  struct http_exchange *next;
  server->is_stopping = true;
  listener_free(server->listener);
  server->listener = NULL;
  for (struct http_exchange *connection = server->connections; connection; connection = next) {
    next = connection->next;
    connection_stop(connection);
  }
}

void http_server_free(struct http_server *server) {
  if (!server)
    return;
  struct net_loop *loop = server->loop;
  listener_free(server->listener);
  while (server->connections)
    connection_drop(server->connections);
  memory_free(net_loop_memory(loop), server);
  net_loop_release(loop);
}
