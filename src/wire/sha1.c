/* Its own code because a handshake needs 60 bytes of it, and a build without TLS has no library
   that knows it. The letters are those of RFC 3174. */
#include "sha1.h"

#include <string.h>

#define BLOCK_LEN 64
#define LENGTH_LEN 8 /* the message's length in bits ends the last block */
#define ROUNDS 80

static uint32_t rotate(uint32_t word, unsigned bits) {
  return word << bits | word >> (32 - bits);
}

static uint32_t read_word(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void write_word(uint8_t *at, uint32_t word) {
  at[0] = (uint8_t)(word >> 24);
  at[1] = (uint8_t)(word >> 16);
  at[2] = (uint8_t)(word >> 8);
  at[3] = (uint8_t)word;
}

/* Section 5: the function and the constant of a round, added. */
static uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d) {
  if (round < 20)
    return ((b & c) | (~b & d)) + 0x5A827999;
  if (round < 40)
    return (b ^ c ^ d) + 0x6ED9EBA1;
  if (round < 60)
    return ((b & c) | (b & d) | (c & d)) + 0x8F1BBCDC;
  return (b ^ c ^ d) + 0xCA62C1D6;
}

/* Section 6.1 (a) and (b). */
static void expand(const uint8_t block[BLOCK_LEN], uint32_t w[ROUNDS]) {
  for (unsigned t = 0; t < 16; t++)
    w[t] = read_word(block + 4 * (size_t)t);
  for (unsigned t = 16; t < ROUNDS; t++)
    w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
}

/* Section 6.1 (c) to (e). */
static void take_block(uint32_t h[5], const uint8_t block[BLOCK_LEN]) {
  uint32_t w[ROUNDS], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
  expand(block, w);
  for (unsigned t = 0; t < ROUNDS; t++) {
    const uint32_t next = rotate(a, 5) + mix(t, b, c, d) + e + w[t];
    e = d;
    d = c;
    c = rotate(b, 30);
    b = a;
    a = next;
  }
  h[0] += a;
  h[1] += b;
  h[2] += c;
  h[3] += d;
  h[4] += e;
}

/* Section 4: a one bit, zeros, the length: in one block more, or two. */
static void take_end(uint32_t h[5], const uint8_t *rest, size_t rest_len, uint64_t len) {
  uint8_t end[2 * BLOCK_LEN] = {0};
  const size_t end_len = rest_len + 1 + LENGTH_LEN <= BLOCK_LEN ? BLOCK_LEN : 2 * BLOCK_LEN;
  if (rest_len > 0)
    memcpy(end, rest, rest_len);
  end[rest_len] = 0x80;
  write_word(end + end_len - 8, (uint32_t)(len >> 29));
  write_word(end + end_len - 4, (uint32_t)(len << 3));
  for (size_t at = 0; at < end_len; at += BLOCK_LEN)
    take_block(h, end + at);
}

void sha1(const uint8_t *data, size_t len, uint8_t digest[SHA1_LEN]) {
  uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  size_t at = 0;
  for (; len - at >= BLOCK_LEN; at += BLOCK_LEN)
    take_block(h, data + at);
  take_end(h, data + at, len - at, len);
  for (size_t i = 0; i < 5; i++)
    write_word(digest + 4 * i, h[i]);
}
