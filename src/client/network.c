#include "network.h"

#include "endpoints.h"
#include "resolve.h"
#include "watch.h"

#include <stdio.h>
#include <string.h>

#define TARGETS_MAX 8

/* An address, shorter than a socket's. */
struct target {
  uint8_t family; /* AF_* */
  uint8_t ip[16];
  uint32_t scope;
};

/* ---- the target's addresses ---- */

static struct target pack(const struct address *address) {
  struct target target = {.family = (uint8_t)address->as.any.sa_family};
  if (target.family == AF_INET) {
    memcpy(target.ip, &address->as.v4.sin_addr, sizeof address->as.v4.sin_addr);
  } else {
    memcpy(target.ip, &address->as.v6.sin6_addr, sizeof target.ip);
    target.scope = address->as.v6.sin6_scope_id;
  }
  return target;
}

static struct address unpack(const struct target *target) {
  struct address address = {.len = sizeof address.as.v6};
  address.as.any.sa_family = target->family;
  if (target->family == AF_INET) {
    address.len = sizeof address.as.v4;
    memcpy(&address.as.v4.sin_addr, target->ip, sizeof address.as.v4.sin_addr);
  } else {
    memcpy(&address.as.v6.sin6_addr, target->ip, sizeof target->ip);
    address.as.v6.sin6_scope_id = target->scope;
  }
  return address;
}

static void forget(struct limpet_client *client) {
  memory_free(client_memory(client), client->network.targets);
  client->network.targets = NULL;
  client->network.targets_count = 0;
}

void network_dialing(struct limpet_client *client) {
  client->network.is_dialing = client->network.is_watching;
}

/* Without memory the target counts as not looked up. */
void network_found(struct limpet_client *client, const struct address *addresses, size_t count) {
  struct client_network *network = &client->network;
  if (!network->is_watching)
    return;
  if (network->is_dialing)
    forget(client);
  network->is_dialing = false;
  const size_t room = TARGETS_MAX - network->targets_count;
  count = count < room ? count : room;
  const size_t all = network->targets_count + count;
  struct target *targets =
      count ? memory_realloc(client_memory(client), network->targets, all * sizeof *targets) : NULL;
  if (!targets)
    return;
  for (size_t i = 0; i < count; i++)
    targets[network->targets_count + i] = pack(&addresses[i]);
  network->targets = targets;
  network->targets_count = (uint8_t)all;
}

/* ---- is there a way? ---- */

/* One way is enough; none is known only if it is so for all of them. */
static enum watch_way either(enum watch_way a, enum watch_way b) {
  if (a == WATCH_WAY || b == WATCH_WAY)
    return WATCH_WAY;
  return a == WATCH_NO_WAY && b == WATCH_NO_WAY ? WATCH_NO_WAY : WATCH_UNKNOWN;
}

/* False: the host must be looked up. */
static bool is_way_known(const struct limpet_client *client, const char *host,
                         enum watch_way *way) {
  static const int families[] = {AF_INET6, AF_INET};
  struct resolve_answer answer;
  for (size_t i = 0; i < sizeof families / sizeof *families; i++)
    if (resolve_is_known(host, families[i], &answer) && answer.count > 0) {
      *way = net_watch_route(client->loop, &answer.addresses[0]).way;
      return true;
    }
  return false;
}

static enum watch_way way_to_found(const struct limpet_client *client) {
  const struct client_network *network = &client->network;
  enum watch_way way = WATCH_NO_WAY;
  for (uint8_t i = 0; i < network->targets_count; i++) {
    const struct address address = unpack(&network->targets[i]);
    way = either(way, net_watch_route(client->loop, &address).way);
  }
  return network->targets_count ? way : net_watch_way_out(client->loop);
}

/* Of a URL that cannot be used the dial says more. */
static enum watch_way way_to_url(struct limpet_client *client) {
  char text[URL_LEN_MAX + 1], error[PROXIES_ERROR_CAP];
  struct url url;
  struct proxy proxy;
  const char *why;
  client_copy_url(client, text);
  if (!url_parse(&url, text, strlen(text), &why))
    return WATCH_UNKNOWN;
  if (url.scheme == URL_WS_UNIX)
    return WATCH_WAY;
  const bool has_proxy =
      proxies_choose(&client->settings->proxies, &url, &proxy, error) == PROXIES_ONE;
  enum watch_way way;
  return is_way_known(client, has_proxy ? proxy.url.host : url.host, &way) ? way
                                                                           : way_to_found(client);
}

/* The next dial may go elsewhere. */
static enum watch_way find_way(struct limpet_client *client) {
  const enum watch_way way = way_to_url(client);
  return client->endpoints ? either(way, net_watch_way_out(client->loop)) : way;
}

