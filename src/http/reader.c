#include "reader.h"

#include <string.h>

#include "text.h"

/* "1\r\nX\r\n": six bytes for one, and some for what follows the last chunk. */
#define WIRE_BYTES_EACH 6
#define WIRE_BYTES_MORE 4096
#define HEADERS_CAP_MIN 512
#define BODY_CAP_MIN 1024

/* ---- headers ---- */

static bool reserve(const struct memory *memory, void **bytes, size_t *cap, size_t wanted,
                    size_t min) {
  if (wanted <= *cap)
    return true;
  size_t grown = *cap ? *cap : min;
  while (grown < wanted)
    grown *= 2;
  void *moved = memory_realloc(memory, *bytes, grown);
  if (!moved)
    return false;
  *bytes = moved;
  *cap = grown;
  return true;
}

/* Bounded by the head's length. */
static void on_header(void *user, const char *name, const char *value) {
  struct http_reader *reader = user;
  const size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;
  void *headers = reader->headers;
  if (!reserve(reader->options.memory, &headers, &reader->headers_cap,
               reader->headers_len + name_size + value_size, HEADERS_CAP_MIN)) {
    reader->is_out_of_memory = true;
    return;
  }
  reader->headers = headers;
  memcpy(reader->headers + reader->headers_len, name, name_size);
  memcpy(reader->headers + reader->headers_len + name_size, value, value_size);
  reader->headers_len += name_size + value_size;
}

/* The first value of that name at or behind `at`, or NULL. */
static const char *find_header(const struct http_reader *reader, const char *at, const char *name) {
  const char *end = reader->headers + reader->headers_len;
  while (at < end) {
    const size_t name_len = strlen(at);
    const char *value = at + name_len + 1;
    if (text_equals_ignoring_case(at, name_len, name))
      return value;
    at = value + strlen(value) + 1;
  }
  return NULL;
}

const char *http_reader_header(const struct http_reader *reader, const char *name) {
  return reader->headers_len > 0 ? find_header(reader, reader->headers, name) : NULL;
}

const char *http_reader_header_before(const struct http_reader *reader, const char *name,
                                      const char *later) {
  const char *found = NULL, *value = http_reader_header(reader, name);
  while (value && value != later) {
    found = value;
    value = find_header(reader, value + strlen(value) + 1, name);
  }
  return found;
}

void http_reader_each_header(const struct http_reader *reader, handshake_header_callback *each,
                             void *user) {
  for (size_t at = 0; at < reader->headers_len;) { /* NULL if there are none */
    const char *name = reader->headers + at, *value = name + strlen(name) + 1;
    each(user, name, value);
    at = (size_t)(value + strlen(value) + 1 - reader->headers);
  }
}

/* ---- body ---- */

static void take_body(void *user, const uint8_t *data, size_t len) {
  struct http_reader *reader = user;
  void *body = reader->body;
  if (reader->bad_status != 0 || reader->is_out_of_memory)
    return;
  if (len > reader->options.max_body - reader->body_len) {
    reader->bad_status = 413;
  } else if (reserve(reader->options.memory, &body, &reader->body_cap, reader->body_len + len,
                     BODY_CAP_MIN)) {
    reader->body = body;
    memcpy(reader->body + reader->body_len, data, len);
    reader->body_len += len;
  } else {
    reader->is_out_of_memory = true;
  }
}

static enum http_read judge(struct http_reader *reader, enum http_read result) {
  if (reader->is_out_of_memory && reader->bad_status == 0)
    reader->bad_status = 503;
  return reader->bad_status != 0 ? HTTP_READ_BAD : result;
}

static enum http_read feed_body(struct http_reader *reader, const uint8_t *in, size_t len,
                                size_t *consumed) {
  size_t used = 0;
  enum handshake_result result = handshake_server_body(&reader->head, in + *consumed,
                                                       len - *consumed, &used, take_body, reader);
  *consumed += used;
  reader->wire_len += used;
  if (reader->wire_len / WIRE_BYTES_EACH > reader->options.max_body + WIRE_BYTES_MORE)
    reader->bad_status = 413;
  if (result == HANDSHAKE_BAD)
    return HTTP_READ_BAD;
  return judge(reader, result == HANDSHAKE_DONE ? HTTP_READ_DONE : HTTP_READ_MORE);
}

/* RFC 9110 section 10.1.1: with the body already under way nobody waits, and HTTP/1.0 knows no 100
   that comes before an answer. */
static enum http_read begin_body(struct http_reader *reader, const uint8_t *in, size_t len,
                                 size_t *consumed) {
  const uint64_t body_len = handshake_server_body_len(&reader->head);
  if (body_len != UINT64_MAX && body_len > reader->options.max_body)
    reader->bad_status = 413;
  if (judge(reader, HTTP_READ_MORE) == HTTP_READ_BAD)
    return HTTP_READ_BAD;
  reader->is_in_body = true;
  if (*consumed < len)
    return feed_body(reader, in, len, consumed);
  const char *expect =
      http_reader_request(reader)->is_http_1_1 ? http_reader_header(reader, "Expect") : NULL;
  return expect && text_equals_ignoring_case(expect, strlen(expect), "100-continue")
             ? HTTP_READ_EXPECTED
             : HTTP_READ_MORE;
}

/* ---- together ---- */

enum http_read http_reader_feed(struct http_reader *reader, const uint8_t *in, size_t len,
                                size_t *consumed) {
  *consumed = 0;
  if (reader->is_in_body)
    return feed_body(reader, in, len, consumed);
  switch (handshake_server_feed(&reader->head, in, len, consumed)) {
  case HANDSHAKE_MORE:
    return HTTP_READ_MORE;
  case HANDSHAKE_DONE:
    break;
  default:
    return HTTP_READ_BAD;
  }
  const struct handshake_request *request = http_reader_request(reader);
  if (request->is_malformed)
    return HTTP_READ_BAD;
  return request->has_body ? begin_body(reader, in, len, consumed) : judge(reader, HTTP_READ_DONE);
}

struct http_reader *http_reader_new(const struct http_reader_options *options) {
  struct http_reader *reader = memory_alloc(options->memory, sizeof *reader);
  if (!reader)
    return NULL;
  memset(&reader->is_in_body, 0, sizeof *reader - offsetof(struct http_reader, is_in_body));
  reader->options = *options;
  const struct handshake_server_options head = {
      .max_handshake = options->max_head,
      .subprotocols = options->subprotocols,
      .deflate = options->deflate,
      .on_header = on_header,
      .user = reader,
  };
  handshake_server_init(&reader->head, &head);
  return reader;
}

void http_reader_free(struct http_reader *reader) {
  if (!reader)
    return;
  const struct memory *memory = reader->options.memory;
  memory_free(memory, reader->headers);
  memory_free(memory, reader->body);
  memory_free(memory, reader);
}

const struct handshake_request *http_reader_request(const struct http_reader *reader) {
  return handshake_server_request(&reader->head);
}

void http_reader_choose_subprotocol(struct http_reader *reader, const char *name) {
  handshake_server_choose_subprotocol(&reader->head, name);
}

uint16_t http_reader_status(const struct http_reader *reader, const char **sentence) {
  const struct handshake_request *request = http_reader_request(reader);
  switch (reader->bad_status) {
  case 0:
    *sentence = request->detail;
    return request->error_status;
  case 413:
    *sentence = "the body is too long";
    return 413;
  default:
    *sentence = "no memory for the request";
    return reader->bad_status;
  }
}
