/* Ping and pong frames as bytes. */
#include "heartbeat.h"

bool heartbeat_read_pong(const uint8_t *payload, size_t len, struct heartbeat_reply *reply) {
  *reply = (struct heartbeat_reply){.dialect = DIALECT_WEBSOCKET};
  if (len != 8)
    return false;
  for (size_t i = 0; i < 8; i++)
    reply->counter = reply->counter << 8 | payload[i];
  return true;
}

void heartbeat_write_ping(uint64_t counter, uint8_t payload[8]) {
  for (size_t i = 8; i-- > 0; counter >>= 8)
    payload[i] = (uint8_t)counter;
}
