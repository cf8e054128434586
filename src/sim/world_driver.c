/* What the session decides, carried out as src/client carries it out. */
#include "world.h"

#include <stdio.h>
#include <string.h>

#define QUESTION_LEN 14
#define ACTIONS_MAX 5000 /* of one settling; there is no end of them then */

static void say(struct world *w, char token) {
  struct client *c = &w->client;
  CHECK(c->token_count < CLIENT_TOKENS, "an input has an end of reports");
  if (c->token_count < CLIENT_TOKENS)
    c->tokens[c->token_count++] = token;
}

/* ---- messages ---- */

size_t world_driver_write_id(char id[24], uint64_t number) {
  char digits[24];
  size_t count = 0, len = 0;
  do
    digits[count++] = (char)('0' + number % 10);
  while (number /= 10);
  while (count)
    id[len++] = digits[--count];
  return len;
}

static struct parcel *free_parcel(struct client *c) {
  for (uint32_t i = 0; i < CLIENT_PARCELS; i++)
    if (!c->parcels[i].is_held)
      return &c->parcels[i];
  return NULL;
}

struct parcel *world_driver_parcel(struct world *w, uint64_t number, uint64_t order, uint32_t len) {
  struct parcel *p = free_parcel(&w->client);
  if (!p)
    return NULL;
  memset(p, 0xa5, sizeof *p); /* the session must set its own members */
  p->order = order;
  p->stream_end = 0;
  p->is_held = true;
  p->message.len = len;
  p->message.id = number;
  p->message.replace_key = NULL;
  p->message.expires_at_ms = SESSION_NEVER;
  p->message.is_stored = false;
  p->message.message_id = p->id;
  p->message.message_id_len = (uint32_t)world_driver_write_id(p->id, number);
  return p;
}

/* ---- fates ---- */

static void check_written(struct world *w, const struct session_action *action,
                          const struct parcel *p) {
  const struct session_config *config = &w->settings.session;
  CHECK(p->stream_end <= w->client.flushed, "written means that the kernel has it");
  CHECK(action->fate.final == (config->confirm == CONFIRM_NONE),
        "written is the end only without confirmation");
  CHECK(action->fate.final || config->report_fates, "only the last fate is told if so wished");
}

static void check_confirmed(struct world *w, const struct session_action *action) {
  const enum session_confirm confirm = w->settings.session.confirm;
  struct fact *fact = world_fact(w, action->fate.message->id);
  CHECK(confirm != CONFIRM_NONE && action->fate.final, "confirmed is a last fate");
  CHECK(confirm != CONFIRM_BARRIER || fact->reads, "what is confirmed was read");
  CHECK(confirm != CONFIRM_ACK || fact->is_safe, "what is acknowledged is stored");
  w->confirmed += !fact->is_confirmed;
  fact->is_confirmed = true;
}

static void check_given_back(struct world *w, const struct session_action *action) {
  CHECK(action->fate.message->is_stored && action->fate.final, "only what is stored is given back");
  CHECK(w->client.link != LINK_OPEN || !session_is_open(&w->client.session),
        "what is stored is kept while a link is open");
}

static void check_dropped(struct world *w, const struct session_action *action,
                          const struct parcel *p) {
  CHECK(action->fate.final, "dropped is a last fate");
  CHECK(!p->message.is_stored || action->fate.drop == DROP_EXPIRED,
        "what is stored is dropped only when it expires");
  CHECK(action->fate.drop != DROP_EXPIRED || p->message.expires_at_ms <= world_client_now(w),
        "nothing expires before its time");
  w->client.dropped++;
  world_fact(w, p->message.id)->is_lost = true;
  if (action->fate.drop == DROP_REPLACED && w->client.last_pushed) {
    w->client.last_pushed->order = p->order;
    world_fact(w, w->client.last_pushed->message.id)->is_replacement = true;
  }
}

