/*
 * The opening handshake, client and server. Each head is read whole, byte by byte and cut at every
 * place, each piece ending at an unreadable page; the outcome must be the same each time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"
#include "handshake.h"
#include "handshake_date.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define NOW_S 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define SIXTEEN "0123456789abcdef"
#define HUNDRED SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN SIXTEEN "wxyz"
/* Of a host of 253 bytes, the most that a name can have (RFC 1035 section 2.3.4). */
#define LONGEST_ORIGIN "https://" HUNDRED HUNDRED SIXTEEN SIXTEEN SIXTEEN ".test:65535"
#define THOUSAND HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED

static const uint8_t sample_nonce[] = "the sample nonce"; /* RFC 6455 section 1.3 */
static const char *const offered_subprotocols[] = {"chat", "superchat", NULL};

#define PLAIN_OFFER                                                                                \
  { false, false, 15, 15 }
static const struct deflate_params plain_offer = PLAIN_OFFER;
static const struct deflate_params tight_offer = {true, true, 10, 11};

/* ---- reading in pieces ---------------------------------------------------------------- */

static struct guard guard;

static int set_up(void **state) {
  (void)state;
  guard_init(&guard, 16384);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  guard_deinit(&guard);
  return 0;
}

/* The only copy at a time, ending at the unreadable page. */
static void *guarded_copy(const char *text, size_t len) {
  return memcpy(guard_tail(&guard, len), text, len);
}

struct reading {
  enum handshake_result (*feed)(void *reader, const uint8_t *in, size_t len, size_t *consumed);
  void *reader;
};

static enum handshake_result feed_piece(const struct reading *reading, const char *text, size_t len,
                                        size_t *consumed) {
  uint8_t *copy = guarded_copy(text, len);
  const enum handshake_result result = reading->feed(reading->reader, copy, len, consumed);
  assert_true(*consumed <= len);
  if (result == HANDSHAKE_MORE)
    assert_int_equal(*consumed, len);
  return result;
}

/* Reads `len` bytes: `first` of them in one piece, the rest in pieces of `step`. */
static enum handshake_result feed_all(const struct reading *reading, const char *text, size_t len,
                                      size_t first, size_t step, size_t *consumed) {
  enum handshake_result result = HANDSHAKE_MORE;
  size_t at = 0, piece = first, used = 0;
  while (at < len && result == HANDSHAKE_MORE) {
    piece = piece < len - at ? piece : len - at;
    result = feed_piece(reading, text + at, piece, &used);
    at += used;
    piece = step;
  }
  *consumed = at;
  if (result != HANDSHAKE_MORE) { /* sticks, and takes nothing more */
    assert_int_equal(feed_piece(reading, text, len, &used), result);
    assert_int_equal(used, 0);
  }
  return result;
}

static enum handshake_result feed_reader(void *reader, const uint8_t *in, size_t len,
                                         size_t *consumed) {
  return handshake_reader_feed(reader, in, len, consumed);
}

static enum handshake_result feed_server(void *server, const uint8_t *in, size_t len,
                                         size_t *consumed) {
  return handshake_server_feed(server, in, len, consumed);
}

static void assert_log_is_clean(const char *detail, size_t cap) {
  assert_non_null(memchr(detail, '\0', cap));
  for (; *detail != '\0'; detail++)
    assert_true(*detail >= 0x20 && *detail < 0x7F);
}

/* ---- the client's reading ---------------------------------------------------------------- */

#define SWITCHING "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
#define OPENING SWITCHING UPGRADE CONNECTION ACCEPT
#define PROTOCOL "Sec-WebSocket-Protocol: "
#define EXTENSIONS "Sec-WebSocket-Extensions: "
#define DEFLATE EXTENSIONS "permessage-deflate"
#define END "\r\n"
#define BUSY "HTTP/1.1 503 Service Unavailable\r\n"
#define NO_RETRY UINT64_MAX

struct response_case {
  const char *head;
  enum handshake_result result;
  const char *detail; /* a part of it; "" where there must be none */
  const char *subprotocol;
  const char *agreed; /* deflate: "" or server and client bits, with - for no takeover */
};

#define GOOD(head, subprotocol, agreed)                                                            \
  { head, HANDSHAKE_DONE, "", subprotocol, agreed }
#define BAD(head, detail)                                                                          \
  { head, HANDSHAKE_BAD, detail, "", "" }

