#include "machine.h"
#include "actions.h"
#include "require.h"
#include "session_scope.h"
#include "timers.h"

#define NETWORK_SPREAD_MS 50

/* splitmix64: seeded, so that the same seed gives the same delays. */
static double next_unit(struct session *s) {
  s->random += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t x = s->random;
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  x ^= x >> 31;
  return (double)(x >> 11) * 0x1p-53;
}

static void set_state(struct session *s, enum session_state to, enum session_reason reason) {
  if (s->state == to)
    return;
  actions_push_state(s, to, reason);
  s->state = (uint8_t)to;
  s->reason = (uint8_t)reason;
}

static bool was_link_open(const struct session *s) {
  return table_state((enum session_phase)s->phase) == STATE_CONNECTED;
}

static void reset_counter(struct session *s) {
  s->attempt = 0;
  s->previous_delay_ms = 0;
}

void machine_stabilise(struct session *s) {
  s->is_stable = true;
  reset_counter(s);
}

/* ---- effects ---- */

static void end_outage(struct session *s, uint64_t now_ms) {
  if (!s->in_outage)
    return;
  const uint64_t outage_ms = now_ms - s->since_ms;
  s->counts.downtime_ms += outage_ms;
  if (outage_ms > s->counts.longest_outage_ms)
    s->counts.longest_outage_ms = outage_ms;
  s->in_outage = false;
}

static void open_link(struct session *s, uint64_t now_ms) {
  end_outage(s, now_ms);
  s->counts.reconnects += s->was_open;
  s->was_open = true;
  s->since_ms = now_ms;
  s->stream_sent = 0;
  s->is_writable = true;
  s->is_stable = false;
  s->is_ready = !s->config->hold_until_ready;
  timers_link_opened(s, now_ms);
  actions_push(s, ACTION_OPENED, 0);
}

static void rest(struct session *s, uint64_t now_ms) {
  end_outage(s, now_ms);
  queue_drop_all(&s->queue, DROP_DISCONNECTED);
}

static void abort_link(struct session *s) {
  actions_push(s, ACTION_ABORT, 0);
  if (was_link_open(s))
    actions_push(s, ACTION_ENDED, 0);
}

/* All machines of a network see it come and go at once, so they spread. */
static uint64_t spread_ms(struct session *s) {
  return (uint64_t)(NETWORK_SPREAD_MS * next_unit(s));
}

static void plan_spread(struct session *s, uint64_t now_ms) {
  if (now_ms >= s->network_reset_from_ms) {
    reset_counter(s);
    s->network_reset_from_ms = now_ms + s->config->stable_after_ms;
  }
  s->phase_until_ms = now_ms + spread_ms(s);
}

static void close_link(struct session *s, uint64_t now_ms) {
  queue_drop_waiting(&s->queue, DROP_DISCONNECTED);
  actions_push(s, ACTION_CLOSE, 0);
  s->phase_until_ms = now_ms + s->config->close_timeout_ms;
}

/* What comes before the report of the new state. */
static void carry_out(struct session *s, uint64_t now_ms, enum table_effect effect) {
  switch (effect) {
  case EFFECT_START:
  case EFFECT_START_LATER:
    reset_counter(s);
    break;
  case EFFECT_OPEN:
    open_link(s, now_ms);
    break;
  case EFFECT_RETRY: /* machine_lose() has planned it */
    actions_push(s, ACTION_RETRY, (uint32_t)(s->phase_until_ms - now_ms));
    break;
  case EFFECT_SPREAD:
    plan_spread(s, now_ms);
    break;
  case EFFECT_GIVE_UP:
    actions_push(s, ACTION_ERROR, FAILURE_GAVE_UP);
    break;
  case EFFECT_DROP_LINK:
    actions_push(s, ACTION_LATE, 0);
    break;
  case EFFECT_CLOSE:
    close_link(s, now_ms);
    break;
  case EFFECT_ABORT:
    abort_link(s);
    break;
  case EFFECT_ABORT_REST:
    abort_link(s);
    rest(s, now_ms);
    break;
  case EFFECT_REST:
    rest(s, now_ms);
    break;
  default:
    break;
  }
}

static bool has_own_time(enum session_phase phase) {
  return phase == PHASE_BACKOFF || phase == PHASE_FIRST_WAIT || phase == PHASE_CLOSING;
}

void machine_step(struct session *s, uint64_t now_ms, enum session_input input) {
  const struct table_cell *cell = table_cell((enum session_phase)s->phase, input);
  REQUIRE(cell->verdict != CELL_IMPOSSIBLE);
  if (cell->verdict != CELL_GO)
    return;
  if (cell->is_loss)
    set_state(s, STATE_DISCONNECTED, REASON_LOST);
  carry_out(s, now_ms, (enum table_effect)cell->effect);
  s->phase = cell->next;
  if (!has_own_time((enum session_phase)s->phase))
    s->phase_until_ms = SESSION_NEVER;
  set_state(s, table_state((enum session_phase)s->phase), (enum session_reason)cell->reason);
  if (cell->effect == EFFECT_START || cell->effect == EFFECT_DIAL) {
    s->epoch++;
    actions_push(s, ACTION_DIAL, 0);
  }
}

