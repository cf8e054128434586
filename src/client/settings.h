/*
 * What many clients have in common: a checked, deep copy of the options in the forms that session
 * and link want. Clients of one loop with equal options share one, so that ten thousand of them
 * cost one configuration and one TLS context. Belongs to its loop's thread.
 */
#ifndef CLIENT_SETTINGS_H
#define CLIENT_SETTINGS_H

#include "link.h"
#include "session.h"

#include <limpet/limpet.h>

struct settings {
  struct settings *next;
  struct net_loop *loop;
  uint32_t references;
  struct memory memory;
  limpet_options options; /* its strings are ours */
  struct session_config session;
  struct link_settings link;
  struct proxies proxies; /* its strings are ours */
  char *strings;          /* one block for all of them */
};

/** Finds or makes the settings for `options` (checked, full). NULL: no memory. */
struct settings *settings_acquire(struct net_loop *loop, const struct memory *memory,
                                  const limpet_options *options);
/** False, with `detail` filled, if the environment names a proxy for `url` that cannot be used. */
bool settings_check_proxy(const struct settings *settings, const char *url, char *detail);
/** Makes the TLS context if `url` is wss or a TLS file was named, once. False with `*result` and
    `detail` when a file cannot be used or memory ran out. */
bool settings_prepare(struct settings *settings, const char *url, char *detail,
                      limpet_result *result);
void settings_release(struct settings *settings);

#endif
