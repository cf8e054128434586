/* Addresses of proxies, NO_PROXY, and which proxy is chosen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proxies.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define FIFTY "01234567890123456789012345678901234567890123456789"
#define LONG_255 FIFTY FIFTY FIFTY FIFTY FIFTY "12345"

/* ---- addresses ------------------------------------------------------------------ */

struct good_case {
  const char *text;
  enum proxy_scheme scheme;
  const char *name, *credentials; /* NULL: none */
};

static const struct good_case good_cases[] = {
    {"http://proxy.example:3128", PROXY_HTTP, "proxy.example:3128", NULL},
    {"http://Proxy.Example:3128/", PROXY_HTTP, "proxy.example:3128", NULL},
    {"proxy.example:3128", PROXY_HTTP, "proxy.example:3128", NULL},
    {"proxy", PROXY_HTTP, "proxy:1080", NULL},
    {"http://proxy", PROXY_HTTP, "proxy:1080", NULL},
    {"http://proxy:80", PROXY_HTTP, "proxy:80", NULL},
    {"u:p@proxy:80", PROXY_HTTP, "proxy:80", "u:p"},
    {"SOCKS5://127.0.0.1", PROXY_SOCKS5, "127.0.0.1:1080", NULL},
    {"socks5h://[::1]:9050", PROXY_SOCKS5H, "[::1]:9050", NULL},
    {"socks5h://us%65r:p%40ss:w%3Ard@h:1", PROXY_SOCKS5H, "h:1", "user:p@ss:w:rd"},
    {"http://user@h:1", PROXY_HTTP, "h:1", "user:"},
    {"http://:@h:1", PROXY_HTTP, "h:1", ":"},
    {"http://@h:1", PROXY_HTTP, "h:1", NULL},
    {"socks5://" LONG_255 ":" LONG_255 "@h:1", PROXY_SOCKS5, "h:1", LONG_255 ":" LONG_255},
    {"http://" LONG_255 "6:" LONG_255 "6@h:1", PROXY_HTTP, "h:1", LONG_255 "6:" LONG_255 "6"},
};

static void good_addresses(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(good_cases); i++) {
    const struct good_case *c = &good_cases[i];
    struct proxy proxy;
    const char *error = "unset";
    char name[PROXY_NAME_CAP], credentials[1024];
    size_t len;
    if (!proxy_parse(&proxy, c->text, &error))
      fail_msg("%s: %s", c->text, error);
    assert_int_equal(proxy.scheme, c->scheme);
    proxy_name(&proxy, name);
    assert_string_equal(name, c->name);
    assert_int_equal(proxy.url.userinfo.len > 0, c->credentials != NULL);
    if (c->credentials) {
      assert_true(url_credentials(&proxy.url, credentials, sizeof credentials, &len));
      assert_string_equal(credentials, c->credentials);
    }
  }
}

static const char *const bad_cases[][2] = {
    {"", "empty"},
    {"https://proxy:443", "https:// (TLS to the proxy itself) is not supported"},
    {"socks4://proxy:1080", "scheme is not http://, socks5:// or socks5h://"},
    {"://proxy", "scheme"},
    {"http://", "host is empty"},
    {"http://:3128", "host is empty"},
    {"http://proxy:0", "port 0"},
    {"http://proxy:65536", "above 65535"},
    {"http://proxy:x", "not a number"},
    {"http://proxy:1/path", "path or query"},
    {"http://proxy:1?query", "path or query"},
    {"http://user:pass#word@proxy:1", "'#'"},
    {"http://pro xy:1", "space"},
    {"http://proxy\r\nX: y:1", "control character"},
    {"http://proxy\r\n:1", "control character"},
    {"http://u%0d%0a:p@proxy:1", "control character"},
    {"http://u%00:p@proxy:1", "control character"},
    {"http://u%zz@proxy:1", "percent sign"},
    {"http://1.2.3:1", "IPv4"},
    {"http://[::1:1", "bracket"},
    {"socks5://:password@proxy:1", "user name is empty"},
    {"socks5://" LONG_255 "6:p@proxy:1", "longer than 255"},
    {"socks5h://u:" LONG_255 "6@proxy:1", "longer than 255"},
};

