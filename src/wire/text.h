/*
 * Small tools for the text of HTTP heads and addresses: a bounded writer, tokens, comma lists.
 * ASCII only, whatever the locale. Not a string library.
 */
#ifndef WIRE_TEXT_H
#define WIRE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "url.h"

/* ---- writing ------------------------------------------------------------------ */

/** Writes into `out`, which stays NUL-terminated. Once something did not fit nothing more is
    written, so that a cut text has no holes. */
struct text_writer {
  char *out;
  size_t cap, len;
  bool is_full;
};

/** `cap` is at least 1. */
struct text_writer text_writer_begin(char *out, size_t cap);
/** Takes up the writing after the text that `out` already holds. */
struct text_writer text_writer_resume(char *out, size_t cap);
/** Puts as much as fits. */
void text_put(struct text_writer *w, const char *data, size_t len);
void text_put_string(struct text_writer *w, const char *text);
void text_put_number(struct text_writer *w, uint64_t number);
/** RFC 4648 section 4. */
void text_put_base64(struct text_writer *w, const uint8_t *data, size_t len);
/** Puts text from the network so that a log can show it: what is not printable ASCII, and
    backslashes, as \xNN. */
void text_put_escaped(struct text_writer *w, const char *data, size_t len);
/** "what: 'value'" for logs, the value escaped and cut; `value` or NULL. */
void text_describe(char *out, size_t cap, const char *what, const char *value);
/** Copies as much as fits. */
void text_copy(char *out, size_t cap, const char *text);
/** The length written, 0 if something did not fit. */
size_t text_writer_end(const struct text_writer *w);

/* ---- reading ------------------------------------------------------------------ */

char text_to_lower(char ch);
/** 0-15, or -1. */
int text_hex_value(char ch);
/** RFC 9110 section 5.6.2. */
bool text_is_token(const char *text, size_t len);
bool text_is_token_character(char ch);
/** Printable, HTAB or above 0x7F: what a header's value may hold. */
bool text_is_field_character(char ch);
bool text_is_field_value(const char *text, size_t len);
/** Case-insensitive for ASCII. */
bool text_equals_ignoring_case(const char *text, size_t len, const char *wanted);
/** The text without spaces and tabs at its ends. */
struct url_slice text_trim(const char *text, size_t len);
/** Takes the next non-empty element off a comma list, trimmed. False at the end. Does not know
    quoted strings. */
bool text_next_element(struct url_slice *rest, struct url_slice *element);

#endif
