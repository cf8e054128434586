/* The server's answers: the 101, and refusals. */
#include <assert.h>
#include <string.h>

#include "handshake.h"
#include "handshake_extension.h"
#include "handshake_field.h"

struct reason {
  uint16_t status;
  const char *phrase;
  const char *lines; /* headers that must come with it */
};

/* RFC 9110 section 15.5.22 wants Upgrade with 426, RFC 6455 section 4.4 the version spoken. */
static const struct reason reasons[] = {
    {400, "Bad Request", ""},
    {401, "Unauthorized", ""},
    {403, "Forbidden", ""},
    {404, "Not Found", ""},
    {405, "Method Not Allowed", "Allow: GET\r\n"},
    {408, "Request Timeout", ""},
    {413, "Content Too Large", ""},
    {414, "URI Too Long", ""},
    {426, "Upgrade Required",
     "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"},
    {429, "Too Many Requests", ""},
    {431, "Request Header Fields Too Large", ""},
    {500, "Internal Server Error", ""},
    {501, "Not Implemented", ""},
    {502, "Bad Gateway", ""},
    {503, "Service Unavailable", ""},
    {504, "Gateway Timeout", ""},
    {505, "HTTP Version Not Supported", ""},
    {0, "Refused", ""}};

static const struct reason *find_reason(uint16_t status) {
  const struct reason *reason = reasons;
  while (reason->status != 0 && reason->status != status)
    reason++;
  return reason;
}

static bool are_writable(const char *const *lines) {
  for (; lines != NULL && *lines != NULL; lines++) {
    if (field_check(*lines) != NULL)
      return false;
  }
  return true;
}

static void put_extensions(struct text_writer *w, const struct handshake_request *request) {
  if (!request->deflate_agreed)
    return;
  text_put_string(w, "Sec-WebSocket-Extensions: ");
  extension_write_answer(w, &request->deflate, request->deflate_names_server_bits);
  text_put_string(w, "\r\n");
}

size_t handshake_write_accept(const struct handshake_request *request, const char *const *extra,
                              char *out, size_t cap) {
  char accept[HANDSHAKE_ACCEPT_LEN + 1];
  assert(request->is_upgrade);
  handshake_accept(request->key, accept);
  if (cap == 0 || accept[0] == '\0' || !are_writable(extra))
    return 0;
  struct text_writer w = text_writer_begin(out, cap);
  text_put_string(&w, "HTTP/1.1 101 Switching Protocols\r\n");
  field_put(&w, "Upgrade", "websocket");
  field_put(&w, "Connection", "Upgrade");
  field_put(&w, "Sec-WebSocket-Accept", accept);
  if (request->subprotocol[0] != '\0')
    field_put(&w, "Sec-WebSocket-Protocol", request->subprotocol);
  put_extensions(&w, request);
  field_put_lines(&w, extra);
  text_put_string(&w, "\r\n");
  return text_writer_end(&w);
}

size_t handshake_write_refusal(uint16_t status, const char *sentence, const char *const *extra,
                               char *out, size_t cap) {
  const struct reason *reason = find_reason(status);
  assert(status >= 200 && status <= 999);
  if (cap == 0 || !are_writable(extra))
    return 0;
  struct text_writer w = text_writer_begin(out, cap);
  text_put_string(&w, "HTTP/1.1 ");
  text_put_number(&w, status);
  text_put_string(&w, " ");
  text_put_string(&w, reason->phrase);
  text_put_string(&w, "\r\n");
  text_put_string(&w, reason->lines);
  field_put(&w, "Connection", "close");
  field_put(&w, "Content-Type", "text/plain; charset=utf-8");
  text_put_string(&w, "Content-Length: ");
  text_put_number(&w, strlen(sentence) + 1);
  text_put_string(&w, "\r\n");
  field_put_lines(&w, extra);
  text_put_string(&w, "\r\n");
  text_put_string(&w, sentence);
  text_put_string(&w, "\n");
  return text_writer_end(&w);
}
