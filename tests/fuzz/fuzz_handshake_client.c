/* A server's answer to our upgrade: read whole and in pieces, with the same outcome. */
#include "fuzz.h"

#include "handshake.h"

#include <stdlib.h>
#include <string.h>

#define NOW_S 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */

enum { OFFERS_SUBPROTOCOLS = 1, OFFERS_DEFLATE = 2, OFFERS_TIGHTLY = 4, HAS_LITTLE_ROOM = 8 };

static const char *const subprotocols[] = {"chat", "superchat", NULL};
static const struct deflate_params plain_offer = {false, false, 15, 15};
static const struct deflate_params tight_offer = {true, true, 10, 11};

struct outcome {
  enum handshake_result result;
  size_t consumed;
  struct handshake_response response;
};

static void check_text(const char *text, size_t cap) {
  FUZZ_CHECK(memchr(text, '\0', cap) != NULL);
  for (; *text != '\0'; text++)
    FUZZ_CHECK(*text >= 0x20 && *text < 0x7F);
}

static void check_opened(const struct handshake_response *r,
                         const struct handshake_request_options *options) {
  FUZZ_CHECK(r->status == 101);
  FUZZ_CHECK(r->subprotocol[0] == '\0' ||
             (options->subprotocols != NULL &&
              (strcmp(r->subprotocol, "chat") == 0 || strcmp(r->subprotocol, "superchat") == 0)));
  if (!r->deflate_agreed)
    return;
  FUZZ_CHECK(options->deflate != NULL);
  FUZZ_CHECK(r->deflate.server_max_window_bits >= 8 &&
             r->deflate.server_max_window_bits <= options->deflate->server_max_window_bits);
  FUZZ_CHECK(r->deflate.client_max_window_bits >= 8 &&
             r->deflate.client_max_window_bits <= options->deflate->client_max_window_bits);
}

static void check_outcome(const struct outcome *o, size_t len,
                          const struct handshake_request_options *options) {
  const struct handshake_response *r = &o->response;
  FUZZ_CHECK(o->consumed <= len);
  check_text(r->detail, sizeof r->detail);
  FUZZ_CHECK(memchr(r->location, '\0', sizeof r->location) != NULL);
  FUZZ_CHECK(memchr(r->subprotocol, '\0', sizeof r->subprotocol) != NULL);
  switch (o->result) {
  case HANDSHAKE_MORE:
    FUZZ_CHECK(o->consumed == len);
    break;
  case HANDSHAKE_DONE:
    check_opened(r, options);
    break;
  case HANDSHAKE_STATUS:
    FUZZ_CHECK(r->status >= 100 && r->status <= 999 && r->status != 101);
    break;
  default:
    FUZZ_CHECK(r->detail[0] != '\0');
  }
}

/* What has ended takes nothing more. */
static void check_sticks(struct handshake_reader *reader, enum handshake_result result) {
  static const uint8_t more[] = "HTTP/1.1 101 x\r\n";
  size_t consumed = 0;
  FUZZ_CHECK(handshake_reader_feed(reader, more, sizeof more - 1, &consumed) == result);
  FUZZ_CHECK(consumed == 0);
}

static void read_answer(struct outcome *o, const struct handshake_request_options *options,
                        size_t max, struct fuzz_input in, struct fuzz_cuts cuts) {
  static struct handshake_reader reader;
  handshake_reader_init(&reader, options, max, NOW_S);
  *o = (struct outcome){.result = HANDSHAKE_MORE};
  while (o->consumed < in.len && o->result == HANDSHAKE_MORE) {
    const size_t piece = fuzz_next_cut(&cuts, in.len - o->consumed);
    uint8_t *copy = fuzz_copy(in.data + o->consumed, piece);
    size_t used = 0;
    o->result = handshake_reader_feed(&reader, copy, piece, &used);
    FUZZ_CHECK(used <= piece && (o->result != HANDSHAKE_MORE || used == piece));
    o->consumed += used;
    free(copy);
  }
  o->response = *handshake_reader_response(&reader);
  check_outcome(o, in.len, options);
  if (o->result != HANDSHAKE_MORE)
    check_sticks(&reader, o->result);
}

static void check_same(const struct outcome *a, const struct outcome *b) {
  const struct handshake_response *r = &a->response, *s = &b->response;
  FUZZ_CHECK(a->result == b->result);
  if (a->result != HANDSHAKE_BAD) /* else nobody reads on */
    FUZZ_CHECK(a->consumed == b->consumed);
  FUZZ_CHECK(r->status == s->status && r->is_final == s->is_final);
  FUZZ_CHECK(r->retry_after_ms == s->retry_after_ms && strcmp(r->location, s->location) == 0);
  FUZZ_CHECK(strcmp(r->subprotocol, s->subprotocol) == 0);
  FUZZ_CHECK(fuzz_is_same_detail(r->detail, s->detail));
  FUZZ_CHECK(r->deflate_agreed == s->deflate_agreed);
}

void fuzz_one(const uint8_t *data, size_t len) {
  static struct outcome whole, cut;
  struct fuzz_input in = {data, len};
  const uint8_t flags = fuzz_byte(&in);
  const struct fuzz_cuts cuts = fuzz_cuts(fuzz_byte(&in));
  const struct handshake_request_options options = {
      .nonce = (const uint8_t *)"the sample nonce", /* RFC 6455 section 1.3 */
      .subprotocols = flags & OFFERS_SUBPROTOCOLS ? subprotocols : NULL,
      .deflate =
          flags & OFFERS_DEFLATE ? flags & OFFERS_TIGHTLY ? &tight_offer : &plain_offer : NULL};
  const size_t max = flags & HAS_LITTLE_ROOM ? 200 : 16384;
  read_answer(&whole, &options, max, in, fuzz_cuts(0));
  read_answer(&cut, &options, max, in, cuts);
  check_same(&whole, &cut);
}
