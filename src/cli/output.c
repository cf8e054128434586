/* Standard output. */
#include "output.h"

#include <stdio.h>

static bool is_pending;

bool output_is_pending(void) {
  return is_pending;
}

bool output_message(bool is_binary, const void *data, size_t len) {
  const unsigned char prefix[4] = {(unsigned char)(len >> 24), (unsigned char)(len >> 16),
                                   (unsigned char)(len >> 8), (unsigned char)len};
  is_pending = true;
  if (is_binary && fwrite(prefix, 1, sizeof prefix, stdout) != sizeof prefix)
    return false;
  if (len && fwrite(data, 1, len, stdout) != len)
    return false;
  return is_binary || putc('\n', stdout) != EOF;
}

bool output_flush(void) {
  if (!is_pending)
    return true;
  is_pending = false;
  return fflush(stdout) == 0;
}
