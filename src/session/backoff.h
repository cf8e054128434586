/* Delays between attempts: clamp first, then jitter (section 4 of the contract). Pure. */
#ifndef SESSION_BACKOFF_H
#define SESSION_BACKOFF_H

#include <stdint.h>

#define BACKOFF_FOREVER UINT32_MAX

enum backoff_jitter { JITTER_NONE, JITTER_EQUAL, JITTER_FULL, JITTER_DECORRELATED };

struct backoff_config {
  uint32_t max_retries;
  uint32_t initial_delay_ms;
  uint32_t max_delay_ms;
  uint32_t retry_after_max_ms;
  double multiplier;
  enum backoff_jitter jitter;
};

/** min(initial * multiplier^attempt, max) x jitter, in ms. `unit` in [0, 1). `previous_ms` is
    the delay before, for decorrelated jitter; 0 means none yet. */
uint64_t backoff_delay(const struct backoff_config *config, uint32_t attempt, double unit,
                       uint64_t previous_ms);
/** Spreads a fleet over a server's own hint (429, 503): never below `delay_ms`. */
uint64_t backoff_with_hint(const struct backoff_config *config, uint64_t delay_ms,
                           uint64_t retry_after_ms, double unit);
/** After close 1012 and 1013: up to 5 s more. */
uint64_t backoff_after_restart(const struct backoff_config *config, uint64_t delay_ms, double unit);

#endif
