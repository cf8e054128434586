/*
 * One direction of a connection: from the source's socket to the sink's. With no fault that looks
 * at bytes or holds them they go by splice(2), else through a bounded queue. Nothing is read that
 * there is no room for, so the source feels how slow the sink is.
 *
 * How the source's stream ends (orderly, or by a reset) is part of the direction: it is passed on
 * behind the last byte, and held like bytes while the direction is frozen.
 */
#ifndef CHAOS_FLOW_H
#define CHAOS_FLOW_H

#include "frames.h"
#include "hold.h"
#include "pace.h"
#include "pipes.h"

#define FLOW_HELD_MAX ((size_t)64 * 1024)          /* read ahead of the sink */
#define FLOW_DELAYED_MAX ((size_t)2 * 1024 * 1024) /* and while a delay holds bytes */

/** What all flows of a proxy share, at this moment. */
struct flow_world {
  const struct memory *memory;
  struct pipes *pipes;
  uint8_t *buffer; /* free for use during a call */
  size_t buffer_cap;
  uint64_t now_ms;
};

enum flow_end {
  FLOW_OPEN,
  FLOW_FIN,      /* the source ended its stream */
  FLOW_RESET,    /* the source reset the connection */
  FLOW_CUT,      /* a fault ended the stream: see `cut_by` */
  FLOW_NO_MEMORY /* bytes were lost */
};

struct flow {
  int source, sink;
  struct plan_flow plan;
  struct pace pace;
  struct frames frames;
  struct hold hold;
  struct pipe *pipe; /* holds bytes, or NULL */
  uint64_t read_len, sent_len;
  uint64_t chance;     /* stream of random numbers */
  uint64_t cut_id;     /* the fault that cut_frame belongs to */
  uint64_t cut_frame;  /* frame number of the whole stream */
  uint64_t corrupt_id; /* the fault that corrupt_at belongs to */
  uint64_t corrupt_at; /* offset in the stream */
  uint64_t wake_at_ms; /* when to go on although no socket tells; PLAN_NEVER */
  struct plan_fault cut_by;
  enum flow_end end;    /* of what comes from the source */
  bool is_followed;     /* as a WebSocket, from the stream's beginning */
  bool is_source_reset; /* told by a failed write to it: its end of stream is none */
  bool is_sink_gone;    /* nothing can be passed on any more */
  bool is_end_passed;   /* the sink was told */
  bool wants_read;      /* of the source */
  bool wants_write;     /* to the sink */
  uint32_t faults;      /* bit of each fault_kind that has had an effect */
};

/** Zeroed before. */
void flow_init(struct flow *flow, bool is_down, bool is_followed, uint64_t chance, uint64_t now_ms);
void flow_deinit(struct flow *flow, const struct flow_world *world);
/** Other faults hold from now on. */
void flow_set_plan(struct flow *flow, const struct plan_flow *plan);
/** Moves what can be moved, and says what it waits for (wants_read, wants_write, wake_at_ms). */
void flow_go_on(struct flow *flow, const struct flow_world *world);
/** Whether its end is reached and all before it is with the sink's kernel. */
bool flow_is_over(const struct flow *flow);

#endif
