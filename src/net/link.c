#include "link_internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

static struct link *link_of_deadline(struct net_timer *timer) {
  return (struct link *)((char *)timer - offsetof(struct link, deadline));
}

static struct link *link_of_hook(struct net_turn_end *hook) {
  return (struct link *)((char *)hook - offsetof(struct link, turn_end));
}

/* ---- buffers ---- */

void link_restart_decoder(struct link *link) {
  const struct decoder_options options = {
      .expect_masked = link->is_server,
      .max_message = link->settings->max_message,
      .inflater = link->deflate ? &link->deflate->inflater : NULL,
  };
  decoder_init(&link->traffic->decoder, &options);
}

bool link_warm_up(struct link *link) {
  link->traffic = traffic_take(link->loop, link);
  if (link->traffic)
    link_restart_decoder(link);
  return link->traffic != NULL;
}

/* Between two messages a decoder is as good as new; no question of its header tells that apart from
   the pause between two fragments. */
static bool is_between_messages(const struct decoder *decoder) {
  return decoder->step == DECODER_BETWEEN;
}

void link_cool_down(struct link *link) {
  struct traffic *traffic = link->traffic;
  if (!output_is_empty(&traffic->out) || traffic->saved_len > 0 ||
      !is_between_messages(&traffic->decoder))
    return;
  link->traffic = NULL;
  traffic_give_back(link->loop, traffic);
}

/* ---- life ---- */

static void free_deflate(struct link *link) {
  struct link_deflate *deflate = link->deflate;
  if (!deflate)
    return;
  if (deflate->has_inflater)
    inflater_deinit(&deflate->inflater);
  if (deflate->has_deflater)
    deflater_deinit(&deflate->deflater);
  memory_free(link_memory(link), deflate);
}

static void free_link(struct link *link) {
  struct net_loop *loop = link->loop;
  if (link->traffic)
    traffic_give_back(loop, link->traffic);
  free_deflate(link);
  tls_stream_free(link->tls);
  opening_free(link, link->opening);
  memory_free(link_memory(link), link->end);
  memory_free(link_memory(link), link);
  net_loop_release(loop);
}

static void on_poll_closed(uv_handle_t *handle) {
  free_link((struct link *)handle);
}

static void let_go(struct link *link) {
  if (link->is_held)
    net_loop_let_go(link->loop);
  link->is_held = false;
}

/* Memory goes later, never inside an event: with the closed handle, or with the turn. */
void link_dispose(struct link *link) {
  link->phase = LINK_ENDED;
  let_go(link);
  net_timer_unset(link->loop, &link->deadline);
  if (link->opening)
    opening_cancel(link->opening);
  if (link->has_poll) {
    net_loop_cancel_turn_end(link->loop, &link->turn_end);
    uv_close((uv_handle_t *)&link->poll, on_poll_closed);
    close(link->fd);
  } else {
    link_at_turn_end(link);
  }
}

void link_abort(struct link *link) {
  if (link->phase != LINK_ENDED)
    link_dispose(link);
}

static void on_deadline(struct net_timer *timer) {
  struct link *link = link_of_deadline(timer);
  if (link->phase == LINK_OPENING)
    opening_is_late(link);
  else if (link->phase != LINK_DRAINING)
    link_stall_is_due(link);
  else
    link_drain_is_late(link);
}

bool link_set_deadline(struct link *link, uint32_t delay_ms) {
  link->deadline.fire = on_deadline;
  return net_timer_set(link->loop, &link->deadline, net_loop_now_ms(link->loop) + delay_ms);
}

static struct link *make(struct net_loop *loop, const struct link_settings *settings,
                         const struct link_events *events, void *user) {
  struct link *link = memory_alloc_zeroed(net_loop_memory(loop), sizeof *link);
  if (!link)
    return NULL;
  link->loop = loop;
  link->settings = settings;
  link->events = events;
  link->poll.data = user;
  link->fd = -1;
  link->phase = LINK_OPENING;
  net_loop_retain(loop);
  uv_update_time(loop->uv);
  return link;
}

static void unmake(struct link *link) {
  net_timer_unset(link->loop, &link->deadline);
  free_link(link);
}

struct link *link_dial(struct net_loop *loop, const struct link_settings *settings,
                       const struct link_events *events, void *user, const char *url) {
  struct link *link = make(loop, settings, events, user);
  if (!link)
    return NULL;
  if (!opening_new_client(link, url) || !link_set_deadline(link, settings->connect_timeout_ms)) {
    unmake(link);
    return NULL;
  }
  link_at_turn_end(link);
  return link;
}

struct link *link_accept(struct net_loop *loop, const struct link_settings *settings,
                         const struct link_events *events, void *user,
                         const struct link_upgrade *upgrade) {
  struct link *link = make(loop, settings, events, user);
  if (!link)
    return NULL;
  link->is_server = true;
  if (!opening_new_server(link, upgrade) ||
      !link_set_deadline(link, settings->connect_timeout_ms) ||
      link_attach(link, upgrade->fd) != 0) {
    unmake(link);
    return NULL;
  }
  link->tls = upgrade->tls;
  link_at_turn_end(link);
  return link;
}

