#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENT_NAME_MAX 64

static struct member *member_of(const struct link *link) {
  return link_user(link);
}

/* ---- lists ---- */

static void join(struct member *member) {
  struct relay *relay = member->relay;
  member->next = relay->members;
  if (relay->members)
    relay->members->previous = member;
  relay->members = member;
  relay->metrics.connections++;
  relay->metrics.connections_total++;
}

static void leave(struct member *member) {
  struct relay *relay = member->relay;
  if (member->previous)
    member->previous->next = member->next;
  else
    relay->members = member->next;
  if (member->next)
    member->next->previous = member->previous;
  relay->metrics.connections--;
}

static void leave_waiting(struct member *member) {
  struct member **place = &member->relay->waiting;
  if (!member->is_waiting)
    return;
  while (*place != member)
    place = &(*place)->waiting_next;
  *place = member->waiting_next;
  member->is_waiting = false;
}

static void note_backlog(struct member *member, uint64_t bytes) {
  member->relay->metrics.backlog_bytes += bytes - member->backlog;
  member->backlog = bytes;
}

/* From here on nobody sends to it or waits for it; messages on their way go on without it. */
static void retire(struct member *member) {
  room_leave(member->relay, member);
  replay_abandon(member);
  leave_waiting(member);
  net_timer_unset(member->relay->loop, &member->thaw);
}

/* ---- the end ---- */

static void log_end(const struct member *member, enum end_reason end, const char *detail) {
  char quoted[LOG_VALUE_CAP];
  struct relay *relay = member->relay;
  log_line(&relay->log, LOG_INFO, "closed",
           "conn=%llu reason=%s seconds=%llu received=%llu sent=%llu detail=%s",
           (unsigned long long)member->number, end_reason_name(end),
           (unsigned long long)((net_loop_now_ms(relay->loop) - member->opened_at_ms) / 1000),
           (unsigned long long)member->received_count, (unsigned long long)member->sent_count,
           log_value(detail, quoted));
}

static void end_member(struct member *member, enum end_reason end, const char *detail) {
  struct relay *relay = member->relay;
  retire(member);
  note_backlog(member, 0);
  net_timer_unset(relay->loop, &member->deadline);
  for (struct pending *pending = member->pending; pending; pending = pending->next)
    pending->member = NULL;
  leave(member);
  relay->metrics.ends[end]++;
  log_end(member, end, detail);
  store_line_release(member->line);
  free(member);
}

void member_drop(struct member *member, enum end_reason end) {
  link_abort(member->link);
  end_member(member, member->is_closing ? (enum end_reason)member->end : end, "dropped");
}

static enum end_reason reason_of(const struct link_end *end) {
  switch (end->kind) {
  case LINK_END_CLOSED:
    return END_CLOSED;
  case LINK_END_PROTOCOL:
    return END_PROTOCOL;
  case LINK_END_TOO_BIG:
    return END_TOO_BIG;
  case LINK_END_NO_MEMORY:
    return END_INTERNAL;
  default:
    return END_LOST;
  }
}

static void on_ended(struct link *link, const struct link_end *end) {
  struct member *member = member_of(link);
  end_member(member, member->is_closing ? (enum end_reason)member->end : reason_of(end),
             end->detail);
}

static void on_close_late(struct net_timer *timer) {
  member_drop((struct member *)((char *)timer - offsetof(struct member, deadline)), END_LOST);
}

void member_close(struct member *member, uint16_t code, const char *sentence, enum end_reason end) {
  struct relay *relay = member->relay;
  if (member->is_closing)
    return;
  member->is_closing = true;
  member->end = (uint8_t)end;
  retire(member);
  link_close(member->link, code, sentence);
  link_pause(member->link, false); /* the peer's close frame is to be read */
  member->deadline.fire = on_close_late;
  const uint32_t wait_ms = member->is_open ? CLOSE_MS : 0; /* before the 101 there is no close */
  (void)net_timer_set(relay->loop, &member->deadline, net_loop_now_ms(relay->loop) + wait_ms);
}

/* Errors that were written go before the close frame. */
void member_settle(struct member *member) {
  if (member->is_broken && member->in_flight == 0)
    member_close(member, 1013, "the store failed: send again what was not acknowledged", END_STORE);
  else
    member_update_pause(member);
}

void member_break(struct member *member) {
  member->is_broken = true;
  store_line_break(member->line);
  member_settle(member);
}

/* ---- heartbeat ---- */

static void set_deadline(struct member *member, uint64_t at_ms);

