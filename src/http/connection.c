#include "internal.h"

#include <assert.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX ((size_t)16 * 1024) /* a turn and connection, and what may wait behind a request  \
                                      */
#define READS_PER_TURN 16
#define DRAIN_MS 1000
#define HEAD_CAP 4096

static void update_poll(struct http_exchange *connection);
static void take_input(struct http_exchange *connection, const uint8_t *in, size_t len);

static const struct memory *memory_of(const struct http_exchange *connection) {
  return net_loop_memory(connection->loop);
}

/* ---- the end ---- */

/* Memory goes when libuv has let go and the owner has answered. */
static void free_if_done(struct http_exchange *connection) {
  struct net_loop *loop = connection->loop;
  if (!connection->is_closed || connection->is_owed)
    return;
  http_reader_free(connection->reader);
  memory_free(memory_of(connection), connection->out);
  memory_free(memory_of(connection), connection->saved);
  memory_free(memory_of(connection), connection);
  net_loop_release(loop);
}

static void on_closed(uv_handle_t *handle) {
  struct http_exchange *connection = (struct http_exchange *)handle;
  connection->is_closed = true;
  free_if_done(connection);
}

static void leave_server(struct http_exchange *connection) {
  struct http_server *server = connection->server;
  if (connection->previous)
    connection->previous->next = connection->next;
  else
    server->connections = connection->next;
  if (connection->next)
    connection->next->previous = connection->previous;
  server->count--;
  connection->server = NULL;
}

/* The socket lives on: it was closed, or belongs to somebody else now. */
static void let_go(struct http_exchange *connection) {
  leave_server(connection);
  connection->phase = HTTP_GONE;
  net_timer_unset(connection->loop, &connection->deadline);
  net_loop_cancel_turn_end(connection->loop, &connection->turn_end);
  uv_close((uv_handle_t *)&connection->poll, on_closed);
}

void connection_drop(struct http_exchange *connection) {
  if (connection->phase == HTTP_GONE)
    return;
  let_go(connection);
  tls_stream_free(connection->tls);
  connection->tls = NULL;
  close(connection->fd);
}

static void on_late(struct net_timer *timer);

static bool set_deadline(struct http_exchange *connection, uint32_t delay_ms) {
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
  set_deadline(connection, DRAIN_MS);
}

void connection_stop(struct http_exchange *connection) {
  connection->closes = true;
  if (connection->phase == HTTP_TLS || (connection->phase == HTTP_READING && !connection->reader))
    connection_drop(connection);
}

/* ---- answers ---- */

static const struct handshake_request *head_of(const struct http_exchange *connection) {
  return http_reader_request(connection->reader);
}

static void at_turn_end(struct http_exchange *connection);

/* A body only if HEAD did not ask, and the status has one (RFC 9110 section 9.3.2). */
static bool put_out(struct http_exchange *connection, const struct http_response *response) {
  const struct handshake_request *head = head_of(connection);
  const struct response_framing framing = {
      .wall_s = net_loop_wall_ms(connection->loop) / 1000,
      .keeps_alive = !connection->closes,
      .is_http_1_0 = !head->is_http_1_1 && !head->is_malformed,
  };
  const bool has_body = strcmp(head->method, "HEAD") != 0 && response->status != 204;
  const size_t body_len = has_body ? response->body_len : 0;
  connection->out = memory_alloc(memory_of(connection), HEAD_CAP + body_len);
  if (!connection->out)
    return false;
  size_t len = response_write_head(response, &framing, connection->out, HEAD_CAP);
  if (len == 0)
    return false;
  if (body_len > 0)
    memcpy(connection->out + len, response->body, body_len);
  connection->out_len = len + body_len;
  connection->out_sent = 0;
  return true;
}

static void answer(struct http_exchange *connection, const struct http_response *response) {
  connection->closes =
      connection->closes || connection->server->is_stopping || !head_of(connection)->keeps_alive;
  connection->phase = HTTP_WRITING;
  if (!put_out(connection, response))
    connection_drop(connection);
  else if (set_deadline(connection, connection->server->settings->request_timeout_ms))
    at_turn_end(connection);
}

void http_respond(struct http_exchange *connection, const struct http_response *response) {
  assert(connection->is_owed);
  connection->is_owed = false;
  if (connection->phase == HTTP_GONE)
    free_if_done(connection);
  else
    answer(connection, response);
}

static struct http_response error_response(uint16_t status, const char *const *headers,
                                           const char *text, size_t len) {
  return (struct http_response){.status = status,
                                .content_type = "application/json",
                                .headers = headers,
                                .body = text,
                                .body_len = len};
}

void http_refuse(struct http_exchange *connection, uint16_t status, const char *code,
                 const char *sentence, const char *const *headers) {
  char text[RESPONSE_ERROR_CAP];
  const size_t len = response_write_error(code, sentence, text);
  const struct http_response response = error_response(status, headers, text, len);
  http_respond(connection, &response);
}

