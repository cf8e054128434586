/* What a hold reads of JSON messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resume.h"

#include <stdio.h>
#include <string.h>

static void values(void **state) {
  static const struct {
    const char *text, *wanted; /* NULL: none */
  } cases[] = {
      {"{\"n\":7}", "7"},
      {" \r\n{\"n\":-7}", "-7"},
      {"{\"n\":9007199254740993}", "9007199254740993"},
      {"{\"n\":\"a b\"}", "a b"},
      {"{\"type\":\"message\",\"n\":7}", "7"},
      {"{\"type\":\"ack\",\"n\":7}", NULL}, /* of a message that may not have come */
      {"{\"n\":1.5}", NULL},
      {"{\"n\":\"\"}", NULL},
      {"{\"n\":null}", NULL},
      {"{\"n\":[7]}", NULL},
      {"{\"m\":7}", NULL},
      {"[7]", NULL},
      {"{\"n\":7", NULL},
      {"{\"n\":\"a\\u0000b\"}", NULL},
      {"7", NULL},
      {"", NULL},
  };
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char value[RESUME_VALUE_CAP] = "before";
    const bool is_found = resume_value(cases[i].text, strlen(cases[i].text), "n", value);
    assert_int_equal(is_found, cases[i].wanted != NULL);
    assert_string_equal(value, is_found ? cases[i].wanted : "before");
  }
}

static void ids(void **state) {
  char id[RESUME_VALUE_CAP], text[400], name[200];
  (void)state;
  assert_true(resume_message_id("{\"id\":\"m1\"}", 11, id));
  assert_string_equal(id, "m1");
  assert_false(resume_message_id("{\"id\":5}", 8, id));
  assert_false(resume_message_id("{}", 2, id));
  for (size_t len = 128; len <= 129; len++) {
    memset(name, 'x', len);
    name[len] = '\0';
    (void)snprintf(text, sizeof text, "{\"id\":\"%s\"}", name);
    assert_int_equal(resume_message_id(text, strlen(text), id), len == 128);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values),
      cmocka_unit_test(ids),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
