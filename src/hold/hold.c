#include "internal.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#define HEAD_MAX ((size_t)16 * 1024)
#define REQUEST_TIMEOUT_MS 30000
#define SWEEP_MS 1000 /* who waits for the far side may have left */
#define STOP_TICK_MS 20
#define END_MS 1000 /* behind the deadline: for clients and answers that are on their way out */

void hold_log(const struct hold *hold, const char *format, ...) {
  char line[LINE_CAP];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  for (char *at = line; *at; at++)
    if ((unsigned char)*at < 0x20 || *at == 0x7F)
      *at = ' ';
  hold->options->log(line);
}

/* ---- requests ---- */

static void sweep(struct net_timer *timer);

static void plan_sweep(struct hold *hold) {
  hold->sweep.fire = sweep;
  (void)net_timer_set(hold->loop, &hold->sweep, net_loop_now_ms(hold->loop) + SWEEP_MS);
}

/* True: some still wait. */
static bool abandon_left(struct hold *hold) {
  bool is_any = false;
  for (struct pair *pair = hold->pairs, *next; pair; pair = next) {
    next = pair->next;
    if (pair->exchange && http_peer_has_left(pair->exchange))
      pair_abandon(pair);
    is_any = is_any || pair->exchange;
  }
  return is_any;
}

static void sweep(struct net_timer *timer) {
  struct hold *hold = (struct hold *)((char *)timer - offsetof(struct hold, sweep));
  if (abandon_left(hold))
    plan_sweep(hold);
}

/* A browser lets any page connect to this machine, and the far side may know us by our credentials.
 */
static bool is_allowed(const struct hold *hold, const char *origin) {
  for (const char *const *allowed = hold->options->origins; *allowed; allowed++)
    if (strcmp(*allowed, "*") == 0 || (origin && strcmp(*allowed, origin) == 0))
      return true;
  return !origin;
}

static void refuse_full(struct hold *hold, struct http_exchange *exchange, const char *sentence) {
  static const char *const retry[] = {"Retry-After: 1", NULL};
  hold_log(hold, "refused status=503 %s", sentence);
  http_refuse(exchange, 503, "unavailable", sentence, retry);
}

/* A program that has not read its last words yet has no far client, and thereby no outbox. */
static bool is_outbox_taken(const struct hold *hold) {
  for (const struct pair *pair = hold->pairs; pair; pair = pair->next)
    if (pair->client || pair->exchange)
      return true;
  return false;
}

/* Whoever comes back to its outbox need not wait until the last one's messages are through: they
   are kept. */
static void hurry(struct hold *hold) {
  for (struct pair *pair = hold->pairs; pair; pair = pair->next)
    if (pair->phase == PAIR_DRAINING) {
      pair->is_drained = true;
      pair_touch(pair);
    }
}

static void on_request(void *user, struct http_exchange *exchange) {
  struct hold *hold = user;
  (void)abandon_left(hold);
  if (!http_request(exchange)->head->is_upgrade) {
    http_refuse_upgrade(exchange, NULL);
  } else if (!is_allowed(hold, http_header(exchange, "Origin"))) {
    http_refuse(exchange, 403, "origin_not_allowed",
                "pages of this origin may not connect (see --allow-origin)", NULL);
  } else if (hold->is_stopping) {
    refuse_full(hold, exchange, "the hold is stopping");
  } else if (hold->options->far.outbox && is_outbox_taken(hold)) {
    hurry(hold);
    refuse_full(hold, exchange, "one connection at a time: the outbox has one owner");
  } else if (hold->count >= hold->options->max_connections) {
    refuse_full(hold, exchange, "too many connections");
  } else {
    pair_begin(hold, exchange);
    plan_sweep(hold);
  }
}

static void on_refused(void *user, uint16_t status, const char *sentence) {
  hold_log(user, "refused status=%u %s", status, sentence);
}

void hold_note_gone(struct hold *hold) {
  hold->count--;
}

/* ---- the start ---- */

static void fill_settings(struct hold *hold) {
  const struct hold_options *options = hold->options;
  hold->http_settings = (struct http_settings){
      .request_timeout_ms = REQUEST_TIMEOUT_MS,
      .idle_timeout_ms = REQUEST_TIMEOUT_MS,
      .max_head = HEAD_MAX,
      .max_connections = options->max_connections,
      .max_answers = (size_t)1024 * 1024,
  };
  hold->local_settings = (struct link_settings){
      .connect_timeout_ms = REQUEST_TIMEOUT_MS,
      .close_timeout_ms = CLOSE_MS,
      .max_message = options->far.max_message,
      .high_water = options->far.high_water,
  };
}

static void free_hold(struct hold *hold) {
  struct net_loop *loop = hold->loop;
  http_server_free(hold->http);
  net_timer_unset(loop, &hold->sweep);
  net_timer_unset(loop, &hold->stop_timer);
  memory_free(net_loop_memory(loop), hold);
  net_loop_release(loop);
}

