/* What a driver does: a stream, a peer, and the actions of the session carried out. */
#include "world_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void world_fail(const struct world *w, const char *what) {
  (void)fprintf(stderr, "seed %llu, step %llu, %llu ms: broken: %s (tokens \"%.*s\")\n",
                (unsigned long long)w->seed, (unsigned long long)w->step,
                (unsigned long long)w->now_ms, what, (int)w->token_count, w->tokens);
  exit(1);
}

/* One byte, or two where one could not reach all. */
static uint64_t take_choice(struct world *w, uint64_t below) {
  uint64_t choice = 0;
  for (int i = 0; i < (below > 256 ? 2 : 1) && w->choices_left > 0; i++, w->choices_left--)
    choice = choice << 8 | *w->choices++;
  return choice % below;
}

uint64_t world_random(struct world *w, uint64_t below) {
  if (w->choices_left > 0)
    return take_choice(w, below);
  w->random += UINT64_C(0x9e3779b97f4a7c15);
  uint64_t x = w->random;
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return (x ^ x >> 31) % below;
}

bool world_chance(struct world *w, unsigned one_in) {
  return world_random(w, one_in) == 0;
}

static void say(struct world *w, char token) {
  CHECK(w->token_count < WORLD_TOKENS);
  w->tokens[w->token_count++] = token;
}

/* ---- parcels ---- */

static struct parcel *free_parcel(struct world *w) {
  for (unsigned i = 0; i < WORLD_PARCELS; i++)
    if (!w->parcels[i].is_held)
      return &w->parcels[i];
  return NULL;
}

static void fill_parcel(struct world *w, struct parcel *p, uint32_t len, uint64_t order) {
  memset(p, 0xa5, sizeof *p); /* the session must set its own members */
  p->order = order;
  p->stream_end = 0;
  p->was_read = false;
  p->is_held = true;
  p->message.len = len;
  p->message.id = w->next_id++;
  p->message.replace_key = NULL;
  p->message.expires_at_ms = SESSION_NEVER;
  p->message.is_stored = false;
  p->message.message_id = p->id;
  p->message.message_id_len =
      (uint32_t)snprintf(p->id, sizeof p->id, "%llu", (unsigned long long)p->message.id);
}

static void dress_parcel(struct world *w, struct parcel *p) {
  if (world_chance(w, 4))
    p->message.expires_at_ms = w->now_ms + world_random(w, 3000);
  if (world_chance(w, 4) && !w->is_taking) {
    p->key[0] = (char)('a' + world_random(w, 5));
    p->message.replace_key = p->key;
    p->message.replace_key_len = 1;
  } else if (w->config.confirm != CONFIRM_NONE) {
    p->message.is_stored = world_chance(w, 3);
  }
}

void driver_push(struct world *w) {
  struct parcel *p = free_parcel(w);
  if (!p)
    return;
  struct session_metrics before, after;
  fill_parcel(w, p, (uint32_t)world_random(w, 60), w->next_order++);
  dress_parcel(w, p);
  const enum session_state state = session_get_state(&w->session);
  session_get_metrics(&w->session, w->now_ms, &before);
  w->last_pushed = p;
  p->is_held = session_enqueue(&w->session, w->now_ms, &p->message);
  session_get_metrics(&w->session, w->now_ms, &after);
  if (!p->is_held) {
    CHECK(after.queued_messages == before.queued_messages);
    return;
  }
  const uint64_t limit = w->config.queue_limit, limit_bytes = w->config.queue_limit_bytes;
  if (state != STATE_CONNECTED)
    CHECK(after.queued_messages <= limit || after.queued_messages <= before.queued_messages);
  CHECK(after.queued_bytes <= limit_bytes || after.queued_bytes <= before.queued_bytes);
}

