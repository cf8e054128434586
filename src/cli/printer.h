/*
 * Messages on standard output: raw plus LF, or length-prefixed; gathered, written once a turn.
 * Whoever reads them may be slow, or stop. The loop never waits for that: what cannot be written
 * yet is kept, and the owner, who is told, brings no more meanwhile.
 */
#ifndef CLI_PRINTER_H
#define CLI_PRINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct printer {
  uv_poll_t poll;
  int fd;
  bool owns_fd;
  bool is_pollable; /* else writing waits, as to a file */
  bool is_blocked;  /* keeps the loop running until the rest is written */
  char *bytes;
  size_t cap, begin, end;
  void (*unblocked)(void *user);
  void *user;
};

/** `unblocked`: it takes more now; to be followed by printer_flush(). */
void printer_start(struct printer *printer, uv_loop_t *loop, void (*unblocked)(void *user),
                   void *user);
/** False once standard output can take no more; `errno` says why, and the rest is dropped. */
bool printer_message(struct printer *printer, bool is_binary, const void *data, size_t len);
/** Gathers a part of one. */
bool printer_put(struct printer *printer, const void *data, size_t len);
bool printer_flush(struct printer *printer);
bool printer_is_blocked(const struct printer *printer);
/** It is blocked, and much waits. */
bool printer_is_full(const struct printer *printer);
/** Drops what is not yet written. */
void printer_drop(struct printer *printer);
void printer_deinit(struct printer *printer);

#endif
