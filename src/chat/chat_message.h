/* A chat message as a view shows it. */
#ifndef CHAT_CHAT_MESSAGE_H
#define CHAT_CHAT_MESSAGE_H

#include <limpet/limpet.h>
#include <stdbool.h>
#include <stdint.h>

/** Longest id of a message, sender or conversation, in bytes (section 9 of the contract). */
#define CHAT_ID_MAX 128
/** Longest text sent, in bytes. As JSON it may grow sixfold, and must stay below what a relay takes
   (64 KiB): else the link would end (1009), and so would every later one. */
#define CHAT_TEXT_MAX ((size_t)8 * 1024)

enum chat_delivery {
  CHAT_PENDING, /* sent by us, and the relay has not said that it keeps it */
  CHAT_STORED,  /* the relay keeps it */
  CHAT_DROPPED  /* sent by us, and given up; `drop` says why */
};

struct chat_message {
  uint64_t sequence_number; /* 0: none known yet */
  const char *id, *sender_id;
  const char *plaintext; /* UTF-8 as it came: control characters and all */
  int64_t created_at_ms; /* since 1970, UTC; before it is numbered our own clock's */
  enum chat_delivery delivery;
  limpet_drop drop;
};

#endif
