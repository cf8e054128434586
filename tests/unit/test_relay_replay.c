/*
 * Replay then live, in one process: speakers that never pause, listeners that come and go with the
 * number that they saw last. Each listener must see every number once, in order.
 */
#include "net_rig.h"
#include "relay.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct listener_end {
  struct world *world;
  struct link *link; /* NULL: gone */
  int64_t seen;      /* the last number */
  int64_t replayed;  /* as told, -1: not yet on this link */
  unsigned count, acks_count, errors_count, joined_count;
  char last_code[32];
};

struct world {
  struct rig rig;
  struct relay_options options;
  struct relay *relay;
  struct link_settings links;
  bool is_stopped;
};

static const char *const urls = "ws://%s/ws?conversation_id=tea&user_id=%s";

static void world_init(struct world *world) {
  char detail[RELAY_DETAIL_CAP];
  memset(world, 0, sizeof *world);
  rig_init(&world->rig);
  rig_start_ticking(&world->rig);
  relay_options_init(&world->options);
  world->options.listen = "127.0.0.1:0";
  world->options.is_quiet = true;
  world->options.rate = 0;
  world->options.admit_rate = 0;
  world->links = rig_settings();
  if (relay_new(world->rig.loop, &world->options, &world->relay, detail) != RELAY_STARTED)
    fail_msg("%s", detail);
}

static void on_stopped(void *user, bool is_clean) {
  struct world *world = user;
  assert_true(is_clean);
  world->is_stopped = true;
}

static void world_deinit(struct world *world) {
  relay_stop(world->relay, on_stopped, world);
  rig_until(&world->rig, &world->is_stopped);
  rig_deinit(&world->rig);
}

/* ---- a client ---- */

static void on_opened(struct link *link, const char *subprotocol) {
  struct listener_end *end = link_user(link);
  (void)subprotocol;
  end->joined_count++;
}

static void take_number(struct listener_end *end, const json_t *root) {
  const int64_t number = json_integer_value(json_object_get(root, "sequence_number"));
  if (end->seen >= 0 && number != end->seen + 1)
    fail_msg("%lld came after %lld", (long long)number, (long long)end->seen);
  end->seen = number;
  end->count++;
}

static void on_message(struct link *link, uint8_t opcode, const uint8_t *data, size_t len) {
  struct listener_end *end = link_user(link);
  json_t *root = json_loadb((const char *)data, len, 0, NULL);
  const char *type = json_string_value(json_object_get(root, "type"));
  assert_int_equal(opcode, FRAME_TEXT);
  assert_non_null(type);
  if (strcmp(type, "message") == 0) {
    take_number(end, root);
  } else if (strcmp(type, "replayed") == 0) {
    end->replayed = json_integer_value(json_object_get(root, "sequence_number"));
    assert_int_equal(end->replayed, end->seen);
  } else if (strcmp(type, "ack") == 0) {
    end->acks_count++;
  } else {
    assert_string_equal(type, "error");
    end->errors_count++;
    (void)snprintf(end->last_code, sizeof end->last_code, "%s",
                   json_string_value(json_object_get(root, "code")));
    if (json_object_get(root, "sequence_number"))
      end->seen = json_integer_value(json_object_get(root, "sequence_number"));
  }
  json_decref(root);
}

static void on_pong(struct link *link, const uint8_t *data, size_t len) {
  (void)link, (void)data, (void)len;
}

static void on_ended(struct link *link, const struct link_end *last) {
  struct listener_end *end = link_user(link);
  (void)last;
  end->link = NULL;
}

static const struct link_events events = {
    .opened = on_opened, .message = on_message, .pong = on_pong, .ended = on_ended};

static void try_join(struct world *world, struct listener_end *end, const char *user,
                     int64_t after) {
  char url[200];
  const char *address = strstr(relay_address(world->relay), "://") + 3;
  int len = snprintf(url, sizeof url, urls, address, user);
  if (after >= 0)
    (void)snprintf(url + len, sizeof url - (size_t)len, "&after=%lld", (long long)after);
  end->world = world;
  end->seen = after;
  end->replayed = -1;
  end->link = link_dial(world->rig.loop, &world->links, &events, end, url);
}