void member_heard(struct member *member) {
  member->heard_at_ms = net_loop_now_ms(member->relay->loop);
  member->is_asked = false;
}

static void ask(struct member *member) {
  struct relay *relay = member->relay;
  struct link_position position;
  member->is_asked = true;
  (void)link_ping(member->link, "alive?", 6, &position);
  set_deadline(member, net_loop_now_ms(relay->loop) + relay->options->heartbeat_timeout_ms);
}

/* Whom we do not read, for reasons of our own, we cannot call silent. */
static void on_quiet(struct net_timer *timer) {
  struct member *member = (struct member *)((char *)timer - offsetof(struct member, deadline));
  struct relay *relay = member->relay;
  const uint64_t now_ms = net_loop_now_ms(relay->loop);
  if (member->is_full || member->is_throttled || member->is_waiting || member->is_broken)
    member_heard(member);
  const uint64_t due_ms = member->heard_at_ms + relay->options->heartbeat_interval_ms;
  if (member->is_asked)
    member_drop(member, END_SILENT);
  else if (now_ms < due_ms)
    set_deadline(member, due_ms);
  else
    ask(member);
}

static void set_deadline(struct member *member, uint64_t at_ms) {
  member->deadline.fire = on_quiet;
  (void)net_timer_set(member->relay->loop, &member->deadline, at_ms);
}

/* ---- reading ---- */

void member_update_pause(struct member *member) {
  const bool paused = member->is_full || member->is_throttled || member->is_waiting ||
                      member->is_blocked || member->is_stopped || member->is_broken;
  if (member->is_closing || !member->is_open || paused == member->is_paused)
    return;
  member->is_paused = paused;
  link_pause(member->link, paused);
}

void member_stop_reading(struct member *member) {
  member->is_stopped = true;
  member_update_pause(member);
}

/* Nobody is read faster than it reads what comes of it: answers, acks, its own messages. */
static void block(struct member *member) {
  member->is_blocked = !link_is_writable(member->link);
  member_update_pause(member);
}

static void echo(struct member *member, uint8_t opcode, const uint8_t *data, size_t len) {
  if (!link_write(member->link, opcode, data, len, NULL)) {
    member_close(member, 1011, "no memory", END_INTERNAL);
    return;
  }
  member->sent_count++;
}

static void on_message(struct link *link, uint8_t opcode, const uint8_t *data, size_t len) {
  struct member *member = member_of(link);
  if (member->is_closing)
    return;
  member_heard(member);
  member->received_count++;
  if (member->kind == MEMBER_ECHO)
    echo(member, opcode, data, len);
  else if (opcode != FRAME_TEXT)
    member_close(member, 1003, "messages are text", END_PROTOCOL);
  else
    member_take(member, data, len);
  if (!member->is_closing)
    block(member);
}

static void on_pong(struct link *link, const uint8_t *data, size_t len) {
  (void)data;
  (void)len;
  member_heard(member_of(link));
}

static void on_progress(struct link *link, size_t len) {
  (void)len;
  member_heard(member_of(link));
}

static void on_flushed(struct link *link) {
  struct member *member = member_of(link);
  note_backlog(member, link_buffered(link));
  if (member->is_closing)
    return;
  if (member->is_blocked) {
    member_heard(member); /* it took something, and we would not hear it otherwise */
    block(member);
  }
  replay_go_on(member);
}

/* ---- sending ---- */

/* The largest message must fit, whatever JSON makes of it. */
static uint64_t backlog_max(const struct relay_options *options) {
  const uint64_t least = 8 * options->max_message + REPLAY_PAGE_BYTES * 8;
  return options->max_backlog > least ? options->max_backlog : least;
}

/* Whoever has said farewell hears no more, and its link ends by itself. */
bool member_hears(const struct member *member) {
  return member->is_open && !member->is_closing && link_is_open(member->link);
}

/* Too much for one; or, when too much waits for all, more than its equal part: as long as there is
   too much somebody has more than that. */
static bool is_too_slow(const struct member *member, size_t len) {
  const struct relay *relay = member->relay;
  const uint64_t own = link_buffered(member->link) + len, max = relay->options->max_backlog_total;
  const uint64_t part = max / relay->metrics.connections;
  return own > backlog_max(relay->options) || (relay->metrics.backlog_bytes + len > max &&
                                               own > (part > BACKLOG_FREE ? part : BACKLOG_FREE));
}

bool member_write(struct member *member, const char *text, size_t len) {
  if (!link_write(member->link, FRAME_TEXT, text, len, NULL))
    return false;
  note_backlog(member, link_buffered(member->link));
  member->sent_count++;
  return true;
}

