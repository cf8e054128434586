/*
 * The inputs and questions of session.h. What they do to the state is in machine.c by the table of
 * table.c, what they do to time in timers.c, to messages in queue.c.
 */
#include "session.h"
#include "actions.h"
#include "machine.h"
#include "session_scope.h"
#include "timers.h"

void session_init(struct session *s, const struct session_config *config, uint64_t seed) {
  *s = (struct session){
      .config = config, .random = seed, .phase = PHASE_IDLE, .phase_until_ms = SESSION_NEVER};
}

/* ---- what the user wants ---- */

static bool wants_to_rest(const struct session *s) {
  return s->wish == WISH_DISCONNECT || s->wish == WISH_RECONNECT;
}

void session_connect(struct session *s, uint64_t now_ms) {
  s->wish = wants_to_rest(s) ? WISH_RECONNECT : WISH_CONNECT;
  machine_grant(s, now_ms);
}

void session_disconnect(struct session *s, uint64_t now_ms) {
  s->wish = WISH_DISCONNECT;
  machine_grant(s, now_ms);
}

void session_ready(struct session *s, uint64_t now_ms) {
  (void)now_ms;
  if (s->phase == PHASE_OPEN)
    s->is_ready = true;
}

void session_healthy(struct session *s, uint64_t now_ms) {
  (void)now_ms;
  if (s->phase == PHASE_OPEN)
    machine_stabilise(s);
}

void session_ask(struct session *s, uint64_t now_ms) {
  if (s->phase == PHASE_OPEN)
    timers_ask_now(s, now_ms);
}

void session_probe(struct session *s, uint64_t now_ms) {
  if (s->phase == PHASE_OPEN)
    timers_probed(s, now_ms);
}

void session_pause(struct session *s, uint64_t now_ms, bool is_paused) {
  const bool ends = s->is_paused && !is_paused;
  s->is_paused = is_paused;
  if (ends && s->phase == PHASE_OPEN)
    timers_resumed(s, now_ms);
}

static uint64_t held_count(const struct session *s) {
  return (uint64_t)s->queue.waiting_count + s->queue.in_flight_count;
}

