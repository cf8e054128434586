/* Addresses: what is taken apart, what is refused and why, and what a log may show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"
#include "url.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define TEN "0123456789"
#define SIXTY TEN TEN TEN TEN TEN TEN

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

struct good_case {
  const char *text;
  enum url_scheme scheme;
  const char *host;
  int ip; /* 4, 6 or 0 */
  uint16_t port;
  const char *host_header, *target, *unix_path;
};

static const struct good_case good_cases[] = {
    {"ws://h", URL_WS, "h", 0, 80, "h", "/", ""},
    {"WSS://Example.COM/Path?Q=1", URL_WSS, "example.com", 0, 443, "example.com", "/Path?Q=1", ""},
    {"ws://h:80/", URL_WS, "h", 0, 80, "h", "/", ""},
    {"ws://h:443/", URL_WS, "h", 0, 443, "h:443", "/", ""},
    {"wss://h:443/", URL_WSS, "h", 0, 443, "h", "/", ""},
    {"wss://h:80/", URL_WSS, "h", 0, 80, "h:80", "/", ""},
    {"ws://h:65535", URL_WS, "h", 0, 65535, "h:65535", "/", ""},
    {"ws://h:00081", URL_WS, "h", 0, 81, "h:81", "/", ""},
    {"ws://h:", URL_WS, "h", 0, 80, "h", "/", ""},
    {"ws://h:/x", URL_WS, "h", 0, 80, "h", "/x", ""},
    {"ws://h?", URL_WS, "h", 0, 80, "h", "/?", ""},
    {"ws://h?a=b", URL_WS, "h", 0, 80, "h", "/?a=b", ""},
    {"ws://h/a%20b?c=%E2%82%ac/?@:", URL_WS, "h", 0, 80, "h", "/a%20b?c=%E2%82%ac/?@:", ""},
    {"ws://a_b-c.example./", URL_WS, "a_b-c.example.", 0, 80, "a_b-c.example.", "/", ""},
    {"ws://127.0.0.1:9001/", URL_WS, "127.0.0.1", 4, 9001, "127.0.0.1:9001", "/", ""},
    {"ws://1a/", URL_WS, "1a", 0, 80, "1a", "/", ""},
    {"ws://h.0xg/", URL_WS, "h.0xg", 0, 80, "h.0xg", "/", ""},
    {"ws://[::1]/", URL_WS, "::1", 6, 80, "[::1]", "/", ""},
    {"ws://[2001:DB8::A]:81", URL_WS, "2001:db8::a", 6, 81, "[2001:db8::a]:81", "/", ""},
    {"ws://[::ffff:192.0.2.1]/", URL_WS, "::ffff:192.0.2.1", 6, 80, "[::ffff:192.0.2.1]", "/", ""},
    {"ws://u:p@[::1]:81/x", URL_WS, "::1", 6, 81, "[::1]:81", "/x", ""},
    {"ws+unix:///run/a.sock", URL_WS_UNIX, "", 0, 0, "localhost", "/", "/run/a.sock"},
    {"ws+unix:/run/a.sock:/chat?x=1", URL_WS_UNIX, "", 0, 0, "localhost", "/chat?x=1",
     "/run/a.sock"},
    {"ws+unix:///run/a%3Ab%20c:", URL_WS_UNIX, "", 0, 0, "localhost", "/", "/run/a:b c"},
    {"ws+unix:///s?y", URL_WS_UNIX, "", 0, 0, "localhost", "/?y", "/s"},
    {"ws+unix:///s:?y", URL_WS_UNIX, "", 0, 0, "localhost", "/?y", "/s"},
    {"ws+unix://u:p@/s:/y", URL_WS_UNIX, "", 0, 0, "localhost", "/y", "/s"},
};

static void check_good(const struct good_case *c) {
  struct url url;
  const char *error = NULL;
  char text[256];
  char *copy = guarded_copy(c->text, strlen(c->text));
  assert_true(url_parse(&url, copy, strlen(c->text), &error));
  assert_null(error);
  assert_int_equal(url.scheme, c->scheme);
  assert_string_equal(url.host, c->host);
  assert_int_equal(url.host_is_ip, c->ip != 0);
  assert_int_equal(url.host_is_ipv6, c->ip == 6);
  assert_int_equal(url.port, c->port);
  assert_string_equal(url.unix_path, c->unix_path);
  assert_int_equal(url_host_header(&url, text, sizeof text), strlen(c->host_header));
  assert_string_equal(text, c->host_header);
  assert_int_equal(url_request_target(&url, text, sizeof text), strlen(c->target));
  assert_string_equal(text, c->target);
}

static void good_addresses_are_taken_apart(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(good_cases); i++)
    check_good(&good_cases[i]);
}

struct bad_case {
  const char *text, *error; /* a part of the message */
};

