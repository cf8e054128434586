/*
 * The promise "durable": between the outbox, which keeps messages on disk, and the session, which
 * sends them while a link is open.
 *
 * The session is fed by credit: twice the window of messages at most is in memory. When the link
 * ends it gives back what is not confirmed, and the outbox begins anew with its oldest, so that on
 * each link all unconfirmed messages go again, in order, before newer ones.
 */
#ifndef CLIENT_DURABLE_H
#define CLIENT_DURABLE_H

#include "internal.h"

/** Opens options->outbox, if named. Without one all functions below do nothing. */
limpet_result durable_open(struct limpet_client *client, const limpet_options *options,
                           char *detail);
bool durable_is_on(const struct limpet_client *client);

/** [any thread] */
limpet_result durable_send(struct limpet_client *client, uint8_t opcode, const void *data,
                           size_t len, const limpet_send_options *options, uint64_t *id);
/** What the outbox's thread has done since. True: the session has new inputs. */
bool durable_take_events(struct limpet_client *client);
/** Asks for as many stored messages as the session has room for. */
void durable_ask(struct limpet_client *client);

void durable_link_opened(struct limpet_client *client);
void durable_link_ended(struct limpet_client *client);
/** A stored message was handed to the link. */
void durable_written(struct limpet_client *client, const struct envelope *envelope);
/** The session is done with a stored message (`final`), or the kernel is. */
void durable_fate(struct limpet_client *client, const struct session_action *action);

/** [any thread] A number for a message that is not durable: one row numbers all. */
uint64_t durable_fresh_id(struct limpet_client *client);
/** The lowest number that is stored or on its way there; UINT64_MAX: none. */
uint64_t durable_oldest(const struct limpet_client *client);
void durable_count(const struct limpet_client *client, uint64_t *count, uint64_t *bytes);
/** Payload that waits in memory for the disk. */
uint64_t durable_pending_bytes(const struct limpet_client *client);

/** Lets the disk finish; durable_is_closed() is true some turns later. */
void durable_close(struct limpet_client *client);
bool durable_is_closed(const struct limpet_client *client);
/** Waits for the disk no longer; what it holds stays. Else as if it had finished. */
void durable_abandon(struct limpet_client *client);
/** The outbox's thread wakes the client no more. */
void durable_free(struct limpet_client *client);

#endif