static uint64_t at_least(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

/* From disconnect until CLOSED is reported nothing is taken: that is the last word. */
static bool is_closing(const struct session *s) {
  return s->phase == PHASE_CLOSING || wants_to_rest(s) ||
         (s->phase == PHASE_IDLE && s->actions_count);
}

/* A limit stops growth; it does not take back what a loss brought home above it. */
static bool may_enter(const struct session *s, const struct session_message *message) {
  if (HAS_STORED && message->is_stored)
    return s->phase == PHASE_OPEN && !is_closing(s);
  return !is_closing(s) && message->len <= s->config->queue_limit_bytes;
}

bool session_enqueue(struct session *s, uint64_t now_ms, struct session_message *message) {
  const struct session_config *config = s->config;
  if (!may_enter(s, message))
    return false;
  queue_expire(&s->queue, now_ms);
  const uint64_t limit =
      s->state == STATE_CONNECTED ? UINT64_MAX : at_least(config->queue_limit, held_count(s));
  const uint64_t limit_bytes = at_least(config->queue_limit_bytes, s->queue.bytes);
  queue_push(&s->queue, message, config->report_fates);
  queue_expire(&s->queue, now_ms);
  queue_evict(&s->queue, limit, limit_bytes, message);
  return true;
}

void session_clear(struct session *s, uint64_t now_ms) {
  (void)now_ms;
  queue_clear(&s->queue);
}

/* ---- what happened to the dial or link ---- */

static bool is_current(const struct session *s, uint32_t epoch) {
  return epoch == s->epoch && table_has_link((enum session_phase)s->phase);
}

/* Current, and open: there is a stream. */
static bool is_current_link(const struct session *s, uint32_t epoch) {
  return is_current(s, epoch) && table_state((enum session_phase)s->phase) == STATE_CONNECTED;
}

void session_link_opened(struct session *s, uint64_t now_ms, uint32_t epoch) {
  if (is_current(s, epoch))
    machine_step(s, now_ms, INPUT_OPENED);
}

void session_link_lost(struct session *s, uint64_t now_ms, uint32_t epoch,
                       const struct failure *failure, enum failure_verdict verdict) {
  if (is_current(s, epoch))
    machine_lose(s, now_ms, failure, verdict);
}

void session_recovered(struct session *s, uint64_t now_ms, struct session_message *message) {
  (void)now_ms;
  queue_recover(&s->queue, message);
  if (s->phase == PHASE_IDLE)
    queue_drop_in_flight(&s->queue, DROP_DISCONNECTED);
  else if (!table_has_link((enum session_phase)s->phase))
    queue_return(&s->queue);
}

void session_asked(struct session *s, uint64_t now_us, uint32_t epoch, uint64_t stream_begin,
                   uint64_t stream_end) {
  if (is_current_link(s, epoch))
    timers_question_asked(s, now_us, stream_begin, stream_end);
}

static void settle_flushed(struct session *s, uint64_t now_ms) {
  const bool was_unflushed = s->queue.unflushed;
  queue_flushed(&s->queue, s->stream_sent, s->config->confirm == CONFIRM_NONE,
                s->config->report_fates);
  if (HAS_ACKS && was_unflushed && !s->queue.unflushed)
    s->unacked_since_ms = now_ms;
}

void session_written(struct session *s, uint64_t now_ms, uint32_t epoch,
                     struct session_message *message, uint64_t stream_end) {
  if (!is_current_link(s, epoch))
    return;
  message->stream_end = stream_end;
  settle_flushed(s, now_ms);
}

void session_stream_shifted(struct session *s, uint32_t epoch, uint64_t stream_at, uint64_t len) {
  if (!is_current_link(s, epoch))
    return;
  queue_shift(&s->queue, stream_at, len);
  timers_stream_shifted(s, stream_at, len);
}

void session_flushed(struct session *s, uint64_t now_ms, uint32_t epoch, uint64_t stream_sent) {
  if (!is_current_link(s, epoch) || stream_sent <= s->stream_sent)
    return;
  s->stream_sent = stream_sent;
  timers_stream_advanced(s, now_ms);
  settle_flushed(s, now_ms);
}

void session_writable(struct session *s, uint32_t epoch, bool writable) {
  if (is_current_link(s, epoch))
    s->is_writable = writable;
}

/* Also while closing: the peer may yet confirm what it read. */
bool session_heartbeat_reply(struct session *s, uint64_t now_us, uint32_t epoch,
                             const struct heartbeat_reply *reply) {
  if (!is_current_link(s, epoch) || !timers_reply_received(s, now_us, reply))
    return false;
  if (s->config->confirm == CONFIRM_BARRIER)
    queue_confirmed(&s->queue, s->heartbeat.stream_begin);
  return true;
}

bool session_acked(struct session *s, uint64_t now_ms, uint32_t epoch, const char *id,
                   size_t id_len) {
  if (s->config->confirm != CONFIRM_ACK || !is_current_link(s, epoch) ||
      !queue_acked(&s->queue, id, id_len))
    return false;
  s->unacked_since_ms = now_ms;
  return true;
}

void session_frame_progress(struct session *s, uint64_t now_ms, uint32_t epoch, uint64_t len) {
  if (is_current_link(s, epoch))
    timers_frame_progressed(s, now_ms, len);
}

void session_received(struct session *s, uint64_t messages, uint64_t bytes) {
  s->counts.messages_in += messages;
  s->counts.bytes_in += bytes;
}

void session_sent(struct session *s, uint64_t messages, uint64_t bytes) {
  s->counts.messages_out += messages;
  s->counts.bytes_out += bytes;
}

void session_dropped(struct session *s, uint64_t messages) {
  s->queue.dropped += messages;
}

/* ---- the machine's network ---- */

void session_network_down(struct session *s, uint64_t now_ms) {
  s->is_offline = true;
  machine_grant(s, now_ms);
}

void session_network_up(struct session *s, uint64_t now_ms) {
  s->is_offline = false;
  machine_grant(s, now_ms);
}

/* ---- time ---- */

void session_tick(struct session *s, uint64_t now_ms) {
  timers_run(s, now_ms);
}

uint64_t session_deadline(const struct session *s) {
  return timers_deadline(s);
}

/* ---- actions ---- */

static bool take_report(struct session *s, struct session_action *action) {
  struct queue_report report;
  if (!queue_next_report(&s->queue, &report))
    return false;
  *action = (struct session_action){.kind = ACTION_FATE, .epoch = s->epoch};
  action->fate.message = report.message;
  action->fate.fate = report.fate;
  action->fate.drop = report.drop;
  action->fate.final = report.is_final;
  return true;
}

static bool take_question(struct session *s, uint64_t now_ms, struct session_action *action) {
  if (!timers_want_question(s, now_ms))
    return false;
  *action = (struct session_action){.kind = ACTION_ASK, .epoch = s->epoch};
  timers_question_handed(s, now_ms, &action->question);
  return true;
}

static bool has_window(const struct session *s) {
  return s->config->confirm == CONFIRM_NONE || s->queue.in_flight_count < s->config->in_flight;
}

static bool take_write(struct session *s, uint64_t now_ms, struct session_action *action) {
  if (!s->is_ready || !s->is_writable || !s->queue.waiting || !has_window(s))
    return false;
  if (HAS_ACKS && !s->queue.in_flight_count)
    s->unacked_since_ms = now_ms;
  *action = (struct session_action){.kind = ACTION_WRITE, .epoch = s->epoch};
  action->message = queue_take(&s->queue);
  return true;
}

static bool take_work(struct session *s, uint64_t now_ms, struct session_action *action) {
  if (s->phase != PHASE_OPEN)
    return false;
  queue_expire(&s->queue, now_ms);
  return take_report(s, action) || take_question(s, now_ms, action) ||
         take_write(s, now_ms, action);
}

/* Fates first: CLOSED is the last report. */
bool session_next_action(struct session *s, uint64_t now_ms, struct session_action *action) {
  machine_grant(s, now_ms);
  return take_report(s, action) || actions_take(s, action) || take_work(s, now_ms, action);
}

/* ---- questions ---- */

enum session_state session_get_state(const struct session *s) {
  return (enum session_state)s->state;
}

enum session_reason session_get_reason(const struct session *s) {
  return (enum session_reason)s->reason;
}

bool session_was_open(const struct session *s) {
  return s->was_open;
}

uint64_t session_oldest_id(const struct session *s) {
  return queue_lowest_id(&s->queue);
}

/* The loss that ends it all takes the counter one beyond the limit. */
uint32_t session_attempt(const struct session *s) {
  const uint32_t max = s->config->backoff.max_retries;
  return s->attempt < max ? s->attempt : max;
}

uint64_t session_next_retry_at(const struct session *s) {
  return s->phase == PHASE_CLOSING ? SESSION_NEVER : s->phase_until_ms;
}

uint32_t session_answer_within_ms(const struct session *s) {
  return s->heartbeat.answer_within_ms;
}

bool session_is_dialing(const struct session *s) {
  return (s->phase == PHASE_FIRST_DIAL || s->phase == PHASE_REDIAL) && !wants_to_rest(s);
}

bool session_is_open(const struct session *s) {
  return s->phase == PHASE_OPEN && !wants_to_rest(s);
}

bool session_takes_messages(const struct session *s) {
  return !is_closing(s);
}

bool session_is_flowing(const struct session *s) {
  return session_is_open(s) && s->is_ready && s->is_writable && !s->queue.waiting;
}

bool session_is_clear(const struct session *s) {
  return session_is_flowing(s) && !s->queue.unflushed;
}

/* The state is the last that an input leaves behind. */
bool session_closed_is_next(const struct session *s) {
  return s->phase == PHASE_IDLE && s->actions_count == 1 && !queue_has_reports(&s->queue);
}

bool session_has_messages(const struct session *s) {
  return held_count(s) > 0;
}
