/* The client's end of a connection: the dial, the output, what arrives. */
#include "world.h"

#include <string.h>

#define LINK_HIGH_WATER 1500 /* bytes that wait for the kernel before it takes no more messages */
#define LINK_END_MS 20       /* until the end of a link whose peer is gone is reported, at most */
#define LINK_PART_MS 20      /* until the rest of a frame follows, at most */
#define LINK_UNIT_US 1000

static struct failure failure_of(enum failure_kind kind) {
  return (struct failure){.kind = kind, .retry_after_ms = SESSION_NEVER};
}

/* ---- the dial ---- */

void world_link_dial(struct world *w, uint32_t epoch) {
  struct client *c = &w->client;
  CHECK(c->link == LINK_NONE, "one dial or link at a time");
  CHECK(epoch != c->epoch, "each dial has a number of its own");
  c->epoch = epoch;
  c->link = LINK_DIALING;
  c->dial_at_ms = w->now_ms + 1 + w->net.delay_ms;
  c->dial_by_ms = w->now_ms + w->settings.session.connect_timeout_ms;
  if (w->net.is_away && world_chance(w, 2))
    world_link_lose(w, failure_of(FAILURE_NETWORK_UNREACHABLE));
  else if (world_client_is_starved(w))
    world_link_lose(w, failure_of(FAILURE_NO_MEMORY));
}

static bool is_refused(struct world *w) {
  if (w->now_ms < w->server.down_until_ms)
    return true;
  if (!w->server.refuse_count)
    return false;
  w->server.refuse_count--;
  return true;
}

/* What the answer is, but for 101. */
static struct failure dial_failure(struct world *w) {
  struct server *s = &w->server;
  struct failure failure = failure_of(FAILURE_NONE);
  if (w->net.is_away)
    failure.kind = FAILURE_NETWORK_UNREACHABLE;
  else if (is_refused(w))
    failure.kind = FAILURE_CONNECT_REFUSED;
  else if (s->is_untrusted)
    failure.kind = FAILURE_TLS_VERIFY;
  else if (s->status) {
    failure.kind = FAILURE_HTTP_STATUS;
    failure.http_status = s->status;
    if (s->retry_after_s)
      failure.retry_after_ms = s->retry_after_s * UINT64_C(1000);
  }
  return failure;
}

static void open_link(struct world *w) {
  struct client *c = &w->client;
  c->conn = world_net_connect(w);
  c->link = LINK_OPEN;
  c->dial_by_ms = NET_NEVER;
  c->is_writable = true;
  c->flushed = c->stream_end = c->last_order = 0;
  w->opened++;
  world_shadow_opened(w);
  world_pulse_opened(w);
  session_link_opened(&c->session, world_client_now(w), c->epoch);
}

void world_link_answer_dial(struct world *w) {
  struct server *s = &w->server;
  w->client.dial_at_ms = NET_NEVER;
  if (s->is_silent && w->now_ms < s->down_until_ms)
    return;
  const struct failure failure = dial_failure(w);
  if (failure.kind == FAILURE_TLS_VERIFY)
    s->is_untrusted = false;
  if (failure.kind == FAILURE_HTTP_STATUS)
    s->status = s->retry_after_s = 0;
  if (failure.kind == FAILURE_NONE)
    open_link(w);
  else
    world_link_lose(w, failure);
}

/* ---- the end ---- */

static void note_unkept(struct world *w, uint64_t number) {
  world_fact(w, number)->is_lost = true;
  session_dropped(&w->client.session, 1);
  w->client.dropped++;
}

static void give_back(struct world *w, const struct item *item) {
  struct parcel *p = world_client_is_starved(w) ? NULL
                                                : world_driver_parcel(w, item->number, item->order,
                                                                      item->len - CLIENT_HEAD_LEN);
  if (p)
    session_recovered(&w->client.session, world_client_now(w), &p->message);
  else
    note_unkept(w, item->number);
}

static void forget(struct client *c) {
  c->link = LINK_NONE;
  c->conn = NULL;
  c->item_count = 0;
  c->is_closing = false;
  c->dial_at_ms = c->dial_by_ms = c->ends_at_ms = c->flush_at_ms = NET_NEVER;
  for (uint32_t i = 0; i < CLIENT_PARCELS; i++)
    c->parcels[i].stream_end = 0;
}

