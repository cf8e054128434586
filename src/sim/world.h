/*
 * A world: a client with its disk, a network, a server with its store, and a clock, in one process
 * and driven by one list of operations. The session in it is the real one; all else is a model that
 * does whatever the real parts may do, and after every step it is checked that what the session
 * says and does is what the contract allows.
 *
 * The same settings and operations give the same run. An operation that makes no sense where it
 * stands does nothing, so that any part of a list is a list.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "world_client.h"
#include "world_disk.h"
#include "world_server.h"

#define WORLD_MESSAGES 1024 /* a world has room for; no more are sent */

/** What is known of a message, by its number. */
struct fact {
  uint64_t order;
  uint64_t run;      /* of the client that made it */
  uint64_t ended_in; /* the run that was told its last fate, or 0 */
  uint32_t len;
  uint8_t reads;
  bool is_durable;
  bool is_replacement;
  bool was_committed; /* on the client's disk */
  bool was_accepted;  /* the application was told so */
  bool is_lost;       /* it was told that it may not arrive, or its process was killed */
  bool is_confirmed;
  bool is_stored; /* at the server, perhaps not committed */
  bool is_safe;   /* committed there */
};

/** The settings of a world: the session's, and those of what is around it. */
struct world_settings {
  struct session_config session;
  uint32_t delay_ms, jitter_ms; /* of the network */
  uint32_t kernel_bytes;        /* on their way before the client's kernel takes no more */
  uint32_t disk_ms;             /* of a commit to the client's disk */
  uint32_t store_ms;            /* of a commit at the server */
  uint64_t seed;                /* of the session's jitter */
};

struct world {
  struct world_settings settings;
  struct client client;
  struct disk disk;
  struct server server;
  struct net net;
  struct fact facts[WORLD_MESSAGES];
  uint64_t facts_count;
  uint64_t next_order;

  uint64_t now_ms;
  uint64_t chance; /* of the present operation */
  bool is_calm;    /* nothing happens by chance */
  uint64_t steps;  /* inputs, actions, arrivals, operations */
  uint64_t stuck;  /* steps since time last moved */
  uint64_t opened, confirmed;
  const char *broken; /* the first rule that was, or NULL */
  bool is_traced;     /* says what happens, on stdout */
};

void world_init(struct world *w, const struct world_settings *settings);
/** Lets time pass, and with it what comes of itself. */
void world_pass(struct world *w, uint64_t ms);
/** When something comes of itself. Never before now, but for the client's own deadline. */
uint64_t world_next_at(const struct world *w);
/** The client takes what its session decides; then all is checked. After every input. */
void world_settle(struct world *w);
/** All faults are over: checks that the client comes back and delivers all it promised within a
    bounded time, then that it ends in peace. */
void world_rest(struct world *w);

/* ---- for the parts ---- */
/** Below `below`; 0 in calm worlds. */
uint64_t world_random(struct world *w, uint64_t below);
/** Once in `one_in`; never in calm worlds. */
bool world_chance(struct world *w, unsigned one_in);
void world_break(struct world *w, const char *rule);
/** Another message; NULL: there is no room for more. */
struct fact *world_new_fact(struct world *w, uint32_t len, uint64_t *number);
struct fact *world_fact(struct world *w, uint64_t number);
void world_trace(const struct world *w, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- world_check.c ---- */
/** After every step. */
void world_check(struct world *w);
/** After every operation: what is held. */
void world_check_held(struct world *w);
/** At the end: what was promised has come true. */
void world_check_promises(struct world *w);

#define CHECK(condition, rule)                                                                     \
  do {                                                                                             \
    if (!(condition))                                                                              \
      world_break(w, rule);                                                                        \
  } while (0)

#endif
