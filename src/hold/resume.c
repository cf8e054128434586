#include "resume.h"

#include <jansson.h>
#include <limpet/limpet.h>
#include <stdio.h>
#include <string.h>

/* NULL: not an object. The first byte tells of most messages that are none. */
static json_t *read_object(const char *text, size_t len) {
  size_t at = 0;
  while (at < len && strchr(" \t\r\n", text[at]) && text[at])
    at++;
  if (at == len || text[at] != '{')
    return NULL;
  json_t *root = json_loadb(text, len, 0, NULL);
  if (json_is_object(root))
    return root;
  json_decref(root);
  return NULL;
}

static bool write_value(const json_t *member, char value[RESUME_VALUE_CAP]) {
  int len = -1;
  if (json_is_integer(member))
    len = snprintf(value, RESUME_VALUE_CAP, "%" JSON_INTEGER_FORMAT, json_integer_value(member));
  else if (json_is_string(member))
    len = snprintf(value, RESUME_VALUE_CAP, "%s", json_string_value(member));
  return len > 0 && len < RESUME_VALUE_CAP;
}

static bool is_ack(const json_t *root) {
  const char *type = json_string_value(json_object_get(root, "type"));
  return type && strcmp(type, "ack") == 0;
}

/* `value` changes only if there is one. */
bool resume_value(const char *text, size_t len, const char *name, char value[RESUME_VALUE_CAP]) {
  char found[RESUME_VALUE_CAP];
  json_t *root = read_object(text, len);
  const bool is_found = root && !is_ack(root) && write_value(json_object_get(root, name), found);
  if (is_found)
    memcpy(value, found, sizeof found);
  json_decref(root);
  return is_found;
}

bool resume_message_id(const char *text, size_t len, char id[RESUME_VALUE_CAP]) {
  json_t *root = read_object(text, len);
  const json_t *member = json_object_get(root, "id");
  const bool is_found =
      json_is_string(member) && write_value(member, id) && strlen(id) <= LIMPET_MESSAGE_ID_MAX;
  json_decref(root);
  return is_found;
}
