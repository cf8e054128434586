/* The JSON dialects: questions and replies as text. */
#include "heartbeat.h"
#include "json_peek.h"

#include <string.h>

#define PONG "pong"
#define RESPONSE "heartbeat_response"

struct text_out {
  char *text;
  size_t len;
};

static void put(struct text_out *out, const char *piece, size_t len) {
  memcpy(out->text + out->len, piece, len);
  out->len += len;
}

static void put_integer(struct text_out *out, int64_t value) {
  char digits[20];
  size_t at = sizeof digits;
  uint64_t rest = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
  do {
    digits[--at] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest);
  if (value < 0)
    put(out, "-", 1);
  put(out, digits + at, sizeof digits - at);
}

size_t heartbeat_write_text(enum heartbeat_dialect dialect, int64_t wall_ms,
                            char text[HEARTBEAT_TEXT_CAP]) {
  static const char ping[] = "{\"type\":\"ping\"}";
  static const char heartbeat[] = "{\"type\":\"heartbeat\",\"timestamp\":";
  struct text_out out = {text, 0};
  if (dialect == DIALECT_PING) {
    put(&out, ping, sizeof ping - 1);
  } else if (dialect == DIALECT_TIMESTAMP) {
    put(&out, heartbeat, sizeof heartbeat - 1);
    put_integer(&out, wall_ms);
    put(&out, "}", 1);
  }
  return out.len;
}

static bool read_integer(const char *text, size_t len, const char *name, int64_t *out) {
  struct json_peek_value value;
  return json_peek_member(text, len, name, &value) && json_peek_integer(&value, out);
}

static bool read_response(const char *text, size_t len, struct heartbeat_reply *reply) {
  if (!json_peek_has_type(text, len, RESPONSE))
    return false;
  int64_t server, original;
  reply->has_server_time = read_integer(text, len, "timestamp", &server) &&
                           read_integer(text, len, "originalTimestamp", &original);
  if (reply->has_server_time) {
    reply->server_time_ms = server;
    reply->original_time_ms = original;
  }
  return true;
}

bool heartbeat_read_text(enum heartbeat_dialect dialect, const char *text, size_t len,
                         struct heartbeat_reply *reply) {
  *reply = (struct heartbeat_reply){.dialect = dialect};
  if (len > HEARTBEAT_REPLY_MAX)
    return false;
  if (dialect == DIALECT_PING)
    return json_peek_has_type(text, len, PONG);
  if (dialect == DIALECT_TIMESTAMP)
    return read_response(text, len, reply);
  return false;
}
