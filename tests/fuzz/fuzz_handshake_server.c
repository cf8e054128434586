/*
 * Requests as a server reads them, whole and in pieces, with their bodies; and upgrades between our
 * own two ends: what the client writes the server takes, what that answers the client takes.
 */
#include "fuzz.h"

#include "handshake.h"

#include <stdlib.h>
#include <string.h>

enum {
  HAS_SUBPROTOCOLS = 1,
  ACCEPTS_DEFLATE = 2,
  ACCEPTS_TIGHTLY = 4,
  HAS_LITTLE_ROOM = 8,
  IS_BOTH_ENDS = 16
};

#define HEAD_CAP ((size_t)32 * 1024)
#define LINES_MAX 8

static const char *const subprotocols[] = {"chat", "superchat", NULL};
static const struct deflate_params plain_limits = {false, false, 15, 15};
static const struct deflate_params tight_limits = {true, true, 10, 11};

struct outcome {
  enum handshake_result result, body_result;
  size_t consumed;
  size_t header_count;
  uint32_t sum; /* of the headers and the body */
  struct handshake_request request;
};

static void add(struct outcome *o, const void *data, size_t len) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < len; i++)
    o->sum = (o->sum ^ bytes[i]) * 16777619u;
}

static void on_header(void *user, const char *name, const char *value) {
  struct outcome *o = user;
  FUZZ_CHECK(name[0] != '\0' && strpbrk(name, ": \r\n") == NULL);
  FUZZ_CHECK(strpbrk(value, "\r\n") == NULL);
  add(o, name, strlen(name) + 1);
  add(o, value, strlen(value) + 1);
  o->header_count++;
}

static void on_body(void *user, const uint8_t *data, size_t len) {
  add(user, data, len);
}

static void check_upgrade(const struct handshake_request *r) {
  char accept[HANDSHAKE_ACCEPT_LEN + 1], out[1024], small[20];
  FUZZ_CHECK(strcmp(r->method, "GET") == 0 && strlen(r->key) == HANDSHAKE_KEY_LEN);
  FUZZ_CHECK(r->target[0] != '\0' && !r->is_malformed);
  handshake_accept(r->key, accept);
  const size_t len = handshake_write_accept(r, NULL, out, sizeof out);
  FUZZ_CHECK(len > 0 && len < sizeof out && strstr(out, accept) != NULL);
  FUZZ_CHECK(handshake_write_accept(r, NULL, small, sizeof small) == 0);
}

static void check_outcome(const struct outcome *o) {
  const struct handshake_request *r = &o->request;
  FUZZ_CHECK(memchr(r->detail, '\0', sizeof r->detail) != NULL);
  for (const char *p = r->detail; *p != '\0'; p++)
    FUZZ_CHECK(*p >= 0x20 && *p < 0x7F);
  FUZZ_CHECK(memchr(r->target, '\0', sizeof r->target) != NULL);
  FUZZ_CHECK(memchr(r->method, '\0', sizeof r->method) != NULL);
  if (o->result == HANDSHAKE_DONE && r->is_upgrade)
    check_upgrade(r);
  if (o->result == HANDSHAKE_BAD || o->result == HANDSHAKE_TOO_LONG)
    FUZZ_CHECK(r->error_status >= 400 && r->error_status <= 599 && !r->is_upgrade);
}

/* One piece of head or body. False: it is over. */
static bool feed(struct outcome *o, struct handshake_server *s, const uint8_t *in, size_t len,
                 size_t *used) {
  if (o->result == HANDSHAKE_MORE) {
    o->result = handshake_server_feed(s, in, len, used);
    FUZZ_CHECK(*used <= len && (o->result != HANDSHAKE_MORE || *used == len));
    return o->result == HANDSHAKE_MORE ||
           (o->result == HANDSHAKE_DONE && handshake_server_request(s)->has_body);
  }
  o->body_result = handshake_server_body(s, in, len, used, on_body, o);
  FUZZ_CHECK(*used <= len && (o->body_result != HANDSHAKE_MORE || *used == len));
  return o->body_result == HANDSHAKE_MORE;
}

static void read_request(struct outcome *o, struct handshake_server_options options,
                         struct fuzz_input in, struct fuzz_cuts cuts) {
  static struct handshake_server server;
  *o = (struct outcome){.result = HANDSHAKE_MORE, .body_result = HANDSHAKE_MORE};
  options.on_header = on_header;
  options.user = o;
  handshake_server_init(&server, &options);
  for (bool goes_on = true; goes_on && o->consumed < in.len;) {
    const size_t piece = fuzz_next_cut(&cuts, in.len - o->consumed);
    uint8_t *copy = fuzz_copy(in.data + o->consumed, piece);
    size_t used = 0;
    goes_on = feed(o, &server, copy, piece, &used);
    o->consumed += used;
    free(copy);
  }
  o->request = *handshake_server_request(&server);
  check_outcome(o);
}

