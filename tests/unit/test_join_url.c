#include "join_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void addresses_of_conversations(void **state) {
  (void)state;
  static const struct {
    const char *relay, *conversation, *user;
    uint64_t after;
    const char *url;
  } cases[] = {
      {"ws://h", "c", "u", 0, "ws://h/ws?conversation_id=c&user_id=u&after=0"},
      {"ws://h:1/", "c", "u", 7, "ws://h:1/ws?conversation_id=c&user_id=u&after=7"},
      {"ws://h/ws", "c", "u", 0, "ws://h/ws?conversation_id=c&user_id=u&after=0"},
      {"ws://h/a/b", "c", "u", 0, "ws://h/a/b?conversation_id=c&user_id=u&after=0"},
      {"wss://h?token=t", "c", "u", 0, "wss://h/ws?token=t&conversation_id=c&user_id=u&after=0"},
      {"wss://h/ws?", "c", "u", 0, "wss://h/ws?conversation_id=c&user_id=u&after=0"},
      {"ws://h?x=/y://z", "c", "u", 0, "ws://h/ws?x=/y://z&conversation_id=c&user_id=u&after=0"},
      {"ws://[::1]:9", "c", "u", 0, "ws://[::1]:9/ws?conversation_id=c&user_id=u&after=0"},
      {"ws+unix:///s", "c", "u", 0, "ws+unix:///s:/ws?conversation_id=c&user_id=u&after=0"},
      {"ws+unix:/s:/q", "c", "u", 0, "ws+unix:/s:/q?conversation_id=c&user_id=u&after=0"},
      {"ws://h", "a b&c=1#?/%", "\xC3\xA9~-._", UINT64_MAX,
       "ws://h/ws?conversation_id=a%20b%26c%3D1%23%3F%2F%25&user_id=%C3%A9~-._"
       "&after=18446744073709551615"},
      {"nonsense", "c", "u", 0, "nonsense?conversation_id=c&user_id=u&after=0"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *url =
        join_url_write(cases[i].relay, cases[i].conversation, cases[i].user, cases[i].after);
    assert_string_equal(url, cases[i].url);
    free(url);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(addresses_of_conversations)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
