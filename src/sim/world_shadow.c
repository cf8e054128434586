#include "world_shadow.h"

#include "table.h"
#include "world.h"

#include <math.h>

#define RESTART_SPREAD_MS 5000
#define MOVE_SPREAD_MS 50
#define HINT_SPREAD 1.5

static struct shadow *shadow_of(struct world *w) {
  return &w->client.shadow;
}

static void reset_counter(struct shadow *shadow) {
  shadow->counter = 0;
  shadow->previous_ms = 0;
}

/* ---- links ---- */

void world_shadow_healthy(struct world *w) {
  struct shadow *shadow = shadow_of(w);
  shadow->is_healthy |= shadow->is_open && w->client.session.phase == PHASE_OPEN;
}

void world_shadow_ready(struct world *w) {
  struct shadow *shadow = shadow_of(w);
  shadow->is_ready |= shadow->is_open && w->client.session.phase == PHASE_OPEN;
}

void world_shadow_unready(struct world *w) {
  const struct shadow *shadow = shadow_of(w);
  const uint32_t within_ms = w->settings.session.ready_timeout_ms;
  CHECK(!shadow->is_ready && world_client_now(w) >= shadow->opened_at_ms + within_ms,
        "an application has its time to be ready");
}

static void end_outage(struct world *w) {
  struct shadow *shadow = shadow_of(w);
  if (!shadow->is_out)
    return;
  const uint64_t lasted_ms = world_client_now(w) - shadow->out_since_ms;
  shadow->is_out = false;
  shadow->downtime_ms += lasted_ms;
  if (lasted_ms > shadow->longest_ms)
    shadow->longest_ms = lasted_ms;
}

void world_shadow_opened(struct world *w) {
  struct shadow *shadow = shadow_of(w);
  end_outage(w);
  shadow->is_open = true;
  shadow->is_healthy = false;
  shadow->is_ready = !w->settings.session.hold_until_ready;
  shadow->opened_count++;
  shadow->opened_at_ms = world_client_now(w);
}

void world_shadow_dropped(struct world *w) {
  shadow_of(w)->is_open = false;
}

static bool is_stable(const struct world *w) {
  const struct shadow *shadow = &w->client.shadow;
  return shadow->is_healthy ||
         world_client_now(w) - shadow->opened_at_ms >= w->settings.session.stable_after_ms;
}

static bool is_counted(const struct world *w, enum failure_verdict verdict) {
  return !w->client.session.is_offline &&
         (verdict == VERDICT_BACK_OFF || verdict == VERDICT_RETRY_NOW);
}

void world_shadow_lost(struct world *w, const struct failure *failure,
                       enum failure_verdict verdict) {
  struct shadow *shadow = shadow_of(w);
  const bool was_open = shadow->is_open;
  shadow->is_open = false;
  if (w->client.session.phase == PHASE_CLOSING)
    return; /* as was wished */
  shadow->failure = *failure;
  shadow->verdict = verdict;
  if (was_open && is_stable(w))
    reset_counter(shadow);
  if (is_counted(w, verdict))
    shadow->counter++;
  if (!was_open)
    return;
  shadow->is_out = true;
  shadow->out_since_ms = world_client_now(w);
}

/* ---- delays ---- */

struct bounds {
  double low_ms, high_ms;
};

static struct bounds decorrelated_bounds(const struct world *w) {
  const struct backoff_config *config = &w->settings.session.backoff;
  const struct shadow *shadow = &w->client.shadow;
  const double low = config->initial_delay_ms;
  const bool is_first = shadow->counter <= 1 || shadow->previous_ms == 0;
  const double previous = is_first ? low : shadow->previous_ms;
  const double most = previous < 0 ? config->max_delay_ms : 3 * previous;
  return (struct bounds){low, fmax(low, fmin(most, config->max_delay_ms))};
}

static struct bounds jittered_bounds(const struct world *w) {
  const struct backoff_config *config = &w->settings.session.backoff;
  const double delay_ms =
      fmin(config->initial_delay_ms * pow(config->multiplier, w->client.shadow.counter - 1),
           config->max_delay_ms);
  switch (config->jitter) {
  case JITTER_EQUAL:
    return (struct bounds){delay_ms / 2, delay_ms};
  case JITTER_FULL:
    return (struct bounds){0, delay_ms};
  case JITTER_DECORRELATED:
    return decorrelated_bounds(w);
  default:
    return (struct bounds){delay_ms, delay_ms};
  }
}

