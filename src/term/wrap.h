/* Text broken into lines of so many columns. */
#ifndef TERM_WRAP_H
#define TERM_WRAP_H

#include <stddef.h>

struct wrap_line {
  size_t len;  /* bytes to show */
  size_t used; /* with the space or line feed at which it was broken */
};

/** The first line of `text`: broken at a line feed, else behind the last word that fits, else
   within a word. Takes at least one character of a text that is not empty. */
struct wrap_line wrap_next(const char *text, size_t len, unsigned columns);

#endif
