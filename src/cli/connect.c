/*
 * `limpet connect`: standard input out, messages in, through cuts.
 *
 * A run goes through phases: READING; after the end of input FLUSHING (all handed over), PROVING
 * (a heartbeat answered since), LINGERING (nothing came for a while), CLOSING. A loss before the
 * proof goes back to FLUSHING on the next link; so does a closing that proved nothing, after
 * RESTING as long as the client waits before a retry.
 */
#include "check.h"
#include "cli.h"
#include "connect_options.h"
#include "events.h"
#include "handover.h"
#include "input.h"
#include "metrics_listen.h"
#include "open_loop.h"
#include "printer.h"
#include "screen.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum run_phase { RUN_READING, RUN_FLUSHING, RUN_PROVING, RUN_LINGERING, RUN_CLOSING, RUN_RESTING };

/* The reply to a first question may answer one that was asked before the last message went out. */
#define PROOFS_WANTED 2
#define TICK_MS 500 /* of the status line */

struct run {
  struct connect_options options;
  uv_loop_t loop;
  limpet_client *client;
  struct input input;
  struct printer printer;
  struct handover handover;
  struct metrics_listen metrics;
  uv_prepare_t turn;
  uv_timer_t pause, tick; /* `pause`: of lingering, of resting */
  uv_signal_t signals[2], suspension;
  enum run_phase phase;
  unsigned proofs;
  unsigned rounds; /* closings that proved nothing */
  bool is_proven, is_finished, is_input_bad;
  bool is_paused; /* standard output takes no more for now */
  bool is_ready;  /* what goes out first has gone out on this link: what follows may count */
  int signal;
  int status;
  unsigned long long dropped;     /* for good, whatever the reason */
  unsigned long long undelivered; /* of them, at the end */
  unsigned long long waiting;     /* in the outbox, at the end */
};

static void go_to(struct run *run, enum run_phase phase);

/* ---- the end ---- */

static unsigned long long waiting_in_outbox(const struct run *run) {
  limpet_snapshot s;
  limpet_get_snapshot(run->client, &s, sizeof s);
  return s.metrics.outbox_messages;
}

static void finish(struct run *run, int status) {
  if (run->is_finished)
    return;
  run->is_finished = true;
  run->phase = RUN_CLOSING;
  run->status = status;
  input_stop(&run->input);
  uv_timer_stop(&run->pause); /* its client goes */
  events_metrics(run->client);
  run->waiting = waiting_in_outbox(run);
  metrics_listen_stop(&run->metrics);
  limpet_stop(run->client, run->options.client.close_timeout_ms);
}

/* What came last may be refused when all else is done. */
static void finish_output(struct run *run) {
  char what[128];
  if (run->is_finished && run->status != EXIT_DONE)
    return;
  (void)snprintf(what, sizeof what, "cannot write to standard output: %s", strerror(errno));
  events_unusable(what);
  finish(run, EXIT_USAGE);
  run->status = EXIT_USAGE;
}

/* No more messages are taken than standard output takes. */
static void follow_output(struct run *run) {
  const bool is_blocked = printer_is_blocked(&run->printer);
  if (!run->is_finished && is_blocked != run->is_paused &&
      limpet_pause(run->client, is_blocked) == LIMPET_OK)
    run->is_paused = is_blocked;
}

static void flush_output(struct run *run) {
  if (!printer_flush(&run->printer))
    finish_output(run);
  follow_output(run);
}

static void on_output_unblocked(void *user) {
  struct run *run = user;
  flush_output(run);
  if (run->phase == RUN_LINGERING)
    go_to(run, RUN_LINGERING);
}

/* Whoever interrupts does not wait for the reader of what was printed. */
static void give_up_output(struct run *run) {
  if (run->is_finished && printer_is_blocked(&run->printer))
    run->status = EXIT_SIGNAL + run->signal;
  printer_drop(&run->printer);
}

static void close_handles(struct run *run) {
  input_deinit(&run->input);
  printer_deinit(&run->printer);
  uv_close((uv_handle_t *)&run->turn, NULL);
  uv_close((uv_handle_t *)&run->pause, NULL);
  uv_close((uv_handle_t *)&run->tick, NULL);
  uv_close((uv_handle_t *)&run->signals[0], NULL);
  uv_close((uv_handle_t *)&run->signals[1], NULL);
  uv_close((uv_handle_t *)&run->suspension, NULL);
}

/* ---- phases after the end of input ---- */

static void on_flushed(limpet_client *client, limpet_result result, void *user) {
  struct run *run = user;
  (void)client;
  if (run->phase != RUN_FLUSHING)
    return;
  if (result == LIMPET_OK)
    go_to(run, RUN_PROVING);
  else if (result == LIMPET_NO_MEMORY)
    finish(run, complain("out of memory"));
}

