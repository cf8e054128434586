/*
 * Questions and replies as bytes. Replies are told from ordinary messages on the hot path, so an
 * ordinary message is refused by its length, its first byte, or for want of one word, before
 * anything is parsed. The word must stand there plainly: "p\u006fng" is nobody's reply.
 */
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

static bool contains(const char *text, size_t len, const char *word, size_t word_len) {
  for (size_t i = 0; i + word_len <= len; i++)
    if (text[i] == word[0] && memcmp(text + i, word, word_len) == 0)
      return true;
  return false;
}

static bool may_be_object(const char *text, size_t len) {
  return len >= 2 && len <= HEARTBEAT_REPLY_MAX &&
         (text[0] == '{' || text[0] == ' ' || text[0] == '\t' || text[0] == '\n' ||
          text[0] == '\r');
}

static bool has_type(const char *text, size_t len, const char *word, size_t word_len) {
  struct json_peek_value type;
  return may_be_object(text, len) && contains(text, len, word, word_len) &&
         json_peek_member(text, len, "type", &type) && type.kind == JSON_PEEK_STRING &&
         type.len == word_len && memcmp(type.text, word, word_len) == 0;
}

static bool read_integer(const char *text, size_t len, const char *name, int64_t *out) {
  struct json_peek_value value;
  return json_peek_member(text, len, name, &value) && json_peek_integer(&value, out);
}

static bool read_response(const char *text, size_t len, struct heartbeat_reply *reply) {
  if (!has_type(text, len, RESPONSE, sizeof RESPONSE - 1))
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
  if (dialect == DIALECT_PING)
    return has_type(text, len, PONG, sizeof PONG - 1);
  if (dialect == DIALECT_TIMESTAMP)
    return read_response(text, len, reply);
  return false;
}

bool heartbeat_read_pong(const uint8_t *payload, size_t len, struct heartbeat_reply *reply) {
  *reply = (struct heartbeat_reply){.dialect = DIALECT_WEBSOCKET};
  if (len != 8)
    return false;
  for (size_t i = 0; i < 8; i++)
    reply->counter = reply->counter << 8 | payload[i];
  return true;
}

void heartbeat_write_ping(uint64_t counter, uint8_t payload[8]) {
  for (size_t i = 8; i-- > 0; counter >>= 8)
    payload[i] = (uint8_t)counter;
}
