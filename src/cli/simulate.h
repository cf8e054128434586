/* What the parts of `limpet simulate` share: its settings. */
#ifndef CLI_SIMULATE_H
#define CLI_SIMULATE_H

#include "backoff.h"
#include "option_table.h"

#include <stdbool.h>
#include <stdint.h>

#define SIMULATE_JITTERS 4

struct simulate_settings {
  struct backoff_config backoff;
  bool has_jitter; /* one kind was asked for; otherwise all are shown */
  bool is_csv;
  /* of a herd */
  uint32_t clients, outage_s, duration_s, latency_ms, capacity, retry_after_s;
  uint64_t seed;
  const char *plot;
};

/* Of worlds: their own, as they share no option but the seed. */
struct simulate_worlds_settings {
  uint64_t seed; /* of the first */
  bool has_seed;
  uint32_t worlds, operations;
  uint32_t seconds; /* it goes on at least so long; 0: until all are played */
  const char *seeds, *script;
  bool is_verbose;
};

extern const char *const simulate_jitters[SIMULATE_JITTERS + 1];

/* Each returns the exit status. */
int simulate_backoff(const struct simulate_settings *settings);
int simulate_herd(const struct simulate_settings *settings);
int simulate_worlds(const struct simulate_worlds_settings *settings);

#endif
