#include "chat_banner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool is_shown(const struct chat_banner *b, uint64_t now_ms) {
  char text[CHAT_BANNER_CAP];
  const struct chat_banner_facts facts = {
      .state = LIMPET_RECONNECTING, .status = "Reconnecting", .last_error = ""};
  return chat_banner_text(b, &facts, now_ms, text);
}

static void it_comes_late_and_goes_at_once(void **state) {
  (void)state;
  struct chat_banner b = {.is_troubled = false};
  assert_false(is_shown(&b, 99999));
  chat_banner_note(&b, LIMPET_CONNECTING, 1000);
  assert_false(is_shown(&b, 1000 + CHAT_BANNER_DELAY_MS - 1));
  assert_true(is_shown(&b, 1000 + CHAT_BANNER_DELAY_MS));
  chat_banner_note(&b, LIMPET_CONNECTED, 5000);
  assert_false(is_shown(&b, 5000));
  chat_banner_note(&b, LIMPET_DISCONNECTED, 6000);
  chat_banner_note(&b, LIMPET_RECONNECTING, 6000);
  chat_banner_note(&b, LIMPET_WAITING_FOR_NETWORK, 7500); /* one trouble, from its beginning */
  assert_false(is_shown(&b, 7999));
  assert_true(is_shown(&b, 8000));
  chat_banner_note(&b, LIMPET_CLOSED, 9000); /* we are leaving */
  assert_false(is_shown(&b, 99999));
}

static void it_tells_what_is_wrong_and_what_waits(void **state) {
  (void)state;
  static const struct {
    limpet_state state;
    uint64_t waiting;
    const char *status, *last_error, *text;
  } cases[] = {
      {LIMPET_RECONNECTING, 0, "Reconnecting", "", "Reconnecting · Ctrl-R: try now"},
      {LIMPET_RECONNECTING, 1, "Reconnecting", "",
       "Reconnecting · 1 message will be sent · Ctrl-R: try now"},
      {LIMPET_RECONNECTING, 1, "Reconnecting", "refused",
       "Reconnecting · 1 message will be sent · Ctrl-R: try now · refused"},
      {LIMPET_CONNECTING, 2, "Connecting", "",
       "Not connected yet · 2 messages will be sent · Ctrl-R: try now"},
      {LIMPET_WAITING_FOR_NETWORK, 2, "Waiting for network", "",
       "Offline · 2 messages will be sent · Ctrl-R: try now"},
      {LIMPET_FAILED, 0, "Gave up after 10 attempts", "refused", "Gave up · Ctrl-R: try now"},
      {LIMPET_FAILED, 1, "Gave up after 10 attempts", "refused",
       "Gave up · 1 message waits · Ctrl-R: try now"},
      {LIMPET_ERROR, 3, "WebSocket error", "the server answered 403",
       "WebSocket error: the server answered 403 · 3 messages wait · Ctrl-R: try now"},
  };
  struct chat_banner b = {.is_troubled = false};
  chat_banner_note(&b, LIMPET_DISCONNECTED, 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[CHAT_BANNER_CAP];
    const struct chat_banner_facts facts = {.state = cases[i].state,
                                            .waiting = cases[i].waiting,
                                            .status = cases[i].status,
                                            .last_error = cases[i].last_error};
    assert_true(chat_banner_text(&b, &facts, CHAT_BANNER_DELAY_MS, text));
    assert_string_equal(text, cases[i].text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_comes_late_and_goes_at_once),
      cmocka_unit_test(it_tells_what_is_wrong_and_what_waits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
