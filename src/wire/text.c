#include "text.h"

#include <string.h>

struct text_writer text_writer_begin(char *out, size_t cap) {
  out[0] = '\0';
  return (struct text_writer){.out = out, .cap = cap};
}

struct text_writer text_writer_resume(char *out, size_t cap) {
  return (struct text_writer){.out = out, .cap = cap, .len = strlen(out)};
}

/* Whether `len` more bytes fit beside the NUL; if not, the writer is closed. */
static bool has_room(struct text_writer *w, size_t len) {
  w->is_full = w->is_full || w->cap - 1 - w->len < len;
  return !w->is_full;
}

void text_put(struct text_writer *w, const char *data, size_t len) {
  if (w->is_full)
    return;
  const size_t room = w->cap - 1 - w->len;
  w->is_full = len > room;
  const size_t part = len < room ? len : room;
  memcpy(w->out + w->len, data, part);
  w->len += part;
  w->out[w->len] = '\0';
}

void text_put_string(struct text_writer *w, const char *text) {
  text_put(w, text, strlen(text));
}

void text_put_number(struct text_writer *w, uint64_t number) {
  char digits[20];
  size_t at = sizeof digits;
  do {
    digits[--at] = (char)('0' + number % 10);
    number /= 10;
  } while (number > 0);
  text_put(w, digits + at, sizeof digits - at);
}

void text_put_base64(struct text_writer *w, const uint8_t *data, size_t len) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t at = 0; at < len; at += 3) {
    const size_t left = len - at;
    const uint32_t bits = (uint32_t)data[at] << 16 | (left > 1 ? (uint32_t)data[at + 1] << 8 : 0) |
                          (left > 2 ? data[at + 2] : 0);
    char four[4] = {digits[bits >> 18], digits[bits >> 12 & 63], '=', '='};
    if (left > 1)
      four[2] = digits[bits >> 6 & 63];
    if (left > 2)
      four[3] = digits[bits & 63];
    text_put(w, four, sizeof four);
  }
}

void text_put_escaped(struct text_writer *w, const char *data, size_t len) {
  static const char hex[] = "0123456789abcdef";
  for (size_t i = 0; i < len; i++) {
    const unsigned char byte = (unsigned char)data[i];
    if (byte >= 0x20 && byte < 0x7F && byte != '\\') {
      text_put(w, data + i, 1);
      continue;
    }
    const char escape[4] = {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
    if (has_room(w, sizeof escape)) /* whole or not at all */
      text_put(w, escape, sizeof escape);
  }
}

void text_describe(char *out, size_t cap, const char *what, const char *value) {
  struct text_writer w = text_writer_begin(out, cap);
  text_put_string(&w, what);
  if (value == NULL)
    return;
  text_put_string(&w, ": '");
  text_put_escaped(&w, value, strlen(value));
  text_put_string(&w, "'");
}

void text_copy(char *out, size_t cap, const char *text) {
  struct text_writer w = text_writer_begin(out, cap);
  text_put_string(&w, text);
}

size_t text_writer_end(const struct text_writer *w) {
  return w->is_full ? 0 : w->len;
}

char text_to_lower(char ch) {
  if (ch < 'A' || ch > 'Z')
    return ch;
  return (char)(ch - 'A' + 'a');
}

int text_hex_value(char ch) {
  if (ch >= '0' && ch <= '9')
    return ch - '0';
  ch = text_to_lower(ch);
  return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

bool text_is_token_character(char ch) {
  const bool is_letter = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z');
  const bool is_digit = ch >= '0' && ch <= '9';
  return is_letter || is_digit || (ch != '\0' && strchr("!#$%&'*+-.^_`|~", ch) != NULL);
}

bool text_is_token(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (!text_is_token_character(text[i]))
      return false;
  }
  return len > 0;
}

bool text_is_field_character(char ch) {
  const unsigned char byte = (unsigned char)ch;
  return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
}

bool text_is_field_value(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    if (!text_is_field_character(text[i]))
      return false;
  }
  return true;
}

bool text_equals_ignoring_case(const char *text, size_t len, const char *wanted) {
  if (strlen(wanted) != len)
    return false;
  for (size_t i = 0; i < len; i++) {
    if (text_to_lower(text[i]) != text_to_lower(wanted[i]))
      return false;
  }
  return true;
}

static bool is_blank(char ch) {
  return ch == ' ' || ch == '\t';
}

struct url_slice text_trim(const char *text, size_t len) {
  while (len > 0 && is_blank(text[0])) {
    text++;
    len--;
  }
  while (len > 0 && is_blank(text[len - 1]))
    len--;
  return (struct url_slice){.text = text, .len = len};
}

bool text_next_element(struct url_slice *rest, struct url_slice *element) {
  while (rest->len > 0) {
    const char *comma = memchr(rest->text, ',', rest->len);
    const size_t len = comma != NULL ? (size_t)(comma - rest->text) : rest->len;
    const size_t step = comma != NULL ? len + 1 : len;
    *element = text_trim(rest->text, len);
    rest->text += step;
    rest->len -= step;
    if (element->len > 0)
      return true;
  }
  return false;
}
