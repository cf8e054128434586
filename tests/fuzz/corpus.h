/*
 * A saved corpus: a file with one input a line. Printable ASCII stands for itself, but for the
 * backslash; \n \r \t \\ and \xNN for the rest. Lines that begin with '#' and empty ones are
 * none; an input that begins with '#' is written as \x23. scripts/fuzz and corpus.py know the same.
 */
#ifndef FUZZ_CORPUS_H
#define FUZZ_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct corpus {
  FILE *file;
  char *text; /* the present line */
  size_t text_cap;
  size_t line; /* its number, from 1 */
  uint8_t *data;
  size_t len;
};

/** False: errno says why. */
bool corpus_open(struct corpus *corpus, const char *path);
void corpus_close(struct corpus *corpus);
/** The next input, in `data` and `len` until the next call. False: there is none. A line that is
    not in this form ends the program. */
bool corpus_next(struct corpus *corpus);

#endif