/* Offered: subprotocols chat and superchat, permessage-deflate; client_max_window_bits */
static const struct response_case plain_cases[] = {
    GOOD(OPENING END, "", ""),
    GOOD("HTTP/1.1 101\r\n" UPGRADE CONNECTION ACCEPT END, "", ""),
    GOOD("HTTP/1.1 101 \r\n" UPGRADE CONNECTION ACCEPT END, "", ""),
    GOOD(SWITCHING "UPGRADE:WebSocket\r\nconnection:  keep-alive ,\tUPGRADE \r\n" ACCEPT END, "",
         ""),
    GOOD(SWITCHING UPGRADE "Connection: keep-alive\r\nConnection: upgrade\r\n" ACCEPT END, "", ""),
    GOOD(OPENING
         "Server: \xC3\xA9\tx\r\nEmpty:\r\nBlank: \t \r\nX-Long: " THOUSAND THOUSAND END END,
         "", ""),
    GOOD(OPENING "X-" THOUSAND THOUSAND ": x\r\n" END, "", ""),
    GOOD(OPENING "Content-Length: 5\r\n" END, "", ""),
    GOOD(OPENING PROTOCOL "superchat\r\n" END, "superchat", ""),
    GOOD("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\nUpgrade: x\r\n" END
             OPENING END,
         "", ""),
    GOOD(OPENING EXTENSIONS END END, "", ""),
    GOOD(OPENING DEFLATE END END, "", "15 15"),
    GOOD(OPENING EXTENSIONS " , permessage-deflate ,\r\n" END, "", "15 15"),
    GOOD(OPENING DEFLATE ";server_no_context_takeover ; client_no_context_takeover\r\n" END, "",
         "15- 15-"),
    GOOD(OPENING DEFLATE "; server_max_window_bits=8; client_max_window_bits=\"9\"\r\n" END, "",
         "8 9"),
    GOOD(OPENING DEFLATE "; client_max_window_bits=\"1\\0\"\r\n" END, "", "15 10"),
    BAD(SWITCHING CONNECTION ACCEPT END, "no Upgrade header"),
    BAD(SWITCHING "Upgrade: websockets\r\n" CONNECTION ACCEPT END, "Upgrade is not 'websocket'"),
    BAD(SWITCHING "Upgrade: h2c, websocket\r\n" CONNECTION ACCEPT END, "'h2c, websocket'"),
    BAD(SWITCHING "Upgrade:\r\n" CONNECTION ACCEPT END, "Upgrade is not 'websocket': ''"),
    BAD(OPENING UPGRADE END, "more than one Upgrade"),
    BAD(SWITCHING UPGRADE ACCEPT END, "Connection"),
    BAD(SWITCHING UPGRADE ACCEPT "Connection: keep-alive, upgraded\r\n" END, "Connection"),
    BAD(SWITCHING UPGRADE CONNECTION END, "no Sec-WebSocket-Accept"),
    BAD(SWITCHING UPGRADE CONNECTION "Sec-WebSocket-Accept:\r\n" END, "wrong Sec-WebSocket-Accept"),
    BAD(SWITCHING UPGRADE CONNECTION "Sec-WebSocket-Accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n" END,
        "wrong Sec-WebSocket-Accept: 's3pp"),
    BAD(OPENING ACCEPT END, "more than one Sec-WebSocket-Accept"),
    BAD(OPENING "Sec-WebSocket-Accept: " THOUSAND THOUSAND END END, "longer than 1023"),
    BAD("HTTP/1.0 101 Switching Protocols\r\n" UPGRADE CONNECTION ACCEPT END, "HTTP/1.0"),
    BAD(OPENING PROTOCOL "x\r\n" END, "not offered: 'x'"),
    BAD(OPENING PROTOCOL "Chat\r\n" END, "not offered: 'Chat'"),
    BAD(OPENING PROTOCOL "chat, superchat\r\n" END, "not offered"),
    BAD(OPENING PROTOCOL END END, "not offered"),
    BAD(OPENING PROTOCOL "chat\r\n" PROTOCOL "chat\r\n" END, "more than one"),
    BAD(OPENING EXTENSIONS "x-webkit-deflate-frame\r\n" END, "extension was not offered"),
    BAD(OPENING EXTENSIONS "Permessage-Deflate\r\n" END, "extension was not offered"),
    BAD(OPENING DEFLATE ", permessage-deflate\r\n" END, "answered twice"),
    BAD(OPENING DEFLATE END DEFLATE END END, "answered twice"),
    BAD(OPENING DEFLATE ", x\r\n" END, "extension was not offered"),
    BAD(OPENING DEFLATE "; x\r\n" END, "unknown parameter"),
    BAD(OPENING DEFLATE "; x=1; y=2\r\n" END, "unknown parameter"),
    BAD(OPENING DEFLATE "; server_no_context_takeover; server_no_context_takeover\r\n" END,
        "twice"),
    BAD(OPENING DEFLATE "; server_max_window_bits=9; server_max_window_bits=9\r\n" END, "twice"),
    BAD(OPENING DEFLATE "; client_no_context_takeover=1\r\n" END, "must not have a value"),
    BAD(OPENING DEFLATE "; server_max_window_bits\r\n" END, "without a value"),
    BAD(OPENING DEFLATE "; client_max_window_bits\r\n" END, "without a value"),
    BAD(OPENING DEFLATE "; server_max_window_bits=7\r\n" END, "8 to 15"),
    BAD(OPENING DEFLATE "; server_max_window_bits=16\r\n" END, "8 to 15"),
    BAD(OPENING DEFLATE "; server_max_window_bits=08\r\n" END, "8 to 15"),
    BAD(OPENING DEFLATE "; client_max_window_bits=1\r\n" END, "8 to 15"),
    BAD(OPENING DEFLATE "; client_max_window_bits=1/\r\n" END, "malformed"),
    BAD(OPENING DEFLATE "; client_max_window_bits=1!\r\n" END, "8 to 15"),
    BAD(OPENING DEFLATE "; client_max_window_bits=" HUNDRED END END, "8 to 15"),
    BAD(OPENING DEFLATE "; client_max_window_bits=\"" HUNDRED "\"\r\n" END, "8 to 15"),
    BAD(OPENING DEFLATE "; client_max_window_bits=\"8\r\n" END, "malformed"),
    BAD(OPENING DEFLATE "; client_max_window_bits=\"\"\r\n" END, "malformed"),
    BAD(OPENING DEFLATE "; client_max_window_bits=\"8 \"\r\n" END, "malformed"),
    BAD(OPENING DEFLATE "; client_max_window_bits=\"8\\\r\n" END, "malformed"),
    BAD(OPENING DEFLATE "; client_max_window_bits=\r\n" END, "malformed"),
    BAD(OPENING DEFLATE ";\r\n" END, "malformed"),
    BAD(OPENING DEFLATE " x\r\n" END, "malformed"),
    BAD(OPENING EXTENSIONS "=\r\n" END, "malformed"),
    /* several things wrong: the first is told, and a wrong subprotocol is then not the reason */
    BAD(SWITCHING "Upgrade: x\r\n" CONNECTION ACCEPT PROTOCOL "x\r\n" END, "Upgrade is not"),
    /* not HTTP */
    BAD("SSH-2.0-OpenSSH_9.2\r\n", "it began with 'S"),
    BAD("\x15\x03\x03", "control character"),
    BAD("{\"error\":1}", "malformed HTTP"),
    BAD("\r\nHTTP/1.1 101 x\r\n", "empty first line"),
    BAD(" HTTP/1.1 101 x\r\n", "blank"),
    BAD("HTTP/1.1 101 x\n", "control character"),
    BAD("HTTP/1.1 101 x\rUpgrade", "carriage return"),
    BAD("HTTP/1.1 101 x\x7F", "control character"),
    BAD("HTTP/1.1 20 x\r\n\r\n", ""),
    BAD("HTTP/1.1 099 x\r\n\r\n", ""),
    BAD("HTTP/1.1 1000 x\r\n\r\n", ""),
    BAD("HTTP/2.0 200 OK\r\n\r\n", "not an HTTP/1.1 status line"),
    BAD("HTTP/0.9 200 OK\r\n\r\n", "not an HTTP/1.1 status line"),
    BAD("HTTP/3.7 200 OK\r\n\r\n", "malformed HTTP"),
    BAD("HTTP 200\r\n", "malformed HTTP"),
    BAD(OPENING "X : y\r\n" END, ""),
    BAD(OPENING "X y: z\r\n" END, ""),
    BAD(OPENING ": z\r\n" END, ""),
    BAD(OPENING "X\r\n" END, ""),
    BAD(OPENING "X: y\r\n folded\r\n" END, "begins with a blank"),
    BAD(OPENING "X: y\r\n\tfolded\r\n" END, "begins with a blank"),
    BAD(OPENING "X: a\vb\r\n" END, "control character"),
    BAD(OPENING "\x01: a\r\n" END, "control character"),
    BAD(OPENING "\xC3: a\r\n" END, ""),
    BAD(OPENING "X: a\r\n\rX", "carriage return"),
};

/* Offered: permessage-deflate; server_no_context_takeover; client_no_context_takeover;
   server_max_window_bits=10; client_max_window_bits=11 */
static const struct response_case tight_cases[] = {
    GOOD(OPENING END, "", ""),
    GOOD(OPENING DEFLATE "; server_no_context_takeover; server_max_window_bits=10\r\n" END, "",
         "10- 11-"),
    GOOD(OPENING DEFLATE "; server_no_context_takeover; server_max_window_bits=9; "
                         "client_max_window_bits=11\r\n" END,
         "", "9- 11-"),
    BAD(OPENING DEFLATE "; server_no_context_takeover; server_max_window_bits=11\r\n" END,
        "server_max_window_bits above"),
    BAD(OPENING DEFLATE "; server_no_context_takeover; server_max_window_bits=10; "
                        "client_max_window_bits=12\r\n" END,
        "client_max_window_bits above"),
    BAD(OPENING DEFLATE "; server_max_window_bits=10\r\n" END, "server_no_context_takeover was"),
    BAD(OPENING DEFLATE "; server_no_context_takeover\r\n" END, "server_max_window_bits was"),
};

/* Nothing was offered */
static const struct response_case bare_cases[] = {
    GOOD(OPENING END, "", ""),
    BAD(OPENING PROTOCOL "chat\r\n" END, "subprotocol was not offered"),
    BAD(OPENING DEFLATE END END, "extension was not offered"),
};

static void describe_deflate(char *text, size_t cap, bool is_agreed,
                             const struct deflate_params *p) {
  text[0] = '\0';
  if (is_agreed)
    snprintf(text, cap, "%d%s %d%s", p->server_max_window_bits,
             p->server_no_context_takeover ? "-" : "", p->client_max_window_bits,
             p->client_no_context_takeover ? "-" : "");
}

static void check_response(const struct response_case *c, const struct handshake_reader *reader,
                           enum handshake_result result) {
  const struct handshake_response *response = handshake_reader_response(reader);
  char agreed[16];
  describe_deflate(agreed, sizeof agreed, response->deflate_agreed, &response->deflate);
  assert_log_is_clean(response->detail, sizeof response->detail);
  if (result != c->result || strstr(response->detail, c->detail) == NULL)
    fail_msg("result %d, detail '%s' for:\n%s", result, response->detail, c->head);
  assert_int_equal(response->detail[0] != '\0', result != HANDSHAKE_DONE);
  assert_string_equal(response->subprotocol, c->subprotocol);
  assert_string_equal(agreed, c->agreed);
  const bool is_final =
      result == HANDSHAKE_BAD && strstr(response->detail, "subprotocol was not offered") != NULL;
  assert_int_equal(response->is_final, is_final);
}

