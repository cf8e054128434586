/*
 * The sidecar: programs connect to it by WebSocket, and behind each of these local connections it
 * keeps a client of its own to the far side, whose cuts the program never sees.
 *
 * Promises, cited as [H1] and so on:
 *
 *   [H1] What was read of the local program is sent, in order, until the far side has it (as
 * --confirm says) or the outbox does; nothing is dropped for want of room: the program is read no
 * faster. [H2] A local ping is answered only after all that came before it is confirmed by the far
 * side or stored; without --confirm: written. [H3] The local 101 comes only after the far side's,
 * with its subprotocol; 502 if there will be none. [H4] Close codes that end the conversation
 * (1000, and those that retrying cannot cure) pass on to the program, with their reason; other
 * losses are held over. [H5] With resume, each dial after the first value was seen asks for what
 * came after it. A value counts once the message that carries it was handed to the program.
 */
#ifndef HOLD_SIDECAR_H
#define HOLD_SIDECAR_H

#include "loop.h"

#include <limpet/limpet.h>
#include <stdio.h>

#define HOLD_DETAIL_CAP 512
#define HOLD_HEADER_CAP 4096

struct hold;

/** Outlives the hold, and so does what it points to. */
struct hold_options {
  const char *listen; /* as for listener_new() */
  /** How the far clients behave; url is --to. Callbacks, provider and on_... are the hold's. */
  limpet_options far;
#define HOLD_ORIGINS_MAX 16
  const char *origins[HOLD_ORIGINS_MAX + 1]; /* whose pages may connect, "*" all; NULL at the end */
  uint32_t max_connections;
  uint32_t queue_limit; /* messages of a program that wait in memory; then it is read no more */
  uint32_t drain_timeout_ms; /* after the program went: how long its messages are still delivered */
  const char *resume_parameter, *resume_member; /* or NULL */
  /** A header line for this dial, HOLD_HEADER_CAP; false: none can be had, `why` says so. Or NULL.
   */
  bool (*credentials)(char line[HOLD_HEADER_CAP], char *why);
  /** A link to the far side is open: sends what goes first. False: not ready. Or NULL. */
  bool (*greet)(limpet_client *client);
  /** A line for the log, without a line feed and without secrets. */
  void (*log)(const char *line);
  bool is_verbose;
};

/** NULL with a sentence in `detail`. */
struct hold *hold_new(struct net_loop *loop, const struct hold_options *options,
                      char detail[HOLD_DETAIL_CAP]);
/** "ws://127.0.0.1:8090" or "unix:/path". */
const char *hold_address(const struct hold *hold);
/** Connections and their queues, for people. */
void hold_dump(const struct hold *hold, FILE *out);
/** Takes no more connections, closes the present ones with 1001, delivers what was accepted within
    `deadline_ms`, then calls `stopped`, from the loop, with the number of messages that were not
    delivered in all its life; the hold is gone by then. */
void hold_stop(struct hold *hold, uint32_t deadline_ms,
               void (*stopped)(void *user, uint64_t undelivered), void *user);

#endif
