/*
 * All times, and what each is for:
 *
 * - dial: phase_until_ms. BACKOFF, FIRST_WAIT: the delay is over.
 * - close: phase_until_ms. CLOSING: close_timeout_ms after disconnect; the link is aborted.
 * - stable: since_ms + stable_after_ms. OPEN: the counter goes back to 0.
 * - ready: since_ms + ready_timeout_ms. OPEN, held: late, connection_lost.
 * - ask: ask_at_ms. OPEN, no question outstanding: one interval after the opening or after the
 *   last question was handed out; now for a probe or a wish.
 * - answer: answer_by_ms. OPEN, question outstanding: late, heartbeat_timeout.
 * - ack: unacked_since_ms + ack_timeout_ms. OPEN, all in flight is with the kernel: it goes again.
 * - expiry: of the queue. Any phase: a message's ttl is over.
 *
 * answer_by_ms is heartbeat_timeout_ms (probe_timeout_ms for a probe) from the latest of: the
 * question was handed out; the kernel took some of what stands before its end (so a full pipe
 * is not taken for a dead peer, and a stuck one is); part of an unfinished incoming frame came (a
 * pong cannot overtake inside a frame), as long as a KiB of it comes each connect_timeout_ms.
 *
 * While the application has paused reading, nothing is asked, and neither answer nor ack is late.
 *
 * An early question is asked for the barrier: with nothing outstanding, as soon as the queue ran
 * empty or half of the window is filled.
 */
#include "timers.h"
#include "machine.h"
#include "session_scope.h"

#define PROGRESS_FLOOR_LEN 1024u
/* A tick this late means that this machine slept, which says nothing about the peer. */
#define SLEPT_MS 1000
/* 2^53: beyond it no clock's milliseconds are to be believed. */
#define WALL_MS_MAX (INT64_C(1) << 53)

