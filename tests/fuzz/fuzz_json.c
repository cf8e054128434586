/*
 * Looking into JSON without building it, beside jansson, which builds it: the same texts are
 * objects, with the same members. On top of that heartbeats in each dialect and acknowledgements.
 */
#include "fuzz.h"

#include "ack.h"
#include "heartbeat.h"
#include "json_peek.h"
#include "utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"type", "id",      "timestamp", "originalTimestamp",
                                    "a",    "\xC3\xA9"};

struct text {
  const char *data;
  size_t len;
  json_t *root;  /* an object, or NULL */
  bool is_plain; /* no escapes: every word stands there as it is */
};

/* ---- whether it is an object ---- */

static size_t depth_of(const json_t *value) {
  size_t deepest = 0, depth, index;
  const char *key;
  json_t *member;
  if (json_is_object(value)) {
    json_object_foreach((json_t *)(uintptr_t)value, key, member) deepest =
        (depth = depth_of(member)) > deepest ? depth : deepest;
  } else if (json_is_array(value)) {
    json_array_foreach(value, index, member) deepest =
        (depth = depth_of(member)) > deepest ? depth : deepest;
  } else {
    return 0;
  }
  return deepest + 1;
}

/* What jansson refuses beyond the grammar: it keeps numbers in C's types and texts in UTF-8. */
static bool is_beyond_grammar(const struct text *t, const json_error_t *error) {
  const enum json_error_code code = json_error_code(error);
  return code == json_error_numeric_overflow || code == json_error_null_byte_in_key ||
         strncmp(error->text, "invalid Unicode", 15) == 0 ||
         !utf8_is_valid((const uint8_t *)t->data, t->len);
}

static bool read_root(struct text *t) {
  json_error_t error;
  struct json_peek_value value;
  const bool is_object = json_peek_member(t->data, t->len, "type", &value);
  if (t->len > 0 && memchr(t->data, '\0', t->len) != NULL) { /* jansson overlooks some of them */
    FUZZ_CHECK(!is_object);
    return false;
  }
  json_t *root = json_loadb(t->data, t->len, JSON_ALLOW_NUL, &error);
  if (root == NULL)
    FUZZ_CHECK(!is_object || is_beyond_grammar(t, &error));
  else
    FUZZ_CHECK(is_object == (json_is_object(root) && depth_of(root) <= JSON_PEEK_DEPTH_MAX));
  t->root = root != NULL && is_object ? root : NULL;
  if (t->root == NULL)
    json_decref(root);
  return is_object;
}

/* ---- its members ---- */

static void check_string(const struct json_peek_value *value, const json_t *member) {
  const size_t len = json_string_length(member);
  const char *text = json_string_value(member);
  char *out = fuzz_alloc(len + 1);
  const bool is_text = memchr(text, '\0', len) == NULL;
  FUZZ_CHECK(value->kind == JSON_PEEK_STRING);
  FUZZ_CHECK(json_peek_string(value, out, len + 1) == is_text);
  if (is_text)
    FUZZ_CHECK(strcmp(out, text) == 0);
  FUZZ_CHECK(!json_peek_string(value, out, len));
  free(out);
}

static void check_number(const struct json_peek_value *value, const json_t *member) {
  int64_t number;
  FUZZ_CHECK(value->kind == JSON_PEEK_NUMBER);
  FUZZ_CHECK(json_peek_integer(value, &number) == json_is_integer(member));
  if (json_is_integer(member))
    FUZZ_CHECK(number == json_integer_value(member));
}

static void check_member(const struct text *t, const char *name) {
  struct json_peek_value value;
  const json_t *member = json_object_get(t->root, name);
  FUZZ_CHECK(json_peek_member(t->data, t->len, name, &value));
  if (member == NULL)
    FUZZ_CHECK(value.kind == JSON_PEEK_ABSENT);
  else if (json_is_string(member))
    check_string(&value, member);
  else if (json_is_number(member))
    check_number(&value, member);
  else
    FUZZ_CHECK(value.kind == JSON_PEEK_OTHER);
}

/* ---- messages ---- */

