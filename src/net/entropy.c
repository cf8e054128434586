#include "entropy.h"

#include <errno.h>
#include <sys/random.h>

bool net_random(void *out, size_t len) {
  uint8_t *p = out;
  while (len > 0) {
    ssize_t n = getrandom(p, len, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return false;
    p += n;
    len -= (size_t)n;
  }
  return true;
}
