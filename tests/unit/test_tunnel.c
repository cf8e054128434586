/*
 * Conversations with proxies. Each answer is read whole, byte by byte and cut at every place, each
 * piece ending at an unreadable page; the outcome must be the same each time, and what follows the
 * answer must be left.
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
#include "tunnel.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define MAX_HEAD 1024
#define FIFTY "01234567890123456789012345678901234567890123456789"

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

static const struct tunnel_target by_name = {.host = "example.org", .port = 443};
static const struct tunnel_target by_ipv4 = {
    .host = "192.0.2.1", .port = 0x1234, .address_len = 4, .address = {192, 0, 2, 1}};
static const struct tunnel_target by_ipv6 = {
    .host = "::1", .port = 80, .address_len = 16, .address = {[15] = 1}};

/* One tunnel and its proxy, from the beginning. */
struct talk {
  struct proxy proxy;
  struct tunnel tunnel;
};

static void talk_init(struct talk *talk, const char *proxy, const struct tunnel_target *target) {
  const char *error;
  if (!proxy_parse(&talk->proxy, proxy, &error))
    fail_msg("%s: %s", proxy, error);
  tunnel_init(&talk->tunnel, &talk->proxy, target, MAX_HEAD);
}

/* ---- what is said ----------------------------------------------------------------- */

struct say_case {
  const char *proxy;
  const struct tunnel_target *target;
  const char *text;
};

static const struct say_case http_says[] = {
    {"http://p", &by_name, "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n"},
    {"http://p", &by_ipv4, "CONNECT 192.0.2.1:4660 HTTP/1.1\r\nHost: 192.0.2.1:4660\r\n\r\n"},
    {"http://p", &by_ipv6, "CONNECT [::1]:80 HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"},
    {"http://Aladdin:open%20sesame@p", &by_name, /* RFC 7617 section 2 */
     "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n"
     "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n"},
};

static void assert_says(const struct talk *talk, const void *text, size_t len) {
  char out[TUNNEL_MESSAGE_CAP];
  assert_int_equal(tunnel_write(&talk->tunnel, out, sizeof out), len);
  assert_memory_equal(out, text, len);
  for (size_t cap = 0; cap < len; cap++)
    assert_int_equal(tunnel_write(&talk->tunnel, (char *)guard_tail(&guard, cap), cap), 0);
}

static void connect_requests(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(http_says); i++) {
    struct talk talk;
    talk_init(&talk, http_says[i].proxy, http_says[i].target);
    assert_says(&talk, http_says[i].text, strlen(http_says[i].text));
  }
}

/* The longest user info and the longest name that an address can hold. */
static void the_longest_request_fits(void **state) {
  (void)state;
  static char text[URL_LEN_MAX], host[URL_HOST_CAP];
  memset(text, 'x', sizeof text - 1);
  memset(host, 'h', sizeof host - 1);
  memcpy(text + sizeof text - 3, "@p", 2);
  const struct tunnel_target target = {.host = host, .port = 65535};
  struct talk talk;
  static char out[TUNNEL_MESSAGE_CAP];
  talk_init(&talk, text, &target);
  assert_true(tunnel_write(&talk.tunnel, out, sizeof out) > 10900);
}

static enum tunnel_result feed(struct talk *talk, const void *bytes, size_t len) {
  size_t consumed;
  const enum tunnel_result result =
      tunnel_feed(&talk->tunnel, memcpy(guard_tail(&guard, len), bytes, len), len, &consumed);
  assert_int_equal(consumed, len);
  return result;
}

static void socks5_requests(void **state) {
  (void)state;
  struct talk talk;
  static const uint8_t name[] = {5,   1,   0,   3,   11,  'e', 'x', 'a', 'm',
                                 'p', 'l', 'e', '.', 'o', 'r', 'g', 1,   0xBB};
  static const uint8_t ipv4[] = {5, 1, 0, 1, 192, 0, 2, 1, 0x12, 0x34};
  static const uint8_t ipv6[] = {5, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80};
  talk_init(&talk, "socks5h://p", &by_name);
  assert_says(&talk, "\5\1\0", 3);
  assert_int_equal(feed(&talk, "\5\0", 2), TUNNEL_SEND);
  assert_says(&talk, name, sizeof name);
  talk_init(&talk, "socks5://p", &by_ipv4);
  assert_int_equal(feed(&talk, "\5\0", 2), TUNNEL_SEND);
  assert_says(&talk, ipv4, sizeof ipv4);
  talk_init(&talk, "socks5h://p", &by_ipv6);
  assert_int_equal(feed(&talk, "\5\0", 2), TUNNEL_SEND);
  assert_says(&talk, ipv6, sizeof ipv6);
}

