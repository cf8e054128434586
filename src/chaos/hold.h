/* Bytes that wait: a queue of pieces, each with the moment when it may go. */
#ifndef CHAOS_HOLD_H
#define CHAOS_HOLD_H

#include "memory.h"

#include <stdbool.h>
#include <stdint.h>

struct piece {
  struct piece *next;
  uint64_t release_ms;
  size_t len, sent;
  uint8_t bytes[];
};

struct hold {
  struct piece *first, *last;
  size_t len; /* of all that waits, with what keeping it costs */
};

/** Copies the bytes. False: no memory. */
bool hold_add(struct hold *hold, const struct memory *memory, const uint8_t *bytes, size_t len,
              uint64_t release_ms);
/** So many bytes of the first piece are gone; whole, it is freed. */
void hold_sent(struct hold *hold, const struct memory *memory, size_t len);
void hold_clear(struct hold *hold, const struct memory *memory);

#endif
