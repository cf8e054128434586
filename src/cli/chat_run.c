/* Running a conversation, whatever its face. */
#include "chat_run.h"

#include "chat_owner.h"
#include "cli.h"
#include "events.h"
#include "open_loop.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int signal_numbers[] = {SIGINT, SIGTERM, SIGHUP};

/* ---- the end ---- */

static unsigned long long waiting_in_outbox(struct chat_run *run) {
  limpet_snapshot s;
  limpet_get_snapshot(chat_client(run->chat), &s, sizeof s);
  return s.metrics.outbox_messages;
}

void chat_run_finish(struct chat_run *run, int status) {
  if (run->is_finished)
    return;
  run->is_finished = true;
  run->status = status;
  run->face->stop(run);
  events_metrics(chat_client(run->chat));
  run->waiting = waiting_in_outbox(run);
  if (run->owns_outbox && !run->waiting) /* as long as nobody else can own it */
    chat_owner_release(run->command.connect.client.outbox);
  limpet_stop(chat_client(run->chat), run->command.connect.client.close_timeout_ms);
}

void chat_run_leave(struct chat_run *run, int status) {
  if (run->is_leaving || run->is_finished)
    return;
  run->is_leaving = true;
  run->status = status;
  limpet_disconnect(chat_client(run->chat));
}

static void on_flushed(limpet_client *client, limpet_result result, void *user) {
  struct chat_run *run = user;
  (void)client;
  if (run->is_leaving || run->is_finished)
    return;
  if (result == LIMPET_OK)
    run->face->on_flushed(run);
  else if (result == LIMPET_NO_MEMORY)
    chat_run_finish(run, complain("out of memory"));
}

void chat_run_flush(struct chat_run *run) {
  if (limpet_flush(chat_client(run->chat), UINT32_MAX, on_flushed, run) != LIMPET_OK)
    chat_run_finish(run, complain("out of memory"));
}

static void on_signal(uv_signal_t *handle, int number) {
  struct chat_run *run = handle->data;
  if (run->signal) {
    if (!run->is_finished)
      run->face->stop(run);
    _exit(EXIT_SIGNAL + number);
  }
  run->signal = number;
  if (run->is_finished)
    return;
  run->face->on_leaving(run);
  chat_run_leave(run, EXIT_SIGNAL + number);
}

/* ---- what the client and the conversation report ---- */

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  struct chat_run *run = chat_user(user);
  events_state(from, to, reason);
  if (run->is_finished)
    return;
  if (to == LIMPET_CONNECTED)
    events_metrics(client);
  if (to == LIMPET_CLOSED && run->is_leaving)
    chat_run_finish(run, run->status);
  else
    run->face->on_state(run, to);
}

static void on_open(limpet_client *client, void *user) {
  (void)client;
  (void)user;
  events_open();
}

static void on_error(limpet_client *client, const limpet_error *error, void *user) {
  struct chat_run *run = chat_user(user);
  (void)client;
  events_error(error);
  if (run->command.connect.is_quiet && !error->retryable && run->face == &chat_face_plain)
    events_last_error(error);
}

static void on_retry(limpet_client *client, const limpet_retry *retry, void *user) {
  (void)client;
  (void)user;
  events_retry(retry);
}

static void on_fate(limpet_client *client, const limpet_fate_report *report, void *user) {
  struct chat_run *run = chat_user(user);
  (void)client;
  if (run->command.connect.client.outbox)
    events_fate(report);
  if (report->fate != LIMPET_FATE_DROPPED)
    return;
  run->dropped++;
  if (report->drop == LIMPET_DROP_DISCONNECTED)
    run->undelivered++;
  else
    events_dropped(report->drop, 1);
}

static void on_log(limpet_client *client, limpet_log_level level, const char *line, void *user) {
  (void)client;
  (void)user;
  events_log(level, line);
}

static void on_message(struct chat *chat, const struct chat_message *message, void *user) {
  struct chat_run *run = user;
  (void)chat;
  if (!run->is_finished)
    run->face->on_message(run, message);
}

static void on_change(struct chat *chat, void *user) {
  struct chat_run *run = user;
  (void)chat;
  if (!run->is_finished)
    run->face->on_change(run);
}

