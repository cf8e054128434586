/*
 * The buffers of one link, which exist only while there is traffic: lent by the loop's pool at the
 * first byte, taken back by a sweep once the link has been silent for about a second. The pool
 * keeps a few, so that a link that speaks now and then costs no allocation.
 *
 * What is in here: the output stream (output.h), the decoder (between two messages it remembers
 * nothing), the buffer in which it gathers unfinished messages, and input that was received but not
 * yet decoded (a paused link).
 */
#ifndef NET_TRAFFIC_H
#define NET_TRAFFIC_H

#include "decoder.h"
#include "memory.h"
#include "output.h"

#define TRAFFIC_SWEEP_MS 1000
#define TRAFFIC_POOL_MAX 32

struct link;
struct net_loop;

struct traffic {
  struct link *link; /* NULL while in the pool */
  struct traffic *previous, *next;
  bool is_active;      /* since the last sweep */
  size_t inflated_len; /* of messages, since reading began in this turn */
  uint8_t *gather;
  size_t gather_cap;
  uint8_t *saved; /* received, not decoded; its first byte at saved_at */
  size_t saved_at, saved_len, saved_cap;
  bool is_stall_noted; /* link_stall.c: output waits, and had come so far then */
  uint32_t stall_kept;
  uint64_t stall_from_ms, stall_sent;
  struct decoder decoder;
  struct output out;
};

struct traffic_pool {
  struct traffic *warm; /* those in use */
  struct traffic *spare;
  size_t spare_count;
};

/** NULL: no memory. */
struct traffic *traffic_take(struct net_loop *loop, struct link *link);
void traffic_give_back(struct net_loop *loop, struct traffic *traffic);
/** Takes back what is silent and empty. True while any is in use. */
bool traffic_sweep(struct net_loop *loop);
void traffic_pool_deinit(struct net_loop *loop);

/** Room for the decoder, `held` bytes kept. False: no memory. */
bool traffic_gather_reserve(struct net_loop *loop, struct traffic *traffic, size_t cap);
/** Keeps input for later. False: no memory. */
bool traffic_save(struct net_loop *loop, struct traffic *traffic, const uint8_t *in, size_t len);

#endif
