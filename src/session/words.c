#include "words.h"

#include <stddef.h>

#define NAME_OF(names, value) name_of(names, sizeof(names) / sizeof *(names), (size_t)(value))

static const char *name_of(const char *const *names, size_t count, size_t value) {
  return value < count ? names[value] : "?";
}

const char *session_state_name(enum session_state state) {
  static const char *const names[] = {
      [STATE_CLOSED] = "CLOSED",
      [STATE_CONNECTING] = "CONNECTING",
      [STATE_CONNECTED] = "CONNECTED",
      [STATE_DISCONNECTED] = "DISCONNECTED",
      [STATE_RECONNECTING] = "RECONNECTING",
      [STATE_WAITING_FOR_NETWORK] = "WAITING_FOR_NETWORK",
      [STATE_ERROR] = "ERROR",
      [STATE_FAILED] = "FAILED",
  };
  return NAME_OF(names, state);
}

const char *session_reason_name(enum session_reason reason) {
  static const char *const names[] = {
      [REASON_NONE] = "none",
      [REASON_CONNECT] = "connect",
      [REASON_OPENED] = "opened",
      [REASON_LOST] = "lost",
      [REASON_RETRY] = "retry",
      [REASON_CRITICAL] = "critical",
      [REASON_GAVE_UP] = "gave_up",
      [REASON_NETWORK_DOWN] = "network_down",
      [REASON_NETWORK_UP] = "network_up",
      [REASON_DISCONNECT] = "disconnect",
  };
  return NAME_OF(names, reason);
}

const char *session_fate_name(enum session_fate fate) {
  static const char *const names[] = {
      [FATE_QUEUED] = "queued",       [FATE_STORED] = "stored",   [FATE_WRITTEN] = "written",
      [FATE_CONFIRMED] = "confirmed", [FATE_DROPPED] = "dropped",
  };
  return NAME_OF(names, fate);
}

const char *session_drop_name(enum session_drop drop) {
  static const char *const names[] = {
      [DROP_NONE] = "none",
      [DROP_OVERFLOW] = "overflow",
      [DROP_EXPIRED] = "expired",
      [DROP_REPLACED] = "replaced",
      [DROP_DISCONNECTED] = "disconnected",
      [DROP_CLEARED] = "cleared",
      [DROP_NOT_STORED] = "not_stored",
      [DROP_DUPLICATE] = "duplicate",
  };
  return NAME_OF(names, drop);
}
