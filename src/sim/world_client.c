/* The client's life: its process, its clocks, what the application does with it. */
#include "world.h"

#include <string.h>

uint64_t world_client_now(const struct world *w) {
  return w->now_ms - w->client.behind_ms;
}

int64_t world_client_wall(const struct world *w) {
  return (int64_t)w->now_ms + w->client.wall_offset_ms;
}

bool world_client_is_starved(struct world *w) {
  struct client *c = &w->client;
  if (!c->starved)
    return false;
  if (c->spared) {
    c->spared--;
    return false;
  }
  c->starved--;
  return true;
}

/* ---- the process ---- */

static void forget_session(struct client *c) {
  for (uint32_t i = 0; i < CLIENT_PARCELS; i++)
    c->parcels[i].is_held = false;
  c->is_closing = c->is_stopping = c->is_over = c->is_taking = c->has_verdict = false;
  c->is_paused = c->has_ticked = false;
  c->shadow = (struct shadow){0};
  c->pulse = (struct pulse){0};
  c->token_count = 0;
  c->dropped = 0;
  c->last_pushed = NULL;
  c->state = STATE_CLOSED;
  c->epoch = 0;
}

void world_client_start(struct world *w) {
  struct client *c = &w->client;
  forget_session(c);
  c->run++;
  c->is_up = true;
  c->up_at_ms = NET_NEVER;
  session_init(&c->session, &w->settings.session, w->settings.seed + c->run);
  if (w->net.is_away)
    session_network_down(&c->session, world_client_now(w));
}

void world_client_stop(struct world *w) {
  struct client *c = &w->client;
  c->is_stopping = true;
  session_disconnect(&c->session, world_client_now(w));
}

/* Nobody is told anything; what the kernel has may still arrive. */
static void lose_messages(struct world *w) {
  for (uint64_t number = 1; number < w->facts_count; number++) {
    struct fact *fact = world_fact(w, number);
    if (!fact->is_durable && fact->run == w->client.run && !fact->ended_in)
      fact->is_lost = true;
  }
}

void world_client_crash(struct world *w, uint32_t ms) {
  struct client *c = &w->client;
  c->item_count = 0; /* nothing comes back */
  world_link_drop(w, world_chance(w, 2));
  lose_messages(w);
  world_disk_crash(w);
  forget_session(c);
  c->is_up = false;
  c->busy_until_ms = 0;
  c->up_at_ms = w->now_ms + ms;
}

/* ---- messages ---- */

static bool may_send(const struct client *c) {
  return c->is_up && !c->is_stopping;
}

static void check_limits(struct world *w, enum session_state state,
                         const struct session_metrics *before) {
  struct session_metrics after;
  const struct session_config *config = &w->settings.session;
  session_get_metrics(&w->client.session, world_client_now(w), &after);
  if (state != STATE_CONNECTED)
    CHECK(after.queued_messages <= config->queue_limit ||
              after.queued_messages <= before->queued_messages,
          "the queue keeps to its limit");
  CHECK(after.queued_bytes <= config->queue_limit_bytes ||
            after.queued_bytes <= before->queued_bytes,
        "the queue keeps to its limit of bytes");
}

/* The oldest goes first: the newest only when nothing else can. Without a place a message has
   ended, and only waits to be given back. */
static void check_victim(struct world *w, const struct parcel *newest) {
  const struct client *c = &w->client;
  if (newest->message.drop != DROP_OVERFLOW)
    return;
  for (uint32_t i = 0; i < CLIENT_PARCELS; i++) {
    const struct parcel *p = &c->parcels[i];
    CHECK(!p->is_held || p->message.is_stored || !p->message.place,
          "at the limit the oldest goes first");
  }
}

static void enqueue(struct world *w, struct parcel *p, struct fact *fact) {
  struct client *c = &w->client;
  struct session_metrics before, after;
  const enum session_state state = session_get_state(&c->session);
  session_get_metrics(&c->session, world_client_now(w), &before);
  c->last_pushed = p;
  p->is_held = fact->was_accepted = session_enqueue(&c->session, world_client_now(w), &p->message);
  if (p->is_held) {
    check_limits(w, state, &before);
    check_victim(w, p);
    return;
  }
  fact->is_lost = true;
  fact->ended_in = c->run;
  session_get_metrics(&c->session, world_client_now(w), &after);
  CHECK(after.queued_messages == before.queued_messages, "what is refused changes nothing");
}

