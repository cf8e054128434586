#include "sock.h"
#include "tls_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Read ahead in pieces of two records and a half: bulk data costs one call where it would cost two
   a record. Buffers of that size exist only while a record is under way. */
#define READ_BUFFER_LEN ((size_t)40 * 1024)

static const unsigned char alpn_http_1_1[] = "\x08http/1.1";

/* The first error is the cause, those behind it only say who passed it on. */
static const char *openssl_reason(void) {
  unsigned long error = ERR_peek_error();
  if (ERR_SYSTEM_ERROR(error))
    return sock_error_text(ERR_GET_REASON(error));
  const char *reason = ERR_reason_error_string(error);
  return reason ? reason : "refused by OpenSSL";
}

static enum tls_made no_memory(char *detail) {
  (void)snprintf(detail, TLS_DETAIL_CAP, "no memory for TLS");
  return TLS_NO_MEMORY;
}

/* Before any file is read, since OpenSSL passes over a system's store that cannot be opened. The
   window in which another thread takes the descriptor is small. */
static enum tls_made check_descriptors(char *detail) {
  const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (fd >= 0)
    close(fd);
  if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
    return TLS_MADE;
  (void)snprintf(detail, TLS_DETAIL_CAP, "TLS: %s", sock_error_text(errno));
  return TLS_NO_DESCRIPTORS;
}

static enum tls_made explain(char *detail, const char *what, const char *file) {
  if (ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE)
    return no_memory(detail);
  (void)snprintf(detail, TLS_DETAIL_CAP, "%s file %s: %s", what, file, openssl_reason());
  return TLS_UNUSABLE;
}

/* No terminal is asked for a key's pass phrase. */
static int no_pass_phrase(char *buffer, int size, int for_writing, void *user) {
  (void)buffer;
  (void)size;
  (void)for_writing;
  (void)user;
  return 0;
}

/* Called for each ticket. The given object becomes useless when its connection ends without
   goodbye, so a copy is kept; and only what a verified peer gave. */
static int on_session(SSL *ssl, SSL_SESSION *session) {
  struct tls_context *context;
  const struct tls_peer *peer = tls_stream_peer(ssl, &context);
  if (!peer || SSL_get_verify_result(ssl) != X509_V_OK || !SSL_SESSION_is_resumable(session))
    return 0;
  SSL_SESSION *copy = SSL_SESSION_dup(session);
  if (copy)
    tls_sessions_put(&context->sessions, peer, copy);
  return 0;
}

static bool set_up_common(SSL_CTX *ssl) {
  SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(ssl, 1);
  SSL_CTX_set_default_read_buffer_len(ssl, READ_BUFFER_LEN);
  SSL_CTX_set_default_passwd_cb(ssl, no_pass_phrase);
  return SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1;
}

static enum tls_made set_up_trust(SSL_CTX *ssl, const struct tls_options *options, char *detail) {
  SSL_CTX_set_verify(ssl, options->insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
  bool ok = options->ca_file ? SSL_CTX_load_verify_locations(ssl, options->ca_file, NULL) == 1
                             : SSL_CTX_set_default_verify_paths(ssl) == 1;
  return ok ? TLS_MADE
            : explain(detail, "CA", options->ca_file ? options->ca_file : "of the system");
}

static enum tls_made set_up_identity(SSL_CTX *ssl, const char *cert_file, const char *key_file,
                                     char *detail) {
  if (SSL_CTX_use_certificate_chain_file(ssl, cert_file) != 1)
    return explain(detail, "certificate", cert_file);
  if (SSL_CTX_use_PrivateKey_file(ssl, key_file, SSL_FILETYPE_PEM) == 1 &&
      SSL_CTX_check_private_key(ssl) == 1)
    return TLS_MADE;
  return explain(detail, "key", key_file);
}

static enum tls_made set_up_client(SSL_CTX *ssl, const struct tls_options *options, char *detail) {
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ssl, on_session);
  if (SSL_CTX_set_alpn_protos(ssl, alpn_http_1_1, sizeof alpn_http_1_1 - 1) != 0)
    return no_memory(detail);
  const enum tls_made trust = set_up_trust(ssl, options, detail);
  if (trust != TLS_MADE || !options->cert_file)
    return trust;
  const char *key_file = options->key_file ? options->key_file : options->cert_file;
  return set_up_identity(ssl, options->cert_file, key_file, detail);
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *user) {
  (void)ssl;
  (void)user;
  unsigned char *chosen = NULL;
  if (SSL_select_next_proto(&chosen, out_len, alpn_http_1_1, sizeof alpn_http_1_1 - 1, in,
                            in_len) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

/* NULL: no memory; nothing here reads a file. */
static struct tls_context *make(const struct memory *memory, const SSL_METHOD *method) {
  ERR_clear_error();
  struct tls_context *context = memory_alloc_zeroed(memory, sizeof *context);
  if (!context)
    return NULL;
  context->memory = *memory;
  atomic_init(&context->reference_count, 1);
  tls_sessions_init(&context->sessions, memory);
  context->ssl = SSL_CTX_new(method);
  if (context->ssl && set_up_common(context->ssl))
    return context;
  tls_context_release(context);
  return NULL;
}

static enum tls_made begin(const struct memory *memory, const SSL_METHOD *method,
                           struct tls_context **context, char *detail) {
  const enum tls_made result = check_descriptors(detail);
  *context = result == TLS_MADE ? make(memory, method) : NULL;
  return result == TLS_MADE && !*context ? no_memory(detail) : result;
}

static enum tls_made hand_over(struct tls_context *context, enum tls_made result,
                               struct tls_context **made) {
  if (result == TLS_MADE)
    *made = context;
  else
    tls_context_release(context);
  return result;
}

enum tls_made tls_context_new(const struct memory *memory, const struct tls_options *options,
                              struct tls_context **made, char detail[TLS_DETAIL_CAP]) {
  struct tls_context *context;
  const enum tls_made begun = begin(memory, TLS_client_method(), &context, detail);
  *made = NULL;
  if (begun != TLS_MADE)
    return begun;
  context->insecure = options->insecure;
  return hand_over(context, set_up_client(context->ssl, options, detail), made);
}

enum tls_made tls_server_context_new(const struct memory *memory, const char *cert_file,
                                     const char *key_file, struct tls_context **made,
                                     char detail[TLS_DETAIL_CAP]) {
  struct tls_context *context;
  const enum tls_made begun = begin(memory, TLS_server_method(), &context, detail);
  *made = NULL;
  if (begun != TLS_MADE)
    return begun;
  context->is_server = true;
  SSL_CTX_set_alpn_select_cb(context->ssl, choose_protocol, NULL);
  return hand_over(context, set_up_identity(context->ssl, cert_file, key_file, detail), made);
}

void tls_context_retain(struct tls_context *context) {
  atomic_fetch_add(&context->reference_count, 1);
}

void tls_context_release(struct tls_context *context) {
  if (!context || atomic_fetch_sub(&context->reference_count, 1) > 1)
    return;
  struct memory memory = context->memory;
  SSL_CTX_free(context->ssl);
  tls_sessions_deinit(&context->sessions);
  memory_free(&memory, context);
}
