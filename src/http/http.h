/*
 * A small HTTP/1.1 server: requests in, answers out, upgrades handed over to links. It is the one
 * way in which a connection is taken in; what the paths mean is its owner's business.
 *
 * A request is read whole, body included, before its owner hears of it; the owner answers each one
 * exactly once, now or later. Requests that come behind one another on a connection are answered
 * one after the other. Bounded: heads, bodies, connections, and the time for each.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "link.h"
#include "sock.h"

#define HTTP_TARGET_CAP URL_LEN_MAX

struct http_server;
/** A connection between the moment its request was read and the answer. */
struct http_exchange;

/** Read anew for each connection, so that it may be changed; outlives the server. */
struct http_settings {
  uint32_t request_timeout_ms; /* for a whole request, for TLS, and for progress of an answer */
  uint32_t idle_timeout_ms;    /* between two requests */
  size_t max_head;
  size_t max_body;
  size_t max_connections;          /* without those that became links */
  size_t max_answers;              /* bytes of answers that wait for their readers; beyond it the
                                      oldest is dropped; 0: no limit */
  const char *const *subprotocols; /* what links may speak, NULL at the end, or NULL */
  const struct deflate_params *deflate; /* what links may agree on at most, or NULL */
  struct tls_context *tls;              /* or NULL */
};

struct http_request {
  const struct handshake_request *head; /* method, target, and whether it is an upgrade */
  struct url_slice path, query;         /* as sent: still percent-encoded */
  const uint8_t *body;
  size_t body_len;
};

struct http_handler {
  /** To be answered by http_respond(), http_refuse() or http_upgrade(). */
  void (*request)(void *user, struct http_exchange *exchange);
  /** A request was refused before it reached the owner, with this status; 0: TLS failed. Or NULL.
   */
  void (*refused)(void *user, uint16_t status, const char *sentence);
  void *user;
};

/** NULL with a sentence in `detail`. `address` as for listener_new(). */
struct http_server *http_server_new(struct net_loop *loop, const char *address,
                                    const struct http_settings *settings,
                                    const struct http_handler *handler, char *detail,
                                    size_t detail_cap);
/** As listener_address(), listener_port(). */
const char *http_server_address(const struct http_server *server);
uint16_t http_server_port(const struct http_server *server);
/** Connections that are not links. */
size_t http_server_count(const struct http_server *server);
/** Takes no more connections, and ends each one after the answer that is due; idle ones now. */
void http_server_stop(struct http_server *server);
/** Drops all connections. What the owner still owes an answer may be answered later, to nobody. */
void http_server_free(struct http_server *server);

/* ---- a request ---- */

const struct http_request *http_request(const struct http_exchange *exchange);
/** The value of the first header of that name, or NULL. Valid until the answer. */
const char *http_header(const struct http_exchange *exchange, const char *name);
/** Of several headers of that name, from the last on: the value before `later`, which was one of
    them; NULL: the last. */
const char *http_header_before(const struct http_exchange *exchange, const char *name,
                               const char *later);
/** Gives every header line of the request, in order. */
void http_each_header(const struct http_exchange *exchange, handshake_header_callback *each,
                      void *user);
/** Whether who asked has gone meanwhile: an owner that lets an answer wait for long should look. */
bool http_peer_has_left(const struct http_exchange *exchange);
/** Who is at the other end of the connection. */
const struct address *http_peer(const struct http_exchange *exchange);

enum http_text { HTTP_TEXT_ABSENT, HTTP_TEXT_FINE, HTTP_TEXT_BAD };
/** Takes percent-encoding off, into a NUL-terminated text. BAD: malformed, too long, or holds a
    NUL. `plus_is_space`: as in queries. */
enum http_text http_decode(struct url_slice text, bool plus_is_space, char *out, size_t cap);
/** The query's member of that name. BAD also if it is there twice. */
enum http_text http_query(const struct http_request *request, const char *name, char *out,
                          size_t cap);
/** Takes the next segment off a path: "/a/b" gives "a", then "b". False at its end. */
bool http_next_segment(struct url_slice *path, struct url_slice *segment);

/* ---- answers ---- */

struct http_response {
  uint16_t status;
  const char *content_type;   /* NULL: without a body */
  const char *const *headers; /* "Name: value", NULL at the end, or NULL */
  const void *body;           /* copied */
  size_t body_len;
};

void http_respond(struct http_exchange *exchange, const struct http_response *response);
/** Answers with an error object: {"type":"error","code":...,"message":...}. */
void http_refuse(struct http_exchange *exchange, uint16_t status, const char *code,
                 const char *sentence, const char *const *headers);
/** Refuses a request that is no valid upgrade as its head says. */
void http_refuse_upgrade(struct http_exchange *exchange, const char *const *headers);
/** Before http_upgrade(): the subprotocol that the 101 names, one that was asked for, or "". Where
   it is known only now; else http_settings has them. */
void http_choose_subprotocol(struct http_exchange *exchange, const char *name);
/** Hands the connection over to a link, for a request that is a valid upgrade. NULL: no memory; the
    connection is gone. */
struct link *http_upgrade(struct http_exchange *exchange, const struct link_settings *settings,
                          const struct link_events *events, void *user, const char *const *headers);

#endif
