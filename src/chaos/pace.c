#include "pace.h"

/* A throttled direction may make up for so much of the past: the timers' grain. */
#define BURST_MS 20

void pace_init(struct pace *pace, uint64_t now_ms) {
  *pace = (struct pace){.asked_at_ms = now_ms};
}

/* At least a byte, or a slow rate would never get one. */
static uint64_t credit_max(uint64_t bytes_per_s) {
  return bytes_per_s * BURST_MS < 1000 ? 1000 : bytes_per_s * BURST_MS;
}

static void earn(struct pace *pace, uint64_t bytes_per_s, uint64_t now_ms) {
  const uint64_t max = credit_max(bytes_per_s);
  const uint64_t passed_ms = now_ms - pace->asked_at_ms;
  pace->asked_at_ms = now_ms;
  if (passed_ms > max / bytes_per_s || pace->credit + passed_ms * bytes_per_s > max)
    pace->credit = max;
  else
    pace->credit += passed_ms * bytes_per_s;
}

size_t pace_allows(struct pace *pace, const struct plan_flow *flow, size_t wanted,
                   uint64_t now_ms) {
  if (flow->ms_per_byte > 0) {
    if (now_ms < pace->byte_at_ms)
      return 0;
    wanted = wanted > 1 ? 1 : wanted;
  }
  if (flow->bytes_per_s > 0) {
    earn(pace, flow->bytes_per_s, now_ms);
    if (pace->credit / 1000 < wanted)
      wanted = (size_t)(pace->credit / 1000);
  }
  return wanted;
}

void pace_spent(struct pace *pace, const struct plan_flow *flow, size_t len, uint64_t now_ms) {
  if (flow->ms_per_byte > 0 && len > 0)
    pace->byte_at_ms = now_ms + flow->ms_per_byte;
  if (flow->bytes_per_s > 0)
    pace->credit -= (uint64_t)len * 1000;
}

uint64_t pace_next_ms(const struct pace *pace, const struct plan_flow *flow) {
  uint64_t next_ms = flow->ms_per_byte > 0 ? pace->byte_at_ms : 0;
  if (flow->bytes_per_s > 0 && pace->credit < 1000) {
    const uint64_t missing = 1000 - pace->credit;
    const uint64_t at_ms =
        pace->asked_at_ms + (missing + flow->bytes_per_s - 1) / flow->bytes_per_s;
    if (at_ms > next_ms)
      next_ms = at_ms;
  }
  return next_ms;
}

uint64_t pace_release_ms(struct pace *pace, const struct plan_flow *flow, uint64_t now_ms,
                         uint64_t chance) {
  const uint64_t least = flow->delay_ms > flow->jitter_ms ? flow->delay_ms - flow->jitter_ms : 0;
  const uint64_t most = flow->delay_ms + flow->jitter_ms;
  const uint64_t release_ms = now_ms + least + chance % (most - least + 1);
  if (release_ms > pace->release_ms)
    pace->release_ms = release_ms;
  return pace->release_ms;
}