static void read_response(const struct response_case *c,
                          const struct handshake_request_options *options, size_t first,
                          size_t step) {
  static struct handshake_reader reader;
  const struct reading reading = {.feed = feed_reader, .reader = &reader};
  char text[8192];
  size_t consumed;
  const size_t head_len = strlen(c->head);
  memcpy(text, c->head, head_len);
  memcpy(text + head_len, "\x81\x02hi", 4); /* frames follow at once */
  memset(&reader, 0xA5, sizeof reader);
  handshake_reader_init(&reader, options, 8000, NOW_S);
  const enum handshake_result result =
      feed_all(&reading, text, head_len + 4, first, step, &consumed);
  check_response(c, &reader, result);
  if (result != HANDSHAKE_BAD)
    assert_int_equal(consumed, head_len);
}

static void read_responses(const struct response_case *cases, size_t count,
                           const struct handshake_request_options *options) {
  for (size_t i = 0; i < count; i++) {
    const size_t len = strlen(cases[i].head) + 4;
    read_response(&cases[i], options, 1, 1);
    for (size_t cut = 1; cut <= len; cut += len > 1000 && cut > 300 ? 37 : 1)
      read_response(&cases[i], options, cut, len);
  }
}

static void responses_are_read_strictly(void **state) {
  (void)state;
  struct handshake_request_options options = {
      .nonce = sample_nonce, .subprotocols = offered_subprotocols, .deflate = &plain_offer};
  read_responses(plain_cases, COUNT(plain_cases), &options);
  options.deflate = &tight_offer;
  read_responses(tight_cases, COUNT(tight_cases), &options);
  options.deflate = NULL;
  options.subprotocols = NULL;
  read_responses(bare_cases, COUNT(bare_cases), &options);
}

struct status_case {
  const char *head;
  uint16_t status;
  uint64_t retry_after_ms;
  const char *location, *detail;
};

static const struct status_case status_cases[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 200, NO_RETRY, "", "HTTP 200 OK"},
    {"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n"
     "Retry-After: 7\r\n\r\n",
     503, 7000, "", "HTTP 503 Busy"},
    {"HTTP/1.0 404 Not Found\r\n\r\n", 404, NO_RETRY, "", "HTTP 404 Not Found"},
    {"HTTP/1.1 401\r\nWWW-Authenticate: Basic\r\n\r\n", 401, NO_RETRY, "", "HTTP 401"},
    {"HTTP/1.1 999 \xE2\x82\xAC\\x\r\n\r\n", 999, NO_RETRY, "", "HTTP 999 \\xe2\\x82\\xac\\x5cx"},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n", 403, NO_RETRY, "",
     "HTTP 403 Forbidden"},
    {"HTTP/1.1 302 Found\r\nLocation: wss://u:p@h/x?token=secret\r\n\r\n", 302, NO_RETRY,
     "wss://u:p@h/x?token=secret", "HTTP 302 Found, Location: wss://***@h/x?token=***"},
    {"HTTP/1.1 200 OK\r\n" ACCEPT PROTOCOL "x\r\n" END, 200, NO_RETRY, "", "HTTP 200 OK"},
    {BUSY "Retry-After: 120\r\n" END, 503, 120000, "", "HTTP 503 Service Unavailable"},
    {BUSY "Retry-After: 0\r\n" END, 503, 0, "", "HTTP 503 Service Unavailable"},
    {BUSY "retry-after:\t7 \r\nRetry-After: 9\r\n" END, 503, 7000, "",
     "HTTP 503 Service Unavailable"},
    {BUSY "Retry-After: x\r\nRetry-After: 9\r\n" END, 503, 9000, "",
     "HTTP 503 Service Unavailable"},
    {BUSY "Retry-After: 99999999999999999999999999\r\n" END, 503, UINT64_C(3153600000000), "",
     "HTTP 503 Service Unavailable"},
    {BUSY "Retry-After: -1\r\n" END, 503, NO_RETRY, "", "HTTP 503 Service Unavailable"},
    {BUSY "Retry-After: 1.5\r\n" END, 503, NO_RETRY, "", "HTTP 503 Service Unavailable"},
    {BUSY "Retry-After:\r\n" END, 503, NO_RETRY, "", "HTTP 503 Service Unavailable"},
    {BUSY "Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n" END, 503, 60000, "",
     "HTTP 503 Service Unavailable"},
    {BUSY "Retry-After: Sunday, 06-Nov-94 08:49:38 GMT\r\n" END, 503, 1000, "",
     "HTTP 503 Service Unavailable"},
    {BUSY "Retry-After: Sun Nov  6 09:49:37 1994\r\n" END, 503, 3600000, "",
     "HTTP 503 Service Unavailable"},
    {BUSY "Retry-After: Sun, 06 Nov 1994 08:49:36 GMT\r\n" END, 503, 0, "",
     "HTTP 503 Service Unavailable"},
    {"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 5\r\n\r\n", 429, 5000, "",
     "HTTP 429 Too Many Requests"},
    {"HTTP/1.1 500 Internal Server Error\r\nRetry-After: 5\r\n\r\n", 500, NO_RETRY, "",
     "HTTP 500 Internal Server Error"},
};

static void read_status(const struct status_case *c, size_t first, size_t step) {
  static struct handshake_reader reader;
  const struct reading reading = {.feed = feed_reader, .reader = &reader};
  const struct handshake_request_options options = {.nonce = sample_nonce};
  size_t consumed;
  handshake_reader_init(&reader, &options, 1000, NOW_S);
  assert_int_equal(feed_all(&reading, c->head, strlen(c->head), first, step, &consumed),
                   HANDSHAKE_STATUS);
  assert_int_equal(consumed, strlen(c->head));
  const struct handshake_response *response = handshake_reader_response(&reader);
  assert_int_equal(response->status, c->status);
  assert_true(response->retry_after_ms == c->retry_after_ms);
  assert_string_equal(response->location, c->location);
  assert_string_equal(response->detail, c->detail);
  assert_log_is_clean(response->detail, sizeof response->detail);
}

static void refusals_are_understood(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(status_cases); i++) {
    const size_t len = strlen(status_cases[i].head);
    read_status(&status_cases[i], 1, 1);
    for (size_t cut = 1; cut <= len; cut++)
      read_status(&status_cases[i], cut, len);
  }
}

static void long_values_are_cut_and_logs_stay_bounded(void **state) {
  (void)state;
  static struct handshake_reader reader;
  const struct handshake_request_options options = {.nonce = sample_nonce};
  const char head[] = "HTTP/1.1 302 " HUNDRED "\xFF\xFF" HUNDRED "\r\nLocation: ws://h/" THOUSAND
                      "?t=secret\r\n\r\n";
  size_t consumed;
  handshake_reader_init(&reader, &options, 8000, NOW_S);
  assert_int_equal(
      handshake_reader_feed(&reader, (const uint8_t *)head, sizeof head - 1, &consumed),
      HANDSHAKE_STATUS);
  const struct handshake_response *response = handshake_reader_response(&reader);
  assert_int_equal(strlen(response->location), HANDSHAKE_VALUE_CAP - 1);
  assert_int_equal(strlen(response->detail), HANDSHAKE_DETAIL_CAP - 1);
  assert_log_is_clean(response->detail, sizeof response->detail);
}

/* An escape at the end of the detail is whole or not there. */
static void escapes_are_not_cut(void **state) {
  (void)state;
  static struct handshake_reader reader;
  const struct handshake_request_options options = {.nonce = sample_nonce};
  for (size_t pad = 0; pad < 4; pad++) {
    char head[512];
    size_t consumed;
    snprintf(head, sizeof head, "HTTP/1.1 500 %.*s%s\r\n\r\n", (int)pad, "aaaa",
             "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
             "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"
             "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF!");
    handshake_reader_init(&reader, &options, 8000, NOW_S);
    handshake_reader_feed(&reader, (const uint8_t *)head, strlen(head), &consumed);
    const char *detail = handshake_reader_response(&reader)->detail;
    assert_string_equal(detail + strlen(detail) - 4, "\\xff");
    assert_true(strlen(detail) > HANDSHAKE_DETAIL_CAP - 6);
  }
}

