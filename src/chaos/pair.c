#include "internal.h"

#include "chance.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HEAD_START_MS 250 /* Happy Eyeballs, RFC 8305 */
#define FLUSH_MS 1000     /* for the kernel to deliver what comes before a reset */
#define FLUSH_LOOK_MS 5   /* no event tells when it has */
#define BOTH_WAYS (1U << UP | 1U << DOWN)

static void go_on(struct pair *pair, unsigned ways);

/* ---- what its sockets and its timer wait for ---- */

static int wanted_events(const struct pair *pair, int side) {
  const struct flow *from = &pair->flows[side == CLIENT ? UP : DOWN];
  const struct flow *to = &pair->flows[side == CLIENT ? DOWN : UP];
  if (pair->sides[side].fd < 0 || pair->about.phase == CHAOS_DIALING)
    return 0;
  if (pair->about.phase == CHAOS_ENDING)
    return UV_READABLE;
  if (pair->is_cut_off)
    return pair->sides[side].is_gone ? 0 : UV_DISCONNECT;
  return (from->wants_read ? UV_READABLE : 0) | (to->wants_write ? UV_WRITABLE : 0);
}

/* Which flows a socket's events move. */
static unsigned moved_ways(const struct side *side, int events) {
  const bool is_near = side == &side->pair->sides[CLIENT];
  unsigned ways = 0;
  if (events & UV_READABLE)
    ways |= 1U << (is_near ? UP : DOWN);
  if (events & UV_WRITABLE)
    ways |= 1U << (is_near ? DOWN : UP);
  return ways;
}

/* On an error libuv stops polling: the next call on the socket tells. */
static void on_poll(uv_poll_t *handle, int status, int events) {
  struct side *side = (struct side *)handle;
  if (status < 0)
    side->polled = 0;
  if (status < 0 || (events & UV_DISCONNECT))
    side->is_gone = true;
  go_on(side->pair, status < 0 ? BOTH_WAYS : moved_ways(side, events));
}

static void update_polls(struct pair *pair) {
  for (int i = 0; i < SIDES_COUNT; i++) {
    struct side *side = &pair->sides[i];
    const int wanted = wanted_events(pair, i);
    if (wanted == side->polled || !side->has_handle)
      continue;
    side->polled = (uint8_t)wanted;
    if (wanted)
      uv_poll_start(&side->poll, wanted, on_poll);
    else
      uv_poll_stop(&side->poll);
  }
}

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t wanted_wake(const struct pair *pair) {
  uint64_t at_ms = pair->end_at_ms;
  if (pair->about.phase == CHAOS_ENDING)
    return pair->give_up_ms;
  if (pair->is_cut_off || pair->about.phase == CHAOS_DIALING)
    return at_ms;
  for (int i = 0; i < WAYS_COUNT; i++)
    at_ms = earlier(at_ms, pair->flows[i].wake_at_ms);
  if (pair->give_up_ms != NET_NEVER)
    at_ms = earlier(at_ms, chaos_loop_ms(pair->chaos) + FLUSH_LOOK_MS);
  return at_ms;
}

static void on_time(struct net_timer *timer) {
  go_on((struct pair *)((char *)timer - offsetof(struct pair, timer)), BOTH_WAYS);
}

static void wait_on(struct pair *pair) {
  update_polls(pair);
  pair->timer.fire = on_time;
  if (!net_timer_set(pair->loop, &pair->timer, wanted_wake(pair)))
    pair_reset(pair, "no memory");
}

/* ---- ends ---- */

static const char *const closers[WAYS_COUNT] = {"the client closed it", "the target closed it"};
static const char *const resetters[WAYS_COUNT] = {"the client reset it", "the target reset it"};

/* A reset overtakes what the kernel has not delivered: it waits until all before it is there. */
static bool is_delivered(struct pair *pair, const struct flow *flow) {
  const uint64_t now_ms = chaos_loop_ms(pair->chaos);
  int unsent = 0;
  if (pair->give_up_ms == NET_NEVER)
    pair->give_up_ms = now_ms + FLUSH_MS;
  return ioctl(flow->sink, SIOCOUTQ, &unsent) != 0 || unsent == 0 || now_ms >= pair->give_up_ms;
}

static void end_by_cut(struct pair *pair, const struct flow *flow) {
  char result[CHAOS_RESULT_CAP];
  pair_blame(&flow->cut_by, result);
  switch (flow->cut_by.fault.ending) {
  case FAULT_THEN_CLOSE:
    pair_close(pair, result);
    break;
  case FAULT_THEN_RESET:
    if (is_delivered(pair, flow))
      pair_reset(pair, result);
    break;
  case FAULT_THEN_FREEZE:
    pair->is_cut_off = true;
    memcpy(pair->about.result, result, sizeof result);
    break;
  }
}

