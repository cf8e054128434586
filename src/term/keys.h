/* What a terminal sends, byte by byte, as keys. Pure. */
#ifndef TERM_KEYS_H
#define TERM_KEYS_H

#include <stdbool.h>
#include <stddef.h>

enum key {
  KEY_TEXT, /* one character */
  KEY_ENTER,
  KEY_BACKSPACE,
  KEY_DELETE,
  KEY_DELETE_OR_END, /* Ctrl-D */
  KEY_LEFT,
  KEY_RIGHT,
  KEY_WORD_LEFT,
  KEY_WORD_RIGHT,
  KEY_HOME,
  KEY_END,
  KEY_UP,
  KEY_DOWN,
  KEY_PAGE_UP,
  KEY_PAGE_DOWN,
  KEY_ERASE_TO_BEGIN, /* Ctrl-U */
  KEY_ERASE_TO_END,   /* Ctrl-K */
  KEY_ERASE_WORD,     /* Ctrl-W */
  KEY_REDRAW,         /* Ctrl-L */
  KEY_RETRY,          /* Ctrl-R */
  KEY_METRICS,        /* Ctrl-T, F2 */
  KEY_INTERRUPT,      /* Ctrl-C */
  KEY_SUSPEND         /* Ctrl-Z */
};

#define KEYS_SEQUENCE_MAX 32

struct keys {
  char sequence[KEYS_SEQUENCE_MAX]; /* of an escape sequence or a character, so far */
  size_t len;
  bool is_pasting; /* bracketed paste: line feeds are text */
};

struct key_event {
  enum key key;
  char text[4]; /* KEY_TEXT: UTF-8 */
  size_t len;
};

/** Takes one byte. True: that completed a key. Sequences that are not known are swallowed whole. */
bool keys_take(struct keys *keys, char byte, struct key_event *event);

#endif
