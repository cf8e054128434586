/* The heartbeat as bytes; when questions are asked is test_question.c. */
#include "heartbeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void questions_are_spelled_as_the_contract_says(void **state) {
  (void)state;
  static const struct {
    enum heartbeat_dialect dialect;
    int64_t wall_ms;
    const char *text;
  } cases[] = {
      {DIALECT_PING, 123, "{\"type\":\"ping\"}"},
      {DIALECT_TIMESTAMP, 1700000000123, "{\"type\":\"heartbeat\",\"timestamp\":1700000000123}"},
      {DIALECT_TIMESTAMP, 0, "{\"type\":\"heartbeat\",\"timestamp\":0}"},
      {DIALECT_TIMESTAMP, -5, "{\"type\":\"heartbeat\",\"timestamp\":-5}"},
      {DIALECT_TIMESTAMP, INT64_MAX, "{\"type\":\"heartbeat\",\"timestamp\":9223372036854775807}"},
      {DIALECT_TIMESTAMP, INT64_MIN, "{\"type\":\"heartbeat\",\"timestamp\":-9223372036854775808}"},
      {DIALECT_WEBSOCKET, 1, ""},
      {DIALECT_OFF, 1, ""},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    char text[HEARTBEAT_TEXT_CAP];
    const size_t len = heartbeat_write_text(cases[i].dialect, cases[i].wall_ms, text);
    assert_int_equal(len, strlen(cases[i].text));
    assert_memory_equal(text, cases[i].text, len);
  }
}

struct reply_case {
  const char *text;
  enum heartbeat_dialect dialect;
  bool is_reply, has_time;
};

static void replies_are_told_from_messages(void **state) {
  (void)state;
  static const struct reply_case cases[] = {
      {"{\"type\":\"pong\"}", DIALECT_PING, true, false},
      {" \t\r\n{ \"type\" : \"pong\" , \"extra\" : [1, {\"a\":null}] } ", DIALECT_PING, true,
       false},
      {"\t{\"type\":\"pong\"}", DIALECT_PING, true, false},
      {"\n{\"type\":\"pong\"}", DIALECT_PING, true, false},
      {"\r{\"type\":\"pong\"}", DIALECT_PING, true, false},
      {"\v{\"type\":\"pong\"}", DIALECT_PING, false, false},
      {"{\"type\":\"ping\",\"type\":\"pong\"}", DIALECT_PING, true, false},
      {"{\"type\":\"pong\",\"type\":\"ping\"}", DIALECT_PING, false, false},
      {"{\"type\":\"pong\"", DIALECT_PING, false, false},
      {"{\"type\":\"pong\"}x", DIALECT_PING, false, false},
      {"{\"type\":\"pong\",}", DIALECT_PING, false, false},
      {"{\"type\":\"pongs\"}", DIALECT_PING, false, false},
      {"{\"type\":\"Pong\"}", DIALECT_PING, false, false},
      {"{\"type\":[\"pong\"]}", DIALECT_PING, false, false},
      {"{\"data\":{\"type\":\"pong\"}}", DIALECT_PING, false, false},
      {"{\"type\":\"message\",\"plaintext\":\"pong\"}", DIALECT_PING, false, false},
      {"{\"type\":\"p\\u006fng\"}", DIALECT_PING, false, false},
      {"[{\"type\":\"pong\"}]", DIALECT_PING, false, false},
      {"pong", DIALECT_PING, false, false},
      {"", DIALECT_PING, false, false},
      {"{", DIALECT_PING, false, false},
      {"{}", DIALECT_PING, false, false},
      {"{\"type\":\"heartbeat_response\",\"timestamp\":1,\"originalTimestamp\":2}", DIALECT_PING,
       false, false},
      {"{\"type\":\"heartbeat_response\",\"timestamp\":1500,\"originalTimestamp\":1200}",
       DIALECT_TIMESTAMP, true, true},
      {"{\"originalTimestamp\":1200,\"timestamp\":1500,\"type\":\"heartbeat_response\"}",
       DIALECT_TIMESTAMP, true, true},
      {"{\"type\":\"heartbeat_response\",\"timestamp\":1500}", DIALECT_TIMESTAMP, true, false},
      {"{\"type\":\"heartbeat_response\",\"originalTimestamp\":1500}", DIALECT_TIMESTAMP, true,
       false},
      {"{\"type\":\"heartbeat_response\",\"timestamp\":1.5,\"originalTimestamp\":2}",
       DIALECT_TIMESTAMP, true, false},
      {"{\"type\":\"heartbeat_response\",\"timestamp\":\"1\",\"originalTimestamp\":2}",
       DIALECT_TIMESTAMP, true, false},
      {"{\"type\":\"heartbeat\",\"timestamp\":1500}", DIALECT_TIMESTAMP, false, false},
      {"{\"type\":\"pong\"}", DIALECT_TIMESTAMP, false, false},
      {"{\"type\":\"pong\"}", DIALECT_WEBSOCKET, false, false},
      {"{\"type\":\"pong\"}", DIALECT_OFF, false, false},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct heartbeat_reply reply;
    const struct reply_case *c = &cases[i];
    if (heartbeat_read_text(c->dialect, c->text, strlen(c->text), &reply) != c->is_reply)
      fail_msg("%s", c->text);
    assert_int_equal(reply.has_server_time, c->has_time);
    assert_int_equal(reply.dialect, c->dialect);
    if (c->has_time) {
      assert_int_equal(reply.server_time_ms, 1500);
      assert_int_equal(reply.original_time_ms, 1200);
    }
  }
}

static void a_long_message_is_never_a_reply(void **state) {
  (void)state;
  static const char pong[] = "{\"type\":\"pong\"}";
  char text[HEARTBEAT_REPLY_MAX + 2];
  struct heartbeat_reply reply;
  memset(text, ' ', sizeof text);
  memcpy(text, pong, sizeof pong - 1);
  assert_true(heartbeat_read_text(DIALECT_PING, text, HEARTBEAT_REPLY_MAX, &reply));
  assert_false(heartbeat_read_text(DIALECT_PING, text, HEARTBEAT_REPLY_MAX + 1, &reply));
}

static void ping_and_pong_carry_the_counter(void **state) {
  (void)state;
  static const uint8_t expected[8] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
  uint8_t payload[8];
  struct heartbeat_reply reply;
  heartbeat_write_ping(UINT64_C(0x0123456789abcdef), payload);
  assert_memory_equal(payload, expected, 8);
  assert_true(heartbeat_read_pong(payload, 8, &reply));
  assert_true(reply.counter == UINT64_C(0x0123456789abcdef));
  assert_int_equal(reply.dialect, DIALECT_WEBSOCKET);
  for (size_t len = 0; len < 8; len++)
    assert_false(heartbeat_read_pong(payload, len, &reply));
  uint8_t longest[125] = {0};
  assert_false(heartbeat_read_pong(longest, 9, &reply));
  assert_false(heartbeat_read_pong(longest, 125, &reply));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(questions_are_spelled_as_the_contract_says),
      cmocka_unit_test(replies_are_told_from_messages),
      cmocka_unit_test(a_long_message_is_never_a_reply),
      cmocka_unit_test(ping_and_pong_carry_the_counter),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
