/* The address under which a conversation is joined. */
#ifndef CHAT_JOIN_URL_H
#define CHAT_JOIN_URL_H

#include <stdint.h>

/** The relay's URL with conversation_id, user_id and after as its query's last members; a URL
   without a path gets /ws. free() it. NULL: no memory. */
char *join_url_write(const char *relay_url, const char *conversation_id, const char *user_id,
                     uint64_t after);

#endif
