#include "table.h"

#include <stddef.h>

/* A cell that is not named is impossible: the driver's rules, or the classification of inputs in
   machine.c, rule it out. */
#define GO(next, effect, reason)                                                                   \
  { CELL_GO, PHASE_##next, EFFECT_##effect, REASON_##reason, false }
#define LOSS(next, effect, reason)                                                                 \
  { CELL_GO, PHASE_##next, EFFECT_##effect, REASON_##reason, true }
#define IGNORE                                                                                     \
  { CELL_IGNORE, 0, EFFECT_NONE, REASON_NONE, false }

/* clang-format off */
static const struct table_cell cells[PHASE_COUNT][INPUT_COUNT] = {
    [PHASE_IDLE] = {
        [INPUT_CONNECT] = GO(FIRST_DIAL, START, CONNECT),
        [INPUT_CONNECT_OFFLINE] = GO(OFFLINE, START_LATER, NETWORK_DOWN),
        [INPUT_CONNECT_OFFLINE_FIRST] = GO(OFFLINE, START_LATER, NETWORK_DOWN),
        [INPUT_DISCONNECT] = GO(IDLE, REST, DISCONNECT),
        [INPUT_NETWORK_DOWN] = IGNORE,
        [INPUT_NETWORK_UP] = IGNORE,
        [INPUT_NETWORK_UP_FIRST] = IGNORE,
    },
    [PHASE_FIRST_DIAL] = {
        [INPUT_CONNECT] = IGNORE,
        [INPUT_CONNECT_OFFLINE] = IGNORE,
        [INPUT_CONNECT_OFFLINE_FIRST] = IGNORE,
        [INPUT_DISCONNECT] = GO(IDLE, ABORT_REST, DISCONNECT),
        [INPUT_OPENED] = GO(OPEN, OPEN, OPENED),
        [INPUT_LOST] = LOSS(BACKOFF, RETRY, RETRY),
        [INPUT_LOST_LAST] = LOSS(FAILED, GIVE_UP, GAVE_UP),
        [INPUT_LOST_CRITICAL] = GO(ERROR, NONE, CRITICAL),
        [INPUT_LOST_OFFLINE] = GO(OFFLINE, NONE, NETWORK_DOWN),
        [INPUT_NETWORK_DOWN] = GO(OFFLINE, ABORT, NETWORK_DOWN),
        [INPUT_NETWORK_UP] = IGNORE,
        [INPUT_NETWORK_UP_FIRST] = IGNORE,
    },
    [PHASE_FIRST_WAIT] = {
        [INPUT_CONNECT] = GO(FIRST_DIAL, DIAL, CONNECT),
        [INPUT_DISCONNECT] = GO(IDLE, REST, DISCONNECT),
        [INPUT_TIME] = GO(FIRST_DIAL, DIAL, CONNECT),
        [INPUT_NETWORK_DOWN] = GO(OFFLINE, NONE, NETWORK_DOWN),
    },
    [PHASE_OPEN] = {
        [INPUT_CONNECT] = IGNORE,
        [INPUT_CONNECT_OFFLINE] = IGNORE,
        [INPUT_DISCONNECT] = GO(CLOSING, CLOSE, DISCONNECT),
        [INPUT_LOST] = LOSS(BACKOFF, RETRY, RETRY),
        [INPUT_LOST_LAST] = LOSS(FAILED, GIVE_UP, GAVE_UP),
        [INPUT_LOST_CRITICAL] = LOSS(ERROR, NONE, CRITICAL),
        [INPUT_LOST_OFFLINE] = LOSS(OFFLINE, NONE, NETWORK_DOWN),
        [INPUT_LATE] = GO(LATE, DROP_LINK, NONE),
        [INPUT_NETWORK_DOWN] = IGNORE,
        [INPUT_NETWORK_UP] = IGNORE,
    },
    [PHASE_LATE] = {
        [INPUT_CONNECT] = IGNORE,
        [INPUT_CONNECT_OFFLINE] = IGNORE,
        [INPUT_DISCONNECT] = GO(IDLE, ABORT_REST, DISCONNECT),
        [INPUT_LOST] = LOSS(BACKOFF, RETRY, RETRY),
        [INPUT_LOST_LAST] = LOSS(FAILED, GIVE_UP, GAVE_UP),
        [INPUT_LOST_CRITICAL] = LOSS(ERROR, NONE, CRITICAL),
        [INPUT_LOST_OFFLINE] = LOSS(OFFLINE, NONE, NETWORK_DOWN),
        [INPUT_NETWORK_DOWN] = IGNORE,
        [INPUT_NETWORK_UP] = IGNORE,
    },
    [PHASE_BACKOFF] = {
        [INPUT_CONNECT] = GO(REDIAL, DIAL, CONNECT),
        [INPUT_DISCONNECT] = GO(IDLE, REST, DISCONNECT),
        [INPUT_TIME] = GO(REDIAL, DIAL, RETRY),
        [INPUT_NETWORK_DOWN] = GO(OFFLINE, NONE, NETWORK_DOWN),
    },
    [PHASE_REDIAL] = {
        [INPUT_CONNECT] = IGNORE,
        [INPUT_CONNECT_OFFLINE] = IGNORE,
        [INPUT_CONNECT_OFFLINE_FIRST] = IGNORE,
        [INPUT_DISCONNECT] = GO(IDLE, ABORT_REST, DISCONNECT),
        [INPUT_OPENED] = GO(OPEN, OPEN, OPENED),
        [INPUT_LOST] = GO(BACKOFF, RETRY, RETRY),
        [INPUT_LOST_LAST] = GO(FAILED, GIVE_UP, GAVE_UP),
        [INPUT_LOST_CRITICAL] = GO(ERROR, NONE, CRITICAL),
        [INPUT_LOST_OFFLINE] = GO(OFFLINE, NONE, NETWORK_DOWN),
        [INPUT_NETWORK_DOWN] = GO(OFFLINE, ABORT, NETWORK_DOWN),
        [INPUT_NETWORK_UP] = IGNORE,
        [INPUT_NETWORK_UP_FIRST] = IGNORE,
    },
    [PHASE_OFFLINE] = {
        [INPUT_CONNECT_OFFLINE] = GO(REDIAL, DIAL, CONNECT),
        [INPUT_CONNECT_OFFLINE_FIRST] = GO(FIRST_DIAL, DIAL, CONNECT),
        [INPUT_DISCONNECT] = GO(IDLE, REST, DISCONNECT),
        [INPUT_NETWORK_UP] = GO(BACKOFF, SPREAD, NETWORK_UP),
        [INPUT_NETWORK_UP_FIRST] = GO(FIRST_WAIT, SPREAD, NETWORK_UP),
    },
    [PHASE_CLOSING] = {
        [INPUT_DISCONNECT] = IGNORE,
        [INPUT_LOST] = GO(IDLE, REST, DISCONNECT),
        [INPUT_TIME] = GO(IDLE, ABORT_REST, DISCONNECT),
        [INPUT_NETWORK_DOWN] = IGNORE,
        [INPUT_NETWORK_UP] = IGNORE,
    },
    [PHASE_ERROR] = {
        [INPUT_CONNECT] = GO(FIRST_DIAL, START, CONNECT),
        [INPUT_CONNECT_OFFLINE] = GO(OFFLINE, START_LATER, NETWORK_DOWN),
        [INPUT_CONNECT_OFFLINE_FIRST] = GO(OFFLINE, START_LATER, NETWORK_DOWN),
        [INPUT_DISCONNECT] = GO(IDLE, REST, DISCONNECT),
        [INPUT_NETWORK_DOWN] = IGNORE,
        [INPUT_NETWORK_UP] = IGNORE,
        [INPUT_NETWORK_UP_FIRST] = IGNORE,
    },
    [PHASE_FAILED] = {
        [INPUT_CONNECT] = GO(FIRST_DIAL, START, CONNECT),
        [INPUT_CONNECT_OFFLINE] = GO(OFFLINE, START_LATER, NETWORK_DOWN),
        [INPUT_CONNECT_OFFLINE_FIRST] = GO(OFFLINE, START_LATER, NETWORK_DOWN),
        [INPUT_DISCONNECT] = GO(IDLE, REST, DISCONNECT),
        [INPUT_NETWORK_DOWN] = IGNORE,
        [INPUT_NETWORK_UP] = GO(BACKOFF, SPREAD, NETWORK_UP),
        [INPUT_NETWORK_UP_FIRST] = GO(FIRST_WAIT, SPREAD, NETWORK_UP),
    },
};
/* clang-format on */

struct phase_row {
  uint8_t state;
  bool has_link;
};

static const struct phase_row phases[PHASE_COUNT] = {
    [PHASE_IDLE] = {STATE_CLOSED, false},
    [PHASE_FIRST_DIAL] = {STATE_CONNECTING, true},
    [PHASE_FIRST_WAIT] = {STATE_CONNECTING, false},
    [PHASE_OPEN] = {STATE_CONNECTED, true},
    [PHASE_LATE] = {STATE_CONNECTED, true},
    [PHASE_BACKOFF] = {STATE_RECONNECTING, false},
    [PHASE_REDIAL] = {STATE_RECONNECTING, true},
    [PHASE_OFFLINE] = {STATE_WAITING_FOR_NETWORK, false},
    [PHASE_CLOSING] = {STATE_CONNECTED, true},
    [PHASE_ERROR] = {STATE_ERROR, false},
    [PHASE_FAILED] = {STATE_FAILED, false},
};

const struct table_cell *table_cell(enum session_phase phase, enum session_input input) {
  return &cells[phase][input];
}

enum session_state table_state(enum session_phase phase) {
  return (enum session_state)phases[phase].state;
}

bool table_has_link(enum session_phase phase) {
  return phases[phase].has_link;
}

const char *table_phase_name(enum session_phase phase) {
  static const char *const names[PHASE_COUNT] = {
      [PHASE_IDLE] = "idle",
      [PHASE_FIRST_DIAL] = "first_dial",
      [PHASE_FIRST_WAIT] = "first_wait",
      [PHASE_OPEN] = "open",
      [PHASE_LATE] = "late",
      [PHASE_BACKOFF] = "backoff",
      [PHASE_REDIAL] = "redial",
      [PHASE_OFFLINE] = "offline",
      [PHASE_CLOSING] = "closing",
      [PHASE_ERROR] = "error",
      [PHASE_FAILED] = "failed",
  };
  return names[phase];
}

const char *table_input_name(enum session_input input) {
  static const char *const names[INPUT_COUNT] = {
      [INPUT_CONNECT] = "connect",
      [INPUT_CONNECT_OFFLINE] = "connect, offline",
      [INPUT_CONNECT_OFFLINE_FIRST] = "connect, offline, never open",
      [INPUT_DISCONNECT] = "disconnect",
      [INPUT_OPENED] = "link opened",
      [INPUT_LOST] = "lost, a retry is left",
      [INPUT_LOST_LAST] = "lost, no retry is left",
      [INPUT_LOST_CRITICAL] = "lost, critical",
      [INPUT_LOST_OFFLINE] = "lost, offline",
      [INPUT_LATE] = "heartbeat or ready late",
      [INPUT_TIME] = "time is up",
      [INPUT_NETWORK_DOWN] = "network down",
      [INPUT_NETWORK_UP] = "network up",
      [INPUT_NETWORK_UP_FIRST] = "network up, never open",
  };
  return names[input];
}

const char *table_effect_text(enum table_effect effect) {
  static const char *const texts[EFFECT_COUNT] = {
      [EFFECT_NONE] = "",
      [EFFECT_START] = "counter 0, dial",
      [EFFECT_START_LATER] = "counter 0",
      [EFFECT_DIAL] = "dial",
      [EFFECT_OPEN] = "start the heartbeat, drain the queue",
      [EFFECT_RETRY] = "plan and report the retry",
      [EFFECT_SPREAD] = "counter 0 if it may be, dial within 50 ms",
      [EFFECT_GIVE_UP] = "report gave_up",
      [EFFECT_DROP_LINK] = "drop the link, then as lost",
      [EFFECT_CLOSE] = "close with 1000, drop what waits",
      [EFFECT_REST] = "drop all messages",
      [EFFECT_ABORT] = "abort the dial",
      [EFFECT_ABORT_REST] = "abort the dial or link, drop all messages",
  };
  return texts[effect];
}
