#include "keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Text as it is, other keys as <number>. */
static void decode(const char *bytes, size_t len, char *out, size_t cap) {
  struct keys keys = {.len = 0};
  struct key_event event;
  size_t used = 0;
  out[0] = '\0';
  for (size_t i = 0; i < len && used < cap; i++) {
    if (!keys_take(&keys, bytes[i], &event))
      continue;
    used += event.key == KEY_TEXT
                ? (size_t)snprintf(out + used, cap - used, "%.*s", (int)event.len, event.text)
                : (size_t)snprintf(out + used, cap - used, "<%d>", event.key);
  }
}

static void bytes_are_keys(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    const char *text; /* NULL: one key, */
    enum key key;     /* this one */
  } cases[] = {
      {"abc", "abc", 0},
      {"\xC3\xA9\xE4\xBD\xA0\xF0\x9F\xA6\x80", "\xC3\xA9\xE4\xBD\xA0\xF0\x9F\xA6\x80", 0},
      {"\xE4\xBDz", "z", 0}, /* cut short */
      {"\xFFz\x80", "z", 0},
      {"\r", NULL, KEY_ENTER},
      {"\177", NULL, KEY_BACKSPACE},
      {"\b", NULL, KEY_BACKSPACE},
      {"\x01", NULL, KEY_HOME},
      {"\x03", NULL, KEY_INTERRUPT},
      {"\x04", NULL, KEY_DELETE_OR_END},
      {"\x12", NULL, KEY_RETRY},
      {"\x14", NULL, KEY_METRICS},
      {"\x15", NULL, KEY_ERASE_TO_BEGIN},
      {"\x17", NULL, KEY_ERASE_WORD},
      {"\033[A", NULL, KEY_UP},
      {"\033OB", NULL, KEY_DOWN},
      {"\033[H", NULL, KEY_HOME},
      {"\033[4~", NULL, KEY_END},
      {"\033[5~", NULL, KEY_PAGE_UP},
      {"\033[6~", NULL, KEY_PAGE_DOWN},
      {"\033[3~", NULL, KEY_DELETE},
      {"\033OQ", NULL, KEY_METRICS},
      {"\033[12~", NULL, KEY_METRICS},
      {"\033[[B", NULL, KEY_METRICS},
      {"\033[1;5C", NULL, KEY_WORD_RIGHT},
      {"\033\033[A", NULL, KEY_UP},
      {"\x02\x05", "<5><10>", 0},
      {"\x1F\x1D", "", 0},
      /* swallowed whole */
      {"\033[99~z", "z", 0},
      {"\033[?1;2cz", "z", 0},
      {"\033Zz", "z", 0},
      {"\033[1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1mz", "z", 0},
      /* a paste */
      {"\033[200~a\r\nb\tc\003\033[201~\r", "a  b c<1>", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char out[64], expected[64];
    decode(cases[i].bytes, strlen(cases[i].bytes), out, sizeof out);
    if (cases[i].text)
      (void)snprintf(expected, sizeof expected, "%s", cases[i].text);
    else
      (void)snprintf(expected, sizeof expected, "<%d>", cases[i].key);
    if (strcmp(out, expected) != 0)
      fail_msg("case %zu: '%s', not '%s'", i, out, expected);
  }
}

static void every_pair_of_bytes_is_survived(void **state) {
  (void)state;
  char out[64];
  for (unsigned i = 0; i < 65536; i++) {
    const char bytes[4] = {'\033', (char)(i >> 8), (char)i, 'z'};
    decode(bytes, sizeof bytes, out, sizeof out);
    decode(bytes + 1, 3, out, sizeof out);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_are_keys),
      cmocka_unit_test(every_pair_of_bytes_is_survived),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
