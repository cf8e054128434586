#include "metrics.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

static const uint64_t bounds_us[METRICS_LATENCY_BUCKETS] = {500,   1000,  2500,   5000,   10000,
                                                            25000, 50000, 100000, 500000, 2500000};

const char *end_reason_name(enum end_reason reason) {
  static const char *const names[END_REASONS_COUNT] = {
      [END_CLOSED] = "closed",   [END_LOST] = "lost",       [END_PROTOCOL] = "protocol",
      [END_TOO_BIG] = "too_big", [END_SLOW] = "slow",       [END_SILENT] = "silent",
      [END_REVOKED] = "revoked", [END_RESTART] = "restart", [END_INTERNAL] = "internal",
      [END_STORE] = "store"};
  return names[reason];
}

void metrics_note_latency(struct metrics *metrics, uint64_t latency_us) {
  size_t i = 0;
  while (i < METRICS_LATENCY_BUCKETS && latency_us > bounds_us[i])
    i++;
  metrics->latency_counts[i]++;
  metrics->latency_sum_us += latency_us;
}

struct text {
  char *out;
  size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int n = vsnprintf(text->out + text->len, METRICS_TEXT_CAP - text->len, format, arguments);
  va_end(arguments);
  assert(n >= 0 && (size_t)n < METRICS_TEXT_CAP - text->len); /* numbers only: it fits */
  text->len += (size_t)n;
}

static void put_metric(struct text *text, const char *name, const char *type, const char *help,
                       uint64_t value) {
  put(text, "# HELP limpet_relay_%s %s\n# TYPE limpet_relay_%s %s\nlimpet_relay_%s %llu\n", name,
      help, name, type, name, (unsigned long long)value);
}

static void put_ends(struct text *text, const struct metrics *metrics) {
  put(text, "# HELP limpet_relay_disconnects_total Connections that ended, by reason.\n"
            "# TYPE limpet_relay_disconnects_total counter\n");
  for (size_t i = 0; i < END_REASONS_COUNT; i++)
    put(text, "limpet_relay_disconnects_total{reason=\"%s\"} %llu\n",
        end_reason_name((enum end_reason)i), (unsigned long long)metrics->ends[i]);
}

static void put_latency(struct text *text, const struct metrics *metrics) {
  static const char name[] = "limpet_relay_commit_latency_seconds";
  uint64_t count = 0;
  put(text, "# HELP %s From a message's arrival to the end of its commit.\n# TYPE %s histogram\n",
      name, name);
  for (size_t i = 0; i < METRICS_LATENCY_BUCKETS; i++) {
    count += metrics->latency_counts[i];
    put(text, "%s_bucket{le=\"%g\"} %llu\n", name, (double)bounds_us[i] / 1e6,
        (unsigned long long)count);
  }
  count += metrics->latency_counts[METRICS_LATENCY_BUCKETS];
  put(text, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.6f\n%s_count %llu\n", name,
      (unsigned long long)count, name, (double)metrics->latency_sum_us / 1e6, name,
      (unsigned long long)count);
}

size_t metrics_write(const struct metrics *m, char out[METRICS_TEXT_CAP]) {
  struct text text = {.out = out};
  put_metric(&text, "connections", "gauge", "WebSockets that are open.", m->connections);
  put_metric(&text, "conversations_open", "gauge", "Conversations with a connection.", m->rooms);
  put_metric(&text, "connections_total", "counter", "WebSockets accepted.", m->connections_total);
  put_metric(&text, "refused_total", "counter", "Requests answered with 4xx or 5xx.",
             m->refused_total);
  put_metric(&text, "requests_total", "counter", "HTTP requests.", m->requests);
  put_metric(&text, "messages_stored_total", "counter", "Messages stored.", m->messages_stored);
  put_metric(&text, "messages_known_total", "counter", "Messages whose id was known.",
             m->messages_known);
  put_metric(&text, "messages_refused_total", "counter", "Messages answered with an error.",
             m->messages_refused);
  put_metric(&text, "messages_sent_total", "counter", "Messages broadcast, by receiver.",
             m->messages_sent);
  put_metric(&text, "typing_total", "counter", "Typing notices taken.", m->typing);
  put_metric(&text, "rate_limited_total", "counter", "Times that a sender was too fast.",
             m->rate_limited);
  put_metric(&text, "replays_total", "counter", "Replays begun.", m->replays);
  put_metric(&text, "replayed_messages_total", "counter", "Messages sent in replays.",
             m->replayed_messages);
  put_metric(&text, "store_failures_total", "counter", "Appends and reads that failed.",
             m->store_failures);
  put_metric(&text, "store_queue_depth", "gauge", "Messages on their way to the disk.",
             m->queue_depth);
  put_metric(&text, "store_queue_bytes", "gauge", "Their bytes.", m->queue_bytes);
  put_metric(&text, "backlog_bytes", "gauge", "Bytes that wait for readers of conversations.",
             m->backlog_bytes);
  put_ends(&text, m);
  put_latency(&text, m);
  return text.len;
}
