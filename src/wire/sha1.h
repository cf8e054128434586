/*
 * SHA-1 (RFC 3174), for Sec-WebSocket-Accept alone (RFC 6455 section 4.2.2). There it proves that
 * the other end speaks WebSocket, and keeps no secret: it must never be used where a forger gains
 * by a collision.
 */
#ifndef WIRE_SHA1_H
#define WIRE_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_LEN 20

void sha1(const uint8_t *data, size_t len, uint8_t digest[SHA1_LEN]);

#endif
