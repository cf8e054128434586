#define _GNU_SOURCE
#include "net_rig.h"

#include "frame.h"
#include "mask.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- memory ---- */

static bool fails(struct rig_memory *m) {
  m->taken++;
  return m->fail_at > 0 && (m->taken == m->fail_at || (m->fail_after && m->taken > m->fail_at));
}

static void *rig_alloc(size_t size, void *context) {
  struct rig_memory *m = context;
  if (fails(m))
    return NULL;
  void *p = malloc(size);
  m->live += p != NULL;
  return p;
}

static void *rig_realloc(void *memory, size_t size, void *context) {
  return fails(context) ? NULL : realloc(memory, size);
}

static void rig_free(void *memory, void *context) {
  struct rig_memory *m = context;
  m->live--;
  free(memory);
}

/* ---- the loop ---- */

static void on_patience(uv_timer_t *timer) {
  struct rig *rig = timer->data;
  rig->is_late = true;
}

void rig_init(struct rig *rig) {
  memset(rig, 0, sizeof *rig);
  rig->memory.memory = (struct memory){rig_alloc, rig_realloc, rig_free, &rig->memory};
  assert_int_equal(uv_loop_init(&rig->uv), 0);
  uv_timer_init(&rig->uv, &rig->patience);
  rig->patience.data = rig;
  uv_unref((uv_handle_t *)&rig->patience);
  uv_timer_start(&rig->patience, on_patience, RIG_PATIENCE_MS, 0);
  uv_timer_init(&rig->uv, &rig->tick);
  uv_unref((uv_handle_t *)&rig->tick);
  int error;
  rig->loop = net_loop_acquire(&rig->uv, &rig->memory.memory, &error);
  assert_non_null(rig->loop);
}

void rig_deinit(struct rig *rig) {
  net_loop_release(rig->loop);
  while (uv_run(&rig->uv, UV_RUN_ONCE) && !rig->is_late) {
  }
  assert_false(rig->is_late);
  uv_close((uv_handle_t *)&rig->patience, NULL);
  uv_close((uv_handle_t *)&rig->tick, NULL);
  uv_run(&rig->uv, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&rig->uv), 0);
  assert_int_equal(rig->memory.live, 0);
}

static void on_tick(uv_timer_t *timer) {
  (void)timer;
}

void rig_start_ticking(struct rig *rig) {
  uv_timer_start(&rig->tick, on_tick, 10, 10);
}

void rig_turn(struct rig *rig) {
  uv_run(&rig->uv, UV_RUN_ONCE);
  if (rig->is_late)
    fail_msg("nothing came within %d ms", RIG_PATIENCE_MS);
}

void rig_until(struct rig *rig, const bool *flag) {
  while (!*flag)
    rig_turn(rig);
}

void rig_until_count(struct rig *rig, const unsigned *count, unsigned wanted) {
  while (*count < wanted)
    rig_turn(rig);
}

/* ---- ends ---- */

static void tell(struct end *end, const char *event) {
  if (end->on_event)
    end->on_event(end, event);
}

static void on_opened(struct link *link, const char *subprotocol) {
  struct end *end = link_user(link);
  end->is_open = true;
  snprintf(end->subprotocol, sizeof end->subprotocol, "%s", subprotocol);
  tell(end, "opened");
}

static void on_message(struct link *link, uint8_t opcode, const uint8_t *data, size_t len) {
  struct end *end = link_user(link);
  end->message_count++;
  end->byte_count += len;
  end->last_opcode = opcode;
  end->last_len = len;
  if (end->keeps) {
    end->last = realloc(end->last, len + 1);
    memcpy(end->last, data, len);
    end->last[len] = '\0';
  }
  if (end->echoes)
    link_write(link, opcode, data, len, NULL);
  tell(end, "message");
}

static void on_received(struct link *link) {
  struct end *end = link_user(link);
  end->received_count++;
  tell(end, "received");
}