/* RFC 9110 section 15.5.22 wants Upgrade with 426, RFC 6455 section 4.4 the version spoken, and a
   405 names what is allowed. */
#define REFUSAL_LINES_MAX 16

void http_refuse_upgrade(struct http_exchange *connection, const char *const *headers) {
  const struct handshake_request *head = head_of(connection);
  const uint16_t status = head->error_status;
  const char *lines[REFUSAL_LINES_MAX];
  size_t count = 0;
  assert(!head->is_upgrade);
  if (status == 426) {
    lines[count++] = "Upgrade: websocket";
    lines[count++] = "Sec-WebSocket-Version: 13";
  } else if (status == 405) {
    lines[count++] = "Allow: GET";
  }
  for (; headers && *headers && count + 1 < REFUSAL_LINES_MAX; headers++)
    lines[count++] = *headers;
  lines[count] = NULL;
  http_refuse(connection, status, response_error_code(status), head->detail, lines);
}

/* A refusal of our own: the rest of the input can no longer be told apart. */
static void refuse_unasked(struct http_exchange *connection, uint16_t status,
                           const char *sentence) {
  char text[RESPONSE_ERROR_CAP];
  const struct http_handler *handler = &connection->server->handler;
  static const char *const retry[] = {"Retry-After: 1", NULL};
  const size_t len = response_write_error(response_error_code(status), sentence, text);
  const struct http_response response =
      error_response(status, status == 503 ? retry : NULL, text, len);
  connection->closes = true;
  if (handler->refused)
    handler->refused(handler->user, status, sentence);
  answer(connection, &response);
}

struct link *http_upgrade(struct http_exchange *connection, const struct link_settings *settings,
                          const struct link_events *events, void *user,
                          const char *const *headers) {
  assert(connection->is_owed && head_of(connection)->is_upgrade);
  connection->is_owed = false;
  if (connection->phase == HTTP_GONE) {
    free_if_done(connection);
    return NULL;
  }
  const struct link_upgrade upgrade = {
      .fd = connection->fd,
      .tls = connection->tls,
      .request = head_of(connection),
      .headers = headers,
      .early = connection->saved,
      .early_len = connection->saved_len,
  };
  let_go(connection);
  struct link *link = link_accept(connection->loop, settings, events, user, &upgrade);
  if (!link) {
    tls_stream_free(connection->tls);
    close(connection->fd);
  }
  connection->tls = NULL;
  return link;
}

/* ---- requests ---- */

static bool save(struct http_exchange *connection, const uint8_t *in, size_t len) {
  if (len == 0)
    return true;
  connection->saved = memory_alloc(memory_of(connection), len);
  if (!connection->saved)
    return false;
  memcpy(connection->saved, in, len);
  connection->saved_len = len;
  return true;
}

static void split_target(struct http_exchange *connection) {
  const struct handshake_request *head = head_of(connection);
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
    refuse_unasked(connection, 503, "too many connections");
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
      .memory = memory_of(connection),
      .max_head = settings->max_head,
      .max_body = settings->max_body,
      .subprotocols = settings->subprotocols,
      .deflate = settings->deflate,
  };
  connection->reader = http_reader_new(&options);
  if (connection->reader)
    return set_deadline(connection, settings->request_timeout_ms);
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
  refuse_unasked(connection, status, sentence);
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
    at_turn_end(connection);
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
    set_deadline(connection, connection->server->settings->idle_timeout_ms);
  memory_free(net_loop_memory(connection->loop), saved);
  if (connection->phase == HTTP_READING)
    at_turn_end(connection); /* more may have come, or be held by TLS */
}

static void write_on(struct http_exchange *connection) {
  const size_t sent = connection->out_sent;
  const enum http_io result = connection_send(connection);
  if (result == HTTP_IO_END) {
    connection_drop(connection);
  } else if (connection->out_sent < connection->out_len) {
    if (connection->out_sent > sent)
      set_deadline(connection, connection->server->settings->request_timeout_ms);
  } else {
    memory_free(memory_of(connection), connection->out);
    connection->out = NULL;
    connection->out_len = connection->out_sent = 0;
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

static void at_turn_end(struct http_exchange *connection) {
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
    refuse_unasked(connection, 408, "the request did not come to its end in time");
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
  connection->tls = tls_stream_accept(context, memory_of(connection), connection->fd);
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
  else if (set_deadline(connection, server->settings->request_timeout_ms))
    update_poll(connection);
}

/* ---- questions ---- */

const struct http_request *http_request(const struct http_exchange *connection) {
  return &connection->request;
}

const char *http_header(const struct http_exchange *connection, const char *name) {
  return http_reader_header(connection->reader, name);
}

const struct address *http_peer(const struct http_exchange *connection) {
  return &connection->peer;
}
