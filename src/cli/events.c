/* Events as text and as JSON. */
#include "events.h"
#include "json_text.h"

#include "cli.h"
#include "glyph.h"
#include "screen.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_CAP 1024 /* of what comes from the network */

static struct {
  enum event_format format;
  bool is_verbose;
  uint64_t start_ms;
} events;

void events_init(enum event_format format, bool is_verbose) {
  events.format = format;
  events.is_verbose = is_verbose;
  events.start_ms = limpet_now_ms();
}

/* Adds t_ms and writes the object as one line; what cannot be built for want of memory is left
   out. Takes the reference. False: nothing was written. */
static bool write_json(json_t *event) {
  json_object_set_new(event, "t_ms", json_integer((json_int_t)(limpet_now_ms() - events.start_ms)));
  char *line = json_text(event);
  if (line)
    fprintf(stderr, "%s\n", line);
  free(line);
  return line != NULL;
}

/* Paths need not be UTF-8, as JSON must be. */
static json_t *text_json(const char *text) {
  char clean[TEXT_CAP];
  glyph_copy(clean, sizeof clean, text);
  return json_string(clean);
}

static void write_text(enum screen_colour colour, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void write_text(enum screen_colour colour, const char *format, ...) {
  va_list arguments;
  fprintf(stderr, "%s[WebSocket] ", screen_colour(colour));
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, "%s\n", screen_colour(SCREEN_PLAIN));
}

