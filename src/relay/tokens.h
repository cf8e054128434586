/*
 * Who may do what: a file of tokens, one a line,
 *
 *   TOKEN USER CONVERSATION[,CONVERSATION]...
 *
 * where `*` stands for any user or any conversation; empty lines and lines that begin with # do not
 * count. Tokens are kept as their SHA-256 and compared in constant time.
 */
#ifndef RELAY_TOKENS_H
#define RELAY_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOKENS_MAX 10000
#define TOKENS_FILE_MAX ((size_t)4 * 1024 * 1024)
#define TOKEN_DIGEST_LEN 32
#define TOKENS_DETAIL_CAP 256

struct tokens;
struct token;

/** NULL, with a sentence in `detail` that names the line. */
struct tokens *tokens_read(const char *path, char detail[TOKENS_DETAIL_CAP]);
void tokens_free(struct tokens *tokens);
size_t tokens_count(const struct tokens *tokens);

/** The digest of a token that somebody presents. */
void token_digest(const char *presented, uint8_t digest[TOKEN_DIGEST_LEN]);
/** NULL: there is none. Looks at all of them, whatever it finds. */
const struct token *tokens_find(const struct tokens *tokens,
                                const uint8_t digest[TOKEN_DIGEST_LEN]);
bool token_may_be(const struct token *token, const char *user_id);
bool token_may_use(const struct token *token, const char *conversation_id);

#endif
