/*
 * The state table: what each input does in each phase. Every cell says go, ignore or impossible.
 * docs/states.md is printed from it. A phase is what a session does; the state is what it says of
 * it.
 */
#ifndef SESSION_TABLE_H
#define SESSION_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "words.h"

enum session_phase {
  PHASE_IDLE,       /* at rest, by the user's wish */
  PHASE_FIRST_DIAL, /* dialing for the first time since connect */
  PHASE_FIRST_WAIT, /* the network is back: a moment's spread before that dial */
  PHASE_OPEN,       /* the link is open */
  PHASE_LATE,       /* given up by us; the driver is dropping it */
  PHASE_BACKOFF,    /* waiting out a delay */
  PHASE_REDIAL,     /* dialing again */
  PHASE_OFFLINE,    /* waiting for the network */
  PHASE_CLOSING,    /* our close handshake is under way */
  PHASE_ERROR,      /* at rest: retrying cannot cure it */
  PHASE_FAILED,     /* at rest: the retries are used up */
  PHASE_COUNT
};

enum session_input {
  INPUT_CONNECT,
  INPUT_CONNECT_OFFLINE,       /* no way to the target is known */
  INPUT_CONNECT_OFFLINE_FIRST, /* nor was a link ever open */
  INPUT_DISCONNECT,
  INPUT_OPENED,
  INPUT_LOST,          /* a dial failed or a link ended, and a retry is left */
  INPUT_LOST_LAST,     /* no retry is left */
  INPUT_LOST_CRITICAL, /* retrying cannot cure it */
  INPUT_LOST_OFFLINE,  /* no way to the target is known: no attempt is spent */
  INPUT_LATE,          /* heartbeat reply, or session_ready(), did not come in time */
  INPUT_TIME,          /* the phase's own time is over */
  INPUT_NETWORK_DOWN,
  INPUT_NETWORK_UP,
  INPUT_NETWORK_UP_FIRST, /* and no link was ever open */
  INPUT_COUNT
};

enum table_verdict { CELL_IMPOSSIBLE, CELL_IGNORE, CELL_GO };

/* What is done on the way; machine.c knows how. */
enum table_effect {
  EFFECT_NONE,
  EFFECT_START,       /* counter 0, dial */
  EFFECT_START_LATER, /* counter 0 */
  EFFECT_DIAL,
  EFFECT_OPEN,       /* heartbeat starts, queue drains */
  EFFECT_RETRY,      /* plan the next dial and report it */
  EFFECT_SPREAD,     /* plan a dial within a moment; counter 0 if it may be */
  EFFECT_GIVE_UP,    /* report gave_up */
  EFFECT_DROP_LINK,  /* the driver drops the link and answers with its loss */
  EFFECT_CLOSE,      /* close handshake; what waits is dropped */
  EFFECT_REST,       /* all messages are dropped */
  EFFECT_ABORT,      /* the dial is dropped */
  EFFECT_ABORT_REST, /* dial or link is dropped, then all messages */
  EFFECT_COUNT
};

struct table_cell {
  uint16_t verdict : 2; /* enum table_verdict */
  uint16_t next : 4;    /* enum session_phase */
  uint16_t effect : 4;  /* enum table_effect */
  uint16_t reason : 4;  /* enum session_reason */
  uint16_t is_loss : 1; /* through DISCONNECTED */
};

const struct table_cell *table_cell(enum session_phase phase, enum session_input input);
/** The state in which users see a phase. CLOSING keeps the one that they saw. */
enum session_state table_state(enum session_phase phase);
/** A dial or link exists. */
bool table_has_link(enum session_phase phase);

const char *table_phase_name(enum session_phase phase);
const char *table_input_name(enum session_input input);
/** For people; "" for EFFECT_NONE. */
const char *table_effect_text(enum table_effect effect);

#endif
