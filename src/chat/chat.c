/* Between the client's callbacks and the conversation. */
#include "chat.h"

#include "conversation.h"
#include "join_url.h"
#include "relay_text.h"
#include "typists.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HISTORY_LIMIT 1000000

struct chat {
  limpet_client *client;
  limpet_callbacks theirs; /* of those that are ours the ones to pass on */
  struct chat_callbacks callbacks;
  void *user;
  struct conversation *conversation;
  struct typists typists;
  char *relay_url;
  char conversation_id[CHAT_ID_MAX + 1], user_id[CHAT_ID_MAX + 1];
  limpet_promise promise;
  uint32_t queue_limit;
  uint64_t queue_limit_bytes;
  uint64_t say_typing_at_ms;
  uint64_t malformed_count;
  bool is_replayed;
};

static void changed(struct chat *chat) {
  if (chat->callbacks.on_change)
    chat->callbacks.on_change(chat, chat->user);
}

/* ---- from the relay ---- */

static void take_message(struct chat *chat, const struct relay_text *text) {
  const struct chat_message *taken;
  if (strcmp(text->conversation_id, chat->conversation_id) != 0) {
    chat->malformed_count++;
    return;
  }
  (void)typists_remove(&chat->typists, text->message.sender_id);
  if (conversation_receive(chat->conversation, &text->message, &taken) == CONVERSATION_NEW &&
      chat->callbacks.on_message)
    chat->callbacks.on_message(chat, taken, chat->user);
}

static void take_replayed(struct chat *chat, const struct relay_text *text) {
  chat->is_replayed = true;
  if (conversation_replay_ended(chat->conversation, text->sequence_number) &&
      chat->callbacks.on_begun_anew)
    chat->callbacks.on_begun_anew(chat, chat->user);
}

static void take_error(struct chat *chat, const struct relay_text *text) {
  const struct chat_refusal refusal = {text->code, text->text, text->id};
  if (chat->callbacks.on_refusal)
    chat->callbacks.on_refusal(chat, &refusal, chat->user);
}

static void take(struct chat *chat, const struct relay_text *text) {
  switch (text->kind) {
  case RELAY_TEXT_MALFORMED:
    chat->malformed_count++;
    break;
  case RELAY_TEXT_OTHER:
    break;
  case RELAY_TEXT_MESSAGE:
    take_message(chat, text);
    break;
  case RELAY_TEXT_REPLAYED:
    take_replayed(chat, text);
    break;
  case RELAY_TEXT_ACK: /* the client takes those it waits for; this one is late */
    (void)conversation_stored(chat->conversation, text->id);
    break;
  case RELAY_TEXT_ERROR:
    take_error(chat, text);
    break;
  }
}

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  struct chat *chat = user;
  struct relay_text text;
  (void)client;
  relay_text_read(&text, data, len);
  take(chat, &text);
  relay_text_release(&text);
  changed(chat);
}

static void on_typing(limpet_client *client, const char *conversation_id, const char *user_id,
                      void *user) {
  struct chat *chat = user;
  (void)client;
  if (strcmp(conversation_id, chat->conversation_id) == 0 && strcmp(user_id, chat->user_id) != 0 &&
      typists_note(&chat->typists, user_id, limpet_now_ms()))
    changed(chat);
}

/* ---- from the client ---- */

static void take_fate(struct chat *chat, const limpet_fate_report *report) {
  if (report->fate == LIMPET_FATE_CONFIRMED)
    (void)conversation_stored(chat->conversation, report->message_id);
  else if (report->fate == LIMPET_FATE_DROPPED)
    (void)conversation_dropped(chat->conversation, report->message_id, report->drop);
}

static void on_fate(limpet_client *client, const limpet_fate_report *report, void *user) {
  struct chat *chat = user;
  if (report->message_id)
    take_fate(chat, report);
  if (chat->theirs.on_fate)
    chat->theirs.on_fate(client, report, chat);
  changed(chat);
}

static void on_open(limpet_client *client, void *user) {
  struct chat *chat = user;
  chat->is_replayed = false;
  conversation_replay_begins(chat->conversation);
  if (chat->theirs.on_open)
    chat->theirs.on_open(client, chat);
}

/* The next dial asks for what comes after what is whole. Without memory for that it asks for what
   the last one did: repeats are dropped. */
