/* Scripts: the same seed gives the same one, a text gives it back, and bad lines are named. */
#include "world_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_CAP 20000

static struct script script, other;
static char error[SCRIPT_ERROR_CAP];

static bool read_text(const char *text) {
  FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
  assert_non_null(file);
  const bool is_read = world_script_read(&other, file, error);
  (void)fclose(file);
  return is_read;
}

static void print(const struct script *what, char *text) {
  FILE *file = fmemopen(text, TEXT_CAP, "w");
  assert_non_null(file);
  world_script_print(what, file);
  (void)fclose(file);
}

static void a_text_gives_the_script_back(void **state) {
  static char text[TEXT_CAP], again[TEXT_CAP];
  (void)state;
  for (uint64_t seed = 0; seed < 200; seed++) {
    world_script_draw(&script, seed, 100);
    print(&script, text);
    assert_true(read_text(text));
    assert_int_equal(other.ops_count, 100);
    print(&other, again);
    assert_string_equal(text, again);
    for (uint32_t i = 0; i < 100; i++) {
      assert_int_equal(script.ops[i].kind, other.ops[i].kind);
      assert_true(world_op_is_valid(&script.ops[i]));
    }
  }
}

static void seeds_differ(void **state) {
  static char text[TEXT_CAP], again[TEXT_CAP];
  (void)state;
  world_script_draw(&script, 1, 50);
  print(&script, text);
  world_script_draw(&script, 2, 50);
  print(&script, again);
  assert_string_not_equal(text, again);
  world_script_draw(&script, 1, 50);
  print(&script, again);
  assert_string_equal(text, again);
}

static void a_text_by_hand(void **state) {
  (void)state;
  assert_true(read_text("# two lines\n\n  set confirm 2 # ack\nset max-retries 3\n"
                        "connect\nsend 30 0 luck 5\n\twait 1500\n"));
  assert_int_equal(other.settings.session.confirm, CONFIRM_ACK);
  assert_int_equal(other.settings.session.backoff.max_retries, 3);
  assert_int_equal(other.ops_count, 3);
  assert_int_equal(other.ops[1].a, 30);
  assert_int_equal(other.ops[1].luck, 5);
  assert_int_equal(other.ops[2].a, 1500);
}

static void bad_lines_are_named(void **state) {
  static const char *const texts[] = {
      "wait 5\nfly 3\n",           "wait 5\nwait\n",
      "wait 5\nwait -1\n",         "wait 5\nwait 5 5\n",
      "wait 5\nwait 5 luck\n",     "wait 5\nwait 5 luck 1 1\n",
      "wait 5\nwait 20001\n",      "wait 5\nset\n",
      "wait 5\nset confirm\n",     "wait 5\nset confirm 3\n",
      "wait 5\nset confirm x\n",   "wait 5\nset nothing 1\n",
      "wait 5\nset confirm 1 1\n", "wait 5\nwait 99999999999999999999999\n",
  };
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    assert_false(read_text(texts[i]));
    assert_memory_equal(error, "line 2: ", 8);
  }
}

static void too_much_is_refused(void **state) {
  static char text[SCRIPT_OPS_MAX * 8 + 100];
  (void)state;
  for (uint32_t i = 0; i <= SCRIPT_OPS_MAX; i++)
    memcpy(text + (size_t)i * 6, "clear\n", 7);
  assert_false(read_text(text));
  assert_non_null(strstr(error, "no room"));
  memset(text, 'x', 300);
  text[300] = '\0';
  assert_false(read_text(text));
  assert_non_null(strstr(error, "too long"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_text_gives_the_script_back),
      cmocka_unit_test(seeds_differ),
      cmocka_unit_test(a_text_by_hand),
      cmocka_unit_test(bad_lines_are_named),
      cmocka_unit_test(too_much_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
