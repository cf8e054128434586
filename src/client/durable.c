#include "durable.h"

#include "outbox.h"
#include "uuid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(LIMPET_MESSAGE_ID_MAX == OUTBOX_ID_MAX, "the longest ids differ");
_Static_assert(LIMPET_DETAIL_CAP == OUTBOX_DETAIL_CAP, "the longest details differ");

/* Beyond the window, so that the next messages are there when it moves. */
#define WINDOWS_FED 2

enum durable_phase {
  DURABLE_OPEN,
  DURABLE_CLOSING, /* what is confirmed from here on is not removed any more */
  DURABLE_CLOSED   /* the disk has finished, or is waited for no longer */
};

struct durable {
  struct outbox *outbox; /* lives as long as the client */
  uint64_t tried_up_to;  /* the highest number handed to the present link */
  uint64_t credit_bytes; /* what the session has room for again, not yet asked for */
  uint32_t credit_count;
  enum durable_phase phase;
  bool is_fed; /* a link is open */
};

/* It hangs where other threads' wishes do: clients without an outbox need not have room for it. */
static struct durable *durable_of(const struct limpet_client *client) {
  const struct outside *outside = atomic_load_explicit(&client->outside, memory_order_acquire);
  return outside ? outside->durable : NULL;
}

static struct outbox *outbox_of(const struct limpet_client *client) {
  const struct durable *durable = durable_of(client);
  return durable ? durable->outbox : NULL;
}

bool durable_is_on(const struct limpet_client *client) {
  return durable_of(client) != NULL;
}

/* ---- opening ---- */

/* On the outbox's thread. */
static void wake(void *user) {
  client_wake(user);
}

static limpet_result open_outbox(struct limpet_client *client, const limpet_options *options,
                                 struct durable *durable, char *detail) {
  const struct outbox_config config = {
      .path = options->outbox,
      .limit_count = options->outbox_limit,
      .limit_bytes = options->outbox_limit_bytes,
      .durability_ms = options->outbox_durability_ms,
      .wake = wake,
      .user = client,
  };
  const enum outbox_result result = outbox_open(&config, &durable->outbox, detail);
  if (result == OUTBOX_OK)
    return LIMPET_OK;
  return result == OUTBOX_NO_MEMORY ? LIMPET_NO_MEMORY : LIMPET_OUTBOX;
}

limpet_result durable_open(struct limpet_client *client, const limpet_options *options,
                           char *detail) {
  if (!options->outbox)
    return LIMPET_OK;
  struct outside *outside = client_outside(client);
  struct durable *durable =
      outside ? memory_alloc_zeroed(client_memory(client), sizeof *durable) : NULL;
  if (!durable)
    return LIMPET_NO_MEMORY;
  const limpet_result result = open_outbox(client, options, durable, detail);
  if (result == LIMPET_OK)
    outside->durable = durable;
  else
    memory_free(client_memory(client), durable);
  return result;
}

/* ---- in ---- */

static limpet_result result_of(enum outbox_result result) {
  switch (result) {
  case OUTBOX_OK:
    return LIMPET_OK;
  case OUTBOX_OVERFLOW:
    return LIMPET_QUEUE_OVERFLOW;
  case OUTBOX_CLOSED:
    return LIMPET_NOT_CONNECTED;
  default:
    return LIMPET_NO_MEMORY;
  }
}

static bool takes_messages(struct limpet_client *client) {
  client_lock(client);
  const struct outside *outside = atomic_load(&client->outside);
  const bool answer =
      !client->is_stopping && !outside->wants_stop && session_takes_messages(&client->session);
  client_unlock(client);
  return answer;
}

static int64_t expires_at(struct limpet_client *client, uint32_t ttl_ms) {
  return ttl_ms ? net_loop_wall_ms(client->loop) + ttl_ms : INT64_MAX;
}