static void on_pong(struct link *link, const uint8_t *data, size_t len) {
  struct end *end = link_user(link);
  end->pong_count++;
  memcpy(end->pong, data, len);
  end->pong[len] = '\0';
  tell(end, "pong");
}

static void on_progress(struct link *link, size_t len) {
  struct end *end = link_user(link);
  end->progress_count++;
  end->progress_len += len;
  tell(end, "progress");
}

static void on_flushed(struct link *link) {
  struct end *end = link_user(link);
  end->flushed_count++;
  tell(end, "flushed");
}

static void on_held_up(struct link *link) {
  struct end *end = link_user(link);
  end->held_up_count++;
}

static void on_ended(struct link *link, const struct link_end *last) {
  struct end *end = link_user(link);
  assert_false(end->has_ended);
  end->has_ended = true;
  end->end = *last;
  tell(end, "ended");
  end->link = NULL;
}

const struct link_events end_events = {
    .opened = on_opened,
    .message = on_message,
    .received = on_received,
    .pong = on_pong,
    .progress = on_progress,
    .flushed = on_flushed,
    .held_up = on_held_up,
    .ended = on_ended,
};

void end_deinit(struct end *end) {
  free(end->last);
  end->last = NULL;
}

struct link_settings rig_settings(void) {
  return (struct link_settings){
      .connect_timeout_ms = 10000,
      .happy_eyeballs_delay_ms = 250,
      .close_timeout_ms = 3000,
      .max_message = 16 * 1024 * 1024,
      .max_handshake = 16 * 1024,
      .high_water = 1024 * 1024,
  };
}

/* ---- servers ---- */

static const struct deflate_params deflate_limits = {.server_max_window_bits = 15,
                                                     .client_max_window_bits = 15};

static void on_request(void *user, struct http_exchange *exchange) {
  struct rig_server *server = user;
  if (!http_request(exchange)->head->is_upgrade) {
    http_refuse_upgrade(exchange, NULL);
  } else if (server->accepted_count >= server->end_count) {
    http_refuse(exchange, 503, "full", "no end is left", NULL);
  } else {
    struct end *end = &server->ends[server->accepted_count++];
    const struct link_events *events = end->events ? end->events : &end_events;
    end->link = http_upgrade(exchange, &server->settings, events, end, server->headers);
  }
}

static void on_refused(void *user, uint16_t status, const char *sentence) {
  struct rig_server *server = user;
  (void)status;
  (void)sentence;
  server->refused_count++;
}

void rig_server_init(struct rig_server *server, struct rig *rig, const char *address,
                     struct end *ends, unsigned end_count) {
  char detail[256];
  server->rig = rig;
  server->settings = rig_settings();
  server->ends = ends;
  server->headers = NULL;
  server->end_count = end_count;
  server->accepted_count = server->refused_count = 0;
  server->http_settings = (struct http_settings){.request_timeout_ms = 10000,
                                                 .idle_timeout_ms = 10000,
                                                 .max_head = 16 * 1024,
                                                 .max_body = 1024 * 1024,
                                                 .max_connections = 256,
                                                 .deflate = &deflate_limits};
  const struct http_handler handler = {on_request, on_refused, server};
  server->http =
      http_server_new(rig->loop, address, &server->http_settings, &handler, detail, sizeof detail);
  if (!server->http)
    fail_msg("%s", detail);
  const char *real = http_server_address(server->http);
  if (strncmp(real, "unix:", 5) == 0)
    snprintf(server->url, sizeof server->url, "ws+unix://%s:/", real + 5);
  else
    snprintf(server->url, sizeof server->url, "ws://%s/", real);
}

void rig_server_deinit(struct rig_server *server) {
  http_server_free(server->http);
  server->http = NULL;
}

void rig_dial(struct rig *rig, const struct link_settings *settings, struct end *client,
              const char *url) {
  const struct link_events *events = client->events ? client->events : &end_events;
  client->link = link_dial(rig->loop, settings, events, client, url);
  assert_non_null(client->link);
}