void world_link_drop(struct world *w, bool is_reset) {
  struct client *c = &w->client;
  if (c->conn)
    world_net_leave(c->conn, is_reset);
  for (uint32_t i = 0; i < c->item_count; i++)
    if (c->items[i].is_direct)
      give_back(w, &c->items[i]);
  forget(c);
}

/* Only an open link is given up for a new one. */
static enum failure_verdict judge(struct world *w, const struct failure *failure) {
  struct client *c = &w->client;
  const bool has_verdict = c->has_verdict && (c->verdict < VERDICT_REDIAL || c->link == LINK_OPEN);
  c->has_verdict = false;
  return has_verdict ? (enum failure_verdict)c->verdict
                     : failure_verdict(failure, session_was_open(&c->session),
                                       w->settings.session.reconnect_on_normal_close);
}

void world_link_lose(struct world *w, struct failure failure) {
  struct client *c = &w->client;
  const enum failure_verdict verdict = judge(w, &failure);
  const uint32_t epoch = c->epoch;
  world_link_drop(w, world_chance(w, 2));
  world_shadow_lost(w, &failure, verdict);
  session_link_lost(&c->session, world_client_now(w), epoch, &failure, verdict);
}

void world_link_move(struct world *w) {
  struct client *c = &w->client;
  const struct failure failure = failure_of(FAILURE_CONNECTION_LOST);
  const uint32_t epoch = c->epoch;
  world_link_drop(w, true);
  world_shadow_lost(w, &failure, VERDICT_MOVE);
  session_link_lost(&c->session, world_client_now(w), epoch, &failure, VERDICT_MOVE);
}

void world_link_ended(struct world *w, struct failure failure) {
  struct client *c = &w->client;
  if (c->link != LINK_OPEN || c->ends_at_ms != NET_NEVER)
    return;
  if (c->conn)
    world_net_leave(c->conn, true);
  c->conn = NULL;
  c->end = failure;
  c->ends_at_ms = w->now_ms + world_random(w, LINK_END_MS);
}

bool world_link_is_fit(const struct world *w) {
  return w->client.link == LINK_OPEN && w->client.ends_at_ms == NET_NEVER;
}

/* ---- output ---- */

void world_link_note_order(struct world *w, uint64_t order) {
  CHECK(order >= w->client.last_order, "on one link order only rises");
  w->client.last_order = order + 1;
}

struct item *world_link_put(struct world *w, uint32_t at, struct item item) {
  struct client *c = &w->client;
  if (c->item_count == CLIENT_ITEMS) {
    world_break(w, "the output is bounded");
    return NULL;
  }
  memmove(c->items + at + 1, c->items + at, (c->item_count - at) * sizeof *c->items);
  c->items[at] = item;
  c->item_count++;
  for (uint32_t i = at + 1; i < c->item_count; i++) {
    c->items[i].end += item.len;
    if (c->items[i].parcel)
      c->items[i].parcel->stream_end = c->items[i].end;
  }
  c->stream_end += item.len;
  return &c->items[at];
}

static void send_item(struct world *w, const struct item *item) {
  (void)world_net_put(w, w->client.conn, NET_UP,
                      (struct net_frame){.kind = item->kind,
                                         .len = item->len,
                                         .number = item->number,
                                         .question = item->question,
                                         .close_code = 1000});
}

/* A frame is on its way once its last byte is with the kernel. */
static void send_whole(struct world *w) {
  struct client *c = &w->client;
  uint32_t count = 0;
  while (count < c->item_count && c->items[count].end <= c->flushed)
    send_item(w, &c->items[count++]);
  c->item_count -= count;
  memmove(c->items, c->items + count, c->item_count * sizeof *c->items);
}

/* How far the kernel takes the stream: whole frames as long as there is room, and a part of the
   next now and then. */
static uint64_t draw_flush(struct world *w) {
  const struct client *c = &w->client;
  const struct net_pipe *pipe = &c->conn->pipes[NET_UP];
  uint64_t upto = c->flushed;
  uint64_t bytes = pipe->bytes;
  uint32_t count = pipe->count;
  for (uint32_t i = 0; i < c->item_count; i++) {
    bytes += c->items[i].len;
    if (++count > NET_FRAMES || bytes > w->settings.kernel_bytes)
      break;
    if (world_chance(w, 8)) {
      const uint64_t part = c->items[i].end - world_random(w, c->items[i].len);
      w->client.flush_at_ms = w->now_ms + 1 + world_random(w, LINK_PART_MS);
      return part > upto ? part : upto;
    }
    upto = c->items[i].end;
  }
  return upto;
}

