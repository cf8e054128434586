#include "response.h"

#include "handshake_field.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct reason {
  uint16_t status;
  const char *phrase;
  const char *code; /* of refusals that are made here */
};

static const struct reason reasons[] = {
    {200, "OK", ""},
    {201, "Created", ""},
    {204, "No Content", ""},
    {304, "Not Modified", ""},
    {400, "Bad Request", "bad_request"},
    {401, "Unauthorized", "unauthorized"},
    {403, "Forbidden", "forbidden"},
    {404, "Not Found", "not_found"},
    {405, "Method Not Allowed", "method_not_allowed"},
    {408, "Request Timeout", "timeout"},
    {409, "Conflict", "conflict"},
    {413, "Content Too Large", "too_long"},
    {414, "URI Too Long", "too_long"},
    {415, "Unsupported Media Type", "unsupported_type"},
    {426, "Upgrade Required", "upgrade_required"},
    {429, "Too Many Requests", "rate_limited"},
    {431, "Request Header Fields Too Large", "too_long"},
    {500, "Internal Server Error", "internal"},
    {502, "Bad Gateway", "bad_gateway"},
    {503, "Service Unavailable", "unavailable"},
    {504, "Gateway Timeout", "timeout"},
    {505, "HTTP Version Not Supported", "bad_request"},
    {0, "Other", "other"},
};

static const struct reason *find_reason(uint16_t status) {
  const struct reason *reason = reasons;
  while (reason->status != 0 && reason->status != status)
    reason++;
  return reason;
}

const char *response_error_code(uint16_t status) {
  return find_reason(status)->code;
}

/* RFC 9110 section 5.6.7, whatever the locale. */
static void put_date(struct text_writer *w, int64_t wall_s) {
  static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const time_t seconds = (time_t)wall_s;
  struct tm t;
  char text[64];
  if (!gmtime_r(&seconds, &t))
    return;
  (void)snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
                 t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  field_put(w, "Date", text);
}

static bool are_writable(const char *const *lines) {
  for (; lines != NULL && *lines != NULL; lines++) {
    if (field_check(*lines) != NULL)
      return false;
  }
  return true;
}

/* RFC 9112 section 9.3: what is not the version's habit must be said. */
static void put_connection(struct text_writer *w, const struct response_framing *framing) {
  if (!framing->keeps_alive)
    field_put(w, "Connection", "close");
  else if (framing->is_http_1_0)
    field_put(w, "Connection", "keep-alive");
}

/* A 304 has no body either, and its length would be the file's (RFC 9110 section 8.6). */
static void put_length(struct text_writer *w, const struct http_response *response) {
  if (response->status == 204 || response->status == 304)
    return;
  if (response->content_type)
    field_put(w, "Content-Type", response->content_type);
  text_put_string(w, "Content-Length: ");
  text_put_number(w, response->body_len);
  text_put_string(w, "\r\n");
}

size_t response_write_head(const struct http_response *response,
                           const struct response_framing *framing, char *out, size_t cap) {
  if (cap == 0 || !are_writable(response->headers))
    return 0;
  struct text_writer w = text_writer_begin(out, cap);
  text_put_string(&w, "HTTP/1.1 ");
  text_put_number(&w, response->status);
  text_put_string(&w, " ");
  text_put_string(&w, find_reason(response->status)->phrase);
  text_put_string(&w, "\r\n");
  put_date(&w, framing->wall_s);
  put_connection(&w, framing);
  put_length(&w, response);
  field_put_lines(&w, response->headers);
  text_put_string(&w, "\r\n");
  return text_writer_end(&w);
}

/* Sentences are ASCII: what came from the network was escaped before. */
static size_t put_json_string(char *out, size_t len, size_t cap, const char *text) {
  out[len++] = '"';
  for (; *text && len + 3 < cap; text++) {
    if (*text == '"' || *text == '\\')
      out[len++] = '\\';
    if (*text < 0x20 || *text > 0x7E)
      out[len++] = '?';
    else
      out[len++] = *text;
  }
  out[len++] = '"';
  return len;
}

static size_t put_text(char *out, size_t len, const char *text) {
  while (*text)
    out[len++] = *text++;
  return len;
}

size_t response_write_error(const char *code, const char *sentence, char out[RESPONSE_ERROR_CAP]) {
  size_t len = put_text(out, 0, "{\"type\":\"error\",\"code\":");
  len = put_json_string(out, len, RESPONSE_ERROR_CAP / 4, code);
  len = put_text(out, len, ",\"message\":");
  len = put_json_string(out, len, RESPONSE_ERROR_CAP - 8, sentence);
  return put_text(out, len, "}\n");
}