void rig_open(struct rig *rig, struct rig_server *server, const struct link_settings *settings,
              struct end *client) {
  unsigned index = server->accepted_count;
  assert_true(index < server->end_count);
  rig_dial(rig, settings, client, server->url);
  while (!client->is_open || !server->ends[index].is_open) {
    if (client->has_ended)
      fail_msg("%s", client->end.detail);
    rig_turn(rig);
  }
}

/* ---- raw peers ---- */

int raw_listen(uint16_t *port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
  assert_int_equal(listen(fd, 16), 0);
  assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  *port = ntohs(address.sin_port);
  return fd;
}

/* The loop goes on while a plain socket is waited for. */
static void wait_for(struct rig *rig, int fd, short events) {
  uv_run(&rig->uv, UV_RUN_NOWAIT);
  struct pollfd poll_fd = {.fd = fd, .events = events};
  poll(&poll_fd, 1, 1);
  if (rig->is_late)
    fail_msg("the plain socket waited too long");
}

int raw_accept(struct rig *rig, int listening) {
  for (;;) {
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fd >= 0)
      return fd;
    wait_for(rig, listening, POLLIN);
  }
}

size_t raw_read(struct rig *rig, int fd, void *data, size_t len) {
  size_t got = 0;
  while (got < len) {
    ssize_t n = recv(fd, (char *)data + got, len - got, 0);
    if (n > 0)
      got += (size_t)n;
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
      break;
    else
      wait_for(rig, fd, POLLIN);
  }
  return got;
}

void raw_write(struct rig *rig, int fd, const void *data, size_t len) {
  const char *p = data;
  while (len > 0) {
    ssize_t n = send(fd, p, len, MSG_NOSIGNAL);
    if (n > 0) {
      p += n;
      len -= (size_t)n;
    } else {
      assert_int_equal(errno, EAGAIN);
      wait_for(rig, fd, POLLOUT);
    }
  }
}

void raw_read_head(struct rig *rig, int fd, char *head, size_t cap) {
  size_t len = 0;
  head[0] = '\0';
  while (!strstr(head, "\r\n\r\n")) {
    assert_true(len + 1 < cap);
    assert_int_equal(raw_read(rig, fd, head + len, 1), 1);
    head[++len] = '\0';
  }
}

size_t raw_answer(const char *head, const char *extra, char *out, size_t cap) {
  static const char name[] = "Sec-WebSocket-Key: ";
  const char *key = strstr(head, name);
  char accept[HANDSHAKE_ACCEPT_LEN + 1];
  assert_non_null(key);
  handshake_accept(key + sizeof name - 1, accept);
  return (size_t)snprintf(out, cap,
                          "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
                          accept, extra);
}

void raw_upgrade(struct rig *rig, int fd, const char *extra) {
  char head[4096], answer[1024];
  raw_read_head(rig, fd, head, sizeof head);
  size_t len = raw_answer(head, extra, answer, sizeof answer);
  raw_write(rig, fd, answer, len);
}

uint8_t raw_read_frame(struct rig *rig, int fd, uint8_t *payload, size_t cap, size_t *len) {
  uint8_t bytes[FRAME_HEADER_MAX];
  struct frame_header header;
  size_t got = 0;
  do {
    assert_true(got < sizeof bytes);
    assert_int_equal(raw_read(rig, fd, bytes + got, 1), 1);
    got++;
  } while (frame_read_header(bytes, got, &header) == FRAME_READ_MORE);
  assert_true(header.payload_len <= cap);
  *len = (size_t)header.payload_len;
  assert_int_equal(raw_read(rig, fd, payload, *len), *len);
  if (header.is_masked)
    mask_copy(payload, payload, *len, header.key, 0);
  return header.first;
}

bool raw_is_at_end(struct rig *rig, int fd) {
  uint8_t byte;
  return raw_read(rig, fd, &byte, 1) == 0;
}
