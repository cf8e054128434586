/* Masking keys without OpenSSL: straight from the system's generator, a pool at a time. */
#include "entropy.h"

#include <stdlib.h>

bool key_pool_init(struct key_pool *pool) {
  uint8_t probe;
  pool->used = KEY_POOL_LEN;
  pool->cipher = NULL;
  return net_random(&probe, sizeof probe);
}

void key_pool_deinit(struct key_pool *pool) {
  pool->used = KEY_POOL_LEN;
}

/* A predictable mask lets a peer's script choose the bytes on the wire, so a system that refuses
   now what it gave before (it does not) ends the program. */
void key_pool_refill(struct key_pool *pool) {
  if (!net_random(pool->bytes, sizeof pool->bytes))
    abort();
  pool->used = 0;
}
