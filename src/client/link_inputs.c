/* What the link reports becomes inputs of the session and calls to the application. */
#include "ack.h"
#include "endpoints.h"
#include "network.h"

#include <string.h>

static void on_opened(struct link *link, const char *subprotocol) {
  struct limpet_client *client = link_user(link);
  char label[LINK_LABEL_CAP];
  client_write_label(client, client->epoch, label);
  client_log(client, LIMPET_LOG_INFO, "link %s: open%s%s", label,
             *subprotocol ? ", subprotocol " : "", subprotocol);
  client->is_writable = true;
  link_pause(link, client->is_paused);
  endpoints_opened(client);
  network_opened(client);
  client_lock(client);
  session_link_opened(&client->session, client_now_ms(client), client->epoch);
  client_unlock(client);
  client_settle(client);
}

static void take_reply(struct limpet_client *client, const struct heartbeat_reply *reply) {
  struct session_metrics metrics;
  client_lock(client);
  const bool is_awaited = session_heartbeat_reply(&client->session, net_loop_now_us(client->loop),
                                                  client->epoch, reply);
  session_get_metrics(&client->session, client_now_ms(client), &metrics);
  client_unlock(client);
  client_settle(client);
  if (is_awaited && client->link && client_callbacks(client)->on_heartbeat)
    client_callbacks(client)->on_heartbeat(client, metrics.rtt_last_us, client->user);
}

static bool take_heartbeat(struct limpet_client *client, const uint8_t *data, size_t len) {
  struct heartbeat_reply reply;
  if (!heartbeat_read_text(client->settings->session.dialect, (const char *)data, len, &reply))
    return false;
  take_reply(client, &reply);
  return true;
}

static bool take_ack(struct limpet_client *client, const uint8_t *data, size_t len) {
  char id[ACK_ID_MAX + 1];
  if (!ack_read_text((const char *)data, len, id))
    return false;
  client_lock(client);
  const bool is_awaited =
      session_acked(&client->session, client_now_ms(client), client->epoch, id, strlen(id));
  client_unlock(client);
  if (!is_awaited)
    return false;
  client_settle(client);
  if (client->link && client->settings->options.on_ack)
    client->settings->options.on_ack(client, (const char *)data, len, client->user);
  return true;
}

static bool awaits_reply(const struct session_config *config) {
  return config->dialect == DIALECT_PING || config->dialect == DIALECT_TIMESTAMP;
}

/* Replies and acknowledgements are short; most settings know neither. */
static bool take_answer(struct limpet_client *client, const uint8_t *data, size_t len) {
  const struct session_config *config = &client->settings->session;
  if (awaits_reply(config) && len <= HEARTBEAT_REPLY_MAX && take_heartbeat(client, data, len))
    return true;
  return config->confirm == CONFIRM_ACK && len <= ACK_TEXT_MAX && take_ack(client, data, len);
}

static void count_in(struct limpet_client *client, size_t len) {
  client->in_count++;
  client->in_bytes += len;
}

static void report_text(struct limpet_client *client, const uint8_t *data, size_t len) {
  const struct limpet_callbacks *callbacks = client_callbacks(client);
  if (callbacks->on_text)
    callbacks->on_text(client, (const char *)data, len, client->user);
}

/* Text that is looked into: for answers, typing, handlers. Apart from on_message(), which pays
   for no stack frame that way. */
__attribute__((noinline)) static void read_text(struct limpet_client *client, const uint8_t *data,
                                                size_t len) {
  if (take_answer(client, data, len))
    return;
  count_in(client, len);
  if (client_callbacks(client)->on_typing && handlers_take_typing(client, (const char *)data, len))
    return;
  report_text(client, data, len);
  if (client->link && atomic_load_explicit(&client->has_handlers, memory_order_relaxed))
    handlers_dispatch(client, (const char *)data, len);
}

static bool reads_text(const struct limpet_client *client) {
  const struct session_config *config = &client->settings->session;
  return awaits_reply(config) || config->confirm == CONFIRM_ACK ||
         client_callbacks(client)->on_typing ||
         atomic_load_explicit(&client->has_handlers, memory_order_relaxed);
}

static void on_message(struct link *link, uint8_t opcode, const uint8_t *data, size_t len) {
  struct limpet_client *client = link_user(link);
  if (opcode == FRAME_TEXT && reads_text(client)) {
    read_text(client, data, len);
    return;
  }
  count_in(client, len);
  if (opcode == FRAME_TEXT)
    report_text(client, data, len);
  else if (client_callbacks(client)->on_binary)
    client_callbacks(client)->on_binary(client, data, len, client->user);
}

static void on_found(struct link *link, const struct address *addresses, size_t count) {
  network_found(link_user(link), addresses, count);
}

