#include "proxies.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the environment ---- */

static const char *const ws_variables[] = {"ws_proxy",  "WS_PROXY",  "http_proxy",
                                           "all_proxy", "ALL_PROXY", NULL};
static const char *const wss_variables[] = {"wss_proxy", "WSS_PROXY", "https_proxy", "HTTPS_PROXY",
                                            "all_proxy", "ALL_PROXY", NULL};
static const char *const exempt_variables[] = {"no_proxy", "NO_PROXY", NULL};

/* The first that is set and not empty. */
static const char *find_variable(const char *const *names, const char **name) {
  for (; *names; names++) {
    const char *value = getenv(*names);
    if (!value || !value[0])
      continue;
    *name = *names;
    return value;
  }
  *name = NULL;
  return NULL;
}

void proxies_read_environment(struct proxies *proxies) {
  const char *unwanted;
  proxies->for_ws = find_variable(ws_variables, &proxies->ws_variable);
  proxies->for_wss = find_variable(wss_variables, &proxies->wss_variable);
  proxies->exempt = find_variable(exempt_variables, &unwanted);
}

/* ---- the choice ---- */

static const char *choose_text(const struct proxies *proxies, const struct url *target,
                               const char **source) {
  *source = "proxy";
  if (proxies->given)
    return proxies->given;
  const bool is_wss = target->scheme == URL_WSS;
  *source = is_wss ? proxies->wss_variable : proxies->ws_variable;
  return is_wss ? proxies->for_wss : proxies->for_ws;
}

enum proxies_choice proxies_choose(const struct proxies *proxies, const struct url *target,
                                   struct proxy *proxy, char error[PROXIES_ERROR_CAP]) {
  const char *source, *why;
  const char *text = choose_text(proxies, target, &source);
  if (!text || !text[0] || target->scheme == URL_WS_UNIX)
    return PROXIES_NONE;
  if (proxies->exempt && proxy_is_exempt(proxies->exempt, target))
    return PROXIES_NONE;
  if (proxy_parse(proxy, text, &why))
    return PROXIES_ONE;
  (void)snprintf(error, PROXIES_ERROR_CAP, "%s: %s", source, why);
  return PROXIES_BAD;
}
