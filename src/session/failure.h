/* Why a dial or link ended: kinds, sentences, and what to do about each, in one table. */
#ifndef SESSION_FAILURE_H
#define SESSION_FAILURE_H

#include <stdbool.h>
#include <stdint.h>

/* Same values as limpet_error_kind. */
enum failure_kind {
  FAILURE_NONE,
  FAILURE_DNS,
  FAILURE_NETWORK_UNREACHABLE,
  FAILURE_CONNECT_REFUSED,
  FAILURE_CONNECT_TIMEOUT,
  FAILURE_TLS,
  FAILURE_TLS_VERIFY,
  FAILURE_PROXY,
  FAILURE_CONNECTION_LOST,
  FAILURE_HEARTBEAT_TIMEOUT,
  FAILURE_HTTP_STATUS,
  FAILURE_HANDSHAKE,
  FAILURE_PROTOCOL,
  FAILURE_CLOSED_BY_PEER,
  FAILURE_MESSAGE_TOO_BIG,
  FAILURE_GAVE_UP,
  FAILURE_INVALID_ARGUMENT,
  FAILURE_NOT_CONNECTED,
  FAILURE_QUEUE_OVERFLOW,
  FAILURE_OUTBOX,
  FAILURE_PROVIDER,
  FAILURE_NO_MEMORY,
  FAILURE_SYSTEM,
  FAILURE_COUNT
};

/** What retrying can do. REDIAL: the link was given up for a new one, by the application's wish or
    because nothing can be asked of it; the dial follows at once and counts as no attempt. MOVE: the
    same, because the link's own address is gone; others on this network see that at the same
    moment, so the dial comes after the spread of the network's return. */
enum failure_verdict {
  VERDICT_BACK_OFF,
  VERDICT_RETRY_NOW,
  VERDICT_GIVE_UP,
  VERDICT_REDIAL,
  VERDICT_MOVE
};

struct failure {
  uint8_t kind;            /* enum failure_kind */
  bool retryable;          /* set by the session from the verdict, for the report */
  bool is_final;           /* critical by itself, as an unusable URL or a foreign subprotocol */
  uint16_t close_code;     /* received or sent, 0 if none */
  uint16_t http_status;    /* 0 if none */
  uint64_t retry_after_ms; /* the server's hint; UINT64_MAX if none */
};

/** "connect_refused"; "?" for no such value. */
const char *failure_kind_name(enum failure_kind kind);
/** "Connection error": for people, without detail. */
const char *failure_sentence(enum failure_kind kind);
/** The contract's default (section 7). `was_open`: a link of this client has once been open. */
enum failure_verdict failure_verdict(const struct failure *failure, bool was_open,
                                     bool reconnect_on_normal_close);

#endif
