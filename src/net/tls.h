/*
 * TLS by OpenSSL 3: one SSL_CTX for all links of a configuration, sessions kept for resumption.
 * Fails closed: an unusable file, an unverifiable peer or an alert ends the dial.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "memory.h"

#include <stdbool.h>
#include <stddef.h>

struct tls_context;

struct tls_options {
  const char *ca_file;   /* PEM, instead of the system's store, or NULL */
  const char *cert_file; /* client chain, or NULL */
  const char *key_file;
  bool insecure; /* accept any certificate */
};

#define TLS_DETAIL_CAP 256

/** The detail when nothing is wrong with the files, but memory ran out. */
#define TLS_NO_MEMORY "no memory for TLS"

/** Makes a client context: TLS 1.2 at least, system trust store, session tickets. NULL with
    `detail` filled when a file cannot be used. Counted: retain/release. */
struct tls_context *tls_context_new(const struct memory *memory, const struct tls_options *options,
                                    char detail[TLS_DETAIL_CAP]);
/** Makes a context for the server role: `cert_file` is its chain, `key_file` its key. */
struct tls_context *tls_server_context_new(const struct memory *memory, const char *cert_file,
                                           const char *key_file, char detail[TLS_DETAIL_CAP]);
void tls_context_retain(struct tls_context *context);
void tls_context_release(struct tls_context *context);

#endif
