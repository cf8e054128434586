#include "client_peer.h"

#include "handshake.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the library's server role ---- */

static const struct link_settings settings = {
    .connect_timeout_ms = 10000,
    .close_timeout_ms = 2000,
    .max_message = 64 << 20,
    .high_water = 64 << 20,
};

static const struct http_settings http_settings = {
    .request_timeout_ms = 10000,
    .idle_timeout_ms = 10000,
    .max_head = 16 * 1024,
    .max_connections = 4096,
};

static void remember(struct peer *peer, uint8_t opcode, const uint8_t *data, size_t len) {
  if (peer->messages_count == peer->messages_cap) {
    peer->messages_cap = peer->messages_cap ? 2 * peer->messages_cap : 64;
    peer->messages = realloc(peer->messages, peer->messages_cap * sizeof *peer->messages);
    assert_non_null(peer->messages);
  }
  struct peer_message *message = &peer->messages[peer->messages_count++];
  *message = (struct peer_message){.link = peer->opened_count, .opcode = opcode, .len = len};
  if (peer->forgets)
    return;
  message->data = malloc(len + 1);
  assert_non_null(message->data);
  memcpy(message->data, data, len);
  message->data[len] = '\0';
}

static void on_opened(struct link *link, const char *subprotocol) {
  struct peer *peer = link_user(link);
  (void)subprotocol;
  peer->opened_count++;
  peer->on_this_link = 0;
  peer->link = link;
  if (peer->drops_at_once)
    peer_reset(peer);
  else if (peer->on_opened)
    peer->on_opened(peer);
}

/* Answers go where the message came from, which may be a link that the client has left. */
static void on_message(struct link *link, uint8_t opcode, const uint8_t *data, size_t len) {
  struct peer *peer = link_user(link);
  struct link *const newest = peer->link;
  peer->link = link;
  remember(peer, opcode, data, len);
  peer->on_this_link++;
  if (peer->is_echo)
    assert_true(link_write(link, opcode, data, len, NULL));
  if (peer->on_message)
    peer->on_message(peer, peer->messages[peer->messages_count - 1].data, len);
  if (peer->reset_after && peer->on_this_link >= peer->reset_after)
    peer_reset(peer);
  if (newest != link)
    peer->link = newest;
}

static void on_pong(struct link *link, const uint8_t *data, size_t len) {
  (void)link, (void)data, (void)len;
}

static void forget_link(struct peer *peer, const struct link *link) {
  for (size_t i = 0; i < peer->links_count; i++)
    if (peer->links[i] == link)
      peer->links[i] = peer->links[--peer->links_count];
  if (peer->link == link)
    peer->link = NULL;
  peer->ended_count++;
}

static void on_ended(struct link *link, const struct link_end *end) {
  struct peer *peer = link_user(link);
  peer->last_end = *end;
  forget_link(peer, link);
}

static const struct link_events events = {
    .opened = on_opened,
    .message = on_message,
    .pong = on_pong,
    .ended = on_ended,
};

static void keep_link(struct peer *peer, struct link *link) {
  assert_non_null(link);
  if (peer->links_count == peer->links_cap) {
    peer->links_cap = peer->links_cap ? 2 * peer->links_cap : 16;
    peer->links = realloc(peer->links, peer->links_cap * sizeof(struct link *));
    assert_non_null(peer->links);
  }
  peer->links[peer->links_count++] = link;
}

static void on_request(void *user, struct http_exchange *exchange) {
  struct peer *peer = user;
  const struct handshake_request *head = http_request(exchange)->head;
  assert_true(head->is_upgrade);
  peer->keys = realloc(peer->keys, (peer->keys_count + 1) * sizeof *peer->keys);
  assert_non_null(peer->keys);
  memcpy(peer->keys[peer->keys_count++], head->key, sizeof *peer->keys);
  peer->accepted_count++;
  if (peer->refuses)
    http_refuse(exchange, peer->refuses, "no", "no", peer->extra);
  else
    keep_link(peer, http_upgrade(exchange, &settings, &events, peer, NULL));
}

void peer_init(struct peer *peer, struct world *world) {
  peer_init_secure(peer, world, NULL);
}

void peer_init_secure(struct peer *peer, struct world *world, struct tls_context *tls) {
  memset(peer, 0, sizeof *peer);
  peer->settings = http_settings;
  peer->settings.tls = tls;
  peer->world = world;
  char detail[256] = "";
  const struct http_handler handler = {.request = on_request, .user = peer};
  peer->http =
      http_server_new(world->net, "127.0.0.1:0", &peer->settings, &handler, detail, sizeof detail);
  if (!peer->http)
    fail_msg("listen: %s", detail);
  (void)snprintf(peer->url, sizeof peer->url, "%s://127.0.0.1:%u/", tls ? "wss" : "ws",
                 http_server_port(peer->http));
}

void peer_stop_listening(struct peer *peer) {
  http_server_free(peer->http);
  peer->http = NULL;
}

