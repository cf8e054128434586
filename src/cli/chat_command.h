/* What `limpet chat` was asked to do. */
#ifndef CLI_CHAT_COMMAND_H
#define CLI_CHAT_COMMAND_H

#include "connect_options.h"

struct chat_command {
  struct connect_options connect; /* first: the common rows fill it */
  const char *user_id, *conversation_id;
  uint64_t after;
  uint64_t history_max;
};

/** True: go on. Else `*status` is the exit status. Either way chat_command_deinit(). */
bool chat_command_parse(struct chat_command *command, int argc, char **argv, int *status);
void chat_command_deinit(struct chat_command *command);

#endif
