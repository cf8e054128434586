#include "internal.h"

#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* In one call, and what may wait behind a request. */
#define READ_MAX ((size_t)16 * 1024)
#define READS_PER_TURN 16
#define DRAIN_MS 1000

static void update_poll(struct http_exchange *connection);
static void take_input(struct http_exchange *connection, const uint8_t *in, size_t len);

/* ---- the end ---- */

void connection_free_if_done(struct http_exchange *connection) {
  struct net_loop *loop = connection->loop;
  if (!connection->is_closed || connection->is_owed)
    return;
  http_reader_free(connection->reader);
  memory_free(connection_memory(connection), connection->saved);
  memory_free(connection_memory(connection), connection);
  net_loop_release(loop);
}

static void on_closed(uv_handle_t *handle) {
  struct http_exchange *connection = (struct http_exchange *)handle;
  connection->is_closed = true;
  connection_free_if_done(connection);
}

static void forget_answer(struct http_exchange *connection) {
  if (connection->answer_number > 0)
    connection->server->answers_len -= connection->out_len;
  connection->answer_number = 0;
  memory_free(connection_memory(connection), connection->out);
  connection->out = NULL;
  connection->out_len = connection->out_sent = 0;
}

static void leave_server(struct http_exchange *connection) {
  struct http_server *server = connection->server;
  forget_answer(connection);
  if (connection->previous)
    connection->previous->next = connection->next;
  else
    server->connections = connection->next;
  if (connection->next)
    connection->next->previous = connection->previous;
  server->count--;
  connection->server = NULL;
}

void connection_let_go(struct http_exchange *connection) {
  leave_server(connection);
  connection->phase = HTTP_GONE;
  net_timer_unset(connection->loop, &connection->deadline);
  net_loop_cancel_turn_end(connection->loop, &connection->turn_end);
  uv_close((uv_handle_t *)&connection->poll, on_closed);
}

void connection_drop(struct http_exchange *connection) {
  if (connection->phase == HTTP_GONE)
    return;
  connection_let_go(connection);
  tls_stream_free(connection->tls);
  connection->tls = NULL;
  close(connection->fd);
}

static void on_late(struct net_timer *timer);

bool connection_set_deadline(struct http_exchange *connection, uint32_t delay_ms) {
  connection->deadline.fire = on_late;
  if (net_timer_set(connection->loop, &connection->deadline,
                    net_loop_now_ms(connection->loop) + delay_ms))
    return true;
  connection_drop(connection);
  return false;
}

static void drain(struct http_exchange *connection) {
  connection->phase = HTTP_DRAINING;
  if (connection->tls)
    tls_stream_close(connection->tls);
  shutdown(connection->fd, SHUT_WR);
  connection_set_deadline(connection, DRAIN_MS);
}

void connection_stop(struct http_exchange *connection) {
  connection->closes = true;
  if (connection->phase == HTTP_TLS || (connection->phase == HTTP_READING && !connection->reader))
    connection_drop(connection);
}

/* ---- requests ---- */

static bool save(struct http_exchange *connection, const uint8_t *in, size_t len) {
  if (len == 0)
    return true;
  connection->saved = memory_alloc(connection_memory(connection), len);
  if (!connection->saved)
    return false;
  memcpy(connection->saved, in, len);
  connection->saved_len = len;
  return true;
}

static void split_target(struct http_exchange *connection) {
  const struct handshake_request *head = connection_head(connection);
  const char *mark = strchr(head->target, '?');
  const size_t len = strlen(head->target);
  const size_t path_len = mark ? (size_t)(mark - head->target) : len;
  connection->request = (struct http_request){
      .head = head,
      .path = {head->target, path_len},
      .query = {head->target + path_len + (mark != NULL), mark ? len - path_len - 1 : 0},
      .body = connection->reader->body,
      .body_len = connection->reader->body_len,
  };
}

static void ask(struct http_exchange *connection) {
  const struct http_handler *handler = &connection->server->handler;
  if (connection->is_surplus) {
    connection_refuse(connection, 503, "too many connections");
    return;
  }
  split_target(connection);
  connection->phase = HTTP_ASKED;
  connection->is_owed = true;
  net_timer_unset(connection->loop, &connection->deadline);
  handler->request(handler->user, connection);
}

/* The loop's buffer is free for others while the owner is asked: the rest is kept aside. */
static void end_request(struct http_exchange *connection, const uint8_t *rest, size_t rest_len) {
  if (save(connection, rest, rest_len))
    ask(connection);
  else
    connection_drop(connection);
}

