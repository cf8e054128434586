/* `limpet chat` on a terminal: keys in, the screen out. */
#include "chat_run.h"
#include "chat_view.h"
#include "cli.h"
#include "glyph.h"
#include "input.h"
#include "keys.h"
#include "terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TICK_MS 200 /* of clocks, dots and what fades */

struct screen_face {
  struct chat_view view;
  struct keys keys;
  int fd; /* of keys */
  uv_poll_t poll;
  uv_prepare_t turn;
  uv_timer_t tick;
  uv_signal_t resized, continued;
  bool is_dirty;
  bool is_ending; /* Ctrl-D: as soon as all is stored */
};

static struct screen_face *screen_of(struct chat_run *run) {
  return run->face_data;
}

static void tell(struct chat_run *run, const char *text) {
  chat_view_tell(&screen_of(run)->view, limpet_now_ms(), text);
  screen_of(run)->is_dirty = true;
}

/* ---- keys ---- */

static const char *why_not_sent(limpet_result result) {
  switch (result) {
  case LIMPET_QUEUE_OVERFLOW:
    return "Too many messages wait already: this one stays here until there is room";
  case LIMPET_MESSAGE_TOO_BIG:
    return "This message is too long";
  default:
    return limpet_result_text(result);
  }
}

static void send_line(struct chat_run *run) {
  struct chat_view *view = &screen_of(run)->view;
  if (view->editor.len == 0)
    return;
  const limpet_result result = chat_send(run->chat, view->editor.text, view->editor.len);
  if (result != LIMPET_OK) {
    tell(run, why_not_sent(result));
    return;
  }
  line_editor_accept(&view->editor);
  view->scroll = 0;
}

/* A state at rest is not waited for: it would be for ever. */
static void end_when_stored(struct chat_run *run) {
  limpet_snapshot s;
  limpet_get_snapshot(chat_client(run->chat), &s, sizeof s);
  if (s.state == LIMPET_FAILED || s.state == LIMPET_ERROR) {
    chat_run_finish(run, s.state == LIMPET_FAILED ? EXIT_GAVE_UP : EXIT_CRITICAL);
    return;
  }
  if (screen_of(run)->is_ending)
    return;
  screen_of(run)->is_ending = true;
  tell(run, "Leaving when all is stored; Ctrl-C leaves at once");
  chat_run_flush(run);
}

static void interrupt(struct chat_run *run) {
  run->signal = SIGINT;
  chat_run_leave(run, EXIT_SIGNAL + SIGINT);
}

static void suspend(struct chat_run *run) {
  terminal_suspend();
  canvas_invalidate(&screen_of(run)->view.canvas);
}

static void edit(struct chat_run *run, const struct key_event *event) {
  struct line_editor *editor = &screen_of(run)->view.editor;
  if (event->key == KEY_DELETE_OR_END && editor->len == 0)
    end_when_stored(run);
  else if (line_editor_take(editor, event) && event->key == KEY_TEXT)
    chat_say_typing(run->chat, limpet_now_ms());
}

static void take_key(struct chat_run *run, const struct key_event *event) {
  struct chat_view *view = &screen_of(run)->view;
  switch (event->key) {
  case KEY_ENTER:
    send_line(run);
    break;
  case KEY_PAGE_UP:
  case KEY_PAGE_DOWN:
    chat_view_scroll(view, event->key == KEY_PAGE_UP ? 1 : -1);
    break;
  case KEY_METRICS:
    view->shows_figures = !view->shows_figures;
    break;
  case KEY_RETRY:
    limpet_connect(chat_client(run->chat));
    break;
  case KEY_REDRAW:
    canvas_invalidate(&view->canvas);
    break;
  case KEY_INTERRUPT:
    interrupt(run);
    break;
  case KEY_SUSPEND:
    suspend(run);
    break;
  default:
    edit(run, event);
    break;
  }
}

/* False: the terminal is gone. */
static bool read_keys(struct chat_run *run) {
  char bytes[512];
  struct key_event event;
  const ssize_t len = read(screen_of(run)->fd, bytes, sizeof bytes);
  for (ssize_t i = 0; i < len && !run->is_finished; i++)
    if (keys_take(&screen_of(run)->keys, bytes[i], &event))
      take_key(run, &event);
  return len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR));
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  struct chat_run *run = poll->data;
  (void)status;
  (void)events;
  screen_of(run)->is_dirty = true;
  if (!read_keys(run) && !run->is_finished) {
    uv_poll_stop(poll);
    chat_run_leave(run, EXIT_SIGNAL + SIGHUP);
  }
}

/* ---- drawing ---- */

