/*
 * The demo's server: takes numbered messages, and sends numbered ones of its own; after a cut it
 * replays what came after the number that the client names in its URL (`after=`).
 */
#ifndef CLI_DEMO_SERVER_H
#define CLI_DEMO_SERVER_H

#include "demo_tally.h"
#include "loop.h"

struct demo_server;

/** NULL with a sentence in `detail`. `received` counts what comes in. */
struct demo_server *demo_server_new(struct net_loop *loop, struct demo_tally *received,
                                    char *detail, size_t detail_cap);
uint16_t demo_server_port(const struct demo_server *server);
/** Another message to send: now if a client is there, else with its replay. */
void demo_server_produce(struct demo_server *server);
unsigned demo_server_produced(const struct demo_server *server);
void demo_server_free(struct demo_server *server);

#endif