static void socks5_login(void **state) {
  (void)state;
  struct talk talk;
  talk_init(&talk, "socks5h://user:p%3A%3Aass@p", &by_ipv4);
  assert_says(&talk, "\5\2\0\2", 4);
  assert_int_equal(feed(&talk, "\5\2", 2), TUNNEL_SEND);
  assert_says(&talk, "\1\4user\6p::ass", 13);
  assert_int_equal(feed(&talk, "\1\0", 2), TUNNEL_SEND);
  assert_says(&talk, "\5\1\0\1\xC0\0\2\1\x12\x34", 10);
  talk_init(&talk, "socks5h://user@p", &by_ipv4);
  assert_int_equal(feed(&talk, "\5\2", 2), TUNNEL_SEND);
  assert_says(&talk, "\1\4user\0", 7);
  talk_init(&talk, "socks5h://user:pass@p", &by_ipv4); /* offered, and not wanted */
  assert_int_equal(feed(&talk, "\5\0", 2), TUNNEL_SEND);
  assert_says(&talk, "\5\1\0\1\xC0\0\2\1\x12\x34", 10);
}

/* ---- what is answered -------------------------------------------------------------- */

#define BEHIND "\x81\x02hi" /* the target's first bytes */
#define BEHIND_LEN 4

struct answer_case {
  const char *proxy;
  const char *answer;
  size_t answer_len; /* 0: text */
  enum tunnel_result result;
  uint16_t status;
  const char *detail;
};

#define BYTES(text) text, sizeof text - 1
#define NONE "\5\0"
#define LOGIN "\5\2"

