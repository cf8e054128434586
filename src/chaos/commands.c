/* Commands carried out: by whom, on whom, and when. */
#include "internal.h"

#include <stdio.h>

#define LISTEN_AGAIN_MS 100
#define STEPS_PER_TURN                                                                             \
  100 /* of a script whose times are over; the rest follows in the next turn                       \
       */

/* ---- the plan has changed ---- */

static void on_flap(struct net_timer *timer);

static void report_trouble(struct chaos *chaos, const char *what, int error) {
  const struct chaos_events *events = &chaos->options->events;
  char detail[CHAOS_DETAIL_CAP];
  (void)snprintf(detail, sizeof detail, "%s: %s", what, sock_error_text(error));
  events->troubled(events->user, detail);
}

/* False: it could not listen again. */
static bool update_listener(struct chaos *chaos) {
  const bool is_wanted_paused = plan_refuses_all(&chaos->plan);
  if (is_wanted_paused == chaos->is_paused)
    return true;
  if (is_wanted_paused) {
    listener_pause(chaos->listener);
  } else {
    const int error = listener_resume(chaos->listener);
    if (error) {
      report_trouble(chaos, "cannot take connections again, trying on", error);
      return false;
    }
  }
  chaos->is_paused = is_wanted_paused;
  return true;
}

static void refresh_pairs(struct chaos *chaos) {
  struct pair *next;
  for (struct pair *pair = chaos->pairs; pair; pair = next) {
    next = pair->next;
    pair_refresh(pair);
  }
}

static void go_down(struct chaos *chaos, const struct plan_fault *flap) {
  char result[CHAOS_RESULT_CAP];
  struct pair *next;
  pair_blame(flap, result);
  for (struct pair *pair = chaos->pairs; pair; pair = next) {
    next = pair->next;
    if (plan_concerns(&chaos->plan, flap, pair->about.id))
      pair_reset(pair, result);
  }
}

static void turn_flaps(struct chaos *chaos) {
  const struct plan_fault *changed;
  while ((changed = plan_flap(&chaos->plan, chaos_loop_ms(chaos))) != NULL) {
    const struct plan_fault flap = *changed; /* pairs that end change the plan */
    if (flap.is_down)
      go_down(chaos, &flap);
  }
}

/* A flap's change, and a socket that could not listen, are looked at again. */
void chaos_plan_changed(struct chaos *chaos) {
  const uint64_t now_ms = chaos_loop_ms(chaos);
  turn_flaps(chaos);
  uint64_t at_ms = plan_next_flap_ms(&chaos->plan, now_ms);
  if (!update_listener(chaos) && at_ms > now_ms + LISTEN_AGAIN_MS)
    at_ms = now_ms + LISTEN_AGAIN_MS;
  chaos->flap_timer.fire = on_flap;
  if (!net_timer_set(chaos->loop, &chaos->flap_timer, at_ms))
    chaos->options->events.troubled(chaos->options->events.user, "no memory for a timer");
  refresh_pairs(chaos);
}

static void on_flap(struct net_timer *timer) {
  chaos_plan_changed((struct chaos *)((char *)timer - offsetof(struct chaos, flap_timer)));
}

/* ---- acts ---- */

/* For one connection or a part of all; how many were hit. */
static size_t act(struct chaos *chaos, const struct fault *fault, uint64_t connection) {
  const uint64_t number = ~++chaos->acts_count; /* no fault has such an id */
  struct pair *next;
  size_t count = 0;
  for (struct pair *pair = chaos->pairs; pair; pair = next) {
    next = pair->next;
    const uint64_t id = pair->about.id;
    if (connection ? id != connection : !plan_chooses(&chaos->plan, number, fault->percent, id))
      continue;
    count++;
    if (fault->kind == FAULT_RESET)
      pair_reset(pair, "a command: reset");
    else
      pair_close(pair, "a command: close");
  }
  return count;
}

/* ---- commands ---- */

static bool refuse_too_many(char *error) {
  (void)snprintf(error, FAULT_ERROR_CAP, "%d faults are on already, no more are possible",
                 PLAN_FAULTS_MAX);
  return false;
}

static bool can_be_for_one(const struct command *command, char *error) {
  const enum fault_kind kind = command->fault.kind;
  if (command->kind == COMMAND_ADD && (kind == FAULT_REFUSE || kind == FAULT_FLAP)) {
    (void)snprintf(error, FAULT_ERROR_CAP, "%s is not for one connection", fault_kind_name(kind));
    return false;
  }
  return true;
}

/* What is told is a script, whose times never go back: a step that is late may stand behind a
   command that came meanwhile. */
