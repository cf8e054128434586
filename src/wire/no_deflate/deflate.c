/* A build without zlib (LIMPET_DEFLATE off): no inflater or deflater can be made. Nobody comes
   here, since the extension is never offered nor accepted there. */
#include "deflate.h"

enum inflate_result inflater_init(struct inflater *i, uint8_t window_bits, bool no_context_takeover,
                                  const struct deflate_allocator *allocator) {
  (void)i, (void)window_bits, (void)no_context_takeover, (void)allocator;
  return INFLATE_BAD;
}

void inflater_deinit(struct inflater *i) {
  (void)i;
}

enum inflate_result inflater_feed(struct inflater *i, const uint8_t *in, size_t *in_len,
                                  uint8_t *out, size_t *out_len) {
  (void)i, (void)in, (void)out;
  *in_len = *out_len = 0;
  return INFLATE_BAD;
}

enum inflate_result inflater_finish(struct inflater *i, uint8_t *out, size_t *out_len) {
  (void)i, (void)out;
  *out_len = 0;
  return INFLATE_BAD;
}

enum inflate_result deflater_init(struct deflater *d, uint8_t window_bits, bool no_context_takeover,
                                  const struct deflate_allocator *allocator) {
  (void)d, (void)window_bits, (void)no_context_takeover, (void)allocator;
  return INFLATE_BAD;
}

void deflater_deinit(struct deflater *d) {
  (void)d;
}

size_t deflater_bound(struct deflater *d, size_t len) {
  (void)d;
  return len;
}

size_t deflater_message(struct deflater *d, const uint8_t *in, size_t len, uint8_t *out,
                        size_t cap) {
  (void)d, (void)in, (void)len, (void)out, (void)cap;
  return 0;
}
