/* A build without SQLite (LIMPET_OUTBOX off): every client is one without an outbox. */
#include "durable.h"

/* What durable.h says of clients without one; that the option is refused parts.c sees to. */
limpet_result durable_open(struct limpet_client *client, const limpet_options *options,
                           char *detail) {
  (void)client, (void)detail;
  return options->outbox ? LIMPET_INVALID_ARGUMENT : LIMPET_OK;
}

bool durable_is_on(const struct limpet_client *client) {
  (void)client;
  return false;
}

limpet_result durable_send(struct limpet_client *client, uint8_t opcode, const void *data,
                           size_t len, const limpet_send_options *options, uint64_t *id) {
  (void)client, (void)opcode, (void)data, (void)len, (void)options, (void)id;
  return LIMPET_INVALID_ARGUMENT;
}

bool durable_take_events(struct limpet_client *client) {
  (void)client;
  return false;
}

void durable_ask(struct limpet_client *client) {
  (void)client;
}

void durable_link_opened(struct limpet_client *client) {
  (void)client;
}

void durable_link_ended(struct limpet_client *client) {
  (void)client;
}

void durable_written(struct limpet_client *client, const struct envelope *envelope) {
  (void)client, (void)envelope;
}

void durable_fate(struct limpet_client *client, const struct session_action *action) {
  (void)client, (void)action;
}

uint64_t durable_fresh_id(struct limpet_client *client) {
  (void)client;
  return 0;
}

uint64_t durable_oldest(const struct limpet_client *client) {
  (void)client;
  return UINT64_MAX;
}

void durable_count(const struct limpet_client *client, uint64_t *count, uint64_t *bytes) {
  (void)client;
  *count = *bytes = 0;
}

uint64_t durable_pending_bytes(const struct limpet_client *client) {
  (void)client;
  return 0;
}

void durable_close(struct limpet_client *client) {
  (void)client;
}

bool durable_is_closed(const struct limpet_client *client) {
  (void)client;
  return true;
}

void durable_abandon(struct limpet_client *client) {
  (void)client;
}

void durable_free(struct limpet_client *client) {
  (void)client;
}
