/* Messages on standard output: raw plus LF, or length-prefixed; gathered, written once a turn. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

/** False once standard output can take no more; `errno` says why. */
bool output_message(bool is_binary, const void *data, size_t len);
bool output_flush(void);
/** Something is gathered and not yet written. */
bool output_is_pending(void);

#endif
