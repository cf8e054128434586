/*
 * Text as a terminal shows it: characters, their columns, and which of them may go there. Nothing
 * that comes from the network reaches the terminal but through here, so that it can neither send
 * escape sequences nor reverse the direction of what follows.
 */
#ifndef TERM_GLYPH_H
#define TERM_GLYPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct glyph {
  const char *bytes; /* what to write: the character, or what stands for it; not NUL-terminated */
  size_t len;
  unsigned columns; /* 0, 1 or 2 */
  size_t used;      /* bytes of the text */
  bool is_space, is_line_feed;
};

/** Once, before anything else here: columns are those of UTF-8 whatever the user's locale. */
void glyph_init(void);

/**
 * The character at `text`, of `len` > 0 bytes. Line feeds and tabs become spaces, other control
 * characters and bytes that are not UTF-8 become U+FFFD, what steers the direction or hides (bidi
 * controls and the like) becomes nothing.
 */
struct glyph glyph_next(const char *text, size_t len);
/** Where the character before `at` begins; marks without columns belong to what they stand on. */
size_t glyph_before(const char *text, size_t at);
/** Where the character at `at` ends, with its marks. */
size_t glyph_after(const char *text, size_t len, size_t at);
/** All of `text`, cleaned and NUL-terminated; what does not fit is cut at a character. */
void glyph_copy(char *out, size_t cap, const char *text);
unsigned glyph_columns(const char *text, size_t len);

#endif
