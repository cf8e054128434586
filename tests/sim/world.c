/* The steps of a world, and what must hold after each. */
#include "world_driver.h"

#include <string.h>

/* ---- reports: their order is a language ---- */

/* D dial, A abort, L late, C close, O opened, N ended, E error, G gave up, R retry; a state by its
   number: 0 closed, 1 connecting, 2 connected, 3 disconnected,
   4 reconnecting, 5 waiting for network, 6 error, 7 failed. */
static const char *const phrases[] = {
    "1D",                        /* connect from rest */
    "D",                         /* delay over, or try now */
    "4D",    "1D",               /* try now while offline */
    "O2",                        /* opened */
    "EN3R4", "E3R4", "ER",       /* a loss: of a link, of the first dial, of a redial */
    "EN3G7", "E3G7", "EG7",      /* the last one */
    "EN36",  "E6",               /* critical */
    "EN35",  "E5",               /* offline */
    "L",                         /* the link is given up; a loss follows */
    "C",                         /* disconnect with a link */
    "N0",    "AN0",  "A0",  "0", /* its end; at the timeout; while dialing; at rest */
    "5",     "A5",               /* the network went */
    "4",     "1",                /* and came back */
};

static bool is_sentence(const char *tokens, size_t len) {
  if (!len)
    return true;
  for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
    const size_t phrase_len = strlen(phrases[i]);
    if (phrase_len <= len && memcmp(tokens, phrases[i], phrase_len) == 0 &&
        is_sentence(tokens + phrase_len, len - phrase_len))
      return true;
  }
  return false;
}

/* ---- steps ---- */

/* Nothing was acknowledged for too long: on this link too, all goes again. */
static void tick(struct world *w) {
  const bool had_flight = w->session.queue.in_flight;
  session_tick(&w->session, w->now_ms);
  if (!had_flight || w->session.queue.in_flight || w->is_closing)
    return;
  CHECK(w->config.confirm == CONFIRM_ACK);
  w->last_order = 0;
}

static void pass_time(struct world *w) {
  const uint64_t deadline = session_deadline(&w->session);
  static const uint64_t spans[] = {2, 50, 1000, 20000};
  uint64_t at = w->now_ms + world_random(w, spans[world_random(w, 4)]);
  CHECK(deadline >= w->now_ms);
  if (deadline != SESSION_NEVER && (at > deadline || world_chance(w, 3)))
    at = deadline;
  w->now_ms = at;
  if (at == deadline)
    tick(w);
}

static void use_link(struct world *w) {
  switch (world_random(w, 12)) {
  case 0:
    if (world_chance(w, 3))
      driver_lose(w, driver_random_failure(w));
    break;
  case 1:
    w->is_writable = w->item_count < WORLD_ITEMS / 2 && !w->is_writable;
    session_writable(&w->session, w->epoch, w->is_writable);
    break;
  case 2:
    session_frame_progress(&w->session, w->now_ms, w->epoch, world_random(w, 1500));
    break;
  case 3:
  case 4:
    driver_reply(w);
    driver_ack(w);
    break;
  case 5:
  case 6:
  case 7:
    driver_peer_reads(w);
    break;
  default:
    driver_flush(w);
  }
}

static void use_dial(struct world *w) {
  if (world_chance(w, 2))
    driver_open(w);
  else
    driver_lose(w, driver_random_failure(w));
}

/* Events of a link that is gone must change nothing. */
static void call_from_the_past(struct world *w) {
  const struct failure failure = {.kind = FAILURE_CONNECTION_LOST};
  const struct heartbeat_reply r = {.dialect = w->config.dialect};
  unsigned char before[sizeof w->session];
  const uint32_t epoch = w->epoch - 1;
  memcpy(before, &w->session, sizeof before);
  session_link_opened(&w->session, w->now_ms, epoch);
  session_link_lost(&w->session, w->now_ms, epoch, &failure, VERDICT_BACK_OFF);
  session_flushed(&w->session, w->now_ms, epoch, 1000000);
  session_asked(&w->session, w->now_ms, epoch, 1, 2);
  session_stream_shifted(&w->session, epoch, 0, 5);
  session_writable(&w->session, epoch, !w->is_writable);
  session_heartbeat_reply(&w->session, w->now_ms * 1000, epoch, &r);
  session_frame_progress(&w->session, w->now_ms, epoch, 100);
  session_acked(&w->session, w->now_ms, epoch, w->parcels[0].id, 1);
  CHECK(memcmp(before, (const unsigned char *)&w->session, sizeof before) == 0);
}

static void use_application(struct world *w) {
  switch (world_random(w, 16)) {
  case 0:
    if (world_chance(w, 4))
      session_disconnect(&w->session, w->now_ms);
    break;
  case 1:
    if (world_chance(w, 4))
      session_clear(&w->session, w->now_ms);
    break;
  case 2:
    session_probe(&w->session, w->now_ms);
    break;
  case 3:
    session_healthy(&w->session, w->now_ms);
    break;
  case 4:
    session_ready(&w->session, w->now_ms);
    break;
  case 5:
    if (world_chance(w, 3))
      session_network_down(&w->session, w->now_ms);
    break;
  case 6:
    session_network_up(&w->session, w->now_ms);
    break;
  case 7:
    session_connect(&w->session, w->now_ms);
    break;
  case 8:
    call_from_the_past(w);
    break;
  case 9:
  case 10:
    driver_send_direct(w);
    break;
  default:
    driver_push(w);
  }
}

