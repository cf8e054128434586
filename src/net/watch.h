/*
 * The network watch: whether this machine has a way to somewhere, and a word when that may have
 * changed.
 *
 * One for each loop, made when the first watcher joins and gone with the last. It keeps no table of
 * its own that could go stale: a change only means that everybody asks anew, and what is asked is
 * the kernel's own look-up. Changes are gathered for WATCH_GATHER_MS; without any, watchers are
 * told every WATCH_AGAIN_MS all the same, so that a word that went missing wedges nobody.
 *
 * It errs on the side of a way: where the system cannot be asked, the answer is WATCH_UNKNOWN, and
 * only a dial can tell. None of its handles keeps the loop alive. Everything is on the loop's
 * thread.
 */
#ifndef NET_WATCH_H
#define NET_WATCH_H

#include "loop.h"
#include "sock.h"

#define WATCH_GATHER_MS 5
#define WATCH_AGAIN_MS 30000

enum watch_way { WATCH_UNKNOWN, WATCH_WAY, WATCH_NO_WAY };

struct watch_route {
  enum watch_way way;
  uint32_t print; /* differs when the way does: another interface, gateway or source, or the carrier
                     was gone meanwhile */
};

/** Owned by whoever embeds it; zero-initialised it has not joined. */
struct net_watcher {
  struct net_watcher *next;
  struct net_watcher **place; /* what points to it; NULL: not joined */
  /** Look again. `has_slept`: the machine did, since the last call; links may be dead. May leave,
      free itself, and let others join or leave. */
  void (*changed)(struct net_watcher *watcher, bool has_slept);
};

/** False: no memory. A system that tells of no changes is no failure. */
bool net_watch_join(struct net_loop *loop, struct net_watcher *watcher);
/** Harmless if it has not joined. */
void net_watch_leave(struct net_loop *loop, struct net_watcher *watcher);

/** The way to one address. Loopback and Unix sockets always have one. While nobody has joined:
    unknown. */
struct watch_route net_watch_route(struct net_loop *loop, const struct address *target);
/** For a target whose address is not known: is there a way to anything but this machine? */
enum watch_way net_watch_way_out(struct net_loop *loop);
/** Whether `own`, an address of this machine's that a socket is bound to, is gone from it. */
bool net_watch_is_gone(struct net_loop *loop, const struct address *own);

#endif