static void check_fate(struct world *w, const struct session_action *action,
                       const struct parcel *p) {
  CHECK(p->is_held, "a message ends once");
  CHECK((action->fate.drop == DROP_NONE) == (action->fate.fate != FATE_DROPPED),
        "only what is dropped has a reason for it");
  switch (action->fate.fate) {
  case FATE_QUEUED:
    CHECK(w->settings.session.report_fates && !action->fate.final, "queued is a first fate");
    break;
  case FATE_WRITTEN:
    check_written(w, action, p);
    break;
  case FATE_CONFIRMED:
    check_confirmed(w, action);
    break;
  case FATE_STORED:
    check_given_back(w, action);
    break;
  case FATE_DROPPED:
    check_dropped(w, action, p);
  }
}

/* Its bytes may still be on their way out. */
static void free_parcel_of(struct world *w, struct parcel *p) {
  struct client *c = &w->client;
  p->is_held = false;
  for (uint32_t i = 0; i < c->item_count; i++)
    if (c->items[i].parcel == p)
      c->items[i].parcel = NULL;
}

static void end_message(struct world *w, const struct session_action *action, struct parcel *p) {
  struct fact *fact = world_fact(w, p->message.id);
  free_parcel_of(w, p);
  if (action->fate.fate == FATE_STORED)
    return; /* it only goes back to the disk */
  CHECK(fact->ended_in != w->client.run, "a message ends once");
  fact->ended_in = w->client.run;
  if (p->message.is_stored)
    world_disk_remove(w, p->message.id);
}

static void do_fate(struct world *w, const struct session_action *action) {
  struct client *c = &w->client;
  struct parcel *p = (struct parcel *)action->fate.message;
  CHECK(!c->token_count || c->tokens[c->token_count - 1] != '0' ||
            p->message.id >= c->closed_number,
        "CLOSED comes after all fates");
  check_fate(w, action, p);
  if (action->fate.final)
    end_message(w, action, p);
  world_client_call_back(w);
}

/* ---- the link ---- */

static void do_late(struct world *w, const struct session_action *action) {
  CHECK(w->client.link == LINK_OPEN, "only an open link is late");
  if (action->failure.kind == FAILURE_HEARTBEAT_TIMEOUT)
    world_pulse_late(w);
  else
    world_shadow_unready(w);
  world_link_lose(w, action->failure);
}

static void do_dial(struct world *w, const struct session_action *action) {
  world_link_dial(w, action->epoch);
}

static void do_abort(struct world *w, const struct session_action *action) {
  CHECK(action->epoch == w->client.epoch, "an abort means the present link");
  world_link_drop(w, world_chance(w, 2));
  world_shadow_dropped(w);
}

static void do_close(struct world *w, const struct session_action *action) {
  struct client *c = &w->client;
  CHECK(c->link == LINK_OPEN && action->close_code == 1000, "an open link is closed with 1000");
  c->is_closing = true;
  if (world_link_is_fit(w))
    world_link_put(w, c->item_count,
                   (struct item){.kind = NET_CLOSE, .len = 8, .end = c->stream_end + 8});
}

static void lose_without_memory(struct world *w) {
  world_link_lose(w, (struct failure){.kind = FAILURE_NO_MEMORY, .retry_after_ms = SESSION_NEVER});
}

/* At a frame boundary that the kernel has not passed, ahead of what waits there. */
static uint32_t place_ahead(struct world *w, uint64_t *begin) {
  const struct client *c = &w->client;
  uint32_t at = c->item_count;
  while (at > 0 && c->items[at - 1].end - c->items[at - 1].len >= c->flushed && !world_chance(w, 6))
    at--;
  *begin = at ? c->items[at - 1].end : c->stream_end;
  if (!at && c->item_count)
    *begin = c->items[0].end - c->items[0].len;
  return at;
}

