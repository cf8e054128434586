#include "relay_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGE(members)                                                                           \
  "{\"type\":\"message\",\"conversation_id\":\"c\",\"created_at\":\"2026-11-25T16:34:18."          \
  "123Z\"," members "}"
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void texts_are_told_apart(void **state) {
  (void)state;
  static const struct {
    const char *text;
    enum relay_text_kind kind;
  } cases[] = {
      {MESSAGE("\"id\":\"i\",\"sender_id\":\"s\",\"plaintext\":\"p\",\"sequence_number\":1"),
       RELAY_TEXT_MESSAGE},
      {MESSAGE("\"id\":\"" X64 X64
               "\",\"sender_id\":\"s\",\"plaintext\":\"\",\"sequence_number\":9223372036854775807"),
       RELAY_TEXT_MESSAGE},
      {MESSAGE(
           "\"id\":\"i\",\"sender_id\":\"s\",\"plaintext\":\"p\",\"sequence_number\":1,\"x\":[]"),
       RELAY_TEXT_MESSAGE},
      /* each member missing, of a wrong type, out of range */
      {MESSAGE("\"sender_id\":\"s\",\"plaintext\":\"p\",\"sequence_number\":1"),
       RELAY_TEXT_MALFORMED},
      {MESSAGE("\"id\":\"i\",\"plaintext\":\"p\",\"sequence_number\":1"), RELAY_TEXT_MALFORMED},
      {MESSAGE("\"id\":\"i\",\"sender_id\":\"s\",\"sequence_number\":1"), RELAY_TEXT_MALFORMED},
      {MESSAGE("\"id\":\"i\",\"sender_id\":\"s\",\"plaintext\":\"p\""), RELAY_TEXT_MALFORMED},
      {MESSAGE("\"id\":7,\"sender_id\":\"s\",\"plaintext\":\"p\",\"sequence_number\":1"),
       RELAY_TEXT_MALFORMED},
      {MESSAGE("\"id\":\"\",\"sender_id\":\"s\",\"plaintext\":\"p\",\"sequence_number\":1"),
       RELAY_TEXT_MALFORMED},
      {MESSAGE("\"id\":\"x" X64 X64
               "\",\"sender_id\":\"s\",\"plaintext\":\"p\",\"sequence_number\":1"),
       RELAY_TEXT_MALFORMED},
      {MESSAGE("\"id\":\"i\",\"sender_id\":\"s\",\"plaintext\":null,\"sequence_number\":1"),
       RELAY_TEXT_MALFORMED},
      {MESSAGE("\"id\":\"i\",\"sender_id\":\"s\",\"plaintext\":\"p\",\"sequence_number\":0"),
       RELAY_TEXT_MALFORMED},
      {MESSAGE("\"id\":\"i\",\"sender_id\":\"s\",\"plaintext\":\"p\",\"sequence_number\":-1"),
       RELAY_TEXT_MALFORMED},
      {MESSAGE("\"id\":\"i\",\"sender_id\":\"s\",\"plaintext\":\"p\",\"sequence_number\":1.5"),
       RELAY_TEXT_MALFORMED},
      {MESSAGE("\"id\":\"i\",\"sender_id\":\"s\",\"plaintext\":\"p\",\"sequence_number\":\"1\""),
       RELAY_TEXT_MALFORMED},
      {MESSAGE("\"id\":\"i\",\"sender_id\":\"s\",\"plaintext\":\"p\","
               "\"sequence_number\":99999999999999999999"),
       RELAY_TEXT_MALFORMED},
      {"{\"type\":\"message\",\"conversation_id\":\"c\",\"created_at\":\"today\",\"id\":\"i\","
       "\"sender_id\":\"s\",\"plaintext\":\"p\",\"sequence_number\":1}",
       RELAY_TEXT_MALFORMED},
      {"{\"type\":\"replayed\",\"sequence_number\":0}", RELAY_TEXT_REPLAYED},
      {"{\"type\":\"replayed\",\"sequence_number\":-1}", RELAY_TEXT_MALFORMED},
      {"{\"type\":\"replayed\"}", RELAY_TEXT_MALFORMED},
      {"{\"type\":\"ack\",\"id\":\"i\",\"sequence_number\":3}", RELAY_TEXT_ACK},
      {"{\"type\":\"ack\",\"sequence_number\":3}", RELAY_TEXT_MALFORMED},
      {"{\"type\":\"error\",\"code\":\"c\",\"message\":\"m\"}", RELAY_TEXT_ERROR},
      {"{\"type\":\"error\",\"code\":\"c\"}", RELAY_TEXT_MALFORMED},
      {"{\"type\":\"pong\"}", RELAY_TEXT_OTHER},
      {"{\"type\":\"\"}", RELAY_TEXT_OTHER},
      {"{\"type\":1}", RELAY_TEXT_MALFORMED},
      {"{}", RELAY_TEXT_MALFORMED},
      {"[]", RELAY_TEXT_MALFORMED},
      {"7", RELAY_TEXT_MALFORMED},
      {"", RELAY_TEXT_MALFORMED},
      {"{\"type\":\"pong\"", RELAY_TEXT_MALFORMED},
      {"{\"type\":\"pong\"}x", RELAY_TEXT_MALFORMED},
      {"{\"type\":\"p\\u0000\"}", RELAY_TEXT_MALFORMED},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct relay_text text;
    relay_text_read(&text, cases[i].text, strlen(cases[i].text));
    if (text.kind != cases[i].kind)
      fail_msg("%s: kind %d", cases[i].text, text.kind);
    relay_text_release(&text);
  }
}

