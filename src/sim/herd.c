/*
 * One event a client is ever awaited: its dial reaches the service, or its delay is over. They wait
 * in a list for each millisecond, so that a million clients cost no sorting.
 */
#include "herd.h"

#include "random.h"

#define CUT_AT_MS 1
/* The service saves up at most this much time's connections while nobody comes. */
#define CREDIT_SAVED_MS 100
#define CREDIT_ONE 1000

static const struct session_config config_base = {
    .stable_after_ms = 5000,
    .reconnect_on_normal_close = true,
    .dialect = DIALECT_WEBSOCKET,
    .heartbeat_interval_ms = 30000,
    .heartbeat_timeout_ms = 10000,
    .probe_timeout_ms = 2000,
    .connect_timeout_ms = 10000,
    .close_timeout_ms = 3000,
    .in_flight = 256,
    .queue_limit = 100,
    .queue_limit_bytes = 1 << 20,
};

/* ---- the calendar ---- */

static uint64_t end_ms(const struct herd *herd) {
  return (uint64_t)herd->options->seconds_count * 1000;
}

/* What lies beyond the end is not awaited. */
static void await(struct herd *herd, uint32_t index, uint64_t at_ms) {
  if (at_ms >= end_ms(herd))
    return;
  herd->clients[index].next = herd->firsts[at_ms];
  herd->firsts[at_ms] = index;
}

static uint64_t draw_latency(struct herd *herd) {
  return (uint64_t)(herd->options->latency_ms * random_unit(&herd->random));
}

/* ---- clients ---- */

/* Carries out what the session decided, and awaits what comes next for it. */
static void follow(struct herd *herd, uint32_t index, uint64_t now_ms) {
  struct session *s = &herd->clients[index].session;
  struct session_action action;
  while (session_next_action(s, now_ms, &action))
    ;
  if (session_get_state(s) == STATE_FAILED)
    herd->gave_up++;
  else if (session_is_dialing(s))
    await(herd, index, now_ms + 1 + draw_latency(herd));
  else if (!session_is_open(s)) {
    const uint64_t due_ms = session_deadline(s);
    await(herd, index, due_ms > now_ms ? due_ms : now_ms + 1);
  }
}

static void lose(struct herd *herd, uint32_t index, uint64_t now_ms,
                 const struct failure *failure) {
  struct session *s = &herd->clients[index].session;
  session_link_lost(s, now_ms, s->epoch, failure,
                    failure_verdict(failure, session_was_open(s), true));
  follow(herd, index, now_ms);
}

static void start_client(struct herd *herd, uint32_t index) {
  struct session *s = &herd->clients[index].session;
  struct session_action action;
  session_init(s, &herd->config, random_next(&herd->random));
  session_connect(s, 0);
  while (session_next_action(s, 0, &action))
    ;
  session_link_opened(s, 0, s->epoch);
  while (session_next_action(s, 0, &action))
    ;
}

/* ---- the service ---- */

static bool takes_one(struct herd *herd, uint64_t now_ms) {
  if (now_ms < CUT_AT_MS + (uint64_t)herd->options->outage_ms)
    return false;
  if (!herd->options->capacity)
    return true;
  if (herd->credit < CREDIT_ONE)
    return false;
  herd->credit -= CREDIT_ONE;
  return true;
}

static void earn_credit(struct herd *herd) {
  const uint64_t capacity = herd->options->capacity;
  const uint64_t saved = capacity * CREDIT_SAVED_MS;
  const uint64_t most = saved > CREDIT_ONE ? saved : CREDIT_ONE;
  herd->credit += capacity;
  if (herd->credit > most)
    herd->credit = most;
}

static struct failure cut_failure(const struct herd_options *options) {
  struct failure failure = {.kind = FAILURE_CONNECTION_LOST, .retry_after_ms = SESSION_NEVER};
  if (options->service == HERD_SAYS_RESTART) {
    failure.kind = FAILURE_CLOSED_BY_PEER;
    failure.close_code = 1012;
  }
  return failure;
}

