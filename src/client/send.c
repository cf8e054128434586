/* Outgoing messages: directly into the link's output, or by node through the session's queue. */
#include "internal.h"

#include "durable.h"
#include "utf8.h"
#include "uuid.h"

#include <stdio.h>
#include <string.h>

#define UTF8_GLANCE_MAX 256
/* Kept out of limpet_send_text(), where small messages go by the million. */
#define SLOW_WAY __attribute__((noinline))

/* ---- envelopes ---- */

static uint32_t put_text(char *at, const char *text, size_t size, const char **kept) {
  if (!text)
    return 0;
  memcpy(at, text, size);
  *kept = at;
  return (uint32_t)strlen(text);
}

struct envelope *envelope_new(struct limpet_client *client, uint8_t opcode, const void *data,
                              size_t len, const limpet_send_options *options) {
  const char *key = options ? options->replace_key : NULL;
  const char *id = options ? options->message_id : NULL;
  const size_t key_len = key ? strlen(key) : 0, id_size = id ? strlen(id) + 1 : 0;
  struct envelope *e = memory_alloc(client_memory(client), sizeof *e + len + key_len + id_size);
  if (!e)
    return NULL;
  memset(e, 0, sizeof *e);
  e->opcode = opcode;
  e->message.len = (uint32_t)len;
  e->message.expires_at_ms = SESSION_NEVER;
  if (len)
    memcpy(e->bytes, data, len);
  struct session_message *m = &e->message;
  m->replace_key_len = put_text(e->bytes + len, key, key_len, &m->replace_key);
  m->message_id_len = put_text(e->bytes + len + key_len, id, id_size, &m->message_id);
  return e;
}

void client_free_envelope(struct limpet_client *client, struct session_message *message) {
  memory_free(client_memory(client), message);
}

uint64_t client_fresh_id(struct limpet_client *client) {
  if (durable_is_on(client))
    return durable_fresh_id(client);
  return atomic_fetch_add_explicit(&client->next_id, 1, memory_order_relaxed);
}

/* ---- how much waits ---- */

static uint64_t held_bytes(const struct limpet_client *client) {
  struct session_metrics metrics;
  if (!session_has_messages(&client->session))
    return 0;
  session_get_metrics(&client->session, client_now_ms(client), &metrics);
  return metrics.queued_bytes;
}

/* Where the nodes in the link's output begin, if there are any. */
static uint64_t nodes_begin(const struct limpet_client *client) {
  const uint64_t sent = link_stream_sent(client->link);
  return client->direct_end > sent ? client->direct_end : sent;
}

/* A node stands in both places while the kernel has not taken it; it counts once. */
static uint64_t bytes_for_link(const struct limpet_client *client) {
  const uint64_t held = held_bytes(client);
  const uint64_t output = client->link ? link_buffered(client->link) : 0;
  if (!held || !output)
    return held + output;
  const uint64_t direct = nodes_begin(client) - link_stream_sent(client->link);
  const uint64_t behind = output - direct;
  return held + direct + (client->late_bytes < behind ? client->late_bytes : behind);
}

uint64_t client_buffered(const struct limpet_client *client) {
  return bytes_for_link(client) + durable_pending_bytes(client);
}

void client_judge_water(struct limpet_client *client) {
  const struct limpet_callbacks *callbacks = client_callbacks(client);
  const uint64_t high_water = client->settings->options.high_water;
  const uint64_t for_link = bytes_for_link(client);
  const uint64_t amount = for_link + durable_pending_bytes(client);
  atomic_store_explicit(&client->buffered, for_link, memory_order_relaxed);
  if (!client->is_high && amount >= high_water) {
    client->is_high = true;
    if (callbacks->on_high_water)
      callbacks->on_high_water(client, client->user);
  } else if (client->is_high && amount <= high_water / 2) {
    client->is_high = false;
    if (callbacks->on_drained)
      callbacks->on_drained(client, client->user);
  }
}

uint64_t limpet_buffered_amount(limpet_client *client) {
  const struct outside *outside = atomic_load(&client->outside);
  if (client_is_own_thread(client) && !(outside && atomic_load(&outside->has_inbox)))
    return client_buffered(client);
  client_lock(client);
  const uint64_t inbox_bytes = outside ? outside->inbox_bytes : 0;
  client_unlock(client);
  return inbox_bytes + atomic_load_explicit(&client->buffered, memory_order_relaxed) +
         durable_pending_bytes(client);
}

/* ---- directly ---- */

