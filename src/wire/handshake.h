/*
 * The opening handshake (RFC 6455 section 4), both roles, on llhttp: requests and responses
 * written, and read strictly. Sans-I/O, allocates nothing; heads are bounded.
 */
#ifndef WIRE_HANDSHAKE_H
#define WIRE_HANDSHAKE_H

#include "deflate.h"
#include "url.h"

#define HANDSHAKE_KEY_LEN 24    /* base64 of 16 bytes */
#define HANDSHAKE_ACCEPT_LEN 28 /* base64 of SHA-1 */
/* Origin and Host of the longest host name with a port, and some. */
#define HANDSHAKE_VALUE_CAP 288
#define HANDSHAKE_TOO_LONG_TEXT "longer than 287 bytes"
#define HANDSHAKE_DETAIL_CAP 192

/** Sec-WebSocket-Accept for a key (section 1.3). */
void handshake_accept(const char key[HANDSHAKE_KEY_LEN], char accept[HANDSHAKE_ACCEPT_LEN + 1]);

/* ---- client ---- */

struct handshake_request_options {
  const struct url *url;
  const uint8_t *nonce;                 /* 16 fresh random bytes */
  const char *origin;                   /* or NULL */
  const char *client_id;                /* a token for X-Limpet-Client, or NULL */
  const char *const *headers;           /* "Name: value", NULL at the end, or NULL */
  const char *const *own_headers;       /* the same, of this dial alone: each stands instead of all
                                           lines of its name in `headers` */
  const char *const *subprotocols;      /* NULL at the end, or NULL */
  const struct deflate_params *deflate; /* what to offer, or NULL */
};

/** Checks a header line of the caller: name a token, value without CR, LF, NUL, and not one that
    the handshake itself writes. NULL if fine, else what is wrong. */
const char *handshake_check_header(const char *line);

/** The same for a subprotocol (a token, up to 255 bytes) and an Origin. */
const char *handshake_check_subprotocol(const char *name);
const char *handshake_check_origin(const char *origin);

/** Writes the request. Returns its length, 0 if it does not fit or if a header, a subprotocol or
    the origin does not pass the checks above. */
size_t handshake_write_request(const struct handshake_request_options *options, char *out,
                               size_t cap);

enum handshake_result {
  HANDSHAKE_MORE,
  HANDSHAKE_DONE,    /* the WebSocket is open; bytes after *consumed are frames */
  HANDSHAKE_STATUS,  /* a whole response head, but not 101 */
  HANDSHAKE_BAD,     /* not HTTP, or not a valid upgrade: see detail */
  HANDSHAKE_TOO_LONG /* longer than max_handshake */
};

struct handshake_response {
  uint16_t status;
  bool is_final;           /* BAD that retrying cannot cure: subprotocol not offered */
  uint64_t retry_after_ms; /* of 429 and 503, seconds or HTTP date; UINT64_MAX if none */
  char location[HANDSHAKE_VALUE_CAP];
  char subprotocol[HANDSHAKE_VALUE_CAP];
  bool deflate_agreed;
  struct deflate_params deflate;
  char detail[HANDSHAKE_DETAIL_CAP]; /* for logs; no secrets */
};

struct handshake_reader; /* storage of its own, see below */

/** The reader keeps pointers into `options` until the handshake has ended. `wall_s`: the wall
    clock in seconds since 1970, for Retry-After dates. */
void handshake_reader_init(struct handshake_reader *r,
                           const struct handshake_request_options *options, size_t max_handshake,
                           int64_t wall_s);
/** Reads a piece of the response, as it came. */
enum handshake_result handshake_reader_feed(struct handshake_reader *r, const uint8_t *in,
                                            size_t len, size_t *consumed);
const struct handshake_response *handshake_reader_response(const struct handshake_reader *r);

/* ---- server ---- */

/** Called for each header line of a request, in order; both NUL-terminated. */
typedef void handshake_header_callback(void *user, const char *name, const char *value);

struct handshake_server_options {
  size_t max_handshake;
  const char *const *subprotocols;      /* supported ones, NULL at the end, or NULL */
  const struct deflate_params *deflate; /* what to accept at most, or NULL: none */
  handshake_header_callback *on_header; /* or NULL */
  void *user;
};

struct handshake_request {
  char method[16];
  char target[URL_LEN_MAX]; /* path and query as sent */
  char host[HANDSHAKE_VALUE_CAP];
  char origin[HANDSHAKE_VALUE_CAP];
  char key[HANDSHAKE_KEY_LEN + 1];
  char subprotocol[HANDSHAKE_VALUE_CAP]; /* the chosen one, or "" */
  bool is_upgrade;                       /* a WebSocket upgrade, valid in every respect */
  bool is_malformed;                     /* not even a request of HTTP that could be answered */
  bool is_http_1_1;                      /* else HTTP/1.0 */
  bool keeps_alive;                      /* another request may follow on the connection */
  bool has_body;                         /* one follows the head */
  uint16_t error_status;                 /* what to answer if not: 400, 405, 426, 431 ... */
  bool deflate_agreed;
  bool deflate_names_server_bits; /* the accepted offer did, so the answer must too */
  struct deflate_params deflate;
  char detail[HANDSHAKE_DETAIL_CAP];
};

#include "handshake_state.h" /* struct handshake_reader, struct handshake_server: private */

void handshake_server_init(struct handshake_server *s,
                           const struct handshake_server_options *options);
/** HANDSHAKE_DONE: a whole head was read; look at is_upgrade. BAD and TOO_LONG: look at
   error_status; what was not read by then is empty. */
enum handshake_result handshake_server_feed(struct handshake_server *s, const uint8_t *in,
                                            size_t len, size_t *consumed);
const struct handshake_request *handshake_server_request(const struct handshake_server *s);
/** The subprotocol to be answered, for whoever learns of it only later; cut at HANDSHAKE_VALUE_CAP
 * - 1. */
void handshake_server_choose_subprotocol(struct handshake_server *s, const char *name);
/** The length that the head announced; UINT64_MAX: it comes in chunks. */
uint64_t handshake_server_body_len(const struct handshake_server *s);
/** After HANDSHAKE_DONE with `has_body`: reads a piece of the body and gives its bytes, without the
    chunks' frames, to `take`. HANDSHAKE_MORE, DONE or BAD. */
enum handshake_result handshake_server_body(struct handshake_server *s, const uint8_t *in,
                                            size_t len, size_t *consumed, head_body_callback *take,
                                            void *user);
/** Writes the 101 response, with `extra` header lines ("Name: value", NULL at the end) or NULL.
    Returns its length, 0 if it does not fit or an extra line is not a header. */
size_t handshake_write_accept(const struct handshake_request *request, const char *const *extra,
                              char *out, size_t cap);

#endif
