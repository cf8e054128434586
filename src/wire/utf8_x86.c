/*
 * UTF-8 validation in AVX2 and AVX-512, after Keiser and Lemire, "Validating UTF-8 in less than
 * one instruction per byte" (2021).
 *
 * Each pair of neighbouring bytes is looked up in three tables of 16: by the first byte's high
 * half, its low half, and the second byte's high half. Each answer is a set of mistakes that the
 * pair might be; a mistake that all three name is one. What is left of a set without a mistake is
 * bit 7, "two continuation bytes in a row", and that must be there exactly where the second or
 * third byte before is the lead of a three or four byte character.
 *
 * Both kernels pass over pure ASCII four vectors at once, and take the bytes before from memory,
 * one to three places earlier. Behind the end they see zeros, or look what comes last over for a
 * character that is cut.
 */
#include "simd.h"

#include <immintrin.h>
#include <string.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi")))

enum mistake {
  TOO_SHORT = 1,      /* lead, then no continuation */
  TOO_LONG = 2,       /* ASCII, then a continuation */
  OVERLONG_3 = 4,     /* E0 80-9F */
  TOO_LARGE = 8,      /* F4 90-BF, F5-FF 90-BF */
  SURROGATE = 16,     /* ED A0-BF */
  OVERLONG_2 = 32,    /* C0-C1 */
  OVERLONG_4 = 64,    /* F0 80-8F, and F5-FF 80-8F which are too large */
  TWO_IN_A_ROW = 128, /* a mistake only where no longer character is under way */
  ANY_LEAD = TOO_SHORT | TOO_LONG | TWO_IN_A_ROW
};

static const uint8_t first_high[16] = {TOO_LONG,
                                       TOO_LONG,
                                       TOO_LONG,
                                       TOO_LONG,
                                       TOO_LONG,
                                       TOO_LONG,
                                       TOO_LONG,
                                       TOO_LONG,
                                       TWO_IN_A_ROW,
                                       TWO_IN_A_ROW,
                                       TWO_IN_A_ROW,
                                       TWO_IN_A_ROW,
                                       TOO_SHORT | OVERLONG_2,
                                       TOO_SHORT,
                                       TOO_SHORT | OVERLONG_3 | SURROGATE,
                                       TOO_SHORT | TOO_LARGE | OVERLONG_4};

static const uint8_t first_low[16] = {ANY_LEAD | OVERLONG_2 | OVERLONG_3 | OVERLONG_4,
                                      ANY_LEAD | OVERLONG_2,
                                      ANY_LEAD,
                                      ANY_LEAD,
                                      ANY_LEAD | TOO_LARGE,
                                      ANY_LEAD | TOO_LARGE | OVERLONG_4,
                                      ANY_LEAD | TOO_LARGE | OVERLONG_4,
                                      ANY_LEAD | TOO_LARGE | OVERLONG_4,
                                      ANY_LEAD | TOO_LARGE | OVERLONG_4,
                                      ANY_LEAD | TOO_LARGE | OVERLONG_4,
                                      ANY_LEAD | TOO_LARGE | OVERLONG_4,
                                      ANY_LEAD | TOO_LARGE | OVERLONG_4,
                                      ANY_LEAD | TOO_LARGE | OVERLONG_4,
                                      ANY_LEAD | TOO_LARGE | OVERLONG_4 | SURROGATE,
                                      ANY_LEAD | TOO_LARGE | OVERLONG_4,
                                      ANY_LEAD | TOO_LARGE | OVERLONG_4};

#define CONTINUED (TOO_LONG | OVERLONG_2 | TWO_IN_A_ROW)

static const uint8_t second_high[16] = {TOO_SHORT,
                                        TOO_SHORT,
                                        TOO_SHORT,
                                        TOO_SHORT,
                                        TOO_SHORT,
                                        TOO_SHORT,
                                        TOO_SHORT,
                                        TOO_SHORT,
                                        CONTINUED | OVERLONG_3 | OVERLONG_4,
                                        CONTINUED | OVERLONG_3 | TOO_LARGE,
                                        CONTINUED | SURROGATE | TOO_LARGE,
                                        CONTINUED | SURROGATE | TOO_LARGE,
                                        TOO_SHORT,
                                        TOO_SHORT,
                                        TOO_SHORT,
                                        TOO_SHORT};

/* Subtracted with saturation from a vector, leaves something where a character goes on behind it.
 */
static const uint8_t last_complete[32] = {255, 255, 255, 255, 255, 255, 255, 255,  255,  255, 255,
                                          255, 255, 255, 255, 255, 255, 255, 255,  255,  255, 255,
                                          255, 255, 255, 255, 255, 255, 255, 0xEF, 0xDF, 0xBF};

/* ---- AVX2 ---- */

struct check_256 {
  __m256i incomplete; /* not zero: a character goes on behind the vector checked last */
  __m256i error;
};

AVX2 static inline __m256i load_256(const uint8_t *p) {
  return _mm256_loadu_si256((const __m256i *)p);
}

