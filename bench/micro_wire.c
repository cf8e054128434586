/*
 * How long the wire module's inner loops take: the decoder for each message, masking and UTF-8 by
 * each set of kernels, beside the C library's memcpy. Best of several rounds, one thread, no
 * sockets; the input is in cache, as after a read.
 */
#include "decoder.h"
#include "mask.h"
#include "simd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB ((size_t)1024 * 1024)
#define INPUT_CAP (MIB / 4)
#define ROUNDS 15
#define ROUND_BYTES (16 * MIB)

static uint8_t *input, *output;

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void keep(const void *p) {
  __asm__ volatile("" : : "r"(p) : "memory");
}

static void fill_ascii(uint8_t *p, size_t len) {
  for (size_t i = 0; i < len; i++) {
    p[i] = (uint8_t)('a' + i % 26);
  }
}

static void fill_mixed(uint8_t *p, size_t len) {
  static const char text[] = "é日本🐌жя";
  size_t i = 0;
  for (; i + sizeof text - 1 <= len; i += sizeof text - 1) {
    memcpy(p + i, text, sizeof text - 1);
  }
  memset(p + i, ' ', len - i);
}

/* ---- decoder ---- */

struct decoder_case {
  const char *name;
  size_t payload_len;
  uint8_t opcode;
  bool is_masked;
  void (*fill)(uint8_t *p, size_t len);
};

static size_t write_frames(const struct decoder_case *c, size_t *count) {
  static const uint8_t key[4] = {0x12, 0x34, 0x56, 0x78};
  uint8_t *payload = malloc(c->payload_len + 1);
  c->fill(payload, c->payload_len);
  size_t len = 0;
  *count = 0;
  while (len + FRAME_HEADER_MAX + c->payload_len <= INPUT_CAP) {
    len += frame_write(input + len, FRAME_FIN | c->opcode, payload, c->payload_len,
                       c->is_masked ? key : NULL);
    ++*count;
  }
  free(payload);
  return len;
}

static size_t decode_all(struct decoder *d, uint8_t *in, size_t len) {
  size_t count = 0;
  struct decoder_event event;
  while (len > 0) {
    size_t consumed;
    const size_t header_len = decoder_glance(d, in, len, &event.len);
    if (header_len > 0) { /* as src/net does */
      consumed = header_len + event.len;
      event.data = in + header_len;
    } else if (decoder_next(d, in, len, &consumed, &event) != DECODER_MESSAGE) {
      abort();
    }
    keep(event.data);
    count += event.len > 0;
    in += consumed;
    len -= consumed;
  }
  return count;
}

static void bench_decoder(const struct decoder_case *c) {
  const struct decoder_options options = {c->is_masked, 16 * MIB, NULL};
  size_t count;
  const size_t len = write_frames(c, &count);
  double best = 1e18;
  for (int round = 0; round < ROUNDS; round++) {
    struct decoder d;
    decoder_init(&d, &options);
    const double start = now_ns();
    size_t done = 0;
    /* Unmasking works in place, so that each second pass of the server's side reads what is not
       what the client sent; binary does not mind. */
    for (size_t bytes = 0; bytes < ROUND_BYTES; bytes += len) {
      done += decode_all(&d, input, len);
    }
    const double each = (now_ns() - start) / (double)done;
    best = each < best ? each : best;
  }
  printf("decoder  %-28s %9.1f ns a message\n", c->name, best);
}

/* ---- kernels ---- */

static const size_t lens[] = {16, 64, 125, 1024, 16384, 65536};
#define LEN_COUNT (sizeof lens / sizeof lens[0])

static void run_memcpy(const struct simd_kernels *k, size_t len) {
  (void)k;
  memcpy(output, input, len);
}

static void run_chosen(const struct simd_kernels *k, size_t len) {
  static const uint8_t key[4] = {1, 2, 3, 4};
  (void)k;
  mask_copy(output, input, len, key, 0);
}