/* ---- losses ---- */

static bool has_hint(const struct failure *failure) {
  return HAS_HTTP_STATUS && (failure->http_status == 429 || failure->http_status == 503) &&
         failure->retry_after_ms != SESSION_NEVER;
}

static void plan_retry(struct session *s, uint64_t now_ms, const struct failure *failure,
                       enum failure_verdict verdict) {
  const struct backoff_config *config = &s->config->backoff;
  s->phase_until_ms = HAS_MOVE && verdict == VERDICT_MOVE ? now_ms + spread_ms(s) : now_ms;
  if (verdict != VERDICT_BACK_OFF)
    return;
  uint64_t delay_ms = backoff_delay(config, s->attempt - 1, next_unit(s), s->previous_delay_ms);
  s->previous_delay_ms = (uint32_t)delay_ms;
  if (has_hint(failure))
    delay_ms = backoff_with_hint(config, delay_ms, failure->retry_after_ms, next_unit(s));
  else if (failure->close_code == 1012 || failure->close_code == 1013)
    delay_ms = backoff_after_restart(config, delay_ms, next_unit(s));
  s->phase_until_ms = now_ms + delay_ms;
}

static bool is_retry_left(const struct session *s) {
  const uint32_t max = s->config->backoff.max_retries;
  return max == BACKOFF_FOREVER || s->attempt <= max;
}

static bool is_attempt(enum failure_verdict verdict) {
  return verdict != VERDICT_REDIAL && (!HAS_MOVE || verdict != VERDICT_MOVE);
}

static enum session_input classify_loss(struct session *s, uint64_t now_ms,
                                        const struct failure *failure,
                                        enum failure_verdict verdict) {
  s->heard_offline = s->is_offline;
  if (verdict == VERDICT_GIVE_UP)
    return INPUT_LOST_CRITICAL;
  if (s->is_offline)
    return INPUT_LOST_OFFLINE;
  if (is_attempt(verdict) && is_retry_left(s) && s->attempt < UINT32_MAX)
    s->attempt++;
  if (!is_retry_left(s))
    return INPUT_LOST_LAST;
  plan_retry(s, now_ms, failure, verdict);
  return INPUT_LOST;
}

static void leave_link(struct session *s, uint64_t now_ms) {
  if (!was_link_open(s))
    return;
  actions_push(s, ACTION_ENDED, 0);
  s->since_ms = now_ms;
  s->in_outage = true;
}

void machine_lose(struct session *s, uint64_t now_ms, const struct failure *failure,
                  enum failure_verdict verdict) {
  if (s->phase == PHASE_CLOSING) { /* what we asked for: no error, whatever it looked like */
    actions_push(s, ACTION_ENDED, 0);
    machine_step(s, now_ms, INPUT_LOST);
    return;
  }
  timers_settle_stability(s, now_ms);
  s->failure = *failure;
  s->failure.retryable = verdict != VERDICT_GIVE_UP;
  const enum session_input input = classify_loss(s, now_ms, failure, verdict);
  actions_push(s, ACTION_ERROR, (uint32_t)s->failure.kind);
  leave_link(s, now_ms);
  queue_return(&s->queue);
  queue_release_stored(&s->queue);
  queue_expire(&s->queue, now_ms); /* time went on for what was in flight */
  machine_step(s, now_ms, input);
}

/* ---- the network ---- */

static void hear_of_network(struct session *s, uint64_t now_ms) {
  if (s->actions_count || s->heard_offline == s->is_offline)
    return;
  s->heard_offline = s->is_offline;
  machine_step(s, now_ms,
               s->is_offline ? INPUT_NETWORK_DOWN
               : s->was_open ? INPUT_NETWORK_UP
                             : INPUT_NETWORK_UP_FIRST);
}

/* ---- wishes ---- */

static enum session_input classify_connect(const struct session *s) {
  if (!s->is_offline)
    return INPUT_CONNECT;
  return s->was_open ? INPUT_CONNECT_OFFLINE : INPUT_CONNECT_OFFLINE_FIRST;
}

void machine_grant(struct session *s, uint64_t now_ms) {
  hear_of_network(s, now_ms);
  if (!s->actions_count && (s->wish == WISH_DISCONNECT || s->wish == WISH_RECONNECT)) {
    s->wish = s->wish == WISH_RECONNECT ? WISH_CONNECT : WISH_NONE;
    machine_step(s, now_ms, INPUT_DISCONNECT);
  }
  if (!s->actions_count && s->wish == WISH_CONNECT && s->phase != PHASE_CLOSING) {
    s->wish = WISH_NONE;
    machine_step(s, now_ms, classify_connect(s));
  }
}
