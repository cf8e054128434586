/* What a session counts. */
#ifndef SESSION_METRICS_H
#define SESSION_METRICS_H

#include <stdint.h>

/* Same members and units as limpet_metrics. */
struct session_metrics {
  uint32_t reconnects;
  uint32_t queued_messages;
  uint64_t queued_bytes;
  uint64_t connection_duration_ms;
  uint64_t messages_in, messages_out;
  uint64_t bytes_in, bytes_out;
  uint64_t dropped;
  uint64_t downtime_ms;
  uint64_t longest_outage_ms;
  uint32_t rtt_last_us, rtt_min_us, rtt_mean_us, rtt_max_us;
  int64_t clock_offset_ms;
};

#endif
