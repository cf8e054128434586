/*
 * How a link ends. Three ways lead here: the closing handshake (RFC 6455 section 7.1), a failure
 * that is told to the peer first (7.1.7), and the loss of the connection.
 *
 * A socket closed with unread input answers with a reset, which can overtake our close frame on its
 * way; therefore a link that has decided its end goes on reading, throws the input away, and closes
 * once the peer has, bounded by close_timeout_ms. The server ends TCP first (7.1.1): it, and
 * whoever failed the connection, shuts its direction down behind the last frame.
 */
#include "link_internal.h"

#include "close.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct link_end link_end_of(enum link_end_kind kind, const char *detail) {
  struct link_end end = {.kind = kind, .retry_after_ms = UINT64_MAX};
  snprintf(end.detail, sizeof end.detail, "%s", detail);
  return end;
}

void link_finish(struct link *link, const struct link_end *end) {
  struct link_end last = *end; /* it may be link->end */
  if (link->tls && last.kind == LINK_END_CLOSED)
    tls_stream_close(link->tls);
  link->phase = LINK_ENDED;
  link->events->ended(link, &last);
  link_dispose(link);
}

void link_finish_simply(struct link *link, enum link_end_kind kind, const char *detail) {
  struct link_end end = link_end_of(kind, detail);
  link_finish(link, &end);
}

void link_input_ended(struct link *link, enum io_result result) {
  if (link->phase == LINK_DRAINING) {
    link_finish(link, link->end);
    return;
  }
  struct link_end end = link_end_of(LINK_END_LOST, "");
  link_io_explain(link, result, result == IO_END ? " without a close frame" : "", &end);
  link_finish(link, &end);
}

/* ---- draining ---- */

void link_output_is_done(struct link *link) {
  if (link->phase != LINK_DRAINING || !link->shuts_down)
    return;
  link->shuts_down = false;
  if (link->tls)
    tls_stream_close(link->tls);
  shutdown(link->fd, SHUT_WR);
}

void link_drain(struct link *link, const struct link_end *end) {
  link->end = memory_alloc(link_memory(link), sizeof *link->end);
  if (!link->end || !link_set_deadline(link, link->settings->close_timeout_ms)) {
    link_finish(link, end);
    return;
  }
  *link->end = *end;
  link->phase = LINK_DRAINING;
  link->has_news = true; /* no longer writable */
  link_send(link);
  link_at_turn_end(link);
  link_update_poll(link);
}

void link_drain_is_late(struct link *link) {
  link_finish(link, link->end);
}

/* ---- the closing handshake ---- */

static void take_reason(struct link_end *end, const uint8_t *reason, size_t len) {
  if (len >= sizeof end->close_reason)
    len = sizeof end->close_reason - 1;
  memcpy(end->close_reason, reason, len);
  end->close_reason[len] = '\0';
}

/* A close frame overtakes what waits, so what the kernel still takes goes first: answers given
   before it are not lost for nothing. False: no memory. */
static bool add_close(struct link *link, uint16_t code, const char *reason) {
  link_send(link);
  return link_add_close(link, code, reason);
}

void link_close_received(struct link *link, uint16_t code, const uint8_t *reason, size_t len) {
  struct link_end end = link_end_of(LINK_END_CLOSED, "");
  end.close_code = code;
  if (len > 0)
    take_reason(&end, reason, len);
  snprintf(end.detail, sizeof end.detail, "closed by the peer with %u%s%s", code,
           len > 0 ? ": " : "", end.close_reason);
  end.was_clean = link->phase == LINK_CLOSING || add_close(link, code, NULL);
  link->shuts_down = link->is_server;
  link_drain(link, &end);
}

void link_close(struct link *link, uint16_t code, const char *reason) {
  if (link->phase != LINK_OPEN)
    return;
  if (!add_close(link, code, reason)) {
    link->lost_error = ENOMEM;
    link->is_broken = true;
  }
  link->phase = LINK_CLOSING;
  link->has_news = true;
  link_at_turn_end(link);
}

static enum link_end_kind kind_of(uint16_t code) {
  switch (code) {
  case CLOSE_TOO_BIG:
    return LINK_END_TOO_BIG;
  case CLOSE_INTERNAL_ERROR:
    return LINK_END_NO_MEMORY;
  default:
    return LINK_END_PROTOCOL;
  }
}

void link_fail(struct link *link, uint16_t code, const char *detail) {
  struct link_end end = link_end_of(kind_of(code), detail);
  end.close_code = code;
  if (link->phase == LINK_OPEN)
    (void)add_close(link, code, NULL);
  link->shuts_down = true;
  link_drain(link, &end);
}