static void set_url(struct chat *chat) {
  char *url = join_url_write(chat->relay_url, chat->conversation_id, chat->user_id,
                             conversation_whole_to(chat->conversation));
  if (url)
    (void)limpet_set_url(chat->client, url, NULL);
  free(url);
}

static void on_close(limpet_client *client, const limpet_close_info *info, void *user) {
  struct chat *chat = user;
  chat->is_replayed = false;
  chat->typists.count = 0;
  set_url(chat);
  if (chat->theirs.on_close)
    chat->theirs.on_close(client, info, chat);
  changed(chat);
}

/* ---- life ---- */

void chat_options_init(struct chat_options *options) {
  *options = (struct chat_options){.history_max = CHAT_HISTORY_MAX};
  limpet_options_init(&options->client, sizeof options->client);
}

static limpet_result refuse(char *detail, const char *what) {
  if (detail)
    (void)snprintf(detail, LIMPET_DETAIL_CAP, "%s", what);
  return LIMPET_INVALID_ARGUMENT;
}

static bool is_id(const char *id) {
  return id && *id && strlen(id) <= CHAT_ID_MAX;
}

static limpet_result check(const struct chat_options *options, char *detail) {
  if (!is_id(options->conversation_id))
    return refuse(detail, "conversation_id: 1-128 bytes are needed");
  if (!is_id(options->user_id))
    return refuse(detail, "user_id: 1-128 bytes are needed");
  if (!options->history_max || options->history_max > HISTORY_LIMIT)
    return refuse(detail, "history_max: not within 1-1000000");
  if (!options->client.url)
    return refuse(detail, "url: missing");
  return LIMPET_OK;
}

static struct chat *make(const struct chat_options *options) {
  struct chat *chat = calloc(1, sizeof *chat);
  if (!chat)
    return NULL;
  chat->relay_url = strdup(options->client.url);
  chat->conversation = conversation_new(options->after, options->history_max);
  if (!chat->relay_url || !chat->conversation) {
    chat_free(chat);
    return NULL;
  }
  (void)snprintf(chat->conversation_id, sizeof chat->conversation_id, "%s",
                 options->conversation_id);
  (void)snprintf(chat->user_id, sizeof chat->user_id, "%s", options->user_id);
  chat->callbacks = options->callbacks;
  chat->theirs = options->client.callbacks;
  chat->user = options->user;
  chat->queue_limit = options->client.queue_limit;
  chat->queue_limit_bytes = options->client.queue_limit_bytes;
  chat->promise = options->client.outbox ? LIMPET_PROMISE_DURABLE : LIMPET_PROMISE_QUEUE;
  return chat;
}

static limpet_result make_client(struct chat *chat, const limpet_options *wanted,
                                 struct uv_loop_s *loop, uint64_t after, char *detail) {
  limpet_options o = *wanted;
  char *url = join_url_write(chat->relay_url, chat->conversation_id, chat->user_id, after);
  if (!url)
    return LIMPET_NO_MEMORY;
  o.url = url;
  o.user = chat;
  o.confirm = LIMPET_CONFIRM_ACK;
  o.callbacks.on_text = on_text;
  o.callbacks.on_typing = on_typing;
  o.callbacks.on_fate = on_fate;
  o.callbacks.on_open = on_open;
  o.callbacks.on_close = on_close;
  const limpet_result result = limpet_new(&o, loop, &chat->client, detail);
  free(url);
  return result;
}

limpet_result chat_new(const struct chat_options *options, struct uv_loop_s *loop,
                       struct chat **chat, char *detail) {
  assert(loop);
  limpet_result result = check(options, detail);
  if (result != LIMPET_OK)
    return result;
  *chat = make(options);
  if (*chat)
    result = make_client(*chat, &options->client, loop, options->after, detail);
  else
    result = LIMPET_NO_MEMORY;
  if (result == LIMPET_NO_MEMORY)
    (void)refuse(detail, "out of memory");
  if (result != LIMPET_OK) {
    chat_free(*chat);
    *chat = NULL;
  }
  return result;
}

void chat_free(struct chat *chat) {
  if (!chat)
    return;
  conversation_free(chat->conversation);
  free(chat->relay_url);
  free(chat);
}

limpet_client *chat_client(struct chat *chat) {
  return chat->client;
}

