/* Moments as RFC 3339 writes them. */
#ifndef CHAT_RFC3339_H
#define CHAT_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

/** "2026-11-25T16:34:18.123Z" as milliseconds since 1970 (UTC). Years 1970-9999; finer parts of a
   second are cut off, a leap second counts as the next second. False: not of that form. */
bool rfc3339_read(const char *text, int64_t *ms);

#endif
