/* Masking: every set of kernels against the definition, at all lengths, offsets and alignments. */
#include "guard.h"
#include "mask.h"
#include "simd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LEN_MAX 300
#define SHIFT_MAX 64

static const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};

/* RFC 6455 section 5.3, as it stands there. */
static void mask_plainly(uint8_t *dst, const uint8_t *src, size_t len, size_t offset) {
  for (size_t i = 0; i < len; i++) {
    dst[i] = src[i] ^ key[(offset + i) % 4];
  }
}

static void fill(uint8_t *p, size_t len) {
  for (size_t i = 0; i < len; i++) {
    p[i] = (uint8_t)(i * 7 + i / 251);
  }
}

/* Masks between guards: `src` ends at one, `dst` begins behind one; then bytes around must stay. */
static void check_public(const struct guard *from, const struct guard *to, size_t len,
                         size_t offset, size_t shift) {
  uint8_t expected[LEN_MAX];
  uint8_t *src = guard_tail(from, len + shift);
  uint8_t *dst = to->begin + shift;
  fill(src, len + shift);
  mask_plainly(expected, src, len, offset);
  memset(to->begin, 0xEE, LEN_MAX + 2 * SHIFT_MAX);
  mask_copy(dst, src, len, key, offset);
  assert_memory_equal(dst, expected, len);
  assert_true(shift == 0 || dst[-1] == 0xEE);
  assert_int_equal(dst[len], 0xEE);
  mask_copy(src, src, len, key, offset);
  assert_memory_equal(src, expected, len);
  mask_copy_plain(dst, src, len);
  assert_memory_equal(dst, expected, len);
  assert_int_equal(dst[len], 0xEE);
}

static void test_all_lengths_and_offsets(void **state) {
  (void)state;
  struct guard from, to;
  guard_init(&from, 1024);
  guard_init(&to, 1024);
  for (size_t len = 0; len <= LEN_MAX; len++) {
    for (size_t offset = 0; offset < 8; offset++) {
      check_public(&from, &to, len, offset, 0);
      check_public(&from, &to, len, offset, len % SHIFT_MAX);
    }
  }
  for (size_t shift = 0; shift < SHIFT_MAX; shift++) {
    check_public(&from, &to, 257, shift, shift);
  }
  guard_deinit(&from);
  guard_deinit(&to);
}

static void check_kernel(const struct simd_kernels *k, uint8_t *dst, uint8_t *src, size_t len) {
  uint8_t expected[LEN_MAX];
  uint32_t word;
  memcpy(&word, key, 4);
  mask_plainly(expected, src, len, 0);
  k->mask_copy(dst, src, len, word);
  assert_memory_equal(dst, expected, len);
  k->mask_copy(src, src, len, word);
  assert_memory_equal(src, expected, len);
}

static void test_each_kernel(void **state) {
  (void)state;
  struct guard from, to;
  guard_init(&from, 1024);
  guard_init(&to, 1024);
  size_t count = 0;
  for (const struct simd_kernels *k; (k = simd_kernels_at(count)) != NULL; count++) {
    for (size_t len = 0; len <= LEN_MAX; len++) {
      fill(guard_tail(&from, len), len);
      check_kernel(k, guard_tail(&to, len), guard_tail(&from, len), len);
      fill(from.begin + len % 64, len);
      check_kernel(k, to.begin + len % 63, from.begin + len % 64, len);
    }
  }
  assert_true(count >= 1);
  assert_string_equal(simd_kernels_at(0)->name, "portable");
  assert_ptr_equal(simd_kernels(), simd_kernels_at(count - 1));
  guard_deinit(&from);
  guard_deinit(&to);
}

/* Long ranges, with the neighbourhoods modulo 4096 that slow a C library down. */
static void test_long(void **state) {
  (void)state;
  const size_t len = 100003;
  uint8_t *src = malloc(len), *expected = malloc(len), *dst = malloc(len + 16);
  assert_true(src != NULL && expected != NULL && dst != NULL);
  fill(src, len);
  for (size_t shift = 0; shift < 16; shift++) {
    mask_plainly(expected, src, len, shift);
    mask_copy(dst + shift, src, len, key, shift);
    assert_memory_equal(dst + shift, expected, len);
    mask_copy_plain(dst + shift, src, len);
    assert_memory_equal(dst + shift, src, len);
  }
  free(src);
  free(expected);
  free(dst);
}

/* A payload masked in pieces is the payload masked at once. */
static void test_pieces(void **state) {
  (void)state;
  uint8_t src[200], whole[200], pieces[200];
  fill(src, sizeof src);
  mask_copy(whole, src, sizeof src, key, 0);
  for (size_t cut = 0; cut <= sizeof src; cut++) {
    mask_copy(pieces, src, cut, key, 0);
    mask_copy(pieces + cut, src + cut, sizeof src - cut, key, cut);
    assert_memory_equal(pieces, whole, sizeof whole);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_all_lengths_and_offsets),
      cmocka_unit_test(test_each_kernel),
      cmocka_unit_test(test_long),
      cmocka_unit_test(test_pieces),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
