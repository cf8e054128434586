/* The server's step: the request was read and judged elsewhere, the 101 is written here. */
#include "opening.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A 101 beyond all measure is refused, as headers that are none. */
static bool write_answer(struct link *link, const struct handshake_request *request,
                         const char *const *headers) {
  struct opening *opening = link->opening;
  for (size_t cap = OPENING_HEAD_MIN; cap <= OPENING_HEAD_MAX; cap *= 4) {
    if (!opening_text_reserve(link, cap))
      return false;
    opening->text_len = handshake_write_accept(request, headers, opening->text, cap);
    if (opening->text_len > 0)
      return true;
  }
  return false;
}

static bool keep_early(struct link *link, const uint8_t *early, size_t len) {
  if (len == 0)
    return true;
  return (link->traffic || link_warm_up(link)) &&
         traffic_save(link->loop, link->traffic, early, len);
}

bool opening_new_server(struct link *link, const struct link_upgrade *upgrade) {
  struct server_opening *opening = memory_alloc_zeroed(link_memory(link), sizeof *opening);
  if (!opening)
    return false;
  link->opening = &opening->base;
  struct handshake_request request = *upgrade->request;
  request.deflate_agreed = request.deflate_agreed && link->settings->compress;
  memcpy(opening->subprotocol, request.subprotocol, sizeof opening->subprotocol);
  opening->deflate_agreed = request.deflate_agreed;
  opening->deflate = request.deflate;
  return write_answer(link, &request, upgrade->headers) &&
         keep_early(link, upgrade->early, upgrade->early_len);
}

static void succeed(struct link *link) {
  struct server_opening *opening = server_opening(link);
  const struct agreement agreement = {
      .subprotocol = opening->subprotocol,
      .deflate = opening->deflate_agreed ? &opening->deflate : NULL,
  };
  if (!opening_succeed(link, &agreement))
    return;
  link->wants_resume = link->tls || link->traffic; /* what came early; of all else a poll tells */
  link_at_turn_end(link);
}

static void go_on_answer(struct link *link, int events) {
  (void)events;
  const struct opening *opening = link->opening;
  if (opening_send_text(link) && opening->text_sent == opening->text_len)
    succeed(link);
}

static void begin_answer(struct link *link) {
  go_on_answer(link, 0);
}

static void describe_answer(const struct link *link, char *text, size_t cap) {
  (void)link;
  snprintf(text, cap, "sending the answer");
}

const struct step step_answer = {begin_answer, go_on_answer, describe_answer, STEP_START};
