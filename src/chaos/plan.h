/*
 * The faults that are on, and what they mean for a connection at a moment. There is one fault of a
 * kind for a direction: a new one takes the place of the old one. Faults for one connection stand
 * above those for all.
 *
 * Which connections belong to the "N%" of a fault follows from the seed, the fault's id and the
 * connection's id alone: the same course makes the same choices.
 * Pure: no clock, no I/O, no allocation.
 */
#ifndef CHAOS_PLAN_H
#define CHAOS_PLAN_H

#include "fault.h"

#define PLAN_FAULTS_MAX 64
#define PLAN_NEVER UINT64_MAX

struct plan_fault {
  uint64_t id;         /* from 1, in the order of coming */
  uint64_t connection; /* 0: all */
  uint64_t since_ms;
  bool is_down; /* a flap in its second half */
  struct fault fault;
};

struct plan {
  struct plan_fault faults[PLAN_FAULTS_MAX];
  size_t count;
  uint64_t last_id;
  uint64_t seed;
};

/** What a direction of a connection suffers; 0, and the id 0: nothing. */
struct plan_flow {
  bool is_frozen;
  uint64_t delay_ms, jitter_ms;
  uint64_t bytes_per_s;
  uint64_t ms_per_byte;
  struct plan_fault truncate, cut, corrupt;
};

/** Turns a fault on. Its id, or 0: too many are on already. */
uint64_t plan_add(struct plan *plan, const struct fault *fault, uint64_t connection,
                  uint64_t now_ms);
/** Turns off those of `connection` (0: those for all); of one kind, or all kinds
    (FAULT_KINDS_COUNT). The count of those. */
size_t plan_clear(struct plan *plan, uint64_t connection, enum fault_kind kind);

/** Whether a connection is of the part that a fault is for. */
bool plan_concerns(const struct plan *plan, const struct plan_fault *fault, uint64_t connection);
/** The same for an act that happens once; `number` tells acts apart. */
bool plan_chooses(const struct plan *plan, uint64_t number, uint32_t percent, uint64_t connection);

void plan_flow(const struct plan *plan, uint64_t connection, enum fault_direction direction,
               struct plan_flow *flow);
/** Whether bytes must be looked at or held: they cannot just be passed on. */
bool plan_flow_needs_copy(const struct plan_flow *flow);
/** The age at which a connection ends, PLAN_NEVER: none; `*fault` is which. */
uint64_t plan_end_age_ms(const struct plan *plan, uint64_t connection,
                         const struct plan_fault **fault);
/** The fault that refuses a new connection, or NULL. */
const struct plan_fault *plan_refuses(const struct plan *plan, uint64_t connection);
/** Whether all new connections are refused. */
bool plan_refuses_all(const struct plan *plan);
bool plan_has(const struct plan *plan, enum fault_kind kind);

/** A flap that goes up or down at `now_ms` (is_down is set), or NULL: no more of them. */
const struct plan_fault *plan_flap(struct plan *plan, uint64_t now_ms);
/** When the next one does. */
uint64_t plan_next_flap_ms(const struct plan *plan, uint64_t now_ms);

#endif
