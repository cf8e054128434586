/*
 * The client's way through a proxy: the dial goes to the proxy, which is then asked for the target.
 * The answer is peeked at and taken off the socket up to its last byte, so that what follows is
 * left for TLS or the upgrade.
 */
#include "link_step.h"
#include "opening.h"

#include "resolve.h"
#include "text.h"

#include <errno.h>
#include <string.h>

#define PEEK_CAP 4096

struct passage {
  struct proxy proxy;
  struct tunnel tunnel;
  struct lookup *lookup; /* of the target, for socks5:// */
  int lookup_family;
};

static struct passage *passage_of(const struct link *link) {
  return client_opening(link)->passage;
}

/* ---- failures ---- */

static struct text_writer begin_detail(const struct link *link, struct link_end *end) {
  char name[PROXY_NAME_CAP];
  struct text_writer w = text_writer_begin(end->detail, sizeof end->detail);
  proxy_name(&passage_of(link)->proxy, name);
  text_put_string(&w, "proxy ");
  text_put_string(&w, name);
  text_put_string(&w, ": ");
  return w;
}

static void fail(struct link *link, const char *what, const char *more) {
  struct link_end end = link_end_of(LINK_END_PROXY, "");
  struct text_writer w = begin_detail(link, &end);
  text_put_string(&w, what);
  text_put_string(&w, more);
  if (passage_of(link)->tunnel.result == TUNNEL_REFUSED)
    end.http_status = passage_of(link)->tunnel.http_status;
  link_finish(link, &end);
}

static void end_without_memory(struct link *link) {
  link_finish_simply(link, LINK_END_NO_MEMORY, "no memory to ask a proxy");
}

/* What is wrong with us is not the proxy's. */
void passage_dial_failed(struct link *link, const struct dial_failure *failure) {
  if (failure->kind == LINK_END_NO_MEMORY || failure->kind == LINK_END_SYSTEM)
    link_finish_simply(link, failure->kind, failure->detail);
  else
    fail(link, failure->detail, "");
}

/* ---- life ---- */

static void refuse_address(struct link *link, const char *why) {
  struct link_end end = link_end_of(LINK_END_PROXY, why);
  end.is_final = true;
  link_finish(link, &end);
}

bool passage_choose(struct link *link, struct dial_target *target) {
  struct client_opening *opening = client_opening(link);
  struct proxy proxy;
  char error[PROXIES_ERROR_CAP];
  if (!link->settings->proxies)
    return true;
  switch (proxies_choose(link->settings->proxies, &opening->url, &proxy, error)) {
  case PROXIES_NONE:
    return true;
  case PROXIES_BAD:
    refuse_address(link, error);
    return false;
  default:
    break;
  }
  opening->passage = memory_alloc_zeroed(link_memory(link), sizeof *opening->passage);
  if (!opening->passage) {
    end_without_memory(link);
    return false;
  }
  opening->passage->proxy = proxy;
  target->host = opening->passage->proxy.url.host;
  target->port = proxy.url.port;
  target->unix_path = NULL;
  return true;
}

void passage_cancel(struct passage *passage) {
  if (passage && passage->lookup)
    resolve_cancel(passage->lookup);
  if (passage)
    passage->lookup = NULL;
}

static void free_passage(struct link *link) {
  memory_free(link_memory(link), passage_of(link));
  client_opening(link)->passage = NULL;
}

/* ---- the conversation ---- */

static void say(struct link *link) {
  struct opening *opening = link->opening;
  if (!opening_text_reserve(link, TUNNEL_MESSAGE_CAP)) {
    end_without_memory(link);
    return;
  }
  opening->text_len = tunnel_write(&passage_of(link)->tunnel, opening->text, TUNNEL_MESSAGE_CAP);
  if (opening->text_len > 0)
    opening_send_text(link);
  else
    fail(link, "the request to it is too long", "");
}

static void begin_tunnel(struct link *link, const struct address *address) {
  struct passage *passage = passage_of(link);
  const struct url *url = &client_opening(link)->url;
  struct tunnel_target target = {.host = url->host, .port = url->port};
  if (address && address->as.any.sa_family == AF_INET) {
    target.address_len = 4;
    memcpy(target.address, &address->as.v4.sin_addr, 4);
  } else if (address) {
    target.address_len = 16;
    memcpy(target.address, &address->as.v6.sin6_addr, 16);
  }
  tunnel_init(&passage->tunnel, &passage->proxy, &target, link->settings->max_handshake);
  say(link);
}

void passage_name(const struct link *link, char name[PROXY_NAME_CAP]) {
  name[0] = '\0';
  if (client_opening(link)->passage)
    proxy_name(&client_opening(link)->passage->proxy, name);
}

static void pass(struct link *link) {
  char name[PROXY_NAME_CAP];
  passage_name(link, name);
  free_passage(link);
  const struct link_fact fact = {"proxy", name};
  if (link_step_report(link, LINK_STEP_PROXY, &fact, 1))
    opening_next_step(link);
}

