/* The relay's JSON, both ways. */
#include "protocol.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define ID_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ID_128 ID_64 ID_64

struct bad_case {
  const char *text, *code, *sentence, *id;
};

static const struct bad_case bad_messages[] = {
    {"", "bad_json", "not JSON", NULL},
    {"nope", "bad_json", "not JSON", NULL},
    {"{\"type\":\"ping\"", "bad_json", "not JSON", NULL},
    {"{\"type\":\"ping\"} x", "bad_json", "not JSON", NULL},
    {"{\"type\":\"ping\",\"type\":\"ping\"}", "bad_json", "duplicate", NULL},
    {"[]", "bad_json", "not a JSON object", NULL},
    {"\"x\"", "bad_json", "not JSON", NULL},
    {"{}", "bad_message", "'type' is missing", NULL},
    {"{\"type\":1,\"id\":\"m\"}", "bad_message", "'type' is not a string", "m"},
    {"{\"type\":\"nothing\",\"id\":\"m\"}", "unknown_type", "'nothing'", "m"},
    {"{\"type\":\"" ID_64 "\"}", "unknown_type", "no such", NULL},
    {"{\"type\":\"message\"}", "bad_message", "'plaintext' is missing", NULL},
    {"{\"type\":\"message\",\"id\":\"m\"}", "bad_message", "'plaintext' is missing", "m"},
    {"{\"type\":\"message\",\"id\":\"m\",\"plaintext\":1}", "bad_message",
     "'plaintext' is not a string", "m"},
    {"{\"type\":\"message\",\"id\":\"m\",\"plaintext\":null}", "bad_message",
     "'plaintext' is not a string", "m"},
    {"{\"type\":\"message\",\"id\":7,\"plaintext\":\"x\"}", "bad_message", "'id' is not a string",
     NULL},
    {"{\"type\":\"message\",\"id\":\"\",\"plaintext\":\"x\"}", "bad_message", "1 to 128", NULL},
    {"{\"type\":\"message\",\"id\":\"" ID_128 "x\",\"plaintext\":\"x\"}", "bad_message", "1 to 128",
     NULL},
    {"{\"type\":\"message\",\"id\":\"a\\nb\",\"plaintext\":\"x\"}", "bad_message",
     "control character", NULL},
    {"{\"type\":\"message\",\"id\":\"a\\u0000b\",\"plaintext\":\"x\"}", "bad_json", "not JSON",
     NULL},
    {"{\"type\":\"message\",\"plaintext\":\"\\ud800\"}", "bad_json", "not JSON", NULL},
    {"{\"type\":\"message\",\"id\":\"m\",\"plaintext\":\"x\",\"sender_id\":[]}", "bad_message",
     "'sender_id' is not a string", "m"},
    {"{\"type\":\"typing\",\"user_id\":1}", "bad_message", "'user_id' is not a string", NULL},
    {"{\"type\":\"heartbeat\",\"timestamp\":\"1\"}", "bad_message", "'timestamp' is not a number",
     NULL},
    {"{\"type\":\"ping\",\"n\":123456789012345678901234567890}", "bad_json", "not JSON", NULL},
};

static void test_bad_messages(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(bad_messages); i++) {
    const struct bad_case *c = &bad_messages[i];
    struct incoming in;
    incoming_read(&in, (const uint8_t *)c->text, strlen(c->text));
    if (in.kind != INCOMING_BAD || strcmp(in.code, c->code) != 0 ||
        !strstr(in.sentence, c->sentence))
      fail_msg("%s: %s '%s'", c->text, in.code ? in.code : "fine", in.sentence);
    assert_int_equal(in.id != NULL, c->id != NULL);
    if (c->id)
      assert_string_equal(in.id, c->id);
    incoming_deinit(&in);
  }
}

static void read_text(struct incoming *in, const char *text) {
  incoming_read(in, (const uint8_t *)text, strlen(text));
}

static void test_good_messages(void **state) {
  (void)state;
  struct incoming in;
  read_text(&in, " {\"type\":\"message\",\"id\":\"" ID_128 "\",\"plaintext\":\"\",\"more\":[1]}\n");
  assert_int_equal(in.kind, INCOMING_MESSAGE);
  assert_string_equal(in.id, ID_128);
  assert_string_equal(in.plaintext, "");
  assert_null(in.sender_id);
  incoming_deinit(&in);
  read_text(&in, "{\"type\":\"message\",\"plaintext\":\"\\u00e4[{,\\\"[{\",\"sender_id\":\"a\","
                 "\"conversation_id\":\"c\"}");
  assert_int_equal(in.kind, INCOMING_MESSAGE);
  assert_null(in.id);
  assert_string_equal(in.plaintext, "\xC3\xA4[{,\"[{");
  assert_string_equal(in.sender_id, "a");
  assert_string_equal(in.conversation_id, "c");
  incoming_deinit(&in);
  read_text(&in, "{\"type\":\"typing\",\"user_id\":\"a\",\"conversation_id\":\"c\"}");
  assert_int_equal(in.kind, INCOMING_TYPING);
  assert_string_equal(in.sender_id, "a");
  incoming_deinit(&in);
  read_text(&in, "{\"type\":\"ping\"}");
  assert_int_equal(in.kind, INCOMING_PING);
  incoming_deinit(&in);
  read_text(&in, "{\"type\":\"heartbeat\"}");
  assert_int_equal(in.kind, INCOMING_HEARTBEAT);
  assert_null(in.timestamp);
  incoming_deinit(&in);
}

