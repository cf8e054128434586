/*
 * Deep copies of strings and lists into one block of memory: first measured with `at` NULL, then
 * written by the same calls.
 */
#ifndef CLIENT_BLOCK_H
#define CLIENT_BLOCK_H

#include <stddef.h>

struct block {
  char *at; /* NULL while measuring */
  size_t used;
};

/** Room of `size` bytes, aligned for pointers; NULL while measuring. */
void *block_take(struct block *block, size_t size);
/** `*text`, or NULL, is copied and points to the copy once written. */
void block_text(struct block *block, const char **text);
/** The same for a list with NULL at its end, or NULL. */
void block_list(struct block *block, const char *const **list);

#endif
