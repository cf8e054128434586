#include "world_pulse.h"

#include "table.h"
#include "world.h"

#define KIB 1024
#define SLEPT_MS 1000 /* a timer so late says nothing about the peer */

static struct pulse *pulse_of(struct world *w) {
  return &w->client.pulse;
}

static bool is_off(const struct world *w) {
  return w->settings.session.dialect == DIALECT_OFF;
}

static bool is_running(const struct world *w) {
  return w->client.session.phase == PHASE_OPEN;
}

/* ---- questions ---- */

void world_pulse_opened(struct world *w) {
  struct pulse *p = pulse_of(w);
  const uint64_t now_ms = world_client_now(w);
  p->is_asked = p->is_leaving = false;
  p->ask_at_ms = is_off(w) ? SESSION_NEVER : now_ms + w->settings.session.heartbeat_interval_ms;
  p->within_ms = w->settings.session.heartbeat_timeout_ms;
}

/* For the barrier it may be asked early. */
void world_pulse_asked(struct world *w, const struct heartbeat_question *question) {
  struct pulse *p = pulse_of(w);
  const uint64_t now_ms = world_client_now(w);
  const enum heartbeat_dialect dialect =
      is_off(w) ? DIALECT_WEBSOCKET : w->settings.session.dialect;
  CHECK(!p->is_asked, "one question at a time");
  CHECK(!w->client.is_paused, "while nothing is read nothing is asked");
  CHECK(question->dialect == dialect, "questions are asked in the chosen dialect");
  CHECK(question->counter > p->counter, "no question is asked twice");
  CHECK(now_ms >= p->ask_at_ms ||
            (w->settings.session.confirm == CONFIRM_BARRIER && w->client.session.queue.in_flight),
        "no question comes before its time");
  p->is_asked = p->is_leaving = true;
  p->is_slow = false;
  p->counter = question->counter;
  p->kib_from_ms = SESSION_NEVER;
  p->asked_at_us = now_ms * 1000;
  p->ask_at_ms = now_ms + w->settings.session.heartbeat_interval_ms;
  p->answer_by_ms = now_ms + p->within_ms;
}

void world_pulse_ask_now(struct world *w) {
  if (is_running(w) && !pulse_of(w)->is_asked)
    pulse_of(w)->ask_at_ms = world_client_now(w);
}

void world_pulse_probed(struct world *w) {
  struct pulse *p = pulse_of(w);
  const uint32_t probe_ms = w->settings.session.probe_timeout_ms;
  if (!is_running(w))
    return;
  if (is_off(w) || probe_ms < p->within_ms)
    p->within_ms = probe_ms;
  const uint64_t by_ms = world_client_now(w) + p->within_ms;
  world_pulse_ask_now(w);
  if (p->is_asked && by_ms < p->answer_by_ms)
    p->answer_by_ms = by_ms;
}

/* ---- what is heard of the question ---- */

static void hear(struct world *w) {
  struct pulse *p = pulse_of(w);
  const uint64_t by_ms = world_client_now(w) + p->within_ms;
  if (p->is_asked && by_ms > p->answer_by_ms)
    p->answer_by_ms = by_ms;
}

void world_pulse_flushed(struct world *w, bool is_whole) {
  struct pulse *p = pulse_of(w);
  if (!p->is_leaving)
    return;
  hear(w);
  p->is_leaving = !is_whole;
}

void world_pulse_resumed(struct world *w) {
  hear(w);
  world_pulse_acked(w);
}

/* At least a KiB in each connect_timeout_ms. */
void world_pulse_progressed(struct world *w, uint64_t len) {
  struct pulse *p = pulse_of(w);
  const uint64_t now_ms = world_client_now(w);
  if (!p->is_asked || p->is_slow)
    return;
  if (p->kib_from_ms == SESSION_NEVER) {
    p->kib_from_ms = now_ms;
    p->kib_len = 0;
  }
  p->is_slow = now_ms > p->kib_from_ms + w->settings.session.connect_timeout_ms;
  if (p->is_slow)
    return;
  hear(w);
  p->kib_len += (uint32_t)len;
  if (p->kib_len < KIB)
    return;
  p->kib_from_ms = now_ms;
  p->kib_len = 0;
}

void world_pulse_answered(struct world *w, uint64_t now_us) {
  struct pulse *p = pulse_of(w);
  const uint32_t rtt_us = (uint32_t)(now_us - p->asked_at_us);
  CHECK(p->is_asked, "only what was asked is answered");
  p->is_asked = p->is_leaving = false;
  p->within_ms = w->settings.session.heartbeat_timeout_ms;
  if (is_off(w))
    p->ask_at_ms = SESSION_NEVER;
  p->rtt_last_us = rtt_us;
  if (!p->rtt_count || rtt_us < p->rtt_min_us)
    p->rtt_min_us = rtt_us;
  if (rtt_us > p->rtt_max_us)
    p->rtt_max_us = rtt_us;
  p->rtt_sum_us += rtt_us;
  p->rtt_count++;
}

/* ---- time ---- */

void world_pulse_ticks(struct world *w) {
  struct pulse *p = pulse_of(w);
  const uint64_t now_ms = world_client_now(w);
  if (is_running(w) && p->is_asked && !w->client.is_paused && now_ms >= p->answer_by_ms + SLEPT_MS)
    p->answer_by_ms = now_ms + w->settings.session.probe_timeout_ms;
}

void world_pulse_late(struct world *w) {
  const struct pulse *p = pulse_of(w);
  CHECK(p->is_asked && world_client_now(w) >= p->answer_by_ms, "an answer has its time");
  CHECK(!w->client.is_paused, "while nothing is read nothing is late");
}

void world_pulse_acked(struct world *w) {
  pulse_of(w)->unacked_from_ms = world_client_now(w);
}

void world_pulse_sent_again(struct world *w) {
  const struct session_config *config = &w->settings.session;
  CHECK(config->confirm == CONFIRM_ACK && config->ack_timeout_ms,
        "only acknowledgements are waited for, and sent for again");
  CHECK(world_client_now(w) >= pulse_of(w)->unacked_from_ms + config->ack_timeout_ms,
        "an acknowledgement has its time");
  CHECK(!w->client.is_paused, "while nothing is read nothing is late");
  world_pulse_acked(w);
}

/* ---- comparison ---- */

static void check_round_trips(struct world *w) {
  const struct pulse *p = pulse_of(w);
  struct session_metrics m;
  session_get_metrics(&w->client.session, world_client_now(w), &m);
  CHECK(m.rtt_last_us == p->rtt_last_us && m.rtt_min_us == p->rtt_min_us &&
            m.rtt_max_us == p->rtt_max_us,
        "round trips are measured");
  CHECK(m.rtt_mean_us == (p->rtt_count ? p->rtt_sum_us / p->rtt_count : 0),
        "round trips are averaged");
}

/* When the session has had its tick. */
void world_pulse_check(struct world *w) {
  const struct pulse *p = pulse_of(w);
  const uint64_t now_ms = world_client_now(w);
  check_round_trips(w);
  if (!is_running(w) || w->client.is_paused)
    return;
  CHECK(p->is_asked || now_ms < p->ask_at_ms, "a question comes when it is due");
  CHECK(!p->is_asked || now_ms <= p->answer_by_ms, "a late answer is noticed");
}