static void heads_are_bounded(void **state) {
  (void)state;
  static struct handshake_reader reader;
  const struct reading reading = {.feed = feed_reader, .reader = &reader};
  const struct handshake_request_options options = {.nonce = sample_nonce};
  const char head[] = OPENING END;
  const size_t len = sizeof head - 1;
  size_t consumed;
  for (size_t max = 1; max <= len; max++) {
    handshake_reader_init(&reader, &options, max, NOW_S);
    const enum handshake_result expected = max == len ? HANDSHAKE_DONE : HANDSHAKE_TOO_LONG;
    assert_int_equal(feed_all(&reading, head, len, len, len, &consumed), expected);
    handshake_reader_init(&reader, &options, max, NOW_S);
    assert_int_equal(feed_all(&reading, head, len, 1, 1, &consumed), expected);
    assert_int_equal(consumed, max);
  }
  handshake_reader_init(&reader, &options, 100, NOW_S);
  handshake_reader_feed(&reader, (const uint8_t *)head, len, &consumed);
  assert_string_equal(handshake_reader_response(&reader)->detail,
                      "response head longer than 100 bytes");
}

/* Headers, one header, a first line or interim responses without end, byte by byte. */
static void endless_heads_end(void **state) {
  (void)state;
  static const struct {
    const char *start, *again;
  } cases[] = {{"HTTP/1.1 101 x\r\n", "X: y\r\n"},
               {"HTTP/1.1 101 x\r\nX: ", "y"},
               {"HTTP/1.1 101 x\r\n", "Y"},
               {"HTTP/1.1 101 ", "y"},
               {"", "HTTP/1.1 100 Continue\r\n\r\n"}};
  static struct handshake_reader reader;
  const struct handshake_request_options options = {.nonce = sample_nonce};
  for (size_t i = 0; i < COUNT(cases); i++) {
    enum handshake_result result = HANDSHAKE_MORE;
    size_t read_len = 0, used;
    handshake_reader_init(&reader, &options, 16384, NOW_S);
    const char *at = cases[i].start;
    while (result == HANDSHAKE_MORE && read_len < 20000) {
      if (*at == '\0')
        at = cases[i].again;
      result = handshake_reader_feed(&reader, (const uint8_t *)at++, 1, &used);
      read_len += used;
    }
    assert_int_equal(result, HANDSHAKE_TOO_LONG);
    assert_int_equal(read_len, 16384);
  }
}

/* ---- dates ------------------------------------------------------------------- */

struct date_case {
  const char *text;
  bool is_good;
  int64_t date_s;
};

static const struct date_case date_cases[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", true, NOW_S},
    {"Sunday, 06-Nov-94 08:49:37 GMT", true, NOW_S},
    {"Sun Nov  6 08:49:37 1994", true, NOW_S},
    {"Wed Nov 16 08:49:37 1994", true, NOW_S + 864000},
    {"Thu, 01 Jan 1970 00:00:00 GMT", true, 0},
    {"Tue, 29 Feb 2000 12:00:00 GMT", true, 951825600},
    {"Fri, 31 Dec 1999 23:59:60 GMT", true, 946684800},
    {"Mon, 01 Mar 2100 00:00:00 GMT", true, INT64_C(4107542400)},
    {"Sat, 01 Jan 0001 00:00:00 GMT", true, INT64_C(-62135596800)},
    {"Monday, 01-Jan-44 00:00:00 GMT", true, INT64_C(2335219200)}, /* 2044: 50 years ahead */
    {"Monday, 01-Jan-45 00:00:00 GMT", true, INT64_C(-788918400)}, /* 1945, not 2045 */
    {"Thursday, 29-Feb-96 00:00:00 GMT", true, 825552000},
    {"Sun, 06 Nov 1994 08:49:37", false, 0},
    {"Sun, 06 Nov 1994 08:49:37 UTC", false, 0},
    {"Sun, 06 Nov 1994 08:49:37 GMT ", false, 0},
    {"Sun 06 Nov 1994 08:49:37 GMT", false, 0},
    {"Son, 06 Nov 1994 08:49:37 GMT", false, 0},
    {"Sun, 6 Nov 1994 08:49:37 GMT", false, 0},
    {"Sun, 06-Nov-1994 08:49:37 GMT", false, 0},
    {"Sun, 06 Nob 1994 08:49:37 GMT", false, 0},
    {"Sun, 06 Nov  994 08:49:37 GMT", false, 0},
    {"Sun, 06 Nov 1994x08:49:37 GMT", false, 0},
    {"Sun, 06 Novx1994 08:49:37 GMT", false, 0},
    {"Sun, 06 Nov 1994 8:49:37 GMT", false, 0},
    {"Sun, 06 Nov 1994 08-49:37 GMT", false, 0},
    {"Sun, 06 Nov 1994 08:4x:37 GMT", false, 0},
    {"Sun, 06 Nov 1994 08:49-37 GMT", false, 0},
    {"Sun, 06 Nov 1994 24:49:37 GMT", false, 0},
    {"Sun, 06 Nov 1994 08:60:37 GMT", false, 0},
    {"Sun, 06 Nov 1994 08:49:61 GMT", false, 0},
    {"Sun, 00 Nov 1994 08:49:37 GMT", false, 0},
    {"Sun, 31 Nov 1994 08:49:37 GMT", false, 0},
    {"Sun, 29 Feb 1900 08:49:37 GMT", false, 0},
    {"Sun, 29 Feb 1995 08:49:37 GMT", false, 0},
    {"Sun, 06 Nov 0000 08:49:37 GMT", false, 0},
    {"Sunday, 06-Nov-94 08:49:37", false, 0},
    {"Sunday, 06-Nov-94 08:49:37 GMTx", false, 0},
    {"Sunday, 06-Nov-94 08:49 GMT", false, 0},
    {"Sunday, 06-Nov-94x08:49:37 GMT", false, 0},
    {"Sunday, 06-Nov-9 08:49:37 GMT", false, 0},
    {"Sunday, 06-Nov 94 08:49:37 GMT", false, 0},
    {"Sunday, 06-Xov-94 08:49:37 GMT", false, 0},
    {"Sunday, 06 Nov-94 08:49:37 GMT", false, 0},
    {"Sunday, 6-Nov-94 08:49:37 GMT", false, 0},
    {"Sunday 06-Nov-94 08:49:37 GMT", false, 0},
    {"Sun Nov 6 08:49:37 1994", false, 0},
    {"Sun Nov  x 08:49:37 1994", false, 0},
    {"Sun Nov  6x08:49:37 1994", false, 0},
    {"Sun Nov  6 08:49 1994", false, 0},
    {"Sun Nov  6 08:49:37x1994", false, 0},
    {"Sun Nov  6 08:49:37 94", false, 0},
    {"Sun Nov  6 08:49:37 1994 GMT", false, 0},
    {"Sun Nox  6 08:49:37 1994", false, 0},
    {"Sun Novx 6 08:49:37 1994", false, 0},
    {"SunxNov  6 08:49:37 1994", false, 0},
    {"", false, 0},
};

static void dates_in_three_forms(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(date_cases); i++) {
    const struct date_case *c = &date_cases[i];
    int64_t date_s = 0;
    if (handshake_date_parse(c->text, NOW_S, &date_s) != c->is_good || date_s != c->date_s)
      fail_msg("%s: %lld", c->text, (long long)date_s);
  }
}

/* Two digits mean the same year all through each of the years around. */
static void two_digit_years_follow_the_clock(void **state) {
  (void)state;
  int64_t start_s = 0, date_s;
  for (int year = 1970; year < 2200; year++) {
    char text[64];
    snprintf(text, sizeof text, "Thu, 01 Jan %04d 00:00:00 GMT", year + 1);
    int64_t end_s;
    assert_true(handshake_date_parse(text, 0, &end_s));
    snprintf(text, sizeof text, "Thursday, 01-Jan-%02d 00:00:00 GMT", year % 100);
    assert_true(handshake_date_parse(text, start_s, &date_s));
    assert_true(date_s == start_s);
    assert_true(handshake_date_parse(text, end_s - 1, &date_s));
    assert_true(date_s == start_s);
    start_s = end_s;
  }
}

/* ---- the client's writing ----------------------------------------------------------- */

static struct url parsed(const char *text) {
  struct url url;
  const char *error;
  assert_true(url_parse(&url, text, strlen(text), &error));
  return url;
}

#define REQUEST_KEY                                                                                \
  "Upgrade: websocket\r\nConnection: Upgrade\r\n"                                                  \
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