static bool begin_request(struct http_exchange *connection) {
  const struct http_settings *settings = connection->server->settings;
  const struct http_reader_options options = {
      .memory = connection_memory(connection),
      .max_head = settings->max_head,
      .max_body = settings->max_body,
      .subprotocols = settings->subprotocols,
      .deflate = settings->deflate,
  };
  connection->reader = http_reader_new(&options);
  if (connection->reader)
    return connection_set_deadline(connection, settings->request_timeout_ms);
  connection_drop(connection);
  return false;
}

/* So short that a fresh buffer of the kernel's takes it; if not, the client is served without. */
static void invite_body(struct http_exchange *connection) {
  static char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
  connection->out = line;
  connection->out_len = sizeof line - 1;
  connection->out_sent = 0;
  const enum http_io result = connection_send(connection);
  const bool is_cut = connection->out_sent > 0 && connection->out_sent < connection->out_len;
  connection->out = NULL;
  connection->out_len = connection->out_sent = 0;
  if (result == HTTP_IO_END || is_cut || connection->out_in_flight > 0)
    connection_drop(connection);
}

static void refuse_bad(struct http_exchange *connection) {
  const char *sentence;
  const uint16_t status = http_reader_status(connection->reader, &sentence);
  connection_refuse(connection, status, sentence);
}

static void take_input(struct http_exchange *connection, const uint8_t *in, size_t len) {
  size_t consumed;
  if (!connection->reader && !begin_request(connection))
    return;
  switch (http_reader_feed(connection->reader, in, len, &consumed)) {
  case HTTP_READ_MORE:
    break;
  case HTTP_READ_EXPECTED:
    invite_body(connection);
    break;
  case HTTP_READ_DONE:
    end_request(connection, in + consumed, len - consumed);
    break;
  case HTTP_READ_BAD:
    refuse_bad(connection);
    break;
  }
}

/* ---- steps ---- */

static void read_on(struct http_exchange *connection) {
  uint8_t *in = net_loop_receive_buffer(connection->loop);
  for (int left = READS_PER_TURN; left > 0 && connection->phase == HTTP_READING; left--) {
    size_t len;
    switch (connection_receive(connection, in, READ_MAX, &len)) {
    case HTTP_IO_SOME:
      take_input(connection, in, len);
      break;
    case HTTP_IO_EMPTY:
      return;
    case HTTP_IO_END:
      connection_drop(connection);
      return;
    }
  }
  if (connection->phase == HTTP_READING && connection->tls) /* it may hold more: no poll tells */
    connection_at_turn_end(connection);
}

static void throw_away(struct http_exchange *connection) {
  for (int left = READS_PER_TURN; left > 0; left--) {
    size_t len;
    enum http_io result =
        connection_receive(connection, net_loop_receive_buffer(connection->loop), READ_MAX, &len);
    if (result == HTTP_IO_EMPTY)
      return;
    if (result == HTTP_IO_END) {
      connection_drop(connection);
      return;
    }
  }
}

static void next_request(struct http_exchange *connection) {
  uint8_t *saved = connection->saved;
  const size_t saved_len = connection->saved_len;
  http_reader_free(connection->reader);
  connection->reader = NULL;
  connection->saved = NULL;
  connection->saved_len = 0;
  connection->phase = HTTP_READING;
  if (saved_len > 0)
    take_input(connection, saved, saved_len);
  else
    connection_set_deadline(connection, connection->server->settings->idle_timeout_ms);
  memory_free(net_loop_memory(connection->loop), saved);
  if (connection->phase == HTTP_READING)
    connection_at_turn_end(connection); /* more may have come, or be held by TLS */
}

static struct http_exchange *oldest_answer(const struct http_server *server) {
  struct http_exchange *oldest = NULL;
  for (struct http_exchange *at = server->connections; at; at = at->next)
    if (at->answer_number > 0 && (!oldest || at->answer_number < oldest->answer_number))
      oldest = at;
  return oldest;
}

/* The kernel did not take it at once. Whoever does not read its answer must not take the room of
   those who do: the oldest go. */
static void wait_for_reader(struct http_exchange *connection) {
  struct http_server *server = connection->server;
  const size_t max = server->settings->max_answers;
  if (connection->answer_number > 0)
    return;
  connection->answer_number = ++server->last_answer;
  server->answers_len += connection->out_len;
  while (max > 0 && server->answers_len > max && server->answers_len > connection->out_len)
    connection_drop(oldest_answer(server));
}

static void write_on(struct http_exchange *connection) {
  const size_t sent = connection->out_sent;
  const enum http_io result = connection_send(connection);
  if (result == HTTP_IO_END) {
    connection_drop(connection);
  } else if (connection->out_sent < connection->out_len) {
    wait_for_reader(connection);
    if (connection->out_sent > sent)
      connection_set_deadline(connection, connection->server->settings->request_timeout_ms);
  } else {
    forget_answer(connection);
    if (connection->closes)
      drain(connection);
    else
      next_request(connection);
  }
}

