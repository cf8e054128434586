/*
 * The network of a world: connections of two pipes each, in which frames travel in order and arrive
 * later. What troubles it is on for all connections, or ends one.
 *
 * A connection outlives its client's end: what the kernel has taken still arrives.
 */
#ifndef SIM_WORLD_NET_H
#define SIM_WORLD_NET_H

#include "heartbeat.h"

#include <stdbool.h>
#include <stdint.h>

#define NET_CONNS 4
#define NET_FRAMES 64 /* in a pipe */
#define NET_NEVER UINT64_MAX

enum net_way { NET_UP, NET_DOWN, NET_WAYS };

enum net_kind {
  NET_MESSAGE,  /* up */
  NET_QUESTION, /* up: a heartbeat's */
  NET_REPLY,    /* down */
  NET_ACK,      /* down */
  NET_DATA,     /* down: what the server says by itself */
  NET_CLOSE,
  NET_BROKEN /* cut within a frame: the end of the connection */
};

struct net_frame {
  uint64_t arrives_at_ms;
  uint64_t number; /* MESSAGE, ACK */
  struct heartbeat_question question;
  uint32_t len;
  enum net_kind kind;
  uint16_t close_code;
};

struct net_pipe {
  struct net_frame frames[NET_FRAMES];
  uint32_t first, count;
  uint64_t bytes;     /* of the frames in it */
  uint64_t last_ms;   /* nothing arrives before what was put in earlier */
  uint64_t cut_after; /* bytes until it breaks; NET_NEVER */
};

struct net_conn {
  bool has_client, has_server; /* who still holds an end */
  bool is_lost;                /* its frames go nowhere, and nobody is told */
  uint64_t born;               /* the order in which they were made */
  struct net_pipe pipes[NET_WAYS];
};

struct net {
  struct net_conn conns[NET_CONNS];
  uint64_t born;
  uint64_t frozen_until_ms[NET_WAYS];
  uint64_t slow_until_ms; /* `rate` holds until then */
  uint32_t rate;          /* bytes a second */
  uint32_t delay_ms, jitter_ms;
  bool is_away; /* this machine has no network */
};

struct world;

/** A free connection, or the place of the oldest that its client has left. */
struct net_conn *world_net_connect(struct world *w);
/** Puts a frame on its way. False: the pipe is full. */
bool world_net_put(struct world *w, struct net_conn *conn, enum net_way way,
                   struct net_frame frame);
/** The client's kernel takes `len` more bytes. */
bool world_net_has_room(const struct world *w, const struct net_conn *conn, uint32_t len);
/** The client's end is gone. `is_reset`: with what is on its way. */
void world_net_leave(struct net_conn *conn, bool is_reset);
/** When something sent at `at_ms` along `way` may arrive at the earliest; NET_NEVER: not before
    the fault is over that somebody else must end. */
uint64_t world_net_thawed(const struct net *net, enum net_way way, uint64_t at_ms);
/** When a connection's next frame arrives, on any way. */
uint64_t world_net_next_at(const struct world *w);
/** Hands over the frame that arrives first. */
void world_net_deliver(struct world *w);
/** Ends all that is wrong with it; what is lost stays lost. */
void world_net_heal(struct net *net, uint64_t now_ms);

#endif