static const char *string_of(const struct text *t, const char *name) {
  const json_t *value = json_object_get(t->root, name);
  const bool is_text =
      json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value);
  return is_text ? json_string_value(value) : "";
}

/* The word must stand there plainly, so with escapes only the one direction holds. */
static bool check_type(const struct text *t, const char *type) {
  const bool has_type = json_peek_has_type(t->data, t->len, type);
  const bool is_type = strcmp(string_of(t, "type"), type) == 0;
  FUZZ_CHECK(!has_type || is_type);
  FUZZ_CHECK(has_type || !is_type || !t->is_plain);
  return has_type;
}

static void check_ack(const struct text *t) {
  char id[ACK_ID_MAX + 1];
  const bool is_ack = check_type(t, "ack") && t->len <= ACK_TEXT_MAX;
  const char *wanted = string_of(t, "id");
  if (ack_read_text(t->data, t->len, id))
    FUZZ_CHECK(is_ack && strcmp(id, wanted) == 0);
  else
    FUZZ_CHECK(!is_ack || wanted[0] == '\0' || strlen(wanted) > ACK_ID_MAX);
}

static void check_integer(const struct text *t, const char *name, int64_t number) {
  const json_t *value = json_object_get(t->root, name);
  FUZZ_CHECK(json_is_integer(value) && json_integer_value(value) == number);
}

static void check_replies(const struct text *t) {
  struct heartbeat_reply reply;
  const bool is_short = t->len <= HEARTBEAT_REPLY_MAX;
  FUZZ_CHECK(heartbeat_read_text(DIALECT_PING, t->data, t->len, &reply) ==
             (check_type(t, "pong") && is_short));
  FUZZ_CHECK(heartbeat_read_text(DIALECT_TIMESTAMP, t->data, t->len, &reply) ==
             (check_type(t, "heartbeat_response") && is_short));
  if (reply.has_server_time) {
    check_integer(t, "timestamp", reply.server_time_ms);
    check_integer(t, "originalTimestamp", reply.original_time_ms);
  }
  FUZZ_CHECK(!heartbeat_read_text(DIALECT_WEBSOCKET, t->data, t->len, &reply));
  FUZZ_CHECK(!heartbeat_read_text(DIALECT_OFF, t->data, t->len, &reply));
}

static void check_nothing(const struct text *t) {
  char id[ACK_ID_MAX + 1];
  struct heartbeat_reply reply;
  FUZZ_CHECK(!ack_read_text(t->data, t->len, id));
  FUZZ_CHECK(!heartbeat_read_text(DIALECT_PING, t->data, t->len, &reply));
  FUZZ_CHECK(!heartbeat_read_text(DIALECT_TIMESTAMP, t->data, t->len, &reply));
}

/* ---- questions ---- */

static void check_questions(struct fuzz_input in) {
  char text[HEARTBEAT_TEXT_CAP];
  uint8_t payload[8];
  struct heartbeat_reply reply;
  uint64_t number = 0;
  for (int i = 0; i < 8; i++)
    number = number << 8 | fuzz_byte(&in);
  const size_t len = heartbeat_write_text(DIALECT_TIMESTAMP, (int64_t)number, text);
  FUZZ_CHECK(len <= sizeof text);
  const struct text t = {text, len, json_loadb(text, len, 0, NULL), true};
  FUZZ_CHECK(t.root != NULL && check_type(&t, "heartbeat"));
  check_integer(&t, "timestamp", (int64_t)number);
  json_decref(t.root);
  heartbeat_write_ping(number, payload);
  FUZZ_CHECK(heartbeat_read_pong(payload, sizeof payload, &reply) && reply.counter == number);
}

void fuzz_one(const uint8_t *data, size_t len) {
  char *copy = (char *)fuzz_copy(data, len);
  struct text t = {.data = copy, .len = len};
  t.is_plain = len == 0 || memchr(copy, '\\', len) == NULL;
  if (!read_root(&t))
    check_nothing(&t);
  if (t.root != NULL) {
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
      check_member(&t, names[i]);
    check_ack(&t);
    check_replies(&t);
  }
  check_questions((struct fuzz_input){data, len});
  json_decref(t.root);
  free(copy);
}
