/*
 * What the fuzz targets share. A target is one file with fuzz_one(): it turns any bytes into calls
 * of one part of the tree and checks what must hold after each. How to add one: docs/fuzzing.md.
 */
#ifndef FUZZ_FUZZ_H
#define FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The target. `data` has exactly `len` bytes, so that one too far is seen by a sanitizer. */
void fuzz_one(const uint8_t *data, size_t len);

/** What must hold; else says so and aborts. */
#define FUZZ_CHECK(condition) ((condition) ? (void)0 : fuzz_broken(#condition, __FILE__, __LINE__))
_Noreturn void fuzz_broken(const char *what, const char *file, int line);

/* ---- input taken apart from its beginning; behind its end it is zeros ---- */

struct fuzz_input {
  const uint8_t *data;
  size_t len;
};

uint8_t fuzz_byte(struct fuzz_input *in);
/** Two bytes, the first the higher. */
uint16_t fuzz_pair(struct fuzz_input *in);
/** Up to `len` bytes. */
struct fuzz_input fuzz_take(struct fuzz_input *in, size_t len);
/** Up to the next line feed, which is taken too. */
struct fuzz_input fuzz_line(struct fuzz_input *in);

/** Copies that end where they say; free() them. */
uint8_t *fuzz_copy(const uint8_t *data, size_t len);
/** NUL-terminated; what stands behind a NUL in the input is not seen by readers of text. */
char *fuzz_text(struct fuzz_input in);

/** Memory, or the end of the program. */
void *fuzz_alloc(size_t len);

/* ---- one input in pieces ---- */

/** How input is cut, from one byte: 0 is whole, else pieces of up to 2^n bytes in a fixed order. */
struct fuzz_cuts {
  uint32_t state, max;
};

struct fuzz_cuts fuzz_cuts(uint8_t how);
/** The next piece's length: 1 to `left`, 0 if nothing is left. */
size_t fuzz_next_cut(struct fuzz_cuts *cuts, size_t left);

/** Two readings of one HTTP head must tell the same; but what "it began with" is quoted as far as
   it had arrived, so there one is the beginning of the other. */
bool fuzz_is_same_detail(const char *a, const char *b);

#endif
