#include "tls_stream.h"

#include "tls_internal.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

/* Of the socket in one call. OpenSSL reads on until there is data for the caller, and a peer can
   send what is none, as tickets, without end. */
#define TAKE_MAX ((uint32_t)256 * 1024)

struct tls_stream {
  SSL *ssl;
  struct tls_context *context;
  struct memory memory;
  int fd;
  int io_error;         /* errno of the socket's failure */
  bool more_comes;      /* behind the record that is being written */
  bool is_drained;      /* the socket had no more when it was last read */
  bool is_at_end;       /* the peer ended its direction */
  bool is_failed;       /* after a fatal error OpenSSL forbids the goodbye */
  uint32_t taken_len;   /* from the socket, in this call */
  unsigned long reason; /* OpenSSL's error */
  struct tls_peer peer; /* "" on the server's side */
};

/* ---- the socket as a BIO ---- */

static int bio_write(BIO *bio, const char *data, size_t len, size_t *written) {
  struct tls_stream *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  ssize_t n = sock_send(tls->fd, data, len, tls->more_comes);
  if (n >= 0) {
    *written = (size_t)n;
    return 1;
  }
  if (sock_would_block(errno))
    BIO_set_retry_write(bio);
  else
    tls->io_error = errno;
  return 0;
}

static int bio_read(BIO *bio, char *data, size_t len, size_t *read) {
  struct tls_stream *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (tls->is_drained || tls->taken_len >= TAKE_MAX) {
    BIO_set_retry_read(bio);
    return 0;
  }
  ssize_t n = sock_receive(tls->fd, data, len);
  if (n > 0) {
    tls->taken_len += (uint32_t)n;
    tls->is_drained = (size_t)n < len;
    *read = (size_t)n;
    return 1;
  }
  if (n == 0) {
    tls->is_at_end = true;
  } else if (sock_would_block(errno)) {
    tls->is_drained = true;
    BIO_set_retry_read(bio);
  } else {
    tls->io_error = errno;
  }
  return 0;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
  (void)number;
  (void)pointer;
  const struct tls_stream *tls = BIO_get_data(bio);
  switch (command) {
  case BIO_CTRL_FLUSH:
    return 1;
  case BIO_CTRL_EOF:
    return tls->is_at_end;
  default:
    return 0;
  }
}

static BIO_METHOD *method;
static pthread_once_t method_once = PTHREAD_ONCE_INIT;

static void make_method(void) {
  method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "limpet socket");
  if (!method)
    return;
  BIO_meth_set_write_ex(method, bio_write);
  BIO_meth_set_read_ex(method, bio_read);
  BIO_meth_set_ctrl(method, bio_control);
}

/* ---- life ---- */

/* SSL_get_error() would take what others left in the thread's queue for its own. To look whether
   there is anything costs less than to clear it. */
static void forget_errors(void) {
  if (ERR_peek_error())
    ERR_clear_error();
}

static bool attach(struct tls_stream *tls) {
  pthread_once(&method_once, make_method);
  tls->ssl = SSL_new(tls->context->ssl);
  BIO *bio = method ? BIO_new(method) : NULL;
  if (!tls->ssl || !bio) {
    BIO_free(bio);
    return false;
  }
  BIO_set_data(bio, tls);
  BIO_set_init(bio, 1);
  SSL_set_bio(tls->ssl, bio, bio);
  return SSL_set_app_data(tls->ssl, tls) == 1;
}

static struct tls_stream *make(struct tls_context *context, const struct memory *memory, int fd) {
  forget_errors();
  struct tls_stream *tls = memory_alloc_zeroed(memory, sizeof *tls);
  if (!tls)
    return NULL;
  tls->memory = *memory;
  tls->fd = fd;
  tls->context = context;
  tls_context_retain(context);
  if (attach(tls))
    return tls;
  tls_stream_free(tls);
  return NULL;
}

void tls_stream_free(struct tls_stream *tls) {
  if (!tls)
    return;
  struct memory memory = tls->memory;
  SSL_free(tls->ssl);
  tls_context_release(tls->context);
  memory_free(&memory, tls);
}

/* The name as in the certificate: without the root's dot. */
static void set_peer(struct tls_peer *peer, const char *host, uint16_t port) {
  size_t len = strlen(host);
  if (len > 0 && host[len - 1] == '.')
    len--;
  if (len >= sizeof peer->host)
    len = sizeof peer->host - 1;
  memcpy(peer->host, host, len);
  peer->host[len] = '\0';
  peer->port = port;
}

/* SNI is for names only (RFC 6066 section 3); an address is checked against the certificate's
   addresses. */
static bool expect_host(SSL *ssl, const char *host) {
  struct address address;
  X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
  if (address_from_ip(&address, host))
    return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
         SSL_set_tlsext_host_name(ssl, host) == 1;
}

struct tls_stream *tls_stream_new(struct tls_context *context, const struct memory *memory, int fd,
                                  const char *host, uint16_t port) {
  struct tls_stream *tls = make(context, memory, fd);
  if (!tls)
    return NULL;
  set_peer(&tls->peer, host, port);
  if (!expect_host(tls->ssl, tls->peer.host)) {
    tls_stream_free(tls);
    return NULL;
  }
  SSL_SESSION *session = tls_sessions_take(&context->sessions, &tls->peer);
  if (session) {
    SSL_set_session(tls->ssl, session);
    SSL_SESSION_free(session);
  }
  SSL_set_connect_state(tls->ssl);
  return tls;
}