static void do_ask(struct world *w, const struct session_action *action) {
  struct client *c = &w->client;
  uint64_t begin;
  CHECK(c->link == LINK_OPEN && !c->is_closing, "an open link is asked");
  world_pulse_asked(w, &action->question);
  if (!world_link_is_fit(w))
    return;
  if (world_client_is_starved(w)) {
    lose_without_memory(w);
    return;
  }
  const uint32_t at = place_ahead(w, &begin);
  world_link_put(w, at,
                 (struct item){.kind = NET_QUESTION,
                               .end = begin + QUESTION_LEN,
                               .len = QUESTION_LEN,
                               .question = action->question});
  session_stream_shifted(&c->session, action->epoch, begin, QUESTION_LEN);
  session_asked(&c->session, world_client_now(w) * 1000, action->epoch, begin,
                begin + QUESTION_LEN);
}

static void check_write(struct world *w, const struct parcel *p) {
  const struct client *c = &w->client;
  CHECK(c->link == LINK_OPEN && !c->is_closing, "messages go out on an open link only");
  CHECK(p->is_held && c->is_writable, "messages go out while the link takes them");
  CHECK(c->shadow.is_ready, "messages go out once the link is ready");
  CHECK(p->message.expires_at_ms > world_client_now(w), "what has expired does not go out");
  CHECK(!world_fact(w, p->message.id)->is_lost, "what was dropped does not go out");
}

static void do_write(struct world *w, const struct session_action *action) {
  struct client *c = &w->client;
  struct parcel *p = (struct parcel *)action->message;
  check_write(w, p);
  if (!world_link_is_fit(w))
    return;
  if (world_client_is_starved(w)) {
    lose_without_memory(w);
    return;
  }
  world_link_note_order(w, p->order);
  const uint32_t len = p->message.len + CLIENT_HEAD_LEN;
  p->stream_end = c->stream_end + len;
  world_link_put(w, c->item_count,
                 (struct item){.kind = NET_MESSAGE,
                               .end = p->stream_end,
                               .number = p->message.id,
                               .order = p->order,
                               .len = len,
                               .parcel = p});
  session_written(&c->session, world_client_now(w), action->epoch, action->message, p->stream_end);
  if (c->item_count > CLIENT_ITEMS / 2 || world_chance(w, 20)) {
    c->is_writable = false;
    session_writable(&c->session, c->epoch, false);
  }
}

/* ---- reports ---- */

/* The disk has the last word before CLOSED. */
static void be_over(struct world *w) {
  world_disk_finish(w);
  w->client.is_over = true;
}

static void be_closed(struct world *w) {
  struct client *c = &w->client;
  CHECK(c->link == LINK_NONE, "CLOSED has no link");
  c->closed_number = w->facts_count;
  if (c->is_stopping)
    be_over(w);
}

static bool is_at_rest(enum session_state state) {
  return state == STATE_CLOSED || state == STATE_ERROR || state == STATE_FAILED;
}

static void do_state(struct world *w, const struct session_action *action) {
  struct client *c = &w->client;
  CHECK(action->state.from == c->state && action->state.to != c->state,
        "a change of state begins where the last one ended");
  CHECK(action->state.reason != REASON_NONE, "a change of state has a reason");
  CHECK(!is_at_rest(c->state) || is_at_rest(action->state.to) ||
            action->state.reason == REASON_NETWORK_UP || session_attempt(&c->session) == 0,
        "a connect begins to count anew");
  c->state = action->state.to;
  world_shadow_state(w, action);
  say(w, (char)('0' + action->state.to));
  if (c->state == STATE_CLOSED)
    be_closed(w);
  world_client_call_back(w);
}

static void do_retry(struct world *w, const struct session_action *action) {
  CHECK(action->retry.attempt <= w->settings.session.backoff.max_retries,
        "no more retries than allowed");
  world_shadow_retry(w, action);
  world_client_call_back(w);
}

static void do_opened(struct world *w, const struct session_action *action) {
  (void)action;
  world_disk_link_opened(w);
  if (w->is_calm)
    world_client_ready(w);
  world_client_call_back(w);
}