static void check_same(const struct outcome *a, const struct outcome *b) {
  const struct handshake_request *r = &a->request, *s = &b->request;
  FUZZ_CHECK(a->result == b->result && a->body_result == b->body_result);
  FUZZ_CHECK(a->header_count == b->header_count && a->sum == b->sum);
  if (a->result == HANDSHAKE_DONE && a->body_result != HANDSHAKE_BAD) /* else nobody reads on */
    FUZZ_CHECK(a->consumed == b->consumed);
  FUZZ_CHECK(r->is_upgrade == s->is_upgrade && r->is_malformed == s->is_malformed);
  FUZZ_CHECK(r->error_status == s->error_status && r->keeps_alive == s->keeps_alive);
  FUZZ_CHECK(r->has_body == s->has_body && r->deflate_agreed == s->deflate_agreed);
  FUZZ_CHECK(strcmp(r->target, s->target) == 0 && strcmp(r->host, s->host) == 0);
  FUZZ_CHECK(strcmp(r->subprotocol, s->subprotocol) == 0);
  FUZZ_CHECK(fuzz_is_same_detail(r->detail, s->detail));
}

/* ---- both ends ---- */

struct wanted {
  char *url, *origin, *subprotocol[2], *headers[LINES_MAX + 1];
};

static void wanted_read(struct wanted *w, struct fuzz_input *in) {
  *w = (struct wanted){.url = fuzz_text(fuzz_line(in)), .origin = fuzz_text(fuzz_line(in))};
  w->subprotocol[0] = fuzz_text(fuzz_line(in));
  for (size_t i = 0; i < LINES_MAX && in->len > 0; i++)
    w->headers[i] = fuzz_text(fuzz_line(in));
}

static void wanted_free(struct wanted *w) {
  free(w->url);
  free(w->origin);
  free(w->subprotocol[0]);
  for (size_t i = 0; i < LINES_MAX; i++)
    free(w->headers[i]);
}

static void check_answer_taken(const struct outcome *o,
                               const struct handshake_request_options *asked) {
  static struct handshake_reader reader;
  char out[1024];
  size_t consumed = 0;
  const size_t len = handshake_write_accept(&o->request, NULL, out, sizeof out);
  handshake_reader_init(&reader, asked, 4096, 0);
  FUZZ_CHECK(handshake_reader_feed(&reader, (const uint8_t *)out, len, &consumed) ==
             HANDSHAKE_DONE);
  const struct handshake_response *r = handshake_reader_response(&reader);
  FUZZ_CHECK(consumed == len && strcmp(r->subprotocol, o->request.subprotocol) == 0);
  FUZZ_CHECK(r->deflate_agreed == o->request.deflate_agreed);
}

/* How many of the caller's lines say what a server must refuse if it is there twice or is odd. */
static bool is_well_met(const struct outcome *o) {
  return o->result == HANDSHAKE_DONE && o->request.is_upgrade;
}

static void check_both_ends(struct handshake_server_options options, struct fuzz_input in) {
  static char head[HEAD_CAP];
  static struct outcome o;
  struct wanted w;
  struct url url;
  const char *error;
  wanted_read(&w, &in);
  if (url_parse(&url, w.url, strlen(w.url), &error)) {
    const struct handshake_request_options asked = {
        .url = &url,
        .nonce = (const uint8_t *)"the sample nonce",
        .origin = w.origin[0] != '\0' ? w.origin : NULL,
        .headers = (const char *const *)w.headers,
        .subprotocols = w.subprotocol[0][0] != '\0' ? (const char *const *)w.subprotocol : NULL,
        .deflate = options.deflate};
    const size_t len = handshake_write_request(&asked, head, sizeof head);
    const struct fuzz_input request = {(const uint8_t *)head, len};
    options.max_handshake = HEAD_CAP;
    read_request(&o, options, request, fuzz_cuts(0));
    if (len > 0 && is_well_met(&o)) {
      FUZZ_CHECK(o.consumed == len);
      check_answer_taken(&o, &asked);
    } else if (len > 0) { /* refused by an answer, not by a loss of sense */
      FUZZ_CHECK(o.result != HANDSHAKE_MORE && !o.request.is_malformed);
    }
  }
  wanted_free(&w);
}

void fuzz_one(const uint8_t *data, size_t len) {
  static struct outcome whole, cut;
  struct fuzz_input in = {data, len};
  const uint8_t flags = fuzz_byte(&in);
  const struct fuzz_cuts cuts = fuzz_cuts(fuzz_byte(&in));
  const struct handshake_server_options options = {
      .max_handshake = flags & HAS_LITTLE_ROOM ? 300 : 16384,
      .subprotocols = flags & HAS_SUBPROTOCOLS ? subprotocols : NULL,
      .deflate =
          flags & ACCEPTS_DEFLATE ? flags & ACCEPTS_TIGHTLY ? &tight_limits : &plain_limits : NULL};
  if (flags & IS_BOTH_ENDS) {
    check_both_ends(options, in);
    return;
  }
  read_request(&whole, options, in, fuzz_cuts(0));
  read_request(&cut, options, in, cuts);
  check_same(&whole, &cut);
}
