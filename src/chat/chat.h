/*
 * A conversation at the relay: a client that joins it, holds on, and asks after each cut for what
 * it missed. Built on the public API of liblimpet alone; it runs on the caller's loop, and all of
 * it is called on that loop's thread.
 *
 * A message sent is shown at once (its echo) as pending. It is stored when the relay acknowledged
 * it or sent it back; until then it goes again on each new link, and the relay drops what it knows
 * by its id. With client.outbox it is on disk too, and a later run delivers it; then it appears as
 * any other message does, when the relay sends it back. What such a message says is not known
 * before.
 *
 * An outbox belongs to one user in one conversation: what waits in it goes wherever the client is
 * connected.
 */
#ifndef CHAT_CHAT_H
#define CHAT_CHAT_H

#include "chat_message.h"

#include <stddef.h>

/** The default of history_max. */
#define CHAT_HISTORY_MAX 1000

struct chat;

/** What the relay refused. */
struct chat_refusal {
  const char *code, *message;
  const char *id; /* of the message at fault, or NULL */
};

struct chat_callbacks {
  /** A message with its number, new to us, ours too: in order but where the relay does not keep it.
   */
  void (*on_message)(struct chat *chat, const struct chat_message *message, void *user);
  /** Something that a view shows is different now. */
  void (*on_change)(struct chat *chat, void *user);
  /** {"type":"error",...} from the relay. */
  void (*on_refusal)(struct chat *chat, const struct chat_refusal *refusal, void *user);
  /** The relay has begun anew with lower numbers: the history is empty. */
  void (*on_begun_anew)(struct chat *chat, void *user);
};

struct chat_options {
  /**
   * As for limpet_new(), but: `url` is the relay's (without a path: /ws); `user` is not used, and
   * its callbacks are handed the chat instead; on_text, on_typing and confirm are set by the chat.
   */
  limpet_options client;
  const char *conversation_id, *user_id; /* 1-128 bytes */
  uint64_t after;                        /* messages up to this number are not wanted; default 0 */
  size_t history_max;                    /* numbered messages kept; 1-1000000 */
  struct chat_callbacks callbacks;       /* each may be NULL */
  void *user;                            /* handed to them */
};

void chat_options_init(struct chat_options *options);

/** As limpet_new(), with `loop` not NULL. Then limpet_connect(chat_client()). */
limpet_result chat_new(const struct chat_options *options, struct uv_loop_s *loop,
                       struct chat **chat, char *detail);
/** After limpet_stop(chat_client()), when the loop has nothing more to run. */
void chat_free(struct chat *chat);
limpet_client *chat_client(struct chat *chat);
/** chat_options.user. */
void *chat_user(const struct chat *chat);
const char *chat_user_id(const struct chat *chat);

/**
 * Sends `text`, up to CHAT_TEXT_MAX bytes of UTF-8 without NUL. LIMPET_QUEUE_OVERFLOW: too much
 * waits already, nothing was dropped for it, try again later; LIMPET_MESSAGE_TOO_BIG;
 * LIMPET_INVALID_UTF8; else as limpet_send_text().
 */
limpet_result chat_send(struct chat *chat, const char *text, size_t len);
/** We are typing: call it at each key, it is sent now and then. */
void chat_say_typing(struct chat *chat, uint64_t now_ms);

/** All messages in order, ours without a number last; valid until the loop's next turn. */
size_t chat_count(const struct chat *chat);
const struct chat_message *chat_at(const struct chat *chat, size_t index);
/** Sent in this run and not known to be stored. */
size_t chat_pending_count(const struct chat *chat);
/** Whether all that the relay held when the link opened has come, and all that we sent has come
   back with its number, or was given up. */
bool chat_is_settled(const struct chat *chat);
/** The highest number up to which nothing is missing. */
uint64_t chat_whole_to(const struct chat *chat);
/** Texts of the relay that made no sense, and were ignored. */
uint64_t chat_malformed_count(const struct chat *chat);
/** Messages let go to stay within history_max. */
uint64_t chat_forgotten_count(const struct chat *chat);
/** Who is typing: writes up to `max` ids, and returns how many are typing in all. */
size_t chat_typing(struct chat *chat, uint64_t now_ms, const char **user_ids, size_t max);

#endif