static void draw(struct chat_run *run) {
  struct screen_face *screen = screen_of(run);
  struct chat_view *view = &screen->view;
  unsigned cursor_column;
  screen->is_dirty = false;
  if (view->canvas.rows == 0)
    return;
  chat_view_compose(view, run->chat, limpet_now_ms(), &cursor_column);
  canvas_show(&view->canvas, view->canvas.rows - 1, cursor_column, terminal_write, NULL);
  if (!terminal_flush())
    chat_run_leave(run, EXIT_SIGNAL + SIGHUP);
}

static void fit_to_terminal(struct chat_run *run) {
  unsigned rows, columns;
  terminal_size(&rows, &columns);
  (void)canvas_resize(&screen_of(run)->view.canvas, rows, columns);
  terminal_write(NULL, "\033[2J", 4);
  screen_of(run)->is_dirty = true;
}

static void on_turn(uv_prepare_t *prepare) {
  struct chat_run *run = prepare->data;
  if (screen_of(run)->is_dirty && !run->is_finished)
    draw(run);
}

static void on_tick(uv_timer_t *timer) {
  screen_of(timer->data)->is_dirty = true;
}

static void on_resized(uv_signal_t *handle, int number) {
  (void)number;
  fit_to_terminal(handle->data);
}

/* Whoever stopped us may have used the terminal meanwhile. */
static void on_continued(uv_signal_t *handle, int number) {
  struct chat_run *run = handle->data;
  (void)number;
  terminal_leave();
  (void)terminal_enter();
  fit_to_terminal(run);
}

/* ---- the face ---- */

static void init_handles(struct chat_run *run) {
  struct screen_face *screen = screen_of(run);
  const int own = input_open_own();
  screen->fd = own >= 0 ? own : STDIN_FILENO;
  uv_poll_init(&run->loop, &screen->poll, screen->fd);
  uv_prepare_init(&run->loop, &screen->turn);
  uv_timer_init(&run->loop, &screen->tick);
  uv_signal_init(&run->loop, &screen->resized);
  uv_signal_init(&run->loop, &screen->continued);
  screen->poll.data = screen->turn.data = screen->tick.data = run;
  screen->resized.data = screen->continued.data = run;
  uv_poll_start(&screen->poll, UV_READABLE | UV_DISCONNECT, on_readable);
  uv_prepare_start(&screen->turn, on_turn);
  uv_timer_start(&screen->tick, on_tick, TICK_MS, TICK_MS);
  uv_signal_start(&screen->resized, on_resized, SIGWINCH);
  uv_signal_start(&screen->continued, on_continued, SIGCONT);
}

static bool start(struct chat_run *run) {
  static struct screen_face screen;
  const char *no_colour = getenv("NO_COLOR");
  run->face_data = &screen;
  screen.view.conversation_id = run->command.conversation_id;
  screen.view.has_colours = !(no_colour && *no_colour);
  if (!terminal_enter()) {
    (void)complain("the terminal cannot be used: %s", strerror(errno));
    return false;
  }
  init_handles(run);
  fit_to_terminal(run);
  return true;
}

static void stop(struct chat_run *run) {
  struct screen_face *screen = screen_of(run);
  terminal_leave();
  uv_close((uv_handle_t *)&screen->poll, NULL);
  if (screen->fd != STDIN_FILENO)
    close(screen->fd);
  uv_close((uv_handle_t *)&screen->turn, NULL);
  uv_close((uv_handle_t *)&screen->tick, NULL);
  uv_close((uv_handle_t *)&screen->resized, NULL);
  uv_close((uv_handle_t *)&screen->continued, NULL);
  canvas_deinit(&screen->view.canvas);
  line_editor_deinit(&screen->view.editor);
}

static void on_message(struct chat_run *run, const struct chat_message *message) {
  chat_view_arrived(&screen_of(run)->view, run->chat, message);
}

static void on_change(struct chat_run *run) {
  screen_of(run)->is_dirty = true;
}

static void on_state(struct chat_run *run, limpet_state to) {
  struct screen_face *screen = screen_of(run);
  chat_banner_note(&screen->view.banner, to, limpet_now_ms());
  screen->is_dirty = true;
  if (screen->is_ending && (to == LIMPET_FAILED || to == LIMPET_ERROR))
    end_when_stored(run);
}

static void on_refusal(struct chat_run *run, const struct chat_refusal *refusal) {
  tell(run, refusal->message);
}

static void on_flushed(struct chat_run *run) {
  chat_run_leave(run, EXIT_DONE);
}

static void on_leaving(struct chat_run *run) {
  tell(run, "Leaving");
}

const struct chat_face chat_face_screen = {
    .start = start,
    .stop = stop,
    .on_message = on_message,
    .on_change = on_change,
    .on_state = on_state,
    .on_refusal = on_refusal,
    .on_flushed = on_flushed,
    .on_leaving = on_leaving,
};
