/* Memory between two unreadable pages, so that one byte too far is a crash. */
#ifndef SUPPORT_GUARD_H
#define SUPPORT_GUARD_H

#include <stddef.h>
#include <stdint.h>

struct guard {
  uint8_t *map;
  size_t map_len;
  uint8_t *begin, *end; /* the first byte, and the unreadable one behind the last */
};

/** At least `cap` bytes; ends the test if there is no memory. */
void guard_init(struct guard *guard, size_t cap);
void guard_deinit(struct guard *guard);
/** Where `len` bytes lie that end at the unreadable page. */
uint8_t *guard_tail(const struct guard *guard, size_t len);

#endif
