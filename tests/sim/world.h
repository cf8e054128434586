/*
 * A world for one session: a clock, a link with a byte stream, a peer that reads in order, an
 * application that does what it likes in every callback. All chance comes from one seed.
 *
 * Not a model of sockets: it does whatever the driver rules of session.h allow, and checks after
 * every step that what the session says and does is what the contract allows.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "session.h"

#define WORLD_PARCELS 192
#define WORLD_ITEMS 512
#define WORLD_REPLIES 64
#define WORLD_TOKENS 256

/** A message and what the world knows of it. */
struct parcel {
  struct session_message message; /* first */
  uint64_t order;                 /* its place among all; a replacement inherits it */
  uint64_t stream_end;            /* on the present link, 0 if not written there */
  bool is_held;                   /* the session's */
  bool was_read;                  /* by the peer, on any link */
  char key[4];
  char id[24]; /* what an acknowledgement names */
};

enum item_kind { ITEM_MESSAGE, ITEM_DIRECT, ITEM_QUESTION };

/** A frame in the link's stream. */
struct item {
  enum item_kind kind;
  uint64_t end;
  uint64_t order;
  uint32_t len;
  struct parcel *parcel;
  struct heartbeat_question question;
};

enum link_phase { LINK_NONE, LINK_DIALING, LINK_OPEN };

struct world {
  struct session session;
  struct session_config config;
  uint64_t seed, random;
  const uint8_t *choices; /* to be made before the seed's */
  size_t choices_left;
  uint64_t now_ms;
  uint64_t step;
  uint64_t events; /* inputs and actions */

  enum link_phase link;
  uint32_t epoch;
  bool is_closing; /* ACTION_CLOSE was taken */
  bool is_writable;
  uint64_t flushed, last_order;
  struct item items[WORLD_ITEMS]; /* what the peer has not read, in stream order */
  unsigned item_count;
  uint64_t stream_end;
  struct heartbeat_question replies[WORLD_REPLIES];
  unsigned reply_count;

  struct parcel parcels[WORLD_PARCELS];
  struct parcel *last_pushed;
  uint64_t next_order, next_id;
  uint64_t closed_id; /* the first one that CLOSED did not end */

  enum session_state state; /* as reported */
  char tokens[WORLD_TOKENS];
  unsigned token_count;
  uint64_t dropped;
  uint64_t finals;
  uint64_t question_at_ms;
  bool is_taking; /* inside an action */
};

void world_init(struct world *w, uint64_t seed);
/** The same with choices that are given, as long as they last; they must stay. */
void world_init_choices(struct world *w, const uint8_t *choices, size_t count);
/** One random thing happens; everything is checked. */
void world_step(struct world *w);
/** Disconnects and checks that every message came back. */
void world_end(struct world *w);

uint64_t world_random(struct world *w, uint64_t below);
/** Says what is wrong and under which seed, and ends the program. */
_Noreturn void world_fail(const struct world *w, const char *what);

#endif
