#include "protocol.h"

#include "json_text.h"
#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TYPE_SHOWN_MAX 32

/* ---- ids ---- */

const char *protocol_check_id(const char *text) {
  const size_t len = strlen(text);
  if (len == 0 || len > PROTOCOL_ID_MAX)
    return "is not 1 to 128 bytes long";
  for (size_t i = 0; i < len; i++)
    if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
      return "holds a control character";
  return utf8_is_valid((const uint8_t *)text, len) ? NULL : "is not UTF-8";
}

bool protocol_is_id(const char *text) {
  return protocol_check_id(text) == NULL;
}

/* ---- reading ---- */

__attribute__((format(printf, 3, 4))) static void refuse(struct incoming *in, const char *code,
                                                         const char *format, ...) {
  va_list arguments;
  if (in->code)
    return;
  in->kind = INCOMING_BAD;
  in->code = code;
  va_start(arguments, format);
  (void)vsnprintf(in->sentence, sizeof in->sentence, format, arguments);
  va_end(arguments);
}

/* Values begin behind these; what stands in strings does not count. */
static bool has_too_many_values(const uint8_t *text, size_t len) {
  size_t count = 0;
  bool is_string = false;
  for (size_t i = 0; i < len && count <= PROTOCOL_VALUES_MAX; i++) {
    if (text[i] == '"')
      is_string = !is_string;
    else if (is_string)
      i += text[i] == '\\';
    else
      count += text[i] == ',' || text[i] == '[' || text[i] == '{';
  }
  return count > PROTOCOL_VALUES_MAX;
}

/* Jansson shows where it stopped, which may be inside a character. */
static void refuse_json(struct incoming *in, const char *problem) {
  refuse(in, "bad_json", "not JSON: %.120s", problem);
  for (char *at = in->sentence; *at; at++)
    if (*at < 0x20 || *at > 0x7E)
      *at = '?';
}

static void parse(struct incoming *in, const uint8_t *text, size_t len) {
  json_error_t error;
  memset(in, 0, offsetof(struct incoming, sentence));
  memset(&in->root, 0, sizeof *in - offsetof(struct incoming, root));
  in->sentence[0] = '\0';
  if (has_too_many_values(text, len)) {
    refuse(in, "bad_json", "the JSON has more than %d values", PROTOCOL_VALUES_MAX);
    return;
  }
  /* Of no text at all jansson would say that it was called wrongly. */
  in->root = json_loadb(len ? (const char *)text : "", len, JSON_REJECT_DUPLICATES, &error);
  if (!in->root)
    refuse_json(in, error.text);
  else if (!json_is_object(in->root))
    refuse(in, "bad_json", "not a JSON object");
}

/* A member that must be a string if it is there. */
static const char *take_string(struct incoming *in, const char *name) {
  const json_t *value = json_object_get(in->root, name);
  if (!value)
    return NULL;
  if (!json_is_string(value))
    refuse(in, "bad_message", "'%s' is not a string", name);
  return json_string_value(value);
}

static const char *take_id(struct incoming *in, const char *name) {
  const char *id = take_string(in, name);
  const char *problem = id ? protocol_check_id(id) : NULL;
  if (problem)
    refuse(in, "bad_message", "'%s' %s", name, problem);
  return problem ? NULL : id;
}

static void take_message(struct incoming *in) {
  in->kind = INCOMING_MESSAGE;
  in->id = take_id(in, "id");
  in->plaintext = take_string(in, "plaintext");
  in->sender_id = take_id(in, "sender_id");
  in->conversation_id = take_id(in, "conversation_id");
  if (!in->plaintext)
    refuse(in, "bad_message", "'plaintext' is missing");
}

static void take_typing(struct incoming *in) {
  in->kind = INCOMING_TYPING;
  in->sender_id = take_id(in, "user_id");
  in->conversation_id = take_id(in, "conversation_id");
}

static void take_ping(struct incoming *in) {
  in->kind = INCOMING_PING;
}

static void take_heartbeat(struct incoming *in) {
  in->kind = INCOMING_HEARTBEAT;
  in->timestamp = json_object_get(in->root, "timestamp");
  if (in->timestamp && !json_is_number(in->timestamp))
    refuse(in, "bad_message", "'timestamp' is not a number");
}

static const struct {
  const char *type;
  void (*take)(struct incoming *in);
} types[] = {{"message", take_message},
             {"typing", take_typing},
             {"ping", take_ping},
             {"heartbeat", take_heartbeat}};

