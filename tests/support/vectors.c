#include "vectors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 20

struct words {
  char text[512];
  char *word[WORDS_MAX];
  unsigned count;
};

static bool split(struct words *words, const char *line) {
  words->count = 0;
  if (strlen(line) >= sizeof words->text)
    return false;
  strcpy(words->text, line);
  char *save = NULL;
  for (char *w = strtok_r(words->text, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
    if (words->count == WORDS_MAX)
      return false;
    words->word[words->count++] = w;
  }
  return true;
}

static uint64_t number(const struct words *words, unsigned at) {
  if (at >= words->count || strcmp(words->word[at], "-") == 0)
    return SESSION_NEVER;
  return strtoull(words->word[at], NULL, 10);
}

static double real(const struct words *words, unsigned at) {
  return at < words->count ? strtod(words->word[at], NULL) : 0;
}

/* ---- what comes out ---- */

static void put_moment(FILE *out, uint64_t at_ms) {
  if (at_ms == SESSION_NEVER)
    fputs(" -", out);
  else
    fprintf(out, " %" PRIu64, at_ms);
}

static void put_fate(FILE *out, const struct session_action *a) {
  fprintf(out, "  fate %" PRIu64 " %s %s%s\n", a->fate.message->id, session_fate_name(a->fate.fate),
          session_drop_name(a->fate.drop), a->fate.final ? " final" : "");
}

static void put_state(FILE *out, const struct session_action *a) {
  fprintf(out, "  state %s %s %s\n", session_state_name(a->state.from),
          session_state_name(a->state.to), session_reason_name(a->state.reason));
}

static void put_failure(FILE *out, const char *word, const struct session_action *a) {
  fprintf(out, "  %s %s %u %d\n", word, failure_kind_name(a->failure.kind), a->failure.close_code,
          a->failure.retryable);
}

static void put_retry(FILE *out, const struct session_action *a) {
  fprintf(out, "  retry %" PRIu32 " %" PRIu32 " %" PRIu64 "\n", a->retry.attempt,
          a->retry.max_retries, a->retry.delay_ms);
}

static void put_link_action(FILE *out, const struct session_action *a) {
  static const char *const words[] = {
      [ACTION_DIAL] = "dial",   [ACTION_ABORT] = "abort", [ACTION_CLOSE] = "close",
      [ACTION_ASK] = "ask",     [ACTION_WRITE] = "write", [ACTION_OPENED] = "opened",
      [ACTION_ENDED] = "ended",
  };
  fprintf(out, "  %s %" PRIu32, words[a->kind], a->epoch);
  if (a->kind == ACTION_CLOSE)
    fprintf(out, " %u", a->close_code);
  if (a->kind == ACTION_WRITE)
    fprintf(out, " %" PRIu64, a->message->id);
  fputc('\n', out);
}

static void put_action(FILE *out, const struct session_action *a) {
  switch (a->kind) {
  case ACTION_STATE:
    put_state(out, a);
    return;
  case ACTION_LATE:
  case ACTION_ERROR:
    put_failure(out, a->kind == ACTION_LATE ? "late" : "error", a);
    return;
  case ACTION_RETRY:
    put_retry(out, a);
    return;
  case ACTION_FATE:
    put_fate(out, a);
    return;
  default:
    put_link_action(out, a);
  }
}

static void note(struct vectors *v, const struct session_action *a) {
  if (a->kind == ACTION_DIAL)
    v->epoch = a->epoch;
  if (a->kind == ACTION_OPENED) {
    v->is_asking = false;
    v->write_count = 0;
  }
  if (a->kind == ACTION_ASK)
    v->is_asking = true;
  if (a->kind == ACTION_WRITE && v->write_count < VECTORS_MESSAGES)
    v->writes[v->write_count++] = a->message->id;
}

static void take_actions(struct vectors *v, uint64_t now_ms) {
  struct session_action action;
  while (session_next_action(&v->session, now_ms, &action)) {
    note(v, &action);
    put_action(v->out, &action);
  }
  fputs("  =", v->out);
  put_moment(v->out, session_deadline(&v->session));
  put_moment(v->out, session_next_retry_at(&v->session));
  fprintf(v->out, " %" PRIu32 " %d\n", session_attempt(&v->session), session_is_open(&v->session));
}

/* ---- inputs ---- */

/* The numbers of `config`, in the order of the engine's init(). */
static void configure(struct vectors *v, const struct words *w) {
  const double seed = real(w, 1);
  v->config = (struct session_config){
      .backoff = {.max_retries = (uint32_t)real(w, 2),
                  .initial_delay_ms = (uint32_t)real(w, 3),
                  .max_delay_ms = (uint32_t)real(w, 4),
                  .multiplier = real(w, 5),
                  .jitter = (enum backoff_jitter)real(w, 6)},
      .stable_after_ms = (uint32_t)real(w, 7),
      .reconnect_on_normal_close = real(w, 8) != 0,
      .dialect = (enum heartbeat_dialect)real(w, 9),
      .heartbeat_interval_ms = (uint32_t)real(w, 10),
      .heartbeat_timeout_ms = (uint32_t)real(w, 11),
      .probe_timeout_ms = (uint32_t)real(w, 12),
      .close_timeout_ms = (uint32_t)real(w, 13),
      .hold_until_ready = real(w, 14) > 0,
      .ready_timeout_ms = (uint32_t)real(w, 14),
      .confirm = (enum session_confirm)real(w, 15),
      .in_flight = 256,
      .queue_limit = (uint32_t)real(w, 16),
      .queue_limit_bytes = (uint64_t)real(w, 17),
      .report_fates = real(w, 18) != 0,
  };
  session_init(&v->session, &v->config, (uint64_t)seed);
}

static struct failure read_failure(const struct words *w, unsigned at) {
  struct failure failure = {.retry_after_ms = SESSION_NEVER,
                            .close_code = (uint16_t)number(w, at + 1)};
  for (int kind = 0; kind < FAILURE_COUNT && at < w->count; kind++)
    if (strcmp(failure_kind_name((enum failure_kind)kind), w->word[at]) == 0)
      failure.kind = (enum failure_kind)kind;
  return failure;
}

static void lose(struct vectors *v, uint64_t now_ms, const struct words *w) {
  const struct failure failure = read_failure(w, 3);
  session_link_lost(&v->session, now_ms, (uint32_t)number(w, 2), &failure,
                    (enum failure_verdict)number(w, 5));
}

static void send_message(struct vectors *v, uint64_t now_ms, const struct words *w) {
  const uint64_t id = number(w, 2) % VECTORS_MESSAGES;
  v->messages[id] = (struct session_message){
      .id = id, .len = (uint32_t)number(w, 3), .expires_at_ms = number(w, 4)};
  fprintf(v->out, "  > %d\n", session_enqueue(&v->session, now_ms, &v->messages[id]));
}

static void write_message(struct vectors *v, uint64_t now_ms, const struct words *w) {
  session_written(&v->session, now_ms, (uint32_t)number(w, 2),
                  &v->messages[number(w, 3) % VECTORS_MESSAGES], number(w, 4));
}

static void reply(struct vectors *v, uint64_t now_ms, const struct words *w) {
  const bool has_time = number(w, 3) != SESSION_NEVER;
  const struct heartbeat_reply heartbeat = {
      .dialect = v->config.dialect,
      .has_server_time = has_time,
      .server_time_ms = has_time ? (int64_t)number(w, 3) : 0,
      .original_time_ms = has_time ? (int64_t)number(w, 4) : 0,
  };
  fprintf(v->out, "  > %d\n",
          session_heartbeat_reply(&v->session, now_ms * 1000, (uint32_t)number(w, 2), &heartbeat));
}

static void put_verdict(struct vectors *v, const struct words *w) {
  struct failure failure = read_failure(w, 2);
  failure.is_final = number(w, 4) == 1;
  fprintf(v->out, "  > %d\n",
          (int)failure_verdict(&failure, session_was_open(&v->session),
                               v->config.reconnect_on_normal_close));
}

/* backoff T maxDelay initial multiplier jitter attempt unit */
static void put_backoff(struct vectors *v, const struct words *w) {
  const struct backoff_config config = {.max_delay_ms = (uint32_t)real(w, 2),
                                        .initial_delay_ms = (uint32_t)real(w, 3),
                                        .multiplier = real(w, 4),
                                        .jitter = (enum backoff_jitter)real(w, 5)};
  fprintf(v->out, "  > %" PRIu64 "\n", backoff_delay(&config, (uint32_t)real(w, 6), real(w, 7), 0));
}

static void put_metrics(struct vectors *v, uint64_t now_ms) {
  struct session_metrics m;
  session_get_metrics(&v->session, now_ms, &m);
  const uint64_t all[] = {
      m.reconnects,  m.queued_messages, m.queued_bytes,      m.connection_duration_ms,
      m.messages_in, m.messages_out,    m.bytes_in,          m.bytes_out,
      m.dropped,     m.downtime_ms,     m.longest_outage_ms, m.rtt_last_us,
      m.rtt_min_us,  m.rtt_mean_us,     m.rtt_max_us};
  fputs("  >", v->out);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    fprintf(v->out, " %" PRIu64, all[i]);
  fprintf(v->out, " %" PRId64 "\n", m.clock_offset_ms);
}

static bool is(const struct words *w, const char *verb) {
  return strcmp(w->word[0], verb) == 0;
}

static bool ask_something(struct vectors *v, uint64_t now_ms, const struct words *w) {
  if (is(w, "verdict"))
    put_verdict(v, w);
  else if (is(w, "backoff"))
    put_backoff(v, w);
  else if (is(w, "metrics"))
    put_metrics(v, now_ms);
  else
    return false;
  return true;
}

static bool tell_wish(struct vectors *v, uint64_t now_ms, const struct words *w) {
  struct session *s = &v->session;
  if (is(w, "connect"))
    session_connect(s, now_ms);
  else if (is(w, "disconnect"))
    session_disconnect(s, now_ms);
  else if (is(w, "ready"))
    session_ready(s, now_ms);
  else if (is(w, "healthy"))
    session_healthy(s, now_ms);
  else if (is(w, "probe"))
    session_probe(s, now_ms);
  else if (is(w, "send"))
    send_message(v, now_ms, w);
  else if (is(w, "clear"))
    session_clear(s, now_ms);
  else
    return false;
  return true;
}

static bool tell_event(struct vectors *v, uint64_t now_ms, const struct words *w) {
  struct session *s = &v->session;
  if (is(w, "down"))
    session_network_down(s, now_ms);
  else if (is(w, "up"))
    session_network_up(s, now_ms);
  else if (is(w, "tick"))
    session_tick(s, now_ms);
  else if (is(w, "received"))
    session_received(s, number(w, 2), number(w, 3));
  else if (is(w, "sent"))
    session_sent(s, number(w, 2), number(w, 3));
  else
    return false;
  return true;
}

static bool tell_link(struct vectors *v, uint64_t now_ms, const struct words *w) {
  struct session *s = &v->session;
  const uint32_t epoch = (uint32_t)number(w, 2);
  if (is(w, "opened"))
    session_link_opened(s, now_ms, epoch);
  else if (is(w, "lost"))
    lose(v, now_ms, w);
  else if (is(w, "asked"))
    session_asked(s, now_ms * 1000, epoch, number(w, 3), number(w, 4));
  else if (is(w, "written"))
    write_message(v, now_ms, w);
  else if (is(w, "flushed"))
    session_flushed(s, now_ms, epoch, number(w, 3));
  else if (is(w, "writable"))
    session_writable(s, epoch, number(w, 3) == 1);
  else if (is(w, "reply"))
    reply(v, now_ms, w);
  else
    return false;
  return true;
}

static bool run(struct vectors *v, const struct words *w) {
  const uint64_t now_ms = number(w, 1);
  const uint8_t before = v->session.phase;
  if (!ask_something(v, now_ms, w) && !tell_wish(v, now_ms, w) && !tell_event(v, now_ms, w) &&
      !tell_link(v, now_ms, w))
    return false;
  const uint8_t after = v->session.phase;
  v->has_moved[before][after] = true;
  take_actions(v, now_ms);
  v->has_moved[after][v->session.phase] = true;
  return true;
}

bool vectors_line(struct vectors *v, const char *line) {
  struct words w;
  if (line[0] == ' ')
    return true;
  fprintf(v->out, "%s\n", line);
  if (!split(&w, line))
    return false;
  if (!w.count || line[0] == '#' || is(&w, "trace"))
    return true;
  if (is(&w, "config")) {
    configure(v, &w);
    return true;
  }
  return run(v, &w);
}
