/*
 * What the machine's network means for one client: whether there is a way to its target, whether
 * its link still has an address to live on, and what the application says about it. The session
 * hears of it as session_network_down(), session_network_up() and session_probe().
 *
 * The target is what would be dialed: the proxy if there is one. Its addresses are those of the
 * last look-up, or those that need none; before the first look-up of a name all that can be asked
 * is whether anything leads out of this machine. So it is where several endpoints, or a provider,
 * may name another target with the next dial.
 */
#ifndef CLIENT_NETWORK_H
#define CLIENT_NETWORK_H

#include "internal.h"

/** Prepares to watch where the options ask for it. */
void network_open(struct limpet_client *client);
void network_close(struct limpet_client *client);
/** Watches from now on until the client is CLOSED; without memory for it nothing is known. */
void network_join(struct limpet_client *client);
/** Asks whether there is a way, and tells the session. */
void network_look(struct limpet_client *client);
/** What the application knows. Whether there is a way the session is told when no report waits. */
void network_hint(struct limpet_client *client, limpet_network_state state);
void network_tell_hint(struct limpet_client *client);
/** A dial begins: the addresses found from now on replace the older ones. */
void network_dialing(struct limpet_client *client);
void network_found(struct limpet_client *client, const struct address *addresses, size_t count);
/** A link is open: the way that it took is remembered. */
void network_opened(struct limpet_client *client);
/** Waiting for the network nothing else may be active: the loop must not end for it. */
void network_settle(struct limpet_client *client);

#endif
