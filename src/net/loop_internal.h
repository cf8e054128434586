/* What a loop shares, laid open to this folder. */
#ifndef NET_LOOP_INTERNAL_H
#define NET_LOOP_INTERNAL_H

#include "entropy.h"
#include "timer_heap.h"
#include "traffic.h"

#include <stdatomic.h>

/* Where in a turn the loop is; they follow one another. */
enum loop_phase {
  LOOP_BETWEEN_TURNS, /* whoever runs it may be elsewhere, for long */
  LOOP_ENDING_TURN,   /* hooks run: before the poll, and after the deadlines */
  LOOP_POLLING,       /* hooks have run: those asked for now come after the poll */
  LOOP_POLLED,        /* inside a link's callback: the poll blocks no more */
  LOOP_JUDGING        /* deadlines are judged */
};

struct net_loop {
  uv_loop_t *uv;
  struct memory memory;
  struct net_loop *next; /* in the registry of all loops */
  size_t reference_count;
  size_t hold_count;
  unsigned handle_count; /* handles not closed yet */
  _Atomic(struct net_task *) posted;
  _Atomic(const char *) thread; /* see loop.c */

  uv_timer_t wake;    /* wakes the poll in time for the first deadline */
  uv_timer_t sweeper; /* runs while links are warm; never keeps the loop alive */
  uv_prepare_t prepare;
  uv_check_t judge;
  uv_idle_t hurry;     /* keeps the next poll from blocking */
  uv_idle_t nudge;     /* says between turns that hooks wait; see loop.c */
  uv_async_t post_box; /* referenced while hold_count > 0 */

  struct timer_heap deadlines;
  uint64_t wake_at_ms;                      /* what `wake` is set to, NET_NEVER: nothing */
  struct net_turn_end *hooks, **hooks_tail; /* for the end of this turn */
  struct net_turn_end *running_hooks;       /* taken from there, being run */
  enum loop_phase phase;

  struct net_watch *watch; /* while anybody watches */
  struct key_pool keys;
  struct traffic_pool traffic;
  uint8_t *receive; /* into `room`, on a cache line: an allocator promises 16 bytes at most */
  uint8_t room[NET_RECEIVE_CAP + 63];
};

/** The next poll must not block: something waits that no descriptor tells of. */
void net_loop_hurry(struct net_loop *loop);
/** Traffic appeared: the sweeper runs from now on. */
void net_loop_start_sweeper(struct net_loop *loop);

#endif
