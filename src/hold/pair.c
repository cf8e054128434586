/* The life of a pair. */
#include "internal.h"

#include "request.h"

#include <stdio.h>
#include <string.h>

#define OUTBOX_WAIT_MS 2000
#define OUTBOX_TICK_MS 20

/* ---- the end ---- */

static void free_pair(struct pair *pair) {
  struct hold *hold = pair->hold;
  if (pair->previous)
    pair->previous->next = pair->next;
  else
    hold->pairs = pair->next;
  if (pair->next)
    pair->next->previous = pair->previous;
  net_timer_unset(hold->loop, &pair->timer);
  net_loop_cancel_turn_end(hold->loop, &pair->turn_end);
  hold_log(hold, "conn=%llu closed taken=%llu given=%llu dropped=%llu",
           (unsigned long long)pair->number, (unsigned long long)pair->taken,
           (unsigned long long)pair->given, (unsigned long long)pair->dropped);
  memory_free(net_loop_memory(hold->loop), pair);
  hold_note_gone(hold);
}

static void log_waiting(const struct pair *pair) {
  limpet_snapshot s;
  limpet_get_snapshot(pair->client, &s, sizeof s);
  if (s.metrics.outbox_messages)
    hold_log(pair->hold, "conn=%llu %llu messages wait in the outbox %s",
             (unsigned long long)pair->number, (unsigned long long)s.metrics.outbox_messages,
             pair->hold->options->far.outbox);
}

static void stop_far(struct pair *pair) {
  if (pair->phase == PAIR_STOPPING)
    return;
  pair->phase = PAIR_STOPPING;
  if (!pair->client)
    return;
  log_waiting(pair);
  limpet_stop(pair->client, pair->hold->options->far.close_timeout_ms);
}

static void refuse(struct http_exchange *exchange, uint16_t status, const char *sentence) {
  static const char *const retry[] = {"Retry-After: 1", NULL};
  http_refuse(exchange, status, status == 502 ? "bad_gateway" : "unavailable", sentence,
              status == 503 ? retry : NULL);
}

static void refuse_pair(struct pair *pair, uint16_t status, const char *sentence) {
  struct http_exchange *exchange = pair->exchange;
  pair->exchange = NULL;
  hold_log(pair->hold, "conn=%llu refused status=%u %s", (unsigned long long)pair->number, status,
           sentence);
  refuse(exchange, status, sentence);
  stop_far(pair);
  pair_touch(pair);
}

/* [H3] [H4] */
static void pass_failure_on(struct pair *pair) {
  char sentence[LIMPET_DETAIL_CAP + 64];
  if (pair->exchange) {
    (void)snprintf(sentence, sizeof sentence, "the far side cannot be reached: %s", pair->detail);
    refuse_pair(pair, 502, sentence);
    return;
  }
  if (pair->close_code)
    local_close(pair, pair->close_code, pair->close_reason);
  else
    local_close(pair, 1011, pair->detail);
  stop_far(pair);
}

/* ---- draining ---- */

static void on_flushed(limpet_client *client, limpet_result result, void *user) {
  struct pair *pair = user;
  (void)client;
  (void)result;
  pair->is_drained = true;
  pair_touch(pair);
}

static void begin_drain(struct pair *pair) {
  pair->phase = PAIR_DRAINING;
  far_pause(pair, false);
  if (!pair->client || limpet_flush(pair->client, pair->hold->options->drain_timeout_ms, on_flushed,
                                    pair) != LIMPET_OK)
    pair->is_drained = true;
  pair_touch(pair);
}

void pair_local_gone(struct pair *pair) {
  pair->is_local_open = false;
  net_timer_unset(pair->hold->loop, &pair->timer);
  if (pair->phase == PAIR_OPEN)
    begin_drain(pair);
  else
    pair_touch(pair);
}

void pair_far_gone(struct pair *pair) {
  pair->client = NULL;
  pair->phase = PAIR_STOPPING;
  pair_touch(pair);
}

void pair_abandon(struct pair *pair) {
  refuse_pair(pair, 503, "nobody waits for the answer any more");
}