AVX2 static inline __m256i look_up_256(const uint8_t table[16], __m256i index) {
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table)),
                             index);
}

AVX2 static inline __m256i high_half_256(__m256i v) {
  return _mm256_and_si256(_mm256_srli_epi16(v, 4), _mm256_set1_epi8(0x0F));
}

/* `before_N` is `v` N bytes earlier in the text. */
AVX2 static inline void check_256(struct check_256 *c, __m256i v, __m256i before_1,
                                  __m256i before_2, __m256i before_3) {
  const __m256i low_half = _mm256_and_si256(before_1, _mm256_set1_epi8(0x0F));
  const __m256i pairs =
      _mm256_and_si256(_mm256_and_si256(look_up_256(first_high, high_half_256(before_1)),
                                        look_up_256(first_low, low_half)),
                       look_up_256(second_high, high_half_256(v)));
  const __m256i third = _mm256_subs_epu8(before_2, _mm256_set1_epi8(0xE0 - 0x80));
  const __m256i fourth = _mm256_subs_epu8(before_3, _mm256_set1_epi8(0xF0 - 0x80));
  const __m256i goes_on =
      _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
  c->error = _mm256_or_si256(c->error, _mm256_xor_si256(pairs, goes_on));
  c->incomplete = _mm256_subs_epu8(v, load_256(last_complete));
}

/* The text's first vector: nothing is before it. */
AVX2 static inline void check_head_256(struct check_256 *c, __m256i v) {
  const __m256i joint = _mm256_permute2x128_si256(v, v, 0x08);
  check_256(c, v, _mm256_alignr_epi8(v, joint, 15), _mm256_alignr_epi8(v, joint, 14),
            _mm256_alignr_epi8(v, joint, 13));
}

/* 32 bytes behind at least three others: shifted loads cost less than shuffles. */
AVX2 static inline void check_next_256(struct check_256 *c, const uint8_t *data) {
  check_256(c, load_256(data), load_256(data - 1), load_256(data - 2), load_256(data - 3));
}

AVX2 static inline bool is_ascii_256(const uint8_t *data) {
  const __m256i all = _mm256_or_si256(_mm256_or_si256(load_256(data), load_256(data + 32)),
                                      _mm256_or_si256(load_256(data + 64), load_256(data + 96)));
  return _mm256_movemask_epi8(all) == 0;
}

AVX2 static inline void check_four_256(struct check_256 *c, const uint8_t *data) {
  if (is_ascii_256(data)) {
    c->error = _mm256_or_si256(c->error, c->incomplete);
    c->incomplete = _mm256_setzero_si256();
    return;
  }
  check_next_256(c, data);
  check_next_256(c, data + 32);
  check_next_256(c, data + 64);
  check_next_256(c, data + 96);
}

AVX2 static inline bool is_fine_256(const struct check_256 *c) {
  const __m256i error = _mm256_or_si256(c->error, c->incomplete);
  return _mm256_testz_si256(error, error);
}

/* A vector behind the first one has three bytes before it. */
#define SHIFTED_MIN_256 (3 + 32)

AVX2 static bool is_valid_short_256(const uint8_t *data, size_t len) {
  struct check_256 c = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  uint8_t all[64] = {0};
  memcpy(all, data, len);
  check_head_256(&c, load_256(all));
  check_next_256(&c, all + 32);
  return is_fine_256(&c);
}

/* The end is one vector that may overlap the one before: what is looked at twice is no other. */
AVX2 bool utf8_is_valid_avx2(const uint8_t *data, size_t len) {
  if (len < SHIFTED_MIN_256) {
    return is_valid_short_256(data, len);
  }
  struct check_256 c = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  size_t at = 0;
  while (len - at >= 128 && is_ascii_256(data + at)) {
    at += 128;
  }
  if (at == 0) {
    check_head_256(&c, load_256(data));
    at = 32;
  }
  for (; len - at >= 128; at += 128) {
    check_four_256(&c, data + at);
  }
  for (; len - at >= 32; at += 32) {
    check_next_256(&c, data + at);
  }
  if (at < len) {
    check_next_256(&c, data + len - 32);
  }
  return is_fine_256(&c);
}

/* ---- AVX-512 with VBMI ----
 *
 * A byte is looked up by its upper or lower six bits, so that no half has to be cut out first; the
 * bytes before come from memory, one place earlier; and where a character must go on is reckoned in
 * 64-bit masks, beside the vector units. */

struct tables_512 {
  __m512i first_high, first_low, second_high; /* 64 places each */
};

struct check_512 {
  __m512i error;    /* mistakes; bit 7 means nothing here */
  uint64_t wrong;   /* not zero: a continuation too many or too few */
  uint64_t leads_3; /* in the vector before: leads of at least three bytes */
  uint64_t leads_4;
};

AVX512 static inline __m512i four_times(const uint8_t table[16]) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
}

