/* The grammar of faults: what is read, what it prints as, what is refused. */
#include "fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool parse(const char *text, struct command *command, char error[FAULT_ERROR_CAP]) {
  return command_parse(text, strlen(text), command, error);
}

static const struct {
  const char *text, *printed;
} fine[] = {
    {"refuse", "refuse"},
    {"refuse for 7%", "refuse for 7%"},
    {"reset", "reset"},
    {"reset for 100%", "reset"},
    {"reset after 0s", "reset after 0s"},
    {"close after 1500ms for 50%", "close after 1500ms for 50%"},
    {"freeze", "freeze both"},
    {"  freeze\t up \r", "freeze up"},
    {"delay 0.5s", "delay both 500ms"},
    {"delay down 2m jitter 1.25s", "delay down 120s jitter 1250ms"},
    {"delay 0ms jitter 7ms", "delay both 0s jitter 7ms"},
    {"delay 7ms jitter 0s", "delay both 7ms"},
    {"throttle up 64k", "throttle up 64000"},
    {"throttle 1.5Ki", "throttle both 1536"},
    {"truncate 0", "truncate both 0 then close"},
    {"truncate down 2M then reset", "truncate down 2000000 then reset"},
    {"cut", "cut both frame 1 then close"},
    {"cut up frame 3 then freeze for 1%", "cut up frame 3 then freeze for 1%"},
    {"corrupt", "corrupt both"},
    {"corrupt down at 0", "corrupt down at 0"},
    {"slow-loris up 1ms", "slow-loris up 1ms"},
    {"flap 1h 168h", "flap 3600s 604800s"},
    {"clear", "clear"},
    {"clear slow-loris", "clear slow-loris"},
};

static void test_reads_and_prints(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
    struct command command, again;
    char error[FAULT_ERROR_CAP] = "", text[FAULT_TEXT_CAP];
    if (!parse(fine[i].text, &command, error))
      fail_msg("'%s': %s", fine[i].text, error);
    command_print(&command, text);
    assert_string_equal(text, fine[i].printed);
    assert_true(parse(text, &again, error));
    command_print(&again, error);
    assert_string_equal(error, text);
  }
}

static const struct {
  const char *text, *error;
} bad[] = {
    {"", "a fault is missing"},
    {" \t", "a fault is missing"},
    {"freez", "there is no fault 'freez'"},
    {"Freeze", "there is no fault 'Freeze'"},
    {"clear all", "there is no fault 'all'"},
    {"clear freeze up", "'up' makes no sense"},
    {"refuse up", "'up' makes no sense"},
    {"reset after", "a time, as 250ms, 1.5s or 2m (7 days at most) is missing"},
    {"delay", "is missing"},
    {"delay 5", "'5' is not a time"},
    {"delay -5ms", "'-5ms' is not a time"},
    {"delay 1.0005s", "is not a time"},
    {"delay 0.5ms", "is not a time"},
    {"delay 1.s", "is not a time"},
    {"delay .5s", "is not a time"},
    {"delay 169h", "is not a time"},
    {"delay 99999999999999999999s", "is not a time"},
    {"delay 5ms jitter", "is missing"},
    {"delay 5ms 6ms", "'6ms' makes no sense"},
    {"throttle 0", "1 or more"},
    {"throttle 5kb", "'5kb' is not a size"},
    {"throttle 99999999999999999999999", "is not a size"},
    {"throttle 0.0005k", "is not a size"},
    {"truncate 5 then", "close, reset or freeze is missing"},
    {"cut frame 0", "1 or more"},
    {"slow-loris 0ms", "1ms or more"},
    {"flap 1s", "is missing"},
    {"flap 0s 1s", "1ms or more"},
    {"freeze for", "a part of the connections"},
    {"freeze for 0%", "'0%' is not a part"},
    {"freeze for 101%", "'101%' is not a part"},
    {"freeze for 5", "'5' is not a part"},
    {"freeze for 5%%", "'5%%' is not a part"},
    {"freeze for 10% up", "'up' makes no sense"},
    {"freeze \x1b[31m", "byte 8 is not printable"},
    {"a b c d e f g h i j k", "more or longer words"},
    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "more or longer words"},
};

static void test_refuses(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct command command;
    char error[FAULT_ERROR_CAP] = "";
    if (parse(bad[i].text, &command, error))
      fail_msg("'%s' was read", bad[i].text);
    if (!strstr(error, bad[i].error))
      fail_msg("'%s': %s", bad[i].text, error);
  }
}

static void test_bounds(void **state) {
  (void)state;
  struct command command;
  char error[FAULT_ERROR_CAP], line[512];
  memset(line, ' ', sizeof line);
  memcpy(line, "freeze", 6);
  assert_true(command_parse(line, 256, &command, error));
  assert_false(command_parse(line, 257, &command, error));
  assert_false(command_parse("freeze\0up", 9, &command, error));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_reads_and_prints),
      cmocka_unit_test(test_refuses),
      cmocka_unit_test(test_bounds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
