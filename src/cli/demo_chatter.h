/*
 * One of the demo's people: a `limpet chat` in a process of its own, with an outbox, behind a bad
 * network of its own. Says numbered lines, "ada 1", "ada 2", and keeps account of what became of
 * them and of what it was shown.
 */
#ifndef CLI_DEMO_CHATTER_H
#define CLI_DEMO_CHATTER_H

#include "demo_child.h"
#include "demo_cutter.h"

#include <limpet/limpet.h>

#define DEMO_CHATTERS 3u
#define DEMO_MESSAGES 200u /* of each */
#define DEMO_OUTAGES_MAX 8u

enum demo_cut { DEMO_RESET, DEMO_FREEZE };

struct demo_outage {
  enum demo_cut kind;
  uint64_t cut_us, open_us; /* open_us 0: not yet */
  uint64_t delay_ms;        /* of its retries */
};

/** What it was shown of one sender. */
struct demo_seen {
  unsigned count, highest, repeated, out_of_order;
};

struct demo_chatter {
  const char *name;
  uv_loop_t *loop;
  struct demo_child *child; /* NULL: dead */
  struct demo_cutter *cutter;
  const char *const *names; /* of all, DEMO_CHATTERS */
  char outbox[256];
  int exit_status;

  limpet_state state;
  unsigned attempt;
  unsigned said; /* the last number */
  unsigned accepted_count, confirmed_count;
  unsigned again; /* times that a message went out again */
  char accepted[DEMO_MESSAGES][LIMPET_NEW_ID_CAP];
  struct demo_seen seen[DEMO_CHATTERS]; /* since its process started */
  struct demo_outage outages[DEMO_OUTAGES_MAX];
  unsigned outages_count;
  unsigned reconnects;
};

/** Starts its process; again after a kill. False: it could not. */
bool demo_chatter_start(struct demo_chatter *chatter);
/** Says the next line, if there is one left. */
void demo_chatter_speak(struct demo_chatter *chatter);
void demo_chatter_cut(struct demo_chatter *chatter, enum demo_cut kind);
/** SIGKILL. */
void demo_chatter_kill(struct demo_chatter *chatter);
/** It ends by itself when all it said is stored. */
void demo_chatter_end(struct demo_chatter *chatter);

#endif