static void run_mask(const struct simd_kernels *k, size_t len) {
  k->mask_copy(output, input, len, 0x12345678);
}

static void run_utf8(const struct simd_kernels *k, size_t len) {
  if (!k->utf8_is_valid(input, len)) {
    abort();
  }
}

static void bench_kernel(const char *what, const char *name, const struct simd_kernels *k,
                         void (*run)(const struct simd_kernels *k, size_t len)) {
  printf("%-14s %-9s", what, name);
  for (size_t l = 0; l < LEN_COUNT; l++) {
    const size_t count = ROUND_BYTES / 4 / (lens[l] + 64);
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
      const double start = now_ns();
      for (size_t i = 0; i < count; i++) {
        run(k, lens[l]);
        keep(output);
      }
      const double took = now_ns() - start;
      best = took < best ? took : best;
    }
    printf(" %8.1f", (double)(lens[l] * count) / best);
  }
  printf("\n");
}

static void bench_kernels(void) {
  printf("\nGB/s at %-15s", "length");
  for (size_t l = 0; l < LEN_COUNT; l++) {
    printf(" %8zu", lens[l]);
  }
  printf("\n");
  fill_ascii(input, INPUT_CAP);
  bench_kernel("memcpy", "libc", NULL, run_memcpy);
  bench_kernel("mask_copy", "chosen", NULL, run_chosen);
  for (size_t i = 0; simd_kernels_at(i) != NULL; i++) {
    bench_kernel("mask_copy", simd_kernels_at(i)->name, simd_kernels_at(i), run_mask);
  }
  for (size_t i = 0; simd_kernels_at(i) != NULL; i++) {
    bench_kernel("utf8 ascii", simd_kernels_at(i)->name, simd_kernels_at(i), run_utf8);
  }
  for (size_t l = 0; l < LEN_COUNT; l++) {
    memset(input + lens[l] - 16, ' ', 16);
  }
  for (size_t i = 0; simd_kernels_at(i) != NULL; i++) {
    const struct simd_kernels *k = simd_kernels_at(i);
    printf("%-14s %-9s", "utf8 mixed", k->name);
    for (size_t l = 0; l < LEN_COUNT; l++) {
      fill_mixed(input, lens[l]);
      const size_t count = ROUND_BYTES / 4 / (lens[l] + 64);
      double best = 1e18;
      for (int round = 0; round < ROUNDS; round++) {
        const double start = now_ns();
        for (size_t j = 0; j < count; j++) {
          run_utf8(k, lens[l]);
          keep(output);
        }
        const double took = now_ns() - start;
        best = took < best ? took : best;
      }
      printf(" %8.1f", (double)(lens[l] * count) / best);
    }
    printf("\n");
  }
}

int main(void) {
  static const struct decoder_case cases[] = {
      {"64 B text", 64, FRAME_TEXT, false, fill_ascii},
      {"64 B binary", 64, FRAME_BINARY, false, fill_ascii},
      {"64 B non-ASCII text", 64, FRAME_TEXT, false, fill_mixed},
      {"64 B binary, masked", 64, FRAME_BINARY, true, fill_ascii},
      {"1 KiB text", 1024, FRAME_TEXT, false, fill_ascii},
      {"1 KiB binary", 1024, FRAME_BINARY, false, fill_ascii},
      {"1 KiB non-ASCII text", 1024, FRAME_TEXT, false, fill_mixed},
      {"1 KiB binary, masked", 1024, FRAME_BINARY, true, fill_ascii},
      {"64 KiB text", 65536, FRAME_TEXT, false, fill_ascii},
      {"64 KiB non-ASCII text", 65536, FRAME_TEXT, false, fill_mixed},
  };
  input = malloc(INPUT_CAP);
  output = malloc(INPUT_CAP);
  if (input == NULL || output == NULL) {
    return 1;
  }
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    bench_decoder(&cases[i]);
  }
  bench_kernels();
  free(input);
  free(output);
  return 0;
}
