/* An allocator that counts, and that can be told to fail. Thread-safe. */
#ifndef SUPPORT_CLIENT_MEMORY_H
#define SUPPORT_CLIENT_MEMORY_H

#include <limpet/limpet.h>
#include <stdatomic.h>

struct counted_memory {
  atomic_ulong calls; /* of alloc and realloc */
  atomic_long live;   /* blocks not freed */
  atomic_long bytes;  /* as asked for, of live blocks */
  atomic_ulong failed;
  atomic_ulong fail_at; /* this call fails, 0: none */
  atomic_bool fails_on; /* and all that follow it */
};

limpet_allocator counted_allocator(struct counted_memory *memory);

#endif