void world_client_send(struct world *w, uint32_t len, uint32_t ttl_ms, char key) {
  uint64_t number;
  if (!may_send(&w->client) || world_client_is_starved(w))
    return;
  struct fact *fact = world_new_fact(w, len, &number);
  struct parcel *p = fact ? world_driver_parcel(w, number, fact->order, len) : NULL;
  if (!fact)
    return;
  if (!p) {
    fact->is_lost = true;
    return;
  }
  if (ttl_ms)
    p->message.expires_at_ms = world_client_now(w) + ttl_ms;
  if (key && !w->client.is_taking) {
    p->key[0] = key;
    p->message.replace_key = p->key;
    p->message.replace_key_len = 1;
  }
  enqueue(w, p, fact);
}

void world_client_send_direct(struct world *w, uint32_t len) {
  struct client *c = &w->client;
  uint64_t number;
  if (!may_send(c) || !session_is_clear(&c->session) ||
      w->settings.session.confirm != CONFIRM_NONE || c->item_count > CLIENT_ITEMS / 2)
    return;
  CHECK(c->link == LINK_OPEN, "messages go out on an open link only");
  if (!world_link_is_fit(w))
    return;
  struct fact *fact = world_new_fact(w, len, &number);
  if (!fact)
    return;
  world_link_note_order(w, fact->order);
  world_link_put(w, c->item_count,
                 (struct item){.kind = NET_MESSAGE,
                               .is_direct = true,
                               .end = c->stream_end + len + CLIENT_HEAD_LEN,
                               .order = fact->order,
                               .number = number,
                               .len = len + CLIENT_HEAD_LEN});
}

/* The application is answered no, and knows it. */
void world_client_store(struct world *w, uint32_t len, uint32_t ttl_ms) {
  uint64_t number;
  const int64_t expires_at_wall_ms = ttl_ms ? world_client_wall(w) + ttl_ms : INT64_MAX;
  if (!may_send(&w->client) || w->settings.session.confirm == CONFIRM_NONE ||
      !session_takes_messages(&w->client.session))
    return;
  struct fact *fact = world_new_fact(w, len, &number);
  if (!fact)
    return;
  fact->is_durable = true;
  if (!world_disk_put(w, number, len, expires_at_wall_ms))
    fact->is_lost = true;
}

/* Wall clocks may jump; the time to live then runs on by the clock that does not. */
void world_client_feed(struct world *w, uint64_t number, uint32_t len, int64_t expires_at_wall_ms) {
  struct client *c = &w->client;
  if (c->link != LINK_OPEN)
    return;
  struct parcel *p =
      world_client_is_starved(w) ? NULL : world_driver_parcel(w, number, w->next_order, len);
  if (!p) {
    world_link_lose(w,
                    (struct failure){.kind = FAILURE_NO_MEMORY, .retry_after_ms = SESSION_NEVER});
    return;
  }
  w->next_order++;
  p->message.is_stored = true;
  if (expires_at_wall_ms != INT64_MAX) {
    const int64_t left_ms = expires_at_wall_ms - world_client_wall(w);
    p->message.expires_at_ms = world_client_now(w) + (left_ms > 0 ? (uint64_t)left_ms : 0);
  }
  p->is_held = session_enqueue(&c->session, world_client_now(w), &p->message);
}

/* ---- callbacks ---- */

void world_client_healthy(struct world *w) {
  world_shadow_healthy(w);
  session_healthy(&w->client.session, world_client_now(w));
}

void world_client_ready(struct world *w) {
  world_shadow_ready(w);
  session_ready(&w->client.session, world_client_now(w));
}

void world_client_probe(struct world *w) {
  world_pulse_probed(w);
  session_probe(&w->client.session, world_client_now(w));
}

void world_client_ask(struct world *w) {
  world_pulse_ask_now(w);
  session_ask(&w->client.session, world_client_now(w));
}

void world_client_pause(struct world *w, bool is_paused) {
  struct client *c = &w->client;
  if (c->is_paused && !is_paused)
    world_pulse_resumed(w);
  c->is_paused = is_paused;
  session_pause(&c->session, world_client_now(w), is_paused);
}

