/* Response heads and error objects as text. */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "http.h"

#define RESPONSE_ERROR_CAP 1024

struct response_framing {
  int64_t wall_s;   /* for Date */
  bool keeps_alive; /* whether another request may follow */
  bool is_http_1_0;
};

/** Writes the head. Returns its length, 0 if it does not fit or a header is none. */
size_t response_write_head(const struct http_response *response,
                           const struct response_framing *framing, char *out, size_t cap);
/** {"type":"error","code":...,"message":...}; cut where it does not fit, but valid. */
size_t response_write_error(const char *code, const char *sentence, char out[RESPONSE_ERROR_CAP]);
/** What our own refusals are called. */
const char *response_error_code(uint16_t status);

#endif
