/* `limpet connect --check`: one dial, told step by step. */
#ifndef CLI_CHECK_H
#define CLI_CHECK_H

#include "connect_options.h"

/** Runs it. Standard input, outbox and metrics are left alone. Returns the exit status. */
int check_run(struct connect_options *options);

#endif
