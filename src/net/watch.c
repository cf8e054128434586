#include "watch_system.h"

#include "loop_internal.h"

#include <assert.h>
#include <string.h>

/* Beyond this a difference of the two clocks is sleep, not the moment between two readings. */
#define SLEPT_MIN_MS 500
/* Answers kept while watchers are told: a fleet asks for the same few targets. */
#define ANSWERS_MAX 4

struct answer {
  struct address target;
  struct watch_route route;
};

struct net_watch {
  uv_timer_t timer; /* first: a handle is its watch */
  struct net_loop *loop;
  const struct watch_system *system;
  void *source;
  struct net_watcher *watchers;
  struct net_watcher *next; /* to be told; moved on when it leaves */
  uint64_t slept_ms;
  bool is_gathering; /* the timer stands for a change */
  bool is_telling;
  struct answer answers[ANSWERS_MAX]; /* while telling */
  unsigned answers_count;
};

static const struct watch_system *used = &watch_system;

void watch_use(const struct watch_system *system) {
  used = system ? system : &watch_system;
}

/* ---- life ---- */

static void on_closed(uv_handle_t *handle) {
  struct net_watch *watch = (struct net_watch *)handle;
  struct net_loop *loop = watch->loop;
  memory_free(&loop->memory, watch);
  net_loop_release(loop);
}

static void end(struct net_watch *watch) {
  watch->loop->watch = NULL;
  if (watch->source)
    watch->system->close(watch->source);
  uv_close((uv_handle_t *)&watch->timer, on_closed);
}

static void tell_all(struct net_watch *watch, bool has_slept) {
  watch->is_telling = true;
  watch->answers_count = 0;
  watch->next = watch->watchers;
  while (watch->next) {
    struct net_watcher *watcher = watch->next;
    watch->next = watcher->next;
    watcher->changed(watcher, has_slept);
  }
  watch->is_telling = false;
}

/* The clock that stands still during sleep against the one that does not. */
static bool take_sleep(struct net_watch *watch) {
  const uint64_t slept_ms = watch->system->slept_ms();
  const bool has_slept = slept_ms > watch->slept_ms + SLEPT_MIN_MS;
  watch->slept_ms = slept_ms;
  return has_slept;
}

static void on_time(uv_timer_t *timer) {
  struct net_watch *watch = (struct net_watch *)timer;
  watch->is_gathering = false;
  if (!watch->source) /* there may be descriptors or memory for it now */
    watch->source = watch->system->open(watch->loop, watch);
  tell_all(watch, take_sleep(watch));
  if (!watch->watchers)
    end(watch);
  else if (!watch->is_gathering)
    uv_timer_start(timer, on_time, WATCH_AGAIN_MS, 0);
}

void watch_changed(struct net_watch *watch) {
  if (watch->is_gathering)
    return;
  watch->is_gathering = true;
  uv_update_time(watch->loop->uv); /* whoever runs the loop may have been elsewhere */
  uv_timer_start(&watch->timer, on_time, WATCH_GATHER_MS, 0);
}

static struct net_watch *make(struct net_loop *loop) {
  struct net_watch *watch = memory_alloc_zeroed(&loop->memory, sizeof *watch);
  if (!watch)
    return NULL;
  watch->loop = loop;
  watch->system = used;
  watch->slept_ms = used->slept_ms();
  net_loop_retain(loop);
  uv_timer_init(loop->uv, &watch->timer);
  uv_unref((uv_handle_t *)&watch->timer);
  uv_timer_start(&watch->timer, on_time, WATCH_AGAIN_MS, 0);
  watch->source = used->open(loop, watch);
  return watch;
}

bool net_watch_join(struct net_loop *loop, struct net_watcher *watcher) {
  assert(!watcher->place);
  if (!loop->watch)
    loop->watch = make(loop);
  if (!loop->watch)
    return false;
  watcher->next = loop->watch->watchers;
  watcher->place = &loop->watch->watchers;
  if (watcher->next)
    watcher->next->place = &watcher->next;
  loop->watch->watchers = watcher;
  return true;
}

void net_watch_leave(struct net_loop *loop, struct net_watcher *watcher) {
  struct net_watch *watch = loop->watch;
  if (!watcher->place)
    return;
  if (watch->next == watcher)
    watch->next = watcher->next;
  *watcher->place = watcher->next;
  if (watcher->next)
    watcher->next->place = watcher->place;
  watcher->place = NULL;
  if (!watch->watchers && !watch->is_telling)
    end(watch);
}

/* ---- questions ---- */

/* "::ffff:192.0.2.1" travels as IPv4. */
static struct address unmapped(const struct address *address) {
  struct address plain = *address;
  if (address->as.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->as.v6.sin6_addr))
    return plain;
  memset(&plain, 0, sizeof plain);
  plain.len = sizeof plain.as.v4;
  plain.as.v4.sin_family = AF_INET;
  memcpy(&plain.as.v4.sin_addr, &address->as.v6.sin6_addr.s6_addr[12], sizeof plain.as.v4.sin_addr);
  return plain;
}

static bool is_ip(const struct address *address) {
  return address->as.any.sa_family == AF_INET || address->as.any.sa_family == AF_INET6;
}

static struct watch_route *find_answer(struct net_watch *watch, const struct address *target) {
  for (unsigned i = 0; watch->is_telling && i < watch->answers_count; i++)
    if (address_equals(&watch->answers[i].target, target))
      return &watch->answers[i].route;
  return NULL;
}

static struct watch_route keep_answer(struct net_watch *watch, const struct address *target,
                                      struct watch_route route) {
  if (watch->is_telling && watch->answers_count < ANSWERS_MAX)
    watch->answers[watch->answers_count++] = (struct answer){*target, route};
  return route;
}

struct watch_route net_watch_route(struct net_loop *loop, const struct address *target) {
  struct net_watch *watch = loop->watch;
  struct address plain = unmapped(target);
  address_set_port(&plain, 0);
  if (!is_ip(&plain))
    return (struct watch_route){WATCH_WAY, 0};
  if (!watch || !watch->source)
    return (struct watch_route){WATCH_UNKNOWN, 0};
  const struct watch_route *known = find_answer(watch, &plain);
  return known ? *known : keep_answer(watch, &plain, watch->system->route(watch->source, &plain));
}

enum watch_way net_watch_way_out(struct net_loop *loop) {
  const struct net_watch *watch = loop->watch;
  return watch && watch->source ? watch->system->way_out(watch->source) : WATCH_UNKNOWN;
}

bool net_watch_is_gone(struct net_loop *loop, const struct address *own) {
  const struct net_watch *watch = loop->watch;
  const struct address plain = unmapped(own);
  return watch && watch->source && is_ip(&plain) && watch->system->is_gone(watch->source, &plain);
}