void pair_stop(struct pair *pair, bool is_late) {
  if (pair->exchange)
    refuse_pair(pair, 503, "the hold is stopping");
  local_close(pair, 1001, "the hold is stopping");
  if (pair->phase == PAIR_OPEN)
    begin_drain(pair);
  if (is_late) {
    local_drop(pair);
    stop_far(pair);
  }
}

/* ---- the end of a turn ---- */

static void on_turn_end(struct net_turn_end *hook) {
  struct pair *pair = (struct pair *)((char *)hook - offsetof(struct pair, turn_end));
  if (pair->has_failed && pair->phase != PAIR_STOPPING)
    pass_failure_on(pair);
  if (pair->is_drained && pair->phase == PAIR_DRAINING)
    stop_far(pair);
  local_update(pair);
  if (!pair->client && !pair->local && !pair->exchange)
    free_pair(pair);
}

void pair_touch(struct pair *pair) {
  pair->turn_end.run = on_turn_end;
  net_loop_at_turn_end(pair->hold->loop, &pair->turn_end);
}

/* ---- the beginning ---- */

static struct pair *join(struct hold *hold, struct http_exchange *exchange) {
  struct pair *pair = memory_alloc_zeroed(net_loop_memory(hold->loop), sizeof *pair);
  if (!pair)
    return NULL;
  pair->hold = hold;
  pair->exchange = exchange;
  pair->number = ++hold->last_number;
  pair->opened_at_ms = net_loop_now_ms(hold->loop);
  pair->next = hold->pairs;
  if (hold->pairs)
    hold->pairs->previous = pair;
  hold->pairs = pair;
  hold->count++;
  return pair;
}

static limpet_result make_client(struct pair *pair, struct request *request,
                                 char detail[LIMPET_DETAIL_CAP]) {
  char redacted[512];
  far_set_callbacks(pair, &request->far);
  pair->asks_subprotocol = request->asks_subprotocol;
  (void)limpet_url_redact(request->far.url, redacted, sizeof redacted);
  hold_log(pair->hold, "conn=%llu asked far=%s", (unsigned long long)pair->number, redacted);
  return limpet_new(&request->far, net_loop_uv(pair->hold->loop), &pair->client, detail);
}

static void on_retry(struct net_timer *timer);

/* A client that is CLOSED lets go of its outbox a moment later, on the outbox's own thread. */
static bool waits_for_outbox(struct pair *pair, limpet_result result) {
  const uint64_t now_ms = net_loop_now_ms(pair->hold->loop);
  pair->timer.fire = on_retry;
  return result == LIMPET_OUTBOX && now_ms - pair->opened_at_ms < OUTBOX_WAIT_MS &&
         net_timer_set(pair->hold->loop, &pair->timer, now_ms + OUTBOX_TICK_MS);
}

static void dial(struct pair *pair, struct request *request) {
  char detail[LIMPET_DETAIL_CAP] = "";
  const char *error = request_read(request, pair->hold->options, pair->exchange);
  if (error) {
    refuse_pair(pair, 502, error);
    return;
  }
  const limpet_result result = make_client(pair, request, detail);
  if (waits_for_outbox(pair, result))
    return;
  if (result != LIMPET_OK)
    refuse_pair(pair, result == LIMPET_INVALID_ARGUMENT ? 502 : 503, detail);
  else
    limpet_connect(pair->client);
}

static void begin(struct pair *pair) {
  struct request *request = memory_alloc(pair_memory(pair), sizeof *request);
  if (request)
    dial(pair, request);
  else
    refuse_pair(pair, 503, "no memory for a connection");
  memory_free(pair_memory(pair), request);
}

static void on_retry(struct net_timer *timer) {
  struct pair *pair = (struct pair *)((char *)timer - offsetof(struct pair, timer));
  if (pair->exchange)
    begin(pair);
}

void pair_begin(struct hold *hold, struct http_exchange *exchange) {
  struct pair *pair = join(hold, exchange);
  if (!pair) {
    refuse(exchange, 503, "no memory for a connection");
    return;
  }
  begin(pair);
  pair_touch(pair);
}
