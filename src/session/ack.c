#include "ack.h"

#include "json_peek.h"

bool ack_read_text(const char *text, size_t len, char id[ACK_ID_MAX + 1]) {
  struct json_peek_value value;
  return len <= ACK_TEXT_MAX && json_peek_has_type(text, len, "ack") &&
         json_peek_member(text, len, "id", &value) && value.kind == JSON_PEEK_STRING &&
         json_peek_string(&value, id, ACK_ID_MAX + 1);
}
