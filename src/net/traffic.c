#include "link_internal.h"

static void link_in(struct net_loop *loop, struct traffic *traffic) {
  struct traffic_pool *pool = &loop->traffic;
  traffic->previous = NULL;
  traffic->next = pool->warm;
  if (pool->warm)
    pool->warm->previous = traffic;
  pool->warm = traffic;
}

static void link_out(struct net_loop *loop, struct traffic *traffic) {
  if (traffic->previous)
    traffic->previous->next = traffic->next;
  else
    loop->traffic.warm = traffic->next;
  if (traffic->next)
    traffic->next->previous = traffic->previous;
}

struct traffic *traffic_take(struct net_loop *loop, struct link *link) {
  struct traffic_pool *pool = &loop->traffic;
  struct traffic *traffic = pool->spare;
  if (traffic) {
    pool->spare = traffic->next;
    pool->spare_count--;
  } else {
    traffic = memory_alloc(&loop->memory, sizeof *traffic);
    if (!traffic)
      return NULL;
  }
  memset(traffic, 0, offsetof(struct traffic, out));
  output_init(&traffic->out);
  traffic->link = link;
  traffic->is_active = true;
  link_in(loop, traffic);
  net_loop_start_sweeper(loop);
  return traffic;
}

void traffic_give_back(struct net_loop *loop, struct traffic *traffic) {
  struct traffic_pool *pool = &loop->traffic;
  link_out(loop, traffic);
  output_deinit(&traffic->out, &loop->memory);
  memory_free(&loop->memory, traffic->gather);
  memory_free(&loop->memory, traffic->saved);
  traffic->link = NULL;
  if (pool->spare_count == TRAFFIC_POOL_MAX) {
    memory_free(&loop->memory, traffic);
    return;
  }
  traffic->next = pool->spare;
  pool->spare = traffic;
  pool->spare_count++;
}

void traffic_pool_deinit(struct net_loop *loop) {
  while (loop->traffic.spare) {
    struct traffic *traffic = loop->traffic.spare;
    loop->traffic.spare = traffic->next;
    memory_free(&loop->memory, traffic);
  }
  loop->traffic.spare_count = 0;
}

bool traffic_gather_reserve(struct net_loop *loop, struct traffic *traffic, size_t cap) {
  if (cap <= traffic->gather_cap)
    return true;
  uint8_t *gather = memory_realloc(&loop->memory, traffic->gather, cap);
  if (!gather)
    return false;
  traffic->gather = gather;
  traffic->gather_cap = cap;
  return true;
}

static bool is_inside(const struct traffic *traffic, const uint8_t *in) {
  return traffic->saved && in >= traffic->saved && in <= traffic->saved + traffic->saved_cap;
}

bool traffic_save(struct net_loop *loop, struct traffic *traffic, const uint8_t *in, size_t len) {
  if (is_inside(traffic, in)) { /* the rest of what was saved before */
    traffic->saved_at = (size_t)(in - traffic->saved);
    traffic->saved_len = len;
    return true;
  }
  if (traffic->saved_cap < len) {
    uint8_t *saved = memory_alloc(&loop->memory, len);
    if (!saved)
      return false;
    memory_free(&loop->memory, traffic->saved);
    traffic->saved = saved;
    traffic->saved_cap = len;
  }
  memcpy(traffic->saved, in, len);
  traffic->saved_at = 0;
  traffic->saved_len = len;
  return true;
}

bool traffic_sweep(struct net_loop *loop) {
  struct traffic *next;
  for (struct traffic *traffic = loop->traffic.warm; traffic; traffic = next) {
    next = traffic->next;
    link_check_stall(traffic->link);
    if (traffic->is_active)
      traffic->is_active = false;
    else
      link_cool_down(traffic->link);
  }
  if (!loop->traffic.warm) /* all is quiet: the spares go too */
    traffic_pool_deinit(loop);
  return loop->traffic.warm != NULL;
}
