/*
 * A hold's insides: hold.c takes requests and counts; pair.c is the life of one local connection
 * and its far client; pair_local.c and pair_far.c are its two sides.
 *
 *   DIALING   the far side is dialed, the local request waits
 *   OPEN      both sides are there
 *   DRAINING  the program has gone: what it said is still delivered
 *   STOPPING  the far client is being closed
 *
 * A pair goes when its client is CLOSED and no local side is left. Decisions that end something are
 * made in the pair's end-of-turn hook, so that no callback ends what called it.
 */
#ifndef HOLD_INTERNAL_H
#define HOLD_INTERNAL_H

#include "http.h"
#include "resume.h"
#include "sidecar.h"

#include <limpet/limpet.h>

#define UNSTORED_MAX 1000 /* on their way to the disk: more would only wait in memory */
#define CLOSE_MS 3000
#define LINE_CAP 768
#define REASON_CAP 124 /* a close frame has room for 123 bytes (RFC 6455 section 5.5) */

enum pair_phase { PAIR_DIALING, PAIR_OPEN, PAIR_DRAINING, PAIR_STOPPING };

struct ping {
  bool is_set;
  uint8_t len, data[125];
  uint64_t mark; /* with an outbox: answered when so many are settled */
};

struct pair {
  struct hold *hold;
  struct pair *previous, *next;
  limpet_client *client;
  struct http_exchange *exchange; /* DIALING: to be answered */
  struct link *local;             /* from the 101 on */
  uint64_t number, opened_at_ms;
  enum pair_phase phase;
  bool is_local_open, is_local_closing, is_local_paused, is_far_paused;
  bool asks_subprotocol;
  bool has_failed; /* the far client is in ERROR or FAILED */
  bool is_drained;
  char subprotocol[HANDSHAKE_VALUE_CAP]; /* the far side's */
  uint16_t close_code;                   /* of the far side's last error, if it closed */
  char close_reason[REASON_CAP];
  uint16_t goodbye_code; /* local closing: what is said behind all that waits */
  char goodbye_reason[REASON_CAP];
  char detail[LIMPET_DETAIL_CAP]; /* the far side's last error */
  bool has_value;
  char value[RESUME_VALUE_CAP];
  uint64_t accepted, settled;     /* with an outbox: handed to it, and decided */
  uint64_t taken, given, dropped; /* messages of the program, of the far side, lost */
  struct ping asked, next_ping;
  struct net_timer timer; /* local close, or drain */
  struct net_turn_end turn_end;
};

struct hold {
  struct net_loop *loop;
  const struct hold_options *options;
  struct http_settings http_settings;
  struct link_settings local_settings;
  struct http_server *http;
  struct pair *pairs;
  uint32_t count;
  uint64_t last_number;
  uint64_t undelivered;
  char address[160];
  bool is_stopping;
  struct net_timer sweep, stop_timer;
  uint64_t stop_at_ms;
  void (*stopped)(void *user, uint64_t undelivered);
  void *stopped_user;
};

/* ---- hold.c ---- */
void hold_log(const struct hold *hold, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/** A pair has gone. */
void hold_note_gone(struct hold *hold);

/* ---- pair.c ---- */
/** Takes the exchange: dials for it, or answers it. */
void pair_begin(struct hold *hold, struct http_exchange *exchange);
/** Something changed: looked at when the turn ends. */
void pair_touch(struct pair *pair);
/** The local side has gone. */
void pair_local_gone(struct pair *pair);
/** The far client is CLOSED: nothing comes of it any more. */
void pair_far_gone(struct pair *pair);
/** Whoever asked has left before there was an answer. */
void pair_abandon(struct pair *pair);
/** The hold stops: `is_late`: now. */
void pair_stop(struct pair *pair, bool is_late);
static inline const struct memory *pair_memory(const struct pair *pair) {
  return net_loop_memory(pair->hold->loop);
}
static inline bool pair_has_outbox(const struct pair *pair) {
  return pair->hold->options->far.outbox != NULL;
}

/* ---- pair_local.c ---- */
/** The far side is open: the 101. */
void local_accept(struct pair *pair);
/** Takes nothing more of the program. The close frame goes out behind all that it was given. */
void local_close(struct pair *pair, uint16_t code, const char *reason);
void local_drop(struct pair *pair);
void local_write(struct pair *pair, uint8_t opcode, const void *data, size_t len);
/** Reads the program or not, as there is room for what it says; answers pings that are due. */
void local_update(struct pair *pair);

/* ---- pair_far.c ---- */
/** Fills in what the far client calls. */
void far_set_callbacks(struct pair *pair, limpet_options *far);
/** Takes a message of the program. */
void far_send(struct pair *pair, uint8_t opcode, const void *data, size_t len);
bool far_is_full(const struct pair *pair);
void far_pause(struct pair *pair, bool is_paused);

#endif
