/* Every failure has a sentence that says what to do. */
#include "check_advice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *advise(enum check_step step, limpet_error_kind kind, uint16_t status,
                          const char *detail) {
  const limpet_error error = {.kind = kind, .http_status = status, .detail = detail};
  return check_advice(step, &error);
}

static const struct {
  enum check_step step;
  limpet_error_kind kind;
  uint16_t status;
  const char *detail, *word;
} cases[] = {
    {CHECK_DNS, LIMPET_ERROR_DNS, 0, "", "spelling"},
    {CHECK_DNS, LIMPET_ERROR_CONNECT_TIMEOUT, 0, "", "name servers"},
    {CHECK_TCP, LIMPET_ERROR_CONNECT_TIMEOUT, 0, "", "firewall"},
    {CHECK_TLS, LIMPET_ERROR_CONNECT_TIMEOUT, 0, "", "ws://"},
    {CHECK_UPGRADE, LIMPET_ERROR_CONNECT_TIMEOUT, 0, "", "wss://"},
    {CHECK_TCP, LIMPET_ERROR_CONNECT_REFUSED, 0, "", "listens"},
    {CHECK_TLS, LIMPET_ERROR_CONNECTION_LOST, 0, "", "--cert"},
    {CHECK_HEARTBEAT, LIMPET_ERROR_CONNECTION_LOST, 0, "", "--on-open"},
    {CHECK_TLS, LIMPET_ERROR_TLS_VERIFY, 0, "certificate of h: certificate has expired", "new"},
    {CHECK_TLS, LIMPET_ERROR_TLS_VERIFY, 0, "certificate of h: hostname mismatch", "host name"},
    {CHECK_TLS, LIMPET_ERROR_TLS_VERIFY, 0, "certificate of h: IP address mismatch", "host name"},
    {CHECK_TLS, LIMPET_ERROR_TLS_VERIFY, 0, "certificate of h: certificate is not yet valid",
     "clock"},
    {CHECK_TLS, LIMPET_ERROR_TLS_VERIFY, 0,
     "certificate of h: unable to get local issuer certificate", "--cacert"},
    {CHECK_UPGRADE, LIMPET_ERROR_HTTP_STATUS, 200, "", "plain web server"},
    {CHECK_UPGRADE, LIMPET_ERROR_HTTP_STATUS, 301, "", "Redirects"},
    {CHECK_UPGRADE, LIMPET_ERROR_HTTP_STATUS, 401, "", "--token-file"},
    {CHECK_UPGRADE, LIMPET_ERROR_HTTP_STATUS, 404, "", "path"},
    {CHECK_UPGRADE, LIMPET_ERROR_HTTP_STATUS, 418, "", "--subprotocol"},
    {CHECK_UPGRADE, LIMPET_ERROR_HTTP_STATUS, 429, "", "later"},
    {CHECK_UPGRADE, LIMPET_ERROR_HTTP_STATUS, 503, "", "later"},
    {CHECK_UPGRADE, LIMPET_ERROR_HANDSHAKE, 0, "", "no WebSocket server"},
    {CHECK_HEARTBEAT, LIMPET_ERROR_HEARTBEAT_TIMEOUT, 0, "", "--heartbeat"},
    {CHECK_PROXY, LIMPET_ERROR_PROXY, 0, "", "proxy"},
    {CHECK_PROXY, LIMPET_ERROR_CONNECT_TIMEOUT, 0, "", "proxy"},
};

static void test_what_to_do(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *advice = advise(cases[i].step, cases[i].kind, cases[i].status, cases[i].detail);
    if (!strstr(advice, cases[i].word))
      fail_msg("'%s' says nothing of '%s'", advice, cases[i].word);
  }
}

/* Whatever kind, step and status come together, there is a whole sentence. */
static void test_there_is_always_a_sentence(void **state) {
  (void)state;
  for (int step = CHECK_DNS; step <= CHECK_HEARTBEAT; step++)
    for (int kind = LIMPET_ERROR_NONE; kind <= LIMPET_ERROR_SYSTEM; kind++)
      for (uint16_t status = 0; status <= 600; status = (uint16_t)(status + 100)) {
        const char *advice =
            advise((enum check_step)step, (limpet_error_kind)kind, status, "no reason");
        const size_t len = strlen(advice);
        assert_true(len > 10 && (advice[len - 1] == '.' || advice[len - 1] == ')'));
      }
}

static void test_names(void **state) {
  (void)state;
  assert_string_equal(check_step_name(CHECK_DNS), "dns");
  assert_string_equal(check_step_name(CHECK_ON_OPEN), "on_open");
  assert_string_equal(check_step_name(CHECK_HEARTBEAT), "heartbeat");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_to_do),
      cmocka_unit_test(test_there_is_always_a_sentence),
      cmocka_unit_test(test_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