static bool is_hint(const struct failure *failure) {
  return failure->kind == FAILURE_HTTP_STATUS && failure->retry_after_ms != SESSION_NEVER &&
         (failure->http_status == 429 || failure->http_status == 503);
}

static bool is_restart(const struct failure *failure) {
  return failure->close_code == 1012 || failure->close_code == 1013;
}

static struct bounds backoff_bounds(const struct world *w) {
  const struct backoff_config *config = &w->settings.session.backoff;
  const struct failure *failure = &w->client.shadow.failure;
  const bool is_exact = config->jitter == JITTER_NONE;
  struct bounds bounds = jittered_bounds(w);
  if (is_hint(failure)) {
    const double hint_ms = fmin((double)failure->retry_after_ms, config->retry_after_max_ms);
    bounds.low_ms = fmax(bounds.low_ms, hint_ms);
    bounds.high_ms = fmax(bounds.high_ms, hint_ms) * (is_exact ? 1 : HINT_SPREAD);
  } else if (is_restart(failure) && !is_exact) {
    bounds.high_ms += RESTART_SPREAD_MS;
  }
  return bounds;
}

static struct bounds bounds_of(const struct world *w) {
  switch (w->client.shadow.verdict) {
  case VERDICT_BACK_OFF:
    return backoff_bounds(w);
  case VERDICT_MOVE:
    return (struct bounds){0, MOVE_SPREAD_MS};
  default:
    return (struct bounds){0, 0};
  }
}

static void note_delay(struct shadow *shadow, uint64_t delay_ms) {
  if (shadow->verdict != VERDICT_BACK_OFF)
    return;
  const bool is_plain = !is_hint(&shadow->failure) && !is_restart(&shadow->failure);
  shadow->previous_ms = is_plain ? (double)delay_ms : -1;
}

/* The session counts in whole milliseconds. */
void world_shadow_retry(struct world *w, const struct session_action *action) {
  struct shadow *shadow = shadow_of(w);
  const struct bounds bounds = bounds_of(w);
  CHECK(action->retry.attempt == shadow->counter, "attempts are counted");
  CHECK((double)action->retry.delay_ms >= bounds.low_ms - 1 &&
            (double)action->retry.delay_ms <= bounds.high_ms + 1,
        "a delay is that of its attempt, its jitter, and what the server said");
  note_delay(shadow, action->retry.delay_ms);
}

/* ---- states ---- */

static bool is_at_rest(enum session_state state) {
  return state == STATE_CLOSED || state == STATE_ERROR || state == STATE_FAILED;
}

static void note_return(struct world *w) {
  struct shadow *shadow = shadow_of(w);
  const uint64_t now_ms = world_client_now(w);
  if (now_ms < shadow->network_resets_at_ms)
    return;
  reset_counter(shadow);
  shadow->network_resets_at_ms = now_ms + w->settings.session.stable_after_ms;
}

void world_shadow_state(struct world *w, const struct session_action *action) {
  struct shadow *shadow = shadow_of(w);
  shadow->reason = action->state.reason;
  if (action->state.reason == REASON_NETWORK_UP)
    note_return(w);
  else if (is_at_rest(action->state.from) && !is_at_rest(action->state.to))
    reset_counter(shadow);
  if (action->state.to == STATE_CLOSED)
    end_outage(w);
}

static void check_times(struct world *w, const struct session_metrics *m) {
  const struct shadow *shadow = shadow_of(w);
  const uint64_t now_ms = world_client_now(w);
  const uint64_t present_ms = shadow->is_out ? now_ms - shadow->out_since_ms : 0;
  const uint64_t longest_ms = present_ms > shadow->longest_ms ? present_ms : shadow->longest_ms;
  CHECK(m->downtime_ms == shadow->downtime_ms + present_ms, "the time without a link is counted");
  CHECK(m->longest_outage_ms == longest_ms, "the longest outage is known");
  CHECK(m->connection_duration_ms == (shadow->is_open ? now_ms - shadow->opened_at_ms : 0),
        "the time with a link is counted");
}

void world_shadow_check(struct world *w) {
  const struct shadow *shadow = shadow_of(w);
  const struct session *s = &w->client.session;
  struct session_metrics m;
  session_get_metrics(s, world_client_now(w), &m);
  check_times(w, &m);
  CHECK(m.reconnects == (shadow->opened_count ? shadow->opened_count - 1 : 0), "links are counted");
  CHECK(session_get_reason(s) == shadow->reason, "the reason is the one that was told last");
}
