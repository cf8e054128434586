#include "link_step.h"
#include "opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct step *step_of(const struct link *link);

/* ---- the step of TLS ---- */

static void begin_tls(struct link *link);
static void go_on_tls(struct link *link, int events);

static void describe_tls(const struct link *link, char *text, size_t cap) {
  snprintf(text, cap, "the TLS handshake with %s", client_opening(link)->url.host);
}

static const struct step step_tls = {begin_tls, go_on_tls, describe_tls, STEP_UPGRADE};

static void begin_tls(struct link *link) {
  const struct url *url = &client_opening(link)->url;
  if (url->scheme != URL_WSS) {
    opening_next_step(link);
    return;
  }
  struct tls_context *context = link->settings->tls;
  if (!context) {
    link_finish_simply(link, LINK_END_TLS, "no TLS context for a wss address");
    return;
  }
  link->tls = tls_stream_new(context, link_memory(link), link->fd, url->host, url->port);
  if (link->tls)
    go_on_tls(link, 0);
  else
    link_finish_simply(link, LINK_END_NO_MEMORY, "no memory for TLS");
}

static void fail_tls(struct link *link, enum tls_result result) {
  struct link_end end = link_end_of(LINK_END_LOST, "");
  link_io_explain(link, result == TLS_ENDED ? IO_END : IO_FAILED, " during the TLS handshake",
                  &end);
  link_finish(link, &end);
}

/* The peer's first bytes may have been read together with the handshake's last. */
static void read_what_came_along(struct link *link) {
  if (link->phase == LINK_OPENING)
    step_of(link)->ready(link, UV_READABLE);
}

static void go_on_tls(struct link *link, int events) {
  (void)events;
  enum tls_result result = tls_stream_handshake(link->tls);
  switch (result) {
  case TLS_DONE:
    if (!link_step_secured(link))
      break;
    opening_next_step(link);
    read_what_came_along(link);
    break;
  case TLS_WANT_READ:
    link->opening->wants = UV_READABLE;
    break;
  case TLS_WANT_WRITE:
    link->opening->wants = UV_WRITABLE;
    break;
  default:
    fail_tls(link, result);
  }
}

/* ---- steps ---- */

static const struct step *step_of(const struct link *link) {
  switch (link->opening->step) {
  case STEP_CONNECT:
    return &step_connect;
  case STEP_PROXY:
    return &step_proxy;
  case STEP_TLS:
    return &step_tls;
  case STEP_UPGRADE:
    return &step_upgrade;
  default:
    return &step_answer;
  }
}

static void enter(struct link *link, enum opening_step step) {
  link->opening->step = step;
  step_of(link)->begin(link);
}

void opening_next_step(struct link *link) {
  enter(link, step_of(link)->next);
}

void opening_turn_end(struct link *link) {
  if (link->opening->step == STEP_START)
    enter(link, link->is_server ? STEP_ANSWER : STEP_CONNECT);
  else if (link->opening->step == STEP_ANSWER)
    step_answer.ready(link, 0);
}

void opening_is_ready(struct link *link, int events) {
  if (link->tls)
    tls_stream_is_readable(link->tls);
  if (link->opening->step == STEP_START)
    opening_turn_end(link);
  else
    step_of(link)->ready(link, events);
}

int opening_wants(const struct opening *opening) {
  return opening->wants;
}

void opening_is_late(struct link *link) {
  char what[LINK_DETAIL_CAP / 2] = "the dial", detail[LINK_DETAIL_CAP];
  if (link->opening->step != STEP_START)
    step_of(link)->describe(link, what, sizeof what);
  snprintf(detail, sizeof detail, "no end of %s within %u ms", what,
           link->settings->connect_timeout_ms);
  link_finish_simply(link, LINK_END_TIMEOUT, detail);
}

/* ---- bytes ---- */

bool opening_text_reserve(struct link *link, size_t cap) {
  struct opening *opening = link->opening;
  memory_free(link_memory(link), opening->text);
  opening->text = memory_alloc(link_memory(link), cap);
  opening->text_len = opening->text_sent = 0;
  return opening->text != NULL;
}

static void end_by_io(struct link *link, enum io_result result, const char *doing) {
  struct link_end end = link_end_of(LINK_END_LOST, "");
  link_io_explain(link, result, doing, &end);
  link_finish(link, &end);
}