static inline void count_out(struct limpet_client *client, size_t len) {
  client->out_count++;
  client->out_bytes += len;
}

/* The link gathers: the session must stop handing it messages, the application be told. At once,
   also when the application sends from inside a callback and settling has to wait: it may go on
   until it is told. */
SLOW_WAY static void note_gathering(struct limpet_client *client) {
  client_note_flush(client);
  client_judge_water(client);
  client_settle(client);
}

static inline void note_sent(struct limpet_client *client, size_t len) {
  count_out(client, len);
  if (link_buffered(client->link) >= client->settings->options.high_water)
    note_gathering(client);
}

/* Nobody asks what becomes of the message, and nothing is ahead of it. */
static inline bool can_go_directly(const struct limpet_client *client,
                                   const limpet_send_options *options) {
  return client->link && session_is_clear(&client->session) &&
         client->settings->session.confirm == CONFIRM_NONE &&
         !client->settings->session.report_fates && link_is_open(client->link) &&
         !link_is_opaque(client->link) && !(options && (options->ttl_ms || options->replace_key));
}

static inline limpet_result send_directly(struct limpet_client *client, uint8_t opcode,
                                          const void *data, size_t len, uint64_t *id) {
  if (!link_write(client->link, opcode, data, len, &client->direct_end))
    return LIMPET_NO_MEMORY;
  if (id)
    *id = client_fresh_id(client);
  note_sent(client, len);
  return LIMPET_OK;
}

/* A blocked link gathers "now" messages up to the queue's own bound and no further. */
static bool has_room_now(const struct limpet_client *client, size_t len) {
  const limpet_options *o = &client->settings->options;
  return link_buffered(client->link) == 0 ||
         link_buffered(client->link) + len <= o->high_water + o->queue_limit_bytes;
}

/* It was written behind `begin`, where the output ended. */
static void note_now(struct limpet_client *client, uint64_t begin, uint64_t end) {
  if (begin <= nodes_begin(client)) {
    client->direct_end = end;
    client->late_bytes = 0;
  } else {
    const uint64_t late = client->late_bytes + (end - begin);
    client->late_bytes = late < UINT32_MAX ? (uint32_t)late : UINT32_MAX;
  }
}

SLOW_WAY static limpet_result send_now(struct limpet_client *client, uint8_t opcode,
                                       const void *data, size_t len, uint64_t *id) {
  if (!client->link || !link_is_open(client->link) || !session_is_open(&client->session))
    return LIMPET_NOT_CONNECTED;
  if (!has_room_now(client, len))
    return LIMPET_QUEUE_OVERFLOW;
  const uint64_t begin = link_stream_sent(client->link) + link_buffered(client->link);
  uint64_t end;
  if (!link_write_volatile(client->link, opcode, data, len, &end))
    return LIMPET_NO_MEMORY;
  note_now(client, begin, end);
  if (id)
    *id = client_fresh_id(client);
  note_sent(client, len);
  return LIMPET_OK;
}

/* ---- by node ---- */

static limpet_result enqueue(struct limpet_client *client, struct envelope *envelope) {
  if (client->is_stopping)
    return LIMPET_NOT_CONNECTED;
  client_lock(client);
  const bool is_taken =
      session_enqueue(&client->session, client_now_ms(client), &envelope->message);
  client_unlock(client);
  if (is_taken)
    return LIMPET_OK;
  return envelope->message.len > client->settings->options.queue_limit_bytes ? LIMPET_QUEUE_OVERFLOW
                                                                             : LIMPET_NOT_CONNECTED;
}

static void fill_node(struct limpet_client *client, struct envelope *envelope,
                      const limpet_send_options *options, uint64_t now_ms) {
  envelope->message.id = client_fresh_id(client);
  if (options && options->ttl_ms)
    envelope->message.expires_at_ms = now_ms + options->ttl_ms;
  envelope->is_now = options && options->promise == LIMPET_PROMISE_NOW;
}

SLOW_WAY static limpet_result send_node(struct limpet_client *client, uint8_t opcode,
                                        const void *data, size_t len,
                                        const limpet_send_options *options, uint64_t *id) {
  struct envelope *envelope = envelope_new(client, opcode, data, len, options);
  if (!envelope)
    return LIMPET_NO_MEMORY;
  fill_node(client, envelope, options, client_now_ms(client));
  const uint64_t fresh = envelope->message.id;
  const limpet_result result = enqueue(client, envelope);
  if (result != LIMPET_OK) {
    client_free_envelope(client, &envelope->message);
    return result;
  }
  if (id)
    *id = fresh;
  client_settle(client);
  return LIMPET_OK;
}

