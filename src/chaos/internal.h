/*
 * The proxy's insides, shared by chaos.c, commands.c, pair.c and pair_end.c.
 *
 * A pair is one connection: the client's socket and the target's, and a flow each way.
 *
 *   DIALING   the client waits, unread, until the target has answered
 *   PASSING   flows go on
 *   ENDING    an orderly end: both sides were told, what still comes is thrown away, for a second
 *   ENDED     sockets are closed; libuv lets go of the handles, then the memory goes
 */
#ifndef CHAOS_INTERNAL_H
#define CHAOS_INTERNAL_H

#include "chaos.h"
#include "dial.h"
#include "flow.h"
#include "listener.h"
#include "wild.h"

#include <uv.h>

enum { UP, DOWN, WAYS_COUNT };
enum { CLIENT, TARGET, SIDES_COUNT };

struct side {
  uv_poll_t poll; /* first: a handle is its side */
  struct pair *pair;
  int fd; /* -1: not there, or closed */
  uint8_t polled;
  bool has_handle;
  bool is_gone; /* the peer of a connection that was cut off has hung up */
};

struct pair {
  struct chaos *chaos; /* NULL: it has ended */
  struct net_loop *loop;
  struct pair *previous, *next;
  struct side sides[SIDES_COUNT];
  struct flow flows[WAYS_COUNT]; /* flows[UP] reads sides[CLIENT] */
  struct dial *dial;
  struct net_timer timer, dial_deadline;
  unsigned handle_count; /* libuv has not let go of */
  bool is_cut_off;       /* cut "then freeze": nothing passes any more, whatever is cleared */
  uint64_t end_at_ms;    /* when a fault ends it */
  struct plan_fault end_fault;
  uint64_t give_up_ms; /* of ENDING, and of waiting for the kernel before a reset */
  struct chaos_connection about;
};

struct chaos {
  struct net_loop *loop;
  const struct chaos_options *options;
  struct listener *listener;
  bool is_paused;
  struct plan plan;
  struct pipes pipes;
  struct pair *pairs;
  size_t pairs_count;
  struct chaos_connection *ended; /* a ring of CHAOS_ENDED_MAX */
  uint64_t ended_count, last_id, acts_count;
  struct chaos_totals totals;
  uint64_t started_ms; /* on the loop's clock; NET_NEVER before chaos_start() */
  struct wild wild;
  struct script_step wild_step;
  uint64_t step_index;
  uint64_t told_ms; /* of the last command told */
  struct net_timer step_timer, flap_timer;
};

/* ---- pair.c ---- */
/** Takes the accepted socket. */
void pair_new(struct chaos *chaos, int fd);
/** The plan has changed. */
void pair_refresh(struct pair *pair);
/** What is known of it now. */
void pair_describe(const struct pair *pair, struct chaos_connection *about);

/* ---- pair_end.c: `result` is how the end is remembered ---- */
/** RST to both. */
void pair_reset(struct pair *pair, const char *result);
/** FIN to both; what was under way is lost. */
void pair_close(struct pair *pair, const char *result);
/** Both have ended their streams, and know of each other's end. */
void pair_finish(struct pair *pair, const char *result);
/** Reads and throws away what still comes to a pair that is being closed. */
void pair_throw_away(struct pair *pair);
/** "a fault: reset after 5s". */
void pair_blame(const struct plan_fault *fault, char result[CHAOS_RESULT_CAP]);

/* ---- chaos.c ---- */
void chaos_remember(struct chaos *chaos, const struct chaos_connection *about);

/* ---- commands.c ---- */
/** To be called whenever the plan changed: pauses, timers, all pairs. */
void chaos_plan_changed(struct chaos *chaos);
void chaos_start_steps(struct chaos *chaos);
/** Closes the socket with a reset. */
void chaos_refuse(struct chaos *chaos, int fd);

static inline uint64_t chaos_loop_ms(const struct chaos *chaos) {
  return net_loop_now_ms(chaos->loop);
}
static inline const struct memory *chaos_memory(const struct chaos *chaos) {
  return net_loop_memory(chaos->loop);
}
static inline struct flow_world chaos_world(struct chaos *chaos) {
  return (struct flow_world){.memory = net_loop_memory(chaos->loop),
                             .pipes = &chaos->pipes,
                             .buffer = net_loop_receive_buffer(chaos->loop),
                             .buffer_cap = NET_RECEIVE_CAP,
                             .now_ms = net_loop_now_ms(chaos->loop)};
}

#endif
