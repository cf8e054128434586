/*
 * Sec-WebSocket-Extensions (RFC 6455 section 9.1) as far as permessage-deflate needs it
 * (RFC 7692 section 7.1): offers and answers read, judged and written.
 */
#ifndef WIRE_HANDSHAKE_EXTENSION_H
#define WIRE_HANDSHAKE_EXTENSION_H

#include "deflate.h"
#include "text.h"

enum extension_result { EXTENSION_END, EXTENSION_FOUND, EXTENSION_MALFORMED };

/** One element of the header. */
struct extension {
  struct url_slice name;
  bool is_deflate;
  const char *problem; /* why its parameters are not valid, or NULL */
  bool server_no_context_takeover, client_no_context_takeover;
  bool has_server_bits, has_client_bits;
  uint8_t server_bits, client_bits; /* 8-15, 0 if without a value */
};

/** Takes the next extension off a header's value. */
enum extension_result extension_next(struct url_slice *rest, struct extension *extension);

/** Writes an offer. */
void extension_write_offer(struct text_writer *w, const struct deflate_params *offer);
/** The client's judgement of an answer: NULL and what was agreed on, or what is wrong. */
const char *extension_check_answer(const struct extension *answer,
                                   const struct deflate_params *offer,
                                   struct deflate_params *agreed);

/** The server's judgement of an offer: whether it can be accepted within `limits`, and as what. */
bool extension_accept_offer(const struct extension *offer, const struct deflate_params *limits,
                            struct deflate_params *agreed);
/** Writes an answer; `names_server_bits`: the offer had the parameter, so the answer needs it. */
void extension_write_answer(struct text_writer *w, const struct deflate_params *agreed,
                            bool names_server_bits);

#endif
