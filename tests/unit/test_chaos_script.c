/* Scripts as steps, and random steps from a seed. */
#include "script.h"
#include "wild.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool parse(const char *text, struct script *script, char error[SCRIPT_ERROR_CAP]) {
  return script_parse(&memory_default, text, strlen(text), script, error);
}

static void test_times(void **state) {
  (void)state;
  struct script script;
  const struct script_step *step = NULL;
  char error[SCRIPT_ERROR_CAP], text[FAULT_TEXT_CAP];
  assert_true(parse("# one\n\n1s freeze up # two\r\n+500ms clear\n1500ms reset\n", &script, error));
  assert_int_equal(script.count, 3);
  assert_int_equal(script_due_ms(&script, 0, &step), 1000);
  command_print(&step->command, text);
  assert_string_equal(text, "freeze up");
  assert_int_equal(script_due_ms(&script, 1, &step), 1500);
  assert_int_equal(script_due_ms(&script, 2, &step), 1500);
  assert_true(script_due_ms(&script, 3, &step) == UINT64_MAX);
  script_deinit(&memory_default, &script);
}

static void test_repeat(void **state) {
  (void)state;
  struct script script;
  const struct script_step *step;
  char error[SCRIPT_ERROR_CAP];
  assert_true(parse("1s freeze\n2s clear\n10s repeat", &script, error));
  static const uint64_t due_ms[] = {1000, 2000, 11000, 12000, 21000};
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(script_due_ms(&script, i, &step), due_ms[i]);
  assert_int_equal(script_due_ms(&script, 2000001, &step), 10000000000 + 2000);
  script_deinit(&memory_default, &script);
}

static void test_errors(void **state) {
  (void)state;
  static const struct {
    const char *text, *error;
  } cases[] = {
      {"", "there is no step in it"},
      {"# nothing\n\n", "there is no step in it"},
      {"1s clear\n\n# x\n0s clear\n", "line 4: the time is before"},
      {"x clear", "line 1: a line begins with a time"},
      {"+ clear", "line 1: a line begins with a time"},
      {"168h clear\n+1ms clear", "line 2: this comes more than 7 days"},
      {"1s", "line 1: a fault is missing"},
      {"0s repeat", "line 1: there is nothing to repeat"},
      {"0s clear\n0s repeat", "line 2: there is nothing to repeat"},
      {"0s clear\n1s repeat\n2s clear", "line 3: nothing may follow"},
      {"1s repeat now", "line 1: there is no fault 'repeat'"},
      {"0000000000000000000000000000000000000001s clear", "line 1: a line begins with a time"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct script script;
    char error[SCRIPT_ERROR_CAP] = "";
    assert_false(parse(cases[i].text, &script, error));
    assert_null(script.steps);
    if (!strstr(error, cases[i].error))
      fail_msg("'%s': %s", cases[i].text, error);
  }
}

static void print_step(const struct script_step *step, char text[FAULT_TEXT_CAP + 24]) {
  char time[24], command[FAULT_TEXT_CAP];
  fault_print_time(step->at_ms, time);
  command_print(&step->command, command);
  strcpy(text, time);
  strcat(strcat(text, " "), command);
}

/* What chance does can be written down, read as a script, and is the same. */
static void test_chance_replays(void **state) {
  (void)state;
  struct wild first, second;
  struct script_step step, same;
  unsigned kinds = 0, on_count = 0;
  wild_init(&first, 42);
  wild_init(&second, 42);
  for (int i = 0; i < 2000; i++) {
    struct script script;
    char text[FAULT_TEXT_CAP + 24], again[FAULT_TEXT_CAP + 24], error[SCRIPT_ERROR_CAP] = "";
    const uint64_t before_ms = first.at_ms;
    wild_next(&first, &step);
    wild_next(&second, &same);
    print_step(&step, text);
    print_step(&same, again);
    assert_string_equal(text, again);
    assert_true(step.at_ms > before_ms);
    if (!parse(text, &script, error))
      fail_msg("'%s': %s", text, error);
    print_step(&script.steps[0], again);
    assert_string_equal(again, text);
    script_deinit(&memory_default, &script);
    on_count =
        step.command.kind == COMMAND_CLEAR ? 0 : on_count + (step.command.kind == COMMAND_ADD);
    assert_true(on_count <= 3);
    if (step.command.kind != COMMAND_CLEAR)
      kinds |= 1U << step.command.fault.kind;
  }
  assert_int_equal(kinds, (1U << FAULT_KINDS_COUNT) - 1);
}

static void test_seeds_differ(void **state) {
  (void)state;
  struct wild wild;
  struct script_step first, second;
  wild_init(&wild, 1);
  wild_next(&wild, &first);
  wild_init(&wild, 2);
  wild_next(&wild, &second);
  assert_true(memcmp(&first, &second, sizeof first) != 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_times),        cmocka_unit_test(test_repeat),
      cmocka_unit_test(test_errors),       cmocka_unit_test(test_chance_replays),
      cmocka_unit_test(test_seeds_differ),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
