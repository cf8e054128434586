#include "status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NOW UINT64_MAX

struct text_case {
  struct status_facts facts;
  const char *text;
};

static void texts_are_those_of_the_contract(void **state) {
  (void)state;
  static const struct text_case cases[] = {
      {{STATE_CLOSED, 0, 10, 0, NOW, FAILURE_NONE}, "⬜ Not connected"},
      {{STATE_CONNECTING, 0, 10, 0, NOW, FAILURE_NONE}, "🟡 Connecting"},
      {{STATE_CONNECTED, 0, 10, 0, NOW, FAILURE_NONE}, "🟢 Connected (0s)"},
      {{STATE_CONNECTED, 0, 10, 45999, NOW, FAILURE_NONE}, "🟢 Connected (45s)"},
      {{STATE_CONNECTED, 0, 10, 59999, NOW, FAILURE_NONE}, "🟢 Connected (59s)"},
      {{STATE_CONNECTED, 0, 10, 60000, NOW, FAILURE_NONE}, "🟢 Connected (1m 0s)"},
      {{STATE_CONNECTED, 0, 10, 125000, NOW, FAILURE_NONE}, "🟢 Connected (2m 5s)"},
      {{STATE_CONNECTED, 0, 10, 3600000, NOW, FAILURE_NONE}, "🟢 Connected (1h 0m)"},
      {{STATE_CONNECTED, 0, 10, 11045000, NOW, FAILURE_NONE}, "🟢 Connected (3h 4m)"},
      {{STATE_CONNECTED, 0, 10, 360000000, NOW, FAILURE_NONE}, "🟢 Connected (100h 0m)"},
      {{STATE_DISCONNECTED, 0, 10, 0, NOW, FAILURE_DNS}, "🔴 Disconnected"},
      {{STATE_RECONNECTING, 3, 10, 0, 4000, FAILURE_DNS},
       "🟡 Reconnecting (attempt 3 of 10, in 4s)"},
      {{STATE_RECONNECTING, 3, 10, 0, 3001, FAILURE_DNS},
       "🟡 Reconnecting (attempt 3 of 10, in 4s)"},
      {{STATE_RECONNECTING, 3, 10, 0, 125000, FAILURE_DNS},
       "🟡 Reconnecting (attempt 3 of 10, in 2m 5s)"},
      {{STATE_RECONNECTING, 3, 10, 0, 0, FAILURE_DNS},
       "🟡 Reconnecting (attempt 3 of 10, in 0s)"},
      {{STATE_RECONNECTING, 3, 10, 0, NOW, FAILURE_DNS}, "🟡 Reconnecting (attempt 3 of 10)"},
      {{STATE_RECONNECTING, 3, UINT32_MAX, 0, NOW, FAILURE_DNS}, "🟡 Reconnecting (attempt 3)"},
      {{STATE_RECONNECTING, 3, UINT32_MAX, 0, 2000, FAILURE_DNS},
       "🟡 Reconnecting (attempt 3, in 2s)"},
      {{STATE_RECONNECTING, 0, 10, 0, 30, FAILURE_DNS}, "🟡 Reconnecting (in 1s)"},
      {{STATE_RECONNECTING, 0, 10, 0, NOW, FAILURE_DNS}, "🟡 Reconnecting"},
      {{STATE_WAITING_FOR_NETWORK, 3, 10, 0, NOW, FAILURE_DNS}, "🔴 Waiting for network"},
      {{STATE_ERROR, 0, 10, 0, NOW, FAILURE_TLS_VERIFY}, "⚠️ Certificate not trusted"},
      {{STATE_ERROR, 0, 10, 0, NOW, FAILURE_HTTP_STATUS}, "⚠️ WebSocket error"},
      {{STATE_FAILED, 10, 10, 0, NOW, FAILURE_GAVE_UP}, "⚠️ Gave up after 10 attempts"},
      {{STATE_FAILED, 1, 1, 0, NOW, FAILURE_GAVE_UP}, "⚠️ Gave up after 1 attempt"},
      {{STATE_COUNT, 1, 1, 0, NOW, FAILURE_NONE}, "? ?"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char text[STATUS_TEXT_CAP];
    const size_t len = status_text(&cases[i].facts, true, text, sizeof text);
    assert_string_equal(text, cases[i].text);
    assert_int_equal(len, strlen(text));
    status_text(&cases[i].facts, false, text, sizeof text);
    assert_string_equal(text, strchr(cases[i].text, ' ') + 1);
  }
}

/* What does not fit is left out at the edge of a word; no character is cut. */
static void a_short_buffer_is_never_overrun(void **state) {
  (void)state;
  const struct status_facts facts = {STATE_RECONNECTING, UINT32_MAX, UINT32_MAX - 1, 0,
                                     UINT64_MAX - 1,     FAILURE_DNS};
  char whole[STATUS_TEXT_CAP];
  const size_t whole_len = status_text(&facts, true, whole, sizeof whole);
  for (size_t cap = 0; cap <= whole_len + 1; cap++) {
    char text[STATUS_TEXT_CAP];
    memset(text, 'x', sizeof text);
    const size_t len = status_text(&facts, true, text, cap);
    assert_true(cap == 0 ? len == 0 : len < cap);
    assert_memory_equal(text, whole, len);
    assert_int_equal(text[cap], 'x');
    if (cap)
      assert_int_equal(text[len], '\0');
    assert_true((text[len] & 0xc0) != 0x80);
    assert_int_equal(len == whole_len, cap == whole_len + 1);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_those_of_the_contract),
      cmocka_unit_test(a_short_buffer_is_never_overrun),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