static void on_refusal(struct chat *chat, const struct chat_refusal *refusal, void *user) {
  struct chat_run *run = user;
  (void)chat;
  events_refusal(refusal->code, refusal->message, refusal->id);
  if (!run->is_finished)
    run->face->on_refusal(run, refusal);
}

static void on_begun_anew(struct chat *chat, void *user) {
  static const struct chat_refusal note = {
      "begun_anew", "The relay has begun anew; what it no longer knows is gone here too", NULL};
  on_refusal(chat, &note, user);
}

/* ---- the run ---- */

static limpet_result make_chat(struct chat_run *run, char *detail) {
  struct chat_options o;
  chat_options_init(&o);
  o.client = run->command.connect.client;
  o.client.callbacks = (limpet_callbacks){
      .on_state = on_state,
      .on_open = on_open,
      .on_error = on_error,
      .on_retry = on_retry,
      .on_fate = on_fate,
      .on_log = run->command.connect.is_verbose ? on_log : NULL,
  };
  o.conversation_id = run->command.conversation_id;
  o.user_id = run->command.user_id;
  o.after = run->command.after;
  o.history_max = (size_t)run->command.history_max;
  o.callbacks = (struct chat_callbacks){.on_message = on_message,
                                        .on_change = on_change,
                                        .on_refusal = on_refusal,
                                        .on_begun_anew = on_begun_anew};
  o.user = run;
  return chat_new(&o, (struct uv_loop_s *)&run->loop, &run->chat, detail);
}

static void init_signals(struct chat_run *run) {
  for (size_t i = 0; i < sizeof signal_numbers / sizeof *signal_numbers; i++) {
    uv_signal_init(&run->loop, &run->signals[i]);
    run->signals[i].data = run;
    uv_signal_start(&run->signals[i], on_signal, signal_numbers[i]);
    uv_unref((uv_handle_t *)&run->signals[i]);
  }
}

static void close_signals(struct chat_run *run) {
  for (size_t i = 0; i < sizeof signal_numbers / sizeof *signal_numbers; i++)
    uv_close((uv_handle_t *)&run->signals[i], NULL);
}

/* What waits in an outbox would go to whichever conversation is joined. */
static bool claim_outbox(struct chat_run *run) {
  const struct chat_command *c = &run->command;
  char error[CHAT_OWNER_ERROR_CAP];
  if (!c->connect.client.outbox)
    return true;
  run->owns_outbox = chat_owner_claim(c->connect.client.outbox, c->user_id, c->conversation_id,
                                      waiting_in_outbox(run), error);
  if (!run->owns_outbox)
    events_unusable(error);
  return run->owns_outbox;
}

static int start(struct chat_run *run) {
  char detail[LIMPET_DETAIL_CAP];
  run->is_finished = true;
  const limpet_result result = make_chat(run, detail);
  if (result != LIMPET_OK) {
    events_refused(result, detail);
    return result == LIMPET_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_CRITICAL;
  }
  if (!claim_outbox(run) || !run->face->start(run)) {
    limpet_stop(chat_client(run->chat), 0);
    return EXIT_USAGE;
  }
  run->is_finished = false;
  limpet_connect(chat_client(run->chat));
  return EXIT_DONE;
}

static int end_status(const struct chat_run *run) {
  const char *outbox = run->command.connect.client.outbox;
  if (run->undelivered)
    events_undelivered(run->undelivered);
  if (run->waiting)
    events_say("%llu message%s in the outbox %s: the same command delivers %s", run->waiting,
               run->waiting == 1 ? " waits" : "s wait", outbox, run->waiting == 1 ? "it" : "them");
  return run->status == EXIT_DONE && run->dropped ? EXIT_DROPPED : run->status;
}

int chat_run_main(struct chat_run *run, const struct chat_face *face) {
  run->face = face;
  if (!open_loop(&run->loop))
    return EXIT_CRITICAL;
  init_signals(run);
  run->status = start(run);
  uv_run(&run->loop, UV_RUN_DEFAULT);
  close_signals(run);
  uv_run(&run->loop, UV_RUN_DEFAULT);
  uv_loop_close(&run->loop);
  const int status = end_status(run);
  chat_free(run->chat);
  return status;
}
