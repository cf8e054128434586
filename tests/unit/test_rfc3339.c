#include "rfc3339.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void moments_are_read(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t ms; /* -1: refused */
  } cases[] = {
      {"1970-01-01T00:00:00Z", 0},
      {"1970-01-01T00:00:00.001Z", 1},
      {"2026-11-25T16:34:18.123Z", 1795624458123},
      {"2026-11-25t16:34:18.5z", 1795624458500},
      {"2026-11-25 16:34:18.12999999999999999999Z", 1795624458129},
      {"2026-11-25T17:34:18+01:00", 1795624458000},
      {"2026-11-25T11:04:18-05:30", 1795624458000},
      {"2000-02-29T12:00:00Z", 951825600000},
      {"2024-03-01T00:00:00Z", 1709251200000},
      {"2100-03-01T00:00:00Z", 4107542400000},
      {"2016-12-31T23:59:60Z", 1483228800000},
      {"2100-02-29T00:00:00Z", -1},
      {"2023-02-29T00:00:00Z", -1},
      {"2023-04-31T00:00:00Z", -1},
      {"2023-13-01T00:00:00Z", -1},
      {"2023-00-01T00:00:00Z", -1},
      {"2023-01-00T00:00:00Z", -1},
      {"1969-12-31T23:59:59Z", -1},
      {"2023-01-01T24:00:00Z", -1},
      {"2023-01-01T00:60:00Z", -1},
      {"2023-01-01T00:00:61Z", -1},
      {"2023-01-01T00:00:00", -1},
      {"2023-01-01T00:00:00.Z", -1},
      {"2023-01-01T00:00:00Zx", -1},
      {"2023-01-01T00:00Z", -1},
      {"2023-01-01", -1},
      {"2023-1-1T00:00:00Z", -1},
      {"2023-01-01T00:00:00+25:00", -1},
      {"now", -1},
      {"", -1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    int64_t ms = -1;
    const bool is_read = rfc3339_read(cases[i].text, &ms);
    if (is_read != (cases[i].ms >= 0) || (is_read && ms != cases[i].ms))
      fail_msg("%s: %lld", cases[i].text, (long long)ms);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(moments_are_read)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
