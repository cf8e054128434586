/*
 * `limpet chat` without a terminal: lines in, "SENDER: TEXT" lines out, events on stderr. After the
 * end of input it leaves when all is stored, all has come, and nothing came for the linger time.
 */
#include "chat_run.h"
#include "cli.h"
#include "events.h"
#include "glyph.h"
#include "input.h"
#include "printer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A relay that does not say when its replay is over, or does not send back what we said, is waited
   for no longer than this after its last message. */
#define SILENCE_MAX_MS 10000

struct plain {
  struct input input;
  struct printer printer;
  int output_error; /* an errno, or 0 */
  uv_prepare_t turn;
  uv_timer_t linger;
  bool is_flushed; /* all that was read is stored */
  bool is_input_bad;
  bool is_paused; /* standard output takes no more for now */
};

static struct plain *plain_of(struct chat_run *run) {
  return run->face_data;
}

/* ---- out ---- */

static void put(struct plain *plain, const void *bytes, size_t len) {
  if (!printer_put(&plain->printer, bytes, len))
    plain->output_error = errno;
}

static void put_clean(struct plain *plain, const char *text) {
  for (size_t at = 0, len = strlen(text); at < len;) {
    const struct glyph g = glyph_next(text + at, len - at);
    put(plain, g.bytes, g.len);
    at += g.used;
  }
}

/* What came last may be refused when all else is done. */
static void check_output(struct chat_run *run) {
  char what[128];
  if (!plain_of(run)->output_error || (run->is_finished && run->status != EXIT_DONE))
    return;
  (void)snprintf(what, sizeof what, "cannot write to standard output: %s",
                 strerror(plain_of(run)->output_error));
  events_unusable(what);
  chat_run_finish(run, EXIT_USAGE);
  run->status = EXIT_USAGE;
}

/* No more messages are taken than standard output takes. */
static void flush_output(struct chat_run *run) {
  struct plain *plain = plain_of(run);
  if (!printer_flush(&plain->printer))
    plain->output_error = errno;
  check_output(run);
  const bool is_blocked = printer_is_blocked(&plain->printer);
  if (!run->is_finished && is_blocked != plain->is_paused &&
      limpet_pause(chat_client(run->chat), is_blocked) == LIMPET_OK)
    plain->is_paused = is_blocked;
}

/* ---- the end ---- */

static bool is_connected(const struct chat_run *run) {
  limpet_snapshot snapshot;
  limpet_get_snapshot(chat_client(run->chat), &snapshot, sizeof snapshot);
  return snapshot.state == LIMPET_CONNECTED;
}

static void wait_for_more(struct chat_run *run);

/* While output is blocked nothing can come. */
static void on_linger(uv_timer_t *timer) {
  struct chat_run *run = timer->data;
  if (printer_is_blocked(&plain_of(run)->printer))
    wait_for_more(run);
  else
    chat_run_leave(run, plain_of(run)->is_input_bad ? EXIT_USAGE : EXIT_DONE);
}

static void wait_for_more(struct chat_run *run) {
  const bool is_settled =
      chat_is_settled(run->chat) && !printer_is_blocked(&plain_of(run)->printer);
  const uint64_t ms = is_settled ? run->command.connect.linger_ms : SILENCE_MAX_MS;
  if (plain_of(run)->is_flushed && is_connected(run) && !run->is_leaving)
    uv_timer_start(&plain_of(run)->linger, on_linger, ms, 0);
}

static void on_flushed(struct chat_run *run) {
  plain_of(run)->is_flushed = true;
  wait_for_more(run);
}

/* ---- in ---- */

static enum input_answer take(void *user, const char *data, size_t len) {
  struct chat_run *run = user;
  if (len == 0)
    return INPUT_TAKEN; /* nobody wants to read empty messages */
  if (memchr(data, '\0', len))
    return INPUT_NUL;
  const limpet_result result = chat_send(run->chat, data, len);
  if (result == LIMPET_QUEUE_OVERFLOW)
    return INPUT_WAIT;
  if (result == LIMPET_INVALID_UTF8)
    return INPUT_BAD;
  if (result != LIMPET_OK) {
    events_say("a line was not sent: %s", limpet_result_text(result));
    run->dropped++;
  }
  return INPUT_TAKEN;
}

