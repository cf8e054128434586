/*
 * Failures: one table of kinds, names and sentences (section 7 of the contract), and the one
 * function that says what each is worth. What the application makes of it is not known here.
 */
#include "failure.h"
#include "session_scope.h"

#include <stddef.h>

#define FAILURES(X)                                                                                \
  X(NONE, "none", "")                                                                              \
  X(DNS, "dns", "Connection error")                                                                \
  X(NETWORK_UNREACHABLE, "network_unreachable", "Connection error")                                \
  X(CONNECT_REFUSED, "connect_refused", "Connection error")                                        \
  X(CONNECT_TIMEOUT, "connect_timeout", "Connection error")                                        \
  X(TLS, "tls", "Connection error")                                                                \
  X(TLS_VERIFY, "tls_verify", "Certificate not trusted")                                           \
  X(PROXY, "proxy", "Connection error")                                                            \
  X(CONNECTION_LOST, "connection_lost", "Connection error")                                        \
  X(HEARTBEAT_TIMEOUT, "heartbeat_timeout", "Connection lost")                                     \
  X(HTTP_STATUS, "http_status", "WebSocket error")                                                 \
  X(HANDSHAKE, "handshake", "WebSocket error")                                                     \
  X(PROTOCOL, "protocol", "WebSocket error")                                                       \
  X(CLOSED_BY_PEER, "closed_by_peer", "WebSocket error")                                           \
  X(MESSAGE_TOO_BIG, "message_too_big", "WebSocket error")                                         \
  X(GAVE_UP, "gave_up", "Gave up reconnecting")                                                    \
  X(INVALID_ARGUMENT, "invalid_argument", "Invalid argument")                                      \
  X(NOT_CONNECTED, "not_connected", "Not connected")                                               \
  X(QUEUE_OVERFLOW, "queue_overflow", "Message queue is full")                                     \
  X(OUTBOX, "outbox", "Outbox error")                                                              \
  X(PROVIDER, "provider", "Credentials not available")                                             \
  X(NO_MEMORY, "no_memory", "Out of memory")                                                       \
  X(SYSTEM, "system", "System error")

struct failure_row {
  const char *name, *sentence;
};

#define ROW(kind, name, sentence) [FAILURE_##kind] = {name, sentence},
static const struct failure_row rows[] = {FAILURES(ROW)};
_Static_assert(sizeof rows / sizeof *rows == FAILURE_COUNT, "every kind has a row");

const char *failure_kind_name(enum failure_kind kind) {
  return (size_t)kind < FAILURE_COUNT ? rows[kind].name : "?";
}

const char *failure_sentence(enum failure_kind kind) {
  return (size_t)kind < FAILURE_COUNT ? rows[kind].sentence : "?";
}

static enum failure_verdict verdict_on_status(uint16_t status, bool was_open) {
  switch (status) {
  case 404: /* a wrong address at first, a server between two deployments later */
    return was_open ? VERDICT_BACK_OFF : VERDICT_GIVE_UP;
  case 408:
  case 425:
  case 429:
    return VERDICT_BACK_OFF;
  default:
    return status >= 300 && status < 500 ? VERDICT_GIVE_UP : VERDICT_BACK_OFF;
  }
}

/* RFC 6455 section 7.4.1; 4000-4099 are the application's final words by the contract. */
static enum failure_verdict verdict_on_close(uint16_t code, bool reconnect_on_normal_close) {
  if (code == 1000 || code == 1001)
    return reconnect_on_normal_close ? VERDICT_BACK_OFF : VERDICT_GIVE_UP;
  if (code == 1003 || (code >= 1007 && code <= 1010) || (code >= 4000 && code <= 4099))
    return VERDICT_GIVE_UP;
  return VERDICT_BACK_OFF;
}

enum failure_verdict failure_verdict(const struct failure *failure, bool was_open,
                                     bool reconnect_on_normal_close) {
  if (failure->is_final)
    return VERDICT_GIVE_UP;
  switch (failure->kind) {
  case FAILURE_TLS_VERIFY:
  case FAILURE_MESSAGE_TOO_BIG:
  case FAILURE_INVALID_ARGUMENT:
    return VERDICT_GIVE_UP;
  case FAILURE_HTTP_STATUS:
    return HAS_HTTP_STATUS ? verdict_on_status(failure->http_status, was_open) : VERDICT_BACK_OFF;
  case FAILURE_CLOSED_BY_PEER:
    return verdict_on_close(failure->close_code, reconnect_on_normal_close);
  default:
    return VERDICT_BACK_OFF;
  }
}