/* ---- from other threads ---- */

/* Messages handed in while the loop is busy; empty ones must not pile up either. */
#define INBOX_MAX 65536

static limpet_result check_inbox(const struct outside *outside, const struct envelope *envelope) {
  const struct limpet_client *client = outside->client;
  const limpet_options *o = &client->settings->options;
  const bool is_open = session_is_open(&client->session);
  if (outside->wants_stop || client->is_stopping || (envelope->is_now && !is_open))
    return LIMPET_NOT_CONNECTED;
  if (!is_open && envelope->message.len > o->queue_limit_bytes)
    return LIMPET_QUEUE_OVERFLOW;
  if (outside->inbox &&
      outside->inbox_bytes + envelope->message.len > o->high_water + o->queue_limit_bytes)
    return LIMPET_QUEUE_OVERFLOW;
  if (outside->inbox_count == INBOX_MAX)
    return LIMPET_QUEUE_OVERFLOW;
  return LIMPET_OK;
}

static limpet_result put_in_inbox(struct limpet_client *client, struct envelope *envelope) {
  struct outside *outside = client_outside(client);
  if (!outside)
    return LIMPET_NO_MEMORY;
  client_lock(client);
  const limpet_result result = check_inbox(outside, envelope);
  if (result == LIMPET_OK) {
    *outside->inbox_end = envelope;
    outside->inbox_end = &envelope->next;
    outside->inbox_bytes += envelope->message.len;
    outside->inbox_count++;
    atomic_store(&outside->has_inbox, true);
    client_post(outside);
  }
  client_unlock(client);
  return result;
}

SLOW_WAY static limpet_result send_from_outside(struct limpet_client *client, uint8_t opcode,
                                                const void *data, size_t len,
                                                const limpet_send_options *options, uint64_t *id) {
  struct envelope *envelope = envelope_new(client, opcode, data, len, options);
  if (!envelope)
    return LIMPET_NO_MEMORY;
  fill_node(client, envelope, options, limpet_now_ms());
  const uint64_t fresh = envelope->message.id;
  const limpet_result result = put_in_inbox(client, envelope);
  if (result != LIMPET_OK)
    client_free_envelope(client, &envelope->message);
  else if (id)
    *id = fresh;
  return result;
}

static struct envelope *grab_inbox(struct limpet_client *client, struct outside *outside) {
  client_lock(client);
  struct envelope *first = outside->inbox;
  outside->inbox = NULL;
  outside->inbox_end = &outside->inbox;
  outside->inbox_bytes = 0;
  outside->inbox_count = 0;
  atomic_store(&outside->has_inbox, false);
  client_unlock(client);
  return first;
}

/* The call that sent it has long returned: what is refused now is told as a fate. */
static void tell_dropped(struct limpet_client *client, const struct envelope *envelope,
                         limpet_drop drop) {
  const limpet_fate_report report = {.id = envelope->message.id,
                                     .fate = LIMPET_FATE_DROPPED,
                                     .drop = drop,
                                     .message_id = envelope->message.message_id};
  client_lock(client);
  session_dropped(&client->session, 1);
  client_unlock(client);
  if (client_callbacks(client)->on_fate)
    client_callbacks(client)->on_fate(client, &report, client->user);
}

static void send_envelope(struct limpet_client *client, struct envelope *envelope) {
  const size_t len = envelope->message.len;
  const limpet_send_options options = {
      .ttl_ms = envelope->message.expires_at_ms != SESSION_NEVER,
      .replace_key = envelope->message.replace_key,
  };
  const bool is_direct =
      !envelope->is_now && can_go_directly(client, &options) &&
      send_directly(client, envelope->opcode, envelope->bytes, len, NULL) == LIMPET_OK;
  limpet_result result = LIMPET_OK;
  if (envelope->is_now)
    result = send_now(client, envelope->opcode, envelope->bytes, len, NULL);
  else if (!is_direct)
    result = enqueue(client, envelope);
  if (result != LIMPET_OK)
    tell_dropped(client, envelope,
                 result == LIMPET_QUEUE_OVERFLOW ? LIMPET_DROP_OVERFLOW : LIMPET_DROP_DISCONNECTED);
  if (is_direct || envelope->is_now || result != LIMPET_OK)
    client_free_envelope(client, &envelope->message);
}