static void pass_end(struct pair *pair, int way) {
  struct flow *flow = &pair->flows[way];
  if (flow->is_end_passed)
    return;
  flow->is_end_passed = true;
  shutdown(flow->sink, SHUT_WR);
  if (pair->about.result[0] == '\0')
    (void)snprintf(pair->about.result, CHAOS_RESULT_CAP, "%s", closers[way]);
}

static void judge_flow(struct pair *pair, int way) {
  struct flow *flow = &pair->flows[way];
  if (flow->is_sink_gone)
    pair->flows[way == UP ? DOWN : UP].is_source_reset = true;
  if (flow->is_sink_gone || !flow_is_over(flow))
    return;
  switch (flow->end) {
  case FLOW_OPEN:
    break;
  case FLOW_FIN:
    pass_end(pair, way);
    break;
  case FLOW_RESET:
    pair_reset(pair, resetters[way]);
    break;
  case FLOW_CUT:
    end_by_cut(pair, flow);
    break;
  case FLOW_NO_MEMORY:
    pair_reset(pair, "no memory");
    break;
  }
}

static bool is_passing(const struct pair *pair) {
  return pair->chaos && pair->about.phase == CHAOS_PASSING;
}

/* Whose socket failed under a write has reset it, even if its stream had ended before. */
static void judge_whole(struct pair *pair) {
  const bool is_up_over = flow_is_over(&pair->flows[UP]);
  const bool is_down_over = flow_is_over(&pair->flows[DOWN]);
  if (pair->is_cut_off) {
    if (pair->sides[CLIENT].is_gone && pair->sides[TARGET].is_gone)
      pair_reset(pair, pair->about.result);
  } else if (is_up_over && is_down_over) {
    if (pair->flows[UP].is_sink_gone)
      pair_reset(pair, resetters[DOWN]);
    else if (pair->flows[DOWN].is_sink_gone)
      pair_reset(pair, resetters[UP]);
    else if (pair->flows[UP].is_end_passed && pair->flows[DOWN].is_end_passed)
      pair_finish(pair, pair->about.result);
  }
}

static void judge(struct pair *pair) {
  for (int way = 0; way < WAYS_COUNT && is_passing(pair) && !pair->is_cut_off; way++)
    judge_flow(pair, way);
  if (is_passing(pair))
    judge_whole(pair);
}

/* ---- going on ---- */

/* By a fault that ends connections of an age. */
static bool end_by_age(struct pair *pair) {
  char result[CHAOS_RESULT_CAP];
  if (chaos_loop_ms(pair->chaos) < pair->end_at_ms)
    return false;
  pair_blame(&pair->end_fault, result);
  if (pair->end_fault.fault.kind == FAULT_RESET)
    pair_reset(pair, result);
  else
    pair_close(pair, result);
  return true;
}

static void pass_on(struct pair *pair, unsigned ways) {
  const struct flow_world world = chaos_world(pair->chaos);
  for (int way = 0; way < WAYS_COUNT && !pair->is_cut_off; way++)
    if (ways & 1U << way)
      flow_go_on(&pair->flows[way], &world);
  judge(pair);
}

static void go_on(struct pair *pair, unsigned ways) {
  if (!pair->chaos)
    return;
  if (pair->about.phase == CHAOS_ENDING)
    pair_throw_away(pair);
  else if (!end_by_age(pair) && pair->about.phase == CHAOS_PASSING)
    pass_on(pair, ways);
  if (pair->chaos)
    wait_on(pair);
}

void pair_refresh(struct pair *pair) {
  const struct plan *plan = &pair->chaos->plan;
  const struct plan_fault *by = NULL;
  struct plan_flow faults;
  for (int way = 0; way < WAYS_COUNT; way++) {
    plan_flow(plan, pair->about.id, way == UP ? FAULT_UP : FAULT_DOWN, &faults);
    flow_set_plan(&pair->flows[way], &faults);
  }
  const uint64_t age_ms = plan_end_age_ms(plan, pair->about.id, &by);
  pair->end_at_ms = NET_NEVER;
  if (by) {
    pair->end_fault = *by;
    pair->end_at_ms = pair->chaos->started_ms + pair->about.opened_ms + age_ms;
  }
  go_on(pair, BOTH_WAYS);
}

/* ---- the beginning ---- */

static bool take_socket(struct pair *pair, int which, int fd) {
  struct side *side = &pair->sides[which];
  const int on = 1;
  side->pair = pair;
  if (uv_poll_init(net_loop_uv(pair->loop), &side->poll, fd) != 0) {
    close(fd);
    return false;
  }
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* not for Unix sockets */
  side->fd = fd;
  side->has_handle = true;
  pair->handle_count++;
  return true;
}

