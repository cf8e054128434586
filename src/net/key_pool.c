/* Masking keys from OpenSSL's AES-256-CTR: with the processor's own AES about a nanosecond each. */
#include "entropy.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>

/* If its beginnings failed for want of memory, OpenSSL 3.0 crashes when it is used all the same. */
static bool has_openssl(void) {
  return OSSL_LIB_CTX_get0_global_default() != NULL;
}

bool key_pool_init(struct key_pool *pool) {
  uint8_t seed[32 + 16];
  pool->used = KEY_POOL_LEN;
  pool->cipher = has_openssl() ? EVP_CIPHER_CTX_new() : NULL;
  bool ok = pool->cipher && net_random(seed, sizeof seed) &&
            EVP_EncryptInit_ex(pool->cipher, EVP_aes_256_ctr(), NULL, seed, seed + 32) == 1;
  OPENSSL_cleanse(seed, sizeof seed);
  if (!ok)
    key_pool_deinit(pool);
  return ok;
}

void key_pool_deinit(struct key_pool *pool) {
  EVP_CIPHER_CTX_free(pool->cipher);
  pool->cipher = NULL;
}

/* The key stream is the cipher text of zeros. A predictable mask lets a peer's script choose the
   bytes on the wire, so a cipher that fails (it allocates nothing and cannot) ends the program. */
void key_pool_refill(struct key_pool *pool) {
  static const uint8_t zeros[KEY_POOL_LEN];
  int len = 0;
  if (EVP_EncryptUpdate(pool->cipher, pool->bytes, &len, zeros, KEY_POOL_LEN) != 1 ||
      len != KEY_POOL_LEN)
    abort();
  pool->used = 0;
}
