/* Programs compiled against the first header go on running: nothing that it declares has moved,
   changed its size or its value. Only the ends of a few structs may be longer than they were. */
#include "layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Those that carry their size with them, or that only the library writes, and the program reads
   through a pointer. All others are a part of them, or are written by the program without a size.
 */
static const char *const growing[] = {"limpet_options",   "limpet_snapshot", "limpet_metrics",
                                      "limpet_error",     "limpet_retry",    "limpet_fate_report",
                                      "limpet_close_info"};

static bool may_grow(const char *name) {
  for (size_t i = 0; i < sizeof growing / sizeof *growing; i++)
    if (strcmp(name, growing[i]) == 0)
      return true;
  return false;
}

static bool is_same(const struct layout_row *first, const struct layout_row *now) {
  if (first->at == now->at && first->size == now->size)
    return true;
  print_error("%s was %zu (%zu bytes), and is %zu (%zu bytes)\n", first->name, first->at,
              first->size, now->at, now->size);
  return false;
}

static void no_member_has_moved(void **state) {
  unsigned moved = 0;
  (void)state;
  assert_int_equal(layout_first.members_count, layout_now.members_count);
  for (size_t i = 0; i < layout_first.members_count; i++) {
    const bool is_last_and_grows =
        strcmp(layout_first.members[i].name, "limpet_snapshot.metrics") == 0 &&
        layout_first.members[i].at == layout_now.members[i].at;
    moved += !is_last_and_grows && !is_same(&layout_first.members[i], &layout_now.members[i]);
  }
  assert_int_equal(moved, 0);
}

static void no_constant_has_another_value(void **state) {
  unsigned changed = 0;
  (void)state;
  for (size_t i = 0; i < layout_first.constants_count; i++)
    changed += !is_same(&layout_first.constants[i], &layout_now.constants[i]);
  assert_int_equal(changed, 0);
}

static void structs_within_others_keep_their_size_and_none_shrinks(void **state) {
  unsigned wrong = 0;
  (void)state;
  for (size_t i = 0; i < layout_first.structs_count; i++) {
    const struct layout_row *first = &layout_first.structs[i], *now = &layout_now.structs[i];
    wrong += may_grow(first->name) ? now->size < first->size : !is_same(first, now);
  }
  assert_int_equal(wrong, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(no_member_has_moved),
      cmocka_unit_test(no_constant_has_another_value),
      cmocka_unit_test(structs_within_others_keep_their_size_and_none_shrinks),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
