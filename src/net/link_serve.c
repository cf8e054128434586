/* The server's steps: read the request, answer it when the owner has decided. */
#include "opening.h"

#include <assert.h>
#include <stdio.h>

bool opening_new_server(struct link *link) {
  struct server_opening *opening = memory_alloc_zeroed(link_memory(link), sizeof *opening);
  if (!opening)
    return false;
  link->opening = &opening->base;
  return true;
}

/* ---- request ---- */

static void begin_request(struct link *link) {
  const struct handshake_server_options options = {
      .max_handshake = link->settings->max_handshake,
      .subprotocols = link->settings->subprotocols,
      .deflate = link->settings->compress ? &link->settings->deflate : NULL,
  };
  handshake_server_init(&server_opening(link)->reader, &options);
  link->opening->wants = UV_READABLE;
}

static void refuse(struct link *link, const struct handshake_request *request) {
  struct server_opening *opening = server_opening(link);
  link_refuse(link, request->error_status ? request->error_status : 400, request->detail, NULL);
  opening->refusal.kind = LINK_END_HANDSHAKE;
}

static void take_request(struct link *link, enum handshake_result result) {
  const struct handshake_request *request = handshake_server_request(&server_opening(link)->reader);
  opening_next_step(link);
  if (result == HANDSHAKE_DONE && link->events->request)
    link->events->request(link, request);
  else if (result == HANDSHAKE_DONE && request->is_upgrade)
    link_accept_upgrade(link, NULL);
  else
    refuse(link, request);
}

static void go_on_request(struct link *link, int events) {
  (void)events;
  size_t len, consumed = 0;
  if (!opening_read(link, " before a request came", &len))
    return;
  uint8_t *in = link->loop->receive;
  enum handshake_result result =
      handshake_server_feed(&server_opening(link)->reader, in, len, &consumed);
  if (result == HANDSHAKE_MORE)
    return;
  if (result == HANDSHAKE_DONE && consumed < len &&
      ((!link->traffic && !link_warm_up(link)) ||
       !traffic_save(link->loop, link->traffic, in + consumed, len - consumed))) {
    link_finish_simply(link, LINK_END_NO_MEMORY, "no memory to keep early input");
    return;
  }
  take_request(link, result);
}

static void describe_request(const struct link *link, char *text, size_t cap) {
  (void)link;
  snprintf(text, cap, "a request");
}

const struct step step_request = {begin_request, go_on_request, describe_request, STEP_ANSWER};

/* ---- answer ---- */

static void begin_answer(struct link *link) {
  link->opening->wants = 0;
}

static bool is_awaited(const struct link *link) {
  return link->phase == LINK_OPENING && link->is_server && link->opening->step == STEP_ANSWER &&
         !server_opening(link)->is_answered;
}

/* Headers that are none, and answers beyond all measure, come out as a plain 500. */
static size_t write_answer(struct link *link, const char *const *extra, char *text, size_t cap) {
  const struct server_opening *opening = server_opening(link);
  const struct handshake_request *request = handshake_server_request(&opening->reader);
  if (opening->is_accepted)
    return handshake_write_accept(request, extra, text, cap);
  return handshake_write_refusal(opening->refusal.http_status, opening->refusal.detail, extra, text,
                                 cap);
}

static void answer(struct link *link, const char *const *extra) {
  struct server_opening *opening = server_opening(link);
  struct opening *base = &opening->base;
  opening->is_answered = true;
  link_at_turn_end(link);
  for (size_t cap = OPENING_HEAD_MIN; cap <= OPENING_HEAD_MAX; cap *= 4) {
    if (!opening_text_reserve(link, cap))
      break;
    base->text_len = write_answer(link, extra, base->text, cap);
    if (base->text_len > 0)
      return;
  }
  bool no_memory = base->text == NULL;
  opening->is_accepted = false;
  opening->refusal = link_end_of(no_memory ? LINK_END_NO_MEMORY : LINK_END_HANDSHAKE,
                                 "the answer could not be written");
  base->text_len = 0;
}

void link_accept_upgrade(struct link *link, const char *const *extra) {
  if (!is_awaited(link))
    return;
  assert(handshake_server_request(&server_opening(link)->reader)->is_upgrade);
  server_opening(link)->is_accepted = true;
  answer(link, extra);
}

void link_refuse(struct link *link, uint16_t status, const char *sentence,
                 const char *const *extra) {
  if (!is_awaited(link))
    return;
  struct server_opening *opening = server_opening(link);
  opening->refusal = link_end_of(LINK_END_STATUS, sentence);
  opening->refusal.http_status = status;
  answer(link, extra);
}

static void succeed(struct link *link) {
  const struct handshake_request *request = handshake_server_request(&server_opening(link)->reader);
  const struct agreement agreement = {
      .subprotocol = request->subprotocol,
      .deflate = request->deflate_agreed ? &request->deflate : NULL,
  };
  if (!opening_succeed(link, &agreement))
    return;
  link->wants_resume = true;
  link_at_turn_end(link);
}

static void end_refused(struct link *link) {
  struct server_opening *opening = server_opening(link);
  struct link_end end = opening->refusal;
  link->opening = NULL;
  opening_free(link, &opening->base);
  link->shuts_down = true;
  link_drain(link, &end);
}

static void go_on_answer(struct link *link, int events) {
  (void)events;
  const struct server_opening *opening = server_opening(link);
  if (!opening->is_answered || !opening_send_text(link) ||
      opening->base.text_sent < opening->base.text_len)
    return;
  if (opening->is_accepted)
    succeed(link);
  else
    end_refused(link);
}

static void describe_answer(const struct link *link, char *text, size_t cap) {
  snprintf(text, cap, "%s",
           server_opening(link)->is_answered ? "sending the answer" : "deciding on the request");
}

const struct step step_answer = {begin_answer, go_on_answer, describe_answer, STEP_START};
