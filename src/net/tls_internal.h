/* A TLS context, and what is below a stream, laid open to this folder. */
#ifndef NET_TLS_INTERNAL_H
#define NET_TLS_INTERNAL_H

#include "tls.h"
#include "tls_sessions.h"

#include <stdatomic.h>

struct tls_stream;

struct tls_context {
  struct memory memory;
  atomic_uint reference_count;
  bool is_server, insecure;
  SSL_CTX *ssl;
  struct tls_sessions sessions;
};

/** OpenSSL's side of a stream. */
const SSL *tls_stream_ssl(const struct tls_stream *tls);

/** Whose session this is: what tls_stream_new() was given. NULL: none is to be kept. */
const struct tls_peer *tls_stream_peer(SSL *ssl, struct tls_context **context);

#endif
