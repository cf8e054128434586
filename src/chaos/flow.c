#define _GNU_SOURCE
#include "flow.h"

#include "chance.h"
#include "sock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define TURNS_MAX 16 /* in one go, for fairness */
#define ALL_BITS 0xFF

void flow_init(struct flow *flow, bool is_down, bool is_followed, uint64_t chance,
               uint64_t now_ms) {
  flow->source = flow->sink = -1;
  flow->chance = chance;
  flow->is_followed = is_followed;
  flow->wake_at_ms = PLAN_NEVER;
  frames_init(&flow->frames, is_down);
  pace_init(&flow->pace, now_ms);
}

void flow_deinit(struct flow *flow, const struct flow_world *world) {
  hold_clear(&flow->hold, world->memory);
  pipes_give_back(world->pipes, flow->pipe);
  flow->pipe = NULL;
}

/* ---- faults ---- */

static void note(struct flow *flow, enum fault_kind kind) {
  flow->faults |= 1U << kind;
}

static bool is_delayed(const struct flow *flow) {
  return flow->plan.delay_ms > 0 || flow->plan.jitter_ms > 0;
}

static void aim_cut(struct flow *flow) {
  const struct plan_fault *cut = &flow->plan.cut;
  if (cut->id == flow->cut_id)
    return;
  flow->cut_id = cut->id;
  flow->cut_frame = cut->id ? flow->frames.count + cut->fault.amount : 0;
}

static void aim_corrupt(struct flow *flow) {
  const struct plan_fault *corrupt = &flow->plan.corrupt;
  if (corrupt->id == flow->corrupt_id)
    return;
  flow->corrupt_id = corrupt->id;
  flow->corrupt_at = corrupt->fault.has_amount ? corrupt->fault.amount : flow->read_len;
}

void flow_set_plan(struct flow *flow, const struct plan_flow *plan) {
  flow->plan = *plan;
  aim_cut(flow);
  aim_corrupt(flow);
  if (plan->is_frozen)
    note(flow, FAULT_FREEZE);
  if (!is_delayed(flow))
    flow->pace.release_ms = 0;
}

static void cut_off(struct flow *flow, const struct plan_fault *by) {
  flow->end = FLOW_CUT;
  flow->cut_by = *by;
  note(flow, by->fault.kind);
}

/* How many of the bytes at hand come before the stream's end by `truncate`. */
static size_t apply_truncate(struct flow *flow, size_t len) {
  const struct plan_fault *by = &flow->plan.truncate;
  const uint64_t size = by->fault.amount;
  if (by->id == 0 || flow->read_len + len < size)
    return len;
  cut_off(flow, by);
  return size > flow->read_len ? (size_t)(size - flow->read_len) : 0;
}

/* And by `cut`. */
static size_t apply_cut(struct flow *flow, const uint8_t *bytes, size_t len) {
  if (!flow->is_followed)
    return len;
  const size_t before = frames_follow(&flow->frames, bytes, len, flow->cut_frame);
  if (before == FRAMES_NO_CUT)
    return len;
  cut_off(flow, &flow->plan.cut);
  return before;
}

static void apply_corrupt(struct flow *flow, uint8_t *bytes, size_t len) {
  if (flow->plan.corrupt.id == 0 || flow->corrupt_at < flow->read_len ||
      flow->corrupt_at - flow->read_len >= len)
    return;
  bytes[flow->corrupt_at - flow->read_len] ^= ALL_BITS;
  note(flow, FAULT_CORRUPT);
}

/* What the faults leave of the bytes that were read. */
static size_t spoil(struct flow *flow, uint8_t *bytes, size_t len) {
  len = apply_truncate(flow, len);
  len = apply_cut(flow, bytes, len);
  apply_corrupt(flow, bytes, len);
  flow->read_len += len;
  return len;
}

/* ---- to the sink ---- */

static void lose_sink(struct flow *flow, const struct flow_world *world) {
  flow->is_sink_gone = true;
  flow_deinit(flow, world);
}

static void wake_at(struct flow *flow, uint64_t at_ms) {
  if (at_ms < flow->wake_at_ms)
    flow->wake_at_ms = at_ms;
}

static size_t allowed(struct flow *flow, size_t len, uint64_t now_ms) {
  const size_t part = pace_allows(&flow->pace, &flow->plan, len, now_ms);
  if (part < len) {
    note(flow, flow->plan.ms_per_byte > 0 ? FAULT_SLOW_LORIS : FAULT_THROTTLE);
    if (part == 0)
      wake_at(flow, pace_next_ms(&flow->pace, &flow->plan));
  }
  return part;
}