limpet_result durable_send(struct limpet_client *client, uint8_t opcode, const void *data,
                           size_t len, const limpet_send_options *options, uint64_t *id) {
  char made[NET_UUID_CAP];
  uint64_t number;
  struct outbox *outbox = outbox_of(client);
  struct outbox_put put = {
      .opcode = opcode,
      .data = data,
      .len = len,
      .id = options->message_id,
      .expires_at_wall_ms = expires_at(client, options->ttl_ms),
      .replace_key = options->replace_key,
  };
  if (!outbox || !takes_messages(client))
    return LIMPET_NOT_CONNECTED;
  if (!put.id && !limpet_new_id(made))
    return LIMPET_SYSTEM;
  if (!put.id)
    put.id = made;
  const limpet_result result = result_of(outbox_put(outbox, &put, &number));
  if (result == LIMPET_OK && id)
    *id = number;
  return result;
}

/* ---- what the outbox has done ---- */

static void tell(struct limpet_client *client, const struct outbox_event *event, limpet_fate fate,
                 limpet_drop drop) {
  const limpet_fate_report report = {.id = event->number,
                                     .fate = fate,
                                     .drop = drop,
                                     .attempts = event->attempts,
                                     .message_id = event->id};
  if (fate == LIMPET_FATE_DROPPED) {
    client_lock(client);
    session_dropped(&client->session, 1);
    client_unlock(client);
  }
  if (client_callbacks(client)->on_fate)
    client_callbacks(client)->on_fate(client, &report, client->user);
}

static void refused(struct limpet_client *client, const struct outbox_event *event) {
  report_outbox(client, event->detail);
  tell(client, event, LIMPET_FATE_DROPPED,
       event->result == OUTBOX_DUPLICATE ? LIMPET_DROP_DUPLICATE : LIMPET_DROP_NOT_STORED);
}

/* Wall clocks may jump; the time to live then runs on by the clock that does not. */
static uint64_t expiry_of(const struct limpet_client *client, const struct outbox_event *event) {
  const int64_t at_ms = event->expires_at_wall_ms, wall_ms = net_loop_wall_ms(client->loop);
  if (at_ms == INT64_MAX)
    return SESSION_NEVER;
  const uint64_t left_ms = at_ms > wall_ms ? (uint64_t)at_ms - (uint64_t)wall_ms : 0;
  return client_now_ms(client) + left_ms;
}

static struct envelope *make_envelope(struct limpet_client *client,
                                      const struct outbox_event *event) {
  const limpet_send_options how = {.message_id = event->id};
  struct envelope *envelope = envelope_new(client, event->opcode, event->data, event->len, &how);
  if (!envelope)
    return NULL;
  envelope->earlier_attempts = event->attempts;
  envelope->message.id = event->number;
  envelope->message.is_stored = true;
  envelope->message.expires_at_ms = expiry_of(client, event);
  return envelope;
}

/* Without memory or a link the message stays where it is; the next link asks for it again. */
static void feed(struct limpet_client *client, const struct outbox_event *event) {
  struct envelope *envelope = client->link ? make_envelope(client, event) : NULL;
  free(event->memory);
  if (!client->link)
    return;
  if (!envelope) {
    const struct failure failure = {.kind = FAILURE_NO_MEMORY, .retry_after_ms = UINT64_MAX};
    client_lose(client, &failure, "no memory for a message from the outbox");
    return;
  }
  client_lock(client);
  const bool is_taken =
      session_enqueue(&client->session, client_now_ms(client), &envelope->message);
  client_unlock(client);
  if (!is_taken)
    client_free_envelope(client, &envelope->message);
}

static void is_closed(struct limpet_client *client) {
  durable_of(client)->phase = DURABLE_CLOSED;
  client_lock(client);
  session_disconnect(&client->session, client_now_ms(client));
  client_unlock(client);
}

static void take_event(struct limpet_client *client, const struct outbox_event *event) {
  switch (event->kind) {
  case OUTBOX_STORED:
    tell(client, event, LIMPET_FATE_STORED, LIMPET_DROP_NONE);
    break;
  case OUTBOX_REFUSED:
    refused(client, event);
    break;
  case OUTBOX_EXPIRED:
    tell(client, event, LIMPET_FATE_DROPPED, LIMPET_DROP_EXPIRED);
    break;
  case OUTBOX_REPLACED:
    tell(client, event, LIMPET_FATE_DROPPED, LIMPET_DROP_REPLACED);
    break;
  case OUTBOX_MESSAGE:
    feed(client, event);
    break;
  case OUTBOX_TROUBLE:
    report_outbox(client, event->detail);
    break;
  case OUTBOX_IS_CLOSED:
    is_closed(client);
    break;
  }
}

