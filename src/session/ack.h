/* The acknowledgement {"type":"ack","id":...} told from ordinary messages. */
#ifndef SESSION_ACK_H
#define SESSION_ACK_H

#include <stdbool.h>
#include <stddef.h>

/** Longest id of a message, in bytes. */
#define ACK_ID_MAX 128
/** Longer texts are no acknowledgements. */
#define ACK_TEXT_MAX 1024

/** True if `text` is an acknowledgement; its id goes to `id`, NUL-terminated. The word "ack" must
    stand there plainly; ids may hold escapes. */
bool ack_read_text(const char *text, size_t len, char id[ACK_ID_MAX + 1]);

#endif
