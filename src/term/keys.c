/* Keys: control characters, UTF-8, and the escape sequences of xterm and its kin. */
#include "keys.h"

#include <string.h>

#define ESCAPE '\033'

static const struct {
  char byte;
  enum key key;
} controls[] = {
    {'\r', KEY_ENTER},
    {'\n', KEY_ENTER},
    {'\b', KEY_BACKSPACE},
    {'\177', KEY_BACKSPACE},
    {1, KEY_HOME},
    {2, KEY_LEFT},
    {3, KEY_INTERRUPT},
    {4, KEY_DELETE_OR_END},
    {5, KEY_END},
    {6, KEY_RIGHT},
    {11, KEY_ERASE_TO_END},
    {12, KEY_REDRAW},
    {14, KEY_DOWN},
    {16, KEY_UP},
    {18, KEY_RETRY},
    {20, KEY_METRICS},
    {21, KEY_ERASE_TO_BEGIN},
    {23, KEY_ERASE_WORD},
    {26, KEY_SUSPEND},
};

static const struct {
  const char *sequence; /* behind the escape */
  enum key key;
} sequences[] = {
    {"[A", KEY_UP},
    {"OA", KEY_UP},
    {"[B", KEY_DOWN},
    {"OB", KEY_DOWN},
    {"[C", KEY_RIGHT},
    {"OC", KEY_RIGHT},
    {"[D", KEY_LEFT},
    {"OD", KEY_LEFT},
    {"[H", KEY_HOME},
    {"OH", KEY_HOME},
    {"[1~", KEY_HOME},
    {"[7~", KEY_HOME},
    {"[F", KEY_END},
    {"OF", KEY_END},
    {"[4~", KEY_END},
    {"[8~", KEY_END},
    {"[3~", KEY_DELETE},
    {"[5~", KEY_PAGE_UP},
    {"[6~", KEY_PAGE_DOWN},
    {"OQ", KEY_METRICS},
    {"[12~", KEY_METRICS},
    {"[[B", KEY_METRICS},
    {"[1;5D", KEY_WORD_LEFT},
    {"[1;3D", KEY_WORD_LEFT},
    {"b", KEY_WORD_LEFT},
    {"f", KEY_WORD_RIGHT},
    {"[1;5C", KEY_WORD_RIGHT},
    {"[1;3C", KEY_WORD_RIGHT},
    {"\177", KEY_ERASE_WORD},
};

static bool put_text(struct key_event *event, const char *text, size_t len) {
  event->key = KEY_TEXT;
  event->len = len;
  memcpy(event->text, text, len);
  return true;
}

/* ---- escape sequences ---- */

/* ECMA-48: "[" parameters and a final byte 0x40-0x7E; "O" and one byte; else one byte. The Linux
   console has "[[" and one byte. */
static bool is_sequence_over(const struct keys *k) {
  const char *s = k->sequence + 1;
  const size_t len = k->len - 1;
  const char last = k->sequence[k->len - 1];
  if (len == 0)
    return false;
  if (s[0] == 'O')
    return len == 2;
  if (s[0] != '[')
    return true;
  if (len == 1 || (len == 2 && last == '['))
    return false;
  return last >= 0x40 && last <= 0x7E;
}

static bool find_sequence(struct keys *k, struct key_event *event) {
  const size_t len = k->len - 1;
  for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++)
    if (strlen(sequences[i].sequence) == len &&
        memcmp(sequences[i].sequence, k->sequence + 1, len) == 0) {
      event->key = sequences[i].key;
      return !k->is_pasting;
    }
  if (len == 5 && memcmp(k->sequence + 1, "[200~", 5) == 0)
    k->is_pasting = true;
  if (len == 5 && memcmp(k->sequence + 1, "[201~", 5) == 0)
    k->is_pasting = false;
  return false;
}

static bool take_in_sequence(struct keys *k, char byte, struct key_event *event) {
  if (byte == ESCAPE) { /* the one before was the key itself */
    k->len = 1;
    return false;
  }
  k->sequence[k->len++] = byte;
  if (!is_sequence_over(k)) {
    if (k->len == KEYS_SEQUENCE_MAX) /* of one so long only the end matters */
      k->len--;
    return false;
  }
  const bool is_known = find_sequence(k, event);
  k->len = 0;
  return is_known;
}

/* ---- characters ---- */

static size_t length_by(char first) {
  const unsigned char c = (unsigned char)first;
  return c < 0xC0 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
}

/* A character cut short by another is dropped. */
static bool take_in_character(struct keys *k, char byte, struct key_event *event) {
  if (((unsigned char)byte & 0xC0) != 0x80) {
    k->len = 0;
    return keys_take(k, byte, event);
  }
  k->sequence[k->len++] = byte;
  if (k->len < length_by(k->sequence[0]))
    return false;
  const size_t len = k->len;
  k->len = 0;
  return put_text(event, k->sequence, len);
}

static bool take_control(const struct keys *k, char byte, struct key_event *event) {
  if (k->is_pasting)
    return (byte == '\r' || byte == '\n' || byte == '\t') && put_text(event, " ", 1);
  for (size_t i = 0; i < sizeof controls / sizeof *controls; i++)
    if (controls[i].byte == byte) {
      event->key = controls[i].key;
      return true;
    }
  return false;
}

bool keys_take(struct keys *k, char byte, struct key_event *event) {
  const unsigned char c = (unsigned char)byte;
  if (k->len > 0)
    return k->sequence[0] == ESCAPE ? take_in_sequence(k, byte, event)
                                    : take_in_character(k, byte, event);
  if (byte == ESCAPE || c >= 0xC2) {
    k->sequence[k->len++] = byte;
    return false;
  }
  if (c < 0x20 || c == 0x7F)
    return take_control(k, byte, event);
  return c < 0x80 && put_text(event, &byte, 1);
}
