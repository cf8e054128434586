#include "backoff.h"

#define RESTART_SPREAD_MS 5000

/* By squaring, so that attempt 4,000,000,000 costs no more than 32 turns. */
static double power(double base, uint32_t exponent) {
  double result = 1.0;
  for (; exponent; exponent >>= 1) {
    if (exponent & 1)
      result *= base;
    base *= base;
  }
  return result;
}

static double clamped_delay(const struct backoff_config *config, uint32_t attempt) {
  const double max = config->max_delay_ms;
  const double delay = config->initial_delay_ms * power(config->multiplier, attempt);
  return delay < max ? delay : max;
}

static uint64_t decorrelated_delay(const struct backoff_config *config, uint32_t attempt,
                                   double unit, uint64_t previous_ms) {
  const double low = config->initial_delay_ms;
  const double previous = attempt && previous_ms ? (double)previous_ms : low;
  const double high = 3 * previous < config->max_delay_ms ? 3 * previous : config->max_delay_ms;
  return (uint64_t)(high > low ? low + unit * (high - low) : low);
}

uint64_t backoff_delay(const struct backoff_config *config, uint32_t attempt, double unit,
                       uint64_t previous_ms) {
  if (config->jitter == JITTER_DECORRELATED)
    return decorrelated_delay(config, attempt, unit, previous_ms);
  const double delay = clamped_delay(config, attempt);
  if (config->jitter == JITTER_EQUAL)
    return (uint64_t)(delay * (0.5 + unit / 2));
  if (config->jitter == JITTER_FULL)
    return (uint64_t)(delay * unit);
  return (uint64_t)delay;
}

uint64_t backoff_with_hint(const struct backoff_config *config, uint64_t delay_ms,
                           uint64_t retry_after_ms, double unit) {
  const uint64_t hint =
      retry_after_ms < config->retry_after_max_ms ? retry_after_ms : config->retry_after_max_ms;
  const uint64_t delay = hint > delay_ms ? hint : delay_ms;
  if (config->jitter == JITTER_NONE)
    return delay;
  return delay + (uint64_t)((double)delay * unit / 2);
}

uint64_t backoff_after_restart(const struct backoff_config *config, uint64_t delay_ms,
                               double unit) {
  if (config->jitter == JITTER_NONE)
    return delay_ms;
  return delay_ms + (uint64_t)(RESTART_SPREAD_MS * unit);
}