static const struct answer_case answer_cases[] = {
    /* CONNECT: opened */
    {"http://p", "HTTP/1.1 200 OK\r\n\r\n", 0, TUNNEL_DONE, 0, ""},
    {"http://p", "HTTP/1.0 200 Connection established\r\nProxy-agent: x\r\n\r\n", 0, TUNNEL_DONE, 0,
     ""},
    {"http://p", "HTTP/1.1 200\r\nContent-Length: 7\r\n\r\n", 0, TUNNEL_DONE, 0, ""},
    {"http://p", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0, TUNNEL_DONE, 0, ""},
    {"http://p", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 0,
     TUNNEL_DONE, 0, ""},
    {"http://p", "HTTP/1.1 299 Odd\r\n\r\n", 0, TUNNEL_DONE, 0, ""},
    {"http://p",
     "HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 102 P\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 0,
     TUNNEL_DONE, 0, ""},
    /* refused */
    {"http://p", "HTTP/1.1 403 Filtered\r\nContent-Length: 0\r\n\r\n", 0, TUNNEL_REFUSED, 403,
     "HTTP 403 Filtered, asked for example.org:443"},
    {"http://p", "HTTP/1.1 502 Bad Gateway\r\n\r\n", 0, TUNNEL_REFUSED, 502,
     "HTTP 502 Bad Gateway"},
    {"http://p", "HTTP/1.1 302 Found\r\nLocation: http://e/\r\n\r\n", 0, TUNNEL_REFUSED, 302,
     "HTTP 302"},
    {"http://p", "HTTP/1.1 101 Switching Protocols\r\n\r\n", 0, TUNNEL_REFUSED, 101, "HTTP 101"},
    {"http://p", "HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n", 0,
     TUNNEL_REFUSED, 407, "HTTP 407 Auth: it wants a user name and password, asked for example"},
    {"http://u:p@p", "HTTP/1.1 407 Auth\r\nProxy-Authenticate: basic realm=\"x\"\r\n\r\n", 0,
     TUNNEL_REFUSED, 407, "HTTP 407 Auth: user name and password were refused"},
    {"http://u:p@p",
     "HTTP/1.1 407 Auth\r\nProxy-Authenticate: Negotiate\r\nProxy-Authenticate: Digest x\r\n\r\n",
     0, TUNNEL_REFUSED, 407, "it wants another authorization than Basic"},
    {"http://u:p@p",
     "HTTP/1.1 407 Auth\r\nProxy-Authenticate: Digest\r\nProxy-Authenticate: Basic\r\n\r\n", 0,
     TUNNEL_REFUSED, 407, "user name and password were refused"},
    {"http://p", "HTTP/1.1 407 Auth\r\n\r\n", 0, TUNNEL_REFUSED, 407,
     "it wants a user name and password"},
    {"http://p", "HTTP/1.1 500 \x1b[2J" FIFTY FIFTY "\r\n\r\n", 0, TUNNEL_REFUSED, 0,
     "control character"},
    {"http://p", "HTTP/1.1 500 " FIFTY FIFTY "\r\n\r\n", 0, TUNNEL_REFUSED, 500,
     "01234567, asked for example.org:443"},
    /* no sense */
    {"http://p", "SSH-2.0-OpenSSH_9.2\r\n", 0, TUNNEL_REFUSED, 0, "malformed HTTP"},
    {"http://p", "HTTP/2.0 200 OK\r\n\r\n", 0, TUNNEL_REFUSED, 0, "HTTP"},
    {"http://p", "HTTP/1.1 2000 OK\r\n\r\n", 0, TUNNEL_REFUSED, 0, "HTTP"},
    {"http://p", "HTTP/1.1 200 OK\nA: b\n\n", 0, TUNNEL_REFUSED, 0, "malformed HTTP"},
    {"http://p", "HTTP/1.1 200 OK\r\nA b\r\n\r\n", 0, TUNNEL_REFUSED, 0, "malformed HTTP"},
    {"http://p", BYTES("\5\xFF"), TUNNEL_REFUSED, 0, "malformed HTTP"},
    {"http://p", BYTES("HTTP/1.1 200 OK\r\nA: \0\r\n\r\n"), TUNNEL_REFUSED, 0, "control character"},
    /* SOCKS5: opened */
    {"socks5h://p", BYTES(NONE "\5\0\0\1\1\2\3\4\5\6"), TUNNEL_DONE, 0, ""},
    {"socks5h://p",
     BYTES(NONE "\5\0\0\4"
                "0123456789abcdef"
                "\5\6"),
     TUNNEL_DONE, 0, ""},
    {"socks5h://p",
     BYTES(NONE "\5\0\0\3\3"
                "abc"
                "\5\6"),
     TUNNEL_DONE, 0, ""},
    {"socks5h://p", BYTES(NONE "\5\0\0\3\0\5\6"), TUNNEL_DONE, 0, ""},
    {"socks5h://p",
     BYTES(NONE "\5\0\0\3\xFF" FIFTY FIFTY FIFTY FIFTY FIFTY "12345"
                "\5\6"),
     TUNNEL_DONE, 0, ""},
    {"socks5h://u:p@p",
     BYTES(LOGIN "\1\0"
                 "\5\0\0\1\1\2\3\4\5\6"),
     TUNNEL_DONE, 0, ""},
    {"socks5h://u:p@p", BYTES(NONE "\5\0\0\1\1\2\3\4\5\6"), TUNNEL_DONE, 0, ""},
    /* refused */
    {"socks5h://p", BYTES("\5\xFF"), TUNNEL_REFUSED, 0,
     "SOCKS5: it wants a login, and there is no user name and password"},
    {"socks5h://u:p@p", BYTES("\5\xFF"), TUNNEL_REFUSED, 0, "SOCKS5: it takes no login of ours"},
    {"socks5h://u:p@p", BYTES(LOGIN "\1\1"), TUNNEL_REFUSED, 0,
     "SOCKS5: user name and password were refused"},
    {"socks5h://p", BYTES(NONE "\5\1"), TUNNEL_REFUSED, 0,
     "SOCKS5 reply 1: general failure of the proxy, asked for example.org:443"},
    {"socks5h://p", BYTES(NONE "\5\2"), TUNNEL_REFUSED, 0, "reply 2: not allowed by its rules"},
    {"socks5h://p", BYTES(NONE "\5\3"), TUNNEL_REFUSED, 0, "reply 3: network unreachable"},
    {"socks5h://p", BYTES(NONE "\5\4"), TUNNEL_REFUSED, 0, "reply 4: host unreachable"},
    {"socks5h://p", BYTES(NONE "\5\5"), TUNNEL_REFUSED, 0, "reply 5: connection refused"},
    {"socks5h://p", BYTES(NONE "\5\6"), TUNNEL_REFUSED, 0, "reply 6: TTL expired"},
    {"socks5h://p", BYTES(NONE "\5\7"), TUNNEL_REFUSED, 0, "reply 7: command not supported"},
    {"socks5h://p", BYTES(NONE "\5\10"), TUNNEL_REFUSED, 0, "reply 8: address type not supported"},
    {"socks5h://p", BYTES(NONE "\5\11"), TUNNEL_REFUSED, 0, "reply 9: of no known meaning"},
    {"socks5h://p", BYTES(NONE "\5\xFF"), TUNNEL_REFUSED, 0, "reply 255: of no known meaning"},
    /* no sense */
    {"socks5h://p", BYTES("H"), TUNNEL_REFUSED, 0,
     "it does not speak SOCKS5: an answer began with the byte 72"},
    {"socks5h://p", BYTES("\4"), TUNNEL_REFUSED, 0, "byte 4"},
    {"socks5h://p", BYTES(NONE "\4"), TUNNEL_REFUSED, 0, "byte 4"},
    {"socks5h://u:p@p", BYTES(LOGIN "\5"), TUNNEL_REFUSED, 0, "byte 5"},
    {"socks5h://p", BYTES("\5\2"), TUNNEL_REFUSED, 0, "a login method that was not offered: 2"},
    {"socks5h://u:p@p", BYTES("\5\1"), TUNNEL_REFUSED, 0, "not offered: 1"},
    {"socks5h://p", BYTES(NONE "\5\0\0\2\0"), TUNNEL_REFUSED, 0, "address of no known type: 2"},
    {"socks5h://p", BYTES(NONE "\5\0\0\0\0"), TUNNEL_REFUSED, 0, "address of no known type: 0"},
};