/* ---- polling ---- */

static void report_news(struct link *link) {
  if (!link->has_news || link->phase < LINK_OPEN || link->phase == LINK_ENDED)
    return;
  link->has_news = false;
  if (link->events->flushed)
    link->events->flushed(link);
}

static void report_turn(struct link *link) {
  if (link->has_news)
    report_news(link);
  else if (link->events->held_up && link->phase != LINK_ENDED && link_buffered(link) > 0)
    link->events->held_up(link);
}

static void on_open_poll(struct link *link, int events) {
  if (events & UV_WRITABLE) {
    link->is_blocked = false;
    link_send(link);
    report_news(link);
  }
  if (link->phase != LINK_ENDED && ((events & UV_READABLE) || link->wants_write))
    link_read(link);
}

/* On an error libuv stops polling and tells no more than that: the next call on the socket does.
   An opening link is simply polled again, until its step has met the error. */
static void on_poll(uv_poll_t *handle, int status, int events) {
  struct link *link = (struct link *)handle;
  struct net_loop *loop = link->loop; /* outlives the link, whose last event this may be */
  loop->phase = LOOP_POLLED;
  if (status < 0) {
    link->polled = 0;
    link->is_broken = link->phase != LINK_OPENING;
    events = UV_READABLE | UV_WRITABLE;
  }
  if (link->phase == LINK_OPENING)
    opening_is_ready(link, events);
  else
    on_open_poll(link, events);
  if (!link->turn_end.place) /* it does so itself */
    link_update_poll(link);
  loop->phase = LOOP_POLLING;
}

int link_attach(struct link *link, int fd) {
  int error = uv_poll_init(link->loop->uv, &link->poll, fd);
  if (error)
    return -error;
  link->fd = fd;
  link->has_poll = true;
  return 0;
}

/* What each direction waits for is not always its own event: TLS may have to write before it can
   read on, and the other way round. */
static int wanted_events(const struct link *link) {
  if (link->is_broken)
    return 0;
  if (link->phase == LINK_OPENING)
    return opening_wants(link->opening);
  int wanted = 0;
  if (link->phase == LINK_DRAINING || !link->is_paused)
    wanted |= link->wants_write ? UV_WRITABLE : UV_READABLE;
  if (link->is_blocked && !link->wants_read)
    wanted |= UV_WRITABLE;
  return wanted;
}

void link_update_poll(struct link *link) {
  if (!link->has_poll || link->phase == LINK_ENDED)
    return;
  int wanted = wanted_events(link);
  if (wanted == 0 && !link->is_held) {
    link->is_held = true;
    net_loop_hold(link->loop);
  } else if (wanted != 0) {
    let_go(link);
  }
  if (wanted == link->polled)
    return;
  link->polled = (uint8_t)wanted;
  if (wanted)
    uv_poll_start(&link->poll, wanted, on_poll);
  else
    uv_poll_stop(&link->poll);
}

/* ---- the end of a turn ---- */

static void resume(struct link *link) {
  link->wants_resume = false;
  link_read(link);
}

static void on_turn_end(struct net_turn_end *hook) {
  struct link *link = link_of_hook(hook);
  if (link->phase == LINK_ENDED) {
    free_link(link);
    return;
  }
  if (link->phase == LINK_OPENING) {
    opening_turn_end(link);
  } else {
    link_send(link);
    if (link->wants_resume || link->is_broken)
      resume(link);
    report_turn(link);
  }
  link_update_poll(link);
}

void link_at_turn_end(struct link *link) {
  link->turn_end.run = on_turn_end;
  net_loop_at_turn_end(link->loop, &link->turn_end);
}

void link_pause(struct link *link, bool paused) {
  if (link->is_paused == paused)
    return;
  link->is_paused = paused;
  link->wants_resume |= !paused;
  link_at_turn_end(link);
}

/* ---- questions ---- */

void *link_user(const struct link *link) {
  return link->poll.data;
}

struct net_loop *link_loop(const struct link *link) {
  return link->loop;
}

uv_os_sock_t link_socket(const struct link *link) {
  return link->fd;
}

bool link_is_open(const struct link *link) {
  return link->phase == LINK_OPEN;
}

bool link_is_writable(const struct link *link) {
  return link->phase == LINK_OPEN && link_buffered(link) < link->settings->high_water;
}

bool link_is_opaque(const struct link *link) {
  return link->deflate != NULL;
}

uint64_t link_buffered(const struct link *link) {
  return link->traffic ? link->traffic->out.end - link->traffic->out.sent : 0;
}

uint64_t link_stream_sent(const struct link *link) {
  return link->stream_end - link_buffered(link);
}

void link_recover(struct link *link,
                  void (*give)(void *user, uint8_t opcode, const uint8_t *data, size_t len),
                  void *user) {
  if (link->traffic && !link->deflate)
    output_recover(&link->traffic->out, give, user);
}
