/* A client with an outbox in a folder of its own, and a peer that acknowledges. */
#ifndef SUPPORT_CLIENT_BOX_H
#define SUPPORT_CLIENT_BOX_H

#include "client_fixture.h"

#define BOX_FILE_CAP 64

/** The outbox; box_set_up() names it, for each test anew. */
extern char box_file[BOX_FILE_CAP];
/** The peer acknowledges nothing. */
extern bool box_peer_is_silent;

int box_set_up(void **state);
int box_tear_down(void **state);

/** Retries at once, reports fates; the peer acknowledges what has an id. */
void box_init(struct fixture *f, limpet_confirm confirm);
/** With message_id "n" and the number. */
limpet_result box_send_as(struct fixture *f, unsigned number, limpet_promise promise, uint64_t *id);
/** With the promise "durable", which must be accepted. */
uint64_t box_send(struct fixture *f, unsigned number);
bool box_has_fate(const struct fixture *f, uint64_t id, const char *fate);
/** How many messages are in the outbox. */
uint64_t box_waiting(struct fixture *f);
/** Stops the client, waits for its end and frees all else. */
void box_stop(struct fixture *f);
/** The numbers of what the peer has, first arrivals only, must be 1 to `count`. */
void box_peer_has_all(const struct peer *peer, unsigned count);

#endif
