/* The members of a session: private to src/session and its tests. Included by session.h. */
#ifndef SESSION_STATE_H
#define SESSION_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "failure.h"
#include "queue.h"

#define SESSION_ACTIONS_CAP SESSION_ACTIONS_MAX

/* An action that waits; what is missing here stands in the session. */
struct pending_action {
  uint8_t kind, from, to, reason;
  uint32_t value; /* an epoch, a delay, or for ACTION_ERROR a failure_kind to report alone */
};

/* Where a question stands. One is outstanding at a time. */
enum question_stage { QUESTION_NONE, QUESTION_HANDED, QUESTION_IN_STREAM, QUESTION_SENT };

struct session_heartbeat {
  uint64_t ask_at_ms;    /* the next question, while none is outstanding */
  uint64_t answer_by_ms; /* its reply is late then */
  uint64_t asked_at_us;
  uint64_t counter; /* of the last question; never used twice in a session */
  uint64_t stream_begin, stream_end;
  uint64_t progress_from_ms; /* an unfinished frame's present KiB began; SESSION_NEVER: none came */
  uint32_t answer_within_ms;
  uint16_t progress_len; /* less than a KiB */
  uint8_t stage;         /* enum question_stage */
  uint8_t dialect;       /* of the outstanding question */
};

struct session_counts {
  uint64_t messages_in, messages_out;
  uint64_t bytes_in, bytes_out;
  uint64_t downtime_ms, longest_outage_ms;
  uint64_t rtt_sum_us;
  int64_t clock_offset_ms;
  uint32_t rtt_count, rtt_last_us, rtt_min_us, rtt_max_us;
  uint32_t reconnects;
};

/* What is used most stands first: the nearer a member, the shorter the code that reaches it. */
struct session {
  const struct session_config *config;

  uint32_t epoch;   /* of the last dial */
  uint32_t attempt; /* the counter */
  uint32_t previous_delay_ms;

  uint8_t phase;  /* enum session_phase: what is */
  uint8_t wish;   /* enum session_wish: what the user wants beyond that */
  uint8_t state;  /* enum session_state: what was last said of it */
  uint8_t reason; /* enum session_reason */

  /* facts that no phase stands for */
  bool is_offline : 1;    /* no way to the target is known */
  bool heard_offline : 1; /* and so the machine has heard; it hears when no action waits */
  bool was_open : 1;      /* ever */
  bool in_outage;         /* a link was lost and none has opened since */
  bool is_ready;          /* the queue may drain on this link */
  bool is_stable;         /* this link has lasted */
  bool is_writable;       /* this link takes messages */
  bool is_paused;         /* the application does not read */

  uint8_t actions_first, actions_count;

  uint64_t since_ms;       /* a link: since when it is open; an outage: since when it lasts */
  uint64_t phase_until_ms; /* the delay, or the close handshake, is over then */
  uint64_t stream_sent;    /* what the kernel took of the present link's stream */
  struct session_heartbeat heartbeat;
  struct message_queue queue;
  uint64_t random;
  uint64_t network_reset_from_ms; /* the network's return may reset the counter from then on */
  uint64_t
      unacked_since_ms; /* the last acknowledgement, or the first message after all had theirs */
  struct session_counts counts;
  struct failure failure; /* the last one */
  struct pending_action actions[SESSION_ACTIONS_CAP];
};

#endif
