#include "failure.h"
#include "words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

struct verdict_case {
  struct failure failure;
  bool was_open, reconnect;
  enum failure_verdict verdict;
};

#define KIND(name)                                                                                 \
  { .kind = FAILURE_##name }
#define STATUS(status)                                                                             \
  { .kind = FAILURE_HTTP_STATUS, .http_status = (status) }
#define CLOSED_BY(code)                                                                            \
  { .kind = FAILURE_CLOSED_BY_PEER, .close_code = (code) }

static void verdicts_are_those_of_the_contract(void **state) {
  (void)state;
  static const struct verdict_case cases[] = {
      {KIND(DNS), false, true, VERDICT_BACK_OFF},
      {KIND(NETWORK_UNREACHABLE), false, true, VERDICT_BACK_OFF},
      {KIND(CONNECT_REFUSED), false, true, VERDICT_BACK_OFF},
      {KIND(CONNECT_TIMEOUT), false, true, VERDICT_BACK_OFF},
      {KIND(TLS), false, true, VERDICT_BACK_OFF},
      {KIND(TLS_VERIFY), true, true, VERDICT_GIVE_UP},
      {KIND(PROXY), false, true, VERDICT_BACK_OFF},
      {KIND(CONNECTION_LOST), true, true, VERDICT_BACK_OFF},
      {KIND(HEARTBEAT_TIMEOUT), true, true, VERDICT_BACK_OFF},
      {KIND(HANDSHAKE), false, true, VERDICT_BACK_OFF},
      {KIND(PROTOCOL), true, true, VERDICT_BACK_OFF},
      {KIND(MESSAGE_TOO_BIG), true, true, VERDICT_GIVE_UP},
      {KIND(INVALID_ARGUMENT), false, true, VERDICT_GIVE_UP},
      {KIND(NO_MEMORY), true, true, VERDICT_BACK_OFF},
      {KIND(SYSTEM), true, true, VERDICT_BACK_OFF},
      /* an unusable URL, a subprotocol not offered */
      {{.kind = FAILURE_HANDSHAKE, .is_final = true}, true, true, VERDICT_GIVE_UP},
      {STATUS(200), false, true, VERDICT_BACK_OFF},
      {STATUS(299), false, true, VERDICT_BACK_OFF},
      {STATUS(300), true, true, VERDICT_GIVE_UP},
      {STATUS(301), true, true, VERDICT_GIVE_UP},
      {STATUS(399), true, true, VERDICT_GIVE_UP},
      {STATUS(400), true, true, VERDICT_GIVE_UP},
      {STATUS(401), true, true, VERDICT_GIVE_UP},
      {STATUS(403), true, true, VERDICT_GIVE_UP},
      {STATUS(404), false, true, VERDICT_GIVE_UP},
      {STATUS(404), true, true, VERDICT_BACK_OFF},
      {STATUS(408), false, true, VERDICT_BACK_OFF},
      {STATUS(425), false, true, VERDICT_BACK_OFF},
      {STATUS(429), false, true, VERDICT_BACK_OFF},
      {STATUS(499), false, true, VERDICT_GIVE_UP},
      {STATUS(500), false, true, VERDICT_BACK_OFF},
      {STATUS(503), false, true, VERDICT_BACK_OFF},
      {CLOSED_BY(1000), true, true, VERDICT_BACK_OFF},
      {CLOSED_BY(1000), true, false, VERDICT_GIVE_UP},
      {CLOSED_BY(1001), true, true, VERDICT_BACK_OFF},
      {CLOSED_BY(1001), true, false, VERDICT_GIVE_UP},
      {CLOSED_BY(1002), true, false, VERDICT_BACK_OFF},
      {CLOSED_BY(1003), true, true, VERDICT_GIVE_UP},
      {CLOSED_BY(1005), true, true, VERDICT_BACK_OFF},
      {CLOSED_BY(1006), true, true, VERDICT_BACK_OFF},
      {CLOSED_BY(1007), true, true, VERDICT_GIVE_UP},
      {CLOSED_BY(1008), true, true, VERDICT_GIVE_UP},
      {CLOSED_BY(1009), true, true, VERDICT_GIVE_UP},
      {CLOSED_BY(1010), true, true, VERDICT_GIVE_UP},
      {CLOSED_BY(1011), true, true, VERDICT_BACK_OFF},
      {CLOSED_BY(1012), true, true, VERDICT_BACK_OFF},
      {CLOSED_BY(1013), true, true, VERDICT_BACK_OFF},
      {CLOSED_BY(3999), true, true, VERDICT_BACK_OFF},
      {CLOSED_BY(4000), true, true, VERDICT_GIVE_UP},
      {CLOSED_BY(4099), true, true, VERDICT_GIVE_UP},
      {CLOSED_BY(4100), true, true, VERDICT_BACK_OFF},
      /* a code that we sent is not the peer's last word */
      {{.kind = FAILURE_PROTOCOL, .close_code = 1007}, true, true, VERDICT_BACK_OFF},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    const struct verdict_case *c = &cases[i];
    if (failure_verdict(&c->failure, c->was_open, c->reconnect) != c->verdict)
      fail_msg("case %zu: kind %s, status %u, code %u", i, failure_kind_name(c->failure.kind),
               c->failure.http_status, c->failure.close_code);
  }
}

static void every_kind_has_its_name_and_sentence(void **state) {
  (void)state;
  static const struct {
    enum failure_kind kind;
    const char *name, *sentence;
  } cases[] = {
      {FAILURE_DNS, "dns", "Connection error"},
      {FAILURE_NETWORK_UNREACHABLE, "network_unreachable", "Connection error"},
      {FAILURE_CONNECT_REFUSED, "connect_refused", "Connection error"},
      {FAILURE_CONNECT_TIMEOUT, "connect_timeout", "Connection error"},
      {FAILURE_TLS, "tls", "Connection error"},
      {FAILURE_PROXY, "proxy", "Connection error"},
      {FAILURE_CONNECTION_LOST, "connection_lost", "Connection error"},
      {FAILURE_HEARTBEAT_TIMEOUT, "heartbeat_timeout", "Connection lost"},
      {FAILURE_TLS_VERIFY, "tls_verify", "Certificate not trusted"},
      {FAILURE_HTTP_STATUS, "http_status", "WebSocket error"},
      {FAILURE_HANDSHAKE, "handshake", "WebSocket error"},
      {FAILURE_PROTOCOL, "protocol", "WebSocket error"},
      {FAILURE_CLOSED_BY_PEER, "closed_by_peer", "WebSocket error"},
      {FAILURE_MESSAGE_TOO_BIG, "message_too_big", "WebSocket error"},
      {FAILURE_GAVE_UP, "gave_up", "Gave up reconnecting"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_string_equal(failure_kind_name(cases[i].kind), cases[i].name);
    assert_string_equal(failure_sentence(cases[i].kind), cases[i].sentence);
  }
  for (int kind = FAILURE_NONE + 1; kind < FAILURE_COUNT; kind++) {
    assert_true(failure_kind_name((enum failure_kind)kind)[0] >= 'a');
    assert_true(failure_sentence((enum failure_kind)kind)[0] >= 'A');
  }
  assert_string_equal(failure_kind_name(FAILURE_COUNT), "?");
  assert_string_equal(failure_sentence((enum failure_kind)99), "?");
}

static void words_have_names(void **state) {
  (void)state;
  static const char *const states[] = {"CLOSED",       "CONNECTING",   "CONNECTED",
                                       "DISCONNECTED", "RECONNECTING", "WAITING_FOR_NETWORK",
                                       "ERROR",        "FAILED"};
  static const char *const reasons[] = {"none",       "connect",   "opened",  "lost",
                                        "retry",      "critical",  "gave_up", "network_down",
                                        "network_up", "disconnect"};
  static const char *const fates[] = {"queued", "stored", "written", "confirmed", "dropped"};
  static const char *const drops[] = {"none",         "overflow", "expired",   "replaced",
                                      "disconnected", "cleared",  "not_stored", "duplicate"};
  assert_int_equal(COUNT(states), STATE_COUNT);
  assert_int_equal(COUNT(reasons), REASON_COUNT);
  for (int i = 0; i < (int)COUNT(states); i++)
    assert_string_equal(session_state_name((enum session_state)i), states[i]);
  for (int i = 0; i < (int)COUNT(reasons); i++)
    assert_string_equal(session_reason_name((enum session_reason)i), reasons[i]);
  for (int i = 0; i < (int)COUNT(fates); i++)
    assert_string_equal(session_fate_name((enum session_fate)i), fates[i]);
  for (int i = 0; i < (int)COUNT(drops); i++)
    assert_string_equal(session_drop_name((enum session_drop)i), drops[i]);
  assert_string_equal(session_state_name(STATE_COUNT), "?");
  assert_string_equal(session_reason_name((enum session_reason)99), "?");
  assert_string_equal(session_fate_name((enum session_fate)99), "?");
  assert_string_equal(session_drop_name((enum session_drop)99), "?");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(verdicts_are_those_of_the_contract),
      cmocka_unit_test(every_kind_has_its_name_and_sentence),
      cmocka_unit_test(words_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
