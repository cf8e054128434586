/* The wire by jansson, which refuses what is not UTF-8 and bounds the nesting. */
#include "relay_text.h"
#include "json_text.h"

#include "rfc3339.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *get_string(const json_t *root, const char *name) {
  return json_string_value(json_object_get(root, name));
}

static const char *get_id(const json_t *root, const char *name) {
  const char *id = get_string(root, name);
  return id && *id && strlen(id) <= CHAT_ID_MAX ? id : NULL;
}

/* False: not a number from `minimum` on. */
static bool get_number(const json_t *root, uint64_t minimum, uint64_t *number) {
  const json_t *value = json_object_get(root, "sequence_number");
  if (!json_is_integer(value) || json_integer_value(value) < (json_int_t)minimum)
    return false;
  *number = (uint64_t)json_integer_value(value);
  return true;
}

static bool read_message(struct relay_text *out, const json_t *root) {
  struct chat_message *m = &out->message;
  const char *created_at = get_string(root, "created_at");
  m->id = get_id(root, "id");
  m->sender_id = get_id(root, "sender_id");
  m->plaintext = get_string(root, "plaintext");
  m->delivery = CHAT_STORED;
  out->conversation_id = get_id(root, "conversation_id");
  return m->id && m->sender_id && m->plaintext && out->conversation_id && created_at &&
         get_number(root, 1, &m->sequence_number) && rfc3339_read(created_at, &m->created_at_ms);
}

/* 0 where nothing has been said yet. */
static bool read_replayed(struct relay_text *out, const json_t *root) {
  return get_number(root, 0, &out->sequence_number);
}

static bool read_ack(struct relay_text *out, const json_t *root) {
  out->id = get_id(root, "id");
  return out->id && get_number(root, 1, &out->sequence_number);
}

static bool read_error(struct relay_text *out, const json_t *root) {
  out->code = get_string(root, "code");
  out->text = get_string(root, "message");
  out->id = get_id(root, "id");
  return out->code && out->text;
}

static const struct {
  const char *type;
  enum relay_text_kind kind;
  bool (*read)(struct relay_text *out, const json_t *root);
} kinds[] = {
    {"message", RELAY_TEXT_MESSAGE, read_message},
    {"replayed", RELAY_TEXT_REPLAYED, read_replayed},
    {"ack", RELAY_TEXT_ACK, read_ack},
    {"error", RELAY_TEXT_ERROR, read_error},
};

static enum relay_text_kind read_kind(struct relay_text *out, const json_t *root) {
  const char *type = get_string(root, "type");
  if (!type)
    return RELAY_TEXT_MALFORMED;
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(type, kinds[i].type) == 0)
      return kinds[i].read(out, root) ? kinds[i].kind : RELAY_TEXT_MALFORMED;
  return RELAY_TEXT_OTHER;
}

void relay_text_read(struct relay_text *out, const char *data, size_t len) {
  *out = (struct relay_text){.kind = RELAY_TEXT_MALFORMED};
  out->root = json_loadb(data, len, 0, NULL);
  out->kind = read_kind(out, out->root);
}

void relay_text_release(struct relay_text *text) {
  json_decref(text->root);
}

char *relay_text_write_message(const char *id, const char *plaintext) {
  return json_text(json_pack("{ss ss ss}", "type", "message", "id", id, "plaintext", plaintext));
}

size_t relay_text_message_max(size_t len) {
  return sizeof "{\"type\":\"message\",\"id\":\"\",\"plaintext\":\"\"}" + 6 * (CHAT_ID_MAX + len);
}
