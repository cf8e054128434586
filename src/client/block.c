#include "block.h"

#include <string.h>

void *block_take(struct block *block, size_t size) {
  char *taken = block->at ? block->at + block->used : NULL;
  block->used += (size + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
  return taken;
}

void block_text(struct block *block, const char **text) {
  if (!*text)
    return;
  const size_t size = strlen(*text) + 1;
  char *copy = block_take(block, size);
  if (copy)
    *text = memcpy(copy, *text, size);
}

void block_list(struct block *block, const char *const **list) {
  if (!*list)
    return;
  size_t count = 0;
  while ((*list)[count])
    count++;
  const char **copy = block_take(block, (count + 1) * sizeof *copy);
  for (size_t i = 0; i < count; i++) {
    const char *text = (*list)[i];
    block_text(block, &text);
    if (copy)
      copy[i] = text;
  }
  if (copy) {
    copy[count] = NULL;
    *list = copy;
  }
}