static size_t answer_len(const struct answer_case *c) {
  return c->answer_len ? c->answer_len : strlen(c->answer);
}

/* `first` bytes in one piece, the rest in pieces of `step`. Returns what was taken. */
static size_t feed_all(struct tunnel *tunnel, const uint8_t *in, size_t len, size_t first,
                       size_t step) {
  size_t at = 0, piece = first;
  enum tunnel_result result = TUNNEL_MORE;
  while (at < len && result <= TUNNEL_SEND) {
    size_t consumed;
    piece = piece < len - at ? piece : len - at;
    result =
        tunnel_feed(tunnel, memcpy(guard_tail(&guard, piece), in + at, piece), piece, &consumed);
    assert_true(consumed <= piece);
    if (result == TUNNEL_MORE)
      assert_int_equal(consumed, piece);
    at += consumed;
    piece = step;
  }
  return at;
}

static void assert_log_is_clean(const char *detail) {
  assert_true(strlen(detail) < TUNNEL_DETAIL_CAP);
  for (; *detail != '\0'; detail++)
    assert_true(*detail >= 0x20 && *detail < 0x7F);
}

static void assert_outcome(const struct answer_case *c, struct tunnel *tunnel, size_t taken) {
  size_t consumed = 1;
  if (tunnel->result != c->result || tunnel->http_status != c->status ||
      !strstr(tunnel->detail, c->detail))
    fail_msg("%s: %d %u %s", c->answer, tunnel->result, tunnel->http_status, tunnel->detail);
  assert_log_is_clean(tunnel->detail);
  if (c->result == TUNNEL_DONE)
    assert_int_equal(taken, answer_len(c));
  else
    assert_true(taken <= answer_len(c));
  assert_int_equal(tunnel_feed(tunnel, (const uint8_t *)"more", 4, &consumed), c->result);
  assert_int_equal(consumed, 0); /* it sticks, and takes nothing more */
}

static void read_one(const struct answer_case *c, size_t first, size_t step) {
  uint8_t text[1024];
  const size_t len = answer_len(c);
  struct talk talk;
  assert_true(len + BEHIND_LEN <= sizeof text);
  memcpy(text, c->answer, len);
  memcpy(text + len, BEHIND, BEHIND_LEN);
  talk_init(&talk, c->proxy, &by_name);
  assert_outcome(c, &talk.tunnel, feed_all(&talk.tunnel, text, len + BEHIND_LEN, first, step));
}

