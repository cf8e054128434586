/* What JSON messages carry that a hold looks at: the value to resume after, and ids. By jansson,
   which is strict and bounds the nesting. Pure. */
#ifndef HOLD_RESUME_H
#define HOLD_RESUME_H

#include <stdbool.h>
#include <stddef.h>

/** Longest value, with its NUL. */
#define RESUME_VALUE_CAP 257

/** The member `name` of the JSON object `text`, a string or a whole number, as text. False: it is
    not there, something else, or too long. An acknowledgement ({"type":"ack"}) has none: its number
    is of a message that may not have come yet. */
bool resume_value(const char *text, size_t len, const char *name, char value[RESUME_VALUE_CAP]);
/** The string member "id" of 1 to 128 bytes: what an acknowledgement names. */
bool resume_message_id(const char *text, size_t len, char id[RESUME_VALUE_CAP]);

#endif