void member_send(struct member *member, const char *text, size_t len) {
  if (!member_hears(member))
    return;
  if (is_too_slow(member, len))
    member_close(member, 1013, "messages are not read fast enough", END_SLOW);
  else if (!member_write(member, text, len))
    member_close(member, 1011, "no memory", END_INTERNAL);
}

void member_tell(struct member *member, char *text) {
  if (text)
    member_send(member, text, strlen(text));
  else
    member_close(member, 1011, "no memory", END_INTERNAL);
  free(text);
}

void member_tell_error(struct member *member, const char *code, const char *sentence,
                       const char *id) {
  member_tell(member, protocol_write_error(code, sentence, id));
}

/* ---- the beginning ---- */

static void on_opened(struct link *link, const char *subprotocol) {
  struct member *member = member_of(link);
  (void)subprotocol;
  if (member->is_closing)
    return;
  member->is_open = true;
  member_heard(member);
  if (member->relay->is_stopping) {
    member_close(member, 1012, "the relay is stopping", END_RESTART);
    return;
  }
  set_deadline(member, member->heard_at_ms + member->relay->options->heartbeat_interval_ms);
  if (member->room && member->after >= 0)
    replay_start(member, member->after);
}

static const struct link_events events = {
    .opened = on_opened,
    .message = on_message,
    .pong = on_pong,
    .progress = on_progress,
    .flushed = on_flushed,
    .ended = on_ended,
};

static bool enter(struct member *member, const char *conversation_id) {
  member->line = store_line_new();
  return member->line && room_enter(member->relay, conversation_id, member);
}

static struct member *member_new(struct relay *relay, const struct member_request *request) {
  const char *user_id = request->user_id ? request->user_id : "";
  const size_t size = strlen(user_id) + 1;
  struct member *member = calloc(1, sizeof *member + size);
  if (!member)
    return NULL;
  member->user_id = memcpy(member + 1, user_id, size);
  member->relay = relay;
  member->kind = (uint8_t)request->kind;
  member->after = request->after;
  member->has_token = request->access->has_token;
  memcpy(member->digest, request->access->digest, sizeof member->digest);
  member->number = ++relay->last_number;
  member->opened_at_ms = member->heard_at_ms = net_loop_now_ms(relay->loop);
  bucket_init(&member->bucket, relay->options->rate, member->opened_at_ms);
  if (!request->conversation_id || enter(member, request->conversation_id))
    return member;
  store_line_release(member->line);
  free(member);
  return NULL;
}

/* The name that the client gave its connection, for logs on both sides. */
static const char *client_name(const struct http_exchange *exchange) {
  const char *name = http_header(exchange, "X-Limpet-Client");
  const size_t len = name ? strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                         "0123456789-_.")
                          : 0;
  return len > 0 && len <= CLIENT_NAME_MAX && name[len] == '\0' ? name : "-";
}

static void log_opening(const struct member *member, const struct http_exchange *exchange,
                        const struct member_request *request) {
  char conversation[LOG_VALUE_CAP], user[LOG_VALUE_CAP], address[ADDRESS_TEXT_CAP];
  const unsigned long long number = member->number;
  struct log *log = &member->relay->log;
  access_address(member->relay, exchange, address);
  if (member->kind == MEMBER_OF_ROOM)
    log_line(log, LOG_INFO, "opened",
             "conn=%llu client=%s peer=%s path=/ws conversation=%s user=%s after=%lld", number,
             client_name(exchange), address, log_value(request->conversation_id, conversation),
             log_value(request->user_id, user), (long long)request->after);
  else
    log_line(log, LOG_INFO, "opened", "conn=%llu client=%s peer=%s path=%s", number,
             client_name(exchange), address, member->kind == MEMBER_ECHO ? "/echo" : "/ws");
}

void member_accept(struct relay *relay, struct http_exchange *exchange,
                   const struct member_request *request) {
  struct member *member = member_new(relay, request);
  if (!member) {
    routes_refuse_for(relay, exchange, 1, 503, "unavailable", "no memory for a connection");
    return;
  }
  join(member);
  log_opening(member, exchange, request);
  const struct link_settings *settings =
      member->kind == MEMBER_ECHO ? &relay->echo_links : &relay->conversation_links;
  member->link = http_upgrade(exchange, settings, &events, member, NULL);
  if (!member->link)
    end_member(member, END_INTERNAL, "no memory for a connection");
}
