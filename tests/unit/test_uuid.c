/* UUID version 7: the fields of RFC 9562, section 5.7. */
#include "uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The example of RFC 9562, appendix A.6: the moment 0x017F22E279B0. */
#define EXAMPLE_MS INT64_C(1645557742000)

static void test_fields(void **state) {
  char text[NET_UUID_CAP];
  (void)state;
  for (int i = 0; i < 1000; i++) {
    assert_true(net_uuid7(EXAMPLE_MS, text));
    assert_int_equal(strlen(text), NET_UUID_CAP - 1);
    assert_memory_equal(text, "017f22e2-79b0-7", 15);
    assert_int_equal(text[18], '-');
    assert_non_null(strchr("89ab", text[19]));
    assert_int_equal(text[23], '-');
    assert_int_equal(strspn(text, "0123456789abcdef-"), NET_UUID_CAP - 1);
  }
}

static void test_differ_and_sort(void **state) {
  char first[NET_UUID_CAP], second[NET_UUID_CAP];
  (void)state;
  assert_true(net_uuid7(EXAMPLE_MS, first));
  assert_true(net_uuid7(EXAMPLE_MS, second));
  assert_string_not_equal(first, second);
  assert_true(net_uuid7(EXAMPLE_MS + 1, second));
  assert_true(strcmp(first, second) < 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_fields),
      cmocka_unit_test(test_differ_and_sort),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
