/* SHA-1: the vectors of RFC 3174 and FIPS 180, every way the padding can fall, and the handshake's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sha1.h"

static void assert_digest(const uint8_t *data, size_t len, const char *hex) {
  static const char digits[] = "0123456789abcdef";
  uint8_t digest[SHA1_LEN];
  char text[2 * SHA1_LEN + 1] = "";
  sha1(data, len, digest);
  for (size_t i = 0; i < SHA1_LEN; i++) {
    text[2 * i] = digits[digest[i] >> 4];
    text[2 * i + 1] = digits[digest[i] & 15];
  }
  assert_string_equal(text, hex);
}

/* RFC 3174 section 7.3, the empty message, and RFC 6455 section 1.3. */
static void test_vectors(void **state) {
  (void)state;
  static const struct {
    const char *text, *hex;
    size_t times;
  } cases[] = {
      {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d", 1},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "84983e441c3bd26ebaae4aa1f95129e5e54670f1", 1},
      {"a", "34aa973cd4c4daa4f61eeb2bdbad27316534016f", 1000000},
      {"0123456701234567012345670123456701234567012345670123456701234567",
       "dea356a2cddd90c7a7ecedc5ebb563934f460452", 10},
      {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709", 1},
      {"dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
       "b37a4f2cc0624f1690f64606cf385945b2bec4ea", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const size_t len = strlen(cases[i].text), whole = len * cases[i].times;
    uint8_t *data = malloc(whole + 1);
    assert_non_null(data);
    for (size_t at = 0; at < cases[i].times; at++)
      memcpy(data + at * len, cases[i].text, len);
    assert_digest(data, whole, cases[i].hex);
    free(data);
  }
}

/* The digests of all lengths up to two blocks and a bit, digested again: what
   Python's hashlib says of the same bytes. */
static void test_every_padding(void **state) {
  (void)state;
  uint8_t data[131], digests[131 * SHA1_LEN];
  for (size_t i = 0; i < sizeof data; i++)
    data[i] = (uint8_t)(i * 7 + 1);
  for (size_t len = 0; len < sizeof data; len++)
    sha1(data, len, digests + len * SHA1_LEN);
  assert_digest(digests, sizeof digests, "93b7e7fa254bfb06a3b306e7d1fdb97785e6151e");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_vectors),
      cmocka_unit_test(test_every_padding),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
