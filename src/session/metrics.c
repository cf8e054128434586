#include "session.h"
#include "table.h"

/* An outage that lasts counts as far as it has come. */
static void add_outages(const struct session *s, uint64_t now_ms, struct session_metrics *out) {
  const uint64_t present_ms = s->in_outage ? now_ms - s->since_ms : 0;
  out->downtime_ms = s->counts.downtime_ms + present_ms;
  out->longest_outage_ms =
      present_ms > s->counts.longest_outage_ms ? present_ms : s->counts.longest_outage_ms;
}

void session_get_metrics(const struct session *s, uint64_t now_ms, struct session_metrics *out) {
  const struct session_counts *c = &s->counts;
  const bool is_linked = table_state((enum session_phase)s->phase) == STATE_CONNECTED;
  *out = (struct session_metrics){
      .reconnects = c->reconnects,
      .queued_messages = s->queue.waiting_count + s->queue.in_flight_count - s->queue.stored_count,
      .queued_bytes = s->queue.bytes,
      .connection_duration_ms = is_linked ? now_ms - s->since_ms : 0,
      .messages_in = c->messages_in,
      .messages_out = c->messages_out,
      .bytes_in = c->bytes_in,
      .bytes_out = c->bytes_out,
      .dropped = s->queue.dropped,
      .rtt_last_us = c->rtt_last_us,
      .rtt_min_us = c->rtt_min_us,
      .rtt_mean_us = c->rtt_count ? (uint32_t)(c->rtt_sum_us / c->rtt_count) : 0,
      .rtt_max_us = c->rtt_max_us,
      .clock_offset_ms = c->clock_offset_ms,
  };
  add_outages(s, now_ms, out);
}
