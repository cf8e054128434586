/* One request of HTTP, read whole, byte by byte, and cut at each place. */
#include "guard.h"
#include "reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define MAX_HEAD 400
#define MAX_BODY 20

struct reader_case {
  const char *in;
  enum http_read result;
  uint16_t status;      /* of BAD */
  const char *body;     /* of DONE */
  const char *sentence; /* of BAD: a part of it */
  const char *rest;     /* what is left behind the request, or NULL: nothing */
};

#define HOST "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST /a HTTP/1.1\r\n" HOST

static const struct reader_case cases[] = {
    {GET "\r\n", HTTP_READ_DONE, 0, "", NULL, NULL},
    {GET "\r\nGET /", HTTP_READ_DONE, 0, "", NULL, "GET /"},
    {"GET / HTTP/1.0\r\n\r\n", HTTP_READ_DONE, 0, "", NULL, NULL},
    {POST "Content-Length: 0\r\n\r\nx", HTTP_READ_DONE, 0, "", NULL, "x"},
    {POST "Content-Length: 5\r\n\r\nhello", HTTP_READ_DONE, 0, "hello", NULL, NULL},
    {POST "Content-Length: 5\r\n\r\nhelloGET", HTTP_READ_DONE, 0, "hello", NULL, "GET"},
    {POST "content-length:20\r\n\r\n01234567890123456789", HTTP_READ_DONE, 0,
     "01234567890123456789", NULL, NULL},
    {POST "Content-Length: 21\r\n\r\n", HTTP_READ_BAD, 413, NULL, "body is too long", NULL},
    {POST "Content-Length: 99999999999999999999999\r\n\r\n", HTTP_READ_BAD, 400, NULL, "overflow",
     NULL},
    {POST "Content-Length: x\r\n\r\n", HTTP_READ_BAD, 400, NULL, "Content-Length", NULL},
    {POST "Content-Length: -1\r\n\r\n", HTTP_READ_BAD, 400, NULL, "Content-Length", NULL},
    {POST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", HTTP_READ_BAD, 400, NULL,
     "Content-Length", NULL},
    {POST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", HTTP_READ_BAD, 400, NULL, "",
     NULL},
    {POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET", HTTP_READ_DONE, 0, "", NULL, "GET"},
    {POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n!", HTTP_READ_DONE,
     0, "abcde", NULL, "!"},
    {POST "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nTrailer: t\r\n\r\n", HTTP_READ_DONE, 0,
     "a", NULL, NULL},
    {POST "Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\nB\r\n01234567890", HTTP_READ_BAD,
     413, NULL, "body is too long", NULL},
    {POST "Transfer-Encoding: chunked\r\n\r\nzz\r\n", HTTP_READ_BAD, 400, NULL, "malformed", NULL},
    {POST "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", HTTP_READ_BAD, 400, NULL, "malformed",
     NULL},
    {POST "Transfer-Encoding:\r\n\r\n", HTTP_READ_BAD, 400, NULL, "Transfer-Encoding", NULL},
    {POST "Transfer-Encoding: ,\r\n\r\n", HTTP_READ_BAD, 400, NULL, "", NULL},
    {POST "Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", HTTP_READ_BAD, 400,
     NULL, "", NULL},
    {POST "Transfer-Encoding:\r\nContent-Length: 2\r\n\r\nab", HTTP_READ_BAD, 400, NULL, "", NULL},
    {POST "Transfer-Encoding: gzip\r\n\r\nabc", HTTP_READ_BAD, 400, NULL, "malformed", NULL},
    {GET "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", HTTP_READ_DONE, 0, "", NULL, NULL},
    {POST "Upgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nab", HTTP_READ_DONE, 0,
     "ab", NULL, NULL},
    {"GET / HTTP/1.1\r\n\r\n", HTTP_READ_BAD, 400, NULL, "no Host", NULL},
    {"POST / HTTP/1.1\r\n" HOST HOST "\r\n", HTTP_READ_BAD, 400, NULL, "twice: 'Host'", NULL},
    {"POST ftp://h/ HTTP/1.1\r\n" HOST "\r\n", HTTP_READ_BAD, 400, NULL, "target", NULL},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", HTTP_READ_BAD, 505, NULL, "", NULL},
    {"GET / HTTP/1.1\r\nHost : h\r\n\r\n", HTTP_READ_BAD, 400, NULL, "malformed", NULL},
    {"\x16\x03\x01\x02", HTTP_READ_BAD, 400, NULL, "malformed", NULL},
    {"GET /"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789"
     "0123456789012345678901234567890123456789012345678901234567890123456789",
     HTTP_READ_BAD, 414, NULL, "longer than 400 bytes", NULL},
    {GET "X: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n"
         "X: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n"
         "X: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n"
         "X: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n"
         "X: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n"
         "X: 0123456789012345678901234567890123456789012345678901234567890123456789\r\n",
     HTTP_READ_BAD, 431, NULL, "longer than 400 bytes", NULL},
    {POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", HTTP_READ_DONE, 0, "hello",
     NULL, NULL},
};

static const struct http_reader_options options = {
    .memory = &memory_default, .max_head = MAX_HEAD, .max_body = MAX_BODY};

/* Feeds a piece that ends at an unreadable page; what was not consumed counts in `*left`. */
static struct guard guard;

static enum http_read feed(struct http_reader *reader, const char *in, size_t len, size_t *left) {
  uint8_t *tail = guard_tail(&guard, len);
  size_t consumed = 0;
  memcpy(tail, in, len);
  const enum http_read result = http_reader_feed(reader, tail, len, &consumed);
  *left = len - consumed;
  return result;
}

static bool goes_on(enum http_read result) {
  return result == HTTP_READ_MORE || result == HTTP_READ_EXPECTED;
}

static void check(const struct reader_case *c, struct http_reader *reader, enum http_read result,
                  size_t left, const char *how) {
  const char *sentence = "";
  if (result != c->result)
    fail_msg("%s: %d instead of %d:\n%s", how, result, c->result, c->in);
  if (result == HTTP_READ_BAD) {
    const uint16_t status = http_reader_status(reader, &sentence);
    if (status != c->status || !strstr(sentence, c->sentence) || sentence[0] == '\0')
      fail_msg("%s: %u '%s':\n%s", how, status, sentence, c->in);
    return;
  }
  assert_int_equal(reader->body_len, strlen(c->body));
  if (reader->body_len > 0)
    assert_memory_equal(reader->body, c->body, reader->body_len);
  assert_string_equal(c->in + strlen(c->in) - left, c->rest ? c->rest : "");
}

static void run(const struct reader_case *c, size_t first, size_t step, const char *how) {
  struct http_reader *reader = http_reader_new(&options);
  enum http_read result = HTTP_READ_MORE;
  const size_t len = strlen(c->in);
  size_t at = 0, left = 0;
  while (at < len && goes_on(result)) {
    size_t piece = at == 0 && first > 0 ? first : step;
    if (piece > len - at)
      piece = len - at;
    result = feed(reader, c->in + at, piece, &left);
    at += piece;
  }
  check(c, reader, result, left + len - at, how);
  http_reader_free(reader);
}

static void test_requests(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    const size_t len = strlen(cases[i].in);
    run(&cases[i], 0, len, "whole");
    run(&cases[i], 0, 1, "byte by byte");
    for (size_t cut = 1; cut < len; cut++)
      run(&cases[i], cut, len, "cut");
  }
}

