/* The four spellings of "are you there?" (section 5 of the contract). Pure: bytes in, bytes out. */
#ifndef SESSION_HEARTBEAT_H
#define SESSION_HEARTBEAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Longest question text, and a floor for the driver's buffer. */
#define HEARTBEAT_TEXT_CAP 96
/** A text message longer than this is never taken for a heartbeat reply. */
#define HEARTBEAT_REPLY_MAX 512

enum heartbeat_dialect { DIALECT_WEBSOCKET, DIALECT_PING, DIALECT_TIMESTAMP, DIALECT_OFF };

struct heartbeat_question {
  enum heartbeat_dialect dialect; /* WEBSOCKET: a ping frame whose payload is `counter`, 8 bytes
                                     big-endian; else a text message, heartbeat_write_text() */
  uint64_t counter;
};

struct heartbeat_reply {
  enum heartbeat_dialect dialect; /* what it was recognised as */
  uint64_t counter;               /* WEBSOCKET */
  bool has_server_time;           /* TIMESTAMP */
  int64_t server_time_ms;         /* the server's wall clock */
  int64_t original_time_ms;       /* ours, as echoed */
};

/** The text of a JSON question; `wall_ms` is the wall clock (TIMESTAMP only). Returns its length.
 */
size_t heartbeat_write_text(enum heartbeat_dialect dialect, int64_t wall_ms,
                            char text[HEARTBEAT_TEXT_CAP]);
/** Whether this text message is a reply in `dialect`; such a message never reaches the application.
 */
bool heartbeat_read_text(enum heartbeat_dialect dialect, const char *text, size_t len,
                         struct heartbeat_reply *reply);
/** Whether a pong's payload can be a reply to one of our questions. */
bool heartbeat_read_pong(const uint8_t *payload, size_t len, struct heartbeat_reply *reply);
void heartbeat_write_ping(uint64_t counter, uint8_t payload[8]);

#endif