static void bad_addresses(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(bad_cases); i++) {
    struct proxy proxy;
    const char *error = NULL;
    if (proxy_parse(&proxy, bad_cases[i][0], &error))
      fail_msg("'%s' was taken", bad_cases[i][0]);
    if (!error || !strstr(error, bad_cases[i][1]))
      fail_msg("'%s': %s", bad_cases[i][0], error ? error : "no sentence");
  }
}

static void too_long_an_address(void **state) {
  (void)state;
  static char text[URL_LEN_MAX + 16];
  struct proxy proxy;
  const char *error;
  memset(text, 'a', URL_LEN_MAX);
  assert_false(proxy_parse(&proxy, text, &error));
  assert_non_null(strstr(error, "longer than 8191"));
}

/* The longest host still leaves room for its port. */
static void long_names_are_cut(void **state) {
  (void)state;
  struct proxy proxy;
  const char *error;
  char name[PROXY_NAME_CAP];
  assert_true(proxy_parse(&proxy, "http://" FIFTY "." FIFTY ".a" FIFTY ":65535", &error));
  proxy_name(&proxy, name);
  assert_true(strlen(name) < sizeof name);
  assert_string_equal(name + strlen(name) - 6, ":65535");
}

/* ---- NO_PROXY ------------------------------------------------------------------- */

struct exempt_case {
  const char *url, *list;
  bool is_exempt;
};

static const struct exempt_case exempt_cases[] = {
    /* everything, and nothing */
    {"ws://example.org/", "*", true},
    {"ws://10.0.0.1/", "*", true},
    {"ws://example.org/", "*,other", false},
    {"ws://example.org/", "other,*", false},
    {"ws://example.org/", "", false},
    {"ws://example.org/", " ", false},
    {"ws://example.org/", ",,,", false},
    {"ws://example.org/", ".", false},
    /* names */
    {"ws://example.org/", "example.org", true},
    {"ws://EXAMPLE.org/", "Example.ORG", true},
    {"ws://www.example.org/", "example.org", true},
    {"ws://a.b.example.org/", "example.org", true},
    {"ws://example.org/", ".example.org", true},
    {"ws://www.example.org/", ".example.org", true},
    {"ws://anexample.org/", "example.org", false},
    {"ws://anexample.org/", ".example.org", false},
    {"ws://example.org/", "www.example.org", false},
    {"ws://example.org/", "org", true},
    {"ws://example.org.evil.example/", "example.org", false},
    {"ws://example.org./", "example.org", true},
    {"ws://example.org/", "example.org.", true},
    {"ws://www.example.org./", ".example.org.", true},
    {"ws://example.org/", "..example.org", false},
    {"ws://example.org/", "*.example.org", false},
    {"ws://www.example.org/", "*.example.org", false},
    {"ws://localhost/", "localhost,127.0.0.1", true},
    {"ws://localhost/", "127.0.0.1", false},
    /* lists */
    {"ws://example.org/", "a.example,b.example,example.org", true},
    {"ws://example.org/", "a.example, \texample.org", true},
    {"ws://example.org/", "a.example ,example.org", true},
    {"ws://example.org/", "a.example,,,,  example.org,", true},
    {"ws://example.org/", "a.example example.org", false},
    {"ws://example.org/", "example.org other", true},
    /* addresses */
    {"ws://127.0.0.1/", "127.0.0.1", true},
    {"ws://127.0.0.1/", "localhost", false},
    {"ws://127.0.0.1/", "0.1", false},
    {"ws://127.0.0.1/", ".0.0.1", false},
    {"ws://127.0.0.1/", "127.0.0.1.", false},
    {"ws://127.0.0.11/", "127.0.0.1", false},
    {"ws://[::1]/", "::1", true},
    {"ws://[::1]/", "0:0::1", true},
    {"ws://[::1]/", "[::1]", true},
    {"ws://[::1]/", "::2", false},
    {"ws://[::ffff:127.0.0.1]/", "127.0.0.1", false},
    /* networks */
    {"ws://10.1.2.3/", "10.0.0.0/8", true},
    {"ws://11.1.2.3/", "10.0.0.0/8", false},
    {"ws://192.168.0.1/", "192.168.0.0/16", true},
    {"ws://192.168.1.1/", "192.168.0.0/24", false},
    {"ws://192.168.1.1/", "192.168.0.0/23", true},
    {"ws://192.168.2.1/", "192.168.0.0/23", false},
    {"ws://192.168.0.1/", "192.168.0.0/32", false},
    {"ws://192.168.0.0/", "192.168.0.0/32", true},
    {"ws://192.168.0.1/", "192.168.0.1/33", false},
    {"ws://192.168.0.1/", "192.168.0.1/99999999999999999999999", false},
    {"ws://192.168.0.1/", "192.168.0.1/-1", false},
    {"ws://192.168.0.1/", "192.168.0.1/x", false},
    {"ws://192.168.0.1/", "192.168.0.1/0", true},
    {"ws://192.168.0.2/", "192.168.0.1/0", false},
    {"ws://[fd00::1]/", "fd00::/8", true},
    {"ws://[fe80::1]/", "fd00::/8", false},
    {"ws://[fe80::1]/", "fe80::/10", true},
    {"ws://[fec0::1]/", "fe80::/10", false},
    {"ws://[::1]/", "::1/129", false},
    {"ws://example.org/", "10.0.0.0/8", false},
    {"ws://10.0.0.1/", "10.0.0.1/" FIFTY FIFTY, false},
    /* ports */
    {"ws://example.org:8080/", "example.org:8080", true},
    {"ws://www.example.org:8080/", ".example.org:8080", true},
    {"ws://example.org:8081/", "example.org:8080", false},
    {"ws://example.org/", "example.org:80", true},
    {"wss://example.org/", "example.org:443", true},
    {"ws://example.org/", "example.org:", false},
    {"ws://example.org/", "example.org:x", false},
    {"ws://example.org/", "example.org:65616", false}, /* 80 + 65536 */
    {"ws://10.0.0.1:81/", "10.0.0.1:81", true},
    {"ws://10.0.0.1:81/", "10.0.0.1:82", false},
    {"ws://10.0.0.1:81/", "10.0.0.0/8:81", true},
    {"ws://[::1]:81/", "[::1]:81", true},
    {"ws://[::1]:81/", "[::1]:82", false},
    {"ws://[::1]:81/", "[::1", false},
};

