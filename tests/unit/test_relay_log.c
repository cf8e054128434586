/* How values from the network stand in a log line. */
#include "log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_values(void **state) {
  (void)state;
  static const struct {
    const char *value, *shown;
  } cases[] = {
      {"tea", "tea"},
      {"/a/b.c-d_e:8", "/a/b.c-d_e:8"},
      {"", "\"\""},
      {"a b", "\"a b\""},
      {"a=b", "\"a=b\""},
      {"a\nb", "\"a\\x0ab\""},
      {"say \"x\"", "\"say \\x22x\\x22\""},
      {"\xC3\xA4", "\"\\xc3\\xa4\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char out[LOG_VALUE_CAP];
    assert_string_equal(log_value(cases[i].value, out), cases[i].shown);
  }
}

static void test_long_values_are_cut(void **state) {
  (void)state;
  char value[2000], out[LOG_VALUE_CAP];
  memset(value, '"', sizeof value - 1);
  value[sizeof value - 1] = '\0';
  assert_in_range(strlen(log_value(value, out)), LOG_VALUE_CAP / 2, LOG_VALUE_CAP - 1);
  assert_int_equal(out[strlen(out) - 1], '"');
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_long_values_are_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
