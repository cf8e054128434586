#include "net_certs.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY_S (24 * 60 * 60)

struct issuer {
  X509 *cert;
  EVP_PKEY *key;
};

struct wish {
  const char *name;
  const char *alternatives; /* subjectAltName, or NULL */
  long from_s, to_s;        /* around now */
  bool is_ca;
};

static void need(bool ok) {
  if (!ok)
    abort();
}

static void extend(X509 *cert, X509 *by, int what, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, by, cert, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, what, value);
  need(extension && X509_add_ext(cert, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

/* `by` NULL: signed by itself. */
static struct issuer make(const struct wish *wish, const struct issuer *by) {
  static long serial = 1000;
  struct issuer made = {X509_new(), EVP_EC_gen("P-256")};
  need(made.cert && made.key);
  X509_set_version(made.cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.cert), serial++);
  X509_gmtime_adj(X509_getm_notBefore(made.cert), wish->from_s);
  X509_gmtime_adj(X509_getm_notAfter(made.cert), wish->to_s);
  X509_NAME *name = X509_get_subject_name(made.cert);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)wish->name, -1, -1,
                             0);
  X509_set_issuer_name(made.cert, by ? X509_get_subject_name(by->cert) : name);
  X509_set_pubkey(made.cert, made.key);
  X509 *signer = by ? by->cert : made.cert;
  extend(made.cert, signer, NID_basic_constraints, wish->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  if (wish->alternatives)
    extend(made.cert, signer, NID_subject_alt_name, wish->alternatives);
  need(X509_sign(made.cert, by ? by->key : made.key, EVP_sha256()) > 0);
  return made;
}

static void drop(struct issuer *issuer) {
  X509_free(issuer->cert);
  EVP_PKEY_free(issuer->key);
}

static void save(const struct certs *certs, const char *name, char path[96],
                 const struct issuer *what, bool with_key) {
  snprintf(path, 96, "%s/%s.pem", certs->folder, name);
  FILE *file = fopen(path, "w");
  need(file && PEM_write_X509(file, what->cert) == 1);
  if (with_key)
    need(PEM_write_PrivateKey(file, what->key, NULL, NULL, 0, NULL, NULL) == 1);
  fclose(file);
}

static void make_and_save(const struct certs *certs, const char *file, char path[96],
                          const struct wish *wish, const struct issuer *by) {
  struct issuer made = make(wish, by);
  save(certs, file, path, &made, true);
  drop(&made);
}

void certs_make(struct certs *certs) {
  static const char names[] = "DNS:good.example,IP:127.0.0.1";
  snprintf(certs->folder, sizeof certs->folder, "/tmp/limpet_certs_XXXXXX");
  need(mkdtemp(certs->folder) != NULL);
  const struct wish ca_wish = {"Test CA", NULL, -DAY_S, DAY_S, true};
  const struct wish other_wish = {"Other CA", NULL, -DAY_S, DAY_S, true};
  struct issuer ca = make(&ca_wish, NULL), other = make(&other_wish, NULL);
  save(certs, "ca", certs->ca, &ca, false);
  save(certs, "other_ca", certs->other_ca, &other, false);
  const struct wish good = {"good", names, -DAY_S, DAY_S, false};
  const struct wish wrong = {"wrong", "DNS:other.example,IP:127.0.0.2", -DAY_S, DAY_S, false};
  const struct wish expired = {"expired", names, -2 * DAY_S, -DAY_S, false};
  const struct wish early = {"early", names, DAY_S, 2 * DAY_S, false};
  const struct wish client = {"client", NULL, -DAY_S, DAY_S, false};
  make_and_save(certs, "good", certs->good, &good, &ca);
  make_and_save(certs, "wrong_host", certs->wrong_host, &wrong, &ca);
  make_and_save(certs, "expired", certs->expired, &expired, &ca);
  make_and_save(certs, "early", certs->not_yet_valid, &early, &ca);
  make_and_save(certs, "self_signed", certs->self_signed, &good, NULL);
  make_and_save(certs, "unknown_ca", certs->unknown_ca, &good, &other);
  make_and_save(certs, "client", certs->client, &client, &ca);
  drop(&ca);
  drop(&other);
}

void certs_remove(struct certs *certs) {
  const char *const paths[] = {certs->ca,          certs->other_ca,   certs->good,
                               certs->wrong_host,  certs->expired,    certs->not_yet_valid,
                               certs->self_signed, certs->unknown_ca, certs->client};
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    unlink(paths[i]);
  rmdir(certs->folder);
}