static struct url parse(const char *text) {
  struct url url;
  const char *error;
  if (!url_parse(&url, text, strlen(text), &error))
    fail_msg("%s: %s", text, error);
  return url;
}

static void exemptions(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(exempt_cases); i++) {
    const struct exempt_case *c = &exempt_cases[i];
    const struct url url = parse(c->url);
    if (proxy_is_exempt(c->list, &url) != c->is_exempt)
      fail_msg("%s with NO_PROXY=%s", c->url, c->list);
  }
}

/* ---- the choice ----------------------------------------------------------------- */

#define VARIABLES_MAX 8

struct choice_case {
  const char *variables[VARIABLES_MAX]; /* "name=value" */
  const char *given, *url, *chosen;     /* chosen: host and port, NULL: none */
};

static const struct choice_case choice_cases[] = {
    {{NULL}, NULL, "ws://h/", NULL},
    {{"http_proxy=a:1"}, NULL, "ws://h/", "a:1"},
    {{"http_proxy=a:1"}, NULL, "wss://h/", NULL},
    {{"HTTP_PROXY=a:1"}, NULL, "ws://h/", NULL},
    {{"HTTP_PROXY=a:1", "ALL_PROXY=b:1"}, NULL, "ws://h/", "b:1"},
    {{"https_proxy=a:1", "HTTPS_PROXY=b:1"}, NULL, "wss://h/", "a:1"},
    {{"https_proxy=", "HTTPS_PROXY=b:1"}, NULL, "wss://h/", "b:1"},
    {{"HTTPS_PROXY=b:1"}, NULL, "ws://h/", NULL},
    {{"all_proxy=a:1", "ALL_PROXY=b:1"}, NULL, "ws://h/", "a:1"},
    {{"all_proxy=a:1", "http_proxy=c:1", "https_proxy=d:1"}, NULL, "ws://h/", "c:1"},
    {{"all_proxy=a:1", "http_proxy=c:1", "https_proxy=d:1"}, NULL, "wss://h/", "d:1"},
    {{"http_proxy=", "ALL_PROXY=b:1"}, NULL, "ws://h/", "b:1"},
    {{"ws_proxy=a:1", "http_proxy=b:1"}, NULL, "ws://h/", "a:1"},
    {{"WS_PROXY=a:1", "http_proxy=b:1"}, NULL, "ws://h/", "a:1"},
    {{"WSS_PROXY=a:1", "https_proxy=b:1"}, NULL, "wss://h/", "a:1"},
    {{"ws_proxy=a:1"}, NULL, "wss://h/", NULL},
    {{"http_proxy=a:1", "no_proxy=h"}, NULL, "ws://h/", NULL},
    {{"http_proxy=a:1", "NO_PROXY=h"}, NULL, "ws://h/", NULL},
    {{"http_proxy=a:1", "NO_PROXY=h"}, NULL, "ws://i/", "a:1"},
    {{"http_proxy=a:1", "no_proxy=i", "NO_PROXY=h"}, NULL, "ws://h/", "a:1"},
    {{"http_proxy=a:1"}, NULL, "ws://127.0.0.1/", "a:1"},
    {{"http_proxy=a:1"}, NULL, "ws://localhost/", "a:1"},
    {{"http_proxy=a:1"}, NULL, "ws+unix:/tmp/s:/", NULL},
    {{"http_proxy=a:1"}, "b:1", "ws://h/", "b:1"},
    {{"http_proxy=a:1"}, "", "ws://h/", NULL},
    {{"NO_PROXY=h"}, "b:1", "ws://h/", NULL},
    {{NULL}, "b:1", "wss://h/", "b:1"},
    {{NULL}, "b:1", "ws+unix:/tmp/s:/", NULL},
    /* what is not used need not be good */
    {{"http_proxy=socks4://a:1", "no_proxy=h"}, NULL, "ws://h/", NULL},
    {{"http_proxy=socks4://a:1", "https_proxy=b:1"}, NULL, "wss://h/", "b:1"},
};

