/*
 * Which proxy a dial goes through: the one given, or the environment's as curl 8
 * reads it. Chosen for each dial anew, since targets change.
 */
#ifndef NET_PROXIES_H
#define NET_PROXIES_H

#include "proxy.h"

#define PROXIES_ERROR_CAP 160

/** All of it may be NULL. Texts are borrowed. */
struct proxies {
  const char *given;            /* for every target; "": none, whatever the environment says */
  const char *for_ws, *for_wss; /* of the environment */
  const char *ws_variable, *wss_variable; /* where those come from; static */
  const char *exempt;                     /* NO_PROXY */
};

enum proxies_choice { PROXIES_NONE, PROXIES_ONE, PROXIES_BAD };

/**
 * Fills all but `given` from the process's environment: for ws ws_proxy, WS_PROXY, http_proxy (in
 * lower case only: a CGI server sets HTTP_PROXY from a request's header); for wss wss_proxy,
 * WSS_PROXY, https_proxy, HTTPS_PROXY; for both then all_proxy, ALL_PROXY; and no_proxy, NO_PROXY.
 * An empty variable is as good as none. The texts are the environment's own: copy them before
 * anybody changes it.
 */
void proxies_read_environment(struct proxies *proxies);

/**
 * Chooses for one target. PROXIES_ONE: `proxy` is filled, its userinfo points into `proxies`.
 * PROXIES_BAD: the chosen address is unusable, `error` names where it comes from and why. Unix
 * sockets have none.
 */
enum proxies_choice proxies_choose(const struct proxies *proxies, const struct url *target,
                                   struct proxy *proxy, char error[PROXIES_ERROR_CAP]);

#endif
