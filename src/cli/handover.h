/*
 * Input handed over to the client: as it is, or with `--confirm ack` as a chat message with an id
 * (section 9 of the contract); in memory, or with `--outbox` on disk.
 */
#ifndef CLI_HANDOVER_H
#define CLI_HANDOVER_H

#include "connect_options.h"
#include "input.h"

struct handover {
  const struct connect_options *options;
  limpet_client *client;
  uint32_t unstored_count; /* handed to the outbox, and not yet known to be on disk */
};

/** Takes one line or message. `*result` says why it was refused, if it was. */
enum input_answer handover_take(struct handover *handover, const char *data, size_t len,
                                limpet_result *result);
/** To be told of every fate. */
void handover_note(struct handover *handover, const limpet_fate_report *report);

#endif
