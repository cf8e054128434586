#include "session_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void say(struct rig *rig, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct rig *rig, const char *format, ...) {
  va_list arguments;
  if (rig->log_len)
    rig->log_len += (size_t)snprintf(rig->log + rig->log_len, RIG_LOG_CAP - rig->log_len, "; ");
  va_start(arguments, format);
  rig->log_len +=
      (size_t)vsnprintf(rig->log + rig->log_len, RIG_LOG_CAP - rig->log_len, format, arguments);
  va_end(arguments);
  assert_true(rig->log_len < RIG_LOG_CAP);
}

void rig_init(struct rig *rig) {
  memset(rig, 0, sizeof *rig);
  rig->config = (struct session_config){
      .backoff = {.max_retries = 10,
                  .initial_delay_ms = 1000,
                  .max_delay_ms = 60000,
                  .retry_after_max_ms = 300000,
                  .multiplier = 1.5,
                  .jitter = JITTER_NONE},
      .stable_after_ms = 5000,
      .reconnect_on_normal_close = true,
      .dialect = DIALECT_WEBSOCKET,
      .heartbeat_interval_ms = 30000,
      .heartbeat_timeout_ms = 10000,
      .probe_timeout_ms = 2000,
      .connect_timeout_ms = 10000,
      .close_timeout_ms = 3000,
      .ready_timeout_ms = 10000,
      .in_flight = 256,
      .queue_limit = 100,
      .queue_limit_bytes = 1 << 20,
  };
  rig->now_ms = 1000000;
  session_init(&rig->session, &rig->config, 42);
}

/* ---- actions ---- */

static void do_ask(struct rig *rig, const struct session_action *action) {
  const uint64_t begin = rig->stream_end;
  rig->question = action->question;
  rig->stream_end += RIG_QUESTION_LEN;
  say(rig, "ask");
  session_asked(&rig->session, rig->now_ms * 1000, action->epoch, begin, rig->stream_end);
}

static void do_write(struct rig *rig, const struct session_action *action) {
  rig->stream_end += RIG_HEADER_LEN + action->message->len;
  say(rig, "write %llu", (unsigned long long)action->message->id);
  session_written(&rig->session, rig->now_ms, action->epoch, action->message, rig->stream_end);
}

static void do_fate(struct rig *rig, const struct session_action *action) {
  const bool is_drop = action->fate.fate == FATE_DROPPED;
  say(rig, "%llu %s%s%s", (unsigned long long)action->fate.message->id,
      session_fate_name(action->fate.fate), is_drop ? " " : "",
      is_drop ? session_drop_name(action->fate.drop) : "");
  if (action->fate.final) /* nothing may look at it again */
    memset(action->fate.message, 0xa5, offsetof(struct session_message, attempts));
}

static void do_retry(struct rig *rig, const struct session_action *action) {
  rig->last_delay_ms = action->retry.delay_ms;
  if (action->retry.max_retries == BACKOFF_FOREVER)
    say(rig, "retry %u %llu", action->retry.attempt, (unsigned long long)action->retry.delay_ms);
  else
    say(rig, "retry %u/%u %llu", action->retry.attempt, action->retry.max_retries,
        (unsigned long long)action->retry.delay_ms);
}

static void do_dial(struct rig *rig, const struct session_action *action) {
  rig->epoch = action->epoch;
  rig->stream_end = 0;
  say(rig, "dial");
}

static void do_late(struct rig *rig, const struct session_action *action) {
  say(rig, "late");
  session_link_lost(&rig->session, rig->now_ms, action->epoch, &action->failure,
                    failure_verdict(&action->failure, true, true));
}

static void carry_out(struct rig *rig, const struct session_action *action) {
  switch (action->kind) {
  case ACTION_DIAL:
    do_dial(rig, action);
    break;
  case ACTION_ABORT:
    say(rig, "abort");
    break;
  case ACTION_LATE:
    do_late(rig, action);
    break;
  case ACTION_CLOSE:
    say(rig, "close %u", action->close_code);
    break;
  case ACTION_ASK:
    do_ask(rig, action);
    break;
  case ACTION_WRITE:
    do_write(rig, action);
    break;
  case ACTION_STATE:
    say(rig, "%s>%s %s", session_state_name(action->state.from),
        session_state_name(action->state.to), session_reason_name(action->state.reason));
    break;
  case ACTION_ERROR:
    say(rig, "error %s%s", failure_kind_name(action->failure.kind),
        action->failure.retryable ? "" : " final");
    break;
  case ACTION_RETRY:
    do_retry(rig, action);
    break;
  case ACTION_OPENED:
    say(rig, "opened");
    break;
  case ACTION_ENDED:
    say(rig, "ended");
    break;
  case ACTION_FATE:
    do_fate(rig, action);
    break;
  default:
    fail_msg("no such action: %d", (int)action->kind);
  }
}

void rig_take(struct rig *rig) {
  struct session_action action;
  while (session_next_action(&rig->session, rig->now_ms, &action)) {
    carry_out(rig, &action);
    if (rig->callback)
      rig->callback(rig, &action);
  }
  const char *fault = session_fault(&rig->session, rig->now_ms);
  if (fault)
    fail_msg("broken: %s (%s)", fault, rig->log);
}