static void answers(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(answer_cases); i++) {
    const struct answer_case *c = &answer_cases[i];
    const size_t len = answer_len(c) + BEHIND_LEN;
    read_one(c, 1, 1);
    for (size_t first = 1; first <= len; first++)
      read_one(c, first, len);
  }
}

/* ---- what a proxy wants (RFC 9110 section 11.6.1) ---------------------------------- */

#define OTHER "it wants another authorization than Basic"
#define LOGIN_WANTED "it wants a user name and password"

struct challenge_case {
  const char *lines; /* of the head */
  const char *sentence;
};

static const struct challenge_case challenge_cases[] = {
    /* Basic among others */
    {"Proxy-Authenticate: Negotiate, Basic realm=\"x\"\r\n", LOGIN_WANTED},
    {"Proxy-Authenticate: Basic realm=\"x\", Negotiate\r\n", LOGIN_WANTED},
    {"Proxy-Authenticate: NTLM,basic\r\n", LOGIN_WANTED},
    {"Proxy-Authenticate: , ,\tBASIC\t\r\n", LOGIN_WANTED},
    {"Proxy-Authenticate: Negotiate YWI+Y2Q/ZQ==, Basic realm=x\r\n", LOGIN_WANTED},
    {"Proxy-Authenticate: Digest realm=\"a, b\", nonce = \"c\\\",d\", stale=false , Basic "
     "realm=\"x\", charset=\"UTF-8\"\r\n",
     LOGIN_WANTED},
    {"Proxy-Authenticate: Negotiate, NTLM\r\nproxy-authenticate: Digest realm=\"x\", Basic\r\n",
     LOGIN_WANTED},
    {"Proxy-Authenticate: Basic\r\nProxy-Authenticate: Negotiate\r\n", LOGIN_WANTED},
    {"Proxy-Authenticate: Basic Zm9v\r\n", LOGIN_WANTED},
    /* only others: Basic in a quoted string, as a parameter, as part of a word, elsewhere */
    {"Proxy-Authenticate: Negotiate, NTLM\r\n", OTHER},
    {"Proxy-Authenticate: Digest realm=\"x, Basic realm\", qop=\"auth\"\r\n", OTHER},
    {"Proxy-Authenticate: Digest realm=\"x\\\", Basic \"\r\n", OTHER},
    {"Proxy-Authenticate: Digest realm=\"never ended, Basic\r\n", OTHER},
    {"Proxy-Authenticate: Digest realm=x, Basic=y, basic =\"z\"\r\n", OTHER},
    {"Proxy-Authenticate: BasicX, X-Basic, Bas ic, \"Basic\"\r\n", OTHER},
    {"Proxy-Authenticate: Negotiate Basic\r\n", OTHER},
    {"Proxy-Authenticate: Negotiate\r\nWWW-Authenticate: Basic\r\n", OTHER},
    /* nothing said */
    {"Proxy-Authenticate:\r\n", LOGIN_WANTED},
    {"Proxy-Authenticate: ,, \r\n", LOGIN_WANTED},
};

static void challenges(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(challenge_cases); i++) {
    char head[512];
    (void)snprintf(head, sizeof head, "HTTP/1.1 407 Auth\r\n%s\r\n", challenge_cases[i].lines);
    const struct answer_case c = {"http://p",     head, 0,
                                  TUNNEL_REFUSED, 407,  challenge_cases[i].sentence};
    read_one(&c, 1, 1);
    read_one(&c, strlen(head), 1);
  }
}

/* What is cut short is neither an opening nor a refusal. */
static void unfinished_answers(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(answer_cases); i++) {
    const struct answer_case *c = &answer_cases[i];
    if (c->result != TUNNEL_DONE)
      continue;
    for (size_t len = 1; len < answer_len(c); len++) {
      struct talk talk;
      talk_init(&talk, c->proxy, &by_name);
      assert_int_equal(feed_all(&talk.tunnel, (const uint8_t *)c->answer, len, len, 1), len);
      assert_true(talk.tunnel.result <= TUNNEL_SEND);
    }
  }
}

