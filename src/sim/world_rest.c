/* The end of a world: all faults stop, and what was promised must come true in time. */
#include "world.h"

#define SLACK_MS 3000 /* of round trips, disks and turns, when nothing is wrong with them */
#define RESTART_SPREAD_MS 5000
#define RETURN_SPREAD_MS 50

static void heal(struct world *w) {
  struct client *c = &w->client;
  w->is_calm = true;
  world_net_heal(&w->net, w->now_ms);
  world_server_heal(&w->server);
  w->disk.fail_count = 0;
  w->disk.latency_ms = w->server.latency_ms = 1;
  c->starved = 0;
  c->has_verdict = false;
  c->busy_until_ms = 0;
  if (!c->is_up) {
    c->up_at_ms = w->now_ms;
    return;
  }
  world_client_pause(w, false);
  session_network_up(&c->session, world_client_now(w));
}

static bool is_at_rest(const struct world *w) {
  const enum session_state state = session_get_state(&w->client.session);
  return state == STATE_CLOSED || state == STATE_ERROR || state == STATE_FAILED;
}

/* What an application does that wants to be connected. */
static void encourage(struct world *w) {
  struct client *c = &w->client;
  if (c->is_up && c->is_over)
    world_client_start(w);
  if (!c->is_up)
    return;
  c->has_wish = true;
  if (c->state == STATE_CONNECTED && c->is_closing && !c->is_stopping)
    session_connect(&c->session, world_client_now(w));
  if (is_at_rest(w) && !c->is_stopping)
    session_connect(&c->session, world_client_now(w));
  world_settle(w);
}

/* Until a dead link is noticed, one delay, one dial. */
static uint64_t reconnect_bound(const struct session_config *c) {
  const uint64_t delay_ms =
      (c->backoff.max_delay_ms + (uint64_t)c->backoff.retry_after_max_ms) * 3 / 2 +
      RESTART_SPREAD_MS;
  const uint64_t late_ms = (uint64_t)c->heartbeat_interval_ms + c->heartbeat_timeout_ms +
                           c->probe_timeout_ms + c->ready_timeout_ms;
  return late_ms + c->close_timeout_ms + c->connect_timeout_ms + delay_ms + RETURN_SPREAD_MS +
         SLACK_MS;
}

static uint64_t delivery_bound(const struct session_config *c) {
  return (uint64_t)2 * c->ack_timeout_ms + c->heartbeat_interval_ms + c->heartbeat_timeout_ms +
         SLACK_MS;
}

static bool is_connected(const struct world *w) {
  return w->client.is_up && session_is_open(&w->client.session) && world_link_is_fit(w);
}

static bool is_delivered(const struct world *w) {
  return is_connected(w) && !session_has_messages(&w->client.session) && !w->client.item_count &&
         !w->disk.count;
}

typedef bool condition(const struct world *w);

static bool come_to(struct world *w, condition *holds, uint64_t within_ms) {
  const uint64_t until_ms = w->now_ms + within_ms;
  encourage(w);
  while (!w->broken && !holds(w) && w->now_ms < until_ms) {
    const uint64_t at_ms = world_next_at(w);
    world_pass(w, (at_ms < until_ms ? at_ms : until_ms) - w->now_ms);
    encourage(w);
  }
  return holds(w);
}

/* A dead link may still look alive; a question shows it. What was acknowledged while the server
   forgot to say so goes again on the next link. */
static void deliver(struct world *w) {
  const struct session_config *config = &w->settings.session;
  CHECK(come_to(w, is_connected, reconnect_bound(config)),
        "a client comes back within its bound once faults are over");
  world_client_ready(w);
  world_client_probe(w);
  world_settle(w);
  world_pass(w, (uint64_t)config->probe_timeout_ms + config->heartbeat_timeout_ms + SLACK_MS);
  CHECK(come_to(w, is_connected, reconnect_bound(config)),
        "a client comes back within its bound once faults are over");
  if (come_to(w, is_delivered, delivery_bound(config)) || config->ack_timeout_ms)
    return;
  world_link_ended(w,
                   (struct failure){.kind = FAILURE_CONNECTION_LOST, .retry_after_ms = NET_NEVER});
  (void)come_to(w, is_connected, reconnect_bound(config));
  (void)come_to(w, is_delivered, delivery_bound(config));
}

static void close_down(struct world *w) {
  struct client *c = &w->client;
  const uint64_t bound_ms = w->settings.session.close_timeout_ms + SLACK_MS;
  session_disconnect(&c->session, world_client_now(w));
  world_settle(w);
  world_pass(w, bound_ms);
  CHECK(c->state == STATE_CLOSED, "a disconnect ends in CLOSED within close_timeout_ms");
  CHECK(!session_has_messages(&c->session), "CLOSED holds no message");
  CHECK(session_deadline(&c->session) == SESSION_NEVER, "CLOSED has no timer");
  for (uint32_t i = 0; i < CLIENT_PARCELS; i++)
    CHECK(!c->parcels[i].is_held, "CLOSED has given all messages back");
}

void world_rest(struct world *w) {
  world_trace(w, "all faults are over");
  heal(w);
  deliver(w);
  if (w->broken)
    return;
  CHECK(is_delivered(w), "all that waits is delivered once faults are over");
  world_check_promises(w);
  close_down(w);
}