static void begin_proof(struct run *run) {
  run->proofs = 0;
  if (!run->is_ready)
    return; /* the next link proves it */
  if (run->options.client.heartbeat == LIMPET_DIALECT_OFF)
    go_to(run, RUN_LINGERING); /* the closing handshake must prove it */
  else
    limpet_ask(run->client);
}

static void on_linger(uv_timer_t *timer) {
  struct run *run = timer->data;
  /* A link may have come in between. While output is blocked nothing can come: then the time begins
     anew behind that. */
  if (run->phase == RUN_LINGERING && !printer_is_blocked(&run->printer))
    go_to(run, RUN_CLOSING);
}

static void on_rested(uv_timer_t *timer) {
  struct run *run = timer->data;
  limpet_connect(run->client);
  go_to(run, RUN_FLUSHING);
}

/* A server that takes links and never says farewell is to be hammered as little as one that drops
   them. */
static void rest(struct run *run) {
  const limpet_options *o = &run->options.client;
  uint32_t chance = 0;
  (void)uv_random(NULL, NULL, &chance, sizeof chance, 0, NULL);
  const limpet_retry retry = {
      .attempt = ++run->rounds,
      .max_retries = o->max_retries,
      .delay_ms = limpet_backoff_delay(o, run->rounds - 1, chance / 4294967296.0, 0),
  };
  events_retry(&retry);
  uv_timer_start(&run->pause, on_rested, retry.delay_ms, 0);
}

static void go_to(struct run *run, enum run_phase phase) {
  run->phase = phase;
  switch (phase) {
  case RUN_READING:
    break;
  case RUN_FLUSHING:
    if (limpet_flush(run->client, UINT32_MAX, on_flushed, run) != LIMPET_OK)
      finish(run, complain("out of memory"));
    break;
  case RUN_PROVING:
    begin_proof(run);
    break;
  case RUN_LINGERING:
    uv_timer_start(&run->pause, on_linger, run->options.linger_ms, 0);
    break;
  case RUN_CLOSING:
    uv_timer_stop(&run->pause);
    limpet_disconnect(run->client);
    break;
  case RUN_RESTING:
    rest(run);
    break;
  }
}

static void on_heartbeat(limpet_client *client, uint32_t rtt_us, void *user) {
  struct run *run = user;
  (void)rtt_us;
  if (run->phase != RUN_PROVING || !run->is_ready)
    return;
  if (++run->proofs < PROOFS_WANTED) {
    limpet_ask(client);
    return;
  }
  run->is_proven = true;
  go_to(run, RUN_LINGERING);
}

/* CLOSED, and it was our wish. Without any proof the run connects and proves again; a peer that
   never proves anything is given up like one that cannot be reached. */
static void on_closed(struct run *run) {
  if (run->is_finished)
    return;
  if (run->signal) {
    finish(run, EXIT_SIGNAL + run->signal);
    give_up_output(run);
  } else if (run->is_proven) {
    finish(run, run->is_input_bad ? EXIT_USAGE : EXIT_DONE);
  } else if (run->rounds >= run->options.client.max_retries) {
    events_gave_up("the server never proved that it read everything");
    finish(run, EXIT_GAVE_UP);
  } else {
    go_to(run, RUN_RESTING);
  }
}

/* ---- input ---- */

static enum input_answer take(void *user, const char *data, size_t len) {
  struct run *run = user;
  limpet_result result = LIMPET_OK;
  const enum input_answer answer = handover_take(&run->handover, data, len, &result);
  if (answer == INPUT_TAKEN && result != LIMPET_OK) {
    events_dropped(LIMPET_DROP_OVERFLOW, 1);
    run->dropped++;
  }
  return answer;
}

static void on_input_ended(void *user, const char *error) {
  struct run *run = user;
  if (error) {
    run->is_input_bad = true;
    events_unusable(error);
  }
  if (error || !run->options.is_kept_open)
    go_to(run, RUN_FLUSHING);
}

/* What the disk refuses is not read on past: it stays where it came from. */
static void stop_reading(struct run *run) {
  if (run->phase != RUN_READING)
    return;
  input_stop(&run->input);
  go_to(run, RUN_FLUSHING);
}

/* ---- what the client reports ---- */

static void print_message(struct run *run, const void *data, size_t len) {
  if (run->signal && printer_is_full(&run->printer))
    return; /* a link that closes is read on whatever is wanted */
  if (!printer_message(&run->printer, run->options.is_binary, data, len))
    finish_output(run);
  follow_output(run);
  if (run->phase == RUN_LINGERING)
    uv_timer_start(&run->pause, on_linger, run->options.linger_ms, 0);
}

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  (void)client;
  print_message(user, data, len);
}

