/* What the relay counts, and the text of it for Prometheus (exposition format 0.0.4). */
#ifndef RELAY_METRICS_H
#define RELAY_METRICS_H

#include <stddef.h>
#include <stdint.h>

/** Why a connection ended. */
enum end_reason {
  END_CLOSED,   /* by its client, with a close frame */
  END_LOST,     /* without one */
  END_PROTOCOL, /* it broke the WebSocket's rules: 1002, 1007, 1003 */
  END_TOO_BIG,  /* 1009 */
  END_SLOW,     /* it did not read: 1013 */
  END_STORE,    /* the store failed a message of it: 1013 */
  END_SILENT,   /* it did not answer pings */
  END_REVOKED,  /* its token is no longer valid: 1008 */
  END_RESTART,  /* the relay ends: 1012 */
  END_INTERNAL, /* no memory, or the store failed in a replay: 1011 */
  END_REASONS_COUNT
};

const char *end_reason_name(enum end_reason reason);

#define METRICS_LATENCY_BUCKETS 10

struct metrics {
  uint64_t connections, rooms; /* now */
  uint64_t connections_total, refused_total;
  uint64_t messages_stored, messages_known, messages_refused, messages_sent, typing;
  uint64_t rate_limited, replays, replayed_messages, requests, store_failures;
  uint64_t ends[END_REASONS_COUNT];
  uint64_t queue_depth, queue_bytes; /* appends on their way, now */
  uint64_t backlog_bytes;            /* that wait for their readers, now */
  uint64_t latency_counts[METRICS_LATENCY_BUCKETS + 1];
  uint64_t latency_sum_us;
};

/** An append took so long, from its arrival to the end of its commit. */
void metrics_note_latency(struct metrics *metrics, uint64_t latency_us);
#define METRICS_TEXT_CAP 8192
/** Returns the length. */
size_t metrics_write(const struct metrics *metrics, char text[METRICS_TEXT_CAP]);

#endif
