/* Following a WebSocket's frames: the place of the cut, however the bytes are split. */
#include "frames.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char request[] = "GET /a\r\r\n\r HTTP/1.1\r\nA: b\r\n\r\n";
static const char response[] = "HTTP/1.1 101 Fine\r\n\r\n";

static uint8_t stream[4096];

static size_t put_head(const char *head) {
  memcpy(stream, head, strlen(head));
  return strlen(head);
}

static size_t put_frame(size_t at, size_t payload_len, bool is_masked) {
  static const uint8_t key[4] = {1, 2, 3, 4};
  at += frame_write_header(stream + at, FRAME_FIN | FRAME_BINARY, payload_len,
                           is_masked ? key : NULL);
  memset(stream + at, 'x', payload_len);
  return at + payload_len;
}

/* Where the stream is cut, fed in pieces of `step` bytes; FRAMES_NO_CUT: nowhere. */
static size_t cut_at(bool is_response, size_t len, size_t step, uint64_t cut_frame) {
  struct frames frames;
  frames_init(&frames, is_response);
  for (size_t at = 0; at < len; at += step) {
    const size_t part = len - at < step ? len - at : step;
    const size_t before = frames_follow(&frames, stream + at, part, cut_frame);
    if (before != FRAMES_NO_CUT)
      return at + before;
  }
  return FRAMES_NO_CUT;
}

static void check(bool is_response, size_t len, uint64_t cut_frame, size_t wanted) {
  for (size_t step = 1; step <= len; step++)
    assert_int_equal(cut_at(is_response, len, step, cut_frame), wanted);
}

static void test_middle(void **state) {
  (void)state;
  static const size_t sizes[] = {1, 2, 3, 125, 126, 700};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    size_t len = put_frame(put_head(response), 10, false);
    len = put_frame(len, 0, false); /* without payload: not counted */
    const size_t header_len = sizes[i] < 126 ? 2 : 4;
    const size_t wanted = len + header_len + sizes[i] / 2;
    len = put_frame(put_frame(len, sizes[i], false), 5, false);
    check(true, len, 2, wanted);
    check(true, len, 4, FRAMES_NO_CUT);
    check(true, len, 0, FRAMES_NO_CUT);
  }
}

static void test_masked(void **state) {
  (void)state;
  size_t len = put_head(request);
  const size_t wanted = len + 6 + 10;
  len = put_frame(len, 20, true);
  check(false, len, 1, wanted);
}

static void test_no_websocket(void **state) {
  (void)state;
  static const char *const heads[] = {"HTTP/1.1 200 OK\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
                                      "\x16\x03"};
  for (size_t i = 0; i < 3; i++) {
    size_t len = put_head(heads[i]);
    len = put_frame(len, 20, false);
    check(true, len, 1, FRAMES_NO_CUT);
  }
}

static void test_bad_header(void **state) {
  (void)state;
  size_t len = put_head(response);
  memcpy(stream + len, "\x82\x7E\x00\x05", 4); /* not the shortest form */
  len = put_frame(len + 4, 20, false);
  check(true, len, 1, FRAMES_NO_CUT);
}

static void test_endless_head(void **state) {
  (void)state;
  struct frames frames;
  frames_init(&frames, true);
  memset(stream, 'a', sizeof stream);
  put_head("HTTP/1.1 101 ");
  for (int i = 0; i < 17; i++)
    (void)frames_follow(&frames, stream, sizeof stream, 1);
  assert_int_equal(frames.phase, FRAMES_NONE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_middle),       cmocka_unit_test(test_masked),
      cmocka_unit_test(test_no_websocket), cmocka_unit_test(test_bad_header),
      cmocka_unit_test(test_endless_head),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
