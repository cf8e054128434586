#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"

/* ---- the target ---- */

static bool parse_port(const char *text, uint16_t *port) {
  unsigned long value = 0;
  if (*text == '\0')
    return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9')
      return false;
    value = value * 10 + (unsigned long)(*text - '0');
    if (value > UINT16_MAX)
      return false;
  }
  *port = (uint16_t)value;
  return value > 0;
}

static bool is_printable(const char *text) {
  for (; *text; text++)
    if (*text <= ' ' || *text > '~')
      return false;
  return true;
}

static bool parse_host(const char *text, size_t len, struct chaos_target *target) {
  const bool is_bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
  if (is_bracketed) {
    text++;
    len -= 2;
  }
  if (len == 0 || (!is_bracketed && memchr(text, ':', len)))
    return false;
  memcpy(target->host, text, len);
  target->host[len] = '\0';
  return true;
}

static bool parse_address(const char *text, struct chaos_target *target) {
  const char *colon = strrchr(text, ':');
  return colon && parse_host(text, (size_t)(colon - text), target) &&
         parse_port(colon + 1, &target->port);
}

static bool parse_path(const char *path, struct chaos_target *target) {
  struct address address;
  (void)snprintf(target->host, sizeof target->host, "%s", path);
  return address_from_path(&address, path);
}

bool chaos_parse_target(const char *text, struct chaos_target *target,
                        char detail[CHAOS_DETAIL_CAP]) {
  const size_t prefix_len = sizeof UNIX_PREFIX - 1;
  bool is_fine = strlen(text) < CHAOS_TARGET_CAP && is_printable(text);
  memset(target, 0, sizeof *target);
  if (is_fine && strncmp(text, UNIX_PREFIX, prefix_len) == 0)
    is_fine = parse_path(text + prefix_len, target);
  else if (is_fine)
    is_fine = parse_address(text, target);
  if (is_fine)
    (void)snprintf(target->text, sizeof target->text, "%s", text);
  else
    (void)snprintf(detail, CHAOS_DETAIL_CAP, "'%.80s' is not HOST:PORT, [IPv6]:PORT or unix:PATH",
                   text);
  return is_fine;
}

/* ---- connections ---- */

static void on_accepted(void *user, uv_os_sock_t fd) {
  struct chaos *chaos = user;
  chaos->last_id++;
  if (chaos->pairs_count >= chaos->options->max_connections ||
      plan_refuses(&chaos->plan, chaos->last_id))
    chaos_refuse(chaos, fd);
  else
    pair_new(chaos, fd);
}

void chaos_refuse(struct chaos *chaos, int fd) {
  const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd);
  chaos->totals.refused++;
  chaos->options->events.refused(chaos->options->events.user, chaos->last_id);
}

void chaos_remember(struct chaos *chaos, const struct chaos_connection *about) {
  const struct chaos_events *events = &chaos->options->events;
  chaos->ended[chaos->ended_count++ % CHAOS_ENDED_MAX] = *about;
  chaos->totals.up_len += about->up_len;
  chaos->totals.down_len += about->down_len;
  events->ended(events->user, about);
}

/* ---- life ---- */

static void free_chaos(struct chaos *chaos) {
  struct net_loop *loop = chaos->loop;
  listener_free(chaos->listener);
  pipes_deinit(&chaos->pipes);
  memory_free(chaos_memory(chaos), chaos->ended);
  memory_free(chaos_memory(chaos), chaos);
  net_loop_release(loop);
}

struct chaos *chaos_new(struct net_loop *loop, const struct chaos_options *options,
                        char detail[CHAOS_DETAIL_CAP]) {
  const struct memory *memory = net_loop_memory(loop);
  struct chaos *chaos = memory_alloc_zeroed(memory, sizeof *chaos);
  (void)snprintf(detail, CHAOS_DETAIL_CAP, "no memory");
  if (!chaos)
    return NULL;
  chaos->loop = loop;
  net_loop_retain(loop);
  chaos->options = options;
  chaos->plan.seed = options->seed;
  chaos->pipes.memory = memory;
  chaos->started_ms = NET_NEVER;
  wild_init(&chaos->wild, options->random_seed);
  chaos->ended = memory_alloc_zeroed(memory, CHAOS_ENDED_MAX * sizeof *chaos->ended);
  if (chaos->ended)
    chaos->listener =
        listener_new(loop, options->listen, on_accepted, chaos, detail, CHAOS_DETAIL_CAP);
  if (chaos->listener)
    return chaos;
  free_chaos(chaos);
  return NULL;
}

void chaos_free(struct chaos *chaos) {
  if (!chaos)
    return;
  net_timer_unset(chaos->loop, &chaos->step_timer);
  net_timer_unset(chaos->loop, &chaos->flap_timer);
  while (chaos->pairs)
    pair_reset(chaos->pairs, "the proxy was stopped");
  free_chaos(chaos);
}

void chaos_start(struct chaos *chaos) {
  chaos->started_ms = chaos_loop_ms(chaos);
  chaos_start_steps(chaos);
}

/* ---- questions ---- */

const char *chaos_address(const struct chaos *chaos) {
  return listener_address(chaos->listener);
}

const char *chaos_target_text(const struct chaos *chaos) {
  return chaos->options->target->text;
}

uint64_t chaos_now_ms(const struct chaos *chaos) {
  const uint64_t now_ms = chaos_loop_ms(chaos);
  return now_ms > chaos->started_ms ? now_ms - chaos->started_ms : 0;
}

const struct plan *chaos_plan(const struct chaos *chaos) {
  return &chaos->plan;
}

size_t chaos_open_count(const struct chaos *chaos) {
  return chaos->pairs_count;
}

struct chaos_totals chaos_totals(const struct chaos *chaos) {
  struct chaos_totals totals = chaos->totals;
  for (const struct pair *pair = chaos->pairs; pair; pair = pair->next) {
    totals.up_len += pair->flows[UP].sent_len;
    totals.down_len += pair->flows[DOWN].sent_len;
  }
  return totals;
}

static uint64_t remembered(const struct chaos *chaos) {
  return chaos->ended_count < CHAOS_ENDED_MAX ? chaos->ended_count : CHAOS_ENDED_MAX;
}

static const struct chaos_connection *ended_at(const struct chaos *chaos, uint64_t back) {
  return &chaos->ended[(chaos->ended_count - 1 - back) % CHAOS_ENDED_MAX];
}

void chaos_visit(const struct chaos *chaos, size_t max,
                 void (*visit)(void *user, const struct chaos_connection *connection), void *user) {
  struct chaos_connection about;
  for (const struct pair *pair = chaos->pairs; pair && max > 0; pair = pair->next, max--) {
    pair_describe(pair, &about);
    visit(user, &about);
  }
  for (uint64_t back = 0; back < remembered(chaos) && max > 0; back++, max--)
    visit(user, ended_at(chaos, back));
}

bool chaos_find(const struct chaos *chaos, uint64_t id, struct chaos_connection *connection) {
  for (const struct pair *pair = chaos->pairs; pair; pair = pair->next)
    if (pair->about.id == id) {
      pair_describe(pair, connection);
      return true;
    }
  for (uint64_t back = 0; back < remembered(chaos); back++)
    if (ended_at(chaos, back)->id == id) {
      *connection = *ended_at(chaos, back);
      return true;
    }
  return false;
}
