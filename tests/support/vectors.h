/*
 * Runs traces of tests/vectors: lines with inputs for one session, and below each what it did. The
 * lines in between are ignored on reading and written anew, so a trace holds if what is written is
 * what was read. tests/vectors/README.md describes the lines; the browser's engines run the same.
 */
#ifndef SUPPORT_VECTORS_H
#define SUPPORT_VECTORS_H

#include "machine.h"

#include <stdio.h>

#define VECTORS_MESSAGES 256

struct vectors {
  FILE *out;
  struct session session;
  struct session_config config;
  struct session_message messages[VECTORS_MESSAGES]; /* by id */
  uint32_t epoch;                                    /* of the last dial */
  uint64_t writes[VECTORS_MESSAGES]; /* ids handed out for writing and not yet answered */
  unsigned write_count;
  bool is_asking; /* a question was handed out and not yet answered */
  bool has_moved[PHASE_COUNT][PHASE_COUNT];
};

/** Copies one line to `out`, carries it out if it is an input, and writes what happened. False: it
    cannot be read. */
bool vectors_line(struct vectors *v, const char *line);

#endif