static void nesting_is_bounded(void **state) {
  (void)state;
  static char deep[100000];
  struct relay_text text;
  memset(deep, '[', sizeof deep);
  relay_text_read(&text, deep, sizeof deep);
  assert_int_equal(text.kind, RELAY_TEXT_MALFORMED);
  relay_text_release(&text);
}

static void members_are_read(void **state) {
  (void)state;
  static const char message[] = MESSAGE("\"id\":\"i\",\"sender_id\":\"s\",\"plaintext\":"
                                        "\"\\u001b[2J\\n\",\"sequence_number\":42");
  static const char error[] =
      "{\"type\":\"error\",\"code\":\"rate_limited\",\"message\":\"Slower\",\"id\":\"i\"}";
  struct relay_text text;
  relay_text_read(&text, message, sizeof message - 1);
  assert_string_equal(text.conversation_id, "c");
  assert_string_equal(text.message.id, "i");
  assert_string_equal(text.message.sender_id, "s");
  assert_string_equal(text.message.plaintext, "\033[2J\n"); /* as it came: views clean it */
  assert_int_equal(text.message.sequence_number, 42);
  assert_int_equal(text.message.created_at_ms, 1795624458123);
  relay_text_release(&text);
  relay_text_read(&text, error, sizeof error - 1);
  assert_string_equal(text.code, "rate_limited");
  assert_string_equal(text.text, "Slower");
  assert_string_equal(text.id, "i");
  relay_text_release(&text);
}

static void messages_are_written(void **state) {
  (void)state;
  static const struct {
    const char *plaintext, *wire;
  } cases[] = {
      {"hi", "{\"type\":\"message\",\"id\":\"i\",\"plaintext\":\"hi\"}"},
      {"", "{\"type\":\"message\",\"id\":\"i\",\"plaintext\":\"\"}"},
      {"\"\\\n\xC3\xA9",
       "{\"type\":\"message\",\"id\":\"i\",\"plaintext\":\"\\\"\\\\\\n\xC3\xA9\"}"},
      {"\xFF", NULL},
      {"\xED\xA0\x80", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *wire = relay_text_write_message("i", cases[i].plaintext);
    if (cases[i].wire)
      assert_string_equal(wire, cases[i].wire);
    else
      assert_null(wire);
    free(wire);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_told_apart),
      cmocka_unit_test(nesting_is_bounded),
      cmocka_unit_test(members_are_read),
      cmocka_unit_test(messages_are_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