/* Sends as many as may go and as the kernel takes. */
static size_t send_some(struct flow *flow, const struct flow_world *world, const uint8_t *bytes,
                        size_t len) {
  const size_t part = allowed(flow, len, world->now_ms);
  if (part == 0)
    return 0;
  const ssize_t n = sock_send(flow->sink, bytes, part, false);
  if (n < 0) {
    if (sock_would_block(errno))
      flow->wants_write = true;
    else
      lose_sink(flow, world);
    return 0;
  }
  flow->sent_len += (size_t)n;
  pace_spent(&flow->pace, &flow->plan, (size_t)n, world->now_ms);
  return (size_t)n;
}

static bool is_due(struct flow *flow, const struct piece *piece, uint64_t now_ms) {
  if (!is_delayed(flow) || piece->release_ms <= now_ms)
    return true;
  wake_at(flow, piece->release_ms);
  return false;
}

/* False: something is left that cannot go now. */
static bool send_held(struct flow *flow, const struct flow_world *world) {
  while (flow->hold.first) {
    struct piece *piece = flow->hold.first;
    if (!is_due(flow, piece, world->now_ms))
      return false;
    const size_t left = piece->len - piece->sent;
    const size_t n = left ? send_some(flow, world, piece->bytes + piece->sent, left) : 0;
    if (left && n == 0)
      return false;
    hold_sent(&flow->hold, world->memory, n);
  }
  return true;
}

static void hold_at(struct flow *flow, const struct flow_world *world, const uint8_t *bytes,
                    size_t len, uint64_t release_ms) {
  if (!hold_add(&flow->hold, world->memory, bytes, len, release_ms))
    flow->end = FLOW_NO_MEMORY;
}

/* When what was read now may go, by the delay. */
static uint64_t delay(struct flow *flow, const struct flow_world *world) {
  note(flow, FAULT_DELAY);
  return pace_release_ms(&flow->pace, &flow->plan, world->now_ms,
                         chance_next(&flow->chance, UINT32_MAX));
}

static void hold_rest(struct flow *flow, const struct flow_world *world, const uint8_t *bytes,
                      size_t len) {
  const uint64_t release_ms = is_delayed(flow) ? delay(flow, world) : world->now_ms;
  if (len > 0 && !flow->is_sink_gone)
    hold_at(flow, world, bytes, len, release_ms);
}

static void pass(struct flow *flow, const struct flow_world *world, const uint8_t *bytes,
                 size_t len) {
  size_t sent = 0;
  if (!flow->hold.first && !is_delayed(flow))
    sent = send_some(flow, world, bytes, len);
  hold_rest(flow, world, bytes + sent, len - sent);
}

/* ---- from the source ---- */

static void end_of_stream(struct flow *flow) {
  flow->end = flow->is_source_reset ? FLOW_RESET : FLOW_FIN;
}

/* What a read or a splice from the source said, when it brought nothing. */
static void take_no_bytes(struct flow *flow, ssize_t n) {
  if (n == 0)
    end_of_stream(flow);
  else if (sock_would_block(errno))
    flow->wants_read = true;
  else
    flow->end = FLOW_RESET;
}

/* The end is late like bytes: a piece without any stands for it. */
static void hold_end(struct flow *flow, const struct flow_world *world) {
  if (flow->end == FLOW_OPEN || !is_delayed(flow))
    return;
  const uint64_t release_ms = delay(flow, world);
  hold_at(flow, world, world->buffer, 0, release_ms);
  wake_at(flow, release_ms);
}

static size_t room(const struct flow *flow, const struct flow_world *world) {
  const size_t max = is_delayed(flow) ? FLOW_DELAYED_MAX : FLOW_HELD_MAX;
  const size_t left = flow->hold.len < max ? max - flow->hold.len : 0;
  if (flow->hold.first || is_delayed(flow))
    return left < world->buffer_cap ? left : world->buffer_cap;
  return flow->plan.bytes_per_s || flow->plan.ms_per_byte ? max : world->buffer_cap;
}

