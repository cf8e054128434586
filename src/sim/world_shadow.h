/* What a session should count, counted a second time and another way: retries and their delays,
   outages, links. */
#ifndef SIM_WORLD_SHADOW_H
#define SIM_WORLD_SHADOW_H

#include "session.h"

struct shadow {
  struct failure failure; /* of the last loss */
  enum failure_verdict verdict;
  uint32_t counter;
  double previous_ms;            /* for decorrelated jitter; 0: none, below 0: not known */
  uint64_t network_resets_at_ms; /* from then on the network's return resets the counter */
  uint64_t opened_count, opened_at_ms;
  bool is_open, is_healthy, is_ready;
  bool is_out;
  uint64_t out_since_ms, downtime_ms, longest_ms;
  enum session_reason reason;
};

struct world;

/** Before the session is told. */
void world_shadow_opened(struct world *w);
void world_shadow_lost(struct world *w, const struct failure *failure,
                       enum failure_verdict verdict);
void world_shadow_dropped(struct world *w);
void world_shadow_healthy(struct world *w);
void world_shadow_ready(struct world *w);
/** The session gives the link up, as nobody declared it ready. */
void world_shadow_unready(struct world *w);
/** As the session reports. */
void world_shadow_state(struct world *w, const struct session_action *action);
void world_shadow_retry(struct world *w, const struct session_action *action);
/** Compares. */
void world_shadow_check(struct world *w);

#endif
