/* A TCP proxy on libuv streams that cuts when told. */
#include "demo_cutter.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PIECE ((size_t)64 * 1024)

struct pair {
  struct pair *next;
  struct demo_cutter *cutter;
  uv_tcp_t near, far; /* to the client, to the server */
  uv_connect_t connect;
  int open_count; /* handles not yet closed */
  bool is_closing, is_frozen;
};

struct demo_cutter {
  uv_tcp_t server;
  struct sockaddr_in to;
  struct pair *pairs;
  uint16_t port;
};

struct piece {
  uv_write_t request;
  char bytes[];
};

static void on_closed(uv_handle_t *handle) {
  struct pair *pair = handle->data;
  if (--pair->open_count > 0)
    return;
  struct pair **at = &pair->cutter->pairs;
  while (*at != pair)
    at = &(*at)->next;
  *at = pair->next;
  free(pair);
}

static void close_pair(struct pair *pair, bool is_reset) {
  if (pair->is_closing)
    return;
  pair->is_closing = true;
  uv_tcp_t *const ends[] = {&pair->near, &pair->far};
  for (int i = 0; i < 2; i++)
    if (!is_reset || uv_tcp_close_reset(ends[i], on_closed) != 0)
      uv_close((uv_handle_t *)ends[i], on_closed);
}

static void on_alloc(uv_handle_t *handle, size_t wanted, uv_buf_t *buffer) {
  (void)handle;
  (void)wanted;
  struct piece *piece = malloc(sizeof *piece + PIECE);
  *buffer = uv_buf_init(piece ? piece->bytes : NULL, piece ? PIECE : 0);
  // The bytes carry their piece with them: piece_of() finds it again.
  // cppcheck-suppress memleak
}

static struct piece *piece_of(const uv_buf_t *buffer) {
  return buffer->base ? (struct piece *)(buffer->base - offsetof(struct piece, bytes)) : NULL;
}

static void on_written(uv_write_t *request, int status) {
  (void)status; /* a broken end is noticed by reading */
  free(request->data);
}

static void on_read(uv_stream_t *from, ssize_t len, const uv_buf_t *buffer) {
  struct pair *pair = from->data;
  struct piece *piece = piece_of(buffer);
  uv_tcp_t *to = from == (uv_stream_t *)&pair->near ? &pair->far : &pair->near;
  if (len <= 0 || pair->is_frozen || pair->is_closing) {
    free(piece);
    if (len < 0)
      close_pair(pair, false);
    return;
  }
  uv_buf_t out = uv_buf_init(buffer->base, (unsigned)len);
  piece->request.data = piece;
  if (uv_write(&piece->request, (uv_stream_t *)to, &out, 1, on_written) != 0)
    free(piece);
}

static void on_far_connected(uv_connect_t *connect, int status) {
  struct pair *pair = connect->data;
  if (status != 0) {
    close_pair(pair, true);
    return;
  }
  uv_read_start((uv_stream_t *)&pair->near, on_alloc, on_read);
  uv_read_start((uv_stream_t *)&pair->far, on_alloc, on_read);
}

static void on_connection(uv_stream_t *server, int status) {
  struct demo_cutter *cutter = server->data;
  struct pair *pair = status == 0 ? calloc(1, sizeof *pair) : NULL;
  if (!pair)
    return;
  pair->cutter = cutter;
  pair->open_count = 2;
  pair->next = cutter->pairs;
  cutter->pairs = pair;
  uv_tcp_init(server->loop, &pair->near);
  uv_tcp_init(server->loop, &pair->far);
  pair->near.data = pair->far.data = pair->connect.data = pair;
  uv_tcp_nodelay(&pair->near, 1);
  uv_tcp_nodelay(&pair->far, 1);
  if (uv_accept(server, (uv_stream_t *)&pair->near) != 0 ||
      uv_tcp_connect(&pair->connect, &pair->far, (const struct sockaddr *)&cutter->to,
                     on_far_connected) != 0)
    close_pair(pair, false);
}

static bool listen_on_any_port(struct demo_cutter *cutter) {
  struct sockaddr_in address;
  int len = sizeof address;
  uv_ip4_addr("127.0.0.1", 0, &address);
  if (uv_tcp_bind(&cutter->server, (const struct sockaddr *)&address, 0) != 0 ||
      uv_listen((uv_stream_t *)&cutter->server, 16, on_connection) != 0 ||
      uv_tcp_getsockname(&cutter->server, (struct sockaddr *)&address, &len) != 0)
    return false;
  cutter->port = ntohs(address.sin_port);
  return true;
}

static void on_server_closed(uv_handle_t *handle) {
  free(handle->data);
}

struct demo_cutter *demo_cutter_new(uv_loop_t *loop, uint16_t to_port) {
  struct demo_cutter *cutter = calloc(1, sizeof *cutter);
  if (!cutter)
    return NULL;
  uv_ip4_addr("127.0.0.1", to_port, &cutter->to);
  uv_tcp_init(loop, &cutter->server);
  cutter->server.data = cutter;
  if (listen_on_any_port(cutter))
    return cutter;
  uv_close((uv_handle_t *)&cutter->server, on_server_closed);
  return NULL;
}

uint16_t demo_cutter_port(const struct demo_cutter *cutter) {
  return cutter->port;
}

void demo_cutter_reset(struct demo_cutter *cutter) {
  for (struct pair *pair = cutter->pairs; pair; pair = pair->next)
    close_pair(pair, true);
}

void demo_cutter_freeze(struct demo_cutter *cutter) {
  for (struct pair *pair = cutter->pairs; pair; pair = pair->next) {
    if (pair->is_closing)
      continue;
    pair->is_frozen = true;
    uv_read_stop((uv_stream_t *)&pair->near);
    uv_read_stop((uv_stream_t *)&pair->far);
  }
}

/* The pairs' last closing callbacks still look at the cutter, and come before its own: libuv
   calls them in the order of closing, newest first within a turn, so the server waits a turn. */
static void on_last_turn(uv_handle_t *timer) {
  struct demo_cutter *cutter = timer->data;
  free(timer);
  uv_close((uv_handle_t *)&cutter->server, on_server_closed);
}

void demo_cutter_free(struct demo_cutter *cutter) {
  uv_timer_t *turn = malloc(sizeof *turn);
  demo_cutter_reset(cutter);
  if (!turn)
    return;
  uv_timer_init(cutter->server.loop, turn);
  turn->data = cutter;
  uv_close((uv_handle_t *)turn, on_last_turn);
}
