/* A client under test, a server, a bare socket, a diary and an allocator that counts. */
#ifndef SUPPORT_CLIENT_FIXTURE_H
#define SUPPORT_CLIENT_FIXTURE_H

#include "client_diary.h"
#include "client_memory.h"
#include "client_peer.h"
#include "client_world.h"

struct fixture {
  struct world world;
  struct peer peer;
  struct raw_peer raw;
  struct diary diary;
  struct counted_memory memory;
  limpet_options options; /* for the peer; to be changed before fixture_make() */
  limpet_client *client;
};

void fixture_init(struct fixture *f, unsigned diary_wants);
void fixture_make(struct fixture *f);
/** Connects and waits until both ends know. */
void fixture_open(struct fixture *f);
/** Waits until both ends know of a new link. */
void fixture_reopened(struct fixture *f);
/** The client has been stopped; whatever it owned must be gone. */
void fixture_deinit(struct fixture *f);
/** Stops the client, waits for its end, and the same. */
void fixture_end(struct fixture *f);
bool fixture_is(struct fixture *f, limpet_state state);
/** Sends the text "m NUMBER" and returns the message's id. */
uint64_t fixture_send(struct fixture *f, unsigned number);

#endif
