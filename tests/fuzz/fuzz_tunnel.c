/* What a proxy says, HTTP and SOCKS5, whole and in pieces; secrets stay out of sentences. */
#include "fuzz.h"

#include "tunnel.h"

#include <stdlib.h>
#include <string.h>

#define SECRET "open%20sesame"
#define ROUNDS_MAX 8

static const char *const proxies[] = {
    "http://p:3128",    "http://Aladdin:" SECRET "@p",   "socks5://p",
    "socks5h://p:1081", "socks5://Aladdin:" SECRET "@p", "socks5h://Aladdin:" SECRET "@[::1]"};

static const struct tunnel_target targets[] = {
    {.host = "example.org", .port = 443},
    {.host = "192.0.2.1", .port = 80, .address_len = 4, .address = {192, 0, 2, 1}},
    {.host = "::1", .port = 80, .address_len = 16, .address = {[15] = 1}}};

struct outcome {
  enum tunnel_result result;
  size_t consumed;
  unsigned sends;
  uint16_t http_status;
  char detail[TUNNEL_DETAIL_CAP];
};

static void say(const struct tunnel *t) {
  char *out = fuzz_alloc(TUNNEL_MESSAGE_CAP);
  const size_t len = tunnel_write(t, out, TUNNEL_MESSAGE_CAP);
  FUZZ_CHECK(len > 0 && len <= TUNNEL_MESSAGE_CAP);
  char *small = fuzz_alloc(len - 1);
  FUZZ_CHECK(tunnel_write(t, small, len - 1) == 0);
  free(small);
  free(out);
  FUZZ_CHECK(*tunnel_awaits(t) != '\0');
}

static void check_detail(const struct tunnel *t) {
  FUZZ_CHECK(memchr(t->detail, '\0', sizeof t->detail) != NULL);
  FUZZ_CHECK((t->result == TUNNEL_REFUSED) == (t->detail[0] != '\0'));
  for (const char *p = t->detail; *p != '\0'; p++)
    FUZZ_CHECK(*p >= 0x20 && *p < 0x7F);
}

static enum tunnel_result feed(struct tunnel *t, struct fuzz_input *in, struct fuzz_cuts *cuts) {
  const size_t piece = fuzz_next_cut(cuts, in->len);
  uint8_t *copy = fuzz_copy(in->data, piece);
  size_t used = 0;
  const enum tunnel_result result = tunnel_feed(t, copy, piece, &used);
  FUZZ_CHECK(used <= piece && (result != TUNNEL_MORE || used == piece));
  (void)fuzz_take(in, used);
  free(copy);
  return result;
}

static void talk(struct outcome *o, const struct proxy *proxy, const struct tunnel_target *target,
                 struct fuzz_input in, struct fuzz_cuts cuts) {
  static struct tunnel t;
  const size_t len = in.len;
  *o = (struct outcome){.result = TUNNEL_SEND};
  tunnel_init(&t, proxy, target, 1024);
  while (o->result == TUNNEL_SEND || (o->result == TUNNEL_MORE && in.len > 0)) {
    if (o->result == TUNNEL_SEND) {
      say(&t);
      FUZZ_CHECK(++o->sends < ROUNDS_MAX);
      o->result = TUNNEL_MORE;
      continue;
    }
    o->result = feed(&t, &in, &cuts);
  }
  o->consumed = len - in.len;
  o->http_status = t.http_status;
  memcpy(o->detail, t.detail, sizeof o->detail);
  check_detail(&t);
}

void fuzz_one(const uint8_t *data, size_t len) {
  static struct outcome whole, cut;
  struct fuzz_input in = {data, len};
  struct proxy proxy;
  const char *error;
  const uint8_t flags = fuzz_byte(&in);
  const uint8_t how = fuzz_byte(&in);
  FUZZ_CHECK(proxy_parse(&proxy, proxies[flags % 6], &error));
  talk(&whole, &proxy, &targets[flags / 6 % 3], in, fuzz_cuts(0));
  talk(&cut, &proxy, &targets[flags / 6 % 3], in, fuzz_cuts(how));
  FUZZ_CHECK(whole.result == cut.result);
  if (whole.result != TUNNEL_REFUSED) /* nobody reads on then */
    FUZZ_CHECK(whole.consumed == cut.consumed);
  FUZZ_CHECK(whole.sends == cut.sends && whole.http_status == cut.http_status);
  FUZZ_CHECK(fuzz_is_same_detail(whole.detail, cut.detail));
}
