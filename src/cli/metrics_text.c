#include "metrics_text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define PREFIX "limpet_client_"

struct text {
  char *out;
  size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int n = vsnprintf(text->out + text->len, METRICS_TEXT_CAP - text->len, format, arguments);
  va_end(arguments);
  assert(n >= 0 && (size_t)n < METRICS_TEXT_CAP - text->len); /* all parts are bounded: it fits */
  text->len += (size_t)n;
}

static void put_head(struct text *text, const char *name, const char *type, const char *help) {
  put(text, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help, name, type);
}

/* Backslashes, quotes and line feeds are escaped; other control characters are left out. */
static void put_label_value(struct text *text, const char *value) {
  for (const char *c = value; *c; c++) {
    if (*c == '\\' || *c == '"')
      put(text, "\\%c", *c);
    else if (*c == '\n')
      put(text, "\\n");
    else if ((unsigned char)*c >= 0x20 && *c != 0x7F)
      put(text, "%c", *c);
  }
}

/* ---- plain numbers ---- */

/* Base units: durations are counted in ms or us, and told in seconds. */
enum unit { ONE, FROM_MS, FROM_US };

static void put_number(struct text *text, uint64_t value, enum unit unit) {
  if (unit == ONE)
    put(text, "%llu\n", (unsigned long long)value);
  else
    put(text, unit == FROM_MS ? "%.3f\n" : "%.6f\n", (double)value / (unit == FROM_MS ? 1e3 : 1e6));
}

struct number {
  const char *name, *type, *help;
  uint64_t value;
  enum unit unit;
};

static void put_numbers(struct text *text, const struct number *numbers, size_t count) {
  for (size_t i = 0; i < count; i++) {
    put_head(text, numbers[i].name, numbers[i].type, numbers[i].help);
    put(text, PREFIX "%s ", numbers[i].name);
    put_number(text, numbers[i].value, numbers[i].unit);
  }
}

static void put_link(struct text *text, const limpet_snapshot *s) {
  const limpet_metrics *m = &s->metrics;
  const struct number numbers[] = {
      {"connected", "gauge", "1 while the WebSocket is open.", s->state == LIMPET_CONNECTED, ONE},
      {"connection_age_seconds", "gauge", "Age of the present link, 0 without one.",
       m->connection_duration_ms, FROM_MS},
      {"reconnects_total", "counter", "Times the link opened again.", m->reconnects, ONE},
      {"attempt", "gauge", "Retries since the counter was last reset.", s->attempt, ONE},
      {"downtime_seconds_total", "counter", "Time between a loss and the next opening.",
       m->downtime_ms, FROM_MS},
      {"longest_outage_seconds", "gauge", "The longest such time.", m->longest_outage_ms, FROM_MS},
  };
  put_numbers(text, numbers, COUNT_OF(numbers));
}

static void put_messages(struct text *text, const limpet_metrics *m, uint64_t buffered_bytes) {
  const struct number numbers[] = {
      {"messages_received_total", "counter", "Messages received.", m->messages_in, ONE},
      {"messages_sent_total", "counter", "Messages written, repeated ones included.",
       m->messages_out, ONE},
      {"received_bytes_total", "counter", "Payload of the messages received.", m->bytes_in, ONE},
      {"sent_bytes_total", "counter", "Payload of the messages written.", m->bytes_out, ONE},
      {"dropped_messages_total", "counter", "Messages dropped, whatever the reason.", m->dropped,
       ONE},
      {"queued_messages", "gauge", "Messages waiting or unconfirmed in memory.", m->queued_messages,
       ONE},
      {"queued_bytes", "gauge", "Their payload.", m->queued_bytes, ONE},
      {"buffered_bytes", "gauge", "Payload in memory and in the link's output.", buffered_bytes,
       ONE},
      {"outbox_messages", "gauge", "Messages on disk that are not confirmed yet.",
       m->outbox_messages, ONE},
      {"outbox_bytes", "gauge", "Their payload.", m->outbox_bytes, ONE},
  };
  put_numbers(text, numbers, COUNT_OF(numbers));
}

/* ---- what is there only at times, or has labels ---- */

static void put_states(struct text *text, limpet_state state) {
  put_head(text, "state", "gauge", "1 for the present state, 0 for the others.");
  for (int i = LIMPET_CLOSED; i <= LIMPET_FAILED; i++)
    put(text, PREFIX "state{state=\"%s\"} %d\n", limpet_state_name((limpet_state)i),
        (int)state == i);
}

static void put_next_retry(struct text *text, const limpet_snapshot *s) {
  if (s->next_retry_at_ms == LIMPET_NEVER)
    return;
  put_head(text, "next_retry_seconds", "gauge", "How long until the next dial.");
  put(text, PREFIX "next_retry_seconds ");
  put_number(text, s->next_retry_at_ms > s->now_ms ? s->next_retry_at_ms - s->now_ms : 0, FROM_MS);
}

static void put_round_trips(struct text *text, const limpet_metrics *m) {
  const struct {
    const char *which;
    uint32_t us;
  } values[] = {{"last", m->rtt_last_us},
                {"min", m->rtt_min_us},
                {"mean", m->rtt_mean_us},
                {"max", m->rtt_max_us}};
  if (!m->rtt_max_us)
    return;
  put_head(text, "round_trip_seconds", "gauge", "Round trips of heartbeats, of the whole run.");
  for (size_t i = 0; i < COUNT_OF(values); i++) {
    put(text, PREFIX "round_trip_seconds{value=\"%s\"} ", values[i].which);
    put_number(text, values[i].us, FROM_US);
  }
}

static void put_last_error(struct text *text, const limpet_snapshot *s) {
  if (s->last_error == LIMPET_ERROR_NONE)
    return;
  put_head(text, "last_error_info", "gauge", "Why the last link or dial ended.");
  put(text, PREFIX "last_error_info{kind=\"%s\",retryable=\"%s\"} 1\n",
      limpet_error_kind_name(s->last_error), s->last_error_retryable ? "true" : "false");
}

static void put_info(struct text *text, const char *url) {
  char redacted[METRICS_URL_CAP];
  (void)limpet_url_redact(url, redacted, sizeof redacted);
  put_head(text, "info", "gauge", "Which program this is, and where it connects to.");
  put(text, PREFIX "info{version=\"" LIMPET_VERSION "\",url=\"");
  put_label_value(text, redacted);
  put(text, "\"} 1\n");
}

size_t metrics_text_write(const limpet_snapshot *snapshot, uint64_t buffered_bytes, const char *url,
                          char out[METRICS_TEXT_CAP]) {
  struct text text = {.out = out};
  put_info(&text, url);
  put_states(&text, snapshot->state);
  put_link(&text, snapshot);
  put_next_retry(&text, snapshot);
  put_messages(&text, &snapshot->metrics, buffered_bytes);
  put_round_trips(&text, &snapshot->metrics);
  put_last_error(&text, snapshot);
  return text.len;
}
