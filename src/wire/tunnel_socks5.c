/*
 * SOCKS5: a greeting with the methods that we know, user name and password if the proxy chooses
 * them, then the request to connect. Each answer is gathered up to its last byte and no further.
 *
 *   METHOD   05 count methods...        <- 05 method
 *   LOGIN    01 len user len password   <- 01 status
 *   CONNECT  05 01 00 type address port <- 05 reply 00 type address port
 */
#include <string.h>

#include "tunnel_dialect.h"

#define VERSION 5
#define LOGIN_VERSION 1
#define COMMAND_CONNECT 1

enum method { METHOD_NONE = 0, METHOD_PASSWORD = 2, METHOD_NO_ACCEPTABLE = 0xFF };
enum address_type { ADDRESS_IPV4 = 1, ADDRESS_NAME = 3, ADDRESS_IPV6 = 4 };

/* Of a reply: version, code, reserved, type, then the address. */
#define REPLY_BEGINNING_LEN 2
#define REPLY_FIXED_LEN 5 /* up to the address's first byte, which is a name's length */

static void expect_reply(struct tunnel_socks5 *s, enum socks5_step step) {
  s->step = step;
  s->reply_len = 0;
  s->reply_wanted = 1; /* a wrong version is told at once */
}

static void init(struct tunnel *tunnel, size_t max_head) {
  (void)max_head;
  expect_reply(&tunnel->as.socks5, SOCKS5_METHOD);
}

static const char *awaits(const struct tunnel *tunnel) {
  static const char *const answers[] = {
      [SOCKS5_METHOD] = "the answer to the SOCKS5 greeting",
      [SOCKS5_LOGIN] = "the answer to user name and password",
      [SOCKS5_CONNECT] = "the answer to the SOCKS5 request",
  };
  return answers[tunnel->as.socks5.step];
}

static bool has_login(const struct tunnel *tunnel) {
  return tunnel->proxy->url.userinfo.len > 0;
}

/* ---- what we say --------------------------------------------------------------- */

struct message {
  uint8_t bytes[SOCKS5_MESSAGE_CAP];
  size_t len;
};

static void put_byte(struct message *m, uint8_t byte) {
  m->bytes[m->len++] = byte;
}

static void put_bytes(struct message *m, const void *bytes, size_t len) {
  memcpy(m->bytes + m->len, bytes, len);
  m->len += len;
}

/* At most 255 bytes: see proxy_parse() for user info, URL_HOST_CAP for names. */
static void put_counted(struct message *m, const char *text, size_t len) {
  put_byte(m, (uint8_t)len);
  put_bytes(m, text, (uint8_t)len);
}

static void put_greeting(struct message *m, const struct tunnel *tunnel) {
  put_byte(m, VERSION);
  put_byte(m, has_login(tunnel) ? 2 : 1);
  put_byte(m, METHOD_NONE);
  if (has_login(tunnel))
    put_byte(m, METHOD_PASSWORD);
}

static void put_login(struct message *m, const struct tunnel *tunnel) {
  char text[URL_LEN_MAX];
  size_t len;
  if (!url_credentials(&tunnel->proxy->url, text, sizeof text, &len))
    return;
  const size_t user_len = (size_t)((const char *)memchr(text, ':', len) - text);
  put_byte(m, LOGIN_VERSION);
  put_counted(m, text, user_len);
  put_counted(m, text + user_len + 1, len - user_len - 1);
}

static void put_address(struct message *m, const struct tunnel_target *target) {
  if (target->address_len == 0) {
    put_byte(m, ADDRESS_NAME);
    put_counted(m, target->host, strlen(target->host));
  } else {
    put_byte(m, target->address_len == 4 ? ADDRESS_IPV4 : ADDRESS_IPV6);
    put_bytes(m, target->address, target->address_len);
  }
}

static void put_request(struct message *m, const struct tunnel *tunnel) {
  const uint16_t port = tunnel->target.port;
  put_byte(m, VERSION);
  put_byte(m, COMMAND_CONNECT);
  put_byte(m, 0);
  put_address(m, &tunnel->target);
  put_byte(m, (uint8_t)(port >> 8));
  put_byte(m, (uint8_t)port);
}

static size_t write_message(const struct tunnel *tunnel, char *out, size_t cap) {
  static void (*const put[])(struct message *, const struct tunnel *) = {
      [SOCKS5_METHOD] = put_greeting,
      [SOCKS5_LOGIN] = put_login,
      [SOCKS5_CONNECT] = put_request,
  };
  struct message message = {.len = 0};
  put[tunnel->as.socks5.step](&message, tunnel);
  if (message.len > cap)
    return 0;
  memcpy(out, message.bytes, message.len);
  return message.len;
}

/* ---- what it answers ----------------------------------------------------------- */

static enum tunnel_result refuse(struct tunnel *tunnel, const char *detail) {
  text_copy(tunnel->detail, sizeof tunnel->detail, detail);
  return TUNNEL_REFUSED;
}

static enum tunnel_result refuse_number(struct tunnel *tunnel, const char *what, uint8_t number) {
  struct text_writer w = text_writer_begin(tunnel->detail, sizeof tunnel->detail);
  text_put_string(&w, what);
  text_put_number(&w, number);
  return TUNNEL_REFUSED;
}

