#include "link_internal.h"

#include <errno.h>
#include <stdio.h>

static enum io_result read_plain(struct link *link, void *data, size_t cap, size_t *len,
                                 bool *is_drained) {
  ssize_t n = sock_receive(link->fd, data, cap);
  if (n > 0) {
    *len = (size_t)n;
    *is_drained = *len < cap;
    return IO_SOME;
  }
  *is_drained = true;
  if (n == 0)
    return IO_END;
  if (sock_would_block(errno))
    return IO_EMPTY;
  link->lost_error = errno;
  return IO_FAILED;
}

/* What TLS waited for may have come with what was read: the write is tried again. */
static void unblock_write(struct link *link) {
  if (!link->wants_read)
    return;
  link->wants_read = link->is_blocked = false;
  link_at_turn_end(link);
}

/* An end or failure after some bytes is met again by the next read. */
static enum io_result read_tls(struct link *link, void *data, size_t cap, size_t *len,
                               bool *is_drained) {
  enum tls_result result = tls_stream_read(link->tls, data, cap, len);
  unblock_write(link);
  *is_drained = result == TLS_WANT_READ || result == TLS_WANT_WRITE;
  link->wants_write = result == TLS_WANT_WRITE;
  if (*len > 0)
    return IO_SOME;
  if (*is_drained)
    return IO_EMPTY;
  return result == TLS_ENDED ? IO_END : IO_FAILED;
}

enum io_result link_io_read(struct link *link, void *data, size_t cap, size_t *len,
                            bool *is_drained) {
  *len = 0;
  return link->tls ? read_tls(link, data, cap, len, is_drained)
                   : read_plain(link, data, cap, len, is_drained);
}

/* A piece without TLS nearly fills a segment of its own; to hold it back gains nothing. */
static enum io_result write_plain(struct link *link, const void *data, size_t len,
                                  size_t *written) {
  ssize_t n = sock_send(link->fd, data, len, false);
  if (n >= 0) {
    *written = (size_t)n;
    return IO_SOME;
  }
  if (sock_would_block(errno))
    return IO_EMPTY;
  link->lost_error = errno;
  return IO_FAILED;
}

static enum io_result write_tls(struct link *link, const void *data, size_t len, bool more_comes,
                                size_t *written, size_t *in_flight) {
  size_t piece = *in_flight ? *in_flight : len < TLS_RECORD_MAX ? len : TLS_RECORD_MAX;
  enum tls_result result =
      tls_stream_write(link->tls, data, piece, more_comes || piece < len, written);
  *in_flight = result == TLS_DONE ? 0 : piece;
  link->wants_read = result == TLS_WANT_READ;
  if (result == TLS_DONE)
    return IO_SOME;
  if (result == TLS_WANT_READ || result == TLS_WANT_WRITE)
    return IO_EMPTY;
  link->lost_error = EPIPE;
  return IO_FAILED;
}

enum io_result link_io_write(struct link *link, const void *data, size_t len, bool more_comes,
                             size_t *written, size_t *in_flight) {
  *written = 0;
  return link->tls ? write_tls(link, data, len, more_comes, written, in_flight)
                   : write_plain(link, data, len, written);
}

static void explain(const struct link *link, enum io_result result, struct link_end *end,
                    char detail[LINK_DETAIL_CAP]) {
  end->kind = LINK_END_LOST;
  if (result == IO_END) {
    snprintf(detail, LINK_DETAIL_CAP, "connection closed");
  } else if (link->tls && (!link->lost_error || link->lost_error == EPIPE)) {
    end->kind = tls_stream_failure(link->tls, detail, LINK_DETAIL_CAP);
  } else {
    enum link_end_kind kind = sock_error_kind(link->lost_error);
    bool is_ours = kind == LINK_END_NO_MEMORY || kind == LINK_END_SYSTEM;
    end->kind = is_ours ? kind : LINK_END_LOST;
    snprintf(detail, LINK_DETAIL_CAP, "%s", sock_error_text(link->lost_error));
  }
}

void link_io_explain(const struct link *link, enum io_result result, const char *doing,
                     struct link_end *end) {
  char detail[LINK_DETAIL_CAP];
  explain(link, result, end, detail);
  snprintf(end->detail, sizeof end->detail, "%.*s%s", LINK_DETAIL_CAP - 1 - 64, detail, doing);
}
