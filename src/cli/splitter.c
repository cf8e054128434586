#include "splitter.h"

#include <string.h>

#define PREFIX_LEN 4 /* --binary: u32, big-endian */

static enum split find_line(const struct splitter *s, const char *data, size_t len, bool at_end,
                            struct piece *piece) {
  const char *feed = len ? memchr(data, '\n', len) : NULL;
  if (feed)
    *piece = (struct piece){data, (size_t)(feed - data), (size_t)(feed - data) + 1};
  else if ((at_end && len) || len > s->max_message)
    *piece = (struct piece){data, len, len};
  else
    return SPLIT_PART;
  return piece->len <= s->max_message ? SPLIT_FOUND : SPLIT_TOO_LONG;
}

static enum split find_prefixed(const struct splitter *s, const char *data, size_t have,
                                bool at_end, struct piece *piece) {
  const unsigned char *begin = (const unsigned char *)data;
  size_t len = 0;
  if (have >= PREFIX_LEN)
    len = (size_t)begin[0] << 24 | (size_t)begin[1] << 16 | (size_t)begin[2] << 8 | begin[3];
  if (len > s->max_message)
    return SPLIT_TOO_LONG;
  if (have >= PREFIX_LEN && have - PREFIX_LEN >= len) {
    *piece = (struct piece){data + PREFIX_LEN, len, PREFIX_LEN + len};
    return SPLIT_FOUND;
  }
  return at_end && have ? SPLIT_CUT_SHORT : SPLIT_PART;
}

enum split split_first(const struct splitter *s, const char *data, size_t len, bool at_end,
                       struct piece *piece) {
  return s->is_binary ? find_prefixed(s, data, len, at_end, piece)
                      : find_line(s, data, len, at_end, piece);
}

const char *split_error(enum split split) {
  return split == SPLIT_CUT_SHORT ? "is cut short"
                                  : "is longer than the largest message (--max-message)";
}

const char *split_unit(const struct splitter *s) {
  return s->is_binary ? "message" : "line";
}
