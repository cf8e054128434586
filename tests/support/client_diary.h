/*
 * Writes down what a client reports, one line a callback, so that a test compares the whole course
 * of events at once:
 *
 *   state CLOSED>CONNECTING connect
 *   open
 *   error connection_lost retry
 *   close 1006 unclean
 *   retry 1
 *   text hello
 *   binary 5
 *   typing c u
 *   fate 3 dropped overflow 0     (id, fate, reason if dropped, attempts)
 *   high, drained, heartbeat, log
 *   flush timed_out
 *
 * A report after the end (CLOSED of a stopped client) fails the test.
 */
#ifndef SUPPORT_CLIENT_DIARY_H
#define SUPPORT_CLIENT_DIARY_H

#include <limpet/limpet.h>

enum diary_wants {
  DIARY_FATES = 1, /* on_fate: all messages get nodes */
  DIARY_HEARTBEATS = 2,
  DIARY_TYPING = 4,
  DIARY_LOGS = 8,
  DIARY_POLICY = 16
};

struct diary {
  limpet_client *client;
  char **lines;
  size_t count, cap;
  size_t texts_count, heartbeats_count;
  unsigned wants;
  limpet_decision decision; /* the policy's answer */
  bool obeys;               /* the policy answers what is proposed */
  bool is_stopped;          /* the test called limpet_stop() */
  bool is_over;
  /** Called for each line, from inside the callback; or NULL. */
  void (*react)(struct diary *diary, const char *line);
  void *context;
  unsigned left; /* for `react` to count with */
};

/** Defaults and all callbacks that always come, `wants` the rest. */
void diary_init(struct diary *diary, limpet_options *options, const char *url, unsigned wants);
void diary_deinit(struct diary *diary);
/** limpet_new() and the diary's client; fails the test if it fails. */
limpet_client *diary_new(struct diary *diary, const limpet_options *options,
                         struct uv_loop_s *loop);
void diary_stop(struct diary *diary, uint32_t deadline_ms);
limpet_flush_callback diary_flush;

void diary_add(struct diary *diary, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** How many lines begin with `start`. */
size_t diary_lines(const struct diary *diary, const char *start);
bool diary_has(const struct diary *diary, const char *start);
/** Where the first line beginning with `start` is, from `from` on; SIZE_MAX: nowhere. */
size_t diary_find(const struct diary *diary, const char *start, size_t from);
/** Begins anew. */
void diary_clear(struct diary *diary);
/** The whole diary is exactly `lines` (NULL at the end), or the test fails, showing both. */
void diary_is(const struct diary *diary, const char *const *lines);

limpet_state diary_state(const struct diary *diary);

#endif
