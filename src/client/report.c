/* Errors and endings: from a link's words to the session's to the application's. */
#include "endpoints.h"

#include <stdio.h>
#include <string.h>

static const enum failure_kind kind_of[] = {
    [LINK_END_DNS] = FAILURE_DNS,
    [LINK_END_UNREACHABLE] = FAILURE_NETWORK_UNREACHABLE,
    [LINK_END_REFUSED] = FAILURE_CONNECT_REFUSED,
    [LINK_END_TIMEOUT] = FAILURE_CONNECT_TIMEOUT,
    [LINK_END_TLS] = FAILURE_TLS,
    [LINK_END_TLS_VERIFY] = FAILURE_TLS_VERIFY,
    [LINK_END_STATUS] = FAILURE_HTTP_STATUS,
    [LINK_END_HANDSHAKE] = FAILURE_HANDSHAKE,
    [LINK_END_LOST] = FAILURE_CONNECTION_LOST,
    [LINK_END_PROTOCOL] = FAILURE_PROTOCOL,
    [LINK_END_TOO_BIG] = FAILURE_MESSAGE_TOO_BIG,
    [LINK_END_CLOSED] = FAILURE_CLOSED_BY_PEER,
    [LINK_END_NO_MEMORY] = FAILURE_NO_MEMORY,
    [LINK_END_SYSTEM] = FAILURE_SYSTEM,
    [LINK_END_PROXY] = FAILURE_PROXY,
};

/* The one function that maps why a link ended to why the client lost it. */
struct failure report_failure(const struct link_end *end) {
  return (struct failure){
      .kind = kind_of[end->kind],
      .close_code = end->close_code,
      .http_status = end->http_status,
      .is_final = end->is_final,
      .retry_after_ms = end->retry_after_ms,
  };
}

static void fill_close(struct last_end *kept, const struct link_end *end) {
  const bool was_closed = end && end->kind == LINK_END_CLOSED;
  kept->close_code = was_closed && end->close_code ? end->close_code : 1006;
  kept->was_clean = end && end->was_clean;
  (void)snprintf(kept->close_reason, sizeof kept->close_reason, "%s",
                 was_closed ? end->close_reason : "");
}

/* What does not fit is cut at a character: an application's reason need not be ASCII. */
static void copy_detail(char *out, size_t cap, const char *detail) {
  size_t len = strnlen(detail, cap);
  if (len == cap)
    for (len--; len > 0 && ((unsigned char)detail[len] & 0xC0) == 0x80;)
      len--;
  memcpy(out, detail, len);
  out[len] = '\0';
}

/* Without memory for it the loss goes on without a detail. */
void report_keep_end(struct limpet_client *client, const struct failure *failure,
                     const struct link_end *end, const char *detail) {
  struct last_end *made = NULL;
  if (!client->last_end)
    made = memory_alloc_zeroed(client_memory(client), sizeof *made);
  client_lock(client);
  if (made)
    client->last_end = made;
  if (client->last_end)
    fill_close(client->last_end, end);
  if (client->last_end && failure) {
    client->last_end->failure = *failure;
    copy_detail(client->last_end->detail, LIMPET_DETAIL_CAP, detail);
  }
  client_unlock(client);
}

struct endpoint {
  char text[512];
};

static limpet_error make_error(struct limpet_client *client, const struct failure *failure,
                               const char *detail, struct endpoint *endpoint) {
  client_lock(client);
  (void)url_redact(endpoints_url(client), endpoint->text, sizeof endpoint->text);
  client_unlock(client);
  return (limpet_error){
      .kind = (limpet_error_kind)failure->kind,
      .retryable = failure->retryable,
      .message = failure_sentence(failure->kind),
      .detail = detail,
      .close_code = failure->close_code,
      .http_status = failure->http_status,
      .endpoint = endpoint->text,
  };
}

static const char *last_detail(const struct limpet_client *client) {
  return client->last_end ? client->last_end->detail : "";
}

enum failure_verdict report_usual_verdict(const struct limpet_client *client,
                                          const struct failure *failure) {
  return failure_verdict(failure, session_was_open(&client->session),
                         client->settings->options.reconnect_on_normal_close);
}

limpet_decision report_judge(struct limpet_client *client, const struct failure *failure) {
  const limpet_decision proposed = endpoints_propose(client, report_usual_verdict(client, failure));
  if (!client_callbacks(client)->policy)
    return proposed;
  struct endpoint endpoint;
  limpet_error error = make_error(client, failure, last_detail(client), &endpoint);
  error.retryable = proposed != LIMPET_GIVE_UP;
  return client_callbacks(client)->policy(client, &error, proposed, client->user);
}

static void write_gave_up(const struct limpet_client *client, char detail[LIMPET_DETAIL_CAP]) {
  const uint32_t retries = client->settings->options.max_retries;
  char last[201];
  copy_detail(last, sizeof last, last_detail(client));
  if (retries == 0)
    (void)snprintf(detail, LIMPET_DETAIL_CAP, "no retries wanted; %s", last);
  else
    (void)snprintf(detail, LIMPET_DETAIL_CAP, "after %u retr%s; the last: %s", retries,
                   retries == 1 ? "y" : "ies", last);
}

void report_error(struct limpet_client *client, const struct failure *failure) {
  char detail[LIMPET_DETAIL_CAP];
  struct endpoint endpoint;
  if (failure->kind == FAILURE_GAVE_UP)
    write_gave_up(client, detail);
  else
    (void)snprintf(detail, sizeof detail, "%s", last_detail(client));
  const limpet_error error = make_error(client, failure, detail, &endpoint);
  client_log(client, LIMPET_LOG_WARN, "%s: %s (%s)", error.message, detail, error.endpoint);
  if (client_callbacks(client)->on_error)
    client_callbacks(client)->on_error(client, &error, client->user);
}

void report_outbox(struct limpet_client *client, const char *detail) {
  const struct failure failure = {
      .kind = FAILURE_OUTBOX, .retryable = true, .retry_after_ms = UINT64_MAX};
  struct endpoint endpoint;
  const limpet_error error = make_error(client, &failure, detail, &endpoint);
  client_log(client, LIMPET_LOG_ERROR, "%s: %s", error.message, detail);
  if (client_callbacks(client)->on_error)
    client_callbacks(client)->on_error(client, &error, client->user);
}

void report_step(struct link *link, const struct link_step_report *report) {
  struct limpet_client *client = link_user(link);
  limpet_fact facts[LINK_FACTS_MAX];
  for (size_t i = 0; i < report->facts_count; i++)
    facts[i] = (limpet_fact){report->facts[i].name, report->facts[i].value};
  const limpet_step_report told = {
      .step = (limpet_step)report->step,
      .took_us = report->took_us,
      .facts = facts,
      .facts_count = report->facts_count,
  };
  client->settings->options.on_step(client, &told, client->user);
}

void report_ended(struct limpet_client *client) {
  const struct last_end *end = client->last_end;
  const limpet_close_info info = {
      .code = end ? end->close_code : 1006,
      .reason = end ? end->close_reason : "",
      .was_clean = end && end->was_clean,
  };
  if (client_callbacks(client)->on_close)
    client_callbacks(client)->on_close(client, &info, client->user);
}
