/* Between session and link: events become inputs, actions become calls. */
#include "ack.h"
#include "durable.h"
#include "endpoints.h"
#include "network.h"

#include <stdio.h>
#include <string.h>

uint64_t client_now_ms(const struct limpet_client *client) {
  return net_loop_now_ms(client->loop);
}

void client_fold_counts(struct limpet_client *client) {
  if (!client->in_count && !client->out_count)
    return;
  client_lock(client);
  session_received(&client->session, client->in_count, client->in_bytes);
  session_sent(&client->session, client->out_count, client->out_bytes);
  client_unlock(client);
  client->in_count = client->out_count = 0;
  client->in_bytes = client->out_bytes = 0;
}

/* ---- what the link reports ---- */

/* "3fa9c1-7": so the server's log can be read beside ours. */
static void write_label(const struct limpet_client *client, uint32_t epoch,
                        char label[LINK_LABEL_CAP]) {
  (void)snprintf(label, LINK_LABEL_CAP, "%02x%02x%02x-%u", client->tag[0], client->tag[1],
                 client->tag[2], epoch);
}

static void on_opened(struct link *link, const char *subprotocol) {
  struct limpet_client *client = link_user(link);
  char label[LINK_LABEL_CAP];
  write_label(client, client->epoch, label);
  client_log(client, LIMPET_LOG_INFO, "link %s: open%s%s", label,
             *subprotocol ? ", subprotocol " : "", subprotocol);
  client->is_writable = true;
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
  if (is_awaited)
    client_settle(client);
  return is_awaited;
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

static void on_received(struct link *link) {
  client_fold_counts(link_user(link));
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

void client_note_flush(struct limpet_client *client) {
  client->is_flush_seen = false;
  if (!client->link)
    return;
  const bool writable = link_is_writable(client->link);
  client_lock(client);
  session_flushed(&client->session, client_now_ms(client), client->epoch,
                  link_stream_sent(client->link));
  if (writable != client->is_writable)
    session_writable(&client->session, client->epoch, writable);
  client_unlock(client);
  client->is_writable = writable;
}

static void on_flushed(struct link *link) {
  struct limpet_client *client = link_user(link);
  client->is_flush_seen = true;
  client_settle(client);
}

/* Messages sent directly have no node: those the kernel did not take whole come back here. */
static void give_back(void *user, uint8_t opcode, const uint8_t *data, size_t len) {
  struct limpet_client *client = user;
  struct envelope *envelope = envelope_new(client, opcode, data, len, NULL);
  if (!envelope) {
    client_log(client, LIMPET_LOG_ERROR, "no memory to keep an unsent message of %zu bytes", len);
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
  client_fold_counts(client);
  network_look(client); /* a loss while offline is no attempt */
  report_keep_end(client, client->is_closing ? NULL : failure, end, detail);
  if (!client->is_closing)
    decision = report_judge(client, failure);
  if (endpoints_go_on(client, epoch, failure, decision))
    return;
  tell_lost(client, epoch, failure, endpoints_verdict(client, decision));
}

static void on_ended(struct link *link, const struct link_end *end) {
  struct limpet_client *client = link_user(link);
  const struct failure failure = report_failure(end);
  client->link = NULL;
  link_recover(link, give_back, client);
  lost(client, &failure, end, end->detail);
  client_settle(client);
}

static void drop_link(struct limpet_client *client) {
  struct link *link = client->link;
  client->link = NULL;
  provider_cancel(client);
  if (!link)
    return;
  link_recover(link, give_back, client);
  link_abort(link);
}

void client_lose(struct limpet_client *client, const struct failure *failure, const char *detail) {
  drop_link(client);
  lost(client, failure, NULL, detail);
}

/* Nobody is asked: it says nothing about the peer, and there is nothing to wait for. */
void client_move(struct limpet_client *client, const char *detail) {
  const struct failure failure = {.kind = FAILURE_CONNECTION_LOST, .retry_after_ms = UINT64_MAX};
  drop_link(client);
  client_fold_counts(client);
  report_keep_end(client, &failure, NULL, detail);
  tell_lost(client, client->epoch, &failure, VERDICT_MOVE);
}

static const struct link_events events = {
    .found = on_found,
    .opened = on_opened,
    .message = on_message,
    .received = on_received,
    .pong = on_pong,
    .progress = on_progress,
    .flushed = on_flushed,
    .ended = on_ended,
};

/* For those who want to know of the steps too. */
static const struct link_events events_with_steps = {
    .found = on_found,
    .opened = on_opened,
    .message = on_message,
    .received = on_received,
    .pong = on_pong,
    .progress = on_progress,
    .flushed = on_flushed,
    .ended = on_ended,
    .step = report_step,
};

static const struct link_events *wanted_events(const struct limpet_client *client) {
  return client->settings->options.on_step ? &events_with_steps : &events;
}

/* ---- what the session decides ---- */

static void lose_without_memory(struct limpet_client *client) {
  const struct failure failure = {.kind = FAILURE_NO_MEMORY, .retry_after_ms = UINT64_MAX};
  client_lose(client, &failure, "no memory for the link");
}

void client_copy_url(struct limpet_client *client, char url[URL_LEN_MAX + 1]) {
  client_lock(client);
  (void)snprintf(url, URL_LEN_MAX + 1, "%s", endpoints_url(client));
  client_unlock(client);
}

static bool prepare_tls(struct limpet_client *client, const char *url) {
  const struct failure failure = {
      .kind = FAILURE_TLS, .is_final = true, .retry_after_ms = UINT64_MAX};
  char detail[LIMPET_DETAIL_CAP];
  limpet_result result;
  const bool is_ready = settings_prepare(client->settings, url, detail, &result);
  if (!is_ready)
    client_lose(client, &failure, detail);
  return is_ready;
}

static void log_dial(struct limpet_client *client, const char *label, const char *url) {
  char redacted[512], error[PROXIES_ERROR_CAP], name[PROXY_NAME_CAP] = "";
  struct url target;
  struct proxy proxy;
  const char *why;
  (void)url_redact(url, redacted, sizeof redacted);
  if (url_parse(&target, url, strlen(url), &why) &&
      proxies_choose(&client->settings->proxies, &target, &proxy, error) == PROXIES_ONE)
    proxy_name(&proxy, name);
  client_log(client, LIMPET_LOG_INFO, "link %s: dialing %s%s%s", label, redacted,
             name[0] ? " through the proxy " : "", name);
}

void client_dial(struct limpet_client *client, const char *const *headers) {
  char url[URL_LEN_MAX + 1], label[LINK_LABEL_CAP];
  client_copy_url(client, url);
  write_label(client, client->epoch, label);
  if (client_callbacks(client)->on_log)
    log_dial(client, label, url);
  if (!prepare_tls(client, url))
    return;
  network_dialing(client);
  client->link =
      link_dial(client->loop, &client->settings->link, wanted_events(client), client, url);
  if (!client->link) {
    lose_without_memory(client);
    return;
  }
  link_set_label(client->link, label);
  link_set_headers(client->link, headers);
}

static void do_dial(struct limpet_client *client, const struct session_action *action) {
  client->epoch = action->epoch;
  client->is_closing = false;
  client->direct_end = 0;
  endpoints_dial(client);
}

static void do_abort(struct limpet_client *client, const struct session_action *action) {
  struct link *link = client->link;
  if (action->epoch != client->epoch)
    return;
  provider_cancel(client);
  if (!link)
    return;
  client->link = NULL;
  report_keep_end(client, NULL, NULL, NULL);
  link_recover(link, give_back, client);
  link_abort(link);
}

static void do_close(struct limpet_client *client, const struct session_action *action) {
  if (!client->link || action->epoch != client->epoch)
    return;
  client->is_closing = true;
  link_close(client->link, action->close_code, "");
}

static void do_late(struct limpet_client *client, const struct session_action *action) {
  char detail[LIMPET_DETAIL_CAP];
  const struct session_config *config = &client->settings->session;
  if (action->failure.kind == FAILURE_HEARTBEAT_TIMEOUT)
    (void)snprintf(detail, sizeof detail, "no answer to the heartbeat in time (timeout %u ms)",
                   config->heartbeat_timeout_ms);
  else
    (void)snprintf(detail, sizeof detail, "not declared ready within %u ms",
                   config->ready_timeout_ms);
  client_lose(client, &action->failure, detail);
}

/* Between the peer's close frame, or a broken rule, and the link's last event nothing can be
   written: what the session hands out meanwhile comes back to it with the loss. */
static bool is_open_link(const struct limpet_client *client, uint32_t epoch) {
  return client->link && epoch == client->epoch && link_is_open(client->link);
}

static bool send_question(struct limpet_client *client, const struct heartbeat_question *question,
                          struct link_position *position) {
  uint8_t payload[8];
  char text[HEARTBEAT_TEXT_CAP];
  if (question->dialect == DIALECT_WEBSOCKET) {
    heartbeat_write_ping(question->counter, payload);
    return link_ping(client->link, payload, sizeof payload, position);
  }
  const size_t len = heartbeat_write_text(question->dialect, net_loop_wall_ms(client->loop), text);
  return link_write_ahead(client->link, text, len, position);
}

static void do_ask(struct limpet_client *client, const struct session_action *action) {
  struct link_position position;
  if (!is_open_link(client, action->epoch))
    return;
  if (!send_question(client, &action->question, &position)) {
    lose_without_memory(client);
    return;
  }
  flush_shift(client, position.begin, position.end - position.begin);
  client_lock(client);
  session_stream_shifted(&client->session, action->epoch, position.begin,
                         position.end - position.begin);
  session_asked(&client->session, net_loop_now_us(client->loop), action->epoch, position.begin,
                position.end);
  client_unlock(client);
}

/* The node keeps the payload, so the link need not be able to give it back. */
static void do_write(struct limpet_client *client, const struct session_action *action) {
  const struct envelope *envelope = (const struct envelope *)action->message;
  uint64_t stream_end;
  if (!is_open_link(client, action->epoch))
    return;
  if (!link_write_volatile(client->link, envelope->opcode, envelope->bytes, action->message->len,
                           &stream_end)) {
    lose_without_memory(client);
    return;
  }
  const bool writable = link_is_writable(client->link);
  client->out_count++;
  client->out_bytes += action->message->len;
  if (action->message->is_stored)
    durable_written(client, envelope);
  net_loop_at_turn_end(client->loop, &client->turn_end);
  client_lock(client);
  session_written(&client->session, client_now_ms(client), action->epoch, action->message,
                  stream_end);
  if (writable != client->is_writable)
    session_writable(&client->session, action->epoch, writable);
  client_unlock(client);
  client->is_writable = writable;
}

/* CLOSED is the last report: what else is owed comes before it. */
static void end_waiting(struct limpet_client *client) {
  if (client->is_stopping)
    client_end_commands(client);
  flush_end_all(client, LIMPET_NOT_CONNECTED);
  client_judge_water(client);
}

static void tell_state(struct limpet_client *client, enum session_state from, enum session_state to,
                       enum session_reason reason) {
  const struct limpet_callbacks *callbacks = client_callbacks(client);
  if (to == STATE_CLOSED)
    end_waiting(client);
  client_log(client, LIMPET_LOG_DEBUG, "state %s -> %s (%s)", session_state_name(from),
             session_state_name(to), session_reason_name(reason));
  if (callbacks->on_state)
    callbacks->on_state(client, (limpet_state)from, (limpet_state)to, (limpet_reason)reason,
                        client->user);
}

static bool is_at_rest(enum session_state state) {
  return state == STATE_CLOSED || state == STATE_ERROR || state == STATE_FAILED;
}

/* A stop that comes while the link is being closed waits for the disk too before it says CLOSED. */
static void do_state(struct limpet_client *client, const struct session_action *action) {
  if (is_at_rest(action->state.from))
    endpoints_forgive(client);
  if (action->state.to == STATE_CLOSED && client->is_stopping && !durable_is_closed(client)) {
    struct outside *outside = atomic_load(&client->outside);
    outside->owes_closed = true;
    outside->closed_from = (uint8_t)action->state.from;
  } else {
    tell_state(client, action->state.from, action->state.to, action->state.reason);
  }
}

/* Nothing is left to be done for a client that is stopped. */
static bool is_over(const struct limpet_client *client) {
  return client->is_stopping && session_get_state(&client->session) == STATE_CLOSED &&
         durable_is_closed(client);
}

/* A client that was CLOSED when it was stopped is not CLOSED again, but somebody may wait. */
static void tell_the_end(struct limpet_client *client) {
  if (!is_over(client))
    return;
  struct outside *outside = atomic_load(&client->outside);
  const bool owes_closed = outside && outside->owes_closed;
  if (owes_closed) {
    outside->owes_closed = false;
    tell_state(client, (enum session_state)outside->closed_from, STATE_CLOSED, REASON_DISCONNECT);
  }
  end_waiting(client);
}

static void do_error(struct limpet_client *client, const struct session_action *action) {
  report_error(client, &action->failure);
}

static void do_retry(struct limpet_client *client, const struct session_action *action) {
  const limpet_retry retry = {
      .attempt = action->retry.attempt,
      .max_retries = action->retry.max_retries,
      .delay_ms = action->retry.delay_ms,
  };
  if (client_callbacks(client)->on_retry)
    client_callbacks(client)->on_retry(client, &retry, client->user);
}

static void do_opened(struct limpet_client *client, const struct session_action *action) {
  (void)action;
  durable_link_opened(client);
  if (client_callbacks(client)->on_open)
    client_callbacks(client)->on_open(client, client->user);
}

static void do_ended(struct limpet_client *client, const struct session_action *action) {
  (void)action;
  durable_link_ended(client);
  report_ended(client);
}

void client_tell_fate(struct limpet_client *client, const struct session_action *action) {
  const struct envelope *envelope = (const struct envelope *)action->fate.message;
  const limpet_fate_report report = {
      .id = envelope->message.id,
      .fate = (limpet_fate)action->fate.fate,
      .drop = (limpet_drop)action->fate.drop,
      .attempts = envelope->earlier_attempts + envelope->message.attempts,
      .message_id = envelope->message.message_id,
  };
  if (client_callbacks(client)->on_fate)
    client_callbacks(client)->on_fate(client, &report, client->user);
}

static void do_fate(struct limpet_client *client, const struct session_action *action) {
  if (action->fate.message->is_stored) {
    durable_fate(client, action);
    return;
  }
  client_tell_fate(client, action);
  if (action->fate.final)
    client_free_envelope(client, action->fate.message);
}

typedef void action_handler(struct limpet_client *client, const struct session_action *action);

static action_handler *const handlers[] = {
    [ACTION_DIAL] = do_dial,     [ACTION_ABORT] = do_abort, [ACTION_LATE] = do_late,
    [ACTION_CLOSE] = do_close,   [ACTION_ASK] = do_ask,     [ACTION_WRITE] = do_write,
    [ACTION_STATE] = do_state,   [ACTION_ERROR] = do_error, [ACTION_RETRY] = do_retry,
    [ACTION_OPENED] = do_opened, [ACTION_ENDED] = do_ended, [ACTION_FATE] = do_fate,
};

static bool next_action(struct limpet_client *client, struct session_action *action) {
  client_lock(client);
  const bool has = session_next_action(&client->session, client_now_ms(client), action);
  client_unlock(client);
  return has;
}

static void take_actions(struct limpet_client *client) {
  struct session_action action;
  do {
    while (next_action(client, &action))
      handlers[action.kind](client, &action);
    if (client->is_flush_seen)
      client_note_flush(client);
    else
      return;
  } while (true);
}

static uint64_t next_deadline(const struct limpet_client *client) {
  const uint64_t at_ms = session_deadline(&client->session);
  return at_ms < client->stop_at_ms ? at_ms : client->stop_at_ms;
}

static void set_timer(struct limpet_client *client) {
  const uint64_t at_ms = next_deadline(client);
  if (at_ms == (client->timer.slot ? client->timer.at_ms : SESSION_NEVER))
    return;
  /* Without memory for the deadline the next turn tries again. */
  if (!net_timer_set(client->loop, &client->timer, at_ms))
    net_loop_at_turn_end(client->loop, &client->turn_end);
}

void client_settle(struct limpet_client *client) {
  client->settles_again = true;
  if (client->is_settling || client->is_freed)
    return;
  client->is_settling = true;
  do {
    client->settles_again = durable_take_events(client);
    take_actions(client);
    tell_the_end(client);
    durable_ask(client);
    client_judge_water(client);
    flush_judge(client);
  } while (client_run_command(client) || client->settles_again);
  client->is_settling = false;
  set_timer(client);
  network_settle(client);
  if (is_over(client))
    client_finish(client);
}

/* ---- time ---- */

/* limpet_stop() has waited long enough: the close handshake is given up. */
static void stop_waiting(struct limpet_client *client) {
  const struct failure failure = {.kind = FAILURE_CONNECTION_LOST, .retry_after_ms = UINT64_MAX};
  client->stop_at_ms = SESSION_NEVER;
  client->is_closing = true; /* whether or not it came to a handshake */
  durable_abandon(client);
  client_lose(client, &failure, "stopped before the close handshake ended");
}

void client_timer(struct net_timer *timer) {
  struct limpet_client *client =
      (struct limpet_client *)((char *)timer - offsetof(struct limpet_client, timer));
  if (client->stop_at_ms <= client_now_ms(client))
    stop_waiting(client);
  client_lock(client);
  session_tick(&client->session, client_now_ms(client));
  client_unlock(client);
  client_settle(client);
}

static bool is_posted(const struct limpet_client *client) {
  const struct outside *outside = atomic_load(&client->outside);
  client_lock(client);
  const bool answer = outside && outside->is_posted;
  client_unlock(client);
  return answer;
}

static void end_turn_of_life(struct limpet_client *client) {
  durable_free(client);  /* it posts no more */
  if (is_posted(client)) /* a posted task still points here */
    net_loop_at_turn_end(client->loop, &client->turn_end);
  else
    client_free(client);
}

void client_turn_end(struct net_turn_end *hook) {
  struct limpet_client *client =
      (struct limpet_client *)((char *)hook - offsetof(struct limpet_client, turn_end));
  if (client->is_freed) {
    end_turn_of_life(client);
    return;
  }
  client_fold_counts(client);
  if (!client->timer.slot && next_deadline(client) <= client_now_ms(client))
    client_timer(&client->timer); /* it got no memory, and its time has come */
  else
    client_settle(client);
}
