/* See corpus.h. */
#define _GNU_SOURCE // NOLINT
#include "corpus.h"

#include <stdlib.h>
#include <string.h>

bool corpus_open(struct corpus *corpus, const char *path) {
  *corpus = (struct corpus){.file = fopen(path, "re")};
  return corpus->file != NULL;
}

void corpus_close(struct corpus *corpus) {
  (void)fclose(corpus->file);
  free(corpus->text);
}

static _Noreturn void fail(const struct corpus *corpus) {
  (void)fprintf(stderr, "line %zu of the corpus has an escape that is none\n", corpus->line);
  exit(1);
}

static uint8_t hexadecimal(const struct corpus *corpus, const char *digits) {
  char two[3] = {0};
  char *end;
  memcpy(two, digits, strnlen(digits, 2));
  const unsigned long value = strtoul(two, &end, 16);
  if (end != two + 2)
    fail(corpus);
  return (uint8_t)value;
}

/* What stands behind a backslash. Returns how many characters that were. */
static size_t take_escape(const struct corpus *corpus, const char *text, uint8_t *byte) {
  static const char names[] = "nrt\\", values[] = "\n\r\t\\";
  const char *name = *text != '\0' ? strchr(names, *text) : NULL;
  if (name != NULL) {
    *byte = (uint8_t)values[name - names];
    return 1;
  }
  if (*text != 'x')
    fail(corpus);
  *byte = hexadecimal(corpus, text + 1);
  return 3;
}

/* In place: what is read is never longer than its text. */
static void decode(struct corpus *corpus) {
  const char *text = corpus->text;
  corpus->data = (uint8_t *)corpus->text;
  corpus->len = 0;
  while (*text != '\0') {
    uint8_t byte = (uint8_t)*text++;
    if (byte == '\\')
      text += take_escape(corpus, text, &byte);
    corpus->data[corpus->len++] = byte;
  }
}

bool corpus_next(struct corpus *corpus) {
  ssize_t len;
  while ((len = getline(&corpus->text, &corpus->text_cap, corpus->file)) > 0) {
    corpus->line++;
    if (corpus->text[len - 1] == '\n')
      corpus->text[--len] = '\0';
    if (len == 0 || corpus->text[0] == '#')
      continue;
    decode(corpus);
    return true;
  }
  return false;
}
