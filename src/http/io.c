/* A connection's bytes, plain or TLS. */
#include "internal.h"

#include <errno.h>

static enum http_io receive_tls(struct http_exchange *connection, void *data, size_t cap,
                                size_t *len) {
  enum tls_result result = tls_stream_read(connection->tls, data, cap, len);
  connection->wants_write = result == TLS_WANT_WRITE;
  if (*len > 0)
    return HTTP_IO_SOME;
  return result == TLS_WANT_READ || result == TLS_WANT_WRITE ? HTTP_IO_EMPTY : HTTP_IO_END;
}

enum http_io connection_receive(struct http_exchange *connection, void *data, size_t cap,
                                size_t *len) {
  *len = 0;
  if (connection->tls)
    return receive_tls(connection, data, cap, len);
  ssize_t n = sock_receive(connection->fd, data, cap);
  if (n > 0) {
    *len = (size_t)n;
    return HTTP_IO_SOME;
  }
  return n < 0 && sock_would_block(errno) ? HTTP_IO_EMPTY : HTTP_IO_END;
}

static enum http_io send_plain(struct http_exchange *connection, const char *data, size_t len) {
  ssize_t n = sock_send(connection->fd, data, len, false);
  if (n < 0)
    return sock_would_block(errno) ? HTTP_IO_EMPTY : HTTP_IO_END;
  connection->out_sent += (size_t)n;
  return HTTP_IO_SOME;
}

static enum http_io send_tls(struct http_exchange *connection, const char *data, size_t len) {
  size_t written, piece = connection->out_in_flight;
  if (piece == 0)
    piece = len < TLS_RECORD_MAX ? len : TLS_RECORD_MAX;
  enum tls_result result = tls_stream_write(connection->tls, data, piece, piece < len, &written);
  connection->out_in_flight = result == TLS_DONE ? 0 : piece;
  connection->out_sent += written;
  if (result == TLS_DONE)
    return HTTP_IO_SOME;
  return result == TLS_WANT_READ || result == TLS_WANT_WRITE ? HTTP_IO_EMPTY : HTTP_IO_END;
}

enum http_io connection_send(struct http_exchange *connection) {
  enum http_io result = HTTP_IO_SOME;
  while (result == HTTP_IO_SOME && connection->out_sent < connection->out_len) {
    const char *data = connection->out + connection->out_sent;
    const size_t len = connection->out_len - connection->out_sent;
    result = connection->tls ? send_tls(connection, data, len) : send_plain(connection, data, len);
  }
  return result;
}
