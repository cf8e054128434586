/* The text for Prometheus. */
#include "metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_text(void **state) {
  (void)state;
  static const char *const lines[] = {
      "# TYPE limpet_relay_connections gauge\nlimpet_relay_connections 7\n",
      "limpet_relay_disconnects_total{reason=\"slow\"} 3\n",
      "limpet_relay_commit_latency_seconds_bucket{le=\"0.0005\"} 1\n",
      "limpet_relay_commit_latency_seconds_bucket{le=\"0.001\"} 2\n",
      "limpet_relay_commit_latency_seconds_bucket{le=\"2.5\"} 2\n",
      "limpet_relay_commit_latency_seconds_bucket{le=\"+Inf\"} 3\n",
      "limpet_relay_commit_latency_seconds_sum 9.001500\n",
      "limpet_relay_commit_latency_seconds_count 3\n",
  };
  struct metrics metrics = {.connections = 7};
  char text[METRICS_TEXT_CAP];
  metrics.ends[END_SLOW] = 3;
  metrics_note_latency(&metrics, 500);
  metrics_note_latency(&metrics, 1000);
  metrics_note_latency(&metrics, 9000000);
  const size_t len = metrics_write(&metrics, text);
  assert_int_equal(len, strlen(text));
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (!strstr(text, lines[i]))
      fail_msg("'%s' is not in:\n%s", lines[i], text);
}

/* With every number at its longest it still fits. */
static void test_longest_text(void **state) {
  (void)state;
  struct metrics metrics;
  char text[METRICS_TEXT_CAP];
  memset(&metrics, 0xFF, sizeof metrics);
  assert_in_range(metrics_write(&metrics, text), 1000, METRICS_TEXT_CAP - 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_text),
      cmocka_unit_test(test_longest_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