static void tell_writable(struct world *w) {
  struct client *c = &w->client;
  const uint64_t waiting = c->stream_end - c->flushed;
  const bool is_full = waiting > LINK_HIGH_WATER || c->item_count > CLIENT_ITEMS / 2;
  if (c->is_writable == !is_full || (!c->is_writable && waiting > LINK_HIGH_WATER / 2))
    return;
  c->is_writable = !is_full;
  session_writable(&c->session, c->epoch, c->is_writable);
}

static bool has_question(const struct client *c) {
  for (uint32_t i = 0; i < c->item_count; i++)
    if (c->items[i].kind == NET_QUESTION)
      return true;
  return false;
}

/* Messages that somebody still waits for. */
static bool has_messages(const struct client *c) {
  for (uint32_t i = 0; i < c->item_count; i++)
    if (c->items[i].parcel)
      return true;
  return false;
}

static void advance(struct world *w, uint64_t upto) {
  struct client *c = &w->client;
  const bool had_messages = has_messages(c);
  c->flushed = upto;
  send_whole(w);
  world_pulse_flushed(w, !has_question(c));
  if (had_messages && !has_messages(c))
    world_pulse_acked(w);
}

void world_link_flush(struct world *w) {
  struct client *c = &w->client;
  c->flush_at_ms = NET_NEVER;
  if (!world_link_is_fit(w))
    return;
  const uint64_t upto = draw_flush(w);
  if (upto > c->flushed) {
    advance(w, upto);
    session_flushed(&c->session, world_client_now(w), c->epoch, c->flushed);
    if (world_chance(w, 8)) /* told twice */
      session_flushed(&c->session, world_client_now(w), c->epoch, c->flushed);
  }
  tell_writable(w);
}

/* ---- input ---- */

void world_link_progress(struct world *w, uint64_t len) {
  world_pulse_progressed(w, len);
  session_frame_progress(&w->client.session, world_client_now(w), w->client.epoch, len);
}

static void take_reply(struct world *w, const struct net_frame *frame) {
  struct client *c = &w->client;
  const struct heartbeat_reply reply = {.dialect = frame->question.dialect,
                                        .counter = frame->question.counter,
                                        .has_server_time =
                                            frame->question.dialect == DIALECT_TIMESTAMP,
                                        .server_time_ms = (int64_t)w->now_ms,
                                        .original_time_ms = world_client_wall(w)};
  const uint64_t now_us = world_client_now(w) * LINK_UNIT_US + world_random(w, LINK_UNIT_US);
  if (session_heartbeat_reply(&c->session, now_us, c->epoch, &reply))
    world_pulse_answered(w, now_us);
  if (reply.dialect == DIALECT_WEBSOCKET && world_chance(w, 8))
    CHECK(!session_heartbeat_reply(&c->session, now_us, c->epoch, &reply),
          "a question is answered once");
}

static void take_ack(struct world *w, const struct net_frame *frame) {
  struct client *c = &w->client;
  char id[sizeof c->parcels->id];
  const size_t len = world_driver_write_id(id, frame->number);
  if (session_acked(&c->session, world_client_now(w), c->epoch, id, len))
    world_pulse_acked(w);
  if (world_chance(w, 8))
    CHECK(!session_acked(&c->session, world_client_now(w), c->epoch, id, len),
          "a message is acknowledged once");
}

static void take_close(struct world *w, uint16_t code) {
  struct failure failure = failure_of(FAILURE_CLOSED_BY_PEER);
  failure.close_code = code;
  world_link_ended(w, failure);
}

void world_link_receive(struct world *w, const struct net_frame *frame) {
  struct client *c = &w->client;
  if (!world_link_is_fit(w))
    return;
  switch (frame->kind) {
  case NET_REPLY:
    take_reply(w, frame);
    break;
  case NET_ACK:
    take_ack(w, frame);
    break;
  case NET_CLOSE:
    take_close(w, frame->close_code);
    break;
  default:
    world_link_progress(w, frame->len / 2);
    session_received(&c->session, 1, frame->len);
  }
}