static void on_binary(limpet_client *client, const void *data, size_t len, void *user) {
  (void)client;
  print_message(user, data, len);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  struct run *run = user;
  events_state(from, to, reason);
  if (to == LIMPET_CONNECTED)
    events_metrics(client);
  else if (to == LIMPET_FAILED)
    finish(run, EXIT_GAVE_UP);
  else if (to == LIMPET_ERROR)
    finish(run, EXIT_CRITICAL);
  else if (to == LIMPET_CLOSED)
    on_closed(run);
  else if (to == LIMPET_DISCONNECTED && run->phase == RUN_LINGERING && run->is_proven)
    go_to(run, RUN_CLOSING); /* all was read before: no need to come back */
}

/* A link on which it did not go out is not ready: without limpet_ready() the client drops it, and
   tries again, when ready_timeout_ms are over. */
static bool greet(const struct run *run) {
  char error[ON_OPEN_ERROR_CAP];
  unsigned count;
  const struct on_open on_open = connect_options_on_open(&run->options);
  if (!on_open.path)
    return true;
  if (on_open_send(&on_open, run->client, &count, error))
    return limpet_ready(run->client) == LIMPET_OK;
  events_unready(error);
  return false;
}

static void on_open(limpet_client *client, void *user) {
  struct run *run = user;
  (void)client;
  events_open();
  run->is_ready = greet(run);
  if (run->phase == RUN_PROVING || run->phase == RUN_LINGERING)
    go_to(run, RUN_FLUSHING);
}

static void on_close(limpet_client *client, const limpet_close_info *info, void *user) {
  struct run *run = user;
  (void)client;
  if (run->phase == RUN_CLOSING && info->was_clean)
    run->is_proven = true;
}

static void on_error(limpet_client *client, const limpet_error *error, void *user) {
  struct run *run = user;
  (void)client;
  events_error(error);
  if (run->options.is_quiet && !error->retryable)
    events_last_error(error);
}

static void on_retry(limpet_client *client, const limpet_retry *retry, void *user) {
  (void)client;
  (void)user;
  events_retry(retry);
}

