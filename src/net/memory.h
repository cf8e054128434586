/* The one place that hosted code takes memory from. */
#ifndef NET_MEMORY_H
#define NET_MEMORY_H

#include <stddef.h>

struct memory {
  void *(*alloc)(size_t size, void *context);
  void *(*realloc)(void *memory, size_t size, void *context);
  void (*free)(void *memory, void *context);
  void *context;
};

/** The C library's. */
extern const struct memory memory_default;

/** NULL when there is none; `size` 0 gives a pointer that can be freed. */
void *memory_alloc(const struct memory *m, size_t size);
void *memory_alloc_zeroed(const struct memory *m, size_t size);
void *memory_realloc(const struct memory *m, void *p, size_t size);
void memory_free(const struct memory *m, void *p);
char *memory_strdup(const struct memory *m, const char *text);

#endif
