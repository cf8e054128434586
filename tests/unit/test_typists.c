#include "typists.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void typing_fades_unless_repeated(void **state) {
  (void)state;
  struct typists t = {.count = 0};
  assert_true(typists_note(&t, "ann", 1000));
  assert_true(typists_note(&t, "bob", 1500));
  assert_false(typists_note(&t, "ann", 2000)); /* no news, but she stays longer */
  assert_false(typists_expire(&t, 1500 + TYPISTS_FADE_MS - 1));
  assert_int_equal(t.count, 2);
  assert_true(typists_expire(&t, 1500 + TYPISTS_FADE_MS));
  assert_int_equal(t.count, 1);
  assert_string_equal(t.rows[0].user_id, "ann");
  assert_true(typists_expire(&t, 2000 + TYPISTS_FADE_MS));
  assert_int_equal(t.count, 0);
}

static void a_message_ends_typing(void **state) {
  (void)state;
  struct typists t = {.count = 0};
  typists_note(&t, "ann", 0);
  typists_note(&t, "bob", 0);
  typists_note(&t, "cem", 0);
  assert_true(typists_remove(&t, "bob"));
  assert_false(typists_remove(&t, "bob"));
  assert_int_equal(t.count, 2);
  assert_string_equal(t.rows[0].user_id, "ann");
  assert_string_equal(t.rows[1].user_id, "cem");
}

static void typists_are_bounded(void **state) {
  (void)state;
  struct typists t = {.count = 0};
  char id[CHAT_ID_MAX + 2];
  memset(id, 'x', sizeof id);
  id[CHAT_ID_MAX + 1] = '\0';
  assert_false(typists_note(&t, id, 0)); /* too long */
  assert_false(typists_note(&t, "", 0));
  id[CHAT_ID_MAX] = '\0';
  assert_true(typists_note(&t, id, 0));
  for (unsigned i = 1; i < TYPISTS_MAX + 5; i++) {
    (void)snprintf(id, sizeof id, "u%u", i);
    assert_int_equal(typists_note(&t, id, 0), i < TYPISTS_MAX);
  }
  assert_int_equal(t.count, TYPISTS_MAX);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(typing_fades_unless_repeated),
      cmocka_unit_test(a_message_ends_typing),
      cmocka_unit_test(typists_are_bounded),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
