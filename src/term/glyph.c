/* Characters by the C library's tables of widths. */
#define _XOPEN_SOURCE 700 /* wcwidth() */
#include "glyph.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

static const char replacement[] = "\xEF\xBF\xBD";

void glyph_init(void) {
  if (!setlocale(LC_CTYPE, "C.UTF-8"))
    (void)setlocale(LC_CTYPE, "en_US.UTF-8");
}

static bool is_continuation(char c) {
  return ((unsigned char)c & 0xC0) == 0x80;
}

/* RFC 3629: no overlong forms, no surrogates. 0: not UTF-8. */
static size_t decode(const char *text, size_t len, uint32_t *point) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  const unsigned char first = (unsigned char)text[0];
  const size_t size = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : 4;
  if (first < 0x80) {
    *point = first;
    return 1;
  }
  if (first < 0xC2 || first > 0xF4 || size > len)
    return 0;
  *point = first & (0x7FU >> size);
  for (size_t i = 1; i < size; i++) {
    if (!is_continuation(text[i]))
      return 0;
    *point = *point << 6 | ((unsigned char)text[i] & 0x3F);
  }
  if (*point < least[size] || *point > 0x10FFFF || (*point >= 0xD800 && *point <= 0xDFFF))
    return 0;
  return size;
}

/* They move, hide or turn round what stands beside them: bidi controls, line separators,
   interlinear annotations, tags, the byte order mark. */
static bool steers(uint32_t point) {
  return point == 0x061C || (point >= 0x200E && point <= 0x200F) ||
         (point >= 0x2028 && point <= 0x202E) || (point >= 0x2060 && point <= 0x206F) ||
         point == 0xFEFF || (point >= 0xFFF9 && point <= 0xFFFB) ||
         (point >= 0xE0000 && point <= 0xE007F);
}

static bool is_control(uint32_t point) {
  return point < 0x20 || (point >= 0x7F && point < 0xA0);
}

static unsigned columns_of(uint32_t point) {
  const int width = wcwidth((wchar_t)point);
  return width < 0 ? 1 : (unsigned)width; /* unknown to the tables: most likely a new character */
}

struct glyph glyph_next(const char *text, size_t len) {
  uint32_t point = 0;
  const size_t size = decode(text, len, &point);
  if (size == 0)
    return (struct glyph){replacement, 3, 1, 1, false, false};
  if (point == '\n' || point == '\t' || point == '\r' || point == ' ')
    return (struct glyph){" ", 1, 1, size, true, point == '\n'};
  if (is_control(point))
    return (struct glyph){replacement, 3, 1, size, false, false};
  if (steers(point))
    return (struct glyph){"", 0, 0, size, false, false};
  return (struct glyph){text, size, columns_of(point), size, false, false};
}

static size_t step_back(const char *text, size_t at) {
  size_t begin = at - 1;
  while (begin > 0 && at - begin < 4 && is_continuation(text[begin]))
    begin--;
  return glyph_next(text + begin, at - begin).used == at - begin ? begin : at - 1;
}

size_t glyph_before(const char *text, size_t at) {
  while (at > 0) {
    const size_t end = at;
    at = step_back(text, at);
    if (glyph_next(text + at, end - at).columns > 0)
      break;
  }
  return at;
}

size_t glyph_after(const char *text, size_t len, size_t at) {
  if (at < len)
    at += glyph_next(text + at, len - at).used;
  while (at < len) {
    const struct glyph mark = glyph_next(text + at, len - at);
    if (mark.columns > 0)
      break;
    at += mark.used;
  }
  return at;
}

void glyph_copy(char *out, size_t cap, const char *text) {
  size_t used = 0;
  for (size_t at = 0, len = strlen(text); at < len;) {
    const struct glyph g = glyph_next(text + at, len - at);
    if (used + g.len >= cap)
      break;
    memcpy(out + used, g.bytes, g.len);
    used += g.len;
    at += g.used;
  }
  out[used] = '\0';
}

unsigned glyph_columns(const char *text, size_t len) {
  unsigned columns = 0;
  for (size_t at = 0; at < len;) {
    const struct glyph g = glyph_next(text + at, len - at);
    columns += g.columns;
    at += g.used;
  }
  return columns;
}
