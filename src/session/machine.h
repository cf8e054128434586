/* Runs the state table: the only writer of phase and state. */
#ifndef SESSION_MACHINE_H
#define SESSION_MACHINE_H

#include "session.h"
#include "table.h"

/* What the user wants beyond what the phase already serves; carried out when no action waits. */
enum session_wish { WISH_NONE, WISH_CONNECT, WISH_DISCONNECT, WISH_RECONNECT };

void machine_step(struct session *s, uint64_t now_ms, enum session_input input);
/** The dial or link is gone: reports it and finds the input that it amounts to. */
void machine_lose(struct session *s, uint64_t now_ms, const struct failure *failure,
                  enum failure_verdict verdict);
/** Hears of the network and carries the wish out, as far as it can be now. */
void machine_grant(struct session *s, uint64_t now_ms);
/** This link has lasted, or the application vouches for it. */
void machine_stabilise(struct session *s);

#endif
