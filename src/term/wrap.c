/* Greedy line breaking. */
#include "wrap.h"

#include "glyph.h"

struct wrap_line wrap_next(const char *text, size_t len, unsigned columns) {
  struct wrap_line word_end = {0, 0};
  unsigned have = 0;
  for (size_t at = 0; at < len;) {
    const struct glyph g = glyph_next(text + at, len - at);
    if (g.is_line_feed)
      return (struct wrap_line){at, at + g.used};
    if (g.is_space)
      word_end = (struct wrap_line){at, at + g.used};
    if (have + g.columns > columns && at > 0)
      return word_end.used ? word_end : (struct wrap_line){at, at};
    have += g.columns;
    at += g.used;
  }
  return (struct wrap_line){len, len};
}
