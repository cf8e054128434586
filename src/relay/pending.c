/*
 * Messages on their way to the store. After the commit, and not before: an ack or an answer to the
 * sender, and the broadcast to all members. A failure is told to the sender alone.
 */
#include "internal.h"

#include "uuid.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- the member's list, and how much is under way ---- */

static void join(struct pending *pending) {
  struct member *member = pending->member;
  if (!member)
    return;
  pending->next = member->pending;
  if (member->pending)
    member->pending->previous = pending;
  member->pending = pending;
  member->in_flight++;
  member->is_full = member->is_full || member->in_flight >= MEMBER_IN_FLIGHT_MAX;
}

static void leave(struct pending *pending) {
  struct member *member = pending->member;
  if (!member)
    return;
  if (pending->previous)
    pending->previous->next = pending->next;
  else
    member->pending = pending->next;
  if (pending->next)
    pending->next->previous = pending->previous;
  member->in_flight--;
  member->is_full = member->is_full && member->in_flight > MEMBER_IN_FLIGHT_MAX / 2;
  member_settle(member);
}

static void wait_for_store(struct relay *relay, struct member *member) {
  if (!member || member->is_waiting || relay->metrics.queue_bytes < PENDING_BYTES_MAX)
    return;
  member->is_waiting = true;
  member->waiting_next = relay->waiting;
  relay->waiting = member;
}

static void end_waiting(struct relay *relay) {
  if (relay->metrics.queue_bytes > PENDING_BYTES_MAX / 2)
    return;
  while (relay->waiting) {
    struct member *member = relay->waiting;
    relay->waiting = member->waiting_next;
    member->is_waiting = false;
    member_update_pause(member);
  }
}

/* ---- what becomes of it ---- */

static void answer_stored(struct pending *pending, uint16_t status, const char *text) {
  const struct store_message *message = &pending->append.message;
  if (pending->member)
    member_tell(pending->member, protocol_write_ack(message->id, message->sequence_number));
  if (pending->exchange)
    routes_answer(pending->relay, pending->exchange, status, text ? strdup(text) : NULL, NULL);
}

static void broadcast(struct pending *pending, const char *text) {
  struct relay *relay = pending->relay;
  relay->metrics.messages_sent +=
      room_broadcast(relay, pending->append.message.conversation_id, text, strlen(text), NULL);
}

static void take_stored(struct pending *pending) {
  char *text = protocol_write_message(&pending->append.message);
  pending->relay->metrics.messages_stored++;
  answer_stored(pending, 201, text);
  if (text)
    broadcast(pending, text);
  free(text);
}

static void take_known(struct pending *pending) {
  char *text = pending->exchange ? protocol_write_message(&pending->append.message) : NULL;
  pending->relay->metrics.messages_known++;
  answer_stored(pending, 200, text);
  free(text);
}

static void refuse(struct pending *pending, const char *code, const char *sentence) {
  pending->relay->metrics.messages_refused++;
  if (pending->member)
    member_tell_error(pending->member, code, sentence, pending->append.message.id);
  if (pending->exchange)
    routes_refuse(pending->relay, pending->exchange, 503, code, sentence, "Retry-After: 1");
}

static void refuse_unstored(struct pending *pending, const char *sentence) {
  refuse(pending, "store_unavailable", sentence);
  if (pending->member)
    member_break(pending->member);
}

static void on_done(struct store_append *append, enum store_result result, const char *detail) {
  struct pending *pending = (struct pending *)append;
  struct relay *relay = pending->relay;
  relay->metrics.queue_depth--;
  relay->metrics.queue_bytes -= pending->bytes;
  metrics_note_latency(&relay->metrics, net_loop_now_us(relay->loop) - pending->began_us);
  switch (result) {
  case STORE_OK:
    take_stored(pending);
    break;
  case STORE_KNOWN:
    take_known(pending);
    break;
  case STORE_TOO_MANY:
    refuse(pending, "too_many_conversations", "no more conversations can be begun here");
    break;
  case STORE_BEHIND:
    refuse_unstored(pending, "a message before it could not be stored");
    break;
  case STORE_FAILED:
    relay_note_trouble(relay, detail);
    refuse_unstored(pending, "the message could not be stored");
    break;
  }
  leave(pending);
  free(pending);
  end_waiting(relay);
}

/* ---- the way in ---- */

static const char *put_text(struct pending *pending, size_t *at, const char *text) {
  const size_t size = strlen(text) + 1;
  char *copy = memcpy(pending->texts + *at, text, size);
  *at += size;
  return copy;
}

bool pending_append(struct relay *relay, const struct incoming *in, const char *conversation_id,
                    const char *sender_id, struct member *member, struct http_exchange *exchange) {
  char fresh[NET_UUID_CAP];
  const int64_t wall_ms = net_loop_wall_ms(relay->loop);
  assert((member != NULL) != (exchange != NULL));
  if (!in->id && !net_uuid7(wall_ms, fresh))
    return false;
  const char *id = in->id ? in->id : fresh;
  const size_t size =
      strlen(id) + strlen(conversation_id) + strlen(sender_id) + strlen(in->plaintext) + 4;
  struct pending *pending =
      relay->metrics.queue_bytes < 2 * PENDING_BYTES_MAX ? calloc(1, sizeof *pending + size) : NULL;
  if (!pending)
    return false;
  size_t at = 0;
  pending->append.message = (struct store_message){
      .id = put_text(pending, &at, id),
      .conversation_id = put_text(pending, &at, conversation_id),
      .sender_id = put_text(pending, &at, sender_id),
      .plaintext = put_text(pending, &at, in->plaintext),
      .created_at_ms = wall_ms,
  };
  pending->append.line = member ? member->line : NULL;
  pending->append.done = on_done;
  pending->relay = relay;
  pending->member = member;
  pending->exchange = exchange;
  pending->began_us = net_loop_now_us(relay->loop);
  pending->bytes = sizeof *pending + size;
  relay->metrics.queue_depth++;
  relay->metrics.queue_bytes += pending->bytes;
  join(pending);
  wait_for_store(relay, member);
  store_append(relay->store, &pending->append);
  return true;
}
