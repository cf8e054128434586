/*
 * permessage-deflate on zlib. A message is a run of raw deflate blocks that ends at a byte border
 * with an empty stored block, whose last four bytes, 00 00 ff ff, do not travel (RFC 7692 section
 * 7.2.1).
 *
 * Peers may do otherwise and still be right or harmless: end with a final block (7.2.3.4), with or
 * without the empty block behind it, or send no byte at all for an empty message.
 */
#include "deflate.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

#define TAIL_LEN 4
static const uint8_t tail[TAIL_LEN] = {0x00, 0x00, 0xFF, 0xFF};

/* An empty message: an empty stored block without its tail (7.2.3.6). */
#define EMPTY_MESSAGE 0x00

/* In z_stream.data_type: inflate() stopped between two blocks. */
#define BETWEEN_BLOCKS 128

#define MEMORY_LEVEL 8
/* deflateBound() counts on one final block; a flush adds an empty block and a few bits. */
#define FLUSH_MAX 16

static void *zlib_alloc(void *opaque, unsigned count, unsigned size) {
  const struct deflate_allocator *allocator = opaque;
  return allocator->alloc(allocator->context, (size_t)count * size);
}

static void zlib_free(void *opaque, void *memory) {
  const struct deflate_allocator *allocator = opaque;
  allocator->free(allocator->context, memory);
}

static void set_allocator(z_stream *stream, const struct deflate_allocator *allocator) {
  if (allocator != NULL) {
    stream->zalloc = zlib_alloc;
    stream->zfree = zlib_free;
    stream->opaque = (void *)(uintptr_t)allocator; /* never written through */
  }
}

static enum inflate_result init_result(int status) {
  return status == Z_OK ? INFLATE_OK : status == Z_MEM_ERROR ? INFLATE_NO_MEMORY : INFLATE_BAD;
}

/* What zlib's counters can hold of a length. */
static unsigned clamp(size_t len) {
  return len < UINT_MAX ? (unsigned)len : UINT_MAX;
}

/* What is still to be read and written, beyond what zlib's counters can hold. */
struct span {
  const uint8_t *in;
  size_t in_left;
  uint8_t *out;
  size_t out_left;
};

static void span_lend(const struct span *span, z_stream *stream) {
  stream->next_in = (uint8_t *)(uintptr_t)span->in; /* zlib only reads it */
  stream->avail_in = clamp(span->in_left);
  stream->next_out = span->out;
  stream->avail_out = clamp(span->out_left);
}

static void span_take_back(struct span *span, z_stream *stream) {
  span->in_left -= (size_t)(stream->next_in - span->in);
  span->out_left -= (size_t)(stream->next_out - span->out);
  span->in = stream->next_in;
  span->out = stream->next_out;
  stream->avail_in = 0;
  stream->avail_out = 0;
}

/* ---- inflating ---- */

enum inflate_result inflater_init(struct inflater *i, uint8_t window_bits, bool no_context_takeover,
                                  const struct deflate_allocator *allocator) {
  assert(window_bits >= 8 && window_bits <= 15);
  memset(i, 0, sizeof *i);
  i->no_context_takeover = no_context_takeover;
  set_allocator(&i->stream, allocator);
  return init_result(inflateInit2(&i->stream, -window_bits));
}

void inflater_deinit(struct inflater *i) {
  inflateEnd(&i->stream);
}

/* One call of zlib. INFLATE_ROOM here: go on. */
static enum inflate_result inflate_once(struct inflater *i, struct span *span) {
  span_lend(span, &i->stream);
  const int status = inflate(&i->stream, Z_SYNC_FLUSH);
  const bool has_room = i->stream.avail_out > 0;
  i->is_ended = status == Z_STREAM_END || (i->is_ended && i->stream.next_in == span->in);
  span_take_back(span, &i->stream);
  switch (status) {
  case Z_STREAM_END:
    inflateResetKeep(&i->stream); /* the next block may still look back into the window */
    return span->in_left > 0 ? INFLATE_ROOM : INFLATE_OK;
  case Z_OK:
  case Z_BUF_ERROR:
    return span->in_left == 0 && has_room ? INFLATE_OK : INFLATE_ROOM;
  case Z_MEM_ERROR:
    return INFLATE_NO_MEMORY;
  default:
    return INFLATE_BAD;
  }
}