static struct failure dial_failure(const struct herd_options *options) {
  struct failure failure = {.kind = FAILURE_CONNECT_REFUSED, .retry_after_ms = SESSION_NEVER};
  if (options->service == HERD_HINTS) {
    failure.kind = FAILURE_HTTP_STATUS;
    failure.http_status = 503;
    failure.retry_after_ms = options->retry_after_ms;
  }
  return failure;
}

static void receive_dial(struct herd *herd, uint32_t index, uint64_t now_ms) {
  struct session *s = &herd->clients[index].session;
  struct herd_second *second = &herd->seconds[now_ms / 1000];
  second->dials++;
  if (!takes_one(herd, now_ms)) {
    const struct failure failure = dial_failure(herd->options);
    lose(herd, index, now_ms, &failure);
    return;
  }
  second->accepted++;
  herd->connected++;
  session_link_opened(s, now_ms, s->epoch);
  follow(herd, index, now_ms);
}

/* ---- the run ---- */

static void run_client(struct herd *herd, uint32_t index, uint64_t now_ms) {
  struct session *s = &herd->clients[index].session;
  if (session_is_dialing(s)) {
    receive_dial(herd, index, now_ms);
    return;
  }
  session_tick(s, now_ms);
  follow(herd, index, now_ms);
}

static void run_millisecond(struct herd *herd, uint64_t now_ms) {
  uint32_t index = herd->firsts[now_ms];
  earn_credit(herd);
  while (index < herd->options->clients_count) {
    const uint32_t next = herd->clients[index].next;
    run_client(herd, index, now_ms);
    index = next;
  }
  herd->seconds[now_ms / 1000].connected = herd->connected;
}

static void cut_all(struct herd *herd) {
  const struct failure failure = cut_failure(herd->options);
  for (uint32_t i = 0; i < herd->options->clients_count; i++)
    start_client(herd, i);
  for (uint32_t i = 0; i < herd->options->clients_count; i++)
    lose(herd, i, CUT_AT_MS, &failure);
}

void herd_run(struct herd *herd, const struct herd_options *options) {
  herd->options = options;
  herd->config = config_base;
  herd->config.backoff = options->backoff;
  herd->random = options->seed;
  herd->credit = herd->connected = herd->gave_up = 0;
  for (uint64_t ms = 0; ms < end_ms(herd); ms++)
    herd->firsts[ms] = options->clients_count;
  for (uint32_t i = 0; i < options->seconds_count; i++)
    herd->seconds[i] = (struct herd_second){0};
  cut_all(herd);
  for (uint64_t ms = CUT_AT_MS + 1; ms < end_ms(herd); ms++)
    run_millisecond(herd, ms);
}

/* ---- the result ---- */

static uint32_t connected_at(const struct herd *herd, uint64_t wanted) {
  const uint32_t back_s = herd->options->outage_ms / 1000;
  for (uint32_t i = 0; i < herd->options->seconds_count; i++)
    if (herd->seconds[i].connected >= wanted)
      return i + 1 > back_s ? i + 1 - back_s : 0;
  return UINT32_MAX;
}

void herd_summarise(const struct herd *herd, struct herd_summary *summary) {
  const uint64_t count = herd->options->clients_count;
  const uint32_t back_s = herd->options->outage_ms / 1000;
  *summary = (struct herd_summary){.connected = herd->connected, .gave_up = herd->gave_up};
  for (uint32_t i = 0; i < herd->options->seconds_count; i++) {
    const struct herd_second *second = &herd->seconds[i];
    summary->dials += second->dials;
    if (i < back_s)
      continue;
    summary->turned_away += second->dials - second->accepted;
    if (second->dials > summary->peak)
      summary->peak = second->dials;
  }
  summary->half_at = connected_at(herd, (count + 1) / 2);
  summary->all_but_1_percent_at = connected_at(herd, count - count / 100);
  summary->all_at = connected_at(herd, count);
}
