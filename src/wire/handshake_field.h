/* Header lines ("Name: value") written and checked; shared by the handshake's two roles. */
#ifndef WIRE_HANDSHAKE_FIELD_H
#define WIRE_HANDSHAKE_FIELD_H

#include "text.h"

/** NULL if `line` is a name, a colon and a value that can be sent; else what is wrong. */
const char *field_check(const char *line);
void field_put(struct text_writer *w, const char *name, const char *value);
/** `lines`: NULL at the end, or NULL. */
void field_put_lines(struct text_writer *w, const char *const *lines);

#endif