static enum inflate_result inflate_span(struct inflater *i, struct span *span) {
  enum inflate_result result = INFLATE_ROOM;
  while (result == INFLATE_ROOM && span->out_left > 0) {
    result = inflate_once(i, span);
  }
  i->is_full = result == INFLATE_ROOM;
  return result;
}

enum inflate_result inflater_feed(struct inflater *i, const uint8_t *in, size_t *in_len,
                                  uint8_t *out, size_t *out_len) {
  struct span span = {in, *in_len, out, *out_len};
  i->is_begun = i->is_begun || *in_len > 0;
  const enum inflate_result result = inflate_span(i, &span);
  *in_len -= span.in_left;
  *out_len -= span.out_left;
  return result;
}

static void end_message(struct inflater *i) {
  i->is_begun = i->is_finishing = i->is_ended = false;
  if (i->no_context_takeover) {
    inflateReset(&i->stream);
  }
}

enum inflate_result inflater_finish(struct inflater *i, uint8_t *out, size_t *out_len) {
  if (!i->is_begun) {
    *out_len = 0;
    return INFLATE_OK;
  }
  if (!i->is_finishing) {
    i->is_finishing = true;
    i->tail_left = i->is_ended ? 0 : TAIL_LEN;
  }
  struct span span = {tail + TAIL_LEN - i->tail_left, i->tail_left, out, *out_len};
  const enum inflate_result result = inflate_span(i, &span);
  i->tail_left = (uint8_t)span.in_left;
  *out_len -= span.out_left;
  if (result != INFLATE_OK) {
    return result;
  }
  if (!i->is_ended && (i->stream.data_type & BETWEEN_BLOCKS) == 0) {
    return INFLATE_BAD;
  }
  end_message(i);
  return INFLATE_OK;
}

/* ---- deflating ---- */

enum inflate_result deflater_init(struct deflater *d, uint8_t window_bits, bool no_context_takeover,
                                  const struct deflate_allocator *allocator) {
  assert(window_bits >= 8 && window_bits <= 15);
  memset(d, 0, sizeof *d);
  d->no_context_takeover = no_context_takeover;
  set_allocator(&d->stream, allocator);
  const int bits = window_bits < 9 ? 9 : window_bits;
  return init_result(deflateInit2(&d->stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -bits,
                                  MEMORY_LEVEL, Z_DEFAULT_STRATEGY));
}

void deflater_deinit(struct deflater *d) {
  deflateEnd(&d->stream);
}

size_t deflater_bound(struct deflater *d, size_t len) {
  return deflateBound(&d->stream, len) + FLUSH_MAX;
}

/* Deflates and flushes all of the span. False: out of room. */
static bool deflate_span(struct deflater *d, struct span *span) {
  bool has_room = true;
  do {
    if (span->out_left == 0) {
      return false;
    }
    span_lend(span, &d->stream);
    const bool is_last = d->stream.avail_in == span->in_left;
    deflate(&d->stream, is_last ? Z_SYNC_FLUSH : Z_NO_FLUSH);
    has_room = d->stream.avail_out > 0;
    span_take_back(span, &d->stream);
  } while (span->in_left > 0 || !has_room);
  return true;
}

size_t deflater_message(struct deflater *d, const uint8_t *in, size_t len, uint8_t *out,
                        size_t cap) {
  if (len == 0 && cap > 0) {
    out[0] = EMPTY_MESSAGE; /* zlib would have nothing to flush */
    return 1;
  }
  struct span span = {in, len, out, cap};
  const bool is_done = deflate_span(d, &span);
  if (!is_done || d->no_context_takeover) {
    deflateReset(&d->stream);
  }
  return is_done ? cap - span.out_left - TAIL_LEN : 0;
}