static void clear_environment(void) {
  static const char *const words[] = {"http", "https", "ws", "wss", "all", "no"};
  for (size_t i = 0; i < COUNT(words); i++) {
    char name[16];
    (void)snprintf(name, sizeof name, "%s_proxy", words[i]);
    unsetenv(name);
    for (char *at = name; *at; at++)
      *at = *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
    unsetenv(name);
  }
}

static void set_environment(const char *const *variables) {
  clear_environment();
  for (size_t i = 0; i < VARIABLES_MAX && variables[i]; i++) {
    char name[32];
    const size_t len = strcspn(variables[i], "=");
    (void)snprintf(name, sizeof name, "%.*s", (int)len, variables[i]);
    assert_int_equal(setenv(name, variables[i] + len + 1, 1), 0);
  }
}

static void choices(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(choice_cases); i++) {
    const struct choice_case *c = &choice_cases[i];
    const struct url url = parse(c->url);
    struct proxies proxies = {.given = c->given};
    struct proxy proxy;
    char error[PROXIES_ERROR_CAP], name[PROXY_NAME_CAP] = "none";
    set_environment(c->variables);
    proxies_read_environment(&proxies);
    const enum proxies_choice choice = proxies_choose(&proxies, &url, &proxy, error);
    if (choice == PROXIES_ONE)
      proxy_name(&proxy, name);
    if (choice != (c->chosen ? PROXIES_ONE : PROXIES_NONE) ||
        (c->chosen && strcmp(name, c->chosen) != 0))
      fail_msg("case %zu, %s: %d %s", i, c->url, choice, name);
  }
  clear_environment();
}

static void the_variable_to_blame_is_named(void **state) {
  (void)state;
  static const char *const variables[][VARIABLES_MAX] = {{"HTTPS_PROXY=socks4://u:secret@h:1"},
                                                         {"all_proxy=http://u:secret@h:0"}};
  static const char *const sentences[] = {"HTTPS_PROXY: scheme is not", "all_proxy: port 0"};
  const struct url url = parse("wss://h/");
  for (size_t i = 0; i < COUNT(variables); i++) {
    struct proxies proxies = {.given = NULL};
    struct proxy proxy;
    char error[PROXIES_ERROR_CAP];
    set_environment(variables[i]);
    proxies_read_environment(&proxies);
    assert_int_equal(proxies_choose(&proxies, &url, &proxy, error), PROXIES_BAD);
    assert_ptr_equal(strstr(error, sentences[i]), error);
    assert_null(strstr(error, "secret"));
  }
  clear_environment();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(good_addresses),
      cmocka_unit_test(bad_addresses),
      cmocka_unit_test(too_long_an_address),
      cmocka_unit_test(long_names_are_cut),
      cmocka_unit_test(exemptions),
      cmocka_unit_test(choices),
      cmocka_unit_test(the_variable_to_blame_is_named),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
