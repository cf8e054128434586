/* A build without JSON (LIMPET_JSON off): no text is looked into. Its client refuses the options
   that would need it. */
#include "ack.h"
#include "heartbeat.h"

size_t heartbeat_write_text(enum heartbeat_dialect dialect, int64_t wall_ms,
                            char text[HEARTBEAT_TEXT_CAP]) {
  (void)dialect, (void)wall_ms, (void)text;
  return 0;
}

bool heartbeat_read_text(enum heartbeat_dialect dialect, const char *text, size_t len,
                         struct heartbeat_reply *reply) {
  (void)text, (void)len;
  *reply = (struct heartbeat_reply){.dialect = dialect};
  return false;
}

bool ack_read_text(const char *text, size_t len, char id[ACK_ID_MAX + 1]) {
  (void)text, (void)len;
  id[0] = '\0';
  return false;
}
