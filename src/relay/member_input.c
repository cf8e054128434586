/* What a member of a conversation says. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Own names may stand in a message; others' may not. */
static bool is_own(const struct member *member, const struct incoming *in) {
  return (!in->sender_id || strcmp(in->sender_id, member->user_id) == 0) &&
         (!in->conversation_id || strcmp(in->conversation_id, member->room->id) == 0);
}

static bool may_speak(struct member *member, const struct incoming *in) {
  if (!member->room)
    member_tell_error(member, "no_conversation",
                      "this connection has no conversation; connect to "
                      "/ws?conversation_id=...&user_id=...",
                      in->id);
  else if (!is_own(member, in))
    member_tell_error(member, "forbidden",
                      "a connection speaks for its own user and conversation only", in->id);
  else
    return true;
  member->relay->metrics.messages_refused++;
  return false;
}

static void take_message(struct member *member, const struct incoming *in) {
  struct relay *relay = member->relay;
  if (!may_speak(member, in))
    return;
  if (pending_append(relay, in, member->room->id, member->user_id, member, NULL))
    return;
  relay->metrics.messages_refused++;
  member_tell_error(member, "store_unavailable", "too many messages wait for the disk", in->id);
  member_break(member);
}

static void take_typing(struct member *member, const struct incoming *in) {
  struct relay *relay = member->relay;
  if (!may_speak(member, in))
    return;
  char *text = protocol_write_typing(member->room->id, member->user_id);
  relay->metrics.typing++;
  if (text)
    (void)room_broadcast(relay, member->room->id, text, strlen(text), member);
  free(text);
}

static void take(struct member *member, const struct incoming *in) {
  switch (in->kind) {
  case INCOMING_MESSAGE:
    take_message(member, in);
    break;
  case INCOMING_TYPING:
    take_typing(member, in);
    break;
  case INCOMING_PING:
    member_send(member, protocol_pong, strlen(protocol_pong));
    break;
  case INCOMING_HEARTBEAT:
    member_tell(member,
                protocol_write_heartbeat(in->timestamp, net_loop_wall_ms(member->relay->loop)));
    break;
  case INCOMING_BAD:
    member->relay->metrics.messages_refused++;
    member_tell_error(member, in->code, in->sentence, in->id);
    break;
  }
}

/* ---- too fast ---- */

static void on_thaw(struct net_timer *timer) {
  struct member *member = (struct member *)((char *)timer - offsetof(struct member, thaw));
  member->is_throttled = false;
  member_update_pause(member);
}

static void tell_throttled(struct member *member) {
  char sentence[128];
  if (member->is_told)
    return;
  member->is_told = true;
  member->relay->metrics.rate_limited++;
  (void)snprintf(sentence, sizeof sentence,
                 "more than %u messages a second: what comes is read more slowly, none is lost",
                 member->relay->options->rate);
  member_tell_error(member, "rate_limited", sentence, NULL);
}

/* The message that finds the bucket empty is taken all the same; then nothing is read until a tenth
   of the bucket is there again: backpressure, so that nothing is lost or changes its place. An
   episode has ended when the bucket was full. */
static void throttle(struct member *member) {
  struct relay *relay = member->relay;
  const uint32_t rate = relay->options->rate;
  const uint64_t now_ms = net_loop_now_ms(relay->loop);
  if (rate == 0)
    return;
  if (bucket_wait_ms(&member->bucket, rate, rate, now_ms) == 0)
    member->is_told = false;
  if (bucket_take(&member->bucket, rate, now_ms))
    return;
  tell_throttled(member);
  const uint64_t wait_ms = bucket_wait_ms(&member->bucket, rate, 1 + rate / 10, now_ms);
  member->thaw.fire = on_thaw;
  if (member->is_closing || !net_timer_set(relay->loop, &member->thaw, now_ms + wait_ms))
    return;
  member->is_throttled = true;
  member_update_pause(member);
}

void member_take(struct member *member, const uint8_t *text, size_t len) {
  struct incoming in;
  throttle(member);
  incoming_read(&in, text, len);
  take(member, &in);
  incoming_deinit(&in);
}