static void take_back(struct world *w, const struct session_action *action) {
  struct parcel *p = (struct parcel *)action->fate.message;
  CHECK(p->is_held);
  CHECK((action->fate.drop == DROP_NONE) == (action->fate.fate != FATE_DROPPED));
  switch (action->fate.fate) {
  case FATE_QUEUED:
    CHECK(w->config.report_fates && !action->fate.final);
    return;
  case FATE_WRITTEN:
    CHECK(p->stream_end <= w->flushed || p->stream_end == 0);
    CHECK(action->fate.final == (w->config.confirm == CONFIRM_NONE));
    CHECK(action->fate.final || w->config.report_fates);
    break;
  case FATE_CONFIRMED:
    CHECK(w->config.confirm != CONFIRM_NONE && action->fate.final && p->was_read);
    break;
  case FATE_STORED: /* no link will have it */
    CHECK(p->message.is_stored && action->fate.final);
    CHECK(w->link != LINK_OPEN || !session_is_open(&w->session));
    break;
  case FATE_DROPPED:
    CHECK(action->fate.final);
    CHECK(!p->message.is_stored || action->fate.drop == DROP_EXPIRED);
    w->dropped++;
    if (action->fate.drop == DROP_REPLACED)
      w->last_pushed->order = p->order;
  }
  if (!action->fate.final)
    return;
  p->is_held = false;
  w->finals++;
  for (unsigned i = 0; i < w->item_count; i++) /* its bytes may still be on their way */
    if (w->items[i].parcel == p)
      w->items[i].parcel = NULL;
}

/* ---- the link ---- */

static void put_item(struct world *w, unsigned at, struct item item) {
  CHECK(w->item_count < WORLD_ITEMS);
  memmove(w->items + at + 1, w->items + at, (w->item_count - at) * sizeof *w->items);
  w->items[at] = item;
  w->item_count++;
  for (unsigned i = at + 1; i < w->item_count; i++) {
    w->items[i].end += item.len;
    if (w->items[i].parcel)
      w->items[i].parcel->stream_end = w->items[i].end;
  }
  w->stream_end += item.len;
}

static void give_back_direct(struct world *w) {
  for (unsigned i = 0; i < w->item_count; i++) {
    struct parcel *p;
    if (w->items[i].kind != ITEM_DIRECT || w->items[i].end <= w->flushed)
      continue;
    p = free_parcel(w);
    if (!p)
      continue;
    fill_parcel(w, p, w->items[i].len, w->items[i].order);
    session_recovered(&w->session, w->now_ms, &p->message);
  }
}

static void forget_link(struct world *w) {
  w->link = LINK_NONE;
  w->item_count = w->reply_count = 0;
  w->is_closing = false;
  for (unsigned i = 0; i < WORLD_PARCELS; i++)
    w->parcels[i].stream_end = 0;
}

struct failure driver_random_failure(struct world *w) {
  static const uint16_t codes[] = {0, 1000, 1001, 1008, 1012, 1013, 4001};
  static const uint16_t statuses[] = {0, 404, 429, 503};
  struct failure f = {.kind = FAILURE_CONNECTION_LOST, .retry_after_ms = SESSION_NEVER};
  if (world_chance(w, 2)) {
    f.kind = FAILURE_CLOSED_BY_PEER;
    f.close_code = codes[world_random(w, sizeof codes / sizeof *codes)];
  } else if (world_chance(w, 2)) {
    f.kind = FAILURE_HTTP_STATUS;
    f.http_status = statuses[world_random(w, sizeof statuses / sizeof *statuses)];
    f.retry_after_ms = world_chance(w, 2) ? world_random(w, 20000) : SESSION_NEVER;
  }
  return f;
}

void driver_lose(struct world *w, struct failure failure) {
  enum failure_verdict verdict =
      failure_verdict(&failure, session_was_open(&w->session), w->config.reconnect_on_normal_close);
  if (world_chance(w, 10))
    verdict = (enum failure_verdict)world_random(w, 3);
  if (w->link == LINK_OPEN)
    give_back_direct(w);
  const uint32_t epoch = w->epoch;
  forget_link(w);
  session_link_lost(&w->session, w->now_ms, epoch, &failure, verdict);
}

void driver_open(struct world *w) {
  w->link = LINK_OPEN;
  w->is_writable = true;
  w->flushed = w->stream_end = w->last_order = 0;
  session_link_opened(&w->session, w->now_ms, w->epoch);
}

/* On one link, order only rises. */
static void note_order(struct world *w, uint64_t order) {
  CHECK(order >= w->last_order);
  w->last_order = order + 1;
}

void driver_send_direct(struct world *w) {
  if (!session_is_clear(&w->session) || w->config.confirm != CONFIRM_NONE ||
      w->item_count >= WORLD_ITEMS / 2)
    return;
  CHECK(w->link == LINK_OPEN);
  const uint32_t len = 1 + (uint32_t)world_random(w, 60);
  note_order(w, w->next_order);
  put_item(
      w, w->item_count,
      (struct item){
          .kind = ITEM_DIRECT, .end = w->stream_end + len, .order = w->next_order++, .len = len});
}

