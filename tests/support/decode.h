/*
 * Runs the decoder over wire bytes as a driver does, and writes down what it reports, one word a
 * report: `text(Hello) ping() close(1000,bye) error(1002)`; what is not printable in hexadecimal,
 * `binary<FFC080>`; long payloads as their length and a checksum. Every piece of input ends at an
 * unreadable page, and so does the room that is lent.
 */
#ifndef SUPPORT_DECODE_H
#define SUPPORT_DECODE_H

#include "decoder.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRANSCRIPT_CAP 4096

struct decode_setup {
  bool is_server;
  uint64_t max_message;  /* 0: 1 MiB */
  uint8_t inflater_bits; /* 0: no permessage-deflate */
  bool no_context_takeover;
  bool wants_direct; /* read into decoder_direct() where it offers room */
};

struct decode_run {
  char transcript[TRANSCRIPT_CAP];
  size_t fed;         /* bytes of input up to and with the piece that ended it */
  const char *detail; /* of an error, or NULL */
  size_t room_count;  /* times room was asked for */
  uint64_t room_max;  /* the most that was asked for */
  size_t direct_len;  /* bytes that went through decoder_direct() */
};

/** Feeds `len` bytes in two pieces, cut at `cut`, each in steps of `step` bytes at most. */
void decode_run(struct decode_run *run, const struct decode_setup *setup, const uint8_t *bytes,
                size_t len, size_t cut, size_t step);
/** What a message is written down as, for expectations too long to spell out. */
void decode_describe(char *out, size_t cap, const char *what, const uint8_t *data, size_t len);
/** Copies frames, masking each with its own key, as a client would have sent them. `out` has room
    for four bytes more a frame. Returns the length. */
size_t decode_mask_frames(uint8_t *out, const uint8_t *frames, size_t len);

/** Fills with characters of one to four bytes; all of it is UTF-8. */
void decode_fill_text(uint8_t *p, size_t len);
/** Writes `text` in fragments of `frame` bytes, with a ping behind each but the last, and what is
    expected of them. Returns the wire's length. */
size_t decode_write_fragments(uint8_t *out, const uint8_t *text, size_t len, size_t frame,
                              char *expected, size_t cap);

#endif