static bool is_offline(struct limpet_client *client) {
  return client->is_hinted_offline ||
         (client->network.is_watching && find_way(client) == WATCH_NO_WAY);
}

static void tell_session(struct limpet_client *client, bool offline) {
  client_lock(client);
  if (offline)
    session_network_down(&client->session, client_now_ms(client));
  else
    session_network_up(&client->session, client_now_ms(client));
  client_unlock(client);
}

void network_look(struct limpet_client *client) {
  if (client->network.is_watching || client->is_hinted_offline)
    tell_session(client, is_offline(client));
}

/* ---- the link ---- */

static uint32_t print_of_link(const struct limpet_client *client) {
  struct address peer;
  if (!sock_peer_address(link_socket(client->link), &peer))
    return 0;
  return net_watch_route(client->loop, &peer).print;
}

void network_opened(struct limpet_client *client) {
  if (client->network.is_watching)
    client->network.print = print_of_link(client);
}

/* Nothing that is sent from it will ever be answered. True: so it was, and the link is gone. */
static bool leave_lost_address(struct limpet_client *client) {
  struct address own;
  char text[ADDRESS_TEXT_CAP], detail[LIMPET_DETAIL_CAP];
  if (!client->link || client->is_closing || link_socket(client->link) < 0 ||
      !sock_own_address(link_socket(client->link), &own) || !net_watch_is_gone(client->loop, &own))
    return false;
  address_print(&own, text);
  (void)snprintf(detail, sizeof detail, "the link's own address %s is gone from this machine",
                 text);
  client_move(client, detail);
  return true;
}

static void probe(struct limpet_client *client) {
  client_lock(client);
  session_probe(&client->session, client_now_ms(client));
  client_unlock(client);
}

static bool takes_another_way(struct limpet_client *client) {
  if (!client->link || !link_is_open(client->link))
    return false;
  const uint32_t before = client->network.print;
  client->network.print = print_of_link(client);
  return client->network.print != before;
}

/* ---- changes ---- */

static void on_changed(struct net_watcher *watcher, bool has_slept) {
  struct limpet_client *client =
      (struct limpet_client *)((char *)watcher - offsetof(struct limpet_client, network.watcher));
  if (client->is_freed)
    return;
  network_look(client);
  client_settle(client); /* a dial is dropped now, if there is no way for it */
  if (client->is_freed)
    return;
  const bool has_moved = leave_lost_address(client);
  if (!has_moved && (takes_another_way(client) || has_slept))
    probe(client);
  client_settle(client);
}

void network_hint(struct limpet_client *client, limpet_network_state state) {
  if (state == LIMPET_NETWORK_CHANGED) {
    network_look(client);
    if (!client->network.is_watching || !leave_lost_address(client))
      probe(client);
    return;
  }
  client->is_hinted_offline = state == LIMPET_NETWORK_OFFLINE;
  client->owes_hint = true;
}

/* Callbacks may give hints without end, while the reports of one change still wait: the session
   hears of the last. Who gave up takes the word that there is a way for the network's return. */
void network_tell_hint(struct limpet_client *client) {
  if (!client->owes_hint)
    return;
  client->owes_hint = false;
  if (session_get_state(&client->session) == STATE_FAILED)
    tell_session(client, true);
  tell_session(client, client->is_hinted_offline);
}

/* ---- life ---- */

void network_open(struct limpet_client *client) {
  client->network.is_watching = client->settings->options.network_watch;
  client->network.watcher.changed = on_changed;
}

void network_close(struct limpet_client *client) {
  if (client->is_loop_held)
    net_loop_let_go(client->loop);
  client->is_loop_held = false;
  client->network.is_watching = false;
  net_watch_leave(client->loop, &client->network.watcher);
  forget(client);
}

void network_join(struct limpet_client *client) {
  if (client->network.is_watching && !client->network.watcher.place)
    (void)net_watch_join(client->loop, &client->network.watcher);
}

/* A client that is CLOSED costs nothing. */
static void leave_at_rest(struct limpet_client *client) {
  if (session_get_state(&client->session) == STATE_CLOSED)
    net_watch_leave(client->loop, &client->network.watcher);
}

void network_settle(struct limpet_client *client) {
  leave_at_rest(client);
  const bool waits = session_get_state(&client->session) == STATE_WAITING_FOR_NETWORK;
  if (waits == client->is_loop_held)
    return;
  client->is_loop_held = waits;
  if (waits)
    net_loop_hold(client->loop);
  else
    net_loop_let_go(client->loop);
}
