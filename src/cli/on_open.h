/*
 * `--on-open FILE`: what goes out first on every link, with the promise "now". The file is read
 * afresh each time, so that a token that was rotated meanwhile is used, and checked as a whole
 * before anything of it is sent. Messages as in standard input.
 */
#ifndef CLI_ON_OPEN_H
#define CLI_ON_OPEN_H

#include "splitter.h"

#include <limpet/limpet.h>

#define ON_OPEN_ERROR_CAP 512
/** Payload of all messages and their frames: less than an empty link takes at once, so that none is
    refused for want of room. */
#define ON_OPEN_BYTES_MAX 1000000

struct on_open {
  const char *path;
  struct splitter splitter;
};

/** Whether the file could be sent now. False: `error` is a sentence that names it and the line. */
bool on_open_check(const struct on_open *on_open, char error[ON_OPEN_ERROR_CAP]);
/** Sends all of it; for the client's on_open. `*count`: messages sent. False: the file cannot be
   used now, and nothing was sent; or the link refused a message. `error` says so. */
bool on_open_send(const struct on_open *on_open, limpet_client *client, unsigned *count,
                  char error[ON_OPEN_ERROR_CAP]);

#endif