static void call_wish(struct world *w, uint64_t which) {
  struct session *s = &w->client.session;
  switch (which) {
  case 0:
    if (!w->client.is_stopping)
      session_connect(s, world_client_now(w));
    break;
  case 1:
    session_disconnect(s, world_client_now(w));
    CHECK(!session_is_open(s), "after disconnect nothing goes out");
    break;
  case 2:
    session_clear(s, world_client_now(w));
    break;
  case 3:
    world_client_probe(w);
    break;
  case 4:
    world_client_ready(w);
    break;
  default:
    world_client_healthy(w);
  }
}

/* A callback may call almost anything. */
void world_client_call_back(struct world *w) {
  if (!world_chance(w, 6) || w->client.is_over)
    return;
  const uint64_t which = world_random(w, 12);
  w->client.has_wish = true;
  if (which < 6)
    call_wish(w, which);
  else if (which == 6 && w->client.link == LINK_OPEN && world_chance(w, 4))
    world_link_lose(w, (struct failure){.kind = FAILURE_CONNECTION_LOST,
                                        .retry_after_ms = SESSION_NEVER}); /* writing failed */
  else if (which == 7)
    world_client_send_direct(w, 1 + (uint32_t)world_random(w, 60));
  else if (which == 8)
    world_client_store(w, (uint32_t)world_random(w, 60), 0);
  else
    world_client_send(w, (uint32_t)world_random(w, 60),
                      world_chance(w, 4) ? 1 + (uint32_t)world_random(w, 3000) : 0, 0);
}

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t later(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

/* When the answer to the dial comes; a server that hangs accepts, and says nothing. */
static uint64_t answer_at(const struct world *w) {
  const uint64_t at_ms = later(w->client.dial_at_ms, w->server.hang_until_ms);
  if (w->client.dial_at_ms == NET_NEVER)
    return NET_NEVER;
  return world_net_thawed(&w->net, NET_DOWN, world_net_thawed(&w->net, NET_UP, at_ms));
}

static uint64_t tick_at(const struct world *w) {
  const uint64_t at_ms = session_deadline(&w->client.session);
  return at_ms == SESSION_NEVER ? NET_NEVER : at_ms + w->client.behind_ms;
}

/* At once as long as the kernel has room, but for a part that is made to wait. */
static uint64_t flush_at(const struct world *w) {
  const struct client *c = &w->client;
  if (!c->item_count || !world_link_is_fit(w) || !world_net_has_room(w, c->conn, c->items[0].len))
    return NET_NEVER;
  return c->flush_at_ms == NET_NEVER ? w->now_ms : c->flush_at_ms;
}

uint64_t world_client_next_at(const struct world *w) {
  const struct client *c = &w->client;
  if (!c->is_up)
    return c->up_at_ms;
  uint64_t at_ms = earlier(world_disk_next_at(w), earlier(c->dial_by_ms, c->ends_at_ms));
  at_ms = earlier(at_ms, earlier(answer_at(w), earlier(flush_at(w), tick_at(w))));
  return at_ms == NET_NEVER ? NET_NEVER : later(at_ms, c->busy_until_ms);
}

/* Nothing was acknowledged for too long: on this link too, all goes again. */
static void tick(struct world *w) {
  struct client *c = &w->client;
  const bool had_flight = c->session.queue.in_flight;
  world_pulse_ticks(w);
  session_tick(&c->session, world_client_now(w));
  c->has_ticked = true;
  if (!had_flight || c->session.queue.in_flight || c->is_closing)
    return;
  world_pulse_sent_again(w);
  c->last_order = 0;
}

static void time_out(struct world *w) {
  world_link_lose(
      w, (struct failure){.kind = FAILURE_CONNECT_TIMEOUT, .retry_after_ms = SESSION_NEVER});
}

/* Timers last: none beats what has arrived. */
void world_client_run(struct world *w) {
  struct client *c = &w->client;
  if (!c->is_up) {
    world_client_start(w);
    c->has_wish = true;
    session_connect(&c->session, world_client_now(w));
  } else if (c->ends_at_ms <= w->now_ms) {
    world_link_lose(w, c->end);
  } else if (answer_at(w) <= w->now_ms) {
    world_link_answer_dial(w);
  } else if (c->dial_by_ms <= w->now_ms) {
    time_out(w);
  } else if (world_disk_next_at(w) <= w->now_ms) {
    world_disk_run(w);
  } else if (tick_at(w) <= w->now_ms) {
    tick(w);
  } else {
    world_link_flush(w);
  }
}