static void on_fate(limpet_client *client, const limpet_fate_report *report, void *user) {
  struct run *run = user;
  (void)client;
  handover_note(&run->handover, report);
  if (run->options.client.outbox)
    events_fate(report);
  if (report->fate != LIMPET_FATE_DROPPED)
    return;
  run->dropped++;
  if (report->drop == LIMPET_DROP_NOT_STORED)
    stop_reading(run);
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

static void set_callbacks(struct run *run) {
  run->options.client.user = run;
  run->options.client.callbacks = (limpet_callbacks){
      .on_text = on_text,
      .on_binary = on_binary,
      .on_state = on_state,
      .on_open = on_open,
      .on_close = on_close,
      .on_error = on_error,
      .on_heartbeat = on_heartbeat,
      .on_retry = on_retry,
      .on_fate = on_fate,
      .on_log = run->options.is_verbose ? on_log : NULL,
  };
}

/* ---- turns, ticks, signals ---- */

static void on_turn(uv_prepare_t *prepare) {
  struct run *run = prepare->data;
  flush_output(run);
  if (run->is_finished)
    return;
  if (input_is_waiting(&run->input))
    input_resume(&run->input);
  screen_draw(run->client);
}

static void on_tick(uv_timer_t *timer) {
  struct run *run = timer->data;
  if (!run->is_finished)
    screen_draw(run->client);
}

static void on_signal(uv_signal_t *handle, int number) {
  struct run *run = handle->data;
  if (run->signal) {
    screen_deinit();
    _exit(EXIT_SIGNAL + number);
  }
  run->signal = number;
  input_stop(&run->input);
  if (run->is_finished)
    give_up_output(run);
  else if (run->phase == RUN_RESTING)
    on_closed(run);
  else
    go_to(run, RUN_CLOSING);
}

/* Whoever has the terminal meanwhile has all of it; the row is set apart again when it is drawn. */
static void on_suspension(uv_signal_t *handle, int number) {
  uv_signal_stop(handle);
  screen_deinit();
  (void)raise(number); /* as if nobody had caught it */
  uv_signal_start(handle, on_suspension, number);
}

static void init_handles(struct run *run) {
  uv_prepare_init(&run->loop, &run->turn);
  uv_timer_init(&run->loop, &run->pause);
  uv_timer_init(&run->loop, &run->tick);
  uv_signal_init(&run->loop, &run->signals[0]);
  uv_signal_init(&run->loop, &run->signals[1]);
  uv_signal_init(&run->loop, &run->suspension);
  run->turn.data = run->pause.data = run->tick.data = run;
  run->signals[0].data = run->signals[1].data = run;
  uv_prepare_start(&run->turn, on_turn);
  uv_signal_start(&run->signals[0], on_signal, SIGINT);
  uv_signal_start(&run->signals[1], on_signal, SIGTERM);
  if (!screen_has_status_line())
    return;
  uv_timer_start(&run->tick, on_tick, TICK_MS, TICK_MS);
  uv_signal_start(&run->suspension, on_suspension, SIGTSTP);
}

/* Nothing but the client, and output that waits, keeps the loop running, so that the run ends with
   them. */
static void unref_handles(struct run *run) {
  uv_unref((uv_handle_t *)&run->turn);
  uv_unref((uv_handle_t *)&run->tick);
  uv_unref((uv_handle_t *)&run->signals[0]);
  uv_unref((uv_handle_t *)&run->signals[1]);
  uv_unref((uv_handle_t *)&run->suspension);
}

static int end_status(const struct run *run) {
  if (run->undelivered)
    events_undelivered(run->undelivered);
  if (run->waiting)
    events_say("%llu message%s in the outbox %s", run->waiting,
               run->waiting == 1 ? " waits" : "s wait", run->options.client.outbox);
  if (run->status == EXIT_DONE && run->dropped)
    return EXIT_DROPPED;
  return run->status;
}

/* A line larger than the queue may hold by default must still be sendable while a link is open. */
static void adjust(struct connect_options *o) {
  if (!o->has_queue_limit_bytes && o->client.queue_limit_bytes < o->client.max_message)
    o->client.queue_limit_bytes = o->client.max_message;
  o->client.hold_until_ready = o->on_open != NULL;
}

static bool start_metrics(struct run *run) {
  char detail[LIMPET_DETAIL_CAP] = "--metrics-listen: ";
  const size_t len = strlen(detail);
  const char *address = run->options.metrics_listen;
  if (!address || metrics_listen_start(&run->metrics, &run->loop, address, &run->client,
                                       detail + len, sizeof detail - len))
    return true;
  events_unusable(detail);
  return false;
}

static int start(struct run *run) {
  char detail[LIMPET_DETAIL_CAP];
  const struct input_taker taker = {.take = take, .ended = on_input_ended, .user = run};
  run->is_finished = true;
  if (!start_metrics(run))
    return EXIT_USAGE;
  const limpet_result result =
      limpet_new(&run->options.client, (struct uv_loop_s *)&run->loop, &run->client, detail);
  if (result != LIMPET_OK) {
    events_refused(result, detail);
    metrics_listen_stop(&run->metrics);
    return result == LIMPET_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_CRITICAL;
  }
  run->handover = (struct handover){.options = &run->options, .client = run->client};
  if (!input_start(&run->input, &run->loop, run->options.is_binary, run->options.client.max_message,
                   &taker)) {
    metrics_listen_stop(&run->metrics);
    limpet_stop(run->client, 0);
    events_unusable("standard input cannot be read");
    return EXIT_USAGE;
  }
  run->is_finished = false;
  run->is_ready = !run->options.on_open;
  if (run->options.metrics_listen)
    events_listening(metrics_listen_address(&run->metrics));
  limpet_connect(run->client);
  return EXIT_DONE;
}

static int run_to_the_end(struct run *run) {
  if (!open_loop(&run->loop))
    return EXIT_CRITICAL;
  init_handles(run);
  unref_handles(run);
  printer_start(&run->printer, &run->loop, on_output_unblocked, run);
  run->status = start(run);
  uv_run(&run->loop, UV_RUN_DEFAULT);
  flush_output(run); /* of the client's last turn */
  uv_run(&run->loop, UV_RUN_DEFAULT);
  close_handles(run);
  uv_run(&run->loop, UV_RUN_DEFAULT);
  uv_loop_close(&run->loop);
  screen_deinit();
  return end_status(run);
}

int connect_main(int argc, char **argv) {
  static struct run run;
  int status;
  if (!connect_options_parse(&run.options, argc, argv, &status)) {
    connect_options_deinit(&run.options);
    return status;
  }
  if (run.options.is_check) {
    status = check_run(&run.options);
    connect_options_deinit(&run.options);
    return status;
  }
  screen_init(run.options.events == EVENTS_TEXT);
  events_init(run.options.events, run.options.is_verbose);
  adjust(&run.options);
  set_callbacks(&run);
  status = run_to_the_end(&run);
  connect_options_deinit(&run.options);
  return status;
}