/* Not cut, since it could be inside a character. */
static void take_by_type(struct incoming *in, const char *type) {
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (strcmp(type, types[i].type) == 0) {
      types[i].take(in);
      return;
    }
  if (strlen(type) <= TYPE_SHOWN_MAX)
    refuse(in, "unknown_type", "there is no message type '%s'", type);
  else
    refuse(in, "unknown_type", "there is no such message type");
}

void incoming_read(struct incoming *in, const uint8_t *text, size_t len) {
  parse(in, text, len);
  if (in->code)
    return;
  const char *type = take_string(in, "type");
  if (type)
    take_by_type(in, type);
  else
    refuse(in, "bad_message", "'type' is missing");
  if (in->code && !in->id) { /* whoever waits for an ack wants to know */
    const char *id = json_string_value(json_object_get(in->root, "id"));
    in->id = id && protocol_is_id(id) ? id : NULL;
  }
}

void incoming_read_post(struct incoming *in, const uint8_t *text, size_t len) {
  parse(in, text, len);
  if (in->code)
    return;
  take_message(in);
  if (!in->sender_id)
    refuse(in, "bad_message", "'sender_id' is missing");
}

void incoming_deinit(struct incoming *in) {
  json_decref(in->root);
}

/* ---- writing ---- */

const char protocol_pong[] = "{\"type\":\"pong\"}";

void protocol_write_time(int64_t wall_ms, char text[PROTOCOL_TIME_CAP]) {
  const int64_t ms = wall_ms < 0 ? 0 : wall_ms;
  const time_t seconds = (time_t)(ms / 1000);
  struct tm t;
  char day[PROTOCOL_TIME_CAP - 8];
  if (!gmtime_r(&seconds, &t) || strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &t) == 0)
    (void)snprintf(day, sizeof day, "1970-01-01T00:00:00");
  (void)snprintf(text, PROTOCOL_TIME_CAP, "%s.%03dZ", day, (int)(ms % 1000));
}

static json_t *message_object(const struct store_message *message) {
  char time[PROTOCOL_TIME_CAP];
  protocol_write_time(message->created_at_ms, time);
  return json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:s}", "type", "message", "id", message->id,
                   "conversation_id", message->conversation_id, "sender_id", message->sender_id,
                   "plaintext", message->plaintext, "sequence_number",
                   (json_int_t)message->sequence_number, "created_at", time);
}

char *protocol_write_message(const struct store_message *message) {
  return json_text(message_object(message));
}

/* Who asks for more than is kept is told from where on there is something. */
char *protocol_write_page(const struct store_page *page, int64_t after) {
  json_t *list = json_array();
  for (size_t i = 0; i < page->count; i++)
    if (json_array_append_new(list, message_object(&page->messages[i])) != 0) {
      json_decref(list);
      return NULL;
    }
  json_t *whole = json_pack("{s:o,s:b}", "messages", list, "has_more", page->has_more);
  if (whole && after < page->gone)
    (void)json_object_set_new(whole, "gone", json_integer((json_int_t)page->gone));
  return json_text(whole);
}

char *protocol_write_ack(const char *id, int64_t sequence_number) {
  return json_text(json_pack("{s:s,s:s,s:I}", "type", "ack", "id", id, "sequence_number",
                             (json_int_t)sequence_number));
}

char *protocol_write_replayed(int64_t sequence_number) {
  return json_text(
      json_pack("{s:s,s:I}", "type", "replayed", "sequence_number", (json_int_t)sequence_number));
}

char *protocol_write_typing(const char *conversation_id, const char *user_id) {
  return json_text(json_pack("{s:s,s:s,s:s}", "type", "typing", "conversation_id", conversation_id,
                             "user_id", user_id));
}

char *protocol_write_heartbeat(const json_t *original, int64_t wall_ms) {
  json_t *reply =
      json_pack("{s:s,s:I}", "type", "heartbeat_response", "timestamp", (json_int_t)wall_ms);
  if (reply && original)
    (void)json_object_set(reply, "originalTimestamp", (json_t *)(uintptr_t)original);
  return json_text(reply);
}

char *protocol_write_error(const char *code, const char *sentence, const char *id) {
  json_t *error = json_pack("{s:s,s:s,s:s}", "type", "error", "code", code, "message", sentence);
  if (error && id)
    (void)json_object_set_new(error, "id", json_string(id));
  return json_text(error);
}

char *protocol_write_error_at(const char *code, const char *sentence, int64_t sequence_number) {
  return json_text(json_pack("{s:s,s:s,s:s,s:I}", "type", "error", "code", code, "message",
                             sentence, "sequence_number", (json_int_t)sequence_number));
}
