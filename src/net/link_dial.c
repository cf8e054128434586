/* The client's steps: connect, then ask for the upgrade. */
#include "link_step.h"
#include "opening.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool opening_new_client(struct link *link, const char *url) {
  size_t len = strlen(url);
  struct client_opening *opening =
      memory_alloc_zeroed(link_memory(link), sizeof *opening + len + 1);
  if (!opening)
    return false;
  memcpy(opening->url_text, url, len + 1);
  if (url_parse(&opening->url, opening->url_text, len, &opening->url_error))
    opening->url_error = NULL;
  link->opening = &opening->base;
  link_step_begin(link);
  return true;
}

void link_set_label(struct link *link, const char *label) {
  (void)snprintf(client_opening(link)->label, LINK_LABEL_CAP, "%s", label);
}

void link_set_headers(struct link *link, const char *const *headers) {
  client_opening(link)->headers = headers;
}

/* ---- connect ---- */

static void on_dialed(void *user, int fd, const struct address *peer,
                      const struct dial_failure *failure) {
  struct link *link = user;
  client_opening(link)->dial = NULL;
  if (failure && client_opening(link)->passage) {
    passage_dial_failed(link, failure);
    return;
  }
  if (failure) {
    link_finish_simply(link, failure->kind, failure->detail);
    return;
  }
  int error = link_attach(link, fd);
  if (error) {
    close(fd);
    link_finish_simply(link, LINK_END_SYSTEM, sock_error_text(error));
    return;
  }
  if (!link_step_connected(link, peer))
    return;
  opening_next_step(link);
  link_update_poll(link);
}

static bool on_found(void *user, const struct resolve_answer *answer) {
  struct link *link = user;
  if (link->events->found && !answer->is_known)
    link->events->found(link, answer->addresses, answer->count);
  return link->phase != LINK_ENDED && link_step_looked_up(link, answer);
}

static void finish_finally(struct link *link, const char *detail) {
  struct link_end end = link_end_of(LINK_END_HANDSHAKE, detail);
  end.is_final = true;
  link_finish(link, &end);
}

static void begin_connect(struct link *link) {
  struct client_opening *opening = client_opening(link);
  const struct url *url = &opening->url;
  if (opening->url_error) {
    finish_finally(link, opening->url_error);
    return;
  }
  struct dial_target target = {
      .host = url->host,
      .port = url->port,
      .unix_path = url->scheme == URL_WS_UNIX ? url->unix_path : NULL,
      .found = on_found,
  };
  if (!passage_choose(link, &target))
    return;
  opening->dial =
      dial_new(link->loop, &target, link->settings->happy_eyeballs_delay_ms, on_dialed, link);
  if (opening->dial)
    dial_begin(opening->dial);
  else
    link_finish_simply(link, LINK_END_NO_MEMORY, "no memory to dial");
}

static void describe_connect(const struct link *link, char *text, size_t cap) {
  char what[LINK_DETAIL_CAP / 4] = "it", where[LINK_DETAIL_CAP / 4];
  const struct client_opening *opening = client_opening(link);
  if (opening->dial)
    dial_describe(opening->dial, what, sizeof what);
  passage_describe_dial(link, where, sizeof where);
  snprintf(text, cap, "connecting%s: waiting for %s", where, what);
}

const struct step step_connect = {begin_connect, NULL, describe_connect, STEP_PROXY};

/* ---- upgrade ---- */

static bool write_request(struct link *link) {
  struct client_opening *opening = client_opening(link);
  struct opening *base = &opening->base;
  for (size_t cap = OPENING_HEAD_MIN; cap <= OPENING_HEAD_MAX; cap *= 4) {
    if (!opening_text_reserve(link, cap)) {
      link_finish_simply(link, LINK_END_NO_MEMORY, "no memory for the request");
      return false;
    }
    base->text_len = handshake_write_request(&opening->request, base->text, cap);
    if (base->text_len > 0)
      return true;
  }
  finish_finally(link, "the request is too long, or a header is not one");
  return false;
}

static void begin_upgrade(struct link *link) {
  struct client_opening *opening = client_opening(link);
  const struct link_settings *settings = link->settings;
  if (!net_random(opening->nonce, sizeof opening->nonce)) {
    link_finish_simply(link, LINK_END_SYSTEM, "no random numbers");
    return;
  }
  opening->request = (struct handshake_request_options){
      .url = &opening->url,
      .nonce = opening->nonce,
      .origin = settings->origin,
      .client_id = opening->label[0] ? opening->label : NULL,
      .headers = settings->headers,
      .own_headers = opening->headers,
      .subprotocols = settings->subprotocols,
      .deflate = settings->compress ? &settings->deflate : NULL,
  };
  if (!write_request(link))
    return;
  handshake_reader_init(&opening->reader, &opening->request, settings->max_handshake,
                        net_loop_wall_ms(link->loop) / 1000);
  opening_send_text(link);
}

static void refuse(struct link *link, enum handshake_result result) {
  const struct handshake_response *response =
      handshake_reader_response(&client_opening(link)->reader);
  struct link_end end = link_end_of(LINK_END_HANDSHAKE, response->detail);
  if (result == HANDSHAKE_STATUS) {
    end.kind = LINK_END_STATUS;
    end.http_status = response->status;
    end.retry_after_ms = response->retry_after_ms;
  } else if (result == HANDSHAKE_TOO_LONG) {
    snprintf(end.detail, sizeof end.detail, "response head longer than %zu bytes",
             link->settings->max_handshake);
  }
  end.is_final = response->is_final;
  link_finish(link, &end);
}

static void succeed(struct link *link, uint8_t *rest, size_t rest_len) {
  const struct handshake_response *response =
      handshake_reader_response(&client_opening(link)->reader);
  const struct agreement agreement = {
      .subprotocol = response->subprotocol,
      .deflate = response->deflate_agreed ? &response->deflate : NULL,
  };
  if (!link_step_upgraded(link, response) || !opening_succeed(link, &agreement))
    return;
  if (link->tls) { /* it may hold more that was read along */
    link->wants_resume = true;
    link_at_turn_end(link);
  }
  if (rest_len == 0)
    return; /* an idle link needs no buffers */
  if (!link->traffic && !link_warm_up(link))
    link_finish_simply(link, LINK_END_NO_MEMORY, "no memory to read");
  else if (link->is_paused)
    link_keep_rest(link, rest, rest_len);
  else if (link_decode(link, rest, rest_len) && link->events->received)
    link->events->received(link);
}

/* To the end of what has come: no poll tells of what TLS holds. */
static void go_on_upgrade(struct link *link, int events) {
  struct client_opening *opening = client_opening(link);
  if ((events & UV_WRITABLE) && !opening_send_text(link))
    return;
  if (!(events & UV_READABLE))
    return;
  uint8_t *in = link->loop->receive;
  size_t len, consumed = 0;
  enum handshake_result result = HANDSHAKE_MORE;
  while (result == HANDSHAKE_MORE) {
    if (!opening_read(link, " before it answered the upgrade", &len))
      return;
    result = handshake_reader_feed(&opening->reader, in, len, &consumed);
  }
  if (result == HANDSHAKE_DONE)
    succeed(link, in + consumed, len - consumed);
  else
    refuse(link, result);
}

static void describe_upgrade(const struct link *link, char *text, size_t cap) {
  (void)link;
  snprintf(text, cap, "the opening handshake");
}

const struct step step_upgrade = {begin_upgrade, go_on_upgrade, describe_upgrade, STEP_START};
