/*
 * A server as a model: it reads frames in order, answers questions, stores messages by their ids
 * and acknowledges each once it is committed. It may hang, crash, restart, refuse.
 */
#ifndef SIM_WORLD_SERVER_H
#define SIM_WORLD_SERVER_H

#include "world_net.h"

#define SERVER_PENDING 64

struct server_pending {
  uint64_t number;
  uint64_t born; /* of the connection that waits for the acknowledgement */
};

struct server {
  struct server_pending pending[SERVER_PENDING]; /* stored, to be committed and acknowledged */
  uint32_t pending_count;
  uint64_t commit_at_ms;
  uint64_t down_until_ms; /* nobody listens */
  uint64_t hang_until_ms; /* it reads nothing */
  uint64_t last_order[2]; /* of what came first: queued, durable */
  uint64_t safe_order[2]; /* the same, of what is committed */
  uint32_t latency_ms;    /* of a commit */
  uint32_t fail_count;    /* commits that will fail */
  uint32_t forget_count;  /* acknowledgements that will not be sent */
  uint32_t refuse_count;  /* dials that will be refused */
  uint16_t status;        /* the answer to the next dial, 0: 101 */
  uint16_t retry_after_s; /* said with it */
  bool is_untrusted;      /* the next dial finds a certificate that it does not trust */
  bool is_silent;         /* down without a word: the machine lost its power */
};

struct world;

void world_server_receive(struct world *w, struct net_conn *conn, const struct net_frame *frame);
/** At commit_at_ms. */
void world_server_commit(struct world *w);
/** The process ends: what is not committed is lost. `is_silent`: nobody is told. */
void world_server_crash(struct world *w, uint32_t ms, bool is_silent);
/** Closes all connections with 1012, commits, and is away for a while. */
void world_server_restart(struct world *w, uint32_t ms);
/** Closes the connection; what it sent before arrives before. */
void world_server_close(struct world *w, struct net_conn *conn, uint16_t code);
void world_server_say(struct world *w, struct net_conn *conn, uint32_t len);
void world_server_heal(struct server *server);

#endif
