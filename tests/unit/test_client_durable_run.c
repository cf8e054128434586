/*
 * Long runs of a client with an outbox: cuts, silence, disconnects and restarts at random, from a
 * seed (the disk keeps its own time). When faults stop, every message has come to exactly one end,
 * what neither fades nor is replaced was confirmed and came in order, and nothing is left.
 */
#include "client_box.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MESSAGES = 400, STEPS = 1500, SEEDS = 12 };

struct told {
  uint64_t id;
  unsigned confirmed_count, dropped_count, stored_count;
  bool has_arrived, may_drop;
};

static struct told messages[MESSAGES];
static unsigned messages_count, newest_arrival;
static uint64_t chance_state;

static unsigned chance(unsigned below) {
  chance_state = chance_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (unsigned)(chance_state >> 33) % below;
}

/* ---- both ends ---- */

static void note_fate(limpet_client *client, const limpet_fate_report *report, void *user) {
  const struct diary *diary = user;
  (void)client;
  assert_false(diary->is_over);
  unsigned i = 0;
  while (i < messages_count && messages[i].id != report->id)
    i++;
  assert_true(i < messages_count);
  messages[i].stored_count += report->fate == LIMPET_FATE_STORED;
  messages[i].confirmed_count += report->fate == LIMPET_FATE_CONFIRMED;
  messages[i].dropped_count += report->fate == LIMPET_FATE_DROPPED;
}

static void (*acknowledge)(struct peer *peer, const char *text, size_t len);

/* First arrivals of what keeps its place rise. */
static void note_arrival(struct peer *peer, const char *text, size_t len) {
  const unsigned i = (unsigned)strtoul(text + strlen("{\"id\":\"n"), NULL, 10);
  assert_true(i < messages_count);
  if (!messages[i].has_arrived && !messages[i].may_drop) {
    assert_true(i >= newest_arrival);
    newest_arrival = i;
  }
  messages[i].has_arrived = true;
  acknowledge(peer, text, len);
  if (chance(60) == 0)
    peer_reset(peer);
}

static void make(struct fixture *f, limpet_confirm confirm) {
  box_init(f, confirm);
  acknowledge = f->peer.on_message;
  f->peer.on_message = note_arrival;
  f->options.callbacks.on_fate = note_fate;
  f->options.max_retries = LIMPET_RETRY_FOREVER;
  f->options.in_flight = 1 + chance(8);
  f->options.high_water = 1024;
  f->options.ack_timeout_ms = 1 + chance(20);
  fixture_make(f);
  limpet_connect(f->client);
}

/* ---- what happens ---- */

static void send_some(struct fixture *f) {
  static const char *const keys[] = {"a", "b", "c"};
  static char padding[3000];
  char text[sizeof padding + 64], name[16];
  struct told *m = &messages[messages_count];
  memset(padding, 'x', sizeof padding);
  (void)snprintf(name, sizeof name, "n%u", messages_count);
  const int len = snprintf(text, sizeof text, "{\"id\":\"%s\"}%.*s", name,
                           chance(8) ? 0 : (int)chance(sizeof padding), padding);
  const unsigned kind = chance(8);
  const limpet_send_options how = {.promise = LIMPET_PROMISE_DURABLE,
                                   .message_id = name,
                                   .ttl_ms = kind == 0 ? 1 + chance(20) : 0,
                                   .replace_key = kind == 1 ? keys[chance(3)] : NULL};
  if (messages_count == MESSAGES ||
      limpet_send_text(f->client, text, (size_t)len, &how, &m->id) != LIMPET_OK)
    return; /* a disconnect is under way */
  m->may_drop = kind < 2;
  messages_count++;
}

static void restart(struct fixture *f, limpet_confirm confirm) {
  box_stop(f);
  make(f, confirm);
}

static void step(struct fixture *f, limpet_confirm confirm) {
  switch (chance(40)) {
  case 0:
    if (f->peer.link)
      peer_reset(&f->peer);
    break;
  case 1:
    box_peer_is_silent = !box_peer_is_silent;
    break;
  case 2:
    limpet_disconnect(f->client);
    break;
  case 3:
  case 4:
    limpet_connect(f->client);
    break;
  case 5:
    if (chance(4) == 0)
      restart(f, confirm);
    break;
  case 6:
    limpet_probe(f->client);
    break;
  case 7:
    world_pass(&f->world, chance(8));
    break;
  default:
    send_some(f);
    world_idle(&f->world, chance(3));
  }
}

static void check_ends(void) {
  for (unsigned i = 0; i < messages_count; i++) {
    const struct told *m = &messages[i];
    if (m->confirmed_count + m->dropped_count != 1 || m->stored_count != 1)
      fail_msg("message %u: stored %u, confirmed %u, dropped %u", i, m->stored_count,
               m->confirmed_count, m->dropped_count);
    assert_true(!m->confirmed_count || m->has_arrived);
    assert_true(m->confirmed_count || m->may_drop);
  }
}

static void run(uint64_t seed, limpet_confirm confirm) {
  struct fixture f;
  memset(messages, 0, sizeof messages);
  messages_count = newest_arrival = 0;
  chance_state = seed;
  make(&f, confirm);
  for (unsigned i = 0; i < STEPS; i++)
    step(&f, confirm);
  box_peer_is_silent = false;
  limpet_connect(f.client);
  assert_int_equal(limpet_flush(f.client, 60000, diary_flush, &f.diary), LIMPET_OK);
  world_until(&f.world, diary_has(&f.diary, "flush"));
  if (diary_has(&f.diary, "flush not_connected")) { /* the last disconnect was still under way */
    assert_int_equal(limpet_flush(f.client, 60000, diary_flush, &f.diary), LIMPET_OK);
    world_until(&f.world, diary_lines(&f.diary, "flush") == 2);
  }
  assert_true(diary_has(&f.diary, "flush ok"));
  assert_int_equal(box_waiting(&f), 0);
  check_ends();
  box_stop(&f);
  box_tear_down(NULL);
  assert_int_equal(box_set_up(NULL), 0);
}

static void every_message_comes_to_one_end(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    print_message("seed %u\n", (unsigned)seed);
    run(seed, seed % 2 ? LIMPET_CONFIRM_ACK : LIMPET_CONFIRM_BARRIER);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(every_message_comes_to_one_end, box_set_up, box_tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