void driver_flush(struct world *w) {
  if (w->flushed == w->stream_end)
    return;
  w->flushed += 1 + world_random(w, w->stream_end - w->flushed);
  if (world_chance(w, 3))
    w->flushed = w->stream_end;
  session_flushed(&w->session, w->now_ms, w->epoch, w->flushed);
}

void driver_peer_reads(struct world *w) {
  unsigned count = 0;
  while (count < w->item_count && w->items[count].end <= w->flushed && !world_chance(w, 8)) {
    const struct item *item = &w->items[count++];
    if (item->parcel)
      item->parcel->was_read = true;
    if (item->kind == ITEM_QUESTION && w->reply_count < WORLD_REPLIES)
      w->replies[w->reply_count++] = item->question;
  }
  w->item_count -= count;
  memmove(w->items, w->items + count, w->item_count * sizeof *w->items);
}

void driver_reply(struct world *w) {
  struct heartbeat_reply r = {.dialect = w->config.dialect};
  if (!w->reply_count) {
    if (w->config.dialect == DIALECT_WEBSOCKET) { /* unasked, or for another question */
      r.counter = w->session.heartbeat.counter + 1 + world_random(w, 9);
      session_heartbeat_reply(&w->session, w->now_ms * 1000, w->epoch, &r);
    }
    return;
  }
  r.dialect = w->replies[0].dialect;
  r.counter = w->replies[0].counter;
  r.has_server_time = world_chance(w, 2);
  r.server_time_ms = (int64_t)world_random(w, 100000);
  w->reply_count--;
  memmove(w->replies, w->replies + 1, w->reply_count * sizeof *w->replies);
  session_heartbeat_reply(&w->session, w->now_ms * 1000 + world_random(w, 1000), w->epoch, &r);
}

/* Any of those that were read, in any order; now and then one that nobody waits for. */
void driver_ack(struct world *w) {
  struct parcel *p = &w->parcels[world_random(w, WORLD_PARCELS)];
  if (w->config.confirm != CONFIRM_ACK || world_chance(w, 8)) {
    CHECK(!session_acked(&w->session, w->now_ms, w->epoch, "nobody", 6));
    return;
  }
  for (unsigned i = 0; i < WORLD_PARCELS && !(p->is_held && p->was_read && p->stream_end); i++)
    p = &w->parcels[i];
  if (p->is_held && p->was_read && p->stream_end)
    (void)session_acked(&w->session, w->now_ms, w->epoch, p->id, p->message.message_id_len);
}

/* ---- actions ---- */

/* A callback may call almost anything. One that does so in every report can go on for ever, which
   the client must bear (test_client_traps), but no world. */
static void call_back(struct world *w) {
  if (!world_chance(w, 4) || w->token_count > WORLD_TOKENS / 2)
    return;
  switch (world_random(w, 12)) {
  case 0:
    session_connect(&w->session, w->now_ms);
    break;
  case 1:
    session_disconnect(&w->session, w->now_ms);
    CHECK(!session_is_open(&w->session));
    break;
  case 2:
    session_clear(&w->session, w->now_ms);
    break;
  case 3:
    session_probe(&w->session, w->now_ms);
    break;
  case 4:
    session_ready(&w->session, w->now_ms);
    break;
  case 5:
    session_healthy(&w->session, w->now_ms);
    break;
  case 6:
    if (w->link == LINK_OPEN && world_chance(w, 4)) /* writing failed under the callback's send */
      driver_lose(w, driver_random_failure(w));
    break;
  case 7:
    driver_send_direct(w);
    break;
  default:
    driver_push(w);
  }
}

static void do_dial(struct world *w, const struct session_action *action) {
  CHECK(w->link == LINK_NONE);
  CHECK(action->epoch != w->epoch);
  w->epoch = action->epoch;
  w->link = LINK_DIALING;
  if (world_chance(w, 10))
    driver_lose(w, driver_random_failure(w));
}

static void do_late(struct world *w, const struct session_action *action) {
  CHECK(w->link == LINK_OPEN);
  if (action->failure.kind == FAILURE_HEARTBEAT_TIMEOUT) {
    const uint32_t least = w->config.heartbeat_timeout_ms < w->config.probe_timeout_ms
                               ? w->config.heartbeat_timeout_ms
                               : w->config.probe_timeout_ms;
    CHECK(w->now_ms >= w->question_at_ms + least);
  } else {
    CHECK(action->failure.kind == FAILURE_CONNECTION_LOST && w->config.hold_until_ready);
  }
  driver_lose(w, action->failure);
}