struct request_case {
  const char *url, *origin;
  const char *const *headers, *const *subprotocols;
  const struct deflate_params *deflate;
  const char *request;
};

static const char *const custom_headers[] = {"X-A: b", "Cookie:", NULL};
static const char *const own_authorization[] = {"authorization: Bearer x", NULL};
static const char *const own_client_id[] = {"x-limpet-client: mine", NULL};
static const char *const no_lines[] = {NULL};
static const struct deflate_params server_offer = {true, false, 9, 15};

static const struct request_case request_cases[] = {
    {"ws://h", NULL, NULL, NULL, NULL, "GET / HTTP/1.1\r\nHost: h\r\n" REQUEST_KEY END},
    {"ws://h", NULL, no_lines, no_lines, NULL, "GET / HTTP/1.1\r\nHost: h\r\n" REQUEST_KEY END},
    {"wss://[::1]:8/a?b=c", "https://o.example", custom_headers, offered_subprotocols, &plain_offer,
     "GET /a?b=c HTTP/1.1\r\nHost: [::1]:8\r\n" REQUEST_KEY "Origin: https://o.example\r\n"
     "Sec-WebSocket-Protocol: chat, superchat\r\n"
     "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
     "X-A: b\r\nCookie:\r\n\r\n"},
    {"ws://h", NULL, NULL, NULL, &tight_offer,
     "GET / HTTP/1.1\r\nHost: h\r\n" REQUEST_KEY
     "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
     "client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=11\r\n\r\n"},
    {"ws://h", NULL, NULL, NULL, &server_offer,
     "GET / HTTP/1.1\r\nHost: h\r\n" REQUEST_KEY
     "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
     "server_max_window_bits=9; client_max_window_bits\r\n\r\n"},
    {"ws://Aladdin:open%20sesame@h/", NULL, NULL, NULL, NULL,
     "GET / HTTP/1.1\r\nHost: h\r\n" REQUEST_KEY
     "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"},
    {"ws://u:p@h/", NULL, own_authorization, NULL, NULL,
     "GET / HTTP/1.1\r\nHost: h\r\n" REQUEST_KEY "authorization: Bearer x\r\n\r\n"},
    {"ws+unix:///run/s:/x", NULL, NULL, NULL, NULL,
     "GET /x HTTP/1.1\r\nHost: localhost\r\n" REQUEST_KEY END},
};

static void requests_are_written(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(request_cases); i++) {
    const struct request_case *c = &request_cases[i];
    const struct url url = parsed(c->url);
    const struct handshake_request_options options = {.url = &url,
                                                      .nonce = sample_nonce,
                                                      .origin = c->origin,
                                                      .headers = c->headers,
                                                      .subprotocols = c->subprotocols,
                                                      .deflate = c->deflate};
    const size_t len = strlen(c->request);
    char out[1024];
    memset(out, 0, sizeof out);
    assert_int_equal(handshake_write_request(&options, out, sizeof out), len);
    assert_string_equal(out, c->request);
    assert_int_equal(handshake_write_request(&options, out, len + 1), len);
    for (size_t cap = 0; cap <= len; cap++) {
      char *tight = guarded_copy(out, cap);
      assert_int_equal(handshake_write_request(&options, tight, cap), 0);
    }
  }
}

/* For logs only; the caller's own wins. */
static void a_link_names_itself(void **state) {
  (void)state;
  const struct url url = parsed("ws://h");
  struct handshake_request_options options = {
      .url = &url, .nonce = sample_nonce, .client_id = "3fa9c1-7"};
  char out[1024];
  assert_true(handshake_write_request(&options, out, sizeof out) > 0);
  assert_non_null(strstr(out, "\r\nX-Limpet-Client: 3fa9c1-7\r\n"));
  options.headers = own_client_id;
  assert_true(handshake_write_request(&options, out, sizeof out) > 0);
  assert_null(strstr(out, "3fa9c1"));
  assert_non_null(strstr(out, "\r\nx-limpet-client: mine\r\n"));
}

/* Those of this dial alone stand instead of all lines of their name. */
static void own_headers_come_first(void **state) {
  (void)state;
  static const char *const headers[] = {"X-A: 1", "Authorization: old", "authorization: older",
                                        "X-Author: 2", NULL};
  static const char *const own[] = {"AUTHORIZATION: new", NULL};
  static const char *const evil[] = {"X: y\r\nHost: evil", NULL};
  const struct url url = parsed("ws://u:p@h/");
  struct handshake_request_options options = {
      .url = &url, .nonce = sample_nonce, .headers = headers, .own_headers = own};
  char out[1024];
  assert_true(handshake_write_request(&options, out, sizeof out) > 0);
  assert_non_null(strstr(out, "\r\nX-A: 1\r\nX-Author: 2\r\nAUTHORIZATION: new\r\n\r\n"));
  assert_null(strstr(out, "old"));
  assert_null(strstr(out, "Basic"));
  options.own_headers = evil;
  assert_int_equal(handshake_write_request(&options, out, sizeof out), 0);
}

/* The largest user info leaves room for nothing else, and is refused rather than cut. */
static void long_credentials(void **state) {
  (void)state;
  static char text[URL_LEN_MAX], out[32768];
  memset(text, 'a', sizeof text);
  memcpy(text, "ws://", 5);
  memcpy(text + sizeof text - 3, "@h", 3);
  const struct url url = parsed(text);
  const struct handshake_request_options options = {.url = &url, .nonce = sample_nonce};
  assert_int_equal(handshake_write_request(&options, out, 8192), 0);
  const size_t len = handshake_write_request(&options, out, sizeof out);
  assert_true(len > 8192 / 3 * 4);
  assert_string_equal(out + len - 4, "\r\n\r\n");
}

struct line_case {
  const char *line, *problem;
};

static const struct line_case header_cases[] = {
    {"X: y", NULL},
    {"X:", NULL},
    {"Authorization: Bearer x", NULL},
    {"Cookie: a=b; c=\xC3\xA9\t", NULL},
    {"Sec-WebSocke: x", NULL},
    {"Sec-Fetch-Mode: websocket", NULL},
    {"X", "colon"},
    {"", "colon"},
    {": y", "token"},
    {"X : y", "token"},
    {"X\r\nY: z", "token"},
    {"X: y\r\nZ: z", "control"},
    {"X: y\n", "control"},
    {"X: \x01", "control"},
    {"X: \x7F", "control"},
    {"Host: x", "itself"},
    {"HOST: x", "itself"},
    {"upgrade: x", "itself"},
    {"Connection: close", "itself"},
    {"Origin: x", "itself"},
    {"Content-Length: 5", "itself"},
    {"Transfer-Encoding: chunked", "itself"},
    {"sec-websocket-key: x", "itself"},
    {"Sec-WebSocket-Protocol: x", "itself"},
    {"Sec-WebSocket-: x", "itself"},
};

static const struct line_case subprotocol_cases[] = {{"chat", NULL},     {"", "token"},
                                                     {"a b", "token"},   {"a,b", "token"},
                                                     {"a\r\n", "token"}, {THOUSAND, "287"}};
static const struct line_case origin_cases[] = {
    {"https://h", NULL},    {"null", NULL},
    {"", "empty"},          {"a b", "blank"},
    {"a\tb", "blank"},      {"a\r\nX: y", "control"},
    {LONGEST_ORIGIN, NULL}, {THOUSAND, "origin longer than 287"}};

static void check_lines(const struct line_case *cases, size_t count,
                        const char *(*check)(const char *line)) {
  for (size_t i = 0; i < count; i++) {
    const char *problem = check(cases[i].line);
    if ((problem == NULL) != (cases[i].problem == NULL) ||
        (problem != NULL && strstr(problem, cases[i].problem) == NULL))
      fail_msg("%s: %s", cases[i].line, problem != NULL ? problem : "fine");
  }
}

static void lines_of_callers_are_checked(void **state) {
  (void)state;
  check_lines(header_cases, COUNT(header_cases), handshake_check_header);
  check_lines(subprotocol_cases, COUNT(subprotocol_cases), handshake_check_subprotocol);
  check_lines(origin_cases, COUNT(origin_cases), handshake_check_origin);
}

