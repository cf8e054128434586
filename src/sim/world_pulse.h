/* When questions are due and answers late, reckoned a second time: the heartbeat's shadow. */
#ifndef SIM_WORLD_PULSE_H
#define SIM_WORLD_PULSE_H

#include "heartbeat.h"

#include <stdbool.h>
#include <stdint.h>

struct pulse {
  bool is_asked;         /* a question is outstanding */
  bool is_leaving;       /* not wholly with the kernel */
  uint64_t ask_at_ms;    /* the next one is due */
  uint64_t answer_by_ms; /* late from then on */
  uint32_t within_ms;    /* what an answer has, counted from what was last heard of it */
  uint64_t asked_at_us;
  uint64_t counter;
  uint64_t kib_from_ms; /* the present KiB of an unfinished frame began; SESSION_NEVER */
  uint32_t kib_len;
  bool is_slow;             /* a KiB of it took too long: it moves nothing any more */
  uint64_t unacked_from_ms; /* nothing was heard of what is unconfirmed since then */
  uint64_t rtt_sum_us, rtt_count;
  uint32_t rtt_last_us, rtt_min_us, rtt_max_us;
};

struct world;

void world_pulse_opened(struct world *w);
void world_pulse_asked(struct world *w, const struct heartbeat_question *question);
/** The kernel took more of the output; `is_whole`: the question too, or there is none. */
void world_pulse_flushed(struct world *w, bool is_whole);
void world_pulse_progressed(struct world *w, uint64_t len);
void world_pulse_ask_now(struct world *w);
void world_pulse_probed(struct world *w);
void world_pulse_resumed(struct world *w);
void world_pulse_answered(struct world *w, uint64_t now_us);
/** An acknowledgement, or the last of what it is waited for left. */
void world_pulse_acked(struct world *w);
/** Before the session's tick. */
void world_pulse_ticks(struct world *w);
/** The session gives the link up. */
void world_pulse_late(struct world *w);
/** All is sent again. */
void world_pulse_sent_again(struct world *w);
void world_pulse_check(struct world *w);

#endif
