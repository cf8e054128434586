/*
 * A TCP proxy that breaks things on purpose: takes connections, dials the target for each, and
 * forwards both ways through whatever faults are on. Knows nothing of what is spoken, except where
 * WebSocket frames begin and end when a fault wants to cut one.
 *
 * One proxy lives on one loop. Commands come from its owner, from a script, from a seed, and from
 * the control server (control.h); each is reported as it is carried out.
 */
#ifndef CHAOS_CHAOS_H
#define CHAOS_CHAOS_H

#include "script.h"
#include "sock.h"

#define CHAOS_DETAIL_CAP 512
#define CHAOS_TARGET_CAP 300
#define CHAOS_CONNECT_MS 10000
#define CHAOS_ENDED_MAX 1000 /* connections that are remembered when they have ended */
#define CHAOS_RESULT_CAP 192

struct chaos;

struct chaos_target {
  char text[CHAOS_TARGET_CAP];
  char host[CHAOS_TARGET_CAP]; /* a path if port is 0 */
  uint16_t port;               /* 0: a Unix socket */
};

/** "HOST:PORT", "[IPv6]:PORT", "unix:/path". False: `detail` says what is wrong. */
bool chaos_parse_target(const char *text, struct chaos_target *target,
                        char detail[CHAOS_DETAIL_CAP]);

enum chaos_phase { CHAOS_DIALING, CHAOS_PASSING, CHAOS_ENDING, CHAOS_ENDED };

/** What is known of a connection. Strings are printable ASCII. */
struct chaos_connection {
  uint64_t id; /* from 1, in the order of coming */
  char peer[ADDRESS_TEXT_CAP];
  enum chaos_phase phase;
  uint64_t opened_ms, ended_ms; /* since the proxy's start */
  uint64_t up_len, down_len;    /* bytes passed on */
  uint32_t faults;              /* bit of each fault_kind that has had an effect */
  bool is_frozen_up, is_frozen_down;
  char result[CHAOS_RESULT_CAP]; /* how it ended: "the client closed it", ... */
};

enum chaos_source { CHAOS_BY_OWNER, CHAOS_BY_SCRIPT, CHAOS_BY_CHANCE, CHAOS_BY_CONTROL };

struct chaos_events {
  void (*opened)(void *user, const struct chaos_connection *connection);
  void (*ended)(void *user, const struct chaos_connection *connection);
  /** It was taken only to be reset: by a fault, the bound, or for want of memory. */
  void (*refused)(void *user, uint64_t id);
  /** A command was carried out; `connection`: 0 for all. `hit_count` connections were ended. */
  void (*commanded)(void *user, const struct command *command, uint64_t connection,
                    enum chaos_source source, uint64_t at_ms, size_t hit_count);
  /** Something is wrong with the proxy itself. */
  void (*troubled)(void *user, const char *detail);
  void *user;
};

struct chaos_options {
  const char *listen;
  const struct chaos_target *target;
  const struct script *script; /* or NULL; must stay */
  uint64_t seed;               /* for every choice but random commands */
  uint64_t random_seed;        /* for those */
  uint64_t max_connections;    /* beyond it they are reset */
  bool is_wild;                /* random commands, for ever */
  bool follows_frames;         /* of all connections, so that a later `cut` can cut them */
  struct chaos_events events;
};

struct chaos_totals {
  uint64_t connections; /* taken */
  uint64_t refused;     /* by a fault or the bound; not counted above */
  uint64_t up_len, down_len;
};

/** NULL: `detail` says why. `options` must stay. */
struct chaos *chaos_new(struct net_loop *loop, const struct chaos_options *options,
                        char detail[CHAOS_DETAIL_CAP]);
/** "127.0.0.1:40123", with the real port. */
const char *chaos_address(const struct chaos *chaos);
const char *chaos_target_text(const struct chaos *chaos);
/** Begins script or chance; from now on time is counted. */
void chaos_start(struct chaos *chaos);
/** Drops all connections and frees itself; `ended` comes for each. */
void chaos_free(struct chaos *chaos);

/** Carries out a command, for all connections (0) or one. False: `error` says why not. */
bool chaos_command(struct chaos *chaos, const struct command *command, uint64_t connection,
                   enum chaos_source source, char error[FAULT_ERROR_CAP]);
/** Takes the place of all faults for all connections. False: nothing has changed. */
bool chaos_replace(struct chaos *chaos, const struct fault *faults, size_t count,
                   enum chaos_source source, char error[FAULT_ERROR_CAP]);

/* ---- questions ---- */

/** Milliseconds since chaos_start(), before it 0. */
uint64_t chaos_now_ms(const struct chaos *chaos);
struct chaos_totals chaos_totals(const struct chaos *chaos);
size_t chaos_open_count(const struct chaos *chaos);

struct plan;
const struct plan *chaos_plan(const struct chaos *chaos);

/** Calls `visit` for the open connections, newest first, then for those remembered as ended, the
    last one first; at most `max`. */
void chaos_visit(const struct chaos *chaos, size_t max,
                 void (*visit)(void *user, const struct chaos_connection *connection), void *user);
/** False: there is none of that id, or it is forgotten. */
bool chaos_find(const struct chaos *chaos, uint64_t id, struct chaos_connection *connection);

#endif
