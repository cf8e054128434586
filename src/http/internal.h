/*
 * A server's insides, shared by server.c, connection.c and io.c.
 *
 *   TLS  READING  ASKED  WRITING  DRAINING
 *
 * A connection reads a request, asks its owner, writes the answer, and reads the next one, or
 * drains: it has ended its own direction and throws away what still comes, because a socket closed
 * with unread input answers with a reset that can overtake the answer (RFC 9112 section 9.6).
 * The owner is asked from a poll callback, a deadline or the end-of-turn hook, never from inside
 * its own answer.
 */
#ifndef HTTP_INTERNAL_H
#define HTTP_INTERNAL_H

#include "http.h"
#include "listener.h"
#include "reader.h"
#include "response.h"
#include "tls_stream.h"

enum http_phase { HTTP_TLS, HTTP_READING, HTTP_ASKED, HTTP_WRITING, HTTP_DRAINING, HTTP_GONE };

struct http_server {
  struct net_loop *loop;
  const struct http_settings *settings;
  struct http_handler handler;
  struct listener *listener;
  struct http_exchange *connections;
  size_t count;
  size_t answers_len; /* of all that wait for their readers */
  uint64_t last_answer;
  bool is_stopping;
};

struct http_exchange {
  uv_poll_t poll; /* first: a handle is its connection */
  struct net_loop *loop;
  struct http_server *server; /* NULL: it is gone, or the connection is */
  struct http_exchange *previous, *next;
  struct net_timer deadline;
  struct net_turn_end turn_end;
  struct tls_stream *tls; /* or NULL */
  struct http_reader *reader;
  struct address peer;
  int fd;
  uint8_t phase;
  uint8_t polled;
  bool is_surplus;  /* taken in only to be told that there are too many */
  bool is_owed;     /* the owner has not answered yet */
  bool is_closed;   /* libuv has let go of the handle */
  bool closes;      /* after this answer */
  bool wants_write; /* TLS must write before it can read on */
  struct http_request request;
  char *out;
  size_t out_len, out_sent, out_in_flight;
  uint64_t answer_number; /* of those that wait for their readers, growing; 0: does not wait */
  uint8_t *saved;         /* received behind the request being answered */
  size_t saved_len;
};

/* ---- connection.c ---- */
/** Takes the accepted socket. */
void connection_new(struct http_server *server, int fd, bool is_surplus);
void connection_drop(struct http_exchange *connection);
/** For a server that stops: ends it if nothing is under way. */
void connection_stop(struct http_exchange *connection);

/** Its memory goes when libuv has let go and the owner has answered. */
void connection_free_if_done(struct http_exchange *connection);
/** Leaves server and loop; the socket lives on: it was closed, or belongs to somebody else now. */
void connection_let_go(struct http_exchange *connection);
/** False: no memory; it was dropped. */
bool connection_set_deadline(struct http_exchange *connection, uint32_t delay_ms);
void connection_at_turn_end(struct http_exchange *connection);

static inline const struct memory *connection_memory(const struct http_exchange *connection) {
  return net_loop_memory(connection->loop);
}
static inline const struct handshake_request *
connection_head(const struct http_exchange *connection) {
  return http_reader_request(connection->reader);
}

/* ---- answer.c ---- */
/** A refusal of our own; it is the last answer, since the rest of the input cannot be told apart.
 */
void connection_refuse(struct http_exchange *connection, uint16_t status, const char *sentence);

/* ---- io.c ---- */
enum http_io { HTTP_IO_SOME, HTTP_IO_EMPTY, HTTP_IO_END };
enum http_io connection_receive(struct http_exchange *connection, void *data, size_t cap,
                                size_t *len);
/** Sends what is left of `out`. END: it cannot be sent. */
enum http_io connection_send(struct http_exchange *connection);

#endif
