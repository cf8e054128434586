/* The local side of a pair: a link in the server's role. */
#include "internal.h"

#include "frame.h"
#include "sock.h"

#include <string.h>

static struct pair *pair_of(const struct link *link) {
  return link_user(link);
}

/* ---- pings [H2] ---- */

static void begin_ping(struct pair *pair);

static void answer_ping(struct pair *pair) {
  struct ping *asked = &pair->asked;
  if (pair->is_local_open && !pair->is_local_closing)
    link_pong(pair->local, asked->data, asked->len);
  *asked = pair->next_ping;
  pair->next_ping.is_set = false;
  if (asked->is_set)
    begin_ping(pair);
}

static void on_flushed_for_ping(limpet_client *client, limpet_result result, void *user) {
  struct pair *pair = user;
  (void)client;
  if (result == LIMPET_OK)
    answer_ping(pair);
  else
    pair->asked.is_set = pair->next_ping.is_set = false;
}

static void begin_ping(struct pair *pair) {
  pair->asked.mark = pair->accepted;
  if (pair_has_outbox(pair))
    pair_touch(pair);
  else if (!pair->client ||
           limpet_flush(pair->client, UINT32_MAX, on_flushed_for_ping, pair) != LIMPET_OK)
    pair->asked.is_set = false;
}

/* One is under way and one may follow it: of more the latest is answered (RFC 6455 section 5.5.3).
 */
static void on_ping(struct link *link, const uint8_t *data, size_t len) {
  struct pair *pair = pair_of(link);
  struct ping *ping = pair->asked.is_set ? &pair->next_ping : &pair->asked;
  if (pair->phase != PAIR_OPEN)
    return;
  ping->is_set = true;
  ping->len = (uint8_t)len;
  if (len > 0)
    memcpy(ping->data, data, len);
  if (ping == &pair->asked)
    begin_ping(pair);
}

/* ---- reading ---- */

static void pause_local(struct pair *pair, bool is_paused) {
  if (!pair->is_local_open || pair->is_local_closing || pair->is_local_paused == is_paused)
    return;
  pair->is_local_paused = is_paused;
  link_pause(pair->local, is_paused);
}

void local_update(struct pair *pair) {
  if (pair->phase != PAIR_OPEN || !pair->client)
    return;
  if (pair_has_outbox(pair) && pair->asked.is_set && pair->settled >= pair->asked.mark)
    answer_ping(pair);
  pause_local(pair, far_is_full(pair));
}

static void on_message(struct link *link, uint8_t opcode, const uint8_t *data, size_t len) {
  struct pair *pair = pair_of(link);
  if (pair->phase != PAIR_OPEN || pair->is_local_closing || pair->has_failed)
    return;
  far_send(pair, opcode, data, len);
  if (!pair->is_local_closing)
    pause_local(pair, far_is_full(pair)); /* [H1] */
}

/* ---- goodbye ---- */

static void await_end(struct pair *pair);

/* A program that says something more would be answered by a reset, which throws away all that its
   system has not taken yet. */
static void on_close_late(struct net_timer *timer) {
  struct pair *pair = (struct pair *)((char *)timer - offsetof(struct pair, timer));
  if (sock_unacknowledged(link_socket(pair->local)) > 0)
    await_end(pair);
  else
    local_drop(pair);
}

static void await_end(struct pair *pair) {
  pair->timer.fire = on_close_late;
  (void)net_timer_set(pair->hold->loop, &pair->timer, net_loop_now_ms(pair->hold->loop) + CLOSE_MS);
}

/* A close frame goes ahead of what waits, and the program would never hear of that: so it waits
   until the system has taken all. */
static void say_goodbye(struct pair *pair) {
  if (!pair->is_local_closing || !link_is_open(pair->local) || link_buffered(pair->local) > 0)
    return;
  link_close(pair->local, pair->goodbye_code, pair->goodbye_reason);
  await_end(pair);
}

/* ---- writing ---- */

void local_write(struct pair *pair, uint8_t opcode, const void *data, size_t len) {
  if (!pair->is_local_open || pair->is_local_closing || !link_is_open(pair->local))
    return;
  if (!link_write(pair->local, opcode, data, len, NULL)) {
    local_close(pair, 1011, "no memory");
    return;
  }
  pair->given++;
  if (!link_is_writable(pair->local))
    far_pause(pair, true);
}

static void on_flushed(struct link *link) {
  struct pair *pair = pair_of(link);
  if (pair->is_far_paused && link_is_writable(link))
    far_pause(pair, false);
  say_goodbye(pair);
}

/* ---- beginning and end ---- */

static void on_opened(struct link *link, const char *subprotocol) {
  struct pair *pair = pair_of(link);
  (void)subprotocol;
  pair->is_local_open = true;
  far_pause(pair, false);
  say_goodbye(pair); /* it may have been to be closed before it could be */
}

static void on_pong(struct link *link, const uint8_t *data, size_t len) {
  (void)link;
  (void)data;
  (void)len;
}

static void on_ended(struct link *link, const struct link_end *end) {
  struct pair *pair = pair_of(link);
  hold_log(pair->hold, "conn=%llu program gone: %s", (unsigned long long)pair->number, end->detail);
  pair->local = NULL;
  pair_local_gone(pair);
}

static const struct link_events events = {
    .opened = on_opened,
    .message = on_message,
    .pong = on_pong,
    .ping = on_ping,
    .flushed = on_flushed,
    .ended = on_ended,
};

/* A machine that vanished is noticed by the system, in its own time. */
static void keep_alive(const struct link *link) {
  const int on = 1;
  (void)setsockopt(link_socket(link), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
}

/* What the far side says before the 101 is out waits where it is. */
void local_accept(struct pair *pair) {
  struct http_exchange *exchange = pair->exchange;
  pair->exchange = NULL;
  pair->phase = PAIR_OPEN;
  if (pair->asks_subprotocol)
    http_choose_subprotocol(exchange, pair->subprotocol);
  pair->local = http_upgrade(exchange, &pair->hold->local_settings, &events, pair, NULL);
  if (!pair->local) {
    pair_local_gone(pair);
    return;
  }
  keep_alive(pair->local);
  far_pause(pair, true);
}

void local_drop(struct pair *pair) {
  if (!pair->local)
    return;
  link_abort(pair->local);
  pair->local = NULL;
  pair_local_gone(pair);
}

/* No character is cut in two. */
static void cut_reason(char cut[REASON_CAP], const char *reason) {
  size_t len = strnlen(reason, REASON_CAP);
  if (len == REASON_CAP)
    for (len--; len > 0 && ((unsigned char)reason[len] & 0xC0) == 0x80;)
      len--;
  memcpy(cut, reason, len);
  cut[len] = '\0';
}

void local_close(struct pair *pair, uint16_t code, const char *reason) {
  if (!pair->local || pair->is_local_closing)
    return;
  pair->is_local_closing = true;
  pair->goodbye_code = code;
  cut_reason(pair->goodbye_reason, reason);
  if (pair->is_local_open) {
    link_pause(pair->local, false); /* its close frame is to be read */
    say_goodbye(pair);
  } else {
    await_end(pair);
  }
}
