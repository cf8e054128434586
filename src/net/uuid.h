/* Identifiers that sort by their time of birth: UUID version 7 (RFC 9562, section 5.7). */
#ifndef NET_UUID_H
#define NET_UUID_H

#include <stdbool.h>
#include <stdint.h>

/** The text of a UUID with its NUL. */
#define NET_UUID_CAP 37

/** Writes "018f2f3e-7b1c-7...": 48 bits of `wall_ms` (since 1970), the rest from the system's
    generator. False, and "" written: it refused. [any thread] */
bool net_uuid7(int64_t wall_ms, char text[NET_UUID_CAP]);

#endif