static void do_ended(struct world *w, const struct session_action *action) {
  (void)action;
  world_disk_link_ended(w);
  world_client_call_back(w);
}

static void do_error(struct world *w, const struct session_action *action) {
  say(w, action->failure.kind == FAILURE_GAVE_UP ? 'G' : 'E');
  world_client_call_back(w);
}

/* ---- all of them ---- */

/* What is said of an action in world_check.c's language, if it is a word of it. */
static const struct action_row {
  const char *name;
  char token;
  void (*run)(struct world *w, const struct session_action *action);
} rows[] = {
    [ACTION_DIAL] = {"dial", 'D', do_dial},    [ACTION_ABORT] = {"abort", 'A', do_abort},
    [ACTION_LATE] = {"late", 'L', do_late},    [ACTION_CLOSE] = {"close", 'C', do_close},
    [ACTION_ASK] = {"ask", 0, do_ask},         [ACTION_WRITE] = {"write", 0, do_write},
    [ACTION_STATE] = {"state", 0, do_state},   [ACTION_ERROR] = {"error", 0, do_error},
    [ACTION_RETRY] = {"retry", 'R', do_retry}, [ACTION_OPENED] = {"opened", 'O', do_opened},
    [ACTION_ENDED] = {"ended", 'N', do_ended}, [ACTION_FATE] = {"fate", 0, do_fate},
};

#define ROWS_COUNT (sizeof rows / sizeof *rows)

static void trace(const struct world *w, const struct session_action *action) {
  char detail[80] = "";
  switch (action->kind) {
  case ACTION_WRITE:
    (void)snprintf(detail, sizeof detail, " %llu", (unsigned long long)action->message->id);
    break;
  case ACTION_STATE:
    (void)snprintf(detail, sizeof detail, " %s", session_state_name(action->state.to));
    break;
  case ACTION_LATE:
  case ACTION_ERROR:
    (void)snprintf(detail, sizeof detail, " %s", failure_kind_name(action->failure.kind));
    break;
  case ACTION_RETRY:
    (void)snprintf(detail, sizeof detail, " %u in %llu ms", action->retry.attempt,
                   (unsigned long long)action->retry.delay_ms);
    break;
  case ACTION_FATE:
    (void)snprintf(detail, sizeof detail, " %llu %s%s%s",
                   (unsigned long long)action->fate.message->id,
                   session_fate_name(action->fate.fate), action->fate.drop ? " " : "",
                   action->fate.drop ? session_drop_name(action->fate.drop) : "");
    break;
  default:
    break;
  }
  world_trace(w, "session: %s%s", rows[action->kind].name, detail);
}

static void carry_out(struct world *w, const struct session_action *action) {
  if (action->kind >= ROWS_COUNT || !rows[action->kind].run) {
    world_break(w, "every action is known");
    return;
  }
  if (w->is_traced)
    trace(w, action);
  if (rows[action->kind].token)
    say(w, rows[action->kind].token);
  rows[action->kind].run(w, action);
}

void world_driver_settle(struct world *w) {
  struct client *c = &w->client;
  struct session_action action;
  c->is_taking = true;
  for (unsigned count = 0; !w->broken && c->is_up; count++) {
    if (!session_next_action(&c->session, world_client_now(w), &action))
      break;
    CHECK(count < ACTIONS_MAX, "an input has an end of actions");
    CHECK(!c->is_over, "after the CLOSED of a stop nothing is told");
    CHECK(c->state != STATE_CLOSED || c->has_wish || action.kind == ACTION_FATE,
          "after CLOSED nothing happens that nobody asked for");
    w->steps++;
    carry_out(w, &action);
  }
  c->is_taking = false;
  if (c->is_up && c->is_stopping && !c->is_over && session_get_state(&c->session) == STATE_CLOSED)
    be_over(w); /* it was CLOSED already */
}
