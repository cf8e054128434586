#include "peer_tls.h"

#include "common.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define GATHER_LEN ((size_t)256 * 1024)

static void extension_add(X509 *cert, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
  X509_EXTENSION *const extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  if (extension == NULL || !X509_add_ext(cert, extension, -1))
    die("certificate extension");
  X509_EXTENSION_free(extension);
}

static X509 *certificate_new(EVP_PKEY *key) {
  X509 *const cert = X509_new();
  if (cert == NULL)
    die("certificate");
  X509_set_version(cert, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
  X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
  X509_set_pubkey(cert, key);
  X509_NAME *const name = X509_get_subject_name(cert);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench-peer", -1, -1,
                             0);
  X509_set_issuer_name(cert, name);
  extension_add(cert, NID_basic_constraints, "critical,CA:TRUE");
  extension_add(cert, NID_subject_key_identifier, "hash");
  extension_add(cert, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  if (!X509_sign(cert, key, EVP_sha256()))
    die("certificate signature");
  return cert;
}

static void certificate_save(X509 *cert, const char *dir) {
  char path[512];
  snprintf(path, sizeof path, "%s/ca.pem", dir);
  FILE *const file = fopen(path, "w");
  if (file == NULL || !PEM_write_X509(file, cert) || fclose(file) != 0)
    die(path);
}

SSL_CTX *peer_tls_new(const char *dir) {
  SSL_CTX *const context = SSL_CTX_new(TLS_server_method());
  EVP_PKEY *const key = EVP_EC_gen("P-256");
  if (context == NULL || key == NULL)
    die("OpenSSL");
  X509 *const cert = certificate_new(key);
  certificate_save(cert, dir);
  /* One cipher for both clients, so that the ratio compares programs and not ciphers. */
  if (!SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) ||
      !SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") ||
      !SSL_CTX_use_certificate(context, cert) || !SSL_CTX_use_PrivateKey(context, key))
    die("OpenSSL refuses the certificate");
  SSL_CTX_set_session_id_context(context, (const unsigned char *)"bench", 5);
  /* Many records a system call: the peer must cost less than the clients that it feeds. */
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, GATHER_LEN);
  X509_free(cert);
  EVP_PKEY_free(key);
  return context;
}

SSL *peer_tls_accept(SSL_CTX *context, int fd) {
  SSL *const ssl = SSL_new(context);
  BIO *const gather = BIO_new(BIO_f_buffer());
  BIO *const reader = BIO_new_socket(fd, BIO_NOCLOSE);
  BIO *const writer = BIO_new_socket(fd, BIO_NOCLOSE);
  if (ssl == NULL || gather == NULL || reader == NULL || writer == NULL)
    die("no memory");
  BIO_set_write_buffer_size(gather, (long)GATHER_LEN);
  SSL_set_bio(ssl, reader, BIO_push(gather, writer));
  if (SSL_accept(ssl) == 1)
    return ssl;
  SSL_free(ssl);
  return NULL;
}

void peer_tls_flush(SSL *ssl) {
  (void)BIO_flush(SSL_get_wbio(ssl));
}