static void report(struct chaos *chaos, const struct command *command, uint64_t connection,
                   enum chaos_source source, uint64_t at_ms, size_t hit_count) {
  const struct chaos_events *events = &chaos->options->events;
  if (at_ms > chaos->told_ms)
    chaos->told_ms = at_ms;
  events->commanded(events->user, command, connection, source, chaos->told_ms, hit_count);
}

static bool carry_out(struct chaos *chaos, const struct command *command, uint64_t connection,
                      size_t *hit_count, char *error) {
  switch (command->kind) {
  case COMMAND_ADD:
    if (!plan_add(&chaos->plan, &command->fault, connection, chaos_loop_ms(chaos)))
      return refuse_too_many(error);
    break;
  case COMMAND_ACT:
    *hit_count = act(chaos, &command->fault, connection);
    break;
  case COMMAND_CLEAR:
    (void)plan_clear(&chaos->plan, connection, FAULT_KINDS_COUNT);
    break;
  case COMMAND_CLEAR_KIND:
    (void)plan_clear(&chaos->plan, connection, command->fault.kind);
    break;
  }
  return true;
}

/* Told before its consequences are; `at_ms` is when it was due. */
static bool run(struct chaos *chaos, const struct command *command, uint64_t connection,
                enum chaos_source source, uint64_t at_ms, char *error) {
  size_t hit_count = 0;
  if ((connection && !can_be_for_one(command, error)) ||
      !carry_out(chaos, command, connection, &hit_count, error))
    return false;
  report(chaos, command, connection, source, at_ms, hit_count);
  chaos_plan_changed(chaos);
  return true;
}

bool chaos_command(struct chaos *chaos, const struct command *command, uint64_t connection,
                   enum chaos_source source, char error[FAULT_ERROR_CAP]) {
  return run(chaos, command, connection, source, chaos_now_ms(chaos), error);
}

bool chaos_replace(struct chaos *chaos, const struct fault *faults, size_t count,
                   enum chaos_source source, char error[FAULT_ERROR_CAP]) {
  struct plan tried = chaos->plan;
  const struct command clear = {.kind = COMMAND_CLEAR};
  const uint64_t now_ms = chaos_now_ms(chaos);
  (void)plan_clear(&tried, 0, FAULT_KINDS_COUNT);
  for (size_t i = 0; i < count; i++)
    if (!plan_add(&tried, &faults[i], 0, chaos_loop_ms(chaos)))
      return refuse_too_many(error);
  chaos->plan = tried;
  report(chaos, &clear, 0, source, now_ms, 0);
  for (size_t i = 0; i < count; i++) {
    const struct command add = {.kind = COMMAND_ADD, .fault = faults[i]};
    report(chaos, &add, 0, source, now_ms, 0);
  }
  chaos_plan_changed(chaos);
  return true;
}

/* ---- steps of a script or of chance ---- */

/* The next step and when it is due, since the start; NET_NEVER: none. */
static uint64_t next_step(const struct chaos *chaos, const struct script_step **step) {
  if (chaos->options->is_wild) {
    *step = &chaos->wild_step;
    return chaos->wild_step.at_ms;
  }
  if (!chaos->options->script)
    return NET_NEVER;
  return script_due_ms(chaos->options->script, chaos->step_index, step);
}

static void run_step(struct chaos *chaos, const struct script_step *step, uint64_t due_ms) {
  const bool is_wild = chaos->options->is_wild;
  const struct command command = step->command;
  char error[FAULT_ERROR_CAP];
  if (is_wild)
    wild_next(&chaos->wild, &chaos->wild_step);
  else
    chaos->step_index++;
  if (!run(chaos, &command, 0, is_wild ? CHAOS_BY_CHANCE : CHAOS_BY_SCRIPT, due_ms, error))
    chaos->options->events.troubled(chaos->options->events.user, error);
}

static void on_step(struct net_timer *timer) {
  struct chaos *chaos = (struct chaos *)((char *)timer - offsetof(struct chaos, step_timer));
  const struct script_step *step = NULL;
  uint64_t due_ms = next_step(chaos, &step);
  for (int left = STEPS_PER_TURN; left > 0 && step && due_ms <= chaos_now_ms(chaos); left--) {
    run_step(chaos, step, due_ms);
    due_ms = next_step(chaos, &step);
  }
  const uint64_t at_ms = due_ms == NET_NEVER ? NET_NEVER : chaos->started_ms + due_ms;
  if (!net_timer_set(chaos->loop, &chaos->step_timer, at_ms))
    chaos->options->events.troubled(chaos->options->events.user, "no memory for a timer");
}

void chaos_start_steps(struct chaos *chaos) {
  if (chaos->options->is_wild)
    wild_next(&chaos->wild, &chaos->wild_step);
  chaos->step_timer.fire = on_step;
  on_step(&chaos->step_timer);
}
