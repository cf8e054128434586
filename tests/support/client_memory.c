#include "client_memory.h"

#include <stdlib.h>
#include <string.h>

/* In front of each block: its size. */
union head {
  size_t size;
  max_align_t align;
};

static bool must_fail(struct counted_memory *memory) {
  const unsigned long call = atomic_fetch_add(&memory->calls, 1) + 1;
  const unsigned long at = atomic_load(&memory->fail_at);
  if (!at || call < at || (call > at && !atomic_load(&memory->fails_on)))
    return false;
  atomic_fetch_add(&memory->failed, 1);
  return true;
}

static void *counted_alloc(size_t size, void *context) {
  struct counted_memory *memory = context;
  if (must_fail(memory))
    return NULL;
  union head *head = malloc(sizeof *head + size);
  if (!head)
    return NULL;
  head->size = size;
  atomic_fetch_add(&memory->live, 1);
  atomic_fetch_add(&memory->bytes, (long)size);
  return head + 1;
}

static void *counted_realloc(void *block, size_t size, void *context) {
  struct counted_memory *memory = context;
  if (!block)
    return counted_alloc(size, context);
  if (must_fail(memory))
    return NULL;
  union head *old = (union head *)block - 1;
  const size_t old_size = old->size;
  union head *head = realloc(old, sizeof *head + size);
  if (!head)
    return NULL;
  head->size = size;
  atomic_fetch_add(&memory->bytes, (long)size - (long)old_size);
  return head + 1;
}

static void counted_free(void *block, void *context) {
  struct counted_memory *memory = context;
  if (!block)
    return;
  union head *head = (union head *)block - 1;
  atomic_fetch_sub(&memory->live, 1);
  atomic_fetch_sub(&memory->bytes, (long)head->size);
  free(head);
}

limpet_allocator counted_allocator(struct counted_memory *memory) {
  return (limpet_allocator){counted_alloc, counted_realloc, counted_free, memory};
}