static void check_world(struct world *w) {
  struct session_metrics m;
  const char *fault = session_fault(&w->session, w->now_ms);
  if (fault)
    world_fail(w, fault);
  CHECK(is_sentence(w->tokens, w->token_count));
  CHECK(session_get_state(&w->session) == w->state && w->state != STATE_DISCONNECTED);
  CHECK((w->link == LINK_OPEN) == (w->state == STATE_CONNECTED));
  CHECK(session_is_open(&w->session) == (w->link == LINK_OPEN && !w->is_closing));
  CHECK(w->state == STATE_RECONNECTING || w->state == STATE_CONNECTING ||
        session_next_retry_at(&w->session) == SESSION_NEVER);
  session_get_metrics(&w->session, w->now_ms, &m);
  CHECK(m.dropped == w->dropped);
  CHECK(m.longest_outage_ms <= m.downtime_ms);
  CHECK(m.rtt_min_us <= m.rtt_mean_us && m.rtt_mean_us <= m.rtt_max_us);
}

void world_step(struct world *w) {
  w->token_count = 0;
  w->step++;
  w->events++;
  const uint64_t what = world_random(w, 10);
  if (what < 3)
    pass_time(w);
  else if (what < 6)
    use_application(w);
  else if (w->link == LINK_OPEN)
    use_link(w);
  else if (w->link == LINK_DIALING)
    use_dial(w);
  else
    pass_time(w);
  driver_take_actions(w);
  check_world(w);
}

static unsigned held_count(const struct world *w) {
  unsigned count = 0;
  for (unsigned i = 0; i < WORLD_PARCELS; i++)
    count += w->parcels[i].is_held;
  return count;
}

void world_end(struct world *w) {
  for (int turn = 0; turn < 1000 && (w->state != STATE_CLOSED || held_count(w)); turn++) {
    session_disconnect(&w->session, w->now_ms);
    driver_take_actions(w);
    if (w->link == LINK_OPEN)
      driver_lose(w, driver_random_failure(w));
    driver_take_actions(w);
    w->token_count = 0;
  }
  CHECK(w->state == STATE_CLOSED && held_count(w) == 0);
  CHECK(!session_has_messages(&w->session));
  CHECK(session_deadline(&w->session) == SESSION_NEVER);
}

static void choose_config(struct world *w) {
  struct session_config *c = &w->config;
  static const uint32_t retries[] = {0, 1, 3, 10, BACKOFF_FOREVER};
  c->backoff = (struct backoff_config){
      .max_retries = retries[world_random(w, 5)],
      .initial_delay_ms = 1 + (uint32_t)world_random(w, 2000),
      .max_delay_ms = 2000 + (uint32_t)world_random(w, 10000),
      .retry_after_max_ms = (uint32_t)world_random(w, 10000),
      .multiplier = 1.0 + (double)world_random(w, 100) / 50,
      .jitter = (enum backoff_jitter)world_random(w, 4),
  };
  c->stable_after_ms = (uint32_t)world_random(w, 3) * 1000;
  c->reconnect_on_normal_close = world_chance(w, 2);
  c->dialect = (enum heartbeat_dialect)world_random(w, 4);
  c->heartbeat_interval_ms = 1000 + (uint32_t)world_random(w, 3000);
  c->heartbeat_timeout_ms = 100 + (uint32_t)world_random(w, 900);
  c->probe_timeout_ms = 50 + (uint32_t)world_random(w, 500);
  c->connect_timeout_ms = 100 + (uint32_t)world_random(w, 1000);
  c->close_timeout_ms = 10 + (uint32_t)world_random(w, 1000);
  c->hold_until_ready = world_chance(w, 3);
  c->ready_timeout_ms = 100 + (uint32_t)world_random(w, 2000);
  c->confirm = (enum session_confirm)world_random(w, 3);
  c->ack_timeout_ms = (uint32_t)world_random(w, 4) * 500;
  c->in_flight = 1 + (uint32_t)world_random(w, 20);
  c->queue_limit = (uint32_t)world_random(w, 20);
  c->queue_limit_bytes = 100 + world_random(w, 1000);
  c->report_fates = world_chance(w, 2);
}

static void begin(struct world *w, uint64_t seed) {
  w->seed = w->random = seed;
  w->now_ms = world_random(w, 100000);
  w->next_order = 1;
  choose_config(w);
  session_init(&w->session, &w->config, seed);
}

void world_init(struct world *w, uint64_t seed) {
  memset(w, 0, sizeof *w);
  begin(w, seed);
}

void world_init_choices(struct world *w, const uint8_t *choices, size_t count) {
  memset(w, 0, sizeof *w);
  w->choices = choices;
  w->choices_left = count;
  begin(w, 0);
}
