#include "hold.h"

#include <string.h>

bool hold_add(struct hold *hold, const struct memory *memory, const uint8_t *bytes, size_t len,
              uint64_t release_ms) {
  struct piece *piece = memory_alloc(memory, sizeof *piece + len);
  if (!piece)
    return false;
  *piece = (struct piece){.release_ms = release_ms, .len = len};
  memcpy(piece->bytes, bytes, len);
  if (hold->last)
    hold->last->next = piece;
  else
    hold->first = piece;
  hold->last = piece;
  hold->len += sizeof *piece + len;
  return true;
}

static void drop_first(struct hold *hold, const struct memory *memory) {
  struct piece *piece = hold->first;
  hold->first = piece->next;
  if (!hold->first)
    hold->last = NULL;
  hold->len -= sizeof *piece + piece->len;
  memory_free(memory, piece);
}

void hold_sent(struct hold *hold, const struct memory *memory, size_t len) {
  hold->first->sent += len;
  if (hold->first->sent == hold->first->len)
    drop_first(hold, memory);
}

void hold_clear(struct hold *hold, const struct memory *memory) {
  while (hold->first)
    drop_first(hold, memory);
}