static void join(struct world *world, struct listener_end *end, const char *user, int64_t after) {
  try_join(world, end, user, after);
  assert_non_null(end->link);
}

static void until_joined(struct world *world, const struct listener_end *end, unsigned count) {
  while (end->joined_count < count)
    rig_turn(&world->rig);
}

static void leave(struct listener_end *end) {
  if (end->link)
    link_abort(end->link);
  end->link = NULL;
}

static void speak(struct listener_end *end, unsigned number, size_t len) {
  char text[4096];
  const int head =
      snprintf(text, sizeof text, "{\"type\":\"message\",\"id\":\"m%u\",\"plaintext\":\"", number);
  memset(text + head, 'x', len);
  memcpy(text + (size_t)head + len, "\"}", 3);
  if (end->link && link_is_open(end->link))
    assert_true(link_write(end->link, FRAME_TEXT, text, strlen(text), NULL));
}

/* ---- the tests ---- */

static uint32_t chance(uint32_t *seed, uint32_t below) {
  *seed = *seed * 1664525 + 1013904223;
  return (*seed >> 8) % below;
}

/* Listeners leave after a random number of turns, also in the midst of a replay, and come back. */
static void run_storm(uint32_t seed) {
  enum { LISTENERS = 5, TURNS = 400, EACH = 3 };
  struct world world;
  struct listener_end speaker = {0}, listeners[LISTENERS] = {{0}};
  unsigned spoken = 0;
  world_init(&world);
  join(&world, &speaker, "speaker", -1);
  until_joined(&world, &speaker, 1);
  for (size_t i = 0; i < LISTENERS; i++)
    join(&world, &listeners[i], "listener", 0);
  for (int turn = 0; turn < TURNS; turn++) {
    for (int i = 0; i < EACH; i++)
      speak(&speaker, ++spoken, chance(&seed, 1000));
    struct listener_end *chosen = &listeners[chance(&seed, LISTENERS)];
    if (chance(&seed, 8) == 0) {
      leave(chosen);
      join(&world, chosen, "listener", chosen->seen);
    }
    uv_run(&world.rig.uv, UV_RUN_NOWAIT);
  }
  while (speaker.acks_count < spoken)
    rig_turn(&world.rig);
  for (size_t i = 0; i < LISTENERS; i++) {
    while (listeners[i].seen < spoken)
      rig_turn(&world.rig);
    assert_int_equal(listeners[i].count, spoken);
    assert_int_equal(listeners[i].errors_count, 0);
    leave(&listeners[i]);
  }
  assert_int_equal(speaker.count, spoken); /* its own messages come back to it */
  leave(&speaker);
  world_deinit(&world);
}

static void test_storm(void **state) {
  (void)state;
  for (uint32_t seed = 1; seed <= 5; seed++)
    run_storm(seed);
}

/* The more a replay has to bring, the more pages it takes; new messages pour in all the while. */
static void test_long_replay(void **state) {
  (void)state;
  enum { BEFORE = 3000, DURING = 500 };
  struct world world;
  struct listener_end speaker = {0}, late = {0};
  world_init(&world);
  join(&world, &speaker, "speaker", -1);
  until_joined(&world, &speaker, 1);
  for (unsigned i = 1; i <= BEFORE; i++)
    speak(&speaker, i, 500); /* 1.5 MB: more than the backlog that a live reader may have */
  while (speaker.acks_count < BEFORE)
    rig_turn(&world.rig);
  join(&world, &late, "late", 0);
  for (unsigned i = 1; i <= DURING; i++) {
    speak(&speaker, BEFORE + i, 500);
    uv_run(&world.rig.uv, UV_RUN_NOWAIT);
  }
  while (late.seen < BEFORE + DURING)
    rig_turn(&world.rig);
  assert_int_equal(late.count, BEFORE + DURING);
  assert_in_range(late.replayed, BEFORE, BEFORE + DURING);
  leave(&late);
  leave(&speaker);
  world_deinit(&world);
}