void rig_forget(struct rig *rig) {
  rig->log_len = 0;
  rig->log[0] = '\0';
}

void rig_expect(struct rig *rig, const char *log) {
  assert_string_equal(rig->log, log);
  rig_forget(rig);
}

/* ---- inputs ---- */

void rig_connect(struct rig *rig) {
  session_connect(&rig->session, rig->now_ms);
  rig_take(rig);
}

void rig_disconnect(struct rig *rig) {
  session_disconnect(&rig->session, rig->now_ms);
  rig_take(rig);
}

void rig_open(struct rig *rig) {
  session_link_opened(&rig->session, rig->now_ms, rig->epoch);
  rig_take(rig);
}

void rig_start(struct rig *rig) {
  rig_connect(rig);
  rig_open(rig);
  rig_forget(rig);
}

void rig_lose_by(struct rig *rig, const struct failure *failure, enum failure_verdict verdict) {
  session_link_lost(&rig->session, rig->now_ms, rig->epoch, failure, verdict);
  rig_take(rig);
}

void rig_lose(struct rig *rig, enum failure_kind kind) {
  const struct failure failure = {.kind = kind, .retry_after_ms = SESSION_NEVER};
  rig_lose_by(rig, &failure,
              failure_verdict(&failure, session_was_open(&rig->session),
                              rig->config.reconnect_on_normal_close));
}

void rig_pass(struct rig *rig, uint64_t ms) {
  const uint64_t until_ms = rig->now_ms + ms;
  while (session_deadline(&rig->session) <= until_ms) {
    rig->now_ms = session_deadline(&rig->session);
    session_tick(&rig->session, rig->now_ms);
    rig_take(rig);
  }
  rig->now_ms = until_ms;
  rig_take(rig);
}

/* What the driver fills. */
static void fill(struct rig *rig, struct session_message *message, uint64_t id, uint32_t len) {
  memset(message, 0xa5, sizeof *message); /* the session must set its own members */
  message->id = id;
  message->len = len;
  message->expires_at_ms = SESSION_NEVER;
  message->replace_key = NULL;
  message->replace_key_len = 0;
  message->message_id = rig->message_ids[id];
  message->message_id_len =
      (uint32_t)snprintf(rig->message_ids[id], RIG_ID_CAP, "m%llu", (unsigned long long)id);
  message->is_stored = false;
}

static void set_key(struct session_message *message, const char *key) {
  message->replace_key = key;
  message->replace_key_len = key ? (uint32_t)strlen(key) : 0;
}

static struct session_message *next_message(struct rig *rig, uint32_t len) {
  assert_true(rig->message_count < RIG_MESSAGES);
  struct session_message *message = &rig->messages[rig->message_count];
  fill(rig, message, rig->message_count, len);
  return message;
}

static struct session_message *enqueue(struct rig *rig, struct session_message *message) {
  if (!session_enqueue(&rig->session, rig->now_ms, message))
    return NULL;
  rig->message_count++;
  rig_take(rig);
  return message;
}

struct session_message *rig_send_with(struct rig *rig, uint32_t len, uint64_t ttl_ms,
                                      const char *key) {
  struct session_message *message = next_message(rig, len);
  if (ttl_ms != SESSION_NEVER)
    message->expires_at_ms = rig->now_ms + ttl_ms;
  set_key(message, key);
  return enqueue(rig, message);
}

struct session_message *rig_send_stored(struct rig *rig, uint32_t len) {
  struct session_message *message = next_message(rig, len);
  message->is_stored = true;
  return enqueue(rig, message);
}

bool rig_ack(struct rig *rig, uint64_t id) {
  char name[RIG_ID_CAP];
  const int len = snprintf(name, sizeof name, "m%llu", (unsigned long long)id);
  const bool answer = session_acked(&rig->session, rig->now_ms, rig->epoch, name, (size_t)len);
  rig_take(rig);
  return answer;
}

struct session_message *rig_send(struct rig *rig, uint32_t len) {
  return rig_send_with(rig, len, SESSION_NEVER, NULL);
}

void rig_recover(struct rig *rig, uint64_t id, const char *key) {
  struct session_message *message = &rig->messages[id];
  fill(rig, message, id, 5);
  set_key(message, key);
  session_recovered(&rig->session, rig->now_ms, message);
}

void rig_flush(struct rig *rig) {
  session_flushed(&rig->session, rig->now_ms, rig->epoch, rig->stream_end);
  rig_take(rig);
}

void rig_reply(struct rig *rig, uint64_t rtt_us) {
  const struct heartbeat_reply reply = {.dialect = rig->question.dialect,
                                        .counter = rig->question.counter};
  session_heartbeat_reply(&rig->session, rig->now_ms * 1000 + rtt_us, rig->epoch, &reply);
  rig_take(rig);
}

struct session_metrics rig_metrics(const struct rig *rig) {
  struct session_metrics metrics;
  session_get_metrics(&rig->session, rig->now_ms, &metrics);
  return metrics;
}
