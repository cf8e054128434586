/* Messages by their JSON member "type", and the seeds' typing messages. */
#include "internal.h"

#include "json_peek.h"

#include <stdio.h>
#include <string.h>

#define TYPE_CAP 129 /* 128 bytes and NUL */
#define ID_CAP 129

static bool read_string(const char *text, size_t len, const char *name, char *out, size_t cap) {
  struct json_peek_value value;
  return json_peek_member(text, len, name, &value) && value.kind == JSON_PEEK_STRING &&
         json_peek_string(&value, out, cap);
}

static bool read_type(const char *text, size_t len, char type[TYPE_CAP]) {
  return len > 1 && read_string(text, len, "type", type, TYPE_CAP);
}

bool handlers_take_typing(struct limpet_client *client, const char *text, size_t len) {
  char type[TYPE_CAP], conversation_id[ID_CAP], user_id[ID_CAP];
  if (!client_callbacks(client)->on_typing || !read_type(text, len, type) ||
      strcmp(type, "typing") != 0)
    return false;
  if (!read_string(text, len, "conversation_id", conversation_id, sizeof conversation_id))
    conversation_id[0] = '\0';
  if (!read_string(text, len, "user_id", user_id, sizeof user_id))
    user_id[0] = '\0';
  client_callbacks(client)->on_typing(client, conversation_id, user_id, client->user);
  return true;
}

/* The first handler for `type` with a handle above `after` and below `end`; handles grow with
   registration, so a handler that adds or removes others while it runs confuses nobody. */
static bool find_next(const struct limpet_client *client, const char *type, uint64_t after,
                      uint64_t end, struct handler *found) {
  client_lock(client);
  const struct handler *h = client->handlers;
  while (h && (h->handle <= after || strcmp(h->type, type) != 0))
    h = h->next;
  if (h && h->handle >= end)
    h = NULL;
  if (h)
    *found = *h;
  client_unlock(client);
  return h != NULL;
}

void handlers_dispatch(struct limpet_client *client, const char *text, size_t len) {
  char type[TYPE_CAP];
  struct handler next = {.handle = 0};
  if (!atomic_load(&client->has_handlers) || !read_type(text, len, type))
    return;
  const uint64_t end = atomic_load(&client->next_id);
  while (client->link && find_next(client, type, next.handle, end, &next))
    next.call(client, type, text, len, next.user);
}

static void append(struct limpet_client *client, struct handler *handler) {
  struct handler **at = &client->handlers;
  while (*at)
    at = &(*at)->next;
  *at = handler;
}

limpet_result limpet_on_type(limpet_client *client, const char *type, limpet_type_handler *handler,
                             void *user, uint64_t *handle) {
  const size_t size = strlen(type) + 1;
  if (size > TYPE_CAP)
    return LIMPET_INVALID_ARGUMENT;
  struct handler *made = memory_alloc_zeroed(client_memory(client), sizeof *made + size);
  if (!made)
    return LIMPET_NO_MEMORY;
  made->call = handler;
  made->user = user;
  made->handle = atomic_fetch_add(&client->next_id, 1);
  memcpy(made->type, type, size);
  if (handle)
    *handle = made->handle;
  client_lock(client);
  append(client, made);
  atomic_store(&client->has_handlers, true);
  client_unlock(client);
  return LIMPET_OK;
}

limpet_result limpet_off_type(limpet_client *client, uint64_t handle) {
  client_lock(client);
  struct handler **at = &client->handlers;
  while (*at && (*at)->handle != handle)
    at = &(*at)->next;
  struct handler *removed = *at;
  if (removed)
    *at = removed->next;
  atomic_store(&client->has_handlers, client->handlers != NULL);
  client_unlock(client);
  memory_free(client_memory(client), removed);
  return removed ? LIMPET_OK : LIMPET_INVALID_ARGUMENT;
}

void handlers_free(struct limpet_client *client) {
  while (client->handlers) {
    struct handler *next = client->handlers->next;
    memory_free(client_memory(client), client->handlers);
    client->handlers = next;
  }
}

/* Appends `text` as the inside of a JSON string (RFC 8259 section 7). */
static size_t write_escaped(char *out, const char *text) {
  size_t len = 0;
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    if (c < 0x20)
      len += (size_t)sprintf(out + len, "\\u%04x", c);
    else if (c == '"' || c == '\\')
      len += (size_t)sprintf(out + len, "\\%c", c);
    else
      out[len++] = (char)c;
  }
  out[len] = '\0';
  return len;
}

limpet_result limpet_send_typing(limpet_client *client, const char *conversation_id,
                                 const char *user_id) {
  static const limpet_send_options now = {.promise = LIMPET_PROMISE_NOW};
  char conversation[6 * ID_CAP], user[6 * ID_CAP], text[12 * ID_CAP + 64];
  if (strlen(conversation_id) >= ID_CAP || strlen(user_id) >= ID_CAP)
    return LIMPET_INVALID_ARGUMENT;
  write_escaped(conversation, conversation_id);
  write_escaped(user, user_id);
  const int len = snprintf(text, sizeof text,
                           "{\"type\":\"typing\",\"conversation_id\":\"%s\",\"user_id\":\"%s\"}",
                           conversation, user);
  return limpet_send_text(client, text, (size_t)len, &now, NULL);
}
