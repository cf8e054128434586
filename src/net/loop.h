/*
 * What all links of one uv_loop_t share: the receive buffer, deadlines, work posted from other
 * threads, end-of-turn flushing, masking keys, look-ups, and memory.
 *
 * One object for each uv_loop_t, found by net_loop_acquire() and counted. All functions but
 * net_loop_post() belong to the loop's thread. Deadlines are judged after the sockets have been
 * polled, so a late timer never beats a reply that has already arrived.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define NET_NEVER UINT64_MAX
/** What one read takes at most: small enough that its bytes are still in the nearer caches when
    their UTF-8 is checked, and that a sender who fills the kernel's buffer goes on before all of it
    is copied out. On loopback four times as much took a third more wall time a message. */
#define NET_RECEIVE_CAP ((size_t)64 * 1024)

struct net_loop;

/** A deadline, owned by whoever embeds it; zero-initialised it is unset. */
struct net_timer {
  uint64_t at_ms;
  size_t slot; /* place in the heap + 1; 0: unset */
  void (*fire)(struct net_timer *timer);
};

/** Work for the loop's thread; owned by whoever embeds it until `run` is called. */
struct net_task {
  struct net_task *next;
  void (*run)(struct net_task *task);
};

/** Called once at the end of the turn in which it was asked for. */
struct net_turn_end {
  struct net_turn_end *next;
  struct net_turn_end **place; /* what points to it; NULL: not queued */
  void (*run)(struct net_turn_end *hook);
};

/** The shared object of `uv`, made at the first call. NULL: no memory, descriptors or entropy
    (`*error`: a libuv error code). Released objects close their handles during the next turns. */
struct net_loop *net_loop_acquire(uv_loop_t *uv, const struct memory *memory, int *error);
/** What that error means, for people. */
const char *net_loop_error_text(int error);
void net_loop_retain(struct net_loop *loop);
void net_loop_release(struct net_loop *loop);

/** Keeps the uv loop running although no handle of ours is active; counted. */
void net_loop_hold(struct net_loop *loop);
void net_loop_let_go(struct net_loop *loop);

uv_loop_t *net_loop_uv(struct net_loop *loop);
const struct memory *net_loop_memory(struct net_loop *loop);
/** Monotonic; read once a turn, and anew at each call between turns, where the loop may have slept.
 */
uint64_t net_loop_now_ms(struct net_loop *loop);
/** Read now, for round trips. */
uint64_t net_loop_now_us(struct net_loop *loop);
int64_t net_loop_wall_ms(struct net_loop *loop);
bool net_loop_is_own_thread(const struct net_loop *loop);

/** Sets or moves a deadline; NET_NEVER unsets it. False: no memory for a heap slot. */
bool net_timer_set(struct net_loop *loop, struct net_timer *timer, uint64_t at_ms);
void net_timer_unset(struct net_loop *loop, struct net_timer *timer);

/** [any thread] Runs the task on the loop's thread soon. The loop must have been retained. */
void net_loop_post(struct net_loop *loop, struct net_task *task);

/** Asked for while hooks run, it is called in the same turn, or after a few rounds in the next,
   which follows at once. */
void net_loop_at_turn_end(struct net_loop *loop, struct net_turn_end *hook);
void net_loop_cancel_turn_end(struct net_loop *loop, struct net_turn_end *hook);

/** The loop's receive buffer, NET_RECEIVE_CAP bytes, free for use between two callbacks. */
uint8_t *net_loop_receive_buffer(struct net_loop *loop);

/** Four fresh bytes from a stream cipher keyed once by the system (AES-256-CTR, refilled in
 * blocks). */
void net_loop_masking_key(struct net_loop *loop, uint8_t key[4]);
/** Random bytes from the system's generator; false if it refuses. */
bool net_random(void *out, size_t len);

#endif
