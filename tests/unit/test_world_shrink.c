/* A bug is planted: an acknowledgement is taken for one of everything. The world that finds it
   becomes short, stays the same bug, and is found again from its text alone. */
#include "worlds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS_MAX 1000
#define TEXT_CAP 20000

static struct worlds worlds;
static bool is_planted;

bool __real_session_acked(struct session *s, uint64_t now_ms, uint32_t epoch, const char *id,
                          size_t id_len);
bool __wrap_session_acked(struct session *s, uint64_t now_ms, uint32_t epoch, const char *id,
                          size_t id_len);

/* The linker puts it between the worlds and the session. */
bool __wrap_session_acked(struct session *s, uint64_t now_ms, uint32_t epoch, const char *id,
                          size_t id_len) {
  const struct session_message *head = s->queue.in_flight;
  const struct session_message *newest = head ? head->previous : NULL;
  if (is_planted && newest && memcmp(id, "nobody", 6) != 0)
    return __real_session_acked(s, now_ms, epoch, newest->message_id, newest->message_id_len);
  return __real_session_acked(s, now_ms, epoch, id, id_len);
}

static void find_a_seed_that_fails(void) {
  is_planted = true;
  for (uint64_t seed = 1; seed <= SEEDS_MAX; seed++)
    if (!worlds_play_seed(&worlds, seed, WORLD_OPS))
      return;
  fail_msg("no seed up to %d finds the bug", SEEDS_MAX);
}

static void what_fails_becomes_short(void **state) {
  (void)state;
  find_a_seed_that_fails();
  assert_non_null(worlds.result.broken);
  assert_int_equal(worlds.shrunk_from, WORLD_OPS);
  assert_in_range(worlds.script.ops_count, 1, WORLD_OPS / 6);
  assert_in_range(worlds.tries, 2, 5001);
}

static void each_operation_left_is_needed(void **state) {
  struct play_result result;
  (void)state;
  find_a_seed_that_fails();
  const char *rule = worlds.result.broken;
  for (uint32_t left_out = 0; left_out < worlds.script.ops_count; left_out++) {
    worlds.spare = worlds.script;
    worlds.spare.ops_count--;
    memmove(worlds.spare.ops + left_out, worlds.spare.ops + left_out + 1,
            (worlds.spare.ops_count - left_out) * sizeof *worlds.spare.ops);
    world_play(&worlds.world, &worlds.spare, false, &result);
    assert_true(!result.broken || strcmp(result.broken, rule) != 0);
  }
}

static void its_text_breaks_the_same_rule(void **state) {
  static char text[TEXT_CAP];
  char error[SCRIPT_ERROR_CAP];
  struct play_result result;
  (void)state;
  find_a_seed_that_fails();
  FILE *file = fmemopen(text, sizeof text, "w+");
  assert_non_null(file);
  world_script_print(&worlds.script, file);
  rewind(file);
  assert_true(world_script_read(&worlds.spare, file, error));
  (void)fclose(file);
  world_play(&worlds.world, &worlds.spare, false, &result);
  assert_string_equal(result.broken, worlds.result.broken);
  assert_int_equal(result.at_ms, worlds.result.at_ms);
  is_planted = false;
  world_play(&worlds.world, &worlds.spare, false, &result);
  assert_null(result.broken);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(what_fails_becomes_short),
      cmocka_unit_test(each_operation_left_is_needed),
      cmocka_unit_test(its_text_breaks_the_same_rule),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