static void count_header(void *user, const char *name, const char *value) {
  (void)name, (void)value;
  ++*(unsigned *)user;
}

static void test_headers(void **state) {
  (void)state;
  static const char in[] = GET "X-A: one\r\nx-b:\r\nX-A: two\r\n\r\n";
  size_t left;
  struct http_reader *reader = http_reader_new(&options);
  unsigned count = 0;
  assert_null(http_reader_header(reader, "X-A"));
  http_reader_each_header(reader, count_header, &count);
  assert_int_equal(count, 0);
  assert_int_equal(feed(reader, in, sizeof in - 1, &left), HTTP_READ_DONE);
  assert_string_equal(http_reader_header(reader, "x-a"), "one");
  assert_string_equal(http_reader_header(reader, "X-B"), "");
  assert_string_equal(http_reader_header(reader, "HOST"), "h");
  assert_null(http_reader_header(reader, "X"));
  http_reader_each_header(reader, count_header, &count);
  assert_int_equal(count, 4);
  http_reader_free(reader);
  http_reader_free(NULL);
}

/* The client waits for 100 only if it has sent nothing of the body, and one of HTTP/1.0 never. */
static void test_expectation(void **state) {
  (void)state;
  static const char head[] = POST "Content-Length: 2\r\nExpect: 100-Continue\r\n\r\n";
  static const char old_head[] =
      "POST /a HTTP/1.0\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
  size_t left;
  struct http_reader *reader = http_reader_new(&options);
  assert_int_equal(feed(reader, head, sizeof head - 1, &left), HTTP_READ_EXPECTED);
  assert_int_equal(feed(reader, "a", 1, &left), HTTP_READ_MORE);
  assert_int_equal(feed(reader, "b", 1, &left), HTTP_READ_DONE);
  http_reader_free(reader);
  reader = http_reader_new(&options);
  assert_int_equal(feed(reader, old_head, sizeof old_head - 1, &left), HTTP_READ_MORE);
  http_reader_free(reader);
}

