#include "world_net.h"

#include "world.h"

#include <string.h>

/* ---- connections ---- */

static struct net_conn *place(struct net *net) {
  struct net_conn *oldest = NULL;
  for (int i = 0; i < NET_CONNS; i++) {
    struct net_conn *conn = &net->conns[i];
    if (!conn->has_client && !conn->has_server)
      return conn;
    if (!conn->has_client && (!oldest || conn->born < oldest->born))
      oldest = conn;
  }
  return oldest; /* of one client at most one has it */
}

static void clear_pipe(struct net_pipe *pipe) {
  pipe->first = pipe->count = 0;
  pipe->bytes = pipe->last_ms = 0;
  pipe->cut_after = NET_NEVER;
}

struct net_conn *world_net_connect(struct world *w) {
  struct net_conn *conn = place(&w->net);
  conn->has_client = conn->has_server = true;
  conn->is_lost = false;
  conn->born = ++w->net.born;
  clear_pipe(&conn->pipes[NET_UP]);
  clear_pipe(&conn->pipes[NET_DOWN]);
  return conn;
}

void world_net_leave(struct net_conn *conn, bool is_reset) {
  conn->has_client = false;
  conn->pipes[NET_DOWN].count = 0;
  if (is_reset || conn->is_lost || !conn->pipes[NET_UP].count)
    conn->has_server = false; /* nothing more will come of it */
}

/* ---- pipes ---- */

bool world_net_has_room(const struct world *w, const struct net_conn *conn, uint32_t len) {
  const struct net_pipe *pipe = &conn->pipes[NET_UP];
  return pipe->count < NET_FRAMES && pipe->bytes + len <= w->settings.kernel_bytes;
}

static uint64_t later(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t draw_arrival(struct world *w, const struct net_pipe *pipe, uint32_t len) {
  const struct net *net = &w->net;
  uint64_t sent_ms = w->now_ms;
  if (w->now_ms < net->slow_until_ms) /* the rest goes at once when the throttle is over */
    sent_ms = earlier(later(sent_ms, pipe->last_ms) + (uint64_t)len * 1000 / net->rate,
                      net->slow_until_ms);
  return later(pipe->last_ms, sent_ms + net->delay_ms +
                                  (net->jitter_ms ? world_random(w, net->jitter_ms + 1) : 0));
}

bool world_net_put(struct world *w, struct net_conn *conn, enum net_way way,
                   struct net_frame frame) {
  struct net_pipe *pipe = &conn->pipes[way];
  if (pipe->count == NET_FRAMES)
    return false;
  if (pipe->cut_after != NET_NEVER && frame.len > pipe->cut_after)
    frame.kind = NET_BROKEN;
  else if (pipe->cut_after != NET_NEVER)
    pipe->cut_after -= frame.len;
  frame.arrives_at_ms = pipe->last_ms = draw_arrival(w, pipe, frame.len);
  pipe->frames[(pipe->first + pipe->count++) % NET_FRAMES] = frame;
  pipe->bytes += frame.len;
  return true;
}

static struct net_frame take(struct net_pipe *pipe) {
  const struct net_frame frame = pipe->frames[pipe->first];
  pipe->first = (pipe->first + 1) % NET_FRAMES;
  pipe->count--;
  pipe->bytes -= frame.len;
  return frame;
}

/* ---- arrivals ---- */

uint64_t world_net_thawed(const struct net *net, enum net_way way, uint64_t at_ms) {
  return net->is_away ? NET_NEVER : later(at_ms, net->frozen_until_ms[way]);
}

/* Whoever reads may not be able to just now. */
static uint64_t reader_ready(const struct world *w, enum net_way way) {
  return way == NET_UP         ? later(w->server.hang_until_ms, w->server.down_until_ms)
         : w->client.is_paused ? NET_NEVER
                               : w->client.busy_until_ms;
}

static uint64_t pipe_next_at(const struct world *w, const struct net_conn *conn, enum net_way way) {
  const struct net_pipe *pipe = &conn->pipes[way];
  if (!pipe->count || conn->is_lost || !(way == NET_UP ? conn->has_server : conn->has_client))
    return NET_NEVER;
  const uint64_t at_ms = pipe->frames[pipe->first].arrives_at_ms;
  return world_net_thawed(&w->net, way, later(at_ms, reader_ready(w, way)));
}

static uint64_t first_pipe(const struct world *w, int *index, enum net_way *way) {
  uint64_t first_ms = NET_NEVER;
  for (int i = 0; i < NET_CONNS; i++)
    for (int each = NET_UP; each < NET_WAYS; each++) {
      const uint64_t at_ms = pipe_next_at(w, &w->net.conns[i], (enum net_way)each);
      if (at_ms >= first_ms)
        continue;
      first_ms = at_ms;
      *index = i;
      *way = (enum net_way)each;
    }
  return first_ms;
}

uint64_t world_net_next_at(const struct world *w) {
  int index;
  enum net_way way;
  return first_pipe(w, &index, &way);
}

static void break_off(struct world *w, struct net_conn *conn) {
  conn->has_server = false;
  if (conn->has_client)
    world_link_ended(
        w, (struct failure){.kind = FAILURE_CONNECTION_LOST, .retry_after_ms = NET_NEVER});
}

void world_net_deliver(struct world *w) {
  int index;
  enum net_way way;
  if (first_pipe(w, &index, &way) == NET_NEVER)
    return;
  struct net_conn *conn = &w->net.conns[index];
  const struct net_frame frame = take(&conn->pipes[way]);
  if (frame.kind == NET_BROKEN)
    break_off(w, conn);
  else if (way == NET_UP)
    world_server_receive(w, conn, &frame);
  else
    world_link_receive(w, &frame);
  if (!conn->has_client && !conn->pipes[NET_UP].count)
    conn->has_server = false; /* its end has arrived too */
}

/* What is late arrives now. */
static void heal_pipe(struct net_pipe *pipe, uint64_t now_ms) {
  pipe->cut_after = NET_NEVER;
  pipe->last_ms = now_ms;
  for (uint32_t i = 0; i < pipe->count; i++) {
    struct net_frame *frame = &pipe->frames[(pipe->first + i) % NET_FRAMES];
    frame->arrives_at_ms = earlier(frame->arrives_at_ms, now_ms);
  }
}

void world_net_heal(struct net *net, uint64_t now_ms) {
  net->frozen_until_ms[NET_UP] = net->frozen_until_ms[NET_DOWN] = 0;
  net->slow_until_ms = 0;
  net->delay_ms = net->jitter_ms = 0;
  net->is_away = false;
  for (int i = 0; i < NET_CONNS; i++)
    for (int way = NET_UP; way < NET_WAYS; way++)
      heal_pipe(&net->conns[i].pipes[way], now_ms);
}
