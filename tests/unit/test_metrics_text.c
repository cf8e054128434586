/* The text for Prometheus: units, what is there only at times, what must never be there. */
#include "metrics_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char text[METRICS_TEXT_CAP];

static void write_text(const limpet_snapshot *snapshot, const char *url) {
  const size_t len = metrics_text_write(snapshot, 77, url, text);
  assert_int_equal(len, strlen(text));
}

static void has(const char *line) {
  char whole[256];
  (void)snprintf(whole, sizeof whole, "\n%s\n", line);
  if (!strstr(text, whole))
    fail_msg("the line '%s' is not in:\n%s", line, text);
}

static void test_numbers_and_units(void **state) {
  (void)state;
  const limpet_snapshot s = {
      .state = LIMPET_CONNECTED,
      .attempt = 2,
      .next_retry_at_ms = LIMPET_NEVER,
      .metrics = {.reconnects = 3,
                  .queued_messages = 4,
                  .queued_bytes = 5,
                  .connection_duration_ms = 45001,
                  .messages_in = 6,
                  .messages_out = 7,
                  .bytes_in = 8,
                  .bytes_out = UINT64_MAX,
                  .dropped = 9,
                  .downtime_ms = 1500,
                  .longest_outage_ms = 1,
                  .rtt_last_us = 250,
                  .rtt_min_us = 1,
                  .rtt_mean_us = 1000000,
                  .rtt_max_us = UINT32_MAX,
                  .outbox_messages = 10,
                  .outbox_bytes = 11},
  };
  static const char *const lines[] = {
      "limpet_client_connected 1",
      "limpet_client_state{state=\"CONNECTED\"} 1",
      "limpet_client_state{state=\"FAILED\"} 0",
      "limpet_client_attempt 2",
      "limpet_client_reconnects_total 3",
      "limpet_client_queued_messages 4",
      "limpet_client_queued_bytes 5",
      "limpet_client_connection_age_seconds 45.001",
      "limpet_client_messages_received_total 6",
      "limpet_client_messages_sent_total 7",
      "limpet_client_received_bytes_total 8",
      "limpet_client_sent_bytes_total 18446744073709551615",
      "limpet_client_dropped_messages_total 9",
      "limpet_client_downtime_seconds_total 1.500",
      "limpet_client_longest_outage_seconds 0.001",
      "limpet_client_round_trip_seconds{value=\"last\"} 0.000250",
      "limpet_client_round_trip_seconds{value=\"min\"} 0.000001",
      "limpet_client_round_trip_seconds{value=\"mean\"} 1.000000",
      "limpet_client_round_trip_seconds{value=\"max\"} 4294.967295",
      "limpet_client_outbox_messages 10",
      "limpet_client_outbox_bytes 11",
      "limpet_client_buffered_bytes 77",
      "# TYPE limpet_client_reconnects_total counter",
      "# TYPE limpet_client_queued_messages gauge",
  };
  write_text(&s, "ws://h/");
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    has(lines[i]);
}

static void test_what_is_there_only_at_times(void **state) {
  (void)state;
  limpet_snapshot s = {.state = LIMPET_CLOSED, .next_retry_at_ms = LIMPET_NEVER};
  write_text(&s, "ws://h/");
  assert_null(strstr(text, "next_retry"));
  assert_null(strstr(text, "round_trip"));
  assert_null(strstr(text, "last_error"));
  s = (limpet_snapshot){.state = LIMPET_RECONNECTING,
                        .now_ms = 1000,
                        .next_retry_at_ms = 1750,
                        .last_error = LIMPET_ERROR_CONNECT_REFUSED,
                        .last_error_retryable = true,
                        .last_error_detail = "connect to 192.0.2.1:80: Connection refused"};
  write_text(&s, "ws://h/");
  has("limpet_client_connected 0");
  has("limpet_client_next_retry_seconds 0.750");
  has("limpet_client_last_error_info{kind=\"connect_refused\",retryable=\"true\"} 1");
  s.now_ms = 2000; /* it is due */
  write_text(&s, "ws://h/");
  has("limpet_client_next_retry_seconds 0.000");
}

static void test_no_secrets(void **state) {
  (void)state;
  const limpet_snapshot s = {.next_retry_at_ms = LIMPET_NEVER};
  write_text(&s, "wss://ann:s3cr3t@h/p?token=s3cr3t&room=s3cr3t");
  assert_null(strstr(text, "s3cr3t"));
  assert_non_null(strstr(text, "h/p?token=***&room=***\"} 1\n"));
}

/* Whatever the URL is, the text stays one, and within its bounds. */
static void test_hard_urls(void **state) {
  (void)state;
  const limpet_snapshot s = {.next_retry_at_ms = LIMPET_NEVER};
  char url[8192];
  write_text(&s, "ws://h/a\"b\\c");
  assert_non_null(strstr(text, "url=\"ws://h/a\\\"b\\\\c\"} 1\n"));
  write_text(&s, "ws://h/a\nb\x01");
  assert_null(strstr(text, "a\nb"));
  assert_null(strchr(text, '\x01'));
  memset(url, '"', sizeof url);
  memcpy(url, "ws://h/", 7);
  url[sizeof url - 1] = '\0';
  write_text(&s, url);
  has("limpet_client_connected 0");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_numbers_and_units),
      cmocka_unit_test(test_what_is_there_only_at_times),
      cmocka_unit_test(test_no_secrets),
      cmocka_unit_test(test_hard_urls),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
