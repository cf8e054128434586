/* How a pair ends, and how its memory goes. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define DRAIN_MS 1000
#define READS_PER_TURN 16

void pair_blame(const struct plan_fault *fault, char result[CHAOS_RESULT_CAP]) {
  char text[FAULT_TEXT_CAP];
  fault_print(&fault->fault, text);
  (void)snprintf(result, CHAOS_RESULT_CAP, "a fault: %s", text);
}

/* ---- memory ---- */

static void free_if_done(struct pair *pair) {
  struct net_loop *loop = pair->loop;
  if (pair->chaos || pair->handle_count > 0)
    return;
  memory_free(net_loop_memory(loop), pair);
  net_loop_release(loop);
}

static void on_closed(uv_handle_t *handle) {
  struct pair *pair = ((struct side *)handle)->pair;
  pair->handle_count--;
  free_if_done(pair);
}

static void close_side(struct side *side, bool is_reset) {
  const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  if (side->fd < 0)
    return;
  if (is_reset)
    setsockopt(side->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  side->has_handle = false;
  uv_close((uv_handle_t *)&side->poll, on_closed);
  close(side->fd);
  side->fd = -1;
}

/* ---- ends ---- */

static void leave(struct pair *pair) {
  struct chaos *chaos = pair->chaos;
  if (pair->previous)
    pair->previous->next = pair->next;
  else
    chaos->pairs = pair->next;
  if (pair->next)
    pair->next->previous = pair->previous;
  chaos->pairs_count--;
  plan_clear(&chaos->plan, pair->about.id, FAULT_KINDS_COUNT);
}

static void stop_moving(struct pair *pair) {
  const struct flow_world world = chaos_world(pair->chaos);
  if (pair->dial)
    dial_cancel(pair->dial);
  pair->dial = NULL;
  net_timer_unset(pair->loop, &pair->dial_deadline);
  for (int way = 0; way < WAYS_COUNT; way++)
    flow_deinit(&pair->flows[way], &world);
}

static void set_result(struct pair *pair, const char *result) {
  if (result != pair->about.result)
    (void)snprintf(pair->about.result, CHAOS_RESULT_CAP, "%s", result);
}

static void end(struct pair *pair, bool is_reset) {
  struct chaos *chaos = pair->chaos;
  stop_moving(pair);
  net_timer_unset(pair->loop, &pair->timer);
  for (int i = 0; i < SIDES_COUNT; i++)
    close_side(&pair->sides[i], is_reset);
  pair_describe(pair, &pair->about);
  pair->about.is_frozen_up = pair->about.is_frozen_down = false;
  pair->about.phase = CHAOS_ENDED;
  pair->about.ended_ms = chaos_now_ms(chaos);
  leave(pair);
  pair->chaos = NULL;
  chaos_remember(chaos, &pair->about);
  free_if_done(pair);
}

void pair_reset(struct pair *pair, const char *result) {
  set_result(pair, result);
  end(pair, true);
}

void pair_finish(struct pair *pair, const char *result) {
  set_result(pair, result);
  end(pair, false);
}

/* A socket closed with unread input answers with a reset, which could overtake what was sent: so
   both sides are told, and read until they end too, or for a while. */
void pair_close(struct pair *pair, const char *result) {
  if (pair->about.phase == CHAOS_ENDING)
    return;
  stop_moving(pair);
  set_result(pair, result);
  pair->about.phase = CHAOS_ENDING;
  pair->give_up_ms = chaos_loop_ms(pair->chaos) + DRAIN_MS;
  for (int i = 0; i < SIDES_COUNT; i++)
    if (pair->sides[i].fd >= 0)
      shutdown(pair->sides[i].fd, SHUT_WR);
}

/* False: it has ended. */
static bool drain_side(struct side *side) {
  uint8_t *buffer = net_loop_receive_buffer(side->pair->loop);
  for (int left = READS_PER_TURN; left > 0; left--) {
    const ssize_t n = sock_receive(side->fd, buffer, NET_RECEIVE_CAP);
    if (n < 0 && sock_would_block(errno))
      return true;
    if (n <= 0)
      return false;
  }
  return true;
}

void pair_throw_away(struct pair *pair) {
  const bool is_late = chaos_loop_ms(pair->chaos) >= pair->give_up_ms;
  for (int i = 0; i < SIDES_COUNT; i++)
    if (pair->sides[i].fd >= 0 && !drain_side(&pair->sides[i]))
      close_side(&pair->sides[i], false);
  if (is_late || (pair->sides[CLIENT].fd < 0 && pair->sides[TARGET].fd < 0))
    end(pair, false);
}
