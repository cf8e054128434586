/* What a client can be asked, from any thread: one consistent picture, taken under the lock. */
#include "durable.h"

#include "status.h"

#include <stdio.h>
#include <string.h>

_Static_assert(offsetof(limpet_metrics, outbox_messages) == sizeof(struct session_metrics),
               "metrics differ");

static void copy_last_end(const struct limpet_client *client, limpet_snapshot *out) {
  const struct last_end *end = client->last_end;
  if (!end || end->failure.kind == FAILURE_NONE)
    return;
  out->last_error = (limpet_error_kind)end->failure.kind;
  out->last_error_retryable = end->verdict != VERDICT_GIVE_UP;
  out->last_close_code = end->failure.close_code;
  out->last_http_status = end->failure.http_status;
  memcpy(out->last_error_detail, end->detail, sizeof out->last_error_detail);
}

static void take(struct limpet_client *client, limpet_snapshot *out) {
  const uint64_t now_ms = limpet_now_ms();
  struct session_metrics metrics;
  memset(out, 0, sizeof *out);
  client_lock(client);
  const struct session *s = &client->session;
  out->state = (limpet_state)session_get_state(s);
  out->reason = (limpet_reason)session_get_reason(s);
  out->attempt = session_attempt(s);
  out->max_retries = client->settings->options.max_retries;
  out->next_retry_at_ms = session_next_retry_at(s);
  out->now_ms = now_ms;
  session_get_metrics(s, now_ms, &metrics);
  memcpy(&out->metrics, &metrics, sizeof metrics);
  copy_last_end(client, out);
  client_unlock(client);
}

void limpet_get_snapshot(limpet_client *client, limpet_snapshot *snapshot, size_t size) {
  limpet_snapshot full;
  if (client_is_own_thread(client))
    client_fold_counts(client);
  take(client, &full);
  durable_count(client, &full.metrics.outbox_messages, &full.metrics.outbox_bytes);
  memset(snapshot, 0, size);
  memcpy(snapshot, &full, size < sizeof full ? size : sizeof full);
}

void limpet_status_text(limpet_client *client, bool emoji, char *text, size_t cap) {
  limpet_snapshot s;
  take(client, &s);
  const bool has_retry = s.next_retry_at_ms != LIMPET_NEVER;
  const struct status_facts facts = {
      .state = (enum session_state)s.state,
      .attempt = s.attempt,
      .max_retries = s.max_retries,
      .connection_duration_ms = s.metrics.connection_duration_ms,
      .next_retry_in_ms = !has_retry                      ? UINT64_MAX
                          : s.next_retry_at_ms > s.now_ms ? s.next_retry_at_ms - s.now_ms
                                                          : 0,
      .last_error = (enum failure_kind)s.last_error,
  };
  (void)status_text(&facts, emoji, text, cap);
}
