/* See fuzz.h. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Noreturn void fuzz_broken(const char *what, const char *file, int line) {
  (void)fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
  abort();
}

void *fuzz_alloc(size_t len) {
  void *memory = malloc(len > 0 ? len : 1);
  FUZZ_CHECK(memory != NULL);
  return memory;
}

uint8_t fuzz_byte(struct fuzz_input *in) {
  if (in->len == 0)
    return 0;
  in->len--;
  return *in->data++;
}

uint16_t fuzz_pair(struct fuzz_input *in) {
  const uint8_t high = fuzz_byte(in);
  return (uint16_t)(high << 8 | fuzz_byte(in));
}

struct fuzz_input fuzz_take(struct fuzz_input *in, size_t len) {
  const struct fuzz_input taken = {in->data, len < in->len ? len : in->len};
  in->data += taken.len;
  in->len -= taken.len;
  return taken;
}

struct fuzz_input fuzz_line(struct fuzz_input *in) {
  const uint8_t *end = in->len > 0 ? memchr(in->data, '\n', in->len) : NULL;
  const struct fuzz_input line = fuzz_take(in, end != NULL ? (size_t)(end - in->data) : in->len);
  (void)fuzz_byte(in);
  return line;
}

uint8_t *fuzz_copy(const uint8_t *data, size_t len) {
  uint8_t *copy = fuzz_alloc(len);
  if (len > 0)
    memcpy(copy, data, len);
  return copy;
}

char *fuzz_text(struct fuzz_input in) {
  char *text = fuzz_alloc(in.len + 1);
  if (in.len > 0)
    memcpy(text, in.data, in.len);
  text[in.len] = '\0';
  return text;
}

struct fuzz_cuts fuzz_cuts(uint8_t how) {
  return (struct fuzz_cuts){.state = how, .max = how == 0 ? UINT32_MAX : 1u << how % 10};
}

size_t fuzz_next_cut(struct fuzz_cuts *cuts, size_t left) {
  cuts->state = cuts->state * 1664525u + 1013904223u;
  const size_t wanted = cuts->max == UINT32_MAX ? left : 1 + (cuts->state >> 8) % cuts->max;
  return wanted < left ? wanted : left;
}

bool fuzz_is_same_detail(const char *a, const char *b) {
  static const char quote[] = "; it began with '";
  const size_t a_len = strlen(a), b_len = strlen(b), len = a_len < b_len ? a_len : b_len;
  const char *quoted = strstr(a, quote);
  if (strcmp(a, b) == 0)
    return true;
  return quoted != NULL && len >= (size_t)(quoted - a) + sizeof quote &&
         memcmp(a, b, len - 1) == 0; /* but for the closing mark */
}
