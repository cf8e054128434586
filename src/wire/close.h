/* The close frame's payload (RFC 6455 sections 5.5.1 and 7.4). */
#ifndef WIRE_CLOSE_H
#define WIRE_CLOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOSE_NORMAL 1000
#define CLOSE_GOING_AWAY 1001
#define CLOSE_PROTOCOL_ERROR 1002
#define CLOSE_NO_STATUS 1005 /* never on the wire */
#define CLOSE_ABNORMAL 1006  /* never on the wire */
#define CLOSE_INVALID_DATA 1007
#define CLOSE_TOO_BIG 1009
#define CLOSE_INTERNAL_ERROR 1011
#define CLOSE_REASON_MAX 123

/** Whether a peer may send this code: 1000-1003, 1007-1014, 3000-4999. */
bool close_code_is_valid(uint16_t code);
/** Writes the payload; a reason too long is cut at a character, NULL is none. Returns its length, 0
 * for 1005. */
size_t close_write(uint8_t out[125], uint16_t code, const char *reason);
/** Reads a payload. 0 if fine, else the code to fail with: 1002, or 1007 for a bad reason. */
uint16_t close_read(const uint8_t *payload, size_t len, uint16_t *code, const uint8_t **reason,
                    size_t *reason_len);

#endif
