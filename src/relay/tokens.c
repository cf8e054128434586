#include "tokens.h"

#include "protocol.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct token {
  uint8_t digest[TOKEN_DIGEST_LEN];
  const char *user_id;       /* into the text */
  const char *conversations; /* separated by commas */
};

struct tokens {
  char *text; /* the file, cut into words; the tokens themselves wiped out */
  struct token *list;
  size_t count;
};

__attribute__((format(printf, 2, 3))) static bool fail(char detail[TOKENS_DETAIL_CAP],
                                                       const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(detail, TOKENS_DETAIL_CAP, format, arguments);
  va_end(arguments);
  return false;
}

void token_digest(const char *presented, uint8_t digest[TOKEN_DIGEST_LEN]) {
  (void)SHA256((const unsigned char *)presented, strlen(presented), digest);
}

/* ---- reading ---- */

static char *read_file(const char *path, char *detail) {
  FILE *file = fopen(path, "rb");
  char *text = file ? malloc(TOKENS_FILE_MAX + 1) : NULL;
  const size_t len = text ? fread(text, 1, TOKENS_FILE_MAX + 1, file) : 0;
  const bool is_read = text && !ferror(file);
  if (!is_read)
    (void)fail(detail, "token file %.120s: %s", path, strerror(errno));
  else if (len > TOKENS_FILE_MAX || memchr(text, 0, len))
    (void)fail(detail, "token file %.120s: longer than 4 MiB, or holds a NUL byte", path);
  if (file)
    (void)fclose(file);
  if (is_read && len <= TOKENS_FILE_MAX && !memchr(text, 0, len)) {
    text[len] = '\0';
    return text;
  }
  free(text);
  return NULL;
}

/* Each must be an id or `*`, the last one without a comma behind it. */
static bool are_ids(char *list) {
  for (char *at = list;; at++) {
    char *end = at + strcspn(at, ",");
    const char kept = *end;
    *end = '\0';
    const bool is_id = protocol_is_id(at);
    *end = kept;
    if (!is_id || kept == '\0')
      return is_id;
    at = end;
  }
}

static bool read_line(struct tokens *tokens, char *line, size_t number, char *detail) {
  char *rest, *secret = strtok_r(line, " \t\r", &rest);
  if (!secret || *secret == '#')
    return true;
  char *user_id = strtok_r(NULL, " \t\r", &rest);
  char *conversations = strtok_r(NULL, " \t\r", &rest);
  if (!conversations || strtok_r(NULL, " \t\r", &rest))
    return fail(detail, "line %zu is not TOKEN USER CONVERSATIONS", number);
  if (!protocol_is_id(user_id) || !are_ids(conversations))
    return fail(detail, "line %zu: ids are 1 to 128 bytes of UTF-8", number);
  if (tokens->count == TOKENS_MAX)
    return fail(detail, "line %zu: more than %d tokens", number, TOKENS_MAX);
  struct token *token = &tokens->list[tokens->count++];
  token_digest(secret, token->digest);
  OPENSSL_cleanse(secret, strlen(secret));
  token->user_id = user_id;
  token->conversations = conversations;
  return true;
}

static bool read_lines(struct tokens *tokens, char *detail) {
  size_t number = 0;
  for (char *line = tokens->text; line;) {
    char *end = strchr(line, '\n');
    if (end)
      *end++ = '\0';
    if (!read_line(tokens, line, ++number, detail))
      return false;
    line = end;
  }
  return true;
}

struct tokens *tokens_read(const char *path, char detail[TOKENS_DETAIL_CAP]) {
  char problem[TOKENS_DETAIL_CAP] = "out of memory";
  struct tokens *tokens = calloc(1, sizeof *tokens);
  if (!tokens) {
    (void)fail(detail, "out of memory");
    return NULL;
  }
  tokens->text = read_file(path, detail);
  if (!tokens->text) {
    tokens_free(tokens);
    return NULL;
  }
  tokens->list = calloc(TOKENS_MAX, sizeof *tokens->list);
  if (tokens->list && read_lines(tokens, problem))
    return tokens;
  (void)fail(detail, "token file %.120s: %s", path, problem);
  tokens_free(tokens);
  return NULL;
}

void tokens_free(struct tokens *tokens) {
  if (!tokens)
    return;
  free(tokens->text);
  free(tokens->list);
  free(tokens);
}

size_t tokens_count(const struct tokens *tokens) {
  return tokens->count;
}

/* ---- asking ---- */

const struct token *tokens_find(const struct tokens *tokens,
                                const uint8_t digest[TOKEN_DIGEST_LEN]) {
  const struct token *found = NULL;
  for (size_t i = 0; i < tokens->count; i++)
    if (CRYPTO_memcmp(tokens->list[i].digest, digest, TOKEN_DIGEST_LEN) == 0)
      found = &tokens->list[i];
  return found;
}

bool token_may_be(const struct token *token, const char *user_id) {
  return strcmp(token->user_id, "*") == 0 || strcmp(token->user_id, user_id) == 0;
}

bool token_may_use(const struct token *token, const char *conversation_id) {
  const size_t len = strlen(conversation_id);
  for (const char *at = token->conversations; *at; at += *at == ',') {
    const size_t part_len = strcspn(at, ",");
    if ((part_len == 1 && *at == '*') || (part_len == len && memcmp(at, conversation_id, len) == 0))
      return true;
    at += part_len;
  }
  return false;
}