static void on_input_ended(void *user, const char *error) {
  struct chat_run *run = user;
  if (error) {
    plain_of(run)->is_input_bad = true;
    events_unusable(error);
  }
  if (error || !run->command.connect.is_kept_open)
    chat_run_flush(run);
}

static void on_turn(uv_prepare_t *prepare) {
  struct chat_run *run = prepare->data;
  struct plain *plain = plain_of(run);
  flush_output(run);
  if (!run->is_finished && !run->is_leaving && input_is_waiting(&plain->input))
    input_resume(&plain->input);
}

/* ---- the face ---- */

static void on_change(struct chat_run *run);

/* After the end only the rest of the output is left. */
static void on_output_unblocked(void *user) {
  struct chat_run *run = user;
  const bool was_finished = run->is_finished;
  flush_output(run);
  if (!run->is_finished)
    on_change(run);
  else if (was_finished && !printer_is_blocked(&plain_of(run)->printer))
    printer_deinit(&plain_of(run)->printer);
}

static bool start(struct chat_run *run) {
  static struct plain plain;
  const struct input_taker taker = {.take = take, .ended = on_input_ended, .user = run};
  run->face_data = &plain;
  if (!input_start(&plain.input, &run->loop, false, CHAT_TEXT_MAX, &taker)) {
    events_unusable("standard input cannot be read");
    return false;
  }
  printer_start(&plain.printer, &run->loop, on_output_unblocked, run);
  uv_prepare_init(&run->loop, &plain.turn);
  uv_timer_init(&run->loop, &plain.linger);
  plain.turn.data = plain.linger.data = run;
  uv_prepare_start(&plain.turn, on_turn);
  uv_unref((uv_handle_t *)&plain.turn);
  return true;
}

static void stop(struct chat_run *run) {
  struct plain *plain = plain_of(run);
  if (!printer_flush(&plain->printer))
    plain->output_error = errno;
  if (run->is_finished)
    check_output(run);
  if (run->signal || !printer_is_blocked(&plain->printer))
    printer_deinit(&plain->printer); /* whoever interrupts does not wait for the reader */
  input_stop(&plain->input);
  input_deinit(&plain->input);
  uv_close((uv_handle_t *)&plain->turn, NULL);
  uv_close((uv_handle_t *)&plain->linger, NULL);
}

static void on_message(struct chat_run *run, const struct chat_message *message) {
  struct plain *plain = plain_of(run);
  if (run->signal && printer_is_full(&plain->printer))
    return; /* a link that closes is read on whatever is wanted */
  put_clean(plain, message->sender_id);
  put(plain, ": ", 2);
  put_clean(plain, message->plaintext);
  put(plain, "\n", 1);
}

/* Every text of the relay comes by here. */
static void on_change(struct chat_run *run) {
  if (uv_is_active((uv_handle_t *)&plain_of(run)->linger))
    wait_for_more(run);
}

static void on_state(struct chat_run *run, limpet_state to) {
  struct plain *plain = plain_of(run);
  if (to == LIMPET_FAILED)
    chat_run_finish(run, EXIT_GAVE_UP);
  else if (to == LIMPET_ERROR)
    chat_run_finish(run, EXIT_CRITICAL);
  else if (to == LIMPET_CONNECTED)
    wait_for_more(run);
  else if (to == LIMPET_DISCONNECTED)
    uv_timer_stop(&plain->linger);
}

static void on_refusal(struct chat_run *run, const struct chat_refusal *refusal) {
  (void)run;
  (void)refusal;
}

static void on_leaving(struct chat_run *run) {
  input_stop(&plain_of(run)->input);
}

const struct chat_face chat_face_plain = {
    .start = start,
    .stop = stop,
    .on_message = on_message,
    .on_change = on_change,
    .on_state = on_state,
    .on_refusal = on_refusal,
    .on_flushed = on_flushed,
    .on_leaving = on_leaving,
};