static void begin_passing(struct pair *pair) {
  pair->about.phase = CHAOS_PASSING;
  for (int way = 0; way < WAYS_COUNT; way++) {
    pair->flows[way].source = pair->sides[way == UP ? CLIENT : TARGET].fd;
    pair->flows[way].sink = pair->sides[way == UP ? TARGET : CLIENT].fd;
  }
  go_on(pair, BOTH_WAYS);
}

static void on_dialed(void *user, int fd, const struct address *peer,
                      const struct dial_failure *failure) {
  struct pair *pair = user;
  char result[CHAOS_RESULT_CAP];
  (void)peer;
  pair->dial = NULL;
  net_timer_unset(pair->loop, &pair->dial_deadline);
  if (fd < 0) {
    (void)snprintf(result, sizeof result, "the target is unreachable: %.120s", failure->detail);
    pair_reset(pair, result);
  } else if (!take_socket(pair, TARGET, fd)) {
    pair_reset(pair, "no memory");
  } else {
    begin_passing(pair);
  }
}

static void on_dial_late(struct net_timer *timer) {
  struct pair *pair = (struct pair *)((char *)timer - offsetof(struct pair, dial_deadline));
  dial_cancel(pair->dial);
  pair->dial = NULL;
  pair_reset(pair, "the target is unreachable: it did not answer in 10 s");
}

static void dial_target(struct pair *pair) {
  const struct chaos_target *target = pair->chaos->options->target;
  const struct dial_target to = {.host = target->host,
                                 .port = target->port,
                                 .unix_path = target->port == 0 ? target->host : NULL};
  pair->dial_deadline.fire = on_dial_late;
  pair->dial = dial_new(pair->loop, &to, HEAD_START_MS, on_dialed, pair);
  if (pair->dial && net_timer_set(pair->loop, &pair->dial_deadline,
                                  chaos_loop_ms(pair->chaos) + CHAOS_CONNECT_MS))
    dial_begin(pair->dial);
  else
    pair_reset(pair, "no memory");
}

static void describe_peer(struct pair *pair, int fd) {
  struct address peer;
  memset(&peer, 0, sizeof peer);
  peer.len = sizeof peer.as;
  if (getpeername(fd, &peer.as.any, &peer.len) == 0)
    address_print(&peer, pair->about.peer);
  else
    (void)snprintf(pair->about.peer, sizeof pair->about.peer, "unknown");
}

static void init(struct pair *pair, struct chaos *chaos, int fd) {
  const bool is_followed = chaos->options->follows_frames || plan_has(&chaos->plan, FAULT_CUT);
  pair->chaos = chaos;
  pair->loop = chaos->loop;
  net_loop_retain(pair->loop);
  pair->about.id = chaos->last_id;
  pair->about.opened_ms = chaos_now_ms(chaos);
  pair->end_at_ms = pair->give_up_ms = NET_NEVER;
  pair->sides[CLIENT].fd = pair->sides[TARGET].fd = -1;
  describe_peer(pair, fd);
  for (int way = 0; way < WAYS_COUNT; way++)
    flow_init(&pair->flows[way], way == DOWN, is_followed,
              chance_mix(chance_mix(chaos->plan.seed, pair->about.id), (uint64_t)way),
              chaos_loop_ms(chaos));
}

static void join(struct pair *pair) {
  struct chaos *chaos = pair->chaos;
  const struct chaos_events *events = &chaos->options->events;
  pair->next = chaos->pairs;
  if (chaos->pairs)
    chaos->pairs->previous = pair;
  chaos->pairs = pair;
  chaos->pairs_count++;
  chaos->totals.connections++;
  events->opened(events->user, &pair->about);
}

void pair_new(struct chaos *chaos, int fd) {
  struct pair *pair = memory_alloc_zeroed(chaos_memory(chaos), sizeof *pair);
  if (!pair) {
    chaos_refuse(chaos, fd);
    return;
  }
  init(pair, chaos, fd);
  if (!take_socket(pair, CLIENT, fd)) {
    net_loop_release(pair->loop);
    memory_free(chaos_memory(chaos), pair);
    return;
  }
  join(pair);
  pair_refresh(pair);
  if (pair->chaos)
    dial_target(pair);
}

void pair_describe(const struct pair *pair, struct chaos_connection *about) {
  *about = pair->about;
  about->up_len = pair->flows[UP].sent_len;
  about->down_len = pair->flows[DOWN].sent_len;
  about->faults |= pair->flows[UP].faults | pair->flows[DOWN].faults;
  about->is_frozen_up = pair->is_cut_off || pair->flows[UP].plan.is_frozen;
  about->is_frozen_down = pair->is_cut_off || pair->flows[DOWN].plan.is_frozen;
}