struct tls_stream *tls_stream_accept(struct tls_context *context, const struct memory *memory,
                                     int fd) {
  struct tls_stream *tls = make(context, memory, fd);
  if (tls)
    SSL_set_accept_state(tls->ssl);
  return tls;
}

const SSL *tls_stream_ssl(const struct tls_stream *tls) {
  return tls->ssl;
}

const struct tls_peer *tls_stream_peer(SSL *ssl, struct tls_context **context) {
  const struct tls_stream *tls = SSL_get_app_data(ssl);
  *context = tls->context;
  return tls->context->is_server ? NULL : &tls->peer;
}

/* ---- reading and writing ---- */

static enum tls_result outcome(struct tls_stream *tls, int result) {
  switch (SSL_get_error(tls->ssl, result)) {
  case SSL_ERROR_NONE:
    return TLS_DONE;
  case SSL_ERROR_WANT_READ:
    return TLS_WANT_READ;
  case SSL_ERROR_WANT_WRITE:
    return TLS_WANT_WRITE;
  case SSL_ERROR_ZERO_RETURN:
    return TLS_ENDED;
  default:
    if (!tls->reason) /* asked again, OpenSSL has forgotten it */
      tls->reason = ERR_peek_error();
    tls->is_failed = true;
    return tls->is_at_end && !tls->io_error ? TLS_ENDED : TLS_FAILED;
  }
}

enum tls_result tls_stream_handshake(struct tls_stream *tls) {
  tls->taken_len = 0;
  forget_errors();
  return outcome(tls, SSL_do_handshake(tls->ssl));
}

enum tls_result tls_stream_read(struct tls_stream *tls, void *data, size_t cap, size_t *len) {
  *len = 0;
  tls->taken_len = 0;
  while (*len < cap) {
    size_t n = 0;
    forget_errors();
    int result = SSL_read_ex(tls->ssl, (char *)data + *len, cap - *len, &n);
    if (result != 1)
      return outcome(tls, result);
    *len += n;
    if (tls->is_drained && !SSL_has_pending(tls->ssl))
      return TLS_WANT_READ; /* as OpenSSL would find out at some length */
  }
  return TLS_DONE;
}

enum tls_result tls_stream_write(struct tls_stream *tls, const void *data, size_t len,
                                 bool more_comes, size_t *written) {
  *written = 0;
  forget_errors();
  tls->more_comes = more_comes;
  int result = SSL_write_ex(tls->ssl, data, len, written);
  tls->more_comes = false;
  return result == 1 ? TLS_DONE : outcome(tls, result);
}

void tls_stream_close(struct tls_stream *tls) {
  forget_errors();
  if (!tls->is_failed && SSL_is_init_finished(tls->ssl))
    SSL_shutdown(tls->ssl);
  forget_errors();
}

void tls_stream_is_readable(struct tls_stream *tls) {
  tls->is_drained = false;
}

bool tls_stream_has_pending(const struct tls_stream *tls) {
  return SSL_has_pending(tls->ssl) == 1;
}

bool tls_stream_is_resumed(const struct tls_stream *tls) {
  return SSL_session_reused(tls->ssl) == 1;
}

/* ---- what went wrong ---- */

static const char *explain(const struct tls_stream *tls) {
  int reason = ERR_GET_REASON(tls->reason);
  if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST)
    return "the peer does not speak TLS";
  const char *text = ERR_reason_error_string(tls->reason);
  return text ? text : "TLS failed";
}

/* What this machine lacked to judge a certificate, as an errno, or 0. OpenSSL reads the system's
   authorities when it needs them, and one that it could not read is to it one that is not there. */
static int lacking(const struct tls_stream *tls, long verdict) {
  const int error = ERR_SYSTEM_ERROR(tls->reason) ? ERR_GET_REASON(tls->reason) : 0;
  if (verdict == X509_V_ERR_OUT_OF_MEM)
    return ENOMEM;
  return error == EMFILE || error == ENFILE || error == ENOMEM ? error : 0;
}

static enum link_end_kind explain_verdict(const struct tls_stream *tls, long verdict, char *detail,
                                          size_t cap) {
  const int error = lacking(tls, verdict);
  snprintf(detail, cap, "certificate of %s%s: %s", tls->peer.host,
           error ? " cannot be checked" : "",
           error ? sock_error_text(error) : X509_verify_cert_error_string(verdict));
  return error ? sock_error_kind(error) : LINK_END_TLS_VERIFY;
}

enum link_end_kind tls_stream_failure(const struct tls_stream *tls, char *detail, size_t cap) {
  long verdict = SSL_get_verify_result(tls->ssl);
  if (verdict != X509_V_OK && !tls->context->insecure && !tls->context->is_server)
    return explain_verdict(tls, verdict, detail, cap);
  if (tls->io_error) {
    snprintf(detail, cap, "%s", sock_error_text(tls->io_error));
    return sock_error_kind(tls->io_error) == LINK_END_SYSTEM ? LINK_END_SYSTEM : LINK_END_LOST;
  }
  if (tls->is_at_end) {
    snprintf(detail, cap, "connection closed");
    return LINK_END_LOST;
  }
  snprintf(detail, cap, "TLS: %s", explain(tls));
  return LINK_END_TLS;
}
