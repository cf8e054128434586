/*
 * Chance that an attacker cannot guess: nonces from the system, masking keys from AES-256-CTR keyed
 * once by the system (RFC 6455 section 5.3 wants keys unpredictable; a system call each is 500
 * times the price). A build without OpenSSL takes them from the system in pools
 * (no_tls/key_pool.c).
 */
#ifndef NET_ENTROPY_H
#define NET_ENTROPY_H

#include "loop.h"

#include <string.h>

#define KEY_POOL_LEN 4096

struct key_pool {
  struct evp_cipher_ctx_st *cipher; /* NULL without OpenSSL */
  size_t used;
  uint8_t bytes[KEY_POOL_LEN];
};

/** False: no entropy or no memory. */
bool key_pool_init(struct key_pool *pool);
void key_pool_deinit(struct key_pool *pool);
void key_pool_refill(struct key_pool *pool);

static inline bool key_pool_is_used_up(const struct key_pool *pool) {
  return pool->used == KEY_POOL_LEN;
}

/** Each key is used once: the pool forgets it. In memory order. */
static inline uint32_t key_pool_take_word(struct key_pool *pool) {
  uint32_t key;
  if (key_pool_is_used_up(pool))
    key_pool_refill(pool);
  memcpy(&key, pool->bytes + pool->used, sizeof key);
  pool->used += sizeof key;
  return key;
}

static inline void key_pool_take(struct key_pool *pool, uint8_t key[4]) {
  const uint32_t word = key_pool_take_word(pool);
  memcpy(key, &word, sizeof word);
}

#endif
