/* The far side of a pair: its client's callbacks, and what goes out by it. */
#include "internal.h"

#include "frame.h"
#include "target.h"

#include <stdio.h>
#include <string.h>

/* ---- the program's messages ---- */

static bool is_outbox_full(const limpet_options *far, const limpet_metrics *m) {
  return m->outbox_messages >= far->outbox_limit ||
         (m->outbox_messages > 0 && m->outbox_bytes + far->max_message > far->outbox_limit_bytes);
}

bool far_is_full(const struct pair *pair) {
  const struct hold_options *o = pair->hold->options;
  limpet_snapshot s;
  limpet_get_snapshot(pair->client, &s, sizeof s);
  if (limpet_buffered_amount(pair->client) >= o->far.high_water)
    return true;
  if (pair_has_outbox(pair))
    return pair->accepted - pair->settled >= UNSTORED_MAX || is_outbox_full(&o->far, &s.metrics);
  return s.metrics.queued_messages >= o->queue_limit;
}

static limpet_result send_as(struct pair *pair, uint8_t opcode, const void *data, size_t len,
                             const limpet_send_options *how) {
  if (opcode == FRAME_TEXT)
    return limpet_send_text(pair->client, data, len, how, NULL);
  return limpet_send_binary(pair->client, data, len, how, NULL);
}

/* What no acknowledgement could ever name cannot be kept until it comes. */
static void choose_promise(const struct pair *pair, uint8_t opcode, const void *data, size_t len,
                           char id[RESUME_VALUE_CAP], limpet_send_options *how) {
  how->promise = pair_has_outbox(pair) ? LIMPET_PROMISE_DURABLE : LIMPET_PROMISE_QUEUE;
  if (pair->hold->options->far.confirm != LIMPET_CONFIRM_ACK)
    return;
  if (opcode == FRAME_TEXT && resume_message_id(data, len, id))
    how->message_id = id;
  else
    how->promise = LIMPET_PROMISE_NOW;
}

void far_send(struct pair *pair, uint8_t opcode, const void *data, size_t len) {
  char id[RESUME_VALUE_CAP];
  limpet_send_options how = {0};
  choose_promise(pair, opcode, data, len, id, &how);
  /* Before the call: its fate may be told inside. */
  const bool is_stored = how.promise == LIMPET_PROMISE_DURABLE;
  pair->taken++;
  pair->accepted += is_stored;
  const limpet_result result = send_as(pair, opcode, data, len, &how);
  if (result == LIMPET_OK)
    return;
  pair->accepted -= is_stored;
  pair->dropped++;
  if (how.promise != LIMPET_PROMISE_NOW)
    local_close(pair, 1011, limpet_result_text(result));
}

void far_pause(struct pair *pair, bool is_paused) {
  if (pair->client && pair->is_far_paused != is_paused &&
      limpet_pause(pair->client, is_paused) == LIMPET_OK)
    pair->is_far_paused = is_paused;
}

/* ---- what the client reports ---- */

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  struct pair *pair = user;
  const char *member = pair->hold->options->resume_member;
  (void)client;
  if (!pair->is_local_open || pair->is_local_closing)
    return;
  local_write(pair, FRAME_TEXT, data, len);
  if (member && !pair->is_local_closing && resume_value(data, len, member, pair->value)) /* [H5] */
    pair->has_value = true;
}

static void on_binary(limpet_client *client, const void *data, size_t len, void *user) {
  (void)client;
  local_write(user, FRAME_BINARY, data, len);
}

static void on_ack(limpet_client *client, const char *text, size_t len, void *user) {
  (void)client;
  local_write(user, FRAME_TEXT, text, len);
}

static void on_open(limpet_client *client, void *user) {
  struct pair *pair = user;
  const struct hold_options *o = pair->hold->options;
  hold_log(pair->hold, "conn=%llu far side open", (unsigned long long)pair->number);
  if (o->greet && o->greet(client))
    (void)limpet_ready(client);
  if (pair->phase == PAIR_DIALING)
    local_accept(pair);
}

static void on_close(limpet_client *client, const limpet_close_info *info, void *user) {
  struct pair *pair = user;
  (void)client;
  (void)snprintf(pair->close_reason, sizeof pair->close_reason, "%s", info->reason);
}