/* False: nothing came. */
static bool read_some(struct flow *flow, const struct flow_world *world) {
  const ssize_t n = sock_receive(flow->source, world->buffer, room(flow, world));
  if (n <= 0) {
    take_no_bytes(flow, n);
    hold_end(flow, world);
    return false;
  }
  pass(flow, world, world->buffer, spoil(flow, world->buffer, (size_t)n));
  return true;
}

/* ---- through a queue ---- */

/* A stream already longer than it may become ends without another byte. */
static void truncate_now(struct flow *flow) {
  const struct plan_fault *by = &flow->plan.truncate;
  if (by->id != 0 && flow->end == FLOW_OPEN && flow->read_len >= by->fault.amount)
    cut_off(flow, by);
}

static void copy_on(struct flow *flow, const struct flow_world *world) {
  truncate_now(flow);
  for (int turn = 0; turn < TURNS_MAX; turn++) {
    (void)send_held(flow, world);
    if (flow->is_sink_gone || flow->end != FLOW_OPEN || room(flow, world) == 0)
      return;
    if (!read_some(flow, world))
      return;
  }
  wake_at(flow, world->now_ms);
}

/* ---- through a pipe ---- */

static ssize_t move(int from, int to, size_t len) {
  ssize_t n;
  do {
    n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  } while (n < 0 && errno == EINTR);
  return n;
}

/* False: bytes are left in the pipe, or the sink is gone. */
static bool empty_pipe(struct flow *flow, const struct flow_world *world) {
  struct pipe *pipe = flow->pipe;
  while (pipe->len > 0) {
    const ssize_t n = move(pipe->out, flow->sink, pipe->len);
    if (n <= 0) {
      if (n < 0 && sock_would_block(errno))
        flow->wants_write = true;
      else
        lose_sink(flow, world);
      return false;
    }
    pipe->len -= (size_t)n;
    flow->sent_len += (size_t)n;
  }
  return true;
}

static bool fill_pipe(struct flow *flow) {
  const ssize_t n = move(flow->source, flow->pipe->in, PIPE_CAP);
  if (n <= 0) {
    take_no_bytes(flow, n);
    return false;
  }
  flow->pipe->len = (size_t)n;
  flow->read_len += (size_t)n;
  return true;
}

static void splice_on(struct flow *flow, const struct flow_world *world) {
  for (int turn = 0; turn < TURNS_MAX; turn++)
    if (!empty_pipe(flow, world) || flow->end != FLOW_OPEN || !fill_pipe(flow))
      return;
  if (empty_pipe(flow, world))
    wake_at(flow, world->now_ms);
}

static void splice_with_pipe(struct flow *flow, const struct flow_world *world) {
  splice_on(flow, world);
  if (flow->pipe && flow->pipe->len == 0) {
    pipes_give_back(world->pipes, flow->pipe);
    flow->pipe = NULL;
  }
}

/* A fault came while bytes were in the pipe: they go the way of the others. */
static void drain_pipe(struct flow *flow, const struct flow_world *world) {
  struct pipe *pipe = flow->pipe;
  while (pipe->len > 0) {
    const size_t wanted = pipe->len < world->buffer_cap ? pipe->len : world->buffer_cap;
    const ssize_t n = read(pipe->out, world->buffer, wanted);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      break;
    pipe->len -= (size_t)n;
    hold_rest(flow, world, world->buffer, (size_t)n);
  }
  pipes_give_back(world->pipes, pipe);
  flow->pipe = NULL;
}

/* ---- all of it ---- */

static bool is_read_along(const struct flow *flow) {
  return flow->is_followed && flow->frames.phase != FRAMES_NONE;
}

static bool may_splice(const struct flow *flow) {
  return !is_read_along(flow) && !flow->hold.first && !plan_flow_needs_copy(&flow->plan);
}

void flow_go_on(struct flow *flow, const struct flow_world *world) {
  flow->wants_read = flow->wants_write = false;
  flow->wake_at_ms = PLAN_NEVER;
  if (flow->plan.is_frozen || flow->is_sink_gone)
    return;
  if (may_splice(flow) && (flow->pipe || (flow->pipe = pipes_take(world->pipes)))) {
    splice_with_pipe(flow, world);
    return;
  }
  if (flow->pipe)
    drain_pipe(flow, world);
  copy_on(flow, world);
}

bool flow_is_over(const struct flow *flow) {
  if (flow->is_sink_gone)
    return true;
  return flow->end != FLOW_OPEN && !flow->plan.is_frozen && !flow->hold.first && !flow->pipe;
}
