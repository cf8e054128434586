/*
 * Long runs of a client with an outbox: cuts, silence, disconnects, restarts and a failing disk at
 * random, from a seed (the disk keeps its own time). When faults stop, every message has come to
 * one end; what was stored and neither fades nor may be replaced was confirmed and came in order;
 * and nothing is left. A run tells one end of a message; where the disk could not remove it the
 * next run may find it again.
 */
#include "client_box.h"
#include "disk.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MESSAGES = 400, STEPS = 1500, SEEDS = 12 };

struct told {
  uint64_t id; /* 0 until it is known */
  unsigned stored_count;
  unsigned ended_in; /* the run, 0: none yet */
  bool has_arrived, is_confirmed, was_refused;
  bool may_drop, is_durable;
};

static struct told messages[MESSAGES];
static unsigned messages_count, newest_arrival, runs_count;
static uint64_t chance_state;
static bool is_held, is_calm;

static unsigned chance(unsigned below) {
  chance_state = chance_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (unsigned)(chance_state >> 33) % below;
}

/* ---- both ends ---- */

/* Fates may come inside the call that sends the message. */
static struct told *find_told(uint64_t id) {
  unsigned i = 0;
  while (i < messages_count && messages[i].id != id)
    i++;
  if (i == messages_count)
    i--;
  assert_true(messages[i].id == id || messages[i].id == 0);
  messages[i].id = id;
  return &messages[i];
}

static void note_end(struct told *m, const limpet_fate_report *report) {
  assert_int_not_equal(m->ended_in, runs_count);
  m->ended_in = runs_count;
  m->is_confirmed |= report->fate == LIMPET_FATE_CONFIRMED;
  m->was_refused |= report->drop == LIMPET_DROP_NOT_STORED;
}

static void note_fate(limpet_client *client, const limpet_fate_report *report, void *user) {
  const struct diary *diary = user;
  struct told *m = find_told(report->id);
  (void)client;
  assert_false(diary->is_over);
  m->stored_count += report->fate == LIMPET_FATE_STORED;
  if (report->fate == LIMPET_FATE_CONFIRMED || report->fate == LIMPET_FATE_DROPPED)
    note_end(m, report);
}

static void be_ready(limpet_client *client, void *user) {
  (void)user;
  if (is_calm)
    limpet_ready(client);
}

static void (*acknowledge)(struct peer *peer, const char *text, size_t len);

/* First arrivals of what keeps its place rise. */
static void note_arrival(struct peer *peer, const char *text, size_t len) {
  const unsigned i = (unsigned)strtoul(text + strlen("{\"id\":\"n"), NULL, 10);
  assert_true(i < messages_count);
  if (!messages[i].has_arrived && !messages[i].may_drop && messages[i].is_durable) {
    if (i < newest_arrival)
      fail_msg("message %u after %u in run %u: stored %u, refused %d, ended in run %u", i,
               newest_arrival, runs_count, messages[i].stored_count, messages[i].was_refused,
               messages[i].ended_in);
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
  f->options.callbacks.on_open = be_ready;
  f->options.hold_until_ready = is_held;
  f->options.ready_timeout_ms = 10 + chance(50);
  f->options.queue_limit = 10;
  f->options.outbox_limit = 30 + chance(400);
  f->options.max_retries = LIMPET_RETRY_FOREVER;
  f->options.in_flight = 1 + chance(8);
  f->options.high_water = 1024;
  f->options.ack_timeout_ms = 1 + chance(20);
  runs_count++;
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
  const limpet_send_options how = {.promise =
                                       chance(5) ? LIMPET_PROMISE_DURABLE : LIMPET_PROMISE_QUEUE,
                                   .message_id = name,
                                   .ttl_ms = chance(8) ? 0 : 1 + chance(20),
                                   .replace_key = chance(6) ? NULL : keys[chance(3)]};
  if (messages_count == MESSAGES)
    return;
  m->is_durable = how.promise == LIMPET_PROMISE_DURABLE;
  m->may_drop = !m->is_durable || how.ttl_ms || how.replace_key;
  messages_count++;
  if (limpet_send_text(f->client, text, (size_t)len, &how, &m->id) != LIMPET_OK)
    messages_count--; /* a disconnect is under way, or the outbox is full */
}

static void heal_disk(void) {
  disk_set_room(UINT64_MAX);
  disk_fail(&(struct disk_fault){.at = 0});
}

static void fail_disk(void) {
  if (chance(2))
    disk_set_room(0);
  else
    disk_fail(&(struct disk_fault){
        .kinds = DISK_WRITE | DISK_SYNC, .at = 1 + chance(20), .code = SQLITE_IOERR_FSYNC});
}

static void restart(struct fixture *f, limpet_confirm confirm) {
  heal_disk();
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
  case 8:
    limpet_ready(f->client);
    break;
  case 9:
    if (chance(4) == 0)
      limpet_queue_clear(f->client);
    break;
  case 10:
    fail_disk();
    break;
  case 11:
  case 12:
    heal_disk();
    break;
  default:
    send_some(f);
    world_idle(&f->world, chance(3));
  }
}

static void check_ends(void) {
  for (unsigned i = 0; i < messages_count; i++) {
    const struct told *m = &messages[i];
    const bool was_stored = m->is_durable && !m->was_refused;
    if (!m->ended_in || m->stored_count != was_stored)
      fail_msg("message %u: stored %u, ended in run %u", i, m->stored_count, m->ended_in);
    assert_true(!m->is_confirmed || m->has_arrived);
    assert_true(m->is_confirmed || m->may_drop || m->was_refused);
  }
}

/* A disk that fails as it is told, for every file from here on. */
static void init_run(uint64_t seed) {
  memset(messages, 0, sizeof messages);
  messages_count = newest_arrival = runs_count = 0;
  chance_state = seed;
  is_held = seed % 3 == 0;
  is_calm = false;
  disk_reset(seed);
  assert_int_equal(sqlite3_vfs_register(sqlite3_vfs_find(DISK_NAME), 1), SQLITE_OK);
}

static void calm_down(struct fixture *f) {
  box_peer_is_silent = false;
  is_calm = true;
  heal_disk();
  limpet_ready(f->client);
  limpet_connect(f->client);
}

static void run(uint64_t seed, limpet_confirm confirm) {
  struct fixture f;
  init_run(seed);
  make(&f, confirm);
  for (unsigned i = 0; i < STEPS; i++)
    step(&f, confirm);
  calm_down(&f);
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
