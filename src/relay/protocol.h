/*
 * The relay's messages (section 9 of the contract) as JSON: read into a struct, written as text.
 * No I/O and no state.
 */
#ifndef RELAY_PROTOCOL_H
#define RELAY_PROTOCOL_H

#include "store.h"

#include <jansson.h>

#define PROTOCOL_ID_MAX 128 /* bytes of ids, from 1 on */
/* A tree of JSON takes some fifty times the room of its text; no message has as many values. */
#define PROTOCOL_VALUES_MAX 1000

enum incoming_kind {
  INCOMING_BAD, /* see code and sentence */
  INCOMING_MESSAGE,
  INCOMING_TYPING,
  INCOMING_PING,     /* {"type":"ping"} */
  INCOMING_HEARTBEAT /* {"type":"heartbeat",...} */
};

#define INCOMING_SENTENCE_CAP 192

/** Texts point into `root`. */
struct incoming {
  enum incoming_kind kind;
  const char *code;
  char sentence[INCOMING_SENTENCE_CAP];
  json_t *root;
  const char *id;              /* or NULL; of INCOMING_BAD too where it can be made out */
  const char *plaintext;       /* of a message */
  const char *sender_id;       /* as given, or NULL: not given */
  const char *conversation_id; /* as given, or NULL */
  const json_t *timestamp;     /* of a heartbeat, or NULL */
};

/** Reads what came by WebSocket. Deinit it afterwards. */
void incoming_read(struct incoming *in, const uint8_t *text, size_t len);
/** Reads the body of a POST: as a message, without `type`, with `sender_id`. */
void incoming_read_post(struct incoming *in, const uint8_t *text, size_t len);
void incoming_deinit(struct incoming *in);

/** Whether a text is a fit id: 1-128 bytes of UTF-8 without control characters. */
bool protocol_is_id(const char *text);
/** NULL, or what is wrong with it, to follow the id's name. */
const char *protocol_check_id(const char *text);

/* Texts to send, allocated, to be freed by free(). NULL: no memory. */

char *protocol_write_message(const struct store_message *message);
/** {"messages":[...],...} */
char *protocol_write_page(const struct store_page *page, int64_t after);
char *protocol_write_ack(const char *id, int64_t sequence_number);
char *protocol_write_replayed(int64_t sequence_number);
char *protocol_write_typing(const char *conversation_id, const char *user_id);
char *protocol_write_heartbeat(const json_t *original, int64_t wall_ms);
/** `id` or NULL. */
char *protocol_write_error(const char *code, const char *sentence, const char *id);
/** An error that tells a sequence number. */
char *protocol_write_error_at(const char *code, const char *sentence, int64_t sequence_number);
extern const char protocol_pong[];

/** RFC 3339, UTC, milliseconds. */
#define PROTOCOL_TIME_CAP 32
void protocol_write_time(int64_t wall_ms, char text[PROTOCOL_TIME_CAP]);

#endif
