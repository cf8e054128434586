/* HTTP dates (RFC 9110 section 5.6.7) in their three forms. */
#ifndef WIRE_HANDSHAKE_DATE_H
#define WIRE_HANDSHAKE_DATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Seconds since 1970. `now_s` decides the century of a two-digit year. */
bool handshake_date_parse(const char *text, int64_t now_s, int64_t *date_s);
/** Retry-After (section 10.2.3), seconds or date, as milliseconds from now; UINT64_MAX: neither. */
uint64_t handshake_date_retry_after_ms(const char *value, int64_t now_s);

#endif
