/* The file of tokens: read, and asked. */
#include "tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static char path[] = "/tmp/limpet_tokens_XXXXXX";

static struct tokens *read_text(const char *text, size_t len, char *detail) {
  FILE *file = fopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(text, 1, len, file), len);
  assert_int_equal(fclose(file), 0);
  return tokens_read(path, detail);
}

static const struct token *find(const struct tokens *tokens, const char *presented) {
  uint8_t digest[TOKEN_DIGEST_LEN];
  token_digest(presented, digest);
  return tokens_find(tokens, digest);
}

static void test_asking(void **state) {
  (void)state;
  static const char text[] = "# who may what\n"
                             "\n"
                             "s1 ann tea,caf\xC3\xA9\r\n"
                             "  s2\tbob\t*  \n"
                             "s3 * room";
  static const struct {
    const char *token, *user, *conversation;
    bool is_known, may_be, may_use;
  } cases[] = {
      {"s1", "ann", "tea", true, true, true},   {"s1", "ann", "caf\xC3\xA9", true, true, true},
      {"s1", "bob", "te", true, false, false},  {"s1", "an", "tea,caf\xC3\xA9", true, false, false},
      {"s1", "annn", "*", true, false, false},  {"s2", "bob", "anything", true, true, true},
      {"s3", "who", "room", true, true, true},  {"s3", "*", "roo", true, true, false},
      {"s", "", "", false, false, false},       {"", "", "", false, false, false},
      {"#", "who", "may", false, false, false}, {"s1 ann tea", "", "", false, false, false},
  };
  char detail[TOKENS_DETAIL_CAP];
  struct tokens *tokens = read_text(text, sizeof text - 1, detail);
  assert_non_null(tokens);
  assert_int_equal(tokens_count(tokens), 3);
  for (size_t i = 0; i < COUNT(cases); i++) {
    const struct token *token = find(tokens, cases[i].token);
    assert_int_equal(token != NULL, cases[i].is_known);
    if (!token)
      continue;
    assert_int_equal(token_may_be(token, cases[i].user), cases[i].may_be);
    assert_int_equal(token_may_use(token, cases[i].conversation), cases[i].may_use);
  }
  tokens_free(tokens);
}

static void test_bad_files(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t len;
    const char *problem;
  } cases[] = {
      {"s1 ann", 6, "line 1 is not TOKEN USER CONVERSATIONS"},
      {"\n#x\ns1 ann tea more\n", 20, "line 3 is not"},
      {"s1 ann tea,\n", 12, "line 1: ids"},
      {"s1 ann ,tea\n", 12, "line 1: ids"},
      {"s1 \xFF tea\n", 9, "line 1: ids"},
      {"s1 ann \0tea", 11, "NUL"},
  };
  char detail[TOKENS_DETAIL_CAP];
  for (size_t i = 0; i < COUNT(cases); i++) {
    assert_null(read_text(cases[i].text, cases[i].len, detail));
    if (!strstr(detail, cases[i].problem) || !strstr(detail, path))
      fail_msg("%s", detail);
    assert_null(strstr(detail, "s1")); /* a token never shows */
  }
  assert_null(tokens_read("/nonexistent/tokens", detail));
  assert_non_null(strstr(detail, "No such file"));
  tokens_free(NULL);
}

static void test_bounds(void **state) {
  (void)state;
  char detail[TOKENS_DETAIL_CAP];
  const size_t len = TOKENS_FILE_MAX + 1;
  char *text = malloc(len);
  memset(text, '\n', len);
  assert_null(read_text(text, len, detail));
  assert_non_null(strstr(detail, "longer than 4 MiB"));
  size_t at = 0;
  for (int i = 0; i <= TOKENS_MAX; i++)
    at += (size_t)sprintf(text + at, "t%d u c\n", i);
  assert_null(read_text(text, at, detail));
  assert_non_null(strstr(detail, "more than 10000 tokens"));
  free(text);
}

/* An empty file lets nobody in. */
static void test_empty(void **state) {
  (void)state;
  char detail[TOKENS_DETAIL_CAP];
  struct tokens *tokens = read_text("", 0, detail);
  assert_non_null(tokens);
  assert_null(find(tokens, ""));
  tokens_free(tokens);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_asking),
      cmocka_unit_test(test_bad_files),
      cmocka_unit_test(test_bounds),
      cmocka_unit_test(test_empty),
  };
  const int fd = mkstemp(path);
  if (fd < 0)
    return 1;
  close(fd);
  const int failed_count = cmocka_run_group_tests(tests, NULL, NULL);
  unlink(path);
  return failed_count;
}
