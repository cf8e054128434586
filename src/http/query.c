/* Paths and queries taken apart. */
#include "http.h"
#include "text.h"

#include <string.h>

static bool take_escape(struct url_slice *text, char *byte) {
  const int high = text->len >= 3 ? text_hex_value(text->text[1]) : -1;
  const int low = text->len >= 3 ? text_hex_value(text->text[2]) : -1;
  if (high < 0 || low < 0 || (high == 0 && low == 0))
    return false;
  *byte = (char)(high * 16 + low);
  text->text += 3;
  text->len -= 3;
  return true;
}

enum http_text http_decode(struct url_slice text, bool plus_is_space, char *out, size_t cap) {
  size_t len = 0;
  while (text.len > 0) {
    char byte = *text.text;
    if (len + 1 >= cap)
      return HTTP_TEXT_BAD;
    if (byte == '%') {
      if (!take_escape(&text, &byte))
        return HTTP_TEXT_BAD;
    } else {
      byte = byte == '+' && plus_is_space ? ' ' : byte;
      text.text++;
      text.len--;
    }
    out[len++] = byte;
  }
  out[len] = '\0';
  return HTTP_TEXT_FINE;
}

/* Takes the part up to `mark` off, and the mark. */
static struct url_slice take_until(struct url_slice *rest, char mark) {
  const char *at = memchr(rest->text, mark, rest->len);
  const struct url_slice part = {rest->text, at ? (size_t)(at - rest->text) : rest->len};
  const size_t gone = at ? part.len + 1 : part.len;
  rest->text += gone;
  rest->len -= gone;
  return part;
}

enum http_text http_query(const struct http_request *request, const char *name, char *out,
                          size_t cap) {
  struct url_slice rest = request->query;
  enum http_text found = HTTP_TEXT_ABSENT;
  const size_t name_len = strlen(name);
  while (rest.len > 0) {
    struct url_slice value = take_until(&rest, '&');
    const struct url_slice key = take_until(&value, '=');
    if (key.len != name_len || memcmp(key.text, name, name_len) != 0)
      continue;
    if (found != HTTP_TEXT_ABSENT || http_decode(value, true, out, cap) == HTTP_TEXT_BAD)
      return HTTP_TEXT_BAD;
    found = HTTP_TEXT_FINE;
  }
  return found;
}

bool http_next_segment(struct url_slice *path, struct url_slice *segment) {
  if (path->len == 0 || *path->text != '/')
    return false;
  path->text++;
  path->len--;
  const char *end = memchr(path->text, '/', path->len);
  *segment = (struct url_slice){path->text, end ? (size_t)(end - path->text) : path->len};
  path->text += segment->len;
  path->len -= segment->len;
  return true;
}
