#include "tls_facts.h"

#include "tls_internal.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>

/* Control characters are escaped, other alphabets stay readable. */
#define NAME_FLAGS ((unsigned long)XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB)

static size_t cut_at_character(const char *text, size_t len, size_t cap) {
  if (len < cap)
    return len;
  for (len = cap - 1; len > 0 && ((unsigned char)text[len] & 0xC0) == 0x80;)
    len--;
  return len;
}

static void write_name(const X509_NAME *name, char out[TLS_NAME_CAP]) {
  char *text = NULL;
  size_t len = 0;
  BIO *bio = BIO_new(BIO_s_mem());
  if (bio && X509_NAME_print_ex(bio, name, 0, NAME_FLAGS) >= 0) {
    const long written = BIO_get_mem_data(bio, &text);
    len = written > 0 ? cut_at_character(text, (size_t)written, TLS_NAME_CAP) : 0;
    if (len)
      memcpy(out, text, len);
  }
  out[len] = '\0';
  BIO_free(bio);
}

static void write_time(const ASN1_TIME *moment, char *out, size_t cap) {
  struct tm parts;
  if (!ASN1_TIME_to_tm(moment, &parts) || !strftime(out, cap, "%Y-%m-%dT%H:%M:%SZ", &parts))
    out[0] = '\0';
}

void tls_stream_facts(const struct tls_stream *tls, struct tls_facts *facts) {
  const SSL *ssl = tls_stream_ssl(tls);
  const X509 *certificate = SSL_get0_peer_certificate(ssl);
  memset(facts, 0, sizeof *facts);
  facts->version = SSL_get_version(ssl);
  facts->cipher = SSL_get_cipher_name(ssl);
  facts->is_verified = certificate && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE &&
                       SSL_get_verify_result(ssl) == X509_V_OK;
  if (certificate) {
    write_name(X509_get_subject_name(certificate), facts->subject);
    write_name(X509_get_issuer_name(certificate), facts->issuer);
    write_time(X509_get0_notAfter(certificate), facts->expires, sizeof facts->expires);
  }
  ERR_clear_error();
}
