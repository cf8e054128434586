#include "world_server.h"

#include "world.h"

#include <string.h>

/* ---- connections ---- */

static struct net_conn *conn_of(struct world *w, uint64_t born) {
  for (int i = 0; i < NET_CONNS; i++)
    if (w->net.conns[i].born == born && w->net.conns[i].has_server)
      return &w->net.conns[i];
  return NULL;
}

/* A client that does not read is not waited for. */
static void answer(struct world *w, struct net_conn *conn, struct net_frame frame) {
  if (!conn->has_client || world_net_put(w, conn, NET_DOWN, frame))
    return;
  conn->has_server = false;
  if (!conn->is_lost)
    world_link_ended(
        w, (struct failure){.kind = FAILURE_CONNECTION_LOST, .retry_after_ms = NET_NEVER});
}

void world_server_close(struct world *w, struct net_conn *conn, uint16_t code) {
  conn->has_server = false;
  if (conn->has_client)
    answer(w, conn, (struct net_frame){.kind = NET_CLOSE, .len = 4, .close_code = code});
}

void world_server_say(struct world *w, struct net_conn *conn, uint32_t len) {
  answer(w, conn, (struct net_frame){.kind = NET_DATA, .len = len});
}

static void close_all(struct world *w, uint16_t code) {
  for (int i = 0; i < NET_CONNS; i++)
    if (w->net.conns[i].has_server)
      world_server_close(w, &w->net.conns[i], code);
}

/* ---- messages ---- */

static void acknowledge(struct world *w, struct net_conn *conn, uint64_t number) {
  if (w->server.forget_count) {
    w->server.forget_count--;
    return;
  }
  answer(w, conn, (struct net_frame){.kind = NET_ACK, .len = 20, .number = number});
}

/* Of what was not given up, the first copies come in order. One that the client gave up may come
   late; so may one of a process that was killed, and one that took the place of another after that
   one, and others behind it, had been sent. */
static void check_order(struct world *w, const struct fact *fact) {
  uint64_t *last = &w->server.last_order[fact->is_durable];
  if (fact->is_lost || fact->is_replacement || (!fact->is_durable && fact->run != w->client.run))
    return;
  CHECK(fact->order > *last, "messages arrive in the order in which they were sent");
  *last = fact->order;
}

static void store(struct world *w, struct net_conn *conn, struct fact *fact, uint64_t number) {
  struct server *s = &w->server;
  if (fact->is_safe) {
    acknowledge(w, conn, number);
    return;
  }
  if (s->pending_count == SERVER_PENDING) {
    world_server_close(w, conn, 1013);
    return;
  }
  if (!fact->is_stored)
    check_order(w, fact);
  fact->is_stored = true;
  s->pending[s->pending_count++] = (struct server_pending){number, conn->born};
  if (s->commit_at_ms == NET_NEVER)
    s->commit_at_ms = w->now_ms + s->latency_ms;
}

static void read_message(struct world *w, struct net_conn *conn, uint64_t number) {
  struct fact *fact = world_fact(w, number);
  const enum session_confirm confirm = w->settings.session.confirm;
  CHECK(!fact->is_durable || fact->was_committed, "what is not on disk is not sent as durable");
  if (!fact->reads && confirm == CONFIRM_BARRIER)
    check_order(w, fact);
  fact->reads += fact->reads < UINT8_MAX;
  CHECK(confirm != CONFIRM_NONE || fact->reads == 1, "without confirmation nothing comes twice");
  if (confirm == CONFIRM_ACK)
    store(w, conn, fact, number);
}

static void reply(struct world *w, struct net_conn *conn, const struct net_frame *frame) {
  answer(w, conn, (struct net_frame){.kind = NET_REPLY, .len = 14, .question = frame->question});
}

void world_server_receive(struct world *w, struct net_conn *conn, const struct net_frame *frame) {
  switch (frame->kind) {
  case NET_MESSAGE:
    read_message(w, conn, frame->number);
    break;
  case NET_QUESTION:
    reply(w, conn, frame);
    break;
  case NET_CLOSE:
    world_server_close(w, conn, frame->close_code);
    break;
  default:
    world_break(w, "a server is sent messages, questions and a close");
  }
}

/* ---- the store ---- */

static void forget(struct world *w) {
  for (uint32_t i = 0; i < w->server.pending_count; i++)
    world_fact(w, w->server.pending[i].number)->is_stored = false;
  w->server.pending_count = 0;
  w->server.commit_at_ms = NET_NEVER;
  if (w->settings.session.confirm == CONFIRM_ACK)
    memcpy(w->server.last_order, w->server.safe_order, sizeof w->server.last_order);
}

static void commit(struct world *w) {
  struct server *s = &w->server;
  for (uint32_t i = 0; i < s->pending_count; i++) {
    struct net_conn *conn = conn_of(w, s->pending[i].born);
    world_fact(w, s->pending[i].number)->is_safe = true;
    if (conn)
      acknowledge(w, conn, s->pending[i].number);
  }
  s->pending_count = 0;
  s->commit_at_ms = NET_NEVER;
  memcpy(s->safe_order, s->last_order, sizeof s->safe_order);
}

void world_server_commit(struct world *w) {
  if (!w->server.fail_count) {
    commit(w);
    return;
  }
  w->server.fail_count--;
  forget(w);
  close_all(w, 1011);
}

/* ---- its life ---- */

static void go_down(struct world *w, uint32_t ms, bool is_silent) {
  w->server.down_until_ms = w->now_ms + ms;
  w->server.is_silent = is_silent;
}

void world_server_crash(struct world *w, uint32_t ms, bool is_silent) {
  forget(w);
  for (int i = 0; i < NET_CONNS; i++) {
    struct net_conn *conn = &w->net.conns[i];
    if (!conn->has_server)
      continue;
    if (is_silent) {
      conn->is_lost = true;
      conn->has_server = false;
    } else {
      conn->has_server = false;
      if (conn->has_client)
        answer(w, conn, (struct net_frame){.kind = NET_BROKEN, .len = 1});
    }
  }
  go_down(w, ms, is_silent);
}

void world_server_restart(struct world *w, uint32_t ms) {
  commit(w);
  close_all(w, 1012);
  go_down(w, ms, false);
}

void world_server_heal(struct server *s) {
  s->down_until_ms = s->hang_until_ms = 0;
  s->fail_count = s->forget_count = s->refuse_count = 0;
  s->status = s->retry_after_s = 0;
  s->is_untrusted = s->is_silent = false;
}
