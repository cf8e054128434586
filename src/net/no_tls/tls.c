/* A build without OpenSSL (LIMPET_TLS off): no context can be made, so no stream is ever asked for,
   and nothing here pretends that bytes are safe. */
#include "tls_facts.h"
#include "tls_stream.h"

#include <stdio.h>
#include <string.h>

static enum tls_made refuse(struct tls_context **made, char detail[TLS_DETAIL_CAP]) {
  (void)snprintf(detail, TLS_DETAIL_CAP, "this build has no TLS");
  *made = NULL;
  return TLS_UNUSABLE;
}

enum tls_made tls_context_new(const struct memory *memory, const struct tls_options *options,
                              struct tls_context **made, char detail[TLS_DETAIL_CAP]) {
  (void)memory, (void)options;
  return refuse(made, detail);
}

enum tls_made tls_server_context_new(const struct memory *memory, const char *cert_file,
                                     const char *key_file, struct tls_context **made,
                                     char detail[TLS_DETAIL_CAP]) {
  (void)memory, (void)cert_file, (void)key_file;
  return refuse(made, detail);
}

void tls_context_retain(struct tls_context *context) {
  (void)context;
}

void tls_context_release(struct tls_context *context) {
  (void)context;
}

struct tls_stream *tls_stream_new(struct tls_context *context, const struct memory *memory, int fd,
                                  const char *host, uint16_t port) {
  (void)context, (void)memory, (void)fd, (void)host, (void)port;
  return NULL;
}

struct tls_stream *tls_stream_accept(struct tls_context *context, const struct memory *memory,
                                     int fd) {
  (void)context, (void)memory, (void)fd;
  return NULL;
}

void tls_stream_free(struct tls_stream *tls) {
  (void)tls;
}

enum tls_result tls_stream_handshake(struct tls_stream *tls) {
  (void)tls;
  return TLS_FAILED;
}

enum tls_result tls_stream_read(struct tls_stream *tls, void *data, size_t cap, size_t *len) {
  (void)tls, (void)data, (void)cap;
  *len = 0;
  return TLS_FAILED;
}

enum tls_result tls_stream_write(struct tls_stream *tls, const void *data, size_t len,
                                 bool more_comes, size_t *written) {
  (void)tls, (void)data, (void)len, (void)more_comes;
  *written = 0;
  return TLS_FAILED;
}

void tls_stream_close(struct tls_stream *tls) {
  (void)tls;
}

void tls_stream_is_readable(struct tls_stream *tls) {
  (void)tls;
}

bool tls_stream_has_pending(const struct tls_stream *tls) {
  (void)tls;
  return false;
}

bool tls_stream_is_resumed(const struct tls_stream *tls) {
  (void)tls;
  return false;
}

enum link_end_kind tls_stream_failure(const struct tls_stream *tls, char *detail, size_t cap) {
  (void)tls;
  (void)snprintf(detail, cap, "this build has no TLS");
  return LINK_END_TLS;
}

void tls_stream_facts(const struct tls_stream *tls, struct tls_facts *facts) {
  (void)tls;
  memset(facts, 0, sizeof *facts);
}
