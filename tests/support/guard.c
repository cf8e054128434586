/* See guard.h. */
#define _GNU_SOURCE // NOLINT
#include "guard.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void guard_init(struct guard *guard, size_t cap) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t usable = (cap + page - 1) / page * page;
  guard->map_len = usable + 2 * page;
  guard->map = mmap(NULL, guard->map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (guard->map == MAP_FAILED ||
      mprotect(guard->map + page, usable, PROT_READ | PROT_WRITE) != 0) {
    perror("guard");
    exit(1);
  }
  guard->begin = guard->map + page;
  guard->end = guard->begin + usable;
}

void guard_deinit(struct guard *guard) {
  munmap(guard->map, guard->map_len);
}

uint8_t *guard_tail(const struct guard *guard, size_t len) {
  assert(len <= (size_t)(guard->end - guard->begin));
  return guard->end - len;
}
