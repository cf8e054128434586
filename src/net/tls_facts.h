/* What a finished TLS handshake came to, in words for people. */
#ifndef NET_TLS_FACTS_H
#define NET_TLS_FACTS_H

#include "tls_stream.h"

#define TLS_NAME_CAP 256

/** Texts are UTF-8; "" where there is nothing to say. */
struct tls_facts {
  const char *version, *cipher;                     /* live as long as the stream */
  char subject[TLS_NAME_CAP], issuer[TLS_NAME_CAP]; /* RFC 4514; cut at a character */
  char expires[24];                                 /* "2030-01-31T12:00:00Z" */
  bool is_verified;
};

/** Of the client's side, after the handshake. */
void tls_stream_facts(const struct tls_stream *tls, struct tls_facts *facts);

#endif