/* A reader that pauses in its replay gets the rest when it goes on; nothing piles up meanwhile. */
static void test_paused_replay(void **state) {
  (void)state;
  enum { COUNT = 4000 };
  struct world world;
  struct listener_end speaker = {0}, slow = {0};
  world_init(&world);
  join(&world, &speaker, "speaker", -1);
  until_joined(&world, &speaker, 1);
  for (unsigned i = 1; i <= COUNT; i++)
    speak(&speaker, i, 3000); /* 12 MB: more than the kernel's buffers hold */
  while (speaker.acks_count < COUNT)
    rig_turn(&world.rig);
  join(&world, &slow, "slow", 0);
  until_joined(&world, &slow, 1);
  link_pause(slow.link, true);
  for (int i = 0; i < 300; i++)
    uv_run(&world.rig.uv, UV_RUN_NOWAIT);
  assert_true(slow.seen < COUNT);
  link_pause(slow.link, false);
  while (slow.replayed < 0)
    rig_turn(&world.rig);
  assert_int_equal(slow.count, COUNT);
  leave(&slow);
  leave(&speaker);
  world_deinit(&world);
}

static void test_number_from_elsewhere(void **state) {
  (void)state;
  struct world world;
  struct listener_end speaker = {0}, odd = {0};
  world_init(&world);
  join(&world, &speaker, "speaker", -1);
  until_joined(&world, &speaker, 1);
  join(&world, &odd, "odd", 17);
  while (odd.replayed < 0)
    rig_turn(&world.rig);
  assert_string_equal(odd.last_code, "unknown_sequence_number");
  assert_int_equal(odd.replayed, 0);
  speak(&speaker, 1, 3);
  while (odd.count < 1)
    rig_turn(&world.rig);
  assert_int_equal(odd.seen, 1);
  leave(&odd);
  leave(&speaker);
  world_deinit(&world);
}

/* Whatever allocation fails while a replay begins, also when it has something to tell: it is
   closed, or comes to its end. */
static void test_no_memory(void **state) {
  (void)state;
  enum { ALLOCATIONS_MAX = 40 };
  struct world world;
  world_init(&world);
  for (long n = 1; n <= ALLOCATIONS_MAX; n++) {
    struct listener_end odd = {0};
    world.rig.memory.fail_at = world.rig.memory.taken + n;
    try_join(&world, &odd, "odd", 17);
    while (odd.link && odd.replayed < 0)
      rig_turn(&world.rig);
    world.rig.memory.fail_at = 0;
    leave(&odd);
  }
  world_deinit(&world);
}

/* A stop in the midst of all this leaves nothing behind, and every message read has its ack. */
static void test_stop_in_the_midst(void **state) {
  (void)state;
  for (int turns = 0; turns < 40; turns += 3) {
    struct world world;
    struct listener_end speaker = {0}, late = {0};
    world_init(&world);
    join(&world, &speaker, "speaker", -1);
    until_joined(&world, &speaker, 1);
    for (unsigned i = 1; i <= 1000; i++)
      speak(&speaker, i, 500);
    join(&world, &late, "late", 0);
    for (int i = 0; i < turns; i++)
      uv_run(&world.rig.uv, UV_RUN_NOWAIT);
    world_deinit(&world);
    assert_null(speaker.link);
    assert_null(late.link);
    assert_true(speaker.acks_count >= late.count);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_storm),         cmocka_unit_test(test_long_replay),
      cmocka_unit_test(test_paused_replay), cmocka_unit_test(test_number_from_elsewhere),
      cmocka_unit_test(test_no_memory),     cmocka_unit_test(test_stop_in_the_midst),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