static enum tunnel_result choose_method(struct tunnel *tunnel) {
  struct tunnel_socks5 *s = &tunnel->as.socks5;
  const uint8_t method = s->reply[1];
  if (method == METHOD_NO_ACCEPTABLE)
    return refuse(tunnel,
                  has_login(tunnel)
                      ? "SOCKS5: it takes no login of ours (none, or user name and password)"
                      : "SOCKS5: it wants a login, and there is no user name and password");
  if (method != METHOD_NONE && (method != METHOD_PASSWORD || !has_login(tunnel)))
    return refuse_number(tunnel, "SOCKS5: it chose a login method that was not offered: ", method);
  expect_reply(s, method == METHOD_PASSWORD ? SOCKS5_LOGIN : SOCKS5_CONNECT);
  return TUNNEL_SEND;
}

static enum tunnel_result judge_login(struct tunnel *tunnel) {
  if (tunnel->as.socks5.reply[1] != 0)
    return refuse(tunnel, "SOCKS5: user name and password were refused");
  expect_reply(&tunnel->as.socks5, SOCKS5_CONNECT);
  return TUNNEL_SEND;
}

/* RFC 1928 section 6. */
static const char *reply_text(uint8_t code) {
  static const char *const texts[] = {
      "",
      "general failure of the proxy",
      "not allowed by its rules",
      "network unreachable",
      "host unreachable",
      "connection refused",
      "TTL expired",
      "command not supported",
      "address type not supported",
  };
  return code < sizeof texts / sizeof texts[0] ? texts[code] : "of no known meaning";
}

static enum tunnel_result refuse_connect(struct tunnel *tunnel, uint8_t code) {
  struct text_writer w = text_writer_begin(tunnel->detail, sizeof tunnel->detail);
  text_put_string(&w, "SOCKS5 reply ");
  text_put_number(&w, code);
  text_put_string(&w, ": ");
  text_put_string(&w, reply_text(code));
  text_put_string(&w, ", asked for ");
  tunnel_put_target(&w, &tunnel->target);
  return TUNNEL_REFUSED;
}

/* How long a reply is with the address of this type, 0 if there is no such type. */
static size_t reply_len(uint8_t type, uint8_t name_len) {
  enum { BEFORE_ADDRESS = 4, PORT = 2 };
  switch (type) {
  case ADDRESS_IPV4:
    return BEFORE_ADDRESS + 4 + PORT;
  case ADDRESS_IPV6:
    return BEFORE_ADDRESS + 16 + PORT;
  case ADDRESS_NAME:
    return BEFORE_ADDRESS + 1U + name_len + PORT;
  default:
    return 0;
  }
}

/* The address it connected from is of no use to us, but must be read to its end. */
static enum tunnel_result read_reply(struct tunnel *tunnel) {
  struct tunnel_socks5 *s = &tunnel->as.socks5;
  if (s->reply[1] != 0)
    return refuse_connect(tunnel, s->reply[1]);
  if (s->reply_len == REPLY_BEGINNING_LEN) {
    s->reply_wanted = REPLY_FIXED_LEN;
    return TUNNEL_MORE;
  }
  s->reply_wanted = reply_len(s->reply[3], s->reply[4]);
  if (s->reply_wanted == 0)
    return refuse_number(tunnel,
                         "SOCKS5: its reply holds an address of no known type: ", s->reply[3]);
  return s->reply_len < s->reply_wanted ? TUNNEL_MORE : TUNNEL_DONE;
}

static enum tunnel_result check_version(struct tunnel *tunnel) {
  struct tunnel_socks5 *s = &tunnel->as.socks5;
  if (s->reply[0] != (s->step == SOCKS5_LOGIN ? LOGIN_VERSION : VERSION))
    return refuse_number(tunnel, "it does not speak SOCKS5: an answer began with the byte ",
                         s->reply[0]);
  s->reply_wanted = REPLY_BEGINNING_LEN;
  return TUNNEL_MORE;
}

static enum tunnel_result judge(struct tunnel *tunnel) {
  const struct tunnel_socks5 *s = &tunnel->as.socks5;
  if (s->reply_len == 1)
    return check_version(tunnel);
  if (s->step == SOCKS5_METHOD)
    return choose_method(tunnel);
  return s->step == SOCKS5_LOGIN ? judge_login(tunnel) : read_reply(tunnel);
}

static size_t gather(struct tunnel_socks5 *s, const uint8_t *in, size_t len) {
  const size_t missing = s->reply_wanted - s->reply_len;
  const size_t part = len < missing ? len : missing;
  memcpy(s->reply + s->reply_len, in, part);
  s->reply_len += part;
  return part;
}

static enum tunnel_result feed(struct tunnel *tunnel, const uint8_t *in, size_t len,
                               size_t *consumed) {
  struct tunnel_socks5 *s = &tunnel->as.socks5;
  enum tunnel_result result = TUNNEL_MORE;
  while (result == TUNNEL_MORE && *consumed < len) {
    *consumed += gather(s, in + *consumed, len - *consumed);
    if (s->reply_len == s->reply_wanted)
      result = judge(tunnel);
  }
  return result;
}

const struct tunnel_dialect tunnel_socks5 = {init, write_message, feed, awaits};
