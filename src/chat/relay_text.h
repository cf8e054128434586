/* The relay's wire messages (section 9 of the contract), read and written. */
#ifndef CHAT_RELAY_TEXT_H
#define CHAT_RELAY_TEXT_H

#include "chat_message.h"

#include <stddef.h>

enum relay_text_kind {
  RELAY_TEXT_MALFORMED, /* not JSON, or not as the contract has it */
  RELAY_TEXT_OTHER,     /* well formed, and nothing that concerns us */
  RELAY_TEXT_MESSAGE,
  RELAY_TEXT_REPLAYED,
  RELAY_TEXT_ACK,
  RELAY_TEXT_ERROR
};

struct relay_text {
  enum relay_text_kind kind;
  struct chat_message message; /* MESSAGE, with its conversation: */
  const char *conversation_id;
  uint64_t sequence_number; /* REPLAYED, ACK */
  const char *id;           /* ACK; ERROR: of the message at fault, or NULL */
  const char *code, *text;  /* ERROR */
  void *root;               /* what the pointers point into */
};

/** Reads one text; relay_text_release() afterwards, whatever it is. */
void relay_text_read(struct relay_text *out, const char *data, size_t len);
void relay_text_release(struct relay_text *text);

/** {"type":"message","id":ID,"plaintext":TEXT}; free() it. NULL: `plaintext` is not UTF-8, or no
 * memory. */
char *relay_text_write_message(const char *id, const char *plaintext);
/** How long that is at most for a text of `len` bytes: each may become an escape of six. */
size_t relay_text_message_max(size_t len);

#endif
