/* The close frame's payload: two bytes of code, then a reason in UTF-8 (RFC 6455 section 5.5.1). */
#include "close.h"

#include "utf8.h"

#include <string.h>

bool close_code_is_valid(uint16_t code) {
  /* 1004-1006 and 1015 must never travel (7.4.1); 1016-2999 are for future standards. */
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
         (code >= 3000 && code <= 4999);
}

/* The reason's length, cut at a character if it is too long. */
static size_t fitting_len(const char *reason) {
  const size_t len = strlen(reason);
  if (len <= CLOSE_REASON_MAX) {
    return len;
  }
  size_t cut = CLOSE_REASON_MAX;
  while (cut > 0 && ((uint8_t)reason[cut] & 0xC0) == 0x80) {
    cut--;
  }
  return cut;
}

size_t close_write(uint8_t out[125], uint16_t code, const char *reason) {
  if (code == CLOSE_NO_STATUS) {
    return 0;
  }
  const size_t reason_len = reason != NULL ? fitting_len(reason) : 0;
  out[0] = (uint8_t)(code >> 8);
  out[1] = (uint8_t)code;
  memcpy(out + 2, reason != NULL ? reason : "", reason_len);
  return 2 + reason_len;
}

uint16_t close_read(const uint8_t *payload, size_t len, uint16_t *code, const uint8_t **reason,
                    size_t *reason_len) {
  *code = CLOSE_NO_STATUS;
  *reason = payload;
  *reason_len = 0;
  if (len == 0) {
    return 0;
  }
  if (len == 1) {
    return CLOSE_PROTOCOL_ERROR;
  }
  *code = (uint16_t)(payload[0] << 8 | payload[1]);
  if (!close_code_is_valid(*code)) {
    return CLOSE_PROTOCOL_ERROR;
  }
  *reason = payload + 2;
  *reason_len = len - 2;
  return utf8_is_valid(*reason, *reason_len) ? 0 : CLOSE_INVALID_DATA;
}
