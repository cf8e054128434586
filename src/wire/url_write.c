/* What an address turns into: request target, Host, credentials, and a form fit for logs. */
#include <string.h>

#include "text.h"
#include "url.h"

size_t url_request_target(const struct url *url, char *out, size_t cap) {
  struct text_writer w = text_writer_begin(out, cap);
  if (url->path.len == 0)
    text_put(&w, "/", 1);
  else
    text_put(&w, url->path.text, url->path.len);
  if (url->has_query) {
    text_put(&w, "?", 1);
    text_put(&w, url->query.text, url->query.len);
  }
  return w.len;
}

size_t url_host_header(const struct url *url, char *out, size_t cap) {
  struct text_writer w = text_writer_begin(out, cap);
  if (url->scheme == URL_WS_UNIX)
    text_put_string(&w, "localhost"); /* a socket's path has no name; Host must not be missing */
  text_put_string(&w, url->host_is_ipv6 ? "[" : "");
  text_put_string(&w, url->host);
  text_put_string(&w, url->host_is_ipv6 ? "]" : "");
  if (!url->port_is_default) {
    text_put_string(&w, ":");
    text_put_number(&w, url->port);
  }
  return w.len;
}

/* ---- credentials -------------------------------------------------------------- */

/* url_parse() has seen to it that each % is followed by two digits. */
static void put_decoded(struct text_writer *w, struct url_slice text) {
  for (size_t i = 0; i < text.len; i++) {
    char byte = text.text[i];
    if (byte == '%') {
      byte = (char)(text_hex_value(text.text[i + 1]) * 16 + text_hex_value(text.text[i + 2]));
      i += 2;
    }
    text_put(w, &byte, 1);
  }
}

bool url_credentials(const struct url *url, char *out, size_t cap, size_t *len) {
  struct text_writer w = text_writer_begin(out, cap);
  put_decoded(&w, url->userinfo);
  /* The first raw colon divides; an address without one has an empty password. */
  if (url->userinfo.len == 0 || memchr(url->userinfo.text, ':', url->userinfo.len) == NULL)
    text_put(&w, ":", 1);
  *len = w.len;
  return !w.is_full;
}

/* ---- for logs ----------------------------------------------------------------- */

/* Writes while there is room and counts on: the caller learns the length it needs. */
struct redaction {
  char *out;
  size_t cap, len;
};

static void put_byte(struct redaction *r, char byte) {
  if (r->len + 1 < r->cap)
    r->out[r->len] = byte;
  r->len++;
}

static void put_visible(struct redaction *r, const char *text, const char *end) {
  static const char hex[] = "0123456789ABCDEF";
  for (; text < end; text++) {
    const unsigned char byte = (unsigned char)*text;
    if (byte > 0x20 && byte < 0x7F) {
      put_byte(r, *text);
      continue;
    }
    put_byte(r, '%');
    put_byte(r, hex[byte >> 4]);
    put_byte(r, hex[byte & 15]);
  }
}

static void put_stars(struct redaction *r) {
  put_byte(r, '*');
  put_byte(r, '*');
  put_byte(r, '*');
}

static const char *find(const char *at, const char *end, char wanted) {
  const char *found = memchr(at, wanted, (size_t)(end - at));
  return found != NULL ? found : end;
}

/* "name=value" becomes "name=***". A part without "=" may as well be a bare token: it goes. */
static void redact_parameter(struct redaction *r, const char *at, const char *end) {
  const char *equals = find(at, end, '=');
  if (at == end)
    return;
  if (equals < end) {
    put_visible(r, at, equals);
    put_byte(r, '=');
  }
  put_stars(r);
}

static void redact_query(struct redaction *r, const char *at, const char *end) {
  while (at <= end) {
    const char *stop = find(at, end, '&');
    redact_parameter(r, at, stop);
    if (stop < end)
      put_byte(r, '&');
    at = stop + 1;
  }
}

/* The last @ between, or NULL. */
static const char *find_last_at(const char *start, const char *end) {
  while (end > start && end[-1] != '@')
    end--;
  return end > start ? end - 1 : NULL;
}

static void redact_address(struct redaction *r, const char *start, const char *at_sign,
                           const char *end) {
  const char *fragment = find(start, end, '#');
  const char *query = find(start, fragment, '?');
  if (at_sign != NULL)
    put_stars(r);
  put_visible(r, at_sign != NULL ? at_sign : start, query);
  if (query < fragment) {
    put_byte(r, '?');
    redact_query(r, query + 1, fragment);
  }
  if (fragment < end) {
    put_byte(r, '#');
    put_stars(r);
  }
}

/* In a text that is no address nobody knows where user info or query begin: an @ after the first
   question mark may belong to either, so all of it goes. */
static bool is_hopeless(const char *start, const char *at_sign) {
  return at_sign != NULL &&
         (find(start, at_sign, '?') < at_sign || find(start, at_sign, '#') < at_sign);
}

/* RFC 3986 section 3.1; what else stands before "://" may be a user name and half a password. */
static bool is_scheme_character(char ch) {
  ch = text_to_lower(ch);
  return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '+' || ch == '-' ||
         ch == '.';
}

/* Behind "scheme://", or the beginning. */
static const char *after_scheme(const char *text) {
  const char *at = text;
  while (is_scheme_character(*at))
    at++;
  return strncmp(at, "://", 3) == 0 ? at + 3 : text;
}

static void redact(struct redaction *r, const char *text, size_t len) {
  struct url url;
  const char *problem;
  const char *end = text + len;
  const char *start = after_scheme(text);
  const bool is_address = url_parse(&url, text, len, &problem);
  const char *authority_end = is_address ? find(start, find(start, end, '?'), '/') : end;
  const char *at_sign = find_last_at(start, authority_end);
  put_visible(r, text, start);
  if (!is_address && is_hopeless(start, at_sign))
    put_stars(r);
  else
    redact_address(r, start, at_sign, end);
}

size_t url_redact(const char *text, char *out, size_t cap) {
  struct redaction r = {.out = out, .cap = cap};
  redact(&r, text, strlen(text));
  if (cap > 0)
    out[r.len < cap ? r.len : cap - 1] = '\0';
  return r.len;
}
