/*
 * Look-ups of host names by the system's resolver, each on a thread of its own: a look-up that
 * hangs blocks neither another nor a stop. Equal look-ups under way are shared; nothing is kept
 * once it was answered. One set of threads for the whole process.
 */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include "sock.h"

#define RESOLVE_ADDRESSES_MAX 16 /* of one family; more are ignored */
#define RESOLVE_THREADS_MAX 64   /* beyond it look-ups wait their turn */
#define RESOLVE_SHARED_MS 2000   /* an older look-up may hang: a new dial asks anew */

struct resolve_answer {
  int error;        /* EAI_*, 0 if fine */
  int system_error; /* errno, for EAI_SYSTEM */
  bool is_known;    /* nobody had to be asked */
  size_t count;
  struct address addresses[RESOLVE_ADDRESSES_MAX];
};

struct lookup;
typedef void lookup_done(void *user, const struct resolve_answer *answer);

/** Answers without a look-up: literals, and the names of this machine (RFC 6761 section 6.3). */
bool resolve_is_known(const char *host, int family, struct resolve_answer *answer);
/** Starts a look-up; `done` comes once, from the loop, unless it is cancelled. NULL: no memory. */
struct lookup *resolve_start(struct net_loop *loop, const char *host, int family, lookup_done *done,
                             void *user);
/** Not after `done` was called. */
void resolve_cancel(struct lookup *lookup);

/** What an answer without addresses means. */
enum link_end_kind resolve_error_kind(const struct resolve_answer *answer);
const char *resolve_error_text(const struct resolve_answer *answer);

/** For tests: runs on the look-up's thread instead of getaddrinfo(); NULL: getaddrinfo() again. */
typedef void resolve_function(const char *host, int family, struct resolve_answer *answer);
void resolve_use(resolve_function *function);

#endif
