/* Worlds: what can happen in them does happen, each fault shows, and the same script is the same
 * run. */
#include "worlds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct worlds worlds;

/* Plays a script as far as it goes; the world is left as it is then. */
static struct world *play_text(const char *text) {
  char error[SCRIPT_ERROR_CAP] = "";
  FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
  assert_non_null(file);
  assert_true(world_script_read(&worlds.script, file, error));
  (void)fclose(file);
  world_init(&worlds.world, &worlds.script.settings);
  for (uint32_t i = 0; i < worlds.script.ops_count; i++)
    world_op_do(&worlds.world, &worlds.script.ops[i]);
  assert_null(worlds.world.broken);
  return &worlds.world;
}

static enum session_state state_after(const char *text) {
  return play_text(text)->client.state;
}

static uint32_t stored_count(const struct world *w) {
  uint32_t count = 0;
  for (uint64_t number = 1; number < w->facts_count; number++)
    count += w->facts[number].is_safe;
  return count;
}

static void without_faults_all_is_well(void **state) {
  (void)state;
  const struct world *w = play_text("connect\nwait 100\nsend 10 0\nstore 10 0\nwait 100\n");
  assert_int_equal(w->client.state, STATE_CONNECTED);
  assert_int_equal(w->opened, 1);
  assert_int_equal(w->confirmed, 2);
  assert_int_equal(stored_count(w), 2);
  assert_int_equal(w->disk.count, 0);
}

/* Each fault alone, and where it leaves a client that was connected. */
static void each_fault_shows(void **state) {
  static const struct {
    const char *text;
    enum session_state state;
  } rows[] = {
      {"reset\nwait 30\n", STATE_RECONNECTING},
      {"close 1\nwait 30\n", STATE_RECONNECTING},
      {"close 7\nwait 30\n", STATE_ERROR},
      {"untrusted\nreset\nwait 2000\n", STATE_ERROR},
      {"status 4 0\nreset\nwait 2000\n", STATE_ERROR},
      {"refuse 5\nreset\nwait 2000\n", STATE_RECONNECTING},
      {"move\nwait 5\n", STATE_RECONNECTING},
      {"move\nwait 100\n", STATE_CONNECTED},
      {"network-away 1\n", STATE_CONNECTED},
      {"network-away 1\nreset\nwait 30\n", STATE_WAITING_FOR_NETWORK},
      {"network-away 1\nreset\nwait 30\nnetwork-back\nwait 100\n", STATE_CONNECTED},
      {"network-away 0\nwait 4500\n", STATE_RECONNECTING},
      {"freeze 1 10000\nwait 4500\n", STATE_RECONNECTING},
      {"vanish\nwait 3100\n", STATE_CONNECTED}, /* nobody has asked yet */
      {"vanish\nwait 4100\n", STATE_RECONNECTING},
      {"vanish\nprobe\nwait 600\n", STATE_RECONNECTING},
      {"pause 1\nvanish\nwait 10000\n", STATE_CONNECTED},
      {"kill-server 10000 0\nwait 30\n", STATE_RECONNECTING},
      {"kill-server 10000 1\nwait 30\n", STATE_CONNECTED},
      {"kill-server 10000 1\nwait 4500\n", STATE_RECONNECTING},
      {"restart-server 500\nwait 30\n", STATE_RECONNECTING},
      {"restart-server 500\nwait 10000\n", STATE_CONNECTED},
      {"hang-server 10000\nwait 4500\n", STATE_RECONNECTING},
      {"cut 0 10\nsend 50 0\nwait 30\n", STATE_RECONNECTING},
      {"cut 1 10\nsend 50 0\nwait 30\n", STATE_RECONNECTING},
      {"starve 1 1\nsend 50 0\nwait 30\n", STATE_RECONNECTING},
      {"stall 5000\n", STATE_CONNECTED},
      {"sleep 100000 0\nwait 100\n", STATE_CONNECTED},
      {"kill-client 100\nwait 50\n", STATE_CLOSED},
      {"kill-client 100\nwait 200\n", STATE_CONNECTED},
      {"disconnect\nwait 30\n", STATE_CLOSED},
      {"stop\nwait 30\n", STATE_CLOSED},
      {"stop\nwait 30\nstart\nwait 30\n", STATE_CONNECTED},
  };
  char text[200];
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    (void)snprintf(text, sizeof text, "connect\nwait 100\n%s", rows[i].text);
    if (state_after(text) != rows[i].state)
      fail_msg("%s: %s", rows[i].text, session_state_name(worlds.world.client.state));
  }
}

static void a_stored_message_survives_a_killed_client(void **state) {
  (void)state;
  const struct world *w = play_text("store 10 0\nwait 10\nkill-client 100\nwait 300\n");
  assert_int_equal(stored_count(w), 1);
  assert_int_equal(w->client.run, 2);
}

static void one_that_is_not_committed_is_lost_with_it(void **state) {
  (void)state;
  const struct world *w = play_text("set disk-delay 50\nstore 10 0\nkill-client 100\nwait 300\n");
  assert_int_equal(w->disk.count, 0);
  assert_true(w->facts[1].is_lost);
  assert_false(w->facts[1].was_accepted);
}

static void a_failing_disk_refuses(void **state) {
  (void)state;
  const struct world *w = play_text("fail-disk 1\nstore 10 0\nwait 10\n");
  assert_true(w->facts[1].is_lost);
  assert_false(w->facts[1].was_accepted);
}

/* Stored twice would be a repeat; read twice it is. */
static void a_forgotten_acknowledgement_repeats(void **state) {
  (void)state;
  const struct world *w = play_text("forget-acks 1\nconnect\nsend 10 0\nwait 1500\n");
  assert_int_equal(w->facts[1].reads, 2);
  assert_true(w->facts[1].is_confirmed);
}

static void the_wall_clock_decides_on_stored_messages(void **state) {
  (void)state;
  assert_int_equal(play_text("store 10 3000\nwait 10\n")->disk.count, 1);
  assert_int_equal(play_text("store 10 3000\nwait 10\nwall-clock 10 0\nwait 1\n")->disk.count, 0);
}

static void the_same_seed_is_the_same_run(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= 50; seed++) {
    assert_true(worlds_play_seed(&worlds, seed, WORLD_OPS));
    const struct play_result first = worlds.result;
    assert_true(worlds_play_seed(&worlds, seed, WORLD_OPS));
    assert_memory_equal(&first, &worlds.result, sizeof first);
  }
}

/* A check that never meets what it checks is none. */
static void much_happens(void **state) {
  (void)state;
  memset(&worlds, 0, sizeof worlds);
  for (uint64_t seed = 1; seed <= 300; seed++)
    assert_true(worlds_play_seed(&worlds, seed, WORLD_OPS));
  assert_true(worlds.sum.steps > 100 * worlds.count);
  assert_true(worlds.sum.opened > 2 * worlds.count);
  assert_true(worlds.sum.confirmed > worlds.count);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_faults_all_is_well),
      cmocka_unit_test(each_fault_shows),
      cmocka_unit_test(a_stored_message_survives_a_killed_client),
      cmocka_unit_test(one_that_is_not_committed_is_lost_with_it),
      cmocka_unit_test(a_failing_disk_refuses),
      cmocka_unit_test(a_forgotten_acknowledgement_repeats),
      cmocka_unit_test(the_wall_clock_decides_on_stored_messages),
      cmocka_unit_test(the_same_seed_is_the_same_run),
      cmocka_unit_test(much_happens),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
