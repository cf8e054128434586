/*
 * One pass over the text, no recursion: nesting is a bit each level, so hostile depth costs
 * nothing but a refusal. UTF-8 is not checked here; a text message has been before.
 */
#include "json_peek.h"

#include <string.h>

struct cursor {
  const char *at, *end;
};

/* The containers around a value, the top object aside. Bit set: an object. */
struct nesting {
  uint64_t objects;
  unsigned depth;
};

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

static void skip_space(struct cursor *c) {
  while (c->at < c->end && is_space(*c->at))
    c->at++;
}

static bool skip_char(struct cursor *c, char wanted) {
  if (c->at == c->end || *c->at != wanted)
    return false;
  c->at++;
  return true;
}

static int hex_digit(char c) {
  if (is_digit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

/* Four hex digits at `at`; -1 if they are not there. */
static int32_t read_unit(const char *at, const char *end) {
  int32_t unit = 0;
  if (end - at < 4)
    return -1;
  for (int i = 0; i < 4; i++) {
    const int digit = hex_digit(at[i]);
    if (digit < 0)
      return -1;
    unit = unit << 4 | digit;
  }
  return unit;
}

static bool is_short_escape(char c) {
  return c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' || c == 'r' ||
         c == 't';
}

static bool skip_escape(struct cursor *c) {
  if (c->at == c->end)
    return false;
  const char kind = *c->at++;
  if (kind != 'u')
    return is_short_escape(kind);
  if (read_unit(c->at, c->end) < 0)
    return false;
  c->at += 4;
  return true;
}

/* At the opening quote; fills what stands between the quotes. */
static bool read_string(struct cursor *c, struct json_peek_value *value) {
  if (!skip_char(c, '"'))
    return false;
  *value = (struct json_peek_value){JSON_PEEK_STRING, c->at, 0, false};
  while (c->at < c->end) {
    const char byte = *c->at++;
    if (byte == '"') {
      value->len = (size_t)(c->at - 1 - value->text);
      return true;
    }
    if ((unsigned char)byte < 0x20)
      return false;
    if (byte != '\\')
      continue;
    value->has_escapes = true;
    if (!skip_escape(c))
      return false;
  }
  return false;
}

static bool skip_digits(struct cursor *c) {
  const char *begin = c->at;
  while (c->at < c->end && is_digit(*c->at))
    c->at++;
  return c->at > begin;
}

/* RFC 8259 section 6: no leading zeros, digits on both sides of a point. */
static bool skip_number(struct cursor *c) {
  (void)skip_char(c, '-');
  if (!skip_char(c, '0') && !skip_digits(c))
    return false;
  if (skip_char(c, '.') && !skip_digits(c))
    return false;
  if (!skip_char(c, 'e') && !skip_char(c, 'E'))
    return true;
  if (!skip_char(c, '+'))
    (void)skip_char(c, '-');
  return skip_digits(c);
}

static bool skip_word(struct cursor *c, const char *word, size_t len) {
  if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
    return false;
  c->at += len;
  return true;
}

static bool skip_scalar(struct cursor *c) {
  struct json_peek_value ignored;
  switch (*c->at) {
  case '"':
    return read_string(c, &ignored);
  case 't':
    return skip_word(c, "true", 4);
  case 'f':
    return skip_word(c, "false", 5);
  case 'n':
    return skip_word(c, "null", 4);
  default:
    return skip_number(c);
  }
}

static bool skip_name(struct cursor *c) {
  struct json_peek_value name;
  skip_space(c);
  if (!read_string(c, &name))
    return false;
  skip_space(c);
  return skip_char(c, ':');
}

/* The one object around everything counts as a level too. */
static bool enter(struct nesting *n, bool is_object) {
  if (n->depth + 1 >= JSON_PEEK_DEPTH_MAX)
    return false;
  n->objects = n->objects << 1 | is_object;
  n->depth++;
  return true;
}

static void leave(struct nesting *n) {
  n->objects >>= 1;
  n->depth--;
}

static char closer(const struct nesting *n) {
  return n->objects & 1 ? '}' : ']';
}

enum step { STEP_VALUE_NEXT, STEP_VALUE_DONE, STEP_BAD };

/* Begins a value: a scalar is done at once, a container with its first value is not. */
static enum step begin_value(struct cursor *c, struct nesting *n) {
  skip_space(c);
  if (c->at == c->end)
    return STEP_BAD;
  const bool is_object = *c->at == '{';
  if (!is_object && *c->at != '[')
    return skip_scalar(c) ? STEP_VALUE_DONE : STEP_BAD;
  c->at++;
  if (!enter(n, is_object))
    return STEP_BAD;
  skip_space(c);
  if (skip_char(c, closer(n))) {
    leave(n);
    return STEP_VALUE_DONE;
  }
  return !is_object || skip_name(c) ? STEP_VALUE_NEXT : STEP_BAD;
}

/* Behind a value: closes containers, or comes to their next value. */
static enum step end_value(struct cursor *c, struct nesting *n) {
  while (n->depth) {
    skip_space(c);
    if (skip_char(c, ',')) {
      const bool is_object = n->objects & 1;
      return !is_object || skip_name(c) ? STEP_VALUE_NEXT : STEP_BAD;
    }
    if (!skip_char(c, closer(n)))
      return STEP_BAD;
    leave(n);
  }
  return STEP_VALUE_DONE;
}

static bool skip_value(struct cursor *c) {
  struct nesting n = {0, 0};
  enum step step;
  do {
    step = begin_value(c, &n);
    if (step == STEP_VALUE_DONE)
      step = end_value(c, &n);
  } while (step == STEP_VALUE_NEXT);
  return step == STEP_VALUE_DONE;
}

static bool read_value(struct cursor *c, struct json_peek_value *value) {
  skip_space(c);
  const char *begin = c->at;
  if (c->at < c->end && *c->at == '"')
    return read_string(c, value);
  if (!skip_value(c))
    return false;
  const bool is_number = *begin == '-' || is_digit(*begin);
  *value = (struct json_peek_value){is_number ? JSON_PEEK_NUMBER : JSON_PEEK_OTHER, begin,
                                    (size_t)(c->at - begin), false};
  return true;
}

/* ---- escapes ---- */

static size_t put_utf8(uint32_t point, char out[4]) {
  if (point < 0x80) {
    out[0] = (char)point;
    return 1;
  }
  const size_t len = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  static const unsigned char leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
  for (size_t i = len - 1; i > 0; i--) {
    out[i] = (char)(0x80 | (point & 0x3f));
    point >>= 6;
  }
  out[0] = (char)(leads[len] | point);
  return len;
}

/* Behind "\u": one code point, from two escapes where it is a surrogate pair. 0 if unpaired. */
static uint32_t take_point(const char **at, const char *end) {
  const int32_t high = read_unit(*at, end);
  if (high < 0)
    return 0;
  *at += 4;
  if (high < 0xd800 || high > 0xdfff)
    return (uint32_t)high;
  if (high > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
    return 0;
  const int32_t low = read_unit(*at + 2, end);
  if (low < 0xdc00 || low > 0xdfff)
    return 0;
  *at += 6;
  return 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
}

static char unescape(char kind) {
  switch (kind) {
  case 'b':
    return '\b';
  case 'f':
    return '\f';
  case 'n':
    return '\n';
  case 'r':
    return '\r';
  case 't':
    return '\t';
  default:
    return kind;
  }
}

/* Decodes the next character of a string that read_string() has found valid, at the most four
   bytes. 0: U+0000 or half a surrogate pair. */
static size_t take_char(const char **at, const char *end, char out[4]) {
  const char byte = *(*at)++;
  if (byte != '\\' || *at == end) {
    out[0] = byte;
    return 1;
  }
  const char kind = *(*at)++;
  if (kind != 'u') {
    out[0] = unescape(kind);
    return 1;
  }
  const uint32_t point = take_point(at, end);
  return point ? put_utf8(point, out) : 0;
}

static bool is_named(const struct json_peek_value *name, const char *wanted, size_t wanted_len) {
  const char *at = name->text, *end = name->text + name->len;
  if (!name->has_escapes)
    return name->len == wanted_len && memcmp(at, wanted, wanted_len) == 0;
  char piece[4];
  while (at < end) {
    const size_t len = take_char(&at, end, piece);
    if (!len || len > wanted_len || memcmp(piece, wanted, len) != 0)
      return false;
    wanted += len;
    wanted_len -= len;
  }
  return wanted_len == 0;
}

static size_t length_of(const char *name) {
  size_t len = 0;
  while (name[len])
    len++;
  return len;
}

static bool read_member(struct cursor *c, const char *name, size_t name_len,
                        struct json_peek_value *found) {
  struct json_peek_value key, value;
  skip_space(c);
  if (!read_string(c, &key))
    return false;
  skip_space(c);
  if (!skip_char(c, ':') || !read_value(c, &value))
    return false;
  if (is_named(&key, name, name_len))
    *found = value;
  skip_space(c);
  return true;
}

bool json_peek_member(const char *text, size_t len, const char *name,
                      struct json_peek_value *value) {
  struct cursor c = {text, text + len};
  const size_t name_len = length_of(name);
  *value = (struct json_peek_value){JSON_PEEK_ABSENT, NULL, 0, false};
  skip_space(&c);
  if (!skip_char(&c, '{'))
    return false;
  skip_space(&c);
  if (!skip_char(&c, '}')) {
    do {
      if (!read_member(&c, name, name_len, value))
        return false;
    } while (skip_char(&c, ','));
    if (!skip_char(&c, '}'))
      return false;
  }
  skip_space(&c);
  return c.at == c.end;
}

bool json_peek_string(const struct json_peek_value *value, char *out, size_t cap) {
  const char *at = value->text, *end = value->text + value->len;
  size_t used = 0;
  if (value->kind != JSON_PEEK_STRING || cap == 0)
    return false;
  while (at < end) {
    char piece[4];
    const size_t len = take_char(&at, end, piece);
    if (!len || !piece[0] || len >= cap - used)
      return false;
    memcpy(out + used, piece, len);
    used += len;
  }
  out[used] = '\0';
  return true;
}

bool json_peek_integer(const struct json_peek_value *value, int64_t *out) {
  if (value->kind != JSON_PEEK_NUMBER)
    return false;
  const bool is_negative = value->text[0] == '-';
  const uint64_t limit = is_negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
  uint64_t sum = 0;
  for (size_t i = is_negative; i < value->len; i++) {
    if (!is_digit(value->text[i]))
      return false;
    const uint64_t digit = (uint64_t)(value->text[i] - '0');
    if (sum > (limit - digit) / 10)
      return false;
    sum = sum * 10 + digit;
  }
  /* Negated without leaving the type: -2^63 has no positive twin. */
  *out = is_negative && sum ? -(int64_t)(sum - 1) - 1 : (int64_t)sum;
  return true;
}

/* ---- messages by their type ---- */

static bool contains(const char *text, size_t len, const char *word, size_t word_len) {
  for (size_t i = 0; i + word_len <= len; i++)
    if (text[i] == word[0] && memcmp(text + i, word, word_len) == 0)
      return true;
  return false;
}

static bool may_be_object(const char *text, size_t len) {
  return len >= 2 && (text[0] == '{' || text[0] == ' ' || text[0] == '\t' || text[0] == '\n' ||
                      text[0] == '\r');
}

bool json_peek_has_type(const char *text, size_t len, const char *type) {
  const size_t type_len = length_of(type);
  struct json_peek_value value;
  return may_be_object(text, len) && contains(text, len, type, type_len) &&
         json_peek_member(text, len, "type", &value) && value.kind == JSON_PEEK_STRING &&
         value.len == type_len && memcmp(value.text, type, type_len) == 0;
}
