#include "target.h"

#include "text.h"

#include <string.h>

static bool is_root(struct url_slice path) {
  return path.len == 0 || (path.len == 1 && *path.text == '/');
}

/* ---- joining ---- */

/* All before the path: "ws://host:1", "ws+unix:///socket:". */
static void put_head(struct text_writer *w, const struct url *base, const char *text) {
  const size_t len = base->path.len > 0 ? (size_t)(base->path.text - text) : strcspn(text, "?");
  text_put(w, text, len);
  if (base->path.len == 0 && base->scheme == URL_WS_UNIX && text[len - 1] != ':')
    text_put_string(w, ":");
}

static void put_path(struct text_writer *w, struct url_slice base, struct url_slice local) {
  const bool adds = !is_root(local);
  if (is_root(base))
    base.len = 0;
  else if (adds && base.text[base.len - 1] == '/')
    base.len--;
  text_put(w, base.text, base.len);
  if (adds)
    text_put(w, local.text, local.len);
  else if (base.len == 0)
    text_put_string(w, "/");
}

static void put_query(struct text_writer *w, struct url_slice base, struct url_slice local) {
  if (base.len > 0 || local.len > 0)
    text_put_string(w, "?");
  text_put(w, base.text, base.len);
  if (base.len > 0 && local.len > 0)
    text_put_string(w, "&");
  text_put(w, local.text, local.len);
}

bool target_join(const char *text, struct url_slice path, struct url_slice query,
                 char out[URL_LEN_MAX + 1]) {
  struct url base;
  const char *error;
  if (!url_parse(&base, text, strlen(text), &error))
    return false;
  struct text_writer w = text_writer_begin(out, URL_LEN_MAX + 1);
  put_head(&w, &base, text);
  put_path(&w, base.path, path);
  put_query(&w, base.query, query);
  return text_writer_end(&w) > 0;
}

/* ---- setting a member of the query ---- */

static bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (c && strchr("-._~", c));
}

/* RFC 3986 section 2.1. */
static void put_encoded(struct text_writer *w, const char *text) {
  static const char digits[] = "0123456789ABCDEF";
  for (; *text; text++) {
    const unsigned char c = (unsigned char)*text;
    const char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
    if (is_unreserved(*text))
      text_put(w, text, 1);
    else
      text_put(w, escape, sizeof escape);
  }
}

static bool is_named(const char *member, size_t len, const char *name) {
  const size_t name_len = strlen(name);
  return len >= name_len && memcmp(member, name, name_len) == 0 &&
         (len == name_len || member[name_len] == '=');
}

bool target_set(const char *url, const char *name, const char *value, char out[URL_LEN_MAX + 1]) {
  struct text_writer w = text_writer_begin(out, URL_LEN_MAX + 1);
  const size_t head = strcspn(url, "?");
  const char *mark = "?";
  text_put(&w, url, head);
  for (const char *at = url + head; *at;) {
    const size_t len = strcspn(++at, "&");
    if (len > 0 && !is_named(at, len, name)) {
      text_put_string(&w, mark);
      text_put(&w, at, len);
      mark = "&";
    }
    at += len;
  }
  text_put_string(&w, mark);
  text_put_string(&w, name);
  text_put_string(&w, "=");
  put_encoded(&w, value);
  return text_writer_end(&w) > 0;
}
