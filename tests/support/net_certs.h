/* Certificates for tests, made on the spot and written as PEM files into a folder of their own. */
#ifndef NET_CERTS_H
#define NET_CERTS_H

#include <stdbool.h>

struct certs {
  char folder[64];
  char ca[96], other_ca[96];
  /* chain and key in one file; names are good.example and 127.0.0.1 unless said otherwise */
  char good[96];
  char wrong_host[96];
  char expired[96];
  char not_yet_valid[96];
  char self_signed[96];
  char unknown_ca[96];
  char client[96];
};

void certs_make(struct certs *certs);
void certs_remove(struct certs *certs);

#endif