static void test_keeps_alive(void **state) {
  (void)state;
  static const struct {
    const char *in;
    bool keeps_alive;
  } table[] = {
      {GET "\r\n", true},
      {GET "Connection: close\r\n\r\n", false},
      {GET "Connection: x, Close\r\n\r\n", false},
      {"GET / HTTP/1.0\r\n\r\n", false},
      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
  };
  for (size_t i = 0; i < COUNT(table); i++) {
    size_t left;
    struct http_reader *reader = http_reader_new(&options);
    assert_int_equal(feed(reader, table[i].in, strlen(table[i].in), &left), HTTP_READ_DONE);
    assert_int_equal(http_reader_request(reader)->keeps_alive, table[i].keeps_alive);
    http_reader_free(reader);
  }
}

/* A body of one-byte chunks takes six times its length; who sends more than that sends nothing. */
static void test_frames_are_bounded(void **state) {
  (void)state;
  static const char head[] = POST "Transfer-Encoding: chunked\r\n\r\n1;";
  static char extension[64 * 1024];
  size_t left;
  struct http_reader *reader = http_reader_new(&options);
  memset(extension, 'x', sizeof extension);
  assert_int_equal(feed(reader, head, sizeof head - 1, &left), HTTP_READ_MORE);
  assert_int_equal(feed(reader, extension, sizeof extension, &left), HTTP_READ_BAD);
  http_reader_free(reader);
}

/* ---- without memory ---- */

static long allocations, fail_at;

static void *counted_alloc(size_t size, void *context) {
  (void)context;
  return ++allocations == fail_at ? NULL : malloc(size);
}

static void *counted_realloc(void *p, size_t size, void *context) {
  (void)context;
  return ++allocations == fail_at ? NULL : realloc(p, size);
}

static void counted_free(void *p, void *context) {
  (void)context;
  free(p);
}

static void test_without_memory(void **state) {
  (void)state;
  static const char in[] = POST "Content-Length: 5\r\n\r\nhello";
  const struct memory memory = {counted_alloc, counted_realloc, counted_free, NULL};
  struct http_reader_options poor = options;
  poor.memory = &memory;
  for (fail_at = 1; fail_at <= 3; fail_at++) { /* the reader, its headers, its body */
    const char *sentence;
    size_t left;
    allocations = 0;
    struct http_reader *reader = http_reader_new(&poor);
    assert_int_equal(reader != NULL, fail_at > 1);
    if (!reader)
      continue;
    assert_int_equal(feed(reader, in, sizeof in - 1, &left), HTTP_READ_BAD);
    assert_int_equal(http_reader_status(reader, &sentence), 503);
    http_reader_free(reader);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_requests),           cmocka_unit_test(test_headers),
      cmocka_unit_test(test_expectation),        cmocka_unit_test(test_keeps_alive),
      cmocka_unit_test(test_frames_are_bounded), cmocka_unit_test(test_without_memory),
  };
  guard_init(&guard, (size_t)64 * 1024);
  const int failed_count = cmocka_run_group_tests(tests, NULL, NULL);
  guard_deinit(&guard);
  return failed_count;
}