void events_say(const char *format, ...) {
  va_list arguments;
  if (events.format == EVENTS_JSON)
    return;
  fputs("limpet: ", stderr);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

void events_state(limpet_state from, limpet_state to, limpet_reason reason) {
  const char *old = limpet_state_name(from), *now = limpet_state_name(to);
  if (events.format == EVENTS_TEXT)
    write_text(screen_state_colour(to), "State: %s → %s", old, now);
  else if (events.format == EVENTS_JSON)
    write_json(json_pack("{ss ss ss ss}", "event", "state", "from", old, "to", now, "reason",
                         limpet_reason_name(reason)));
}

void events_open(void) {
  if (events.format == EVENTS_TEXT)
    write_text(SCREEN_GREEN, "Connected");
}

static void set_unless_zero(json_t *event, const char *name, json_int_t value) {
  if (value)
    json_object_set_new(event, name, json_integer(value));
}

static void write_error_json(const limpet_error *error) {
  json_t *event = json_pack("{ss ss sb ss so}", "event", "error", "kind",
                            limpet_error_kind_name(error->kind), "retryable", error->retryable,
                            "message", error->message, "detail", text_json(error->detail));
  set_unless_zero(event, "close_code", error->close_code);
  set_unless_zero(event, "http_status", error->http_status);
  json_object_set_new(event, "url", json_string(error->endpoint));
  write_json(event);
}

/* The detail may be what a server said. */
void events_error(const limpet_error *error) {
  char clean[TEXT_CAP];
  glyph_copy(clean, sizeof clean, error->detail);
  if (events.format == EVENTS_TEXT)
    write_text(SCREEN_RED, "%s: %s", error->message, clean);
  else if (events.format == EVENTS_JSON)
    write_error_json(error);
}

void events_last_error(const limpet_error *error) {
  char clean[TEXT_CAP];
  glyph_copy(clean, sizeof clean, error->detail);
  (void)complain("%s: %s", error->message, clean);
}

static json_t *max_retries_json(uint32_t max_retries) {
  return max_retries == LIMPET_RETRY_FOREVER ? json_null() : json_integer(max_retries);
}

void events_retry(const limpet_retry *retry) {
  char of[16] = "";
  if (retry->max_retries != LIMPET_RETRY_FOREVER)
    (void)snprintf(of, sizeof of, "/%u", retry->max_retries);
  if (events.format == EVENTS_TEXT)
    write_text(SCREEN_YELLOW, "Reconnect attempt %u%s in %llums", retry->attempt, of,
               (unsigned long long)retry->delay_ms);
  else if (events.format == EVENTS_JSON)
    write_json(json_pack("{ss sI so sI}", "event", "retry", "attempt", (json_int_t)retry->attempt,
                         "max_retries", max_retries_json(retry->max_retries), "delay_ms",
                         (json_int_t)retry->delay_ms));
}

static void write_dropped_json(limpet_drop drop, json_int_t count) {
  write_json(json_pack("{ss ss sI}", "event", "dropped", "reason", limpet_drop_name(drop), "count",
                       count));
}

void events_dropped(limpet_drop drop, unsigned count) {
  const char *reason = limpet_drop_name(drop);
  if (events.format == EVENTS_TEXT)
    write_text(SCREEN_RED, "Dropped %u message%s (%s)", count, count == 1 ? "" : "s", reason);
  else if (events.format == EVENTS_JSON)
    write_dropped_json(drop, count);
}

void events_undelivered(unsigned long long count) {
  if (events.format == EVENTS_JSON)
    write_dropped_json(LIMPET_DROP_DISCONNECTED, (json_int_t)count);
  else
    events_say("%llu message%s not delivered", count, count == 1 ? " was" : "s were");
}

static bool end_in_json(const char *kind, const char *message, const char *detail) {
  return write_json(json_pack("{ss ss sb ss so}", "event", "error", "kind", kind, "retryable", 0,
                              "message", message, "detail", text_json(detail)));
}

/* A run does not end without a word: one that lacks memory for JSON says it in plain text. */
static void end_by(const char *kind, const char *message, const char *detail) {
  if (events.format != EVENTS_JSON || !end_in_json(kind, message, detail))
    (void)complain("%s", detail);
}

void events_unusable(const char *what) {
  end_by(limpet_error_kind_name(LIMPET_ERROR_INVALID_ARGUMENT), "Unusable input", what);
}

void events_gave_up(const char *why) {
  end_by(limpet_error_kind_name(LIMPET_ERROR_GAVE_UP), "Gave up reconnecting", why);
}

/* What a call refuses is called as an error of that kind is. */
void events_refused(limpet_result result, const char *detail) {
  end_by(limpet_result_name(result), limpet_result_text(result), detail);
}

void events_listening(const char *address) {
  if (events.format == EVENTS_JSON)
    write_json(json_pack("{ss so}", "event", "listening", "address", text_json(address)));
  else if (strncmp(address, "unix:", 5) == 0)
    events_say("metrics at %s", address);
  else
    events_say("metrics at http://%s/metrics", address);
}

void events_unready(const char *what) {
  if (events.format == EVENTS_TEXT)
    write_text(SCREEN_RED, "Not ready: %s", what);
  else if (events.format == EVENTS_JSON)
    write_json(json_pack("{ss ss sb ss so}", "event", "error", "kind",
                         limpet_error_kind_name(LIMPET_ERROR_INVALID_ARGUMENT), "retryable", 1,
                         "message", "Not ready", "detail", text_json(what)));
}

/* What a fact says is text, but for the one number among them. */
static json_t *fact_json(const limpet_fact *fact) {
  if (strcmp(fact->name, "status") == 0)
    return json_integer(strtol(fact->value, NULL, 10));
  return text_json(fact->value);
}

void events_check_passed(const char *step, const limpet_step_report *report) {
  if (events.format != EVENTS_JSON)
    return;
  json_t *event = json_pack("{ss ss sb sI}", "event", "check", "step", step, "ok", 1, "took_us",
                            (json_int_t)report->took_us);
  for (size_t i = 0; i < report->facts_count; i++)
    json_object_set_new(event, report->facts[i].name, fact_json(&report->facts[i]));
  write_json(event);
}

void events_check_failed(const char *step, const limpet_error *error, const char *advice) {
  if (events.format == EVENTS_JSON)
    write_json(json_pack("{ss ss sb ss so ss}", "event", "check", "step", step, "ok", 0, "kind",
                         limpet_error_kind_name(error->kind), "detail", text_json(error->detail),
                         "advice", advice));
}

void events_log(limpet_log_level level, const char *line) {
  char clean[TEXT_CAP];
  if (!events.is_verbose || events.format != EVENTS_TEXT || level < LIMPET_LOG_INFO)
    return;
  glyph_copy(clean, sizeof clean, line);
  write_text(SCREEN_DIM, "%s", clean);
}

void events_fate(const limpet_fate_report *report) {
  if (events.format != EVENTS_JSON || !report->message_id)
    return;
  json_t *event =
      json_pack("{ss ss ss sI}", "event", "fate", "id", report->message_id, "fate",
                limpet_fate_name(report->fate), "attempts", (json_int_t)report->attempts);
  if (report->fate == LIMPET_FATE_DROPPED)
    json_object_set_new(event, "reason", json_string(limpet_drop_name(report->drop)));
  write_json(event);
}

static void write_refusal_text(const char *code, const char *message) {
  char clean_code[TEXT_CAP], clean_message[TEXT_CAP];
  glyph_copy(clean_code, sizeof clean_code, code);
  glyph_copy(clean_message, sizeof clean_message, message);
  write_text(SCREEN_RED, "Relay: %s (%s)", clean_message, clean_code);
}

void events_refusal(const char *code, const char *message, const char *id) {
  if (events.format == EVENTS_TEXT)
    write_refusal_text(code, message);
  else if (events.format == EVENTS_JSON)
    write_json(json_pack("{ss ss ss ss?}", "event", "relay_error", "code", code, "message", message,
                         "id", id));
}

static json_t *rtt_json(const limpet_metrics *m) {
  return json_pack("{sI sI sI sI}", "last", (json_int_t)m->rtt_last_us / 1000, "min",
                   (json_int_t)m->rtt_min_us / 1000, "mean", (json_int_t)m->rtt_mean_us / 1000,
                   "max", (json_int_t)m->rtt_max_us / 1000);
}

static json_t *last_error_json(const limpet_snapshot *s) {
  if (s->last_error == LIMPET_ERROR_NONE)
    return json_null();
  return json_pack("{ss so}", "kind", limpet_error_kind_name(s->last_error), "detail",
                   text_json(s->last_error_detail));
}

static void add_counts(json_t *event, const limpet_metrics *m) {
  const struct {
    const char *name;
    uint64_t value;
  } counts[] = {
      {"messages_in", m->messages_in},
      {"messages_out", m->messages_out},
      {"bytes_in", m->bytes_in},
      {"bytes_out", m->bytes_out},
      {"dropped", m->dropped},
      {"downtime_ms", m->downtime_ms},
      {"longest_outage_ms", m->longest_outage_ms},
      {"outbox_messages", m->outbox_messages},
      {"outbox_bytes", m->outbox_bytes},
  };
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
    json_object_set_new(event, counts[i].name, json_integer((json_int_t)counts[i].value));
}

static json_t *next_retry_json(const limpet_snapshot *s) {
  if (s->next_retry_at_ms == LIMPET_NEVER)
    return json_null();
  return json_integer(
      s->next_retry_at_ms > s->now_ms ? (json_int_t)(s->next_retry_at_ms - s->now_ms) : 0);
}

void events_metrics(limpet_client *client) {
  char url[1024];
  limpet_snapshot s;
  if (events.format != EVENTS_JSON)
    return;
  limpet_get_snapshot(client, &s, sizeof s);
  (void)limpet_url_redact(limpet_url(client), url, sizeof url);
  json_t *event = json_pack(
      "{ss ss sb sI sI sI ss sI so so}", "event", "metrics", "state", limpet_state_name(s.state),
      "connected", s.state == LIMPET_CONNECTED, "reconnects", (json_int_t)s.metrics.reconnects,
      "queued_messages", (json_int_t)s.metrics.queued_messages, "connection_duration_ms",
      (json_int_t)s.metrics.connection_duration_ms, "url", url, "attempt", (json_int_t)s.attempt,
      "next_retry_ms", next_retry_json(&s), "rtt_ms", rtt_json(&s.metrics));
  add_counts(event, &s.metrics);
  json_object_set_new(event, "last_error", last_error_json(&s));
  write_json(event);
}
