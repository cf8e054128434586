/* What `limpet hold` was asked to do. */
#ifndef CLI_HOLD_OPTIONS_H
#define CLI_HOLD_OPTIONS_H

#include "connect_options.h"
#include "sidecar.h"

struct hold_command {
  struct connect_options connect; /* first: see connection_parse() */
  struct hold_options hold;
  const char *to;
  char *resume;   /* PARAM, cut off at the '=' */
  char *full_url; /* --to with --query */
  size_t origins_count;
};

/** Parses the command line. True: go on. Else `*status` is the exit status. Either way
    hold_command_deinit(). */
bool hold_command_parse(struct hold_command *command, int argc, char **argv, int *status);
void hold_command_deinit(struct hold_command *command);

#endif