void *chat_user(const struct chat *chat) {
  return chat->user;
}

const char *chat_user_id(const struct chat *chat) {
  return chat->user_id;
}

/* ---- sending ---- */

static int64_t wall_clock_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The client would drop its oldest message for a new one. What came back by the relay's broadcast,
   but whose acknowledgement was lost, still stands in its queue. */
static bool is_queue_full(const struct chat *chat, size_t len) {
  limpet_snapshot s;
  if (chat->promise != LIMPET_PROMISE_QUEUE)
    return false;
  limpet_get_snapshot(chat->client, &s, sizeof s);
  return s.metrics.queued_messages >= chat->queue_limit ||
         (s.metrics.queued_messages > 0 &&
          s.metrics.queued_bytes + relay_text_message_max(len) > chat->queue_limit_bytes);
}

static limpet_result hand_over(struct chat *chat, const char *id, const char *text) {
  const limpet_send_options how = {.promise = chat->promise, .message_id = id};
  char *wire = relay_text_write_message(id, text);
  if (!wire)
    return LIMPET_INVALID_UTF8;
  const limpet_result result = limpet_send_text(chat->client, wire, strlen(wire), &how, NULL);
  free(wire);
  return result;
}

/* The echo comes first: the fate of the message may be told inside the call. */
static limpet_result send_copy(struct chat *chat, const char *text) {
  char id[LIMPET_NEW_ID_CAP];
  if (!limpet_new_id(id))
    return LIMPET_SYSTEM;
  const struct chat_message echo = {
      .id = id, .sender_id = chat->user_id, .plaintext = text, .created_at_ms = wall_clock_ms()};
  limpet_result result = conversation_echo(chat->conversation, &echo);
  if (result != LIMPET_OK)
    return result;
  result = hand_over(chat, id, text);
  if (result != LIMPET_OK)
    conversation_retract(chat->conversation, id);
  return result;
}

limpet_result chat_send(struct chat *chat, const char *text, size_t len) {
  if (len > CHAT_TEXT_MAX)
    return LIMPET_MESSAGE_TOO_BIG;
  if (memchr(text, '\0', len)) /* readers of JSON in C refuse it */
    return LIMPET_INVALID_UTF8;
  if (is_queue_full(chat, len))
    return LIMPET_QUEUE_OVERFLOW;
  char *copy = strndup(text, len);
  if (!copy)
    return LIMPET_NO_MEMORY;
  const limpet_result result = send_copy(chat, copy);
  free(copy);
  chat->say_typing_at_ms = 0;
  changed(chat);
  return result;
}

void chat_say_typing(struct chat *chat, uint64_t now_ms) {
  if (now_ms < chat->say_typing_at_ms)
    return;
  if (limpet_send_typing(chat->client, chat->conversation_id, chat->user_id) == LIMPET_OK)
    chat->say_typing_at_ms = now_ms + TYPISTS_REPEAT_MS;
}

/* ---- the view ---- */

size_t chat_count(const struct chat *chat) {
  return conversation_count(chat->conversation);
}

const struct chat_message *chat_at(const struct chat *chat, size_t index) {
  return conversation_at(chat->conversation, index);
}

size_t chat_pending_count(const struct chat *chat) {
  return conversation_pending_count(chat->conversation);
}

bool chat_is_settled(const struct chat *chat) {
  const struct conversation *c = chat->conversation;
  for (size_t i = conversation_numbered_count(c); i < conversation_count(c); i++)
    if (conversation_at(c, i)->delivery != CHAT_DROPPED)
      return false;
  return chat->is_replayed;
}

uint64_t chat_whole_to(const struct chat *chat) {
  return conversation_whole_to(chat->conversation);
}

uint64_t chat_malformed_count(const struct chat *chat) {
  return chat->malformed_count;
}

uint64_t chat_forgotten_count(const struct chat *chat) {
  return conversation_forgotten_count(chat->conversation);
}

size_t chat_typing(struct chat *chat, uint64_t now_ms, const char **user_ids, size_t max) {
  (void)typists_expire(&chat->typists, now_ms);
  for (size_t i = 0; i < chat->typists.count && i < max; i++)
    user_ids[i] = chat->typists.rows[i].user_id;
  return chat->typists.count;
}
