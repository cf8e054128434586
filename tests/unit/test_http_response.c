/* Response heads and error objects. */
#include "response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define WALL_S 784111777

static const char *const lines[] = {"X-A: b", NULL};
static const char *const bad_lines[] = {"X-A: b\r\nX-C: d", NULL};

static void test_heads(void **state) {
  (void)state;
  static const struct {
    struct http_response response;
    struct response_framing framing;
    const char *head;
  } cases[] = {
      {{.status = 200, .content_type = "text/plain", .body_len = 3},
       {WALL_S, true, false},
       "HTTP/1.1 200 OK\r\n" DATE "Content-Type: text/plain\r\nContent-Length: 3\r\n\r\n"},
      {{.status = 204, .headers = lines},
       {WALL_S, true, true},
       "HTTP/1.1 204 No Content\r\n" DATE "Connection: keep-alive\r\nX-A: b\r\n\r\n"},
      {{.status = 503, .headers = lines},
       {WALL_S, false, false},
       "HTTP/1.1 503 Service Unavailable\r\n" DATE
       "Connection: close\r\nContent-Length: 0\r\nX-A: b\r\n\r\n"},
      {{.status = 299},
       {WALL_S, true, false},
       "HTTP/1.1 299 Other\r\n" DATE "Content-Length: 0\r\n\r\n"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char out[512];
    const size_t len = response_write_head(&cases[i].response, &cases[i].framing, out, sizeof out);
    assert_string_equal(out, cases[i].head);
    assert_int_equal(len, strlen(cases[i].head));
    assert_int_equal(response_write_head(&cases[i].response, &cases[i].framing, out, len), 0);
    assert_int_equal(response_write_head(&cases[i].response, &cases[i].framing, out, 0), 0);
  }
}

/* An answer is never split by what stands in a header. */
static void test_lines_are_checked(void **state) {
  (void)state;
  char out[512];
  const struct http_response response = {.status = 200, .headers = bad_lines};
  const struct response_framing framing = {WALL_S, true, false};
  assert_int_equal(response_write_head(&response, &framing, out, sizeof out), 0);
}

static void test_errors(void **state) {
  (void)state;
  static const struct {
    const char *sentence, *text;
  } cases[] = {
      {"no", "{\"type\":\"error\",\"code\":\"c\",\"message\":\"no\"}\n"},
      {"a \"b\" \\ c", "{\"type\":\"error\",\"code\":\"c\",\"message\":\"a \\\"b\\\" \\\\ c\"}\n"},
      {"a\n\x80", "{\"type\":\"error\",\"code\":\"c\",\"message\":\"a??\"}\n"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char out[RESPONSE_ERROR_CAP];
    const size_t len = response_write_error("c", cases[i].sentence, out);
    assert_int_equal(len, strlen(cases[i].text));
    assert_memory_equal(out, cases[i].text, len);
  }
}

static void test_long_errors_are_cut(void **state) {
  (void)state;
  char sentence[3000], out[RESPONSE_ERROR_CAP];
  memset(sentence, '"', sizeof sentence - 1);
  sentence[sizeof sentence - 1] = '\0';
  const size_t len = response_write_error("c", sentence, out);
  assert_in_range(len, RESPONSE_ERROR_CAP / 2, RESPONSE_ERROR_CAP);
  assert_memory_equal(out + len - 5, "\\\"\"}\n", 5);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_heads),
      cmocka_unit_test(test_lines_are_checked),
      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_long_errors_are_cut),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
