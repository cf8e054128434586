/*
 * Looks into a JSON object without building it: finds a member of the top level, strictly
 * (RFC 8259), with a bound on nesting. Not a JSON library; programs of the tree
 * that build JSON use jansson.
 */
#ifndef SESSION_JSON_PEEK_H
#define SESSION_JSON_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_PEEK_DEPTH_MAX 64

enum json_peek_kind { JSON_PEEK_ABSENT, JSON_PEEK_STRING, JSON_PEEK_NUMBER, JSON_PEEK_OTHER };

struct json_peek_value {
  enum json_peek_kind kind;
  const char *text; /* STRING: between the quotes, escapes untouched; else the raw value */
  size_t len;
  bool has_escapes;
};

/** Finds member `name` of the object that `text` is. False if `text` is not one whole, valid JSON
    object. Of repeated members the last one counts. */
bool json_peek_member(const char *text, size_t len, const char *name,
                      struct json_peek_value *value);
/**
 * Whether `text` is an object whose member "type" is `type`. For the hot path: an ordinary message
 * is refused by its first byte, or for want of the word, before anything is parsed. The word must
 * stand there plainly: "p\u006fng" is nobody's pong.
 */
bool json_peek_has_type(const char *text, size_t len, const char *type);
/** Decodes a STRING's escapes into `out` as UTF-8, NUL-terminated. False if it does not fit, holds
    U+0000 or an unpaired surrogate. */
bool json_peek_string(const struct json_peek_value *value, char *out, size_t cap);
/** A NUMBER that is an integer within int64_t. */
bool json_peek_integer(const struct json_peek_value *value, int64_t *out);

#endif