/* At a frame boundary that the kernel has not passed, ahead of what waits there. */
static void do_ask(struct world *w, const struct session_action *action) {
  CHECK(w->link == LINK_OPEN && !w->is_closing);
  unsigned at = w->item_count;
  while (at > 0 && w->items[at - 1].end - w->items[at - 1].len >= w->flushed && !world_chance(w, 3))
    at--;
  const uint64_t begin =
      at ? w->items[at - 1].end
         : w->stream_end - (w->item_count ? w->stream_end - w->items[0].end + w->items[0].len : 0);
  put_item(w, at,
           (struct item){
               .kind = ITEM_QUESTION, .end = begin + 14, .len = 14, .question = action->question});
  session_stream_shifted(&w->session, action->epoch, begin, 14);
  session_asked(&w->session, w->now_ms * 1000, action->epoch, begin, begin + 14);
  w->question_at_ms = w->now_ms;
}

static void do_write(struct world *w, const struct session_action *action) {
  struct parcel *p = (struct parcel *)action->message;
  CHECK(w->link == LINK_OPEN && !w->is_closing && p->is_held && w->is_writable);
  CHECK(p->message.expires_at_ms > w->now_ms);
  note_order(w, p->order);
  const uint32_t len = p->message.len + 6;
  p->stream_end = w->stream_end + len;
  put_item(
      w, w->item_count,
      (struct item){
          .kind = ITEM_MESSAGE, .end = p->stream_end, .order = p->order, .len = len, .parcel = p});
  session_written(&w->session, w->now_ms, action->epoch, action->message, p->stream_end);
  if (w->item_count > WORLD_ITEMS / 2 || world_chance(w, 20)) {
    w->is_writable = false;
    session_writable(&w->session, w->epoch, false);
  }
}

static void do_state(struct world *w, const struct session_action *action) {
  CHECK(action->state.from == w->state && action->state.to != w->state);
  CHECK(action->state.reason != REASON_NONE);
  w->state = action->state.to;
  say(w, (char)('0' + action->state.to));
  if (w->state == STATE_CLOSED) {
    CHECK(w->link == LINK_NONE);
    w->closed_id = w->next_id;
  }
  call_back(w);
}

static void do_retry(struct world *w, const struct session_action *action) {
  const struct backoff_config *config = &w->config.backoff;
  CHECK(action->retry.attempt >= 1 && action->retry.attempt <= config->max_retries);
  CHECK(action->retry.delay_ms <=
        (config->max_delay_ms + (uint64_t)config->retry_after_max_ms) * 3 / 2 + 5000);
  say(w, 'R');
  call_back(w);
}

static void carry_out(struct world *w, const struct session_action *action) {
  switch (action->kind) {
  case ACTION_DIAL:
    say(w, 'D');
    do_dial(w, action);
    break;
  case ACTION_ABORT:
    CHECK(action->epoch == w->epoch);
    say(w, 'A');
    give_back_direct(w);
    forget_link(w);
    break;
  case ACTION_LATE:
    say(w, 'L');
    do_late(w, action);
    break;
  case ACTION_CLOSE:
    CHECK(w->link == LINK_OPEN && action->close_code == 1000);
    say(w, 'C');
    w->is_closing = true;
    break;
  case ACTION_ASK:
    do_ask(w, action);
    break;
  case ACTION_WRITE:
    do_write(w, action);
    break;
  case ACTION_STATE:
    do_state(w, action);
    break;
  case ACTION_ERROR:
    say(w, action->failure.kind == FAILURE_GAVE_UP ? 'G' : 'E');
    call_back(w);
    break;
  case ACTION_RETRY:
    do_retry(w, action);
    break;
  case ACTION_OPENED:
    say(w, 'O');
    call_back(w);
    break;
  case ACTION_ENDED:
    say(w, 'N');
    call_back(w);
    break;
  case ACTION_FATE:
    CHECK(!w->token_count || w->tokens[w->token_count - 1] != '0' ||
          action->fate.message->id >= w->closed_id); /* CLOSED comes after all fates */
    take_back(w, action);
    call_back(w);
    break;
  default:
    world_fail(w, "no such action");
  }
}

void driver_take_actions(struct world *w) {
  struct session_action action;
  w->is_taking = true;
  while (session_next_action(&w->session, w->now_ms, &action)) {
    w->events++;
    carry_out(w, &action);
  }
  w->is_taking = false;
}
