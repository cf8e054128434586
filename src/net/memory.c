#include "memory.h"

#include <stdlib.h>
#include <string.h>

static void *default_alloc(size_t size, void *context) {
  (void)context;
  return malloc(size);
}

static void *default_realloc(void *memory, size_t size, void *context) {
  (void)context;
  return realloc(memory, size);
}

static void default_free(void *memory, void *context) {
  (void)context;
  free(memory);
}

const struct memory memory_default = {default_alloc, default_realloc, default_free, NULL};

/* Allocators may answer NULL to 0, which would read as "none left". */
static size_t at_least_one(size_t size) {
  return size ? size : 1;
}

void *memory_alloc(const struct memory *m, size_t size) {
  return m->alloc(at_least_one(size), m->context);
}

void *memory_alloc_zeroed(const struct memory *m, size_t size) {
  void *p = memory_alloc(m, size);
  if (p)
    memset(p, 0, size);
  return p;
}

void *memory_realloc(const struct memory *m, void *p, size_t size) {
  return p ? m->realloc(p, at_least_one(size), m->context) : memory_alloc(m, size);
}

void memory_free(const struct memory *m, void *p) {
  if (p)
    m->free(p, m->context);
}

char *memory_strdup(const struct memory *m, const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = memory_alloc(m, size);
  return copy ? memcpy(copy, text, size) : NULL;
}