/* Each place of the table four times in a row: to be looked up by a byte >> 2. */
AVX512 static inline __m512i spread(const uint8_t table[16]) {
  static const uint8_t quarters[64] = {
      0,  0,  0,  0,  1,  1,  1,  1,  2,  2,  2,  2,  3,  3,  3,  3,  4,  4,  4,  4,  5,  5,
      5,  5,  6,  6,  6,  6,  7,  7,  7,  7,  8,  8,  8,  8,  9,  9,  9,  9,  10, 10, 10, 10,
      11, 11, 11, 11, 12, 12, 12, 12, 13, 13, 13, 13, 14, 14, 14, 14, 15, 15, 15, 15};
  return _mm512_permutexvar_epi8(_mm512_loadu_si512(quarters), four_times(table));
}

/* `before` is `v` one byte earlier in the text. */
AVX512 static inline void check_512(struct check_512 *c, const struct tables_512 *t, __m512i before,
                                    __m512i v) {
  const __m512i first =
      _mm512_and_si512(_mm512_permutexvar_epi8(_mm512_srli_epi16(before, 2), t->first_high),
                       _mm512_permutexvar_epi8(before, t->first_low));
  const __m512i pairs =
      _mm512_and_si512(first, _mm512_permutexvar_epi8(_mm512_srli_epi16(v, 2), t->second_high));
  const uint64_t leads_3 = _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8((char)0xE0));
  const uint64_t leads_4 = _mm512_cmpge_epu8_mask(v, _mm512_set1_epi8((char)0xF0));
  const uint64_t goes_on = leads_3 << 2 | c->leads_3 >> 62 | leads_4 << 3 | c->leads_4 >> 61;
  c->wrong |= _mm512_movepi8_mask(pairs) ^ goes_on;
  c->error = _mm512_or_si512(c->error, pairs);
  c->leads_3 = leads_3;
  c->leads_4 = leads_4;
}

/* Whether a character goes on behind the vector that was checked last, which ends with `last`. */
static inline bool is_cut_512(const struct check_512 *c, uint8_t last) {
  return last >= 0xC0 || c->leads_3 >> 62 != 0 || c->leads_4 >> 61 != 0;
}

AVX512 static inline bool is_ascii_512(const uint8_t *data) {
  const __m512i v0 = _mm512_loadu_si512(data), v1 = _mm512_loadu_si512(data + 64);
  const __m512i v2 = _mm512_loadu_si512(data + 128), v3 = _mm512_loadu_si512(data + 192);
  const __m512i all = _mm512_or_si512(_mm512_or_si512(v0, v1), _mm512_or_si512(v2, v3));
  return _mm512_movepi8_mask(all) == 0;
}

/* 256 bytes that are not the text's first. */
AVX512 static inline void check_four_512(struct check_512 *c, const struct tables_512 *t,
                                         const uint8_t *data) {
  if (is_ascii_512(data)) {
    c->wrong |= is_cut_512(c, data[-1]);
    c->leads_3 = c->leads_4 = 0;
    return;
  }
  check_512(c, t, _mm512_loadu_si512(data - 1), _mm512_loadu_si512(data));
  check_512(c, t, _mm512_loadu_si512(data + 63), _mm512_loadu_si512(data + 64));
  check_512(c, t, _mm512_loadu_si512(data + 127), _mm512_loadu_si512(data + 128));
  check_512(c, t, _mm512_loadu_si512(data + 191), _mm512_loadu_si512(data + 192));
}

/* The first 64 bytes of the text, or all of it. */
AVX512 static inline void check_head_512(struct check_512 *c, const struct tables_512 *t,
                                         const uint8_t *data, size_t len) {
  const __mmask64 there = len < 64 ? (1ull << len) - 1 : ~0ull;
  const __m512i v = _mm512_maskz_loadu_epi8(there, data);
  const __m512i joint = _mm512_alignr_epi64(v, _mm512_setzero_si512(), 6);
  check_512(c, t, _mm512_alignr_epi8(v, joint, 15), v);
}

AVX512 bool utf8_is_valid_avx512(const uint8_t *data, size_t len) {
  for (; len >= 256 && is_ascii_512(data); len -= 256) {
    data += 256;
  }
  const struct tables_512 t = {spread(first_high), four_times(first_low), spread(second_high)};
  struct check_512 c = {_mm512_setzero_si512(), 0, 0, 0};
  check_head_512(&c, &t, data, len);
  size_t at = 64;
  for (; at + 256 <= len; at += 256) {
    check_four_512(&c, &t, data + at);
  }
  for (; at + 64 <= len; at += 64) {
    check_512(&c, &t, _mm512_loadu_si512(data + at - 1), _mm512_loadu_si512(data + at));
  }
  if (at < len) {
    const __mmask64 rest = (1ull << (len - at)) - 1;
    check_512(&c, &t, _mm512_maskz_loadu_epi8(rest << 1 | 1, data + at - 1),
              _mm512_maskz_loadu_epi8(rest, data + at));
  } else if (len >= 64) {
    c.wrong |= is_cut_512(&c, data[len - 1]);
  }
  return c.wrong == 0 && _mm512_test_epi8_mask(c.error, _mm512_set1_epi8(0x7F)) == 0;
}