/* Where something was sent, the end of the turn counts both. */
static void on_received(struct link *link) {
  struct limpet_client *client = link_user(link);
  if (!client->out_count)
    client_fold_counts(client);
}

static void on_pong(struct link *link, const uint8_t *data, size_t len) {
  struct limpet_client *client = link_user(link);
  struct heartbeat_reply reply;
  if (heartbeat_read_pong(data, len, &reply))
    take_reply(client, &reply);
}

static void on_progress(struct link *link, size_t len) {
  struct limpet_client *client = link_user(link);
  client_lock(client);
  session_frame_progress(&client->session, client_now_ms(client), client->epoch, len);
  client_unlock(client);
  client_settle(client);
}

static void on_flushed(struct link *link) {
  struct limpet_client *client = link_user(link);
  client_note_flush(client);
  client_settle(client);
}

static void note_unkept(struct limpet_client *client, size_t len) {
  client_log(client, LIMPET_LOG_ERROR, "no memory to keep an unsent message of %zu bytes", len);
  client_lock(client);
  session_dropped(&client->session, 1);
  client_unlock(client);
}

/* Messages sent directly have no node: those the kernel did not take whole come back here. */
static void give_back(void *user, uint8_t opcode, const uint8_t *data, size_t len) {
  struct limpet_client *client = user;
  struct envelope *envelope = envelope_new(client, opcode, data, len, NULL);
  if (!envelope) {
    note_unkept(client, len);
    return;
  }
  client_lock(client);
  session_recovered(&client->session, client_now_ms(client), &envelope->message);
  client_unlock(client);
}

static void tell_lost(struct limpet_client *client, uint32_t epoch, const struct failure *failure,
                      enum failure_verdict verdict) {
  client_lock(client);
  if (client->last_end && !client->is_closing)
    client->last_end->verdict = verdict;
  session_link_lost(&client->session, client_now_ms(client), epoch, failure, verdict);
  client_unlock(client);
}

/* After our own close there is nothing to be judged, whatever it looked like. */
static void lost(struct limpet_client *client, const struct failure *failure,
                 const struct link_end *end, const char *detail) {
  const uint32_t epoch = client->epoch;
  limpet_decision decision = LIMPET_BACK_OFF;
  if (!client->is_closing)
    network_look(client); /* a loss while offline is no attempt */
  report_keep_end(client, client->is_closing ? NULL : failure, end, detail);
  if (!client->is_closing)
    decision = report_judge(client, failure);
  if (endpoints_go_on(client, epoch, failure, decision))
    return;
  tell_lost(client, epoch, failure, endpoints_verdict(client, decision));
}

/* The link says nothing more, or is to say nothing more: what only its next turn would have told is
   told now. */
static void leave(struct limpet_client *client) {
  struct link *link = client->link;
  client->link = NULL;
  client_fold_counts(client);
  link_recover(link, give_back, client);
}

static void on_ended(struct link *link, const struct link_end *end) {
  struct limpet_client *client = link_user(link);
  const struct failure failure = report_failure(end);
  leave(client);
  lost(client, &failure, end, end->detail);
  client_settle(client);
}

void client_drop_link(struct limpet_client *client) {
  struct link *link = client->link;
  provider_cancel(client);
  if (!link)
    return;
  leave(client);
  link_abort(link);
}

void client_lose(struct limpet_client *client, const struct failure *failure, const char *detail) {
  client_drop_link(client);
  lost(client, failure, NULL, detail);
}

/* Nobody is asked: it says nothing about the peer, and there is nothing to wait for. */
void client_move(struct limpet_client *client, const char *detail) {
  const struct failure failure = {.kind = FAILURE_CONNECTION_LOST, .retry_after_ms = UINT64_MAX};
  client_drop_link(client);
  report_keep_end(client, &failure, NULL, detail);
  tell_lost(client, client->epoch, &failure, VERDICT_MOVE);
}

void client_lose_without_memory(struct limpet_client *client) {
  const struct failure failure = {.kind = FAILURE_NO_MEMORY, .retry_after_ms = UINT64_MAX};
  client_lose(client, &failure, "no memory for the link");
}

#define EVENTS                                                                                     \
  .found = on_found, .opened = on_opened, .message = on_message, .received = on_received,          \
  .pong = on_pong, .progress = on_progress, .flushed = on_flushed, .held_up = on_flushed,          \
  .ended = on_ended

static const struct link_events events = {EVENTS};
/* For those who want to know of the steps too. */
static const struct link_events events_with_steps = {EVENTS, .step = report_step};

const struct link_events *client_link_events(const struct limpet_client *client) {
  return client->settings->options.on_step ? &events_with_steps : &events;
}
