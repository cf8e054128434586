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

enum tls_made {
  TLS_MADE,
  TLS_UNUSABLE,  /* a file cannot be used, or this build has no TLS: it is so the next time, too */
  TLS_NO_MEMORY, /* nothing is wrong with the files */
  TLS_NO_DESCRIPTORS /* no file could be looked at */
};

/** Makes a client context: TLS 1.2 at least, system trust store, session tickets. If none was made
    `*made` is NULL and `detail` filled. Counted: retain/release. */
enum tls_made tls_context_new(const struct memory *memory, const struct tls_options *options,
                              struct tls_context **made, char detail[TLS_DETAIL_CAP]);
/** Makes a context for the server role: `cert_file` is its chain, `key_file` its key. */
enum tls_made tls_server_context_new(const struct memory *memory, const char *cert_file,
                                     const char *key_file, struct tls_context **made,
                                     char detail[TLS_DETAIL_CAP]);
void tls_context_retain(struct tls_context *context);
void tls_context_release(struct tls_context *context);

#endif