static void take_result(struct link *link, enum tunnel_result result) {
  const struct opening *opening = link->opening;
  if (result == TUNNEL_MORE)
    return;
  if (result == TUNNEL_REFUSED) {
    fail(link, passage_of(link)->tunnel.detail, "");
  } else if (opening->text_sent < opening->text_len) {
    fail(link, "it answered before it was asked", "");
  } else if (result == TUNNEL_SEND) {
    say(link);
  } else {
    pass(link);
  }
}

static void end_by_socket(struct link *link, ssize_t n) {
  char what[64] = "";
  struct text_writer w = text_writer_begin(what, sizeof what);
  text_put_string(&w, " before ");
  text_put_string(&w, tunnel_awaits(&passage_of(link)->tunnel));
  fail(link, n == 0 ? "connection closed" : sock_error_text(errno), what);
}

static void go_on_proxy(struct link *link, int events) {
  if ((events & UV_WRITABLE) && !opening_send_text(link))
    return;
  if (!(events & UV_READABLE) || passage_of(link)->lookup)
    return;
  uint8_t *in = link->loop->receive;
  const ssize_t n = sock_peek(link->fd, in, PEEK_CAP);
  if (n < 0 && sock_would_block(errno))
    return;
  if (n <= 0) {
    end_by_socket(link, n);
    return;
  }
  size_t consumed;
  const enum tunnel_result result =
      tunnel_feed(&passage_of(link)->tunnel, in, (size_t)n, &consumed);
  const ssize_t taken = sock_receive(link->fd, in, consumed);
  if (taken == (ssize_t)consumed)
    take_result(link, result);
  else
    end_by_socket(link, taken);
}

/* ---- the target's address, for socks5:// ---- */

static void look_up(struct link *link, int family);

/* A proxy is asked for one address only: IPv4 if there is one, since every proxy can reach those.
 */
static void take_answer(struct link *link, int family, const struct resolve_answer *answer) {
  if (answer->count > 0) {
    begin_tunnel(link, &answer->addresses[0]);
  } else if (family == AF_INET) {
    look_up(link, AF_INET6);
  } else {
    struct link_end end = link_end_of(resolve_error_kind(answer), "look-up of ");
    struct text_writer w = text_writer_resume(end.detail, sizeof end.detail);
    text_put_string(&w, client_opening(link)->url.host);
    text_put_string(&w, ": ");
    text_put_string(&w, resolve_error_text(answer));
    link_finish(link, &end);
  }
}

static void on_answer(void *user, const struct resolve_answer *answer) {
  struct link *link = user;
  struct passage *passage = passage_of(link);
  passage->lookup = NULL;
  take_answer(link, passage->lookup_family, answer);
  link_update_poll(link);
}

static void look_up(struct link *link, int family) {
  struct passage *passage = passage_of(link);
  const char *host = client_opening(link)->url.host;
  struct resolve_answer answer;
  if (resolve_is_known(host, family, &answer)) {
    take_answer(link, family, &answer);
    return;
  }
  passage->lookup_family = family;
  passage->lookup = resolve_start(link->loop, host, family, on_answer, link);
  if (!passage->lookup)
    end_without_memory(link);
}

/* ---- the step ---- */

/* An address is asked for as an address; names are looked up by who the scheme says. */
static bool asks_by_address(const struct link *link) {
  const enum proxy_scheme scheme = passage_of(link)->proxy.scheme;
  return scheme == PROXY_SOCKS5 ||
         (scheme == PROXY_SOCKS5H && client_opening(link)->url.host_is_ip);
}

static void begin_proxy(struct link *link) {
  if (!passage_of(link))
    opening_next_step(link);
  else if (asks_by_address(link))
    look_up(link, AF_INET);
  else
    begin_tunnel(link, NULL);
}

static void describe_proxy(const struct link *link, char *text, size_t cap) {
  const struct passage *passage = passage_of(link);
  char name[PROXY_NAME_CAP];
  struct text_writer w = text_writer_begin(text, cap);
  proxy_name(&passage->proxy, name);
  text_put_string(&w,
                  passage->lookup ? "the look-up for the proxy " : tunnel_awaits(&passage->tunnel));
  text_put_string(&w, passage->lookup ? "" : " from the proxy ");
  text_put_string(&w, name);
}

void passage_describe_dial(const struct link *link, char *text, size_t cap) {
  char name[PROXY_NAME_CAP];
  struct text_writer w = text_writer_begin(text, cap);
  if (!passage_of(link))
    return;
  proxy_name(&passage_of(link)->proxy, name);
  text_put_string(&w, " to the proxy ");
  text_put_string(&w, name);
}

const struct step step_proxy = {begin_proxy, go_on_proxy, describe_proxy, STEP_TLS};