static void test_posts(void **state) {
  (void)state;
  static const struct bad_case cases[] = {
      {"", "bad_json", "not JSON", NULL},
      {"\xFF\xFE{", "bad_json", "not JSON", NULL},
      {"{\"plaintext\":\"x\"}", "bad_message", "'sender_id' is missing", NULL},
      {"{\"sender_id\":\"a\"}", "bad_message", "'plaintext' is missing", NULL},
      {"{\"sender_id\":\"\",\"plaintext\":\"x\"}", "bad_message", "'sender_id' is not 1", NULL},
      {"{\"sender_id\":\"a\",\"plaintext\":\"x\"}", NULL, NULL, NULL},
      {"{\"sender_id\":\"a\",\"plaintext\":\"x\",\"type\":7}", NULL, NULL, NULL},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct incoming in;
    incoming_read_post(&in, (const uint8_t *)cases[i].text, strlen(cases[i].text));
    if ((in.code == NULL) != (cases[i].code == NULL) ||
        (in.code &&
         (strcmp(in.code, cases[i].code) != 0 || !strstr(in.sentence, cases[i].sentence))))
      fail_msg("%s: %s '%s'", cases[i].text, in.code ? in.code : "fine", in.sentence);
    incoming_deinit(&in);
  }
}

/* A request without a body has no bytes to point to. */
static void test_no_post_at_all(void **state) {
  (void)state;
  struct incoming in;
  incoming_read_post(&in, NULL, 0);
  assert_string_equal(in.code, "bad_json");
  assert_non_null(strstr(in.sentence, "near end of file"));
  incoming_deinit(&in);
}

/* A sentence goes back as JSON: it must be text whatever it quotes. */
static void test_errors_can_be_written(void **state) {
  (void)state;
  struct incoming in;
  static const char text[] = "{\"a\":\"\xC3\xA4\xC3\xA4\" \xC3\xA4}";
  read_text(&in, text);
  char *error = protocol_write_error(in.code, in.sentence, in.id);
  assert_non_null(error);
  free(error);
  incoming_deinit(&in);
}

static void test_many_values(void **state) {
  (void)state;
  char text[4 * PROTOCOL_VALUES_MAX];
  for (int extra = 0; extra < 2; extra++) {
    struct incoming in;
    size_t len = (size_t)sprintf(text, "{\"type\":\"ping\",\"a\":[1");
    for (int i = 3; i < PROTOCOL_VALUES_MAX + extra; i++)
      len += (size_t)sprintf(text + len, ",1");
    len += (size_t)sprintf(text + len, "]}");
    incoming_read(&in, (const uint8_t *)text, len);
    assert_int_equal(in.kind, extra ? INCOMING_BAD : INCOMING_PING);
    incoming_deinit(&in);
  }
}

/* ---- writing ---- */

static void check_text(char *text, const char *expected) {
  assert_string_equal(text, expected);
  free(text);
}

static const struct store_message message = {.id = "m",
                                             .conversation_id = "c",
                                             .sender_id = "s",
                                             .plaintext = "\xC3\xA4\"\n",
                                             .sequence_number = 9007199254740991,
                                             .created_at_ms = 784111777042};
#define MESSAGE                                                                                    \
  "{\"type\":\"message\",\"id\":\"m\",\"conversation_id\":\"c\",\"sender_id\":\"s\","              \
  "\"plaintext\":\"\xC3\xA4\\\"\\n\",\"sequence_number\":9007199254740991,"                        \
  "\"created_at\":\"1994-11-06T08:49:37.042Z\"}"

static void test_writing(void **state) {
  (void)state;
  check_text(protocol_write_message(&message), MESSAGE);
  check_text(protocol_write_ack("m", 3), "{\"type\":\"ack\",\"id\":\"m\",\"sequence_number\":3}");
  check_text(protocol_write_replayed(0), "{\"type\":\"replayed\",\"sequence_number\":0}");
  check_text(protocol_write_typing("c", "u"),
             "{\"type\":\"typing\",\"conversation_id\":\"c\",\"user_id\":\"u\"}");
  check_text(protocol_write_error("x", "y", NULL),
             "{\"type\":\"error\",\"code\":\"x\",\"message\":\"y\"}");
  check_text(protocol_write_error("x", "y", "m"),
             "{\"type\":\"error\",\"code\":\"x\",\"message\":\"y\",\"id\":\"m\"}");
  check_text(protocol_write_error_at("x", "y", 4),
             "{\"type\":\"error\",\"code\":\"x\",\"message\":\"y\",\"sequence_number\":4}");
  json_t *original = json_real(1.5);
  check_text(protocol_write_heartbeat(original, 7),
             "{\"type\":\"heartbeat_response\",\"timestamp\":7,\"originalTimestamp\":1.5}");
  json_decref(original);
  check_text(protocol_write_heartbeat(NULL, 7),
             "{\"type\":\"heartbeat_response\",\"timestamp\":7}");
}

static void test_pages(void **state) {
  (void)state;
  const struct store_message two[] = {message, message};
  struct store_page page = {0};
  check_text(protocol_write_page(&page, 0), "{\"messages\":[],\"has_more\":false}");
  page = (struct store_page){.messages = two, .count = 2, .has_more = true, .gone = 5};
  check_text(protocol_write_page(&page, 5),
             "{\"messages\":[" MESSAGE "," MESSAGE "],\"has_more\":true}");
  page.count = 0;
  check_text(protocol_write_page(&page, 4), "{\"messages\":[],\"has_more\":true,\"gone\":5}");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bad_messages),
      cmocka_unit_test(test_good_messages),
      cmocka_unit_test(test_posts),
      cmocka_unit_test(test_no_post_at_all),
      cmocka_unit_test(test_errors_can_be_written),
      cmocka_unit_test(test_many_values),
      cmocka_unit_test(test_writing),
      cmocka_unit_test(test_pages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
