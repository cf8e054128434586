#include "handover.h"

#include "json_text.h"
#include "relay_text.h"
#include "utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* So much may wait for the disk: more would only wait in memory instead of in the pipe. */
#define UNSTORED_MAX 1000

/* ---- waiting ---- */

/* What `len` bytes of input become, at the most. */
static size_t sent_max(const struct handover *h, size_t len) {
  return h->options->client.confirm == LIMPET_CONFIRM_ACK ? relay_text_message_max(len) : len;
}

static bool must_wait_for_disk(const struct handover *h, size_t len) {
  const limpet_options *o = &h->options->client;
  limpet_snapshot s;
  limpet_get_snapshot(h->client, &s, sizeof s);
  return h->unstored_count >= UNSTORED_MAX || s.metrics.outbox_messages >= o->outbox_limit ||
         (s.metrics.outbox_messages > 0 &&
          s.metrics.outbox_bytes + sent_max(h, len) > o->outbox_limit_bytes) ||
         limpet_buffered_amount(h->client) > o->high_water;
}

/* With an explicit --queue-limit input is read on and the oldest message goes; else it waits. */
static bool must_wait_for_link(const struct handover *h, size_t len) {
  const limpet_options *o = &h->options->client;
  limpet_snapshot s;
  if (h->options->has_queue_limit)
    return false;
  limpet_get_snapshot(h->client, &s, sizeof s);
  return s.metrics.queued_messages >= o->queue_limit ||
         (s.metrics.queued_messages > 0 &&
          (s.metrics.queued_bytes + len > o->high_water ||
           s.metrics.queued_bytes + sent_max(h, len) > o->queue_limit_bytes));
}

static bool must_wait(const struct handover *h, size_t len) {
  return h->options->client.outbox ? must_wait_for_disk(h, len) : must_wait_for_link(h, len);
}

/* ---- sending ---- */

static limpet_result send_as(struct handover *h, const char *data, size_t len,
                             const limpet_send_options *how) {
  if (h->options->is_binary)
    return limpet_send_binary(h->client, data, len, how, NULL);
  return limpet_send_text(h->client, data, len, how, NULL);
}

/* NULL: not UTF-8, or no memory. */
static char *compose(const char *id, const char *data, size_t len) {
  json_t *plaintext = json_stringn(data, len);
  json_t *message =
      plaintext ? json_pack("{ss ss so}", "type", "message", "id", id, "plaintext", plaintext)
                : NULL;
  return json_text(message);
}

static limpet_result send_composed(struct handover *h, const char *data, size_t len,
                                   const limpet_send_options *plain) {
  char id[LIMPET_NEW_ID_CAP];
  if (!limpet_new_id(id))
    return LIMPET_SYSTEM;
  char *text = compose(id, data, len);
  if (!text)
    return utf8_is_valid((const uint8_t *)data, len) ? LIMPET_NO_MEMORY : LIMPET_INVALID_UTF8;
  limpet_send_options how = *plain;
  how.message_id = id;
  const limpet_result result = send_as(h, text, strlen(text), &how);
  free(text);
  return result;
}

enum input_answer handover_take(struct handover *h, const char *data, size_t len,
                                limpet_result *result) {
  const struct connect_options *o = h->options;
  const limpet_send_options how = {
      .ttl_ms = o->ttl_ms,
      .promise = o->client.outbox ? LIMPET_PROMISE_DURABLE : LIMPET_PROMISE_QUEUE,
  };
  if (must_wait(h, len))
    return INPUT_WAIT;
  if (o->client.confirm == LIMPET_CONFIRM_ACK && len && memchr(data, 0, len))
    return INPUT_NUL; /* servers refuse it in JSON, and it would be sent again for ever */
  *result = o->client.confirm == LIMPET_CONFIRM_ACK ? send_composed(h, data, len, &how)
                                                    : send_as(h, data, len, &how);
  if (*result == LIMPET_INVALID_UTF8)
    return INPUT_BAD;
  if (*result == LIMPET_MESSAGE_TOO_BIG)
    return INPUT_LONG;
  h->unstored_count += o->client.outbox && *result == LIMPET_OK;
  return INPUT_TAKEN;
}

void handover_note(struct handover *h, const limpet_fate_report *report) {
  const bool is_settled =
      report->fate == LIMPET_FATE_STORED ||
      (report->fate == LIMPET_FATE_DROPPED &&
       (report->drop == LIMPET_DROP_NOT_STORED || report->drop == LIMPET_DROP_DUPLICATE));
  if (is_settled && h->unstored_count)
    h->unstored_count--;
}