static uint64_t at_least(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

static uint64_t earliest(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static bool is_paused(const struct session *s) {
  return HAS_PAUSE && s->is_paused;
}

/* ---- the link ---- */

static void plan_question(struct session *s, uint64_t at_ms) {
  s->heartbeat.ask_at_ms = s->config->dialect == DIALECT_OFF ? SESSION_NEVER : at_ms;
  s->heartbeat.answer_within_ms = s->config->heartbeat_timeout_ms;
}

void timers_link_opened(struct session *s, uint64_t now_ms) {
  const uint64_t counter = s->heartbeat.counter;
  s->heartbeat = (struct session_heartbeat){.counter = counter};
  plan_question(s, now_ms + s->config->heartbeat_interval_ms);
}

static uint64_t stable_at(const struct session *s) {
  return s->is_stable ? SESSION_NEVER : s->since_ms + s->config->stable_after_ms;
}

static uint64_t ready_by(const struct session *s) {
  return s->is_ready ? SESSION_NEVER : s->since_ms + s->config->ready_timeout_ms;
}

void timers_settle_stability(struct session *s, uint64_t now_ms) {
  if (s->phase == PHASE_OPEN && now_ms >= stable_at(s))
    machine_stabilise(s);
}

/* ---- the question ---- */

static bool is_barrier_wanted(const struct session *s) {
  const struct message_queue *q = &s->queue;
  return s->config->confirm == CONFIRM_BARRIER && q->in_flight_count &&
         (!q->waiting_count || (uint64_t)q->in_flight_count * 2 >= s->config->in_flight);
}

bool timers_want_question(const struct session *s, uint64_t now_ms) {
  return s->phase == PHASE_OPEN && s->heartbeat.stage == QUESTION_NONE && !is_paused(s) &&
         (now_ms >= s->heartbeat.ask_at_ms || is_barrier_wanted(s));
}

void timers_question_handed(struct session *s, uint64_t now_ms,
                            struct heartbeat_question *question) {
  struct session_heartbeat *h = &s->heartbeat;
  const bool is_off =
      s->config->dialect == DIALECT_OFF; /* a probe or barrier: any server answers */
  h->dialect = (uint8_t)(is_off ? DIALECT_WEBSOCKET : s->config->dialect);
  if (HAS_PINGS)
    h->counter++;
  h->stage = QUESTION_HANDED;
  if (HAS_FRAMES)
    h->progress_from_ms = SESSION_NEVER;
  h->ask_at_ms = now_ms + s->config->heartbeat_interval_ms;
  h->answer_by_ms = now_ms + h->answer_within_ms;
  question->dialect = (enum heartbeat_dialect)h->dialect;
  question->counter = h->counter;
}

static void move_answer(struct session *s, uint64_t now_ms) {
  struct session_heartbeat *h = &s->heartbeat;
  h->answer_by_ms = at_least(h->answer_by_ms, now_ms + h->answer_within_ms);
}

void timers_stream_advanced(struct session *s, uint64_t now_ms) {
  struct session_heartbeat *h = &s->heartbeat;
  if (h->stage != QUESTION_IN_STREAM)
    return;
  move_answer(s, now_ms);
  if (s->stream_sent >= h->stream_end)
    h->stage = QUESTION_SENT;
}

void timers_question_asked(struct session *s, uint64_t now_us, uint64_t stream_begin,
                           uint64_t stream_end) {
  struct session_heartbeat *h = &s->heartbeat;
  if (h->stage != QUESTION_HANDED)
    return;
  h->stage = QUESTION_IN_STREAM;
  h->asked_at_us = now_us;
  h->stream_begin = stream_begin;
  h->stream_end = stream_end;
  if (s->stream_sent >= stream_end)
    timers_stream_advanced(s, now_us / 1000);
}

void timers_stream_shifted(struct session *s, uint64_t stream_at, uint64_t len) {
  struct session_heartbeat *h = &s->heartbeat;
  if (h->stage != QUESTION_IN_STREAM || h->stream_begin < stream_at)
    return;
  h->stream_begin += len;
  h->stream_end += len;
}

void timers_frame_progressed(struct session *s, uint64_t now_ms, uint64_t len) {
  struct session_heartbeat *h = &s->heartbeat;
  if (h->stage == QUESTION_NONE)
    return;
  if (h->progress_from_ms == SESSION_NEVER) {
    h->progress_from_ms = now_ms;
    h->progress_len = 0;
  }
  if (now_ms - h->progress_from_ms > s->config->connect_timeout_ms)
    return; /* too slow once, too slow for this question */
  move_answer(s, now_ms);
  if (len < PROGRESS_FLOOR_LEN - h->progress_len) {
    h->progress_len += (uint16_t)len;
  } else {
    h->progress_from_ms = now_ms;
    h->progress_len = 0;
  }
}

void timers_ask_now(struct session *s, uint64_t now_ms) {
  if (s->heartbeat.stage == QUESTION_NONE)
    s->heartbeat.ask_at_ms = now_ms;
}

void timers_probed(struct session *s, uint64_t now_ms) {
  struct session_heartbeat *h = &s->heartbeat;
  h->answer_within_ms = (uint32_t)earliest(h->answer_within_ms, s->config->probe_timeout_ms);
  if (s->config->dialect == DIALECT_OFF)
    h->answer_within_ms = s->config->probe_timeout_ms;
  timers_ask_now(s, now_ms);
  if (h->stage != QUESTION_NONE)
    h->answer_by_ms = earliest(h->answer_by_ms, now_ms + h->answer_within_ms);
}

void timers_resumed(struct session *s, uint64_t now_ms) {
  s->unacked_since_ms = now_ms;
  if (s->heartbeat.stage != QUESTION_NONE)
    move_answer(s, now_ms);
}

/* ---- the reply ---- */

static bool is_answer(const struct session_heartbeat *h, const struct heartbeat_reply *reply) {
  return h->stage >= QUESTION_IN_STREAM && reply->dialect == h->dialect &&
         (!HAS_PINGS || h->dialect != DIALECT_WEBSOCKET || reply->counter == h->counter);
}

static void count_round_trip(struct session_counts *counts, uint64_t rtt_us) {
  const uint32_t rtt = rtt_us < UINT32_MAX ? (uint32_t)rtt_us : UINT32_MAX;
  counts->rtt_last_us = rtt;
  if (!counts->rtt_count || rtt < counts->rtt_min_us)
    counts->rtt_min_us = rtt;
  if (rtt > counts->rtt_max_us)
    counts->rtt_max_us = rtt;
  counts->rtt_sum_us += rtt;
  counts->rtt_count++;
}

static bool is_plausible(int64_t wall_ms) {
  return wall_ms > -WALL_MS_MAX && wall_ms < WALL_MS_MAX;
}

/* The server read its clock half a round trip after the question, as near as can be known. */
static void note_clock(struct session_counts *counts, const struct heartbeat_reply *reply) {
  if (!reply->has_server_time || !is_plausible(reply->server_time_ms) ||
      !is_plausible(reply->original_time_ms))
    return;
  counts->clock_offset_ms =
      reply->server_time_ms - reply->original_time_ms - counts->rtt_last_us / 2000;
}

bool timers_reply_received(struct session *s, uint64_t now_us,
                           const struct heartbeat_reply *reply) {
  struct session_heartbeat *h = &s->heartbeat;
  if (!is_answer(h, reply))
    return false;
  count_round_trip(&s->counts, now_us - h->asked_at_us);
  note_clock(&s->counts, reply);
  h->stage = QUESTION_NONE;
  plan_question(s, h->ask_at_ms);
  return true;
}

/* ---- acknowledgements ---- */

/* While the kernel still holds some of it, a late acknowledgement says nothing. */
static uint64_t ack_by(const struct session *s) {
  const struct session_config *config = s->config;
  if (!HAS_ACKS || config->confirm != CONFIRM_ACK || !config->ack_timeout_ms ||
      !s->queue.in_flight || s->queue.unflushed || is_paused(s))
    return SESSION_NEVER;
  return s->unacked_since_ms + config->ack_timeout_ms;
}

/* The peer answers the heartbeat and yet forgot, or refused, what it was sent. */
static void send_again(struct session *s, uint64_t now_ms) {
  s->unacked_since_ms = now_ms;
  queue_return(&s->queue);
}

/* ---- due ---- */

static uint64_t link_deadline(const struct session *s) {
  const uint64_t due_ms =
      s->heartbeat.stage == QUESTION_NONE ? s->heartbeat.ask_at_ms : s->heartbeat.answer_by_ms;
  const uint64_t heartbeat_ms = is_paused(s) ? SESSION_NEVER : due_ms;
  return earliest(earliest(heartbeat_ms, ack_by(s)), earliest(stable_at(s), ready_by(s)));
}

uint64_t timers_deadline(const struct session *s) {
  const uint64_t phase_ms = s->phase == PHASE_OPEN ? link_deadline(s) : s->phase_until_ms;
  return earliest(phase_ms, queue_expires_at(&s->queue));
}

static void give_up_link(struct session *s, uint64_t now_ms, enum failure_kind kind) {
  s->failure = (struct failure){.kind = kind, .retryable = true, .retry_after_ms = SESSION_NEVER};
  machine_step(s, now_ms, INPUT_LATE);
}

static void run_link(struct session *s, uint64_t now_ms) {
  struct session_heartbeat *h = &s->heartbeat;
  timers_settle_stability(s, now_ms);
  if (now_ms >= ack_by(s))
    send_again(s, now_ms);
  if (now_ms >= ready_by(s)) {
    give_up_link(s, now_ms, FAILURE_CONNECTION_LOST);
    return;
  }
  if (h->stage == QUESTION_NONE || is_paused(s) || now_ms < h->answer_by_ms)
    return;
  if (now_ms - h->answer_by_ms >= SLEPT_MS)
    h->answer_by_ms = now_ms + s->config->probe_timeout_ms;
  else
    give_up_link(s, now_ms, FAILURE_HEARTBEAT_TIMEOUT);
}

void timers_run(struct session *s, uint64_t now_ms) {
  queue_expire(&s->queue, now_ms);
  if (s->phase == PHASE_OPEN)
    run_link(s, now_ms);
  else if (now_ms >= s->phase_until_ms)
    machine_step(s, now_ms, INPUT_TIME);
}
