/*
 * The options of every command that holds a connection: one table, which a command follows up with
 * rows of its own.
 */
#ifndef CLI_CONNECTION_ROWS_H
#define CLI_CONNECTION_ROWS_H

#include "connect_options.h"
#include "option_table.h"

/** What an option of others means to this command. */
struct option_wording {
  const char *name, *help;
};

struct connection_command {
  const char *name;
  const char *usage; /* the help above the options */
  const char *notes; /* and below */
  const struct option_row *own;
  size_t own_count;
  const struct option_wording *wordings; /* a NULL name at the end; or NULL */
  bool never_gives_up;                   /* unless --max-retries says so */
  bool has_no_url;                       /* it is no operand: there is none */
  bool has_own_log;                      /* instead of --events */
};

/** Defaults, presets, options, and one URL (or none: has_no_url). `options` may be the first member
   of the struct that the command's own rows fill; of that struct no more is touched. True: go on.
   Else `*status` is the exit status. Either way connect_options_deinit(). */
bool connection_parse(const struct connection_command *command, struct connect_options *options,
                      int argc, char **argv, int *status);
/** `url` with what --query gave, to be freed; NULL: no memory. */
char *connection_join_query(const struct connect_options *options, const char *url);

#endif
