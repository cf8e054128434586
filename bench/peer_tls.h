/* The peer's TLS: one self-signed certificate for 127.0.0.1, made at each start. */
#ifndef BENCH_PEER_TLS_H
#define BENCH_PEER_TLS_H

#include <openssl/ssl.h>

/** A server context; its certificate is written to DIR/ca.pem for clients to trust. Ends the
    program when that fails. */
SSL_CTX *peer_tls_new(const char *dir);

/** Accepts over `fd` (blocking). Written records gather until peer_tls_flush(). NULL: refused. */
SSL *peer_tls_accept(SSL_CTX *context, int fd);
void peer_tls_flush(SSL *ssl);

#endif
