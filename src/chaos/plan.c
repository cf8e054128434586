#include "plan.h"

#include "chance.h"

#include <string.h>

/* ---- on and off ---- */

static void remove_at(struct plan *plan, size_t index) {
  plan->count--;
  memmove(plan->faults + index, plan->faults + index + 1,
          (plan->count - index) * sizeof *plan->faults);
}

static bool is_replaced(const struct plan_fault *old, const struct fault *by, uint64_t connection) {
  return old->connection == connection && old->fault.kind == by->kind &&
         (old->fault.directions & ~(unsigned)by->directions) == 0;
}

uint64_t plan_add(struct plan *plan, const struct fault *fault, uint64_t connection,
                  uint64_t now_ms) {
  for (size_t i = plan->count; i-- > 0;)
    if (is_replaced(&plan->faults[i], fault, connection))
      remove_at(plan, i);
  if (plan->count == PLAN_FAULTS_MAX)
    return 0;
  plan->faults[plan->count++] = (struct plan_fault){
      .id = ++plan->last_id, .connection = connection, .since_ms = now_ms, .fault = *fault};
  return plan->last_id;
}

size_t plan_clear(struct plan *plan, uint64_t connection, enum fault_kind kind) {
  const size_t before = plan->count;
  for (size_t i = plan->count; i-- > 0;) {
    const struct plan_fault *at = &plan->faults[i];
    if (at->connection == connection && (kind == FAULT_KINDS_COUNT || kind == at->fault.kind))
      remove_at(plan, i);
  }
  return before - plan->count;
}

/* ---- who is concerned ---- */

bool plan_chooses(const struct plan *plan, uint64_t number, uint32_t percent, uint64_t connection) {
  return chance_mix(chance_mix(plan->seed, number), connection) % 100 < percent;
}

bool plan_concerns(const struct plan *plan, const struct plan_fault *fault, uint64_t connection) {
  if (fault->connection != 0)
    return fault->connection == connection;
  return plan_chooses(plan, fault->id, fault->fault.percent, connection);
}

/* ---- flows ---- */

static void apply(struct plan_flow *flow, const struct plan_fault *at) {
  const struct fault *fault = &at->fault;
  switch (fault->kind) {
  case FAULT_FREEZE:
    flow->is_frozen = true;
    break;
  case FAULT_DELAY:
    flow->delay_ms = fault->time_ms;
    flow->jitter_ms = fault->other_ms;
    break;
  case FAULT_THROTTLE:
    flow->bytes_per_s = fault->amount;
    break;
  case FAULT_TRUNCATE:
    flow->truncate = *at;
    break;
  case FAULT_CUT:
    flow->cut = *at;
    break;
  case FAULT_CORRUPT:
    flow->corrupt = *at;
    break;
  case FAULT_SLOW_LORIS:
    flow->ms_per_byte = fault->time_ms;
    break;
  default:
    break;
  }
}

static void apply_all(const struct plan *plan, uint64_t connection, enum fault_direction direction,
                      bool is_own, struct plan_flow *flow) {
  for (size_t i = 0; i < plan->count; i++) {
    const struct plan_fault *at = &plan->faults[i];
    if ((at->connection != 0) == is_own && (at->fault.directions & (unsigned)direction) &&
        plan_concerns(plan, at, connection))
      apply(flow, at);
  }
}

void plan_flow(const struct plan *plan, uint64_t connection, enum fault_direction direction,
               struct plan_flow *flow) {
  memset(flow, 0, sizeof *flow);
  apply_all(plan, connection, direction, false, flow);
  apply_all(plan, connection, direction, true, flow);
}

bool plan_flow_needs_copy(const struct plan_flow *flow) {
  return flow->delay_ms || flow->jitter_ms || flow->bytes_per_s || flow->ms_per_byte ||
         flow->truncate.id || flow->cut.id || flow->corrupt.id;
}

/* ---- connections ---- */

static bool has_own(const struct plan *plan, uint64_t connection, enum fault_kind kind) {
  for (size_t i = 0; i < plan->count; i++)
    if (plan->faults[i].connection == connection && plan->faults[i].fault.kind == kind)
      return true;
  return false;
}

/* Of those for all, one of a kind that the connection has of its own does not count. */
static bool ends(const struct plan *plan, const struct plan_fault *at, uint64_t connection) {
  const enum fault_kind kind = at->fault.kind;
  return (kind == FAULT_RESET || kind == FAULT_CLOSE) && plan_concerns(plan, at, connection) &&
         (at->connection != 0 || !has_own(plan, connection, kind));
}

uint64_t plan_end_age_ms(const struct plan *plan, uint64_t connection,
                         const struct plan_fault **fault) {
  uint64_t age_ms = PLAN_NEVER;
  for (size_t i = 0; i < plan->count; i++) {
    const struct plan_fault *at = &plan->faults[i];
    if (at->fault.time_ms < age_ms && ends(plan, at, connection)) {
      age_ms = at->fault.time_ms;
      *fault = at;
    }
  }
  return age_ms;
}

static bool is_refusing(const struct plan_fault *at) {
  return at->fault.kind == FAULT_REFUSE || (at->fault.kind == FAULT_FLAP && at->is_down);
}

const struct plan_fault *plan_refuses(const struct plan *plan, uint64_t connection) {
  for (size_t i = 0; i < plan->count; i++)
    if (is_refusing(&plan->faults[i]) && plan_concerns(plan, &plan->faults[i], connection))
      return &plan->faults[i];
  return NULL;
}

bool plan_refuses_all(const struct plan *plan) {
  for (size_t i = 0; i < plan->count; i++) {
    const struct plan_fault *at = &plan->faults[i];
    if (is_refusing(at) && at->connection == 0 && at->fault.percent == 100)
      return true;
  }
  return false;
}

bool plan_has(const struct plan *plan, enum fault_kind kind) {
  for (size_t i = 0; i < plan->count; i++)
    if (plan->faults[i].fault.kind == kind)
      return true;
  return false;
}

/* ---- flaps ---- */

static uint64_t phase_ms(const struct plan_fault *at, uint64_t now_ms) {
  return (now_ms - at->since_ms) % (at->fault.time_ms + at->fault.other_ms);
}

const struct plan_fault *plan_flap(struct plan *plan, uint64_t now_ms) {
  for (size_t i = 0; i < plan->count; i++) {
    struct plan_fault *at = &plan->faults[i];
    if (at->fault.kind != FAULT_FLAP || at->is_down == (phase_ms(at, now_ms) >= at->fault.time_ms))
      continue;
    at->is_down = !at->is_down;
    return at;
  }
  return NULL;
}

uint64_t plan_next_flap_ms(const struct plan *plan, uint64_t now_ms) {
  uint64_t next_ms = PLAN_NEVER;
  for (size_t i = 0; i < plan->count; i++) {
    const struct plan_fault *at = &plan->faults[i];
    if (at->fault.kind != FAULT_FLAP)
      continue;
    const uint64_t phase = phase_ms(at, now_ms);
    const uint64_t whole = at->fault.time_ms + at->fault.other_ms;
    const uint64_t change_ms =
        now_ms + (phase < at->fault.time_ms ? at->fault.time_ms : whole) - phase;
    if (change_ms < next_ms)
      next_ms = change_ms;
  }
  return next_ms;
}