static const struct bad_case bad_cases[] = {
    {"", "empty"},
    {"h", "scheme"},
    {"ws:/h", "scheme"},
    {"http://h/", "scheme"},
    {"ws", "scheme"},
    {"ws://h/#", "fragment"},
    {"ws://h/#x", "fragment"},
    {"ws://h#x", "fragment"},
    {"ws://h/a b", "space"},
    {" ws://h/", "space"},
    {"ws://h/\t", "control"},
    {"ws://h/a\r\nX: y", "control"},
    {"ws://h/\x7F", "control"},
    {"ws://h/\xC3\xA9", "0x7F"},
    {"ws://b\xC3\xBC/", "0x7F"},
    {"ws://h/%", "percent"},
    {"ws://h/%2", "percent"},
    {"ws://h/%2G", "percent"},
    {"ws://h/%G2", "percent"},
    {"ws://", "host is empty"},
    {"ws:///x", "host is empty"},
    {"ws://:80/", "host is empty"},
    {"ws://u@/", "host is empty"},
    {"ws://./", "host is empty"},
    {"ws://a..b/", "empty label"},
    {"ws://.a/", "empty label"},
    {"ws://a../", "empty label"},
    {"ws://a%41/", "character"},
    {"ws://a*b/", "character"},
    {"ws://a\\b/", "character"},
    {"ws://u:p@ss@h/", "character"},
    {"ws://" SIXTY "abcd/", "label"},
    {"ws://a." SIXTY "." SIXTY "." SIXTY "." SIXTY "." SIXTY "/", "253"},
    {"ws://1.2.3/", "IPv4"},
    {"ws://256.1.1.1/", "IPv4"},
    {"ws://1.2.3.4./", "IPv4"},
    {"ws://2130706433/", "IPv4"},
    {"ws://0x7f000001/", "IPv4"},
    {"ws://1.0X1/", "IPv4"},
    {"ws://h:0/", "port 0"},
    {"ws://h:70000/", "65535"},
    {"ws://h:99999999999999999999/", "65535"},
    {"ws://h:8a/", "not a number"},
    {"ws://h:-1/", "not a number"},
    {"ws://[::1/", "closing bracket"},
    {"ws://[::1%25eth0]/", "zone"},
    {"ws://[]/", "IPv6"},
    {"ws://[1.2.3.4]/", "IPv6"},
    {"ws://[v1.x]/", "IPv6"},
    {"ws://[0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0:0]/", "IPv6"},
    {"ws://[::1]x/", "after the host"},
    {"ws://u%0Ax@h/", "control"},
    {"ws://u%7F@h/", "control"},
    {"ws://u%3Av:p@h/", "colon"},
    {"ws+unix:", "not absolute"},
    {"ws+unix:run/a", "not absolute"},
    {"ws+unix://", "not absolute"},
    {"ws+unix://?x", "not absolute"},
    {"ws+unix://h/s", "host not allowed"},
    {"ws+unix://u%0A@/s", "control"},
    {"ws+unix:///a%00b", "NUL"},
    {"ws+unix:///s:x", "begin with /"},
    {"ws+unix:///" SIXTY SIXTY, "107"},
};

static void bad_addresses_are_refused_with_the_reason(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(bad_cases); i++) {
    struct url url;
    const char *error = NULL;
    const size_t len = strlen(bad_cases[i].text);
    char *copy = guarded_copy(bad_cases[i].text, len);
    if (url_parse(&url, copy, len, &error))
      fail_msg("accepted: %s", bad_cases[i].text);
    if (strstr(error, bad_cases[i].error) == NULL)
      fail_msg("%s: '%s' instead of '%s'", bad_cases[i].text, error, bad_cases[i].error);
  }
}

/* No prefix of an address is read past its end. */
static void every_cut_stays_inside(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(good_cases); i++) {
    for (size_t len = 0; len <= strlen(good_cases[i].text); len++) {
      struct url url;
      const char *error;
      char *copy = guarded_copy(good_cases[i].text, len);
      const bool is_good = url_parse(&url, copy, len, &error);
      assert_int_equal(is_good, error == NULL);
    }
  }
}

static void length_limits(void **state) {
  (void)state;
  static char text[URL_LEN_MAX + 1];
  struct url url;
  const char *error;
  memset(text, 'a', sizeof text);
  memcpy(text, "ws://h/", 7);
  assert_true(url_parse(&url, text, URL_LEN_MAX - 1, &error));
  assert_false(url_parse(&url, text, URL_LEN_MAX, &error));
  assert_non_null(strstr(error, "8191"));
  /* 253 bytes are the longest name, and a dot may follow */
  const char longest[] = "ws://1234567." SIXTY "." SIXTY "." SIXTY "." SIXTY "ab.";
  const char longer[] = "ws://12345678." SIXTY "." SIXTY "." SIXTY "." SIXTY "ab.";
  assert_true(url_parse(&url, longest, sizeof longest - 1, &error));
  assert_int_equal(strlen(url.host), 254);
  assert_false(url_parse(&url, longer, sizeof longer - 1, &error));
  assert_non_null(strstr(error, "253"));
}

