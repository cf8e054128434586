#include "world.h"

#include "random.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define STUCK_MAX 20000 /* steps in one millisecond: time stands still */

/* ---- chance ---- */

uint64_t world_random(struct world *w, uint64_t below) {
  return w->is_calm || !below ? 0 : random_next(&w->chance) % below;
}

bool world_chance(struct world *w, unsigned one_in) {
  return !w->is_calm && random_next(&w->chance) % one_in == 0;
}

/* ---- what is known ---- */

void world_break(struct world *w, const char *rule) {
  if (w->broken)
    return;
  w->broken = rule;
  world_trace(w, "broken: %s", rule);
}

void world_trace(const struct world *w, const char *format, ...) {
  va_list arguments;
  if (!w->is_traced)
    return;
  (void)printf("%9llu ms  ", (unsigned long long)w->now_ms);
  va_start(arguments, format);
  (void)vprintf(format, arguments);
  va_end(arguments);
  (void)putchar('\n');
}

struct fact *world_new_fact(struct world *w, uint32_t len, uint64_t *number) {
  if (w->facts_count == WORLD_MESSAGES)
    return NULL;
  *number = w->facts_count++;
  struct fact *fact = &w->facts[*number];
  *fact = (struct fact){.order = w->next_order++, .run = w->client.run, .len = len};
  return fact;
}

/* A number that nobody gave out is as good as a message that never was. */
struct fact *world_fact(struct world *w, uint64_t number) {
  if (number && number < w->facts_count)
    return &w->facts[number];
  world_break(w, "every message has a number that was given to it");
  return &w->facts[0];
}

/* ---- time ---- */

static uint64_t earlier(uint64_t a, uint64_t b) {
  return a < b ? a : b;
}

static uint64_t world_server_next_at(const struct world *w) {
  const struct server *s = &w->server;
  if (s->commit_at_ms == NET_NEVER || s->commit_at_ms > s->hang_until_ms)
    return s->commit_at_ms;
  return s->hang_until_ms;
}

uint64_t world_next_at(const struct world *w) {
  return earlier(world_net_next_at(w), earlier(world_server_next_at(w), world_client_next_at(w)));
}

void world_settle(struct world *w) {
  if (w->now_ms < w->client.busy_until_ms)
    return; /* it does not run */
  world_driver_settle(w);
  world_check(w);
}

/* What has arrived is seen before any timer. */
static void do_next(struct world *w) {
  if (world_net_next_at(w) <= w->now_ms)
    world_net_deliver(w);
  else if (world_server_next_at(w) <= w->now_ms)
    world_server_commit(w);
  else
    world_client_run(w);
  world_settle(w);
}

static void move_to(struct world *w, uint64_t at_ms) {
  if (at_ms <= w->now_ms)
    return;
  w->now_ms = at_ms;
  w->stuck = 0;
}

void world_pass(struct world *w, uint64_t ms) {
  const uint64_t until_ms = w->now_ms + ms;
  while (!w->broken && world_next_at(w) <= until_ms) {
    move_to(w, world_next_at(w));
    w->steps++;
    CHECK(w->stuck++ < STUCK_MAX, "time goes on");
    do_next(w);
  }
  move_to(w, until_ms);
}

/* ---- the beginning ---- */

static void init_client(struct client *c) {
  c->dial_at_ms = c->dial_by_ms = c->ends_at_ms = c->flush_at_ms = NET_NEVER;
  c->up_at_ms = NET_NEVER;
}

void world_init(struct world *w, const struct world_settings *settings) {
  memset(w, 0, sizeof *w);
  w->settings = *settings;
  w->now_ms = 100000;
  w->next_order = 1;
  w->facts_count = 1;
  init_client(&w->client);
  w->net.delay_ms = settings->delay_ms;
  w->net.jitter_ms = settings->jitter_ms;
  w->net.rate = 1;
  w->server.commit_at_ms = NET_NEVER;
  w->server.latency_ms = settings->store_ms;
  w->disk.latency_ms = settings->disk_ms;
  w->disk.due_at_ms = NET_NEVER;
  world_client_start(w);
}