static void nothing_unchecked_is_written(void **state) {
  (void)state;
  static const char *const bad_headers[] = {"X: y", "X: y\r\nHost: evil", NULL};
  static const char *const bad_names[] = {"chat", "a\r\nX: y", NULL};
  const struct url url = parsed("ws://h");
  char out[1024];
  struct handshake_request_options options = {.url = &url, .nonce = sample_nonce};
  assert_true(handshake_write_request(&options, out, sizeof out) > 0);
  options.headers = bad_headers;
  assert_int_equal(handshake_write_request(&options, out, sizeof out), 0);
  options.headers = NULL;
  options.subprotocols = bad_names;
  assert_int_equal(handshake_write_request(&options, out, sizeof out), 0);
  options.subprotocols = NULL;
  options.origin = "a\r\nX: y";
  assert_int_equal(handshake_write_request(&options, out, sizeof out), 0);
}

static void accept_value_of_the_rfc(void **state) {
  (void)state;
  char accept[HANDSHAKE_ACCEPT_LEN + 1];
  handshake_accept("dGhlIHNhbXBsZSBub25jZQ==", accept);
  assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* ---- the server --------------------------------------------------------------------- */

#define GET "GET /chat?x=1 HTTP/1.1\r\n"
#define HOST "Host: h:1\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define ASKING HOST UPGRADE CONNECTION KEY VERSION

struct server_case {
  const char *head;
  enum handshake_result result;
  uint16_t error_status; /* 0: a valid upgrade */
  const char *detail, *subprotocol;
  const char *answer; /* the Sec-WebSocket-Extensions of the 101, "" if none */
};

#define OPENS(head, subprotocol, answer)                                                           \
  { head, HANDSHAKE_DONE, 0, "", subprotocol, answer }
#define REFUSED(head, status, detail)                                                              \
  { head, HANDSHAKE_DONE, status, detail, "", "" }
#define BROKEN(head, status, detail)                                                               \
  { head, HANDSHAKE_BAD, status, detail, "", "" }
#define OFFERS(offer) GET ASKING EXTENSIONS offer END END
#define PMD "permessage-deflate"

/* Supported: subprotocols b and c; permessage-deflate without limits */
static const struct server_case server_cases[] = {
    OPENS(GET ASKING END, "", ""),
    OPENS("GET http://h/chat?x=1 HTTP/1.1\r\n" ASKING END, "", ""),
    OPENS("GET HTTPS://h/chat?x=1 HTTP/1.1\r\n" ASKING END, "", ""),
    OPENS("GET ws://h:80/chat?x=1 HTTP/1.1\r\n" ASKING END, "", ""),
    OPENS("GET wss://h/chat?x=1 HTTP/1.1\r\n" ASKING END, "", ""),
    OPENS(GET HOST "Upgrade: h2c, WebSocket\r\nConnection: keep-alive, UPGRADE\r\n" KEY VERSION END,
          "", ""),
    OPENS(GET HOST "Upgrade: websocket/1, x\r\n" UPGRADE
                   "Connection: keep-alive\r\n" CONNECTION KEY VERSION END,
          "", ""),
    OPENS(GET ASKING "Content-Length: 0\r\n" END, "", ""),
    OPENS(GET ASKING "Origin: https://o.example\r\nUser-Agent: \xC3\xA9\r\nEmpty:\r\n" END, "", ""),
    OPENS(GET ASKING PROTOCOL "a, c,b\r\n" END, "c", ""),
    OPENS(GET ASKING PROTOCOL "a\r\n" PROTOCOL "b\r\n" END, "b", ""),
    OPENS(GET ASKING PROTOCOL "B, " THOUSAND END END, "", ""),
    OPENS(GET ASKING PROTOCOL END END, "", ""),
    OPENS(OFFERS("x, y; z=\"1\""), "", ""),
    OPENS(OFFERS(PMD), "", PMD),
    OPENS(OFFERS(PMD "; client_max_window_bits"), "", PMD),
    OPENS(OFFERS(PMD "; client_max_window_bits=15"), "", PMD),
    OPENS(OFFERS(PMD "; client_max_window_bits=9"), "", PMD "; client_max_window_bits=9"),
    OPENS(OFFERS(PMD "; server_max_window_bits=15"), "", PMD "; server_max_window_bits=15"),
    OPENS(OFFERS(PMD "; server_max_window_bits=8"), "", PMD "; server_max_window_bits=8"),
    OPENS(OFFERS(PMD "; server_no_context_takeover"), "", PMD "; server_no_context_takeover"),
    OPENS(OFFERS(PMD "; client_no_context_takeover"), "", PMD "; client_no_context_takeover"),
    OPENS(OFFERS(PMD "; server_no_context_takeover; client_no_context_takeover; "
                     "server_max_window_bits=10; client_max_window_bits=11"),
          "",
          PMD "; server_no_context_takeover; client_no_context_takeover; "
              "server_max_window_bits=10; client_max_window_bits=11"),
    /* offers that are no good are passed over */
    OPENS(OFFERS(PMD "; x, " PMD "; server_max_window_bits=7, " PMD "; server_max_window_bits, " PMD
                     "; client_no_context_takeover=1, " PMD "; server_max_window_bits=12, " PMD),
          "", PMD "; server_max_window_bits=12"),
    OPENS(OFFERS(PMD "; x=1"), "", ""),
    OPENS(GET ASKING EXTENSIONS "x\r\n" EXTENSIONS PMD END END, "", PMD),
    OPENS(GET ASKING "Origin: " LONGEST_ORIGIN END END, "", ""),
    /* refused */
    REFUSED("GET / HTTP/1.0\r\n" ASKING END, 505, "HTTP/1.1"),
    REFUSED("POST / HTTP/1.1\r\n" ASKING END, 405, "GET: 'POST'"),
    REFUSED("HEAD / HTTP/1.1\r\n" ASKING END, 405, "'HEAD'"),
    REFUSED("OPTIONS * HTTP/1.1\r\n" ASKING END, 400, "target"),
    REFUSED("CONNECT h:1 HTTP/1.1\r\n" ASKING END, 400, "target"),
    REFUSED("GET ftp://h/ HTTP/1.1\r\n" ASKING END, 400, "target"),
    REFUSED(GET UPGRADE CONNECTION KEY VERSION END, 400, "no Host"),
    REFUSED(GET ASKING HOST END, 400, "twice: 'Host'"),
    REFUSED(GET "Host:\r\n" UPGRADE CONNECTION KEY VERSION END, 400, "not a host"),
    REFUSED(GET "Host: a b\r\n" UPGRADE CONNECTION KEY VERSION END, 400, "not a host"),
    REFUSED(GET "Host: u@h\r\n" UPGRADE CONNECTION KEY VERSION END, 400, "not a host"),
    REFUSED(GET "Host: " THOUSAND END UPGRADE CONNECTION KEY VERSION END, 400, "287"),
    REFUSED(GET ASKING "Origin: a\r\nOrigin: a\r\n" END, 400, "twice: 'Origin'"),
    REFUSED(GET ASKING "Origin: " THOUSAND END END, 400, "287"),
    REFUSED(GET HOST END, 426, "Upgrade header"),
    REFUSED(GET HOST CONNECTION KEY VERSION END, 426, "Upgrade header"),
    REFUSED(GET HOST "Upgrade: h2c\r\n" CONNECTION KEY VERSION END, 426, "Upgrade header"),
    REFUSED(GET HOST UPGRADE KEY VERSION END, 426, "Connection header"),
    REFUSED(GET HOST UPGRADE "Connection: close\r\n" KEY VERSION END, 426, "Connection header"),
    REFUSED(GET HOST UPGRADE CONNECTION KEY END, 400, "no Sec-WebSocket-Version"),
    REFUSED(GET HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 8\r\n" END, 426, "not 13"),
    REFUSED(GET HOST UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 13, 8\r\n" END, 426, "not 13"),
    REFUSED(GET ASKING VERSION END, 400, "twice: 'Sec-WebSocket-Version'"),
    REFUSED(GET HOST UPGRADE CONNECTION VERSION END, 400, "no Sec-WebSocket-Key"),
    REFUSED(GET ASKING KEY END, 400, "twice: 'Sec-WebSocket-Key'"),
    REFUSED(GET HOST UPGRADE CONNECTION VERSION "Sec-WebSocket-Key:\r\n" END, 400, "base64"),
    REFUSED(GET HOST UPGRADE CONNECTION VERSION
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" END,
            400, "base64"),
    REFUSED(GET HOST UPGRADE CONNECTION VERSION
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n" END,
            400, "base64"),
    REFUSED(GET HOST UPGRADE CONNECTION VERSION
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQA=\r\n" END,
            400, "base64"),
    REFUSED(GET HOST UPGRADE CONNECTION VERSION
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ-==\r\n" END,
            400, "base64"),
    REFUSED(GET ASKING "Content-Length: 5\r\n" END, 400, "body"),
    REFUSED(GET ASKING "Transfer-Encoding: chunked\r\n" END, 400, "body"),
    REFUSED(GET ASKING PROTOCOL "b, a b\r\n" END, 400, "token"),
    REFUSED(GET ASKING EXTENSIONS PMD ", ;\r\n" END, 400, "malformed"),
    REFUSED(GET ASKING EXTENSIONS PMD END "Sec-WebSocket-Key: x\r\n" END, 400, "twice"),
    /* not even a request */
    BROKEN("\x16\x03\x01\x02", 400, "control"),
    BROKEN("hello\r\n", 400, "malformed"),
    BROKEN("\r\n" GET, 400, "empty first line"),
    BROKEN("GET  / HTTP/1.1\r\n", 400, ""),
    BROKEN("GET / HTTP/1.1 \r\n", 400, ""),
    BROKEN("GET /\r\n", 400, ""),
    BROKEN("GET /a b HTTP/1.1\r\n", 400, ""),
    BROKEN("GET / RTSP/1.0\r\n", 400, ""),
    BROKEN("get / HTTP/1.1\r\n", 400, ""),
    BROKEN("GET / HTTP/9.1\r\n", 505, ""),
    BROKEN("GET / HTTP/1.1\n", 400, "control"),
    BROKEN(GET "X : y\r\n" END, 400, ""),
    BROKEN(GET "X: y\r\n z\r\n" END, 400, "blank"),
    BROKEN(GET "X: y\r\nbroken\r\n" END, 400, ""),
    BROKEN(GET "X: a\x08\r\n" END, 400, "control"),
};

static const char *const supported_subprotocols[] = {"b", "c", NULL};

static void check_answer(const struct server_case *c, const struct handshake_request *request) {
  char out[1024], expected[1024];
  const size_t len = handshake_write_accept(request, NULL, out, sizeof out);
  snprintf(expected, sizeof expected, SWITCHING UPGRADE CONNECTION ACCEPT "%s%s%s%s%s%s\r\n",
           c->subprotocol[0] ? PROTOCOL : "", c->subprotocol, c->subprotocol[0] ? "\r\n" : "",
           c->answer[0] ? EXTENSIONS : "", c->answer, c->answer[0] ? "\r\n" : "");
  assert_int_equal(len, strlen(expected));
  assert_string_equal(out, expected);
}

static void check_request(const struct server_case *c, const struct handshake_server *server,
                          enum handshake_result result) {
  const struct handshake_request *request = handshake_server_request(server);
  assert_log_is_clean(request->detail, sizeof request->detail);
  if (result != c->result || request->error_status != c->error_status ||
      strstr(request->detail, c->detail) == NULL)
    fail_msg("result %d, status %d, detail '%s' for:\n%s", result, request->error_status,
             request->detail, c->head);
  assert_int_equal(request->is_upgrade, c->error_status == 0);
  assert_int_equal(request->detail[0] == '\0', c->error_status == 0);
  assert_string_equal(request->subprotocol, c->subprotocol);
  if (!request->is_upgrade)
    return assert_false(request->deflate_agreed);
  assert_string_equal(request->method, "GET");
  assert_string_equal(request->target, "/chat?x=1");
  assert_string_equal(request->host, "h:1");
  assert_string_equal(request->key, "dGhlIHNhbXBsZSBub25jZQ==");
  check_answer(c, request);
}

static void read_request(const struct server_case *c, size_t first, size_t step) {
  static struct handshake_server server;
  const struct reading reading = {.feed = feed_server, .reader = &server};
  const struct handshake_server_options options = {
      .max_handshake = 4000, .subprotocols = supported_subprotocols, .deflate = &plain_offer};
  char text[4096];
  size_t consumed;
  const size_t head_len = strlen(c->head);
  memcpy(text, c->head, head_len);
  memcpy(text + head_len, "\x81\x02hi", 4);
  memset(&server, 0xA5, sizeof server);
  handshake_server_init(&server, &options);
  const enum handshake_result result =
      feed_all(&reading, text, head_len + 4, first, step, &consumed);
  check_request(c, &server, result);
  if (result == HANDSHAKE_DONE)
    assert_int_equal(consumed, head_len);
}

static void requests_are_judged(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(server_cases); i++) {
    const size_t len = strlen(server_cases[i].head) + 4;
    read_request(&server_cases[i], 1, 1);
    for (size_t cut = 1; cut <= len; cut += len > 1000 && cut > 300 ? 37 : 1)
      read_request(&server_cases[i], cut, len);
  }
}

static enum handshake_result serve(struct handshake_server *server,
                                   const struct handshake_server_options *options,
                                   const char *head) {
  size_t consumed;
  handshake_server_init(server, options);
  return handshake_server_feed(server, (const uint8_t *)head, strlen(head), &consumed);
}

struct limit_case {
  struct deflate_params limits;
  const char *offer, *answer;
};

static const struct limit_case limit_cases[] = {
    {{true, true, 15, 15}, PMD, PMD "; server_no_context_takeover; client_no_context_takeover"},
    {{false, false, 10, 15}, PMD, PMD "; server_max_window_bits=10"},
    {{false, false, 10, 15}, PMD "; server_max_window_bits=9", PMD "; server_max_window_bits=9"},
    {{false, false, 10, 15}, PMD "; server_max_window_bits=12", PMD "; server_max_window_bits=10"},
    /* a client that cannot be limited is not accepted above the limit */
    {{false, false, 15, 12}, PMD, ""},
    {{false, false, 15, 12},
     PMD ", " PMD "; client_max_window_bits",
     PMD "; client_max_window_bits=12"},
    {{false, false, 15, 12}, PMD "; client_max_window_bits=14", PMD "; client_max_window_bits=12"},
    {{false, false, 15, 12}, PMD "; client_max_window_bits=10", PMD "; client_max_window_bits=10"},
};

static void compression_stays_within_the_limits(void **state) {
  (void)state;
  static struct handshake_server server;
  for (size_t i = 0; i < COUNT(limit_cases); i++) {
    const struct limit_case *c = &limit_cases[i];
    const struct handshake_server_options options = {.max_handshake = 4000, .deflate = &c->limits};
    char head[1024], out[1024], expected[256] = "\r\n\r\n";
    snprintf(head, sizeof head, GET ASKING EXTENSIONS "%s\r\n\r\n", c->offer);
    assert_int_equal(serve(&server, &options, head), HANDSHAKE_DONE);
    const struct handshake_request *request = handshake_server_request(&server);
    assert_true(request->is_upgrade);
    assert_true(handshake_write_accept(request, NULL, out, sizeof out) > 0);
    if (c->answer[0] != '\0')
      snprintf(expected, sizeof expected, EXTENSIONS "%s\r\n\r\n", c->answer);
    assert_non_null(strstr(out, expected));
    assert_int_equal(request->deflate_agreed, c->answer[0] != '\0');
  }
  const struct handshake_server_options without = {.max_handshake = 4000};
  assert_int_equal(serve(&server, &without, OFFERS(PMD)), HANDSHAKE_DONE);
  assert_true(handshake_server_request(&server)->is_upgrade);
  assert_false(handshake_server_request(&server)->deflate_agreed);
}

/* Requests that are no upgrade still say what was asked for: an HTTP server can answer them. */
static void plain_requests_keep_their_parts(void **state) {
  (void)state;
  static struct handshake_server server;
  static const struct {
    const char *head, *method, *target;
  } cases[] = {{"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/healthz"},
               {"POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", "POST", "/a?b"},
               {"GET http://x HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/"},
               {"GET http://x?y=1 HTTP/1.1\r\nHost: x\r\n\r\n", "GET", "/?y=1"},
               {"M-SEARCH / HTTP/1.1\r\nHost: x\r\n\r\n", "M-SEARCH", "/"}};
  const struct handshake_server_options options = {.max_handshake = 4000};
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_int_equal(serve(&server, &options, cases[i].head), HANDSHAKE_DONE);
    const struct handshake_request *request = handshake_server_request(&server);
    assert_false(request->is_upgrade);
    assert_string_equal(request->method, cases[i].method);
    assert_string_equal(request->target, cases[i].target);
    assert_string_equal(request->host, "x");
  }
}

/* Whatever the parser lets through, a target is printable ASCII without fragment. */
static void targets_are_checked(void **state) {
  (void)state;
  static struct handshake_server server;
  static const char *const heads[] = {"GET /a#b HTTP/1.1\r\n" ASKING END,
                                      "GET /\xC3\xA9 HTTP/1.1\r\n" ASKING END,
                                      "GET /a\xFF?b HTTP/1.1\r\n" ASKING END};
  const struct handshake_server_options options = {.max_handshake = 4000};
  for (size_t i = 0; i < COUNT(heads); i++) {
    serve(&server, &options, heads[i]);
    assert_false(handshake_server_request(&server)->is_upgrade);
    assert_int_equal(handshake_server_request(&server)->error_status, 400);
  }
}

static void requests_are_bounded(void **state) {
  (void)state;
  static struct handshake_server server;
  static char head[20000];
  struct handshake_server_options options = {.max_handshake = sizeof GET - 1 + 10};
  assert_int_equal(serve(&server, &options, GET ASKING END), HANDSHAKE_TOO_LONG);
  assert_int_equal(handshake_server_request(&server)->error_status, 431);
  assert_string_equal(handshake_server_request(&server)->detail,
                      "request head longer than 34 bytes");
  options.max_handshake = 10;
  assert_int_equal(serve(&server, &options, GET ASKING END), HANDSHAKE_TOO_LONG);
  assert_int_equal(handshake_server_request(&server)->error_status, 414);
  options.max_handshake = sizeof(GET ASKING END) - 1;
  assert_int_equal(serve(&server, &options, GET ASKING END), HANDSHAKE_DONE);
  /* one line longer than can be kept */
  options.max_handshake = 100000;
  snprintf(head, sizeof head, "GET /%09000d HTTP/1.1\r\n" ASKING END, 0);
  assert_int_equal(serve(&server, &options, head), HANDSHAKE_BAD);
  assert_int_equal(handshake_server_request(&server)->error_status, 414);
  snprintf(head, sizeof head, GET "Cookie: %09000d\r\n" ASKING END, 0);
  assert_int_equal(serve(&server, &options, head), HANDSHAKE_BAD);
  assert_int_equal(handshake_server_request(&server)->error_status, 431);
  snprintf(head, sizeof head, GET "Cookie: %08000d\r\n" ASKING END, 0);
  assert_int_equal(serve(&server, &options, head), HANDSHAKE_DONE);
}

static char seen_headers[512];

static void note_header(void *user, const char *name, const char *value) {
  char *text = user;
  const size_t len = strlen(text);
  snprintf(text + len, sizeof seen_headers - len, "%s=%s;", name, value);
}

static void headers_are_shown_in_order(void **state) {
  (void)state;
  static struct handshake_server server;
  const struct reading reading = {.feed = feed_server, .reader = &server};
  const struct handshake_server_options options = {
      .max_handshake = 4000, .on_header = note_header, .user = seen_headers};
  const char head[] = GET "Host: h\r\nX-Empty:\r\nx-a: \t b c \t\r\nX-A:d\r\n\r\n";
  for (size_t step = 1; step < sizeof head; step++) {
    size_t consumed;
    seen_headers[0] = '\0';
    handshake_server_init(&server, &options);
    assert_int_equal(feed_all(&reading, head, sizeof head - 1, step, step, &consumed),
                     HANDSHAKE_DONE);
    assert_string_equal(seen_headers, "Host=h;X-Empty=;x-a=b c;X-A=d;");
  }
}

/* ---- answers ------------------------------------------------------------------- */

static const char *const extra_lines[] = {"X-A: b", NULL};
static const char *const bad_lines[] = {"X-A: b\r\nX: y", NULL};

static void accepts_are_written(void **state) {
  (void)state;
  static struct handshake_server server;
  const struct handshake_server_options options = {.max_handshake = 4000};
  char out[512];
  assert_int_equal(serve(&server, &options, GET ASKING END), HANDSHAKE_DONE);
  const struct handshake_request *request = handshake_server_request(&server);
  const char expected[] = OPENING "X-A: b\r\n\r\n";
  const size_t len = sizeof expected - 1;
  assert_int_equal(handshake_write_accept(request, extra_lines, out, sizeof out), len);
  assert_string_equal(out, expected);
  assert_int_equal(handshake_write_accept(request, extra_lines, out, len + 1), len);
  assert_int_equal(handshake_write_accept(request, extra_lines, out, len), 0);
  assert_int_equal(handshake_write_accept(request, extra_lines, out, 0), 0);
  assert_int_equal(handshake_write_accept(request, bad_lines, out, sizeof out), 0);
}

/* Our own two ends understand each other, whatever is offered and allowed. */
static void both_ends_agree(void **state) {
  (void)state;
  static struct handshake_server server;
  static struct handshake_reader reader;
  const struct url url = parsed("ws://h/");
  for (unsigned bits = 0; bits < 8 * 8 * 4; bits++) {
    const struct deflate_params offer = {bits & 1, bits & 2, (uint8_t)(8 + bits / 4 % 8),
                                         (uint8_t)(8 + bits / 32 % 8)};
    const struct handshake_request_options asking = {.url = &url,
                                                     .nonce = sample_nonce,
                                                     .subprotocols = offered_subprotocols,
                                                     .deflate = &offer};
    const struct handshake_server_options options = {
        .max_handshake = 4000, .subprotocols = offered_subprotocols, .deflate = &plain_offer};
    char head[1024], answer[1024];
    size_t consumed;
    assert_true(handshake_write_request(&asking, head, sizeof head) > 0);
    assert_int_equal(serve(&server, &options, head), HANDSHAKE_DONE);
    const struct handshake_request *request = handshake_server_request(&server);
    const size_t len = handshake_write_accept(request, NULL, answer, sizeof answer);
    handshake_reader_init(&reader, &asking, len, NOW_S);
    assert_int_equal(handshake_reader_feed(&reader, (uint8_t *)answer, len, &consumed),
                     HANDSHAKE_DONE);
    const struct handshake_response *response = handshake_reader_response(&reader);
    assert_string_equal(response->subprotocol, "chat");
    assert_true(response->deflate_agreed && request->deflate_agreed);
    assert_memory_equal(&response->deflate, &offer, sizeof offer);
    assert_memory_equal(&request->deflate, &offer, sizeof offer);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(accept_value_of_the_rfc),
      cmocka_unit_test(responses_are_read_strictly),
      cmocka_unit_test(refusals_are_understood),
      cmocka_unit_test(long_values_are_cut_and_logs_stay_bounded),
      cmocka_unit_test(escapes_are_not_cut),
      cmocka_unit_test(heads_are_bounded),
      cmocka_unit_test(endless_heads_end),
      cmocka_unit_test(dates_in_three_forms),
      cmocka_unit_test(two_digit_years_follow_the_clock),
      cmocka_unit_test(requests_are_written),
      cmocka_unit_test(a_link_names_itself),
      cmocka_unit_test(own_headers_come_first),
      cmocka_unit_test(long_credentials),
      cmocka_unit_test(lines_of_callers_are_checked),
      cmocka_unit_test(nothing_unchecked_is_written),
      cmocka_unit_test(requests_are_judged),
      cmocka_unit_test(compression_stays_within_the_limits),
      cmocka_unit_test(plain_requests_keep_their_parts),
      cmocka_unit_test(targets_are_checked),
      cmocka_unit_test(requests_are_bounded),
      cmocka_unit_test(headers_are_shown_in_order),
      cmocka_unit_test(accepts_are_written),
      cmocka_unit_test(both_ends_agree),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