struct credentials_case {
  const char *text, *credentials;
};

static const struct credentials_case credentials_cases[] = {
    {"ws://user:pass@h/", "user:pass"},
    {"ws://user@h/", "user:"},
    {"ws://:pass@h/", ":pass"},
    {"ws://u%20%c3%A9:p%3A%40:x@h/", "u \xC3\xA9:p:@:x"},
    {"ws://h/", ":"},
};

static void credentials_are_decoded(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(credentials_cases); i++) {
    const struct credentials_case *c = &credentials_cases[i];
    struct url url;
    const char *error;
    char text[64];
    size_t len = 0;
    assert_true(url_parse(&url, c->text, strlen(c->text), &error));
    assert_true(url_credentials(&url, text, sizeof text, &len));
    assert_int_equal(len, strlen(c->credentials));
    assert_memory_equal(text, c->credentials, len);
    assert_true(url_credentials(&url, text, len + 1, &len));
    assert_false(url_credentials(&url, text, len, &len));
  }
}

static void writing_is_cut_at_the_room_given(void **state) {
  (void)state;
  struct url url;
  const char *error;
  char text[8];
  const char address[] = "ws://example.org:8080/long/path";
  assert_true(url_parse(&url, address, sizeof address - 1, &error));
  assert_int_equal(url_request_target(&url, text, sizeof text), 7);
  assert_string_equal(text, "/long/p");
  assert_int_equal(url_host_header(&url, text, sizeof text), 7);
  assert_string_equal(text, "example");
  assert_int_equal(url_request_target(&url, text, 1), 0);
  assert_string_equal(text, "");
}

struct redact_case {
  const char *text, *redacted;
};

static const struct redact_case redact_cases[] = {
    {"ws://h/p", "ws://h/p"},
    {"wss://user:secret@h:1/p", "wss://***@h:1/p"},
    {"ws://h/p?a=secret&b=secret", "ws://h/p?a=***&b=***"},
    {"ws://h/p?a=", "ws://h/p?a=***"},
    {"ws://h/p?secret", "ws://h/p?***"},
    {"ws://h/p?a=x=y&&b=1&", "ws://h/p?a=***&&b=***&"},
    {"ws://h?a=b", "ws://h?a=***"},
    {"ws://h/p?", "ws://h/p?"},
    {"ws://h/p@q", "ws://h/p@q"},
    {"ws://h/p?a=x@y", "ws://h/p?a=***"},
    {"ws://h?u=ws://secret", "ws://h?u=***"},
    {"ws+unix://u:p@/s:/p?a=secret", "ws+unix://***@/s:/p?a=***"},
    {"ws+unix:/a@b:/p", "ws+unix:/a@b:/p"},
    /* no addresses */
    {"", ""},
    {"http://u:secret@h/?a=secret#secret", "http://***@h/?a=***#***"},
    {"http://u:secret@h/x", "http://***@h/x"},
    {"ws://h/p#secret", "ws://h/p#***"},
    {"ws://h/p?a=secret#secret", "ws://h/p?a=***#***"},
    {"u:secret@h/p?a=secret", "***@h/p?a=***"},
    {"/p?a=secret", "/p?a=***"},
    {"/p?a=ws://secret", "/p?a=***"},
    {"ws://u:sec/ret@h/p", "ws://***@h/p"},
    {"ws://u:sec?ret@h/p", "ws://***"},
    {"ws://u:sec#ret@h/p", "ws://***"},
    {"u:sec://ret@h/p", "***@h/p"}, /* what stands before :// is a scheme, or it is none */
    {" ws://u:secret@h/p", "***@h/p"},
    {"ws://h/a b\r\n\x1B[31m\xC3", "ws://h/a%20b%0D%0A%1B[31m%C3"},
};

static void secrets_do_not_reach_logs(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(redact_cases); i++) {
    const struct redact_case *c = &redact_cases[i];
    const size_t wanted = strlen(c->redacted);
    for (size_t cap = 0; cap <= wanted + 2; cap++) {
      char text[80];
      memset(text, '!', sizeof text);
      assert_int_equal(url_redact(c->text, text, cap), wanted);
      const size_t len = cap == 0 ? 0 : cap - 1 < wanted ? cap - 1 : wanted;
      if (memcmp(text, c->redacted, len) != 0)
        fail_msg("%s: %s", c->text, text);
      if (cap > 0)
        assert_int_equal(text[len], '\0');
      for (size_t at = cap; at < sizeof text; at++)
        assert_int_equal(text[at], '!');
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_addresses_are_taken_apart),
      cmocka_unit_test(bad_addresses_are_refused_with_the_reason),
      cmocka_unit_test(every_cut_stays_inside),
      cmocka_unit_test(length_limits),
      cmocka_unit_test(credentials_are_decoded),
      cmocka_unit_test(writing_is_cut_at_the_room_given),
      cmocka_unit_test(secrets_do_not_reach_logs),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
