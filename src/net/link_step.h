/*
 * What a dial reports of its steps, for those who watch it. Each of these gathers the facts of one
 * step, if anybody wants them, and returns false if the link was ended by whoever was told.
 */
#ifndef NET_LINK_STEP_H
#define NET_LINK_STEP_H

#include "dial.h"
#include "link_internal.h"

/** The dial begins. */
void link_step_begin(struct link *link);
/** `link`: a struct link; called by the dial. */
bool link_step_looked_up(void *link, const struct resolve_answer *answer);
bool link_step_connected(struct link *link, const struct address *peer);
bool link_step_secured(struct link *link);
bool link_step_upgraded(struct link *link, const struct handshake_response *response);
/** Any step: `facts` whose value is "" are left out. */
bool link_step_report(struct link *link, enum link_step step, const struct link_fact *facts,
                      size_t facts_count);

#endif