static inline bool has_inbox(const struct limpet_client *client) {
  const struct outside *outside = atomic_load_explicit(&client->outside, memory_order_acquire);
  return outside && atomic_load(&outside->has_inbox);
}

/* What the application asks for at the fate of one waits until all have been handed on: after
   CLOSED none of them could be told of any more. */
SLOW_WAY static void take_inbox(struct limpet_client *client, struct outside *outside) {
  const bool was_settling = client->is_settling;
  client->is_settling = true;
  struct envelope *envelope = grab_inbox(client, outside);
  while (envelope) {
    struct envelope *next = envelope->next;
    send_envelope(client, envelope);
    envelope = next;
  }
  client->is_settling = was_settling;
  client_settle(client);
}

void client_take_inbox(struct limpet_client *client) {
  if (has_inbox(client))
    take_inbox(client, atomic_load(&client->outside));
}

void client_drop_inbox(struct limpet_client *client) {
  struct envelope *envelope = grab_inbox(client, atomic_load(&client->outside));
  while (envelope) {
    struct envelope *next = envelope->next;
    client_free_envelope(client, &envelope->message);
    envelope = next;
  }
}

/* ---- the calls ---- */

bool limpet_new_id(char id[LIMPET_NEW_ID_CAP]) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return net_uuid7((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, id);
}

static bool is_id(const char *id) {
  const size_t len = strnlen(id, LIMPET_MESSAGE_ID_MAX + 1);
  return len > 0 && len <= LIMPET_MESSAGE_ID_MAX && utf8_is_valid((const uint8_t *)id, len);
}

/* What the promise and the confirmation ask of the options. */
static bool is_sendable(const struct limpet_client *client, const limpet_send_options *options) {
  const bool wants_id = client->settings->session.confirm == CONFIRM_ACK;
  if (!options)
    return !wants_id;
  if ((unsigned)options->promise > LIMPET_PROMISE_DURABLE)
    return false;
  if (options->promise == LIMPET_PROMISE_DURABLE && !durable_is_on(client))
    return false;
  if (!options->message_id)
    return !wants_id || options->promise == LIMPET_PROMISE_NOW;
  return is_id(options->message_id);
}

/* Nobody waits for the disk: what is refused later is told as a fate. */
SLOW_WAY static limpet_result send_durably(struct limpet_client *client, uint8_t opcode,
                                           const void *data, size_t len,
                                           const limpet_send_options *options, uint64_t *id) {
  const limpet_result result = durable_send(client, opcode, data, len, options, id);
  if (result != LIMPET_OK)
    return result;
  if (client_is_own_thread(client))
    client_judge_water(client);
  else
    client_wake(client); /* it is judged there */
  return result;
}

static inline limpet_result send_message(struct limpet_client *client, uint8_t opcode,
                                         const void *data, size_t len,
                                         const limpet_send_options *options, uint64_t *id) {
  if (len > client->settings->options.max_message)
    return LIMPET_MESSAGE_TOO_BIG;
  if (!is_sendable(client, options))
    return LIMPET_INVALID_ARGUMENT;
  if (options && options->promise == LIMPET_PROMISE_DURABLE)
    return send_durably(client, opcode, data, len, options, id);
  if (!client_is_own_thread(client))
    return send_from_outside(client, opcode, data, len, options, id);
  client_take_inbox(client);
  if (client->is_stopping)
    return LIMPET_NOT_CONNECTED;
  if (options && options->promise == LIMPET_PROMISE_NOW)
    return send_now(client, opcode, data, len, id);
  if (can_go_directly(client, options))
    return send_directly(client, opcode, data, len, id);
  return send_node(client, opcode, data, len, options, id);
}

/* Short ASCII, which most messages are, is told without a call. */
static inline bool is_utf8(const uint8_t *text, size_t len) {
  return (len <= UTF8_GLANCE_MAX && utf8_is_ascii(text, len)) || utf8_is_valid(text, len);
}

limpet_result limpet_send_text(limpet_client *client, const char *text, size_t len,
                               const limpet_send_options *options, uint64_t *id) {
  if (!is_utf8((const uint8_t *)text, len))
    return LIMPET_INVALID_UTF8;
  return send_message(client, FRAME_TEXT, text, len, options, id);
}

limpet_result limpet_send_binary(limpet_client *client, const void *data, size_t len,
                                 const limpet_send_options *options, uint64_t *id) {
  return send_message(client, FRAME_BINARY, data, len, options, id);
}
