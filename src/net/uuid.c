#include "uuid.h"

#include "loop.h"

#include <string.h>

#define UUID_LEN 16

static void write_hex(const uint8_t bytes[UUID_LEN], char *out) {
  static const char digits[] = "0123456789abcdef";
  for (int i = 0; i < UUID_LEN; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      *out++ = '-';
    *out++ = digits[bytes[i] >> 4];
    *out++ = digits[bytes[i] & 15];
  }
  *out = '\0';
}

bool net_uuid7(int64_t wall_ms, char text[NET_UUID_CAP]) {
  uint8_t bytes[UUID_LEN];
  text[0] = '\0';
  if (!net_random(bytes + 6, UUID_LEN - 6))
    return false;
  for (int i = 0; i < 6; i++)
    bytes[i] = (uint8_t)((uint64_t)wall_ms >> (40 - 8 * i));
  bytes[6] = 0x70 | (bytes[6] & 0x0f); /* version */
  bytes[8] = 0x80 | (bytes[8] & 0x3f); /* variant */
  write_hex(bytes, text);
  return true;
}