static void fail_tls(struct http_exchange *connection, enum tls_result result) {
  const struct http_handler *handler = &connection->server->handler;
  char detail[TLS_DETAIL_CAP] = "the connection ended in the TLS handshake";
  if (result == TLS_FAILED)
    (void)tls_stream_failure(connection->tls, detail, sizeof detail);
  if (handler->refused)
    handler->refused(handler->user, 0, detail);
  connection_drop(connection);
}

static void shake_hands(struct http_exchange *connection) {
  enum tls_result result = tls_stream_handshake(connection->tls);
  connection->wants_write = result == TLS_WANT_WRITE;
  if (result == TLS_DONE) {
    connection->phase = HTTP_READING;
    read_on(connection);
  } else if (result != TLS_WANT_READ && result != TLS_WANT_WRITE) {
    fail_tls(connection, result);
  }
}

static void go_on(struct http_exchange *connection) {
  switch ((enum http_phase)connection->phase) {
  case HTTP_TLS:
    shake_hands(connection);
    break;
  case HTTP_READING:
    read_on(connection);
    break;
  case HTTP_WRITING:
    write_on(connection);
    break;
  case HTTP_DRAINING:
    throw_away(connection);
    break;
  case HTTP_ASKED:
  case HTTP_GONE:
    break;
  }
  update_poll(connection);
}

static void on_turn_end(struct net_turn_end *hook) {
  go_on((struct http_exchange *)((char *)hook - offsetof(struct http_exchange, turn_end)));
}

void connection_at_turn_end(struct http_exchange *connection) {
  connection->turn_end.run = on_turn_end;
  net_loop_at_turn_end(connection->loop, &connection->turn_end);
}

/* On an error libuv stops polling: the next call on the socket tells. */
static void on_poll(uv_poll_t *handle, int status, int events) {
  struct http_exchange *connection = (struct http_exchange *)handle;
  (void)events;
  if (status < 0)
    connection->polled = 0;
  if (connection->tls)
    tls_stream_is_readable(connection->tls);
  go_on(connection);
}

static int wanted_events(const struct http_exchange *connection) {
  switch ((enum http_phase)connection->phase) {
  case HTTP_ASKED:
  case HTTP_GONE:
    return 0;
  case HTTP_WRITING:
    return UV_WRITABLE;
  default:
    return connection->wants_write ? UV_READABLE | UV_WRITABLE : UV_READABLE;
  }
}

static void update_poll(struct http_exchange *connection) {
  const int wanted = wanted_events(connection);
  if (connection->phase == HTTP_GONE || wanted == connection->polled)
    return;
  connection->polled = (uint8_t)wanted;
  if (wanted)
    uv_poll_start(&connection->poll, wanted, on_poll);
  else
    uv_poll_stop(&connection->poll);
}

static void on_late(struct net_timer *timer) {
  struct http_exchange *connection =
      (struct http_exchange *)((char *)timer - offsetof(struct http_exchange, deadline));
  if (connection->phase == HTTP_READING && connection->reader) {
    connection_refuse(connection, 408, "the request did not come to its end in time");
    update_poll(connection);
  } else {
    connection_drop(connection);
  }
}

/* ---- the beginning ---- */

static bool set_up_tls(struct http_exchange *connection, struct tls_context *context) {
  if (!context)
    return true;
  connection->phase = HTTP_TLS;
  connection->tls = tls_stream_accept(context, connection_memory(connection), connection->fd);
  return connection->tls != NULL;
}

static void join_server(struct http_exchange *connection, struct http_server *server) {
  connection->server = server;
  connection->next = server->connections;
  if (server->connections)
    server->connections->previous = connection;
  server->connections = connection;
  server->count++;
}

void connection_new(struct http_server *server, int fd, bool is_surplus) {
  struct http_exchange *connection =
      memory_alloc_zeroed(net_loop_memory(server->loop), sizeof *connection);
  if (!connection || uv_poll_init(net_loop_uv(server->loop), &connection->poll, fd) != 0) {
    memory_free(net_loop_memory(server->loop), connection);
    close(fd);
    return;
  }
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* not for Unix sockets */
  connection->loop = server->loop;
  net_loop_retain(server->loop);
  connection->fd = fd;
  connection->phase = HTTP_READING;
  connection->is_surplus = is_surplus;
  connection->peer.len = sizeof connection->peer.as;
  if (getpeername(fd, &connection->peer.as.any, &connection->peer.len) != 0)
    connection->peer.len = 0;
  join_server(connection, server);
  if (!set_up_tls(connection, server->settings->tls))
    connection_drop(connection);
  else if (connection_set_deadline(connection, server->settings->request_timeout_ms))
    update_poll(connection);
}
