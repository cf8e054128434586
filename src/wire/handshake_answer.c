/* The server's answer to an upgrade: the 101. */
#include <assert.h>
#include <string.h>

#include "handshake.h"
#include "handshake_extension.h"
#include "handshake_field.h"

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
