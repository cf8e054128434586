/* A local request as options of the client to the far side. */
#ifndef HOLD_REQUEST_H
#define HOLD_REQUEST_H

#include "http.h"
#include "sidecar.h"

#define REQUEST_LINES_MAX 128
#define REQUEST_SUBPROTOCOLS_MAX 32
#define REQUEST_FALLBACKS_MAX 16
#define REQUEST_TEXT_CAP ((size_t)32 * 1024)

/** What options.far becomes for one request; big, and needed only until limpet_new(). */
struct request {
  limpet_options far;
  bool asks_subprotocol; /* else --subprotocol is offered, and nothing answered */
  const char *lines[REQUEST_LINES_MAX + 1];
  size_t lines_count;
  const char *subprotocols[REQUEST_SUBPROTOCOLS_MAX + 1];
  size_t subprotocols_count;
  const char *fallbacks[REQUEST_FALLBACKS_MAX + 1];
  char text[REQUEST_TEXT_CAP]; /* lines and subprotocols */
  size_t text_len;
  const char *error; /* a sentence, or NULL */
  char url[URL_LEN_MAX + 1], fallback_urls[REQUEST_FALLBACKS_MAX][URL_LEN_MAX + 1];
  const struct http_exchange *exchange;
};

/** NULL, or why the request cannot be passed on. */
const char *request_read(struct request *request, const struct hold_options *options,
                         const struct http_exchange *exchange);

#endif