static bool listen_there(struct hold *hold, char detail[HOLD_DETAIL_CAP]) {
  const struct http_handler handler = {on_request, on_refused, hold};
  hold->http = http_server_new(hold->loop, hold->options->listen, &hold->http_settings, &handler,
                               detail, HOLD_DETAIL_CAP);
  if (!hold->http)
    return false;
  const char *address = http_server_address(hold->http);
  (void)snprintf(hold->address, sizeof hold->address, "%s%s",
                 strncmp(address, "unix:", 5) == 0 ? "" : "ws://", address);
  return true;
}

struct hold *hold_new(struct net_loop *loop, const struct hold_options *options,
                      char detail[HOLD_DETAIL_CAP]) {
  struct hold *hold = memory_alloc_zeroed(net_loop_memory(loop), sizeof *hold);
  if (!hold) {
    (void)snprintf(detail, HOLD_DETAIL_CAP, "out of memory");
    return NULL;
  }
  hold->loop = loop;
  hold->options = options;
  net_loop_retain(loop);
  fill_settings(hold);
  if (listen_there(hold, detail))
    return hold;
  hold->http = NULL;
  net_timer_unset(loop, &hold->sweep);
  memory_free(net_loop_memory(loop), hold);
  net_loop_release(loop);
  return NULL;
}

const char *hold_address(const struct hold *hold) {
  return hold->address;
}

/* ---- looking ---- */

static const char *phase_name(enum pair_phase phase) {
  static const char *const names[] = {"dialing", "open", "draining", "stopping"};
  return names[phase];
}

static void dump_pair(const struct pair *pair, FILE *out) {
  limpet_snapshot s = {0};
  char status[160] = "gone", url[512] = "-";
  const uint64_t age_ms = net_loop_now_ms(pair->hold->loop) - pair->opened_at_ms;
  if (pair->client) {
    limpet_get_snapshot(pair->client, &s, sizeof s);
    limpet_status_text(pair->client, false, status, sizeof status);
    (void)limpet_url_redact(limpet_url(pair->client), url, sizeof url);
  }
  fprintf(out, "conn=%llu phase=%s age_s=%llu far=%s status=\"%s\"\n",
          (unsigned long long)pair->number, phase_name(pair->phase),
          (unsigned long long)(age_ms / 1000), url, status);
  fprintf(out,
          "  to far: taken=%llu queued=%u queued_bytes=%llu outbox=%llu dropped=%llu reading=%s\n",
          (unsigned long long)pair->taken, s.metrics.queued_messages,
          (unsigned long long)s.metrics.queued_bytes, (unsigned long long)s.metrics.outbox_messages,
          (unsigned long long)pair->dropped, pair->is_local_paused ? "paused" : "yes");
  fprintf(out, "  to program: given=%llu waiting_bytes=%llu reading=%s resume=%s\n",
          (unsigned long long)pair->given,
          (unsigned long long)(pair->local ? link_buffered(pair->local) : 0),
          pair->is_far_paused ? "paused" : "yes", pair->has_value ? pair->value : "-");
}

void hold_dump(const struct hold *hold, FILE *out) {
  fprintf(out, "hold %s: %u connections of at most %u\n", hold->address, hold->count,
          hold->options->max_connections);
  for (const struct pair *pair = hold->pairs; pair; pair = pair->next)
    dump_pair(pair, out);
  (void)fflush(out);
}

/* ---- stopping ---- */

static void finish(struct hold *hold) {
  void (*stopped)(void *user, uint64_t undelivered) = hold->stopped;
  void *user = hold->stopped_user;
  const uint64_t undelivered = hold->undelivered;
  free_hold(hold);
  stopped(user, undelivered);
}

static void stop_pairs(struct hold *hold, bool is_late) {
  for (struct pair *pair = hold->pairs, *next; pair; pair = next) {
    next = pair->next;
    pair_stop(pair, is_late);
  }
}

static void on_stop_tick(struct net_timer *timer) {
  struct hold *hold = (struct hold *)((char *)timer - offsetof(struct hold, stop_timer));
  const uint64_t now_ms = net_loop_now_ms(hold->loop);
  const bool is_late = now_ms >= hold->stop_at_ms;
  if (is_late)
    stop_pairs(hold, true);
  if (!hold->pairs && (http_server_count(hold->http) == 0 || now_ms >= hold->stop_at_ms + END_MS))
    finish(hold);
  else
    (void)net_timer_set(hold->loop, &hold->stop_timer, now_ms + STOP_TICK_MS);
}

void hold_stop(struct hold *hold, uint32_t deadline_ms,
               void (*stopped)(void *user, uint64_t undelivered), void *user) {
  assert(!hold->is_stopping);
  hold->is_stopping = true;
  hold->stopped = stopped;
  hold->stopped_user = user;
  hold->stop_at_ms = net_loop_now_ms(hold->loop) + deadline_ms;
  hold_log(hold, "stopping connections=%u", hold->count);
  http_server_stop(hold->http);
  stop_pairs(hold, false);
  hold->stop_timer.fire = on_stop_tick;
  (void)net_timer_set(hold->loop, &hold->stop_timer, net_loop_now_ms(hold->loop) + STOP_TICK_MS);
}
