/*
 * What both faces of `limpet chat` share: the loop, the conversation, signals, the way out. A face
 * is the terminal's screen (chat_screen.c) or plain lines (chat_plain.c).
 */
#ifndef CLI_CHAT_RUN_H
#define CLI_CHAT_RUN_H

#include "chat.h"
#include "chat_command.h"

#include <uv.h>

struct chat_run;

struct chat_face {
  /** Before the first dial. False: cannot be, and it has said why. */
  bool (*start)(struct chat_run *run);
  /** Once, when the run is over: no more is shown. */
  void (*stop)(struct chat_run *run);
  void (*on_message)(struct chat_run *run, const struct chat_message *message);
  void (*on_change)(struct chat_run *run);
  void (*on_state)(struct chat_run *run, limpet_state to);
  void (*on_refusal)(struct chat_run *run, const struct chat_refusal *refusal);
  /** All that was said is stored or given up: asked for by chat_run_flush(). */
  void (*on_flushed)(struct chat_run *run);
  /** SIGINT, SIGTERM or SIGHUP: leaving has begun. */
  void (*on_leaving)(struct chat_run *run);
};

struct chat_run {
  struct chat_command command;
  const struct chat_face *face;
  void *face_data;
  uv_loop_t loop;
  struct chat *chat;
  uv_signal_t signals[3];
  bool is_leaving, is_finished;
  bool owns_outbox; /* it is noted as ours */
  int signal;
  int status;
  unsigned long long dropped;     /* for good, whatever the reason */
  unsigned long long undelivered; /* of them, at the end */
  unsigned long long waiting;     /* in the outbox, at the end */
};

/** Runs until the end; returns the exit status. `command` has been parsed. */
int chat_run_main(struct chat_run *run, const struct chat_face *face);
/** Tells the face when all is stored. */
void chat_run_flush(struct chat_run *run);
/** Closes the connection, then ends with `status`. */
void chat_run_leave(struct chat_run *run, int status);
/** Ends now. */
void chat_run_finish(struct chat_run *run, int status);

extern const struct chat_face chat_face_plain;
extern const struct chat_face chat_face_screen;

#endif
