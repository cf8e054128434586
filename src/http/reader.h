/*
 * One request of HTTP, read from bytes as they come: head, headers kept, body. No I/O.
 *
 * Invariants: the head is bounded by max_head, the body by max_body, its frames on the wire (chunks
 * can be of one byte) by a multiple of that. A reader is for one request.
 */
#ifndef HTTP_READER_H
#define HTTP_READER_H

#include "handshake.h"
#include "memory.h"

struct http_reader_options {
  const struct memory *memory;
  size_t max_head, max_body;
  const char *const *subprotocols;
  const struct deflate_params *deflate;
};

enum http_read {
  HTTP_READ_MORE,
  HTTP_READ_EXPECTED, /* the client waits for 100 (Continue); then as MORE */
  HTTP_READ_DONE,
  HTTP_READ_BAD /* see http_reader_status() */
};

struct http_reader {
  struct http_reader_options options;
  struct handshake_server head;
  bool is_in_body;
  bool is_out_of_memory;
  uint16_t bad_status; /* found here, not by the head: 413 or 503 */
  char *headers;       /* name NUL value NUL ..., */
  size_t headers_len, headers_cap;
  uint8_t *body;
  size_t body_len, body_cap;
  uint64_t wire_len; /* of the body with its frames, so far */
};

/** NULL: no memory. */
struct http_reader *http_reader_new(const struct http_reader_options *options);
void http_reader_free(struct http_reader *reader);
enum http_read http_reader_feed(struct http_reader *reader, const uint8_t *in, size_t len,
                                size_t *consumed);
const struct handshake_request *http_reader_request(const struct http_reader *reader);
/** What the request is answered with; cut at HANDSHAKE_VALUE_CAP - 1. */
void http_reader_choose_subprotocol(struct http_reader *reader, const char *name);
const char *http_reader_header(const struct http_reader *reader, const char *name);
const char *http_reader_header_before(const struct http_reader *reader, const char *name,
                                      const char *later);
void http_reader_each_header(const struct http_reader *reader, handshake_header_callback *each,
                             void *user);
/** After BAD: how to answer. */
uint16_t http_reader_status(const struct http_reader *reader, const char **sentence);

#endif