/* Detail and status are a refusal's: nobody sees them of an answer that is not whole. */
static void unfinished_answers_tell_nothing(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(answer_cases); i++) {
    const struct answer_case *c = &answer_cases[i];
    for (size_t len = 1; len < answer_len(c); len++) {
      struct talk talk;
      talk_init(&talk, c->proxy, &by_name);
      feed_all(&talk.tunnel, (const uint8_t *)c->answer, len, len, 1);
      if (talk.tunnel.result == TUNNEL_REFUSED)
        continue;
      assert_string_equal(talk.tunnel.detail, "");
      assert_int_equal(talk.tunnel.http_status, 0);
    }
  }
}

/* ---- limits ------------------------------------------------------------------------ */

static void endless_heads(void **state) {
  (void)state;
  static const char *const pieces[] = {"X-More: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
                                       "\r\nHTTP/1.1 100 Continue\r\n", "y"};
  for (size_t i = 0; i < COUNT(pieces); i++) {
    struct talk talk;
    size_t consumed, taken = 0;
    enum tunnel_result result = TUNNEL_MORE;
    const char *piece = i == 1 ? "HTTP/1.1 100 Continue\r\n" : "HTTP/1.1 200 OK\r\nX-Long: ";
    talk_init(&talk, "http://p", &by_name);
    for (int count = 0; count < 4096 && result == TUNNEL_MORE; count++) {
      result = tunnel_feed(&talk.tunnel, (const uint8_t *)piece, strlen(piece), &consumed);
      taken += consumed;
      piece = pieces[i];
    }
    assert_int_equal(result, TUNNEL_REFUSED);
    assert_int_equal(taken, MAX_HEAD);
    assert_string_equal(talk.tunnel.detail, "its answer's head is longer than 1024 bytes");
    assert_int_equal(talk.tunnel.http_status, 0);
  }
}

/* Noise of a fixed generator: whatever comes, it ends within bounds or wants more. */
static void noise(void **state) {
  (void)state;
  static const char *const proxies[] = {"http://p", "socks5h://p", "socks5h://u:p@p"};
  uint32_t seed = 1;
  for (int round = 0; round < 3000; round++) {
    struct talk talk;
    uint8_t text[64];
    talk_init(&talk, proxies[round % 3], &by_name);
    for (size_t i = 0; i < sizeof text; i++) {
      seed = seed * 1664525 + 1013904223;
      text[i] = (uint8_t)((seed >> 24) % (round % 2 ? 256 : 6));
    }
    const size_t taken = feed_all(&talk.tunnel, text, sizeof text, 1 + (size_t)round % 7, 5);
    assert_true(taken <= sizeof text);
    assert_log_is_clean(talk.tunnel.detail);
  }
}

static void no_secrets_in_details(void **state) {
  (void)state;
  static const char *const proxies[] = {"http://user:s3cret@p", "socks5h://user:s3cret@p"};
  for (size_t p = 0; p < COUNT(proxies); p++)
    for (size_t i = 0; i < COUNT(answer_cases); i++) {
      struct talk talk;
      talk_init(&talk, proxies[p], &by_name);
      feed_all(&talk.tunnel, (const uint8_t *)answer_cases[i].answer, answer_len(&answer_cases[i]),
               1, 1);
      assert_null(strstr(talk.tunnel.detail, "s3cret"));
    }
}

static void what_is_awaited(void **state) {
  (void)state;
  struct talk talk;
  talk_init(&talk, "http://p", &by_name);
  assert_string_equal(tunnel_awaits(&talk.tunnel), "the answer to CONNECT");
  talk_init(&talk, "socks5://u:p@p", &by_ipv4);
  assert_string_equal(tunnel_awaits(&talk.tunnel), "the answer to the SOCKS5 greeting");
  feed(&talk, LOGIN, 2);
  assert_string_equal(tunnel_awaits(&talk.tunnel), "the answer to user name and password");
  feed(&talk, "\1\0", 2);
  assert_string_equal(tunnel_awaits(&talk.tunnel), "the answer to the SOCKS5 request");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(connect_requests),
      cmocka_unit_test(the_longest_request_fits),
      cmocka_unit_test(socks5_requests),
      cmocka_unit_test(socks5_login),
      cmocka_unit_test(answers),
      cmocka_unit_test(challenges),
      cmocka_unit_test(unfinished_answers),
      cmocka_unit_test(unfinished_answers_tell_nothing),
      cmocka_unit_test(endless_heads),
      cmocka_unit_test(noise),
      cmocka_unit_test(no_secrets_in_details),
      cmocka_unit_test(what_is_awaited),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
