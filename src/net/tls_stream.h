/*
 * TLS on one non-blocking socket. Bytes of the socket go straight between it and OpenSSL; a read
 * that came back short tells that the socket is empty, so that no call is made only to be told to
 * wait.
 */
#ifndef NET_TLS_STREAM_H
#define NET_TLS_STREAM_H

#include "sock.h"
#include "tls.h"

#define TLS_RECORD_MAX 16384

struct tls_stream;

enum tls_result {
  TLS_DONE,
  TLS_WANT_READ,
  TLS_WANT_WRITE,
  TLS_ENDED, /* close_notify, or the end of the stream without one */
  TLS_FAILED /* see tls_stream_failure() */
};

/** The client's side, for a host name or address that is verified. NULL: no memory. */
struct tls_stream *tls_stream_new(struct tls_context *context, const struct memory *memory, int fd,
                                  const char *host, uint16_t port);
/** The server's side. */
struct tls_stream *tls_stream_accept(struct tls_context *context, const struct memory *memory,
                                     int fd);
void tls_stream_free(struct tls_stream *tls);

enum tls_result tls_stream_handshake(struct tls_stream *tls);
/** Reads until `cap` bytes are there or none are left: `*len` counts also when the result is not
    TLS_DONE. */
enum tls_result tls_stream_read(struct tls_stream *tls, void *data, size_t cap, size_t *len);
/** Writes some, at most a record. After TLS_WANT_* the same bytes must be given again.
   `more_comes`: as for sock_send(). */
enum tls_result tls_stream_write(struct tls_stream *tls, const void *data, size_t len,
                                 bool more_comes, size_t *written);
/** Says goodbye (close_notify) if that goes without waiting. */
void tls_stream_close(struct tls_stream *tls);
/** The socket was reported readable: there may be bytes again. */
void tls_stream_is_readable(struct tls_stream *tls);
/** Decrypted or undecrypted bytes are held that no poll will tell of. */
bool tls_stream_has_pending(const struct tls_stream *tls);
bool tls_stream_is_resumed(const struct tls_stream *tls);
/** After TLS_FAILED: what happened. */
enum link_end_kind tls_stream_failure(const struct tls_stream *tls, char *detail, size_t cap);

#endif
