/*
 * The client of a world: one session and what drives it, as src/client does: a link's output, the
 * messages' memory, the outbox's feeding, an application that does what it likes in callbacks.
 */
#ifndef SIM_WORLD_CLIENT_H
#define SIM_WORLD_CLIENT_H

#include "session.h"
#include "world_net.h"
#include "world_pulse.h"
#include "world_shadow.h"

#define CLIENT_PARCELS 160
#define CLIENT_ITEMS 256
#define CLIENT_TOKENS 256
#define CLIENT_HEAD_LEN 6 /* of a message's frame */

/** A message in memory. */
struct parcel {
  struct session_message message; /* first */
  uint64_t order;                 /* its place on a link; a replacement inherits it */
  uint64_t stream_end;            /* on the present link, 0 if not written there */
  bool is_held;                   /* the session's */
  char key[1];
  char id[24]; /* what an acknowledgement names */
};

/** A frame in the link's output, not wholly with the kernel. */
struct item {
  enum net_kind kind;
  bool is_direct; /* without a node: it comes back if the link dies */
  uint32_t len;
  uint64_t end;
  uint64_t number, order;
  struct parcel *parcel; /* or NULL: it was given back meanwhile */
  struct heartbeat_question question;
};

enum link_phase { LINK_NONE, LINK_DIALING, LINK_OPEN };

struct client {
  struct session session;
  uint64_t run; /* counts restarts */
  bool is_up;   /* the process runs */
  bool is_stopping;
  bool is_paused;         /* the application reads nothing */
  bool is_over;           /* stopped, and CLOSED was told: not a word more */
  uint64_t up_at_ms;      /* down: it starts again */
  uint64_t busy_until_ms; /* it does not run till then */
  uint64_t behind_ms;     /* its clock stood still so long in all */
  int64_t wall_offset_ms;
  uint32_t starved; /* allocations that will fail, ... */
  uint32_t spared;  /* ... after so many that will not */

  /* the dial or link */
  enum link_phase link;
  uint32_t epoch;
  struct net_conn *conn; /* once open */
  uint64_t dial_at_ms;   /* the server answers */
  uint64_t dial_by_ms;
  uint64_t ends_at_ms; /* nothing can be written any more; its end is reported then */
  struct failure end;
  bool is_closing; /* ACTION_CLOSE was taken */
  bool is_writable;
  uint64_t flushed, stream_end;
  uint64_t flush_at_ms;
  uint64_t last_order;
  struct item items[CLIENT_ITEMS];
  uint32_t item_count;

  struct parcel parcels[CLIENT_PARCELS];
  struct parcel *last_pushed;
  uint64_t closed_number; /* the first that CLOSED did not end */

  enum session_state state; /* as reported */
  char tokens[CLIENT_TOKENS];
  uint32_t token_count;
  uint64_t dropped;
  bool is_taking;  /* inside an action */
  bool has_wish;   /* the application did something since CLOSED */
  bool has_ticked; /* since the last check */
  struct shadow shadow;
  struct pulse pulse;
  bool has_verdict;
  uint8_t verdict; /* what the application makes of the next loss */
};

struct world;

/** The client's own clock. */
uint64_t world_client_now(const struct world *w);
int64_t world_client_wall(const struct world *w);
/** True, and one less to fail: there is no memory for it. */
bool world_client_is_starved(struct world *w);

/* ---- world_client.c: life, time, what the application does ---- */
void world_client_start(struct world *w);
void world_client_stop(struct world *w);
/** The process is killed; it starts again `ms` later. */
void world_client_crash(struct world *w, uint32_t ms);
void world_client_send(struct world *w, uint32_t len, uint32_t ttl_ms, char key);
void world_client_send_direct(struct world *w, uint32_t len);
void world_client_store(struct world *w, uint32_t len, uint32_t ttl_ms);
/** A stored message comes from the outbox. */
void world_client_feed(struct world *w, uint64_t number, uint32_t len, int64_t expires_at_wall_ms);
/* What an application may call that is counted a second time. */
void world_client_healthy(struct world *w);
void world_client_ready(struct world *w);
void world_client_probe(struct world *w);
void world_client_ask(struct world *w);
void world_client_pause(struct world *w, bool is_paused);
/** A callback does something. */
void world_client_call_back(struct world *w);
/** When something is due for it, on the world's clock. */
uint64_t world_client_next_at(const struct world *w);
void world_client_run(struct world *w);

/* ---- world_link.c: the dial, the link, its output ---- */
void world_link_dial(struct world *w, uint32_t epoch);
void world_link_answer_dial(struct world *w);
void world_link_receive(struct world *w, const struct net_frame *frame);
void world_link_flush(struct world *w);
/** Gives the dial or link up and tells the session. */
void world_link_lose(struct world *w, struct failure failure);
/** Gives the link up, because the address that it comes from is gone. */
void world_link_move(struct world *w);
/** Without telling. */
void world_link_drop(struct world *w, bool is_reset);
/** The other end is gone: the loss is told now or soon. */
void world_link_ended(struct world *w, struct failure failure);
/** Part of an unfinished frame arrives. */
void world_link_progress(struct world *w, uint64_t len);
struct item *world_link_put(struct world *w, uint32_t at, struct item item);
/** It can be written to. */
bool world_link_is_fit(const struct world *w);
void world_link_note_order(struct world *w, uint64_t order);

/* ---- world_driver.c: what the session decides ---- */
/** What an acknowledgement of this message names; returns its length. */
size_t world_driver_write_id(char id[24], uint64_t number);
/** Takes all actions. */
void world_driver_settle(struct world *w);
struct parcel *world_driver_parcel(struct world *w, uint64_t number, uint64_t order, uint32_t len);

#endif
