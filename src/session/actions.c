/*
 * A ring of SESSION_ACTIONS_MAX. It cannot overflow: inputs that a callback may repeat (connect,
 * disconnect, the network) wait until it is empty, and losses need a dial that was taken from it.
 */
#include "actions.h"
#include "require.h"
#include "table.h"

static struct pending_action *add(struct session *s) {
  REQUIRE(s->actions_count < SESSION_ACTIONS_CAP);
  const unsigned at = (s->actions_first + s->actions_count++) % SESSION_ACTIONS_CAP;
  return &s->actions[at];
}

void actions_push(struct session *s, enum session_action_kind kind, uint32_t value) {
  *add(s) = (struct pending_action){.kind = (uint8_t)kind, .value = value};
}

void actions_push_state(struct session *s, enum session_state to, enum session_reason reason) {
  *add(s) = (struct pending_action){
      .kind = ACTION_STATE, .from = s->state, .to = (uint8_t)to, .reason = (uint8_t)reason};
}

static struct failure gave_up(void) {
  return (struct failure){.kind = FAILURE_GAVE_UP, .retry_after_ms = SESSION_NEVER};
}

static void fill(const struct session *s, const struct pending_action *pending,
                 struct session_action *action) {
  switch (action->kind) {
  case ACTION_CLOSE:
    action->close_code = 1000;
    break;
  case ACTION_STATE:
    action->state.from = (enum session_state)pending->from;
    action->state.to = (enum session_state)pending->to;
    action->state.reason = (enum session_reason)pending->reason;
    break;
  case ACTION_LATE:
  case ACTION_ERROR:
    action->failure = s->failure;
    if (pending->value == FAILURE_GAVE_UP)
      action->failure = gave_up();
    break;
  case ACTION_RETRY:
    action->retry.attempt = session_attempt(s);
    action->retry.max_retries = s->config->backoff.max_retries;
    action->retry.delay_ms = pending->value;
    break;
  default:
    break;
  }
}

/* While a callback ran, the link that it was meant for has ended by itself. */
static bool is_stale(const struct session *s, const struct pending_action *pending) {
  return (pending->kind == ACTION_CLOSE && s->phase != PHASE_CLOSING) ||
         (pending->kind == ACTION_LATE && s->phase != PHASE_LATE);
}

bool actions_take(struct session *s, struct session_action *action) {
  struct pending_action pending;
  do {
    if (!s->actions_count)
      return false;
    pending = s->actions[s->actions_first];
    s->actions_first = (uint8_t)((s->actions_first + 1) % SESSION_ACTIONS_CAP);
    s->actions_count--;
  } while (is_stale(s, &pending));
  *action =
      (struct session_action){.kind = (enum session_action_kind)pending.kind, .epoch = s->epoch};
  fill(s, &pending, action);
  return true;
}