static void on_error(limpet_client *client, const limpet_error *error, void *user) {
  struct pair *pair = user;
  (void)client;
  pair->close_code = error->kind == LIMPET_ERROR_CLOSED_BY_PEER ? error->close_code : 0;
  (void)snprintf(pair->detail, sizeof pair->detail, "%s: %s", error->message, error->detail);
  hold_log(pair->hold, "conn=%llu %s error=%s retryable=%s detail=%s",
           (unsigned long long)pair->number, error->endpoint ? error->endpoint : "-",
           limpet_error_kind_name(error->kind), error->retryable ? "yes" : "no", error->detail);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  struct pair *pair = user;
  (void)client;
  (void)from;
  (void)reason;
  if (to == LIMPET_CLOSED) {
    pair_far_gone(pair);
  } else if (to == LIMPET_ERROR || to == LIMPET_FAILED) {
    pair->has_failed = true;
    pair_touch(pair);
  }
}

static void note_drop(struct pair *pair, limpet_drop drop) {
  const bool never_stored = drop == LIMPET_DROP_NOT_STORED || drop == LIMPET_DROP_DUPLICATE;
  pair->settled += never_stored;
  /* A program that was not acknowledged in time says it again: what is kept already is no loss. */
  if (drop == LIMPET_DROP_DUPLICATE)
    return;
  pair->dropped++;
  if (never_stored)
    local_close(pair, 1011, "the outbox cannot store the message");
  else
    pair->hold->undelivered++;
}

static void on_fate(limpet_client *client, const limpet_fate_report *report, void *user) {
  struct pair *pair = user;
  (void)client;
  pair->settled += report->fate == LIMPET_FATE_STORED;
  if (report->fate == LIMPET_FATE_DROPPED)
    note_drop(pair, report->drop);
  pair_touch(pair);
}

static void on_drained(limpet_client *client, void *user) {
  (void)client;
  pair_touch(user);
}

/* [H4] */
static limpet_decision policy(limpet_client *client, const limpet_error *error,
                              limpet_decision proposed, void *user) {
  (void)client;
  (void)user;
  return error->kind == LIMPET_ERROR_CLOSED_BY_PEER && error->close_code == 1000 ? LIMPET_GIVE_UP
                                                                                 : proposed;
}

static void on_step(limpet_client *client, const limpet_step_report *report, void *user) {
  struct pair *pair = user;
  (void)client;
  if (report->step != LIMPET_STEP_UPGRADED || pair->phase != PAIR_DIALING)
    return;
  pair->subprotocol[0] = '\0';
  for (size_t i = 0; i < report->facts_count; i++)
    if (strcmp(report->facts[i].name, "subprotocol") == 0)
      (void)snprintf(pair->subprotocol, sizeof pair->subprotocol, "%s", report->facts[i].value);
}

static void on_log(limpet_client *client, limpet_log_level level, const char *line, void *user) {
  const struct pair *pair = user;
  (void)client;
  (void)level;
  hold_log(pair->hold, "conn=%llu %s", (unsigned long long)pair->number, line);
}

/* ---- before each dial ---- */

static void provide(limpet_client *client, const limpet_provider_request *request, void *user) {
  const struct pair *pair = user;
  const struct hold_options *o = pair->hold->options;
  char line[HOLD_HEADER_CAP], url[URL_LEN_MAX + 1], why[LIMPET_DETAIL_CAP] = "";
  const char *headers[] = {o->credentials ? line : NULL, NULL};
  const bool has_url = pair->has_value;
  if (o->credentials && !o->credentials(line, why))
    (void)limpet_provide_failure(client, request->ticket, why);
  else if (has_url && !target_set(request->url, o->resume_parameter, pair->value, url))
    (void)limpet_provide_failure(client, request->ticket, "the value to resume after is too long");
  else
    (void)limpet_provide(client, request->ticket, has_url ? url : NULL, headers, NULL);
}

void far_set_callbacks(struct pair *pair, limpet_options *far) {
  const struct hold_options *o = pair->hold->options;
  far->user = pair;
  far->callbacks = (limpet_callbacks){
      .on_text = on_text,
      .on_binary = on_binary,
      .on_open = on_open,
      .on_close = on_close,
      .on_error = on_error,
      .on_state = on_state,
      .on_fate = on_fate,
      .on_drained = on_drained,
      .policy = policy,
      .on_log = o->is_verbose ? on_log : NULL,
  };
  far->on_step = on_step;
  far->on_ack = on_ack;
  far->provider = o->credentials || o->resume_parameter ? provide : NULL;
  far->queue_limit = o->queue_limit < 1000000 ? o->queue_limit + 1 : 1000000;
  if (far->queue_limit_bytes < far->high_water + far->max_message)
    far->queue_limit_bytes = far->high_water + far->max_message;
}
