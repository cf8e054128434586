/* A build without JSON (LIMPET_JSON off): texts are not looked into, so nothing can be registered
   for their types, and typing has no spelling. */
#include "internal.h"

bool handlers_take_typing(struct limpet_client *client, const char *text, size_t len) {
  (void)client, (void)text, (void)len;
  return false;
}

void handlers_dispatch(struct limpet_client *client, const char *text, size_t len) {
  (void)client, (void)text, (void)len;
}

void handlers_free(struct limpet_client *client) {
  (void)client;
}

limpet_result limpet_on_type(limpet_client *client, const char *type, limpet_type_handler *handler,
                             void *user, uint64_t *handle) {
  (void)client, (void)type, (void)handler, (void)user, (void)handle;
  return LIMPET_INVALID_ARGUMENT;
}

limpet_result limpet_off_type(limpet_client *client, uint64_t handle) {
  (void)client, (void)handle;
  return LIMPET_INVALID_ARGUMENT;
}

limpet_result limpet_send_typing(limpet_client *client, const char *conversation_id,
                                 const char *user_id) {
  (void)client, (void)conversation_id, (void)user_id;
  return LIMPET_INVALID_ARGUMENT;
}
