/* The owner's side of an exchange: what was asked, and how it is answered. */
#include "internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define HEAD_CAP 4096

/* A body only if HEAD did not ask, and the status has one (RFC 9110 section 9.3.2). */
static bool put_out(struct http_exchange *connection, const struct http_response *response) {
  const struct handshake_request *head = connection_head(connection);
  const struct response_framing framing = {
      .wall_s = net_loop_wall_ms(connection->loop) / 1000,
      .keeps_alive = !connection->closes,
      .is_http_1_0 = !head->is_http_1_1 && !head->is_malformed,
  };
  const bool has_body =
      strcmp(head->method, "HEAD") != 0 && response->status != 204 && response->status != 304;
  const size_t body_len = has_body ? response->body_len : 0;
  connection->out = memory_alloc(connection_memory(connection), HEAD_CAP + body_len);
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
  connection->closes = connection->closes || connection->server->is_stopping ||
                       !connection_head(connection)->keeps_alive;
  connection->phase = HTTP_WRITING;
  if (!put_out(connection, response))
    connection_drop(connection);
  else if (connection_set_deadline(connection, connection->server->settings->request_timeout_ms))
    connection_at_turn_end(connection);
}

void http_respond(struct http_exchange *connection, const struct http_response *response) {
  assert(connection->is_owed);
  connection->is_owed = false;
  if (connection->phase == HTTP_GONE)
    connection_free_if_done(connection);
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

/* RFC 9110 section 15.5.22 wants Upgrade with 426, section 7.8 that it is named as of this hop
   alone, RFC 6455 section 4.4 the version spoken, and a 405 names what is allowed. */
#define REFUSAL_LINES_MAX 16

void http_refuse_upgrade(struct http_exchange *connection, const char *const *headers) {
  const struct handshake_request *head = connection_head(connection);
  const uint16_t status = head->error_status;
  const char *lines[REFUSAL_LINES_MAX];
  size_t count = 0;
  assert(!head->is_upgrade);
  if (status == 426) {
    lines[count++] = "Connection: Upgrade";
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

void connection_refuse(struct http_exchange *connection, uint16_t status, const char *sentence) {
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

void http_choose_subprotocol(struct http_exchange *connection, const char *name) {
  assert(connection->is_owed);
  http_reader_choose_subprotocol(connection->reader, name);
}

struct link *http_upgrade(struct http_exchange *connection, const struct link_settings *settings,
                          const struct link_events *events, void *user,
                          const char *const *headers) {
  assert(connection->is_owed && connection_head(connection)->is_upgrade);
  connection->is_owed = false;
  if (connection->phase == HTTP_GONE) {
    connection_free_if_done(connection);
    return NULL;
  }
  const struct link_upgrade upgrade = {
      .fd = connection->fd,
      .tls = connection->tls,
      .request = connection_head(connection),
      .headers = headers,
      .early = connection->saved,
      .early_len = connection->saved_len,
  };
  connection_let_go(connection);
  struct link *link = link_accept(connection->loop, settings, events, user, &upgrade);
  if (!link) {
    tls_stream_free(connection->tls);
    close(connection->fd);
  }
  connection->tls = NULL;
  return link;
}

/* ---- questions ---- */

const struct http_request *http_request(const struct http_exchange *connection) {
  return &connection->request;
}

const char *http_header(const struct http_exchange *connection, const char *name) {
  return http_reader_header(connection->reader, name);
}

const char *http_header_before(const struct http_exchange *connection, const char *name,
                               const char *later) {
  return http_reader_header_before(connection->reader, name, later);
}

void http_each_header(const struct http_exchange *connection, handshake_header_callback *each,
                      void *user) {
  http_reader_each_header(connection->reader, each, user);
}

bool http_peer_has_left(const struct http_exchange *connection) {
  char byte;
  if (connection->phase == HTTP_GONE)
    return true;
  const ssize_t n = sock_peek(connection->fd, &byte, 1);
  return n == 0 || (n < 0 && !sock_would_block(errno));
}

const struct address *http_peer(const struct http_exchange *connection) {
  return &connection->peer;
}
