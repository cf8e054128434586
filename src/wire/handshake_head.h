/*
 * The head of one HTTP/1.1 message after another, read line by line: llhttp knows the grammar, a
 * scanner in front of it holds what llhttp is lenient about in some versions (line ends, folded
 * lines, control characters, spaces) and finds the head's last byte, so that nothing behind it
 * is touched.
 *
 * Invariants: never more than `max` bytes are read; a line that does not fit is cut and marked,
 * never overrun. Errors stick. Movable between calls: it keeps no pointer into itself.
 */
#ifndef WIRE_HANDSHAKE_HEAD_H
#define WIRE_HANDSHAKE_HEAD_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEAD_BEGINNING_CAP 40
#define HEAD_VERSION_LEN 8 /* HTTP/1.1 */

enum head_result {
  HEAD_MORE,
  HEAD_START,  /* first line read: the line's value is the target or the reason phrase */
  HEAD_HEADER, /* a header read: name and value */
  HEAD_END,    /* the empty line read */
  HEAD_BAD,    /* see problem */
  HEAD_TOO_LONG
};

/** Where the caller has a line put: "name\0value\0". The same storage on each call. */
struct head_line {
  char *text;
  size_t cap;
};

struct handshake_head {
  llhttp_t parser;
  char *line_text; /* the caller's, during a call only */
  size_t max, len; /* bytes allowed; bytes read, of all heads */
  size_t line_cap, line_len, name_len;
  const char *problem; /* static string, or NULL */
  uint8_t scan;        /* enum head_scan */
  bool is_request, is_start_line, is_line_end, is_parsed, is_cut;
  uint8_t space_count; /* on the first line */
  uint8_t beginning_len;
  char beginning[HEAD_BEGINNING_CAP]; /* of the head, for the detail; no query */
  char ending[HEAD_VERSION_LEN];      /* last bytes of the first line */
};

void handshake_head_init(struct handshake_head *h, bool is_request, size_t max);
/** After HEAD_END: another head follows, on the same account of bytes. */
void handshake_head_next(struct handshake_head *h);
/** Reads up to the end of one line. With HEAD_BAD *used depends on how the bytes came (the parser's
    finding lies behind what the scanner has passed): nobody may read on there. */
enum head_result handshake_head_feed(struct handshake_head *h, const struct head_line *line,
                                     const uint8_t *in, size_t len, size_t *used);
typedef void head_body_callback(void *user, const uint8_t *data, size_t len);
/** After HEAD_END of a request: reads its body (RFC 9112 section 6), the frames of chunks taken
   off. HEAD_MORE, HEAD_END or HEAD_BAD. */
enum head_result handshake_head_body(struct handshake_head *h, const uint8_t *in, size_t len,
                                     size_t *used, head_body_callback *take, void *user);
/** Name and value of the line just read, NUL-terminated, the value trimmed at its end. */
const char *handshake_head_name(const struct handshake_head *h, const struct head_line *line);
const char *handshake_head_value(const struct handshake_head *h, const struct head_line *line);
/** Whether the first line says HTTP/1.`minor`. */
bool handshake_head_is_http_1(const struct handshake_head *h, uint8_t minor);
/** "malformed HTTP: problem; it began with 'beginning'": the problem is the first one however the
    bytes came, the beginning is as much as had come, so that a wrong server can be known by it. */
void handshake_head_describe(const struct handshake_head *h, char *detail, size_t cap);

#endif