void durable_ask(struct limpet_client *client) {
  struct durable *durable = durable_of(client);
  if (!durable || durable->phase == DURABLE_CLOSED || !durable->is_fed || !durable->credit_count)
    return;
  outbox_want(durable->outbox, durable->credit_count, durable->credit_bytes);
  durable->credit_count = 0;
  durable->credit_bytes = 0;
}

bool durable_take_events(struct limpet_client *client) {
  struct durable *durable = durable_of(client);
  struct outbox_event event;
  bool any = false;
  while (durable && durable->phase != DURABLE_CLOSED && outbox_next(durable->outbox, &event)) {
    take_event(client, &event);
    any = true;
  }
  return any;
}

/* ---- out ---- */

void durable_link_opened(struct limpet_client *client) {
  struct durable *durable = durable_of(client);
  if (!durable)
    return;
  durable->is_fed = true;
  durable->tried_up_to = 0;
  durable->credit_count = WINDOWS_FED * client->settings->options.in_flight;
  durable->credit_bytes = WINDOWS_FED * client->settings->options.high_water;
}

void durable_link_ended(struct limpet_client *client) {
  struct durable *durable = durable_of(client);
  if (!durable || !durable->is_fed)
    return;
  durable->is_fed = false;
  outbox_rewind(durable->outbox, durable->tried_up_to);
}

void durable_written(struct limpet_client *client, const struct envelope *envelope) {
  struct durable *durable = durable_of(client);
  if (envelope->message.is_stored && envelope->message.id > durable->tried_up_to)
    durable->tried_up_to = envelope->message.id;
}

static void let_go(struct limpet_client *client, const struct envelope *envelope) {
  struct durable *durable = durable_of(client);
  outbox_remove(durable->outbox, envelope->message.id);
  durable->credit_count++;
  durable->credit_bytes += envelope->message.len;
}

/* With the fate "stored" it only goes back to the disk; that is no news. And so does what has an
   end that the disk will not know of: the next run sends it again and tells. */
void durable_fate(struct limpet_client *client, const struct session_action *action) {
  struct envelope *envelope = (struct envelope *)action->fate.message;
  const bool is_kept = action->fate.final && durable_of(client)->phase != DURABLE_OPEN;
  const bool is_news = action->fate.fate != FATE_STORED && !is_kept;
  if (is_news && action->fate.final)
    let_go(client, envelope);
  if (is_news)
    client_tell_fate(client, action);
  if (action->fate.final)
    client_free_envelope(client, &envelope->message);
}

/* ---- questions ---- */

uint64_t durable_fresh_id(struct limpet_client *client) {
  struct outbox *outbox = outbox_of(client);
  return outbox_fresh_number(outbox);
}

uint64_t durable_oldest(const struct limpet_client *client) {
  struct outbox *outbox = outbox_of(client);
  return outbox ? outbox_oldest(outbox) : UINT64_MAX;
}

void durable_count(const struct limpet_client *client, uint64_t *count, uint64_t *bytes) {
  struct outbox *outbox = outbox_of(client);
  *count = *bytes = 0;
  if (outbox)
    outbox_count(outbox, count, bytes);
}

uint64_t durable_pending_bytes(const struct limpet_client *client) {
  struct outbox *outbox = outbox_of(client);
  return outbox ? outbox_pending_bytes(outbox) : 0;
}

/* ---- the end ---- */

/* First the attempts on the present link are counted. */
void durable_close(struct limpet_client *client) {
  struct durable *durable = durable_of(client);
  if (!durable)
    return;
  durable->phase = DURABLE_CLOSING;
  durable_link_ended(client);
  outbox_close(durable->outbox);
}

bool durable_is_closed(const struct limpet_client *client) {
  const struct durable *durable = durable_of(client);
  return !durable || durable->phase == DURABLE_CLOSED;
}

void durable_abandon(struct limpet_client *client) {
  if (!durable_is_closed(client))
    is_closed(client);
}

void durable_free(struct limpet_client *client) {
  struct durable *durable = durable_of(client);
  if (!durable)
    return;
  atomic_load(&client->outside)->durable = NULL;
  outbox_free(durable->outbox);
  memory_free(client_memory(client), durable);
}