/* What the peer did is told by what it sent before; of what this machine lacks nothing would come.
 */
static bool may_be_answered(const struct link *link) {
  return !link->is_server && (link->lost_error == EPIPE || link->lost_error == ECONNRESET);
}

/* A failed write is not the end yet: the peer may have answered before it closed. */
bool opening_send_text(struct link *link) {
  struct opening *opening = link->opening;
  opening->wants = link->is_server ? 0 : UV_READABLE;
  while (opening->text_sent < opening->text_len) {
    size_t written;
    enum io_result result = link_io_write(link, opening->text + opening->text_sent,
                                          opening->text_len - opening->text_sent, false, &written,
                                          &opening->text_in_flight);
    opening->text_sent += written;
    if (result == IO_EMPTY) {
      opening->wants |= UV_WRITABLE;
      return true;
    }
    if (result == IO_FAILED && !may_be_answered(link)) {
      end_by_io(link, result, link->is_server ? " while answering the upgrade" : " while asking");
      return false;
    }
    if (result == IO_FAILED)
      opening->text_sent = opening->text_len;
  }
  return true;
}

bool opening_read(struct link *link, const char *doing, size_t *len) {
  bool is_drained;
  enum io_result result =
      link_io_read(link, link->loop->receive, NET_RECEIVE_CAP, len, &is_drained);
  if (result == IO_END || result == IO_FAILED)
    end_by_io(link, result, doing);
  return result == IO_SOME;
}

/* ---- open ---- */

static void *deflate_alloc(void *context, size_t size) {
  return memory_alloc(context, size);
}

static void deflate_free(void *context, void *memory) {
  memory_free(context, memory);
}

/* Each end deflates with its own parameters and inflates with the other's (RFC 7692 section 7.1).
 */
static bool set_up_deflate(struct link *link, const struct deflate_params *params) {
  struct link_deflate *deflate = memory_alloc_zeroed(link_memory(link), sizeof *deflate);
  if (!deflate)
    return false;
  link->deflate = deflate;
  deflate->allocator = (struct deflate_allocator){deflate_alloc, deflate_free, &link->loop->memory};
  uint8_t own = link->is_server ? params->server_max_window_bits : params->client_max_window_bits;
  uint8_t peers = link->is_server ? params->client_max_window_bits : params->server_max_window_bits;
  bool own_forgets =
      link->is_server ? params->server_no_context_takeover : params->client_no_context_takeover;
  bool peer_forgets =
      link->is_server ? params->client_no_context_takeover : params->server_no_context_takeover;
  deflate->has_inflater =
      inflater_init(&deflate->inflater, peers, peer_forgets, &deflate->allocator) == INFLATE_OK;
  deflate->has_deflater =
      deflater_init(&deflate->deflater, own, own_forgets, &deflate->allocator) == INFLATE_OK;
  return deflate->has_inflater && deflate->has_deflater;
}

bool opening_succeed(struct link *link, const struct agreement *agreement) {
  if (agreement->deflate && !set_up_deflate(link, agreement->deflate)) {
    link_finish_simply(link, LINK_END_NO_MEMORY, "no memory for compression");
    return false;
  }
  if (link->traffic) /* made for early input */
    link_restart_decoder(link);
  struct opening *opening = link->opening;
  net_timer_unset(link->loop, &link->deadline);
  link->opening = NULL;
  link->phase = LINK_OPEN;
  link_output_opened(link);
  link->events->opened(link, agreement->subprotocol);
  opening_free(link, opening);
  return link->phase != LINK_ENDED;
}

void opening_cancel(struct opening *opening) {
  if (opening->step != STEP_CONNECT && opening->step != STEP_PROXY)
    return;
  struct client_opening *client = (struct client_opening *)opening;
  if (client->dial)
    dial_cancel(client->dial);
  client->dial = NULL;
  passage_cancel(client->passage);
}

void opening_free(struct link *link, struct opening *opening) {
  if (!opening)
    return;
  if (!link->is_server)
    memory_free(link_memory(link), ((struct client_opening *)opening)->passage);
  memory_free(link_memory(link), opening->text);
  memory_free(link_memory(link), opening);
}
