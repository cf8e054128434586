/* The allocator's wrapper. */
#include "memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Answers NULL to size 0, as malloc may. */
static size_t last_size;

static void *strict_alloc(size_t size, void *context) {
  bool *has_none = context;
  last_size = size;
  return *has_none || size == 0 ? NULL : malloc(size);
}

static void *strict_realloc(void *memory, size_t size, void *context) {
  bool *has_none = context;
  last_size = size;
  return *has_none || size == 0 ? NULL : realloc(memory, size);
}

static void strict_free(void *memory, void *context) {
  (void)context;
  assert_non_null(memory);
  free(memory);
}

static void test_sizes(void **state) {
  (void)state;
  bool has_none = false;
  const struct memory m = {strict_alloc, strict_realloc, strict_free, &has_none};
  void *p = memory_alloc(&m, 0);
  assert_non_null(p);
  p = memory_realloc(&m, p, 0);
  assert_non_null(p);
  memory_free(&m, p);
  memory_free(&m, NULL);
  p = memory_realloc(&m, NULL, 10);
  assert_non_null(p);
  assert_int_equal(last_size, 10);
  memory_free(&m, p);
}

static void test_contents(void **state) {
  (void)state;
  static const unsigned char zeros[100];
  unsigned char *p = memory_alloc_zeroed(&memory_default, sizeof zeros);
  assert_memory_equal(p, zeros, sizeof zeros);
  p[0] = 7;
  p = memory_realloc(&memory_default, p, 10000);
  assert_int_equal(p[0], 7);
  memory_free(&memory_default, p);
  char *text = memory_strdup(&memory_default, "limpet");
  assert_string_equal(text, "limpet");
  memory_free(&memory_default, text);
}

static void test_none(void **state) {
  (void)state;
  bool has_none = true;
  const struct memory m = {strict_alloc, strict_realloc, strict_free, &has_none};
  assert_null(memory_alloc(&m, 1));
  assert_null(memory_alloc_zeroed(&m, 1));
  assert_null(memory_realloc(&m, NULL, 1));
  assert_null(memory_strdup(&m, "x"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_contents),
      cmocka_unit_test(test_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
