#include "status.h"

#include <string.h>

struct text_out {
  char *text;
  size_t cap, len;
  bool is_full; /* a piece did not fit: nothing follows, so no character is ever cut */
};

static void put(struct text_out *out, const char *piece) {
  size_t len = 0;
  while (piece[len])
    len++;
  if (out->is_full || len >= out->cap - out->len) {
    out->is_full = true;
    return;
  }
  memcpy(out->text + out->len, piece, len);
  out->len += len;
}

static void put_number(struct text_out *out, uint64_t value) {
  char digits[21];
  size_t at = sizeof digits - 1;
  digits[at] = '\0';
  do {
    digits[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  put(out, digits + at);
}

static void put_pair(struct text_out *out, uint64_t major, const char *major_unit, uint64_t minor,
                     const char *minor_unit) {
  put_number(out, major);
  put(out, major_unit);
  put(out, " ");
  put_number(out, minor);
  put(out, minor_unit);
}

/* "45s", "2m 5s", "3h 4m" */
static void put_duration(struct text_out *out, uint64_t seconds) {
  if (seconds >= 3600) {
    put_pair(out, seconds / 3600, "h", seconds / 60 % 60, "m");
  } else if (seconds >= 60) {
    put_pair(out, seconds / 60, "m", seconds % 60, "s");
  } else {
    put_number(out, seconds);
    put(out, "s");
  }
}

static void put_connected(struct text_out *out, const struct status_facts *facts) {
  put(out, "Connected (");
  put_duration(out, facts->connection_duration_ms / 1000);
  put(out, ")");
}

/* Rounded up: "in 0s" would be a lie until the dial. Attempt 0: the network's return started anew.
 */
static void put_reconnecting(struct text_out *out, const struct status_facts *facts) {
  const bool is_waiting = facts->next_retry_in_ms != UINT64_MAX;
  put(out, "Reconnecting");
  if (!facts->attempt && !is_waiting)
    return;
  put(out, " (");
  if (facts->attempt) {
    put(out, "attempt ");
    put_number(out, facts->attempt);
    if (facts->max_retries != UINT32_MAX) {
      put(out, " of ");
      put_number(out, facts->max_retries);
    }
  }
  if (facts->attempt && is_waiting)
    put(out, ", ");
  if (is_waiting) {
    put(out, "in ");
    put_duration(out, facts->next_retry_in_ms / 1000 + (facts->next_retry_in_ms % 1000 > 0));
  }
  put(out, ")");
}

static void put_failed(struct text_out *out, const struct status_facts *facts) {
  put(out, "Gave up after ");
  put_number(out, facts->max_retries);
  put(out, facts->max_retries == 1 ? " attempt" : " attempts");
}

static void put_state(struct text_out *out, const struct status_facts *facts) {
  switch (facts->state) {
  case STATE_CLOSED:
    put(out, "Not connected");
    return;
  case STATE_CONNECTING:
    put(out, "Connecting");
    return;
  case STATE_CONNECTED:
    put_connected(out, facts);
    return;
  case STATE_DISCONNECTED:
    put(out, "Disconnected");
    return;
  case STATE_RECONNECTING:
    put_reconnecting(out, facts);
    return;
  case STATE_WAITING_FOR_NETWORK:
    put(out, "Waiting for network");
    return;
  case STATE_ERROR:
    put(out, failure_sentence(facts->last_error));
    return;
  case STATE_FAILED:
    put_failed(out, facts);
    return;
  default:
    put(out, "?");
  }
}

const char *status_emoji(enum session_state state) {
  static const char *const emojis[STATE_COUNT] = {
      [STATE_CLOSED] = "⬜",       [STATE_CONNECTING] = "🟡",   [STATE_CONNECTED] = "🟢",
      [STATE_DISCONNECTED] = "🔴", [STATE_RECONNECTING] = "🟡", [STATE_WAITING_FOR_NETWORK] = "🔴",
      [STATE_ERROR] = "⚠️",   [STATE_FAILED] = "⚠️",
  };
  return (size_t)state < STATE_COUNT ? emojis[state] : "?";
}

size_t status_text(const struct status_facts *facts, bool emoji, char *text, size_t cap) {
  struct text_out out = {text, cap, 0, false};
  if (!cap)
    return 0;
  if (emoji) {
    put(&out, status_emoji(facts->state));
    put(&out, " ");
  }
  put_state(&out, facts);
  text[out.len] = '\0';
  return out.len;
}
