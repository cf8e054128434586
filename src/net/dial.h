/*
 * From a name to a connected socket: both families looked up at once, addresses tried in turn with
 * a head start for each (Happy Eyeballs, RFC 8305), the first to connect wins and the others are
 * closed. Knows nothing of what is spoken on the socket, nor of the deadline of the whole.
 */
#ifndef NET_DIAL_H
#define NET_DIAL_H

#include "resolve.h"

#define DIAL_RESOLUTION_DELAY_MS 50 /* RFC 8305 section 3: IPv6's head start over a fast A */

struct dial;

struct dial_target {
  const char *host; /* lives as long as the dial */
  uint16_t port;
  const char *unix_path; /* instead of host and port, or NULL */
  /** Addresses were found; false: the dial was cancelled meanwhile. Or NULL. */
  bool (*found)(void *user, const struct resolve_answer *answer);
};

struct dial_failure {
  enum link_end_kind kind;
  char detail[LINK_DETAIL_CAP];
};

/** `fd` >= 0: connected, the caller's now; `peer` is its address. Else `failure` says why. The
    dial is gone when it is called. */
typedef void dial_done(void *user, int fd, const struct address *peer,
                       const struct dial_failure *failure);

/** NULL: no memory. */
struct dial *dial_new(struct net_loop *loop, const struct dial_target *target,
                      uint32_t attempt_delay_ms, dial_done *done, void *user);
/** May call `done` before it returns. */
void dial_begin(struct dial *dial);
/** Not after `done`. */
void dial_cancel(struct dial *dial);
/** What it is waiting for: "the look-up of example.org", "192.0.2.1:443". */
void dial_describe(const struct dial *dial, char *text, size_t cap);

#endif
