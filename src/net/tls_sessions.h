/*
 * TLS sessions kept for resumption: a few for each host and port, newest first. TLS 1.3 tickets are
 * used once (RFC 8446 appendix C.4), so a server's usual two are both kept; an older version's
 * session serves many times. Locked: one context can serve several loops.
 */
#ifndef NET_TLS_SESSIONS_H
#define NET_TLS_SESSIONS_H

#include "memory.h"

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdint.h>

#define TLS_SESSIONS_EACH 4
#define TLS_SESSIONS_HOSTS 64 /* beyond it the one not used for longest goes */
#define TLS_HOST_CAP 256

struct tls_peer {
  char host[TLS_HOST_CAP];
  uint16_t port;
};

struct tls_sessions_entry;

struct tls_sessions {
  struct memory memory;
  pthread_mutex_t lock;
  struct tls_sessions_entry *entries; /* the last used one first */
};

void tls_sessions_init(struct tls_sessions *sessions, const struct memory *memory);
void tls_sessions_deinit(struct tls_sessions *sessions);
/** Keeps `session`, whose reference it takes. */
void tls_sessions_put(struct tls_sessions *sessions, const struct tls_peer *peer,
                      SSL_SESSION *session);
/** One to try, or NULL; the caller's reference. */
SSL_SESSION *tls_sessions_take(struct tls_sessions *sessions, const struct tls_peer *peer);

#endif
