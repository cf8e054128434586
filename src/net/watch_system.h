/*
 * What a system must be able to do for the watch; one file for each system, and a fake for tests.
 * The watch asks, the system answers at once and never blocks.
 */
#ifndef NET_WATCH_SYSTEM_H
#define NET_WATCH_SYSTEM_H

#include "watch.h"

struct net_watch;

struct watch_system {
  /** Starts to tell of changes by watch_changed(). What it returns is handed to the others; NULL:
      it cannot, or no memory; then nobody asks it but `slept_ms`, and it is opened again later. Its
      handles do not keep the loop alive. */
  void *(*open)(struct net_loop *loop, struct net_watch *watch);
  /** It tells nothing more; memory goes when its handles have closed. */
  void (*close)(void *source);
  /* Of an IPv4 or IPv6 address; loopback always has a way. */
  struct watch_route (*route)(void *source, const struct address *target);
  enum watch_way (*way_out)(void *source);
  bool (*is_gone)(void *source, const struct address *own);
  /** How long the machine has slept since it was started: only differences count. */
  uint64_t (*slept_ms)(void);
};

/** The present system's: watch_linux.c, or watch_none.c where none is written. */
extern const struct watch_system watch_system;

/** From the system: something about links, addresses or routes has changed, or the machine woke. */
void watch_changed(struct net_watch *watch);

/** For tests: watches opened from now on ask this one; NULL: the present system's again. */
void watch_use(const struct watch_system *system);

#endif
