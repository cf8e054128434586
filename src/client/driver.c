/* What the session decides becomes calls; what the link reports is in link_inputs.c. */
#include "durable.h"
#include "endpoints.h"
#include "network.h"

#include <stdio.h>
#include <string.h>

uint64_t client_now_ms(const struct limpet_client *client) {
  return net_loop_now_ms(client->loop);
}

static void fold_counts(struct limpet_client *client) {
  session_received(&client->session, client->in_count, client->in_bytes);
  session_sent(&client->session, client->out_count, client->out_bytes);
  client->in_count = client->out_count = 0;
  client->in_bytes = client->out_bytes = 0;
}

void client_fold_counts(struct limpet_client *client) {
  if (!client->in_count && !client->out_count)
    return;
  client_lock(client);
  fold_counts(client);
  client_unlock(client);
}

void client_note_flush(struct limpet_client *client) {
  const bool writable = link_is_writable(client->link);
  client_lock(client);
  fold_counts(client);
  session_flushed(&client->session, client_now_ms(client), client->epoch,
                  link_stream_sent(client->link));
  if (writable != client->is_writable)
    session_writable(&client->session, client->epoch, writable);
  client_unlock(client);
  client->is_writable = writable;
}

/* While it is being closed the peer's close frame has to be read. */
void client_pause(struct limpet_client *client, bool is_paused) {
  client->is_paused = is_paused;
  if (client->link && link_is_open(client->link) && !client->is_closing)
    link_pause(client->link, is_paused);
  client_lock(client);
  session_pause(&client->session, client_now_ms(client), is_paused);
  client_unlock(client);
}

/* ---- what the session decides ---- */

/* Dials can fail at once, and an application can try anew in each report of it: that must not keep
   the loop from its other work, nor from a stop, so the rest waits for the next turn. */
#define DIALS_OF_A_TURN_MAX 8

/* Unless it is not wanted any more. */
static void dial_what_is_owed(struct limpet_client *client) {
  if (!client->owes_dial || client->dials_count == DIALS_OF_A_TURN_MAX)
    return;
  client->owes_dial = false;
  if (!session_is_dialing(&client->session))
    return;
  client->dials_count++;
  endpoints_dial(client);
}

static void do_dial(struct limpet_client *client, const struct session_action *action) {
  client->epoch = action->epoch;
  client->is_closing = false;
  client->direct_end = 0;
  client->late_bytes = 0;
  client->owes_dial = true;
  if (client->dials_count == DIALS_OF_A_TURN_MAX)
    net_loop_at_turn_end(client->loop, &client->turn_end);
  else
    dial_what_is_owed(client);
}

static void do_abort(struct limpet_client *client, const struct session_action *action) {
  if (action->epoch != client->epoch)
    return;
  if (client->link)
    report_keep_end(client, NULL, NULL, NULL);
  client_drop_link(client);
}

static void do_close(struct limpet_client *client, const struct session_action *action) {
  if (!client->link || action->epoch != client->epoch)
    return;
  client->is_closing = true;
  link_pause(client->link, false);
  link_close(client->link, action->close_code, "");
}

static void do_late(struct limpet_client *client, const struct session_action *action) {
  char detail[LIMPET_DETAIL_CAP];
  if (action->failure.kind == FAILURE_HEARTBEAT_TIMEOUT)
    (void)snprintf(detail, sizeof detail, "no answer to the heartbeat in time (timeout %u ms)",
                   session_answer_within_ms(&client->session));
  else
    (void)snprintf(detail, sizeof detail, "not declared ready within %u ms",
                   client->settings->session.ready_timeout_ms);
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
    client_lose_without_memory(client);
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
    client_lose_without_memory(client);
    return;
  }
  const bool writable = link_is_writable(client->link);
  client->out_count++;
  client->out_bytes += action->message->len;
  if (action->message->is_stored)
    durable_written(client, envelope);
  client_lock(client);
  session_written(&client->session, client_now_ms(client), action->epoch, action->message,
                  stream_end);
  if (writable != client->is_writable)
    session_writable(&client->session, action->epoch, writable);
  client_unlock(client);
  client->is_writable = writable;
}

/* CLOSED is the last report: what else is owed comes before it. After the first round a callback
   may have begun another flush, and then called limpet_stop(). */
static void end_waiting(struct limpet_client *client) {
  flush_end_all(client, LIMPET_NOT_CONNECTED);
  client_judge_water(client);
  if (!client->is_stopping)
    return;
  client_end_commands(client);
  flush_end_all(client, LIMPET_NOT_CONNECTED);
}

static void tell_state(struct limpet_client *client, enum session_state from, enum session_state to,
                       enum session_reason reason) {
  const struct limpet_callbacks *callbacks = client_callbacks(client);
  client_log(client, LIMPET_LOG_DEBUG, "state %s -> %s (%s)", session_state_name(from),
             session_state_name(to), session_reason_name(reason));
  if (to == STATE_CLOSED)
    end_waiting(client);
  if (callbacks->on_state)
    callbacks->on_state(client, (limpet_state)from, (limpet_state)to, (limpet_reason)reason,
                        client->user);
}

static bool is_at_rest(enum session_state state) {
  return state == STATE_CLOSED || state == STATE_ERROR || state == STATE_FAILED;
}

/* A stop that comes while the link is being closed waits for the disk too before it says CLOSED. */
static bool waits_for_disk(const struct limpet_client *client) {
  return client->is_stopping && !durable_is_closed(client);
}

static void do_state(struct limpet_client *client, const struct session_action *action) {
  if (is_at_rest(action->state.from))
    endpoints_forgive(client);
  if (action->state.to == STATE_CLOSED && waits_for_disk(client)) {
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

/* While CLOSED has yet to be taken, a connect that a callback asks for is only a wish, which a stop
   takes back. */
static void end_waiting_in_time(struct limpet_client *client) {
  if (session_closed_is_next(&client->session) && !waits_for_disk(client))
    end_waiting(client);
}

static void take_actions(struct limpet_client *client) {
  struct session_action action;
  dial_what_is_owed(client);
  end_waiting_in_time(client);
  while (next_action(client, &action)) {
    handlers[action.kind](client, &action);
    end_waiting_in_time(client);
  }
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
    network_tell_hint(client);
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
  client->dials_count = 0;
  if (!client->timer.slot && next_deadline(client) <= client_now_ms(client))
    client_timer(&client->timer); /* it got no memory, and its time has come */
  else
    client_settle(client);
}