void peer_forget(struct peer *peer) {
  for (size_t i = 0; i < peer->messages_count; i++)
    free(peer->messages[i].data);
  peer->messages_count = 0;
}

void peer_deinit(struct peer *peer) {
  peer_stop_listening(peer);
  for (size_t i = 0; i < peer->links_count; i++)
    link_abort(peer->links[i]);
  peer_forget(peer);
  free(peer->messages);
  free((void *)peer->links);
  free(peer->keys);
}

void peer_reset(struct peer *peer) {
  const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  struct link *link = peer->link;
  assert_non_null(link);
  assert_int_equal(setsockopt(link_socket(link), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once),
                   0);
  forget_link(peer, link);
  link_abort(link);
}

void peer_send(struct peer *peer, const char *text) {
  assert_non_null(peer->link);
  assert_true(link_write(peer->link, FRAME_TEXT, text, strlen(text), NULL));
}

void peer_pause(struct peer *peer, bool paused) {
  assert_non_null(peer->link);
  link_pause(peer->link, paused);
}

unsigned peer_number(const struct peer *peer, size_t i) {
  const char *text = peer->messages[i].data;
  const char *space = strrchr(text, ' ');
  assert_non_null(space);
  return (unsigned)strtoul(space + 1, NULL, 10);
}

/* ---- a bare socket ---- */

static void on_raw_accepted(void *user, uv_os_sock_t fd) {
  struct raw_peer *raw = user;
  raw->accepted_count++;
  if (raw->fd >= 0)
    close(raw->fd);
  raw->fd = fd;
  raw->in_len = 0;
  raw->is_ended = false;
}

void raw_peer_init(struct raw_peer *raw, struct world *world) {
  memset(raw, 0, sizeof *raw);
  raw->world = world;
  raw->fd = -1;
  char detail[256] = "";
  raw->listener =
      listener_new(world->net, "127.0.0.1:0", on_raw_accepted, raw, detail, sizeof detail);
  if (!raw->listener)
    fail_msg("listen: %s", detail);
  (void)snprintf(raw->url, sizeof raw->url, "ws://127.0.0.1:%u/", listener_port(raw->listener));
}

void raw_peer_deinit(struct raw_peer *raw) {
  if (raw->fd >= 0)
    close(raw->fd);
  free(raw->in);
  listener_free(raw->listener);
}

static void read_all(struct raw_peer *raw) {
  ssize_t n;
  do {
    if (raw->in_cap - raw->in_len < 65536) {
      raw->in_cap += 65536;
      raw->in = realloc(raw->in, raw->in_cap);
      assert_non_null(raw->in);
    }
    n = recv(raw->fd, raw->in + raw->in_len, raw->in_cap - raw->in_len, MSG_DONTWAIT);
    if (n > 0)
      raw->in_len += (size_t)n;
  } while (n > 0);
  if (n == 0 || (errno != EAGAIN && errno != EINTR))
    raw->is_ended = true;
}

bool raw_peer_has(struct raw_peer *raw, size_t len) {
  if (raw->fd >= 0)
    read_all(raw);
  return raw->in_len >= len;
}

static size_t head_len(const struct raw_peer *raw) {
  for (size_t i = 0; i + 4 <= raw->in_len; i++)
    if (memcmp(raw->in + i, "\r\n\r\n", 4) == 0)
      return i + 4;
  return 0;
}

bool raw_peer_has_head(struct raw_peer *raw) {
  return raw_peer_has(raw, 4) && head_len(raw) > 0;
}

void raw_peer_upgrade(struct raw_peer *raw) {
  static const char name[] = "Sec-WebSocket-Key: ";
  char accept[HANDSHAKE_ACCEPT_LEN + 1], answer[256], head[8192];
  const size_t len = head_len(raw);
  assert_in_range(len, 1, sizeof head - 1);
  memcpy(head, raw->in, len);
  head[len] = '\0';
  const char *key = strstr(head, name);
  assert_non_null(key);
  handshake_accept(key + sizeof name - 1, accept);
  (void)snprintf(answer, sizeof answer,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
  raw->in_len -= len;
  memmove(raw->in, raw->in + len, raw->in_len);
  raw_peer_send_text(raw, answer);
}

void raw_peer_send(struct raw_peer *raw, const void *data, size_t len) {
  assert_int_equal(send(raw->fd, data, len, MSG_NOSIGNAL), len);
}

void raw_peer_send_text(struct raw_peer *raw, const char *text) {
  raw_peer_send(raw, text, strlen(text));
}

void raw_peer_drop(struct raw_peer *raw, bool is_reset) {
  const struct linger at_once = {.l_onoff = is_reset, .l_linger = 0};
  assert_int_equal(setsockopt(raw->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  close(raw->fd);
  raw->fd = -1;
}

void raw_peer_open(struct raw_peer *raw) {
  world_until(raw->world, raw_peer_has_head(raw));
  raw_peer_upgrade(raw);
}
