/* What a command that holds a connection was asked to do: all of it `limpet connect`, the most of
   it others too. */
#ifndef CLI_CONNECT_OPTIONS_H
#define CLI_CONNECT_OPTIONS_H

#include "on_open.h"

#include <limpet/limpet.h>
#include <stdbool.h>

enum event_format { EVENTS_TEXT, EVENTS_JSON, EVENTS_NONE };

#define HEADERS_MAX 64
#define SUBPROTOCOLS_MAX 16
#define FALLBACKS_MAX 15

struct connect_options {
  limpet_options client;
  enum event_format events;
  bool is_quiet, is_verbose, is_binary, is_kept_open;
  bool has_queue_limit; /* the user chose to lose the oldest rather than to wait */
  bool has_queue_limit_bytes;
  bool has_confirm;
  uint32_t linger_ms;
  uint32_t ttl_ms;
  const char *on_open;        /* file, or NULL */
  bool is_check;              /* say what works, then end */
  const char *metrics_listen; /* address, or NULL */

  /* gathered while parsing; owned */
  const char *headers[HEADERS_MAX + 2];
  size_t headers_count;
  const char *subprotocols[SUBPROTOCOLS_MAX + 1];
  size_t subprotocols_count;
  char *fallbacks[FALLBACKS_MAX + 1];
  size_t fallbacks_count;
  char *query; /* of --query, encoded */
  char *url;
};

/** Parses the command line. True: go on. Else `*status` is the exit status. */
bool connect_options_parse(struct connect_options *options, int argc, char **argv, int *status);
struct option_row;
/** The row of that option, for another command that has it too; `options` is the first member of
   what it fills. */
const struct option_row *connect_options_row(const char *name);
/** What connect_options_parse() does of it: false, with `*status` set and said why. */
bool connect_options_check_on_open(const struct connect_options *options, int *status);
/** `--on-open` as it is sent. */
struct on_open connect_options_on_open(const struct connect_options *options);
void connect_options_deinit(struct connect_options *options);

#endif
