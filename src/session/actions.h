/* The actions that wait for the driver, in order. Fates, writes and questions are not here: they
   are made from the queue and the heartbeat when they are asked for. */
#ifndef SESSION_ACTIONS_H
#define SESSION_ACTIONS_H

#include "session.h"

void actions_push(struct session *s, enum session_action_kind kind, uint32_t value);
void actions_push_state(struct session *s, enum session_state to, enum session_reason reason);
bool actions_take(struct session *s, struct session_action *action);

#endif
