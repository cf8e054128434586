/* Messages by plain HTTP: POST one, GET those after a number. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 100

static bool is_granted(struct relay *relay, struct http_exchange *exchange, const char *user_id,
                       const char *conversation_id) {
  const struct access access = access_check(relay, exchange, user_id, conversation_id);
  if (access.status != 0)
    routes_refuse(relay, exchange, access.status, access.code, access.sentence, NULL);
  return access.status == 0;
}

/* ---- POST ---- */

static void refuse_message(struct relay *relay, struct http_exchange *exchange, uint16_t status,
                           const char *code, const char *sentence) {
  relay->metrics.messages_refused++;
  routes_refuse(relay, exchange, status, code, sentence, status == 503 ? "Retry-After: 1" : NULL);
}

static void post(struct relay *relay, struct http_exchange *exchange, const struct incoming *in,
                 const char *conversation_id) {
  if (in->kind == INCOMING_BAD)
    refuse_message(relay, exchange, 400, in->code, in->sentence);
  else if (in->conversation_id && strcmp(in->conversation_id, conversation_id) != 0)
    refuse_message(relay, exchange, 400, "bad_message",
                   "'conversation_id' is not the conversation of the path");
  else if (is_granted(relay, exchange, in->sender_id, conversation_id) &&
           !pending_append(relay, in, conversation_id, in->sender_id, NULL, exchange))
    refuse_message(relay, exchange, 503, "store_unavailable",
                   "too many messages wait for the disk");
}

/* Whoever has no valid token learns that first. */
void rest_post(struct relay *relay, struct http_exchange *exchange, const char *conversation_id) {
  const struct http_request *request = http_request(exchange);
  struct incoming in;
  unsigned retry_s;
  if (!is_granted(relay, exchange, NULL, conversation_id))
    return;
  if (!access_post(relay, exchange, &retry_s)) {
    relay->metrics.rate_limited++;
    routes_refuse_for(relay, exchange, retry_s, 429, "rate_limited",
                      "too many messages a second from this address");
    return;
  }
  incoming_read_post(&in, request->body, request->body_len);
  post(relay, exchange, &in, conversation_id);
  incoming_deinit(&in);
}

/* ---- GET ---- */

struct reading {
  struct store_read read; /* first: a read is its reading */
  struct relay *relay;
  struct http_exchange *exchange;
  char conversation_id[];
};

static void on_page(struct store_read *read, enum store_result result,
                    const struct store_page *page, const char *detail) {
  struct reading *reading = (struct reading *)read;
  struct relay *relay = reading->relay;
  relay->reads_count--;
  if (result == STORE_OK) {
    routes_answer(relay, reading->exchange, 200, protocol_write_page(page, read->after), NULL);
  } else {
    relay_note_trouble(relay, detail);
    routes_refuse(relay, reading->exchange, 503, "store_unavailable", "the store cannot be read",
                  "Retry-After: 1");
  }
  free(reading);
}

static struct reading *reading_new(struct relay *relay, struct http_exchange *exchange,
                                   const char *conversation_id) {
  const size_t size = strlen(conversation_id) + 1;
  struct reading *reading = calloc(1, sizeof *reading + size);
  if (!reading)
    return NULL;
  reading->relay = relay;
  reading->exchange = exchange;
  memcpy(reading->conversation_id, conversation_id, size);
  return reading;
}

void rest_get(struct relay *relay, struct http_exchange *exchange, const char *conversation_id) {
  int64_t after = 0, limit = LIMIT_DEFAULT;
  if (!is_granted(relay, exchange, NULL, conversation_id) ||
      !routes_take_number(relay, exchange, "after", 0, SEQUENCE_MAX, &after) ||
      !routes_take_number(relay, exchange, "limit", 1, STORE_PAGE_MAX, &limit))
    return;
  if (relay->reads_count >= REST_READS_MAX) {
    routes_refuse(relay, exchange, 503, "busy", "too many read at once; come back a little later",
                  "Retry-After: 1");
    return;
  }
  struct reading *reading = reading_new(relay, exchange, conversation_id);
  if (!reading) {
    routes_refuse(relay, exchange, 503, "unavailable", "no memory for the request",
                  "Retry-After: 1");
    return;
  }
  reading->read = (struct store_read){.conversation_id = reading->conversation_id,
                                      .after = after,
                                      .limit = (unsigned)limit,
                                      .max_bytes = REST_PAGE_BYTES,
                                      .done = on_page};
  relay->reads_count++;
  store_read(relay->store, &reading->read);
}
