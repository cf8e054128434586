/* How links end: closing handshakes, failures, losses, and what is given back afterwards. */
#include "close.h"
#include "net_rig.h"
#include "parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* A client link with a plain socket at its other end. */
struct half {
  struct rig rig;
  struct link_settings settings;
  struct end client;
  int listening, fd;
};

static void half_init(struct half *half) {
  memset(half, 0, sizeof *half);
  rig_init(&half->rig);
  half->settings = rig_settings();
  uint16_t port;
  half->listening = raw_listen(&port);
  int small = 16 * 1024;
  setsockopt(half->listening, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  char url[64];
  snprintf(url, sizeof url, "ws://127.0.0.1:%u/", port);
  rig_dial(&half->rig, &half->settings, &half->client, url);
  half->fd = raw_accept(&half->rig, half->listening);
  raw_upgrade(&half->rig, half->fd, "");
  rig_until(&half->rig, &half->client.is_open);
}

static void half_deinit(struct half *half) {
  if (half->client.link)
    link_abort(half->client.link);
  close(half->fd);
  close(half->listening);
  end_deinit(&half->client);
  rig_deinit(&half->rig);
}

static void reset(int fd) {
  struct linger linger = {1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  shutdown(fd, SHUT_RD);
}

/* ---- the peer closes ---- */

static const struct {
  const char *name;
  uint8_t frame[32];
  size_t len;
  uint16_t code;
  const char *reason;
  uint8_t echo[4];
  size_t echo_len;
} peer_closes[] = {
    {"with code and reason", {0x88, 5, 0x03, 0xF4, 'b', 'y', 'e'}, 7, 1012, "bye", {0x03, 0xF4}, 2},
    {"with a code", {0x88, 2, 0x0F, 0xA8}, 4, 4008, "", {0x0F, 0xA8}, 2},
    {"without anything", {0x88, 0}, 2, 1005, "", {0}, 0},
    {"then talks on",
     {0x88, 2, 0x03, 0xE8, 0x81, 1, 'x', 0x89, 1, 'y'},
     10,
     1000,
     "",
     {0x03, 0xE8},
     2},
};

static void test_peer_closes(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof peer_closes / sizeof *peer_closes; i++) {
    struct half half;
    half_init(&half);
    raw_write(&half.rig, half.fd, peer_closes[i].frame, peer_closes[i].len);
    uint8_t payload[256];
    size_t len;
    assert_int_equal(raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len), 0x88);
    assert_int_equal(len, peer_closes[i].echo_len);
    assert_memory_equal(payload, peer_closes[i].echo, len);
    assert_false(half.client.has_ended); /* the server ends TCP first */
    assert_false(link_is_open(half.client.link));
    assert_false(link_is_writable(half.client.link));
    assert_false(link_write(half.client.link, FRAME_TEXT, "x", 1, NULL));
    shutdown(half.fd, SHUT_WR);
    rig_until(&half.rig, &half.client.has_ended);
    assert_int_equal(half.client.end.kind, LINK_END_CLOSED);
    assert_int_equal(half.client.end.close_code, peer_closes[i].code);
    assert_string_equal(half.client.end.close_reason, peer_closes[i].reason);
    assert_true(half.client.end.was_clean);
    assert_int_equal(half.client.message_count, 0);
    assert_true(half.client.flushed_count > 0); /* its owner was told */
    half_deinit(&half);
  }
}

/* A server that says goodbye and never hangs up. */
static void test_server_that_does_not_hang_up(void **state) {
  (void)state;
  struct half half;
  half_init(&half);
  half.settings.close_timeout_ms = 30;
  raw_write(&half.rig, half.fd, "\x88\x02\x03\xE8", 4);
  uint64_t began_ms = net_loop_now_ms(half.rig.loop);
  rig_until(&half.rig, &half.client.has_ended);
  assert_true(net_loop_now_ms(half.rig.loop) + 1 >= began_ms + 30);
  assert_int_equal(half.client.end.kind, LINK_END_CLOSED);
  assert_true(half.client.end.was_clean);
  half_deinit(&half);
}

/* The close frame counts, whatever the connection does behind it. */
static void test_close_then_reset(void **state) {
  (void)state;
  struct half half;
  half_init(&half);
  raw_write(&half.rig, half.fd, "\x88\x02\x0F\xA1", 4);
  reset(half.fd);
  close(half.fd);
  half.fd = -1;
  rig_until(&half.rig, &half.client.has_ended);
  assert_int_equal(half.client.end.kind, LINK_END_CLOSED);
  assert_int_equal(half.client.end.close_code, 4001);
  half_deinit(&half);
}

/* It is found also by a link that notices the end when it writes. */
static void test_close_found_after_failed_send(void **state) {
  (void)state;
  struct half half;
  half_init(&half);
  raw_write(&half.rig, half.fd, "\x81\x01z\x88\x02\x0F\xA1", 7);
  shutdown(half.fd, SHUT_RDWR);
  close(half.fd);
  half.fd = -1;
  static char data[100000];
  for (int i = 0; i < 4; i++) {
    assert_true(link_write(half.client.link, FRAME_BINARY, data, sizeof data, NULL));
    link_flush(half.client.link);
  }
  rig_until(&half.rig, &half.client.has_ended);
  assert_int_equal(half.client.end.kind, LINK_END_CLOSED);
  assert_int_equal(half.client.end.close_code, 4001);
  assert_int_equal(half.client.message_count, 1);
  half_deinit(&half);
}

/* ---- we close ---- */

static void test_we_close(void **state) {
  (void)state;
  struct half half;
  half_init(&half);
  link_close(half.client.link, 1000, "done");
  link_close(half.client.link, 1001, "twice");
  assert_false(link_write(half.client.link, FRAME_TEXT, "x", 1, NULL));
  uint8_t payload[256];
  size_t len;
  assert_int_equal(raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len), 0x88);
  assert_memory_equal(payload,
                      "\x03\xE8"
                      "done",
                      6);
  raw_write(&half.rig, half.fd, "\x81\x02ok\x89\x01p", 7); /* until its close frame it may talk */
  rig_until_count(&half.rig, &half.client.message_count, 1);
  raw_write(&half.rig, half.fd, "\x88\x02\x03\xE8", 4);
  for (int i = 0; i < 5; i++)
    uv_run(&half.rig.uv, UV_RUN_NOWAIT);
  assert_false(half.client.has_ended);
  close(half.fd);
  half.fd = -1;
  rig_until(&half.rig, &half.client.has_ended);
  assert_int_equal(half.client.end.kind, LINK_END_CLOSED);
  assert_true(half.client.end.was_clean);
  half_deinit(&half);
}

static void test_peer_hangs_up_on_our_close(void **state) {
  (void)state;
  struct half half;
  half_init(&half);
  link_close(half.client.link, 1000, NULL);
  uint8_t payload[256];
  size_t len;
  raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len);
  shutdown(half.fd, SHUT_WR);
  rig_until(&half.rig, &half.client.has_ended);
  assert_int_equal(half.client.end.kind, LINK_END_LOST);
  assert_false(half.client.end.was_clean);
  half_deinit(&half);
}

/* Both roles ours: the server ends TCP, the client's end comes with it. */
static void test_both_ways(void **state) {
  (void)state;
  for (int server_closes = 0; server_closes < 2; server_closes++) {
    struct rig rig;
    rig_init(&rig);
    struct end far = {0}, client = {0};
    struct rig_server server;
    struct link_settings settings = rig_settings();
    rig_server_init(&server, &rig, "127.0.0.1:0", &far, 1);
    rig_open(&rig, &server, &settings, &client);
    uint64_t began_ms = net_loop_now_ms(rig.loop);
    link_close(server_closes ? far.link : client.link, 3000, "reason");
    rig_until(&rig, &client.has_ended);
    rig_until(&rig, &far.has_ended);
    assert_true(net_loop_now_ms(rig.loop) < began_ms + settings.close_timeout_ms);
    const struct end *ends[2] = {&client, &far};
    for (int i = 0; i < 2; i++) {
      assert_int_equal(ends[i]->end.kind, LINK_END_CLOSED);
      assert_int_equal(ends[i]->end.close_code, 3000);
      assert_true(ends[i]->end.was_clean);
    }
    assert_string_equal((server_closes ? &client : &far)->end.close_reason, "reason");
    rig_server_deinit(&server);
    rig_deinit(&rig);
  }
}

/* ---- losses ---- */

static void test_losses(void **state) {
  (void)state;
  static const struct {
    bool resets;
    const char *detail;
  } cases[] = {{false, "connection closed without a close frame"},
               {true, "Connection reset by peer"}};
  for (size_t i = 0; i < 2; i++) {
    struct half half;
    half_init(&half);
    if (cases[i].resets)
      reset(half.fd);
    close(half.fd);
    half.fd = -1;
    rig_until(&half.rig, &half.client.has_ended);
    assert_int_equal(half.client.end.kind, LINK_END_LOST);
    assert_string_equal(half.client.end.detail, cases[i].detail);
    assert_int_equal(half.client.end.close_code, 0);
    assert_false(half.client.end.was_clean);
    half_deinit(&half);
  }
}

/* What came before the reset is reported first. */
static void test_messages_before_reset(void **state) {
  (void)state;
  struct half half;
  half_init(&half);
  for (int i = 0; i < 3; i++)
    raw_write(&half.rig, half.fd, "\x81\x01m", 3);
  reset(half.fd);
  close(half.fd);
  half.fd = -1;
  rig_until(&half.rig, &half.client.has_ended);
  assert_int_equal(half.client.message_count, 3);
  assert_int_equal(half.client.end.kind, LINK_END_LOST);
  half_deinit(&half);
}

/* ---- failures: the peer breaks the rules ---- */

static const struct {
  const char *name;
  uint8_t bytes[24];
  size_t len;
  enum link_end_kind kind;
  uint16_t code;
} failures[] = {
    {"masked server frame", {0x81, 0x81, 1, 2, 3, 4, 5}, 7, LINK_END_PROTOCOL, 1002},
    {"reserved bit", {0xC1, 1, 'x'}, 3, LINK_END_PROTOCOL, 1002},
    {"reserved opcode", {0x83, 0}, 2, LINK_END_PROTOCOL, 1002},
    {"long control frame", {0x89, 126, 0, 126}, 4, LINK_END_PROTOCOL, 1002},
    {"bad UTF-8", {0x81, 2, 0xC3, 0x28}, 4, LINK_END_PROTOCOL, 1007},
    {"bad close code", {0x88, 2, 0x03, 0xED}, 4, LINK_END_PROTOCOL, 1002},
    {"oversize frame", {0x82, 127, 0, 0, 0, 0, 0xFF, 0, 0, 0}, 10, LINK_END_TOO_BIG, 1009},
};

/* Our close frame arrives although the peer keeps sending and never reads a reset; the end comes
   with the peer's, or in time. */
static void test_failures(void **state) {
  (void)state;
  for (unsigned i = 0; i < 2 * sizeof failures / sizeof *failures; i++) {
    bool peer_ends = i % 2;
    struct half half;
    half_init(&half);
    half.settings.close_timeout_ms = peer_ends ? 3000 : 30;
    raw_write(&half.rig, half.fd, failures[i / 2].bytes, failures[i / 2].len);
    static const char more[3000];
    raw_write(&half.rig, half.fd, more, sizeof more);
    uint8_t payload[256];
    size_t len;
    assert_int_equal(raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len), 0x88);
    assert_int_equal(payload[0] << 8 | payload[1], failures[i / 2].code);
    raw_write(&half.rig, half.fd, more, sizeof more);
    assert_true(raw_is_at_end(&half.rig, half.fd)); /* its direction ends behind the frame */
    if (peer_ends)
      shutdown(half.fd, SHUT_WR);
    rig_until(&half.rig, &half.client.has_ended);
    if (half.client.end.kind != failures[i / 2].kind)
      fail_msg("%s: %s", failures[i / 2].name, half.client.end.detail);
    assert_int_equal(half.client.end.close_code, failures[i / 2].code);
    assert_int_equal(half.client.message_count, 0);
    assert_false(half.client.end.was_clean);
    half_deinit(&half);
  }
}

/* What was answered before the mistake goes out before the close frame. */
static void test_answers_before_failure(void **state) {
  (void)state;
  struct half half;
  half_init(&half);
  half.settings.close_timeout_ms = 20;
  half.client.echoes = true;
  raw_write(&half.rig, half.fd,
            "\x81\x01"
            "a\x81\x01"
            "b\x83\x00",
            8);
  uint8_t payload[256];
  size_t len;
  assert_int_equal(raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len), 0x81);
  assert_int_equal(payload[0], 'a');
  assert_int_equal(raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len), 0x81);
  assert_int_equal(raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len), 0x88);
  assert_memory_equal(payload, "\x03\xEA", 2);
  rig_until(&half.rig, &half.client.has_ended);
  half_deinit(&half);
}

static void test_failure_while_closing(void **state) {
  (void)state;
  struct half half;
  half_init(&half);
  half.settings.close_timeout_ms = 20;
  link_close(half.client.link, 1000, NULL);
  raw_write(&half.rig, half.fd, "\x83\x00", 2);
  rig_until(&half.rig, &half.client.has_ended);
  assert_int_equal(half.client.end.kind, LINK_END_PROTOCOL);
  uint8_t payload[256];
  size_t len;
  raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len);
  assert_memory_equal(payload, "\x03\xE8", 2); /* and no second close frame */
  assert_true(raw_is_at_end(&half.rig, half.fd));
  half_deinit(&half);
}

/* ---- what was not sent comes back ---- */

#define UNSENT_MAX 4096

struct basket {
  size_t count;
  uint32_t numbers[UNSENT_MAX];
};

/* Every message begins with its number, and is filled with a pattern of it. */
static void fill(uint8_t *data, size_t len, uint32_t number) {
  for (size_t i = 0; i < len; i++)
    data[i] = (uint8_t)(number * 31 + i);
  memcpy(data, &number, sizeof number);
}

static void take(void *user, uint8_t opcode, const uint8_t *data, size_t len) {
  struct basket *basket = user;
  uint8_t expected[170000];
  uint32_t number;
  memcpy(&number, data, sizeof number);
  assert_int_equal(opcode, number % 2 ? FRAME_BINARY : FRAME_TEXT);
  assert_true(len <= sizeof expected);
  fill(expected, len, number);
  assert_memory_equal(data, expected, len);
  assert_true(basket->count < UNSENT_MAX);
  basket->numbers[basket->count++] = number;
}

#define LARGE_LEN ((size_t)16 * 1024 * 1024)

static size_t len_of(uint32_t number) {
  static const size_t lens[] = {4, 100, 126, 5000, 160000};
  return lens[number % 5];
}

/* Writes until 400 KB wait; each seventh message is volatile, and questions go in between. */
static uint32_t write_numbered(struct half *half) {
  static uint8_t data[170000];
  struct link *link = half->client.link;
  uint32_t number = 0;
  while (link_buffered(link) < 400000) {
    size_t len = len_of(number);
    fill(data, len, number);
    uint8_t opcode = number % 2 ? FRAME_BINARY : FRAME_TEXT;
    if (number % 7 == 3)
      assert_true(link_write_volatile(link, opcode, data, len, NULL));
    else
      assert_true(link_write(link, opcode, data, len, NULL));
    link_flush(link);
    uv_run(&half->rig.uv, UV_RUN_NOWAIT);
    number++;
  }
  for (int i = 0; i < 50; i++) {
    struct link_position position;
    assert_true(link_ping(link, "ping", 4, &position));
    assert_true(link_write_ahead(link, "{\"type\":\"ping\"}", 15, &position));
    fill(data, 30, number);
    assert_true((number % 7 == 3 ? link_write_volatile : link_write)(
        link, number % 2 ? FRAME_BINARY : FRAME_TEXT, data, 30, NULL));
    number++;
  }
  return number;
}

/* The messages that the peer read whole and those given back are all there are: none is missing,
   none is in both, volatile ones are never given back. */
static void check_recovered(struct half *half, uint32_t written, const struct basket *basket) {
  uint32_t next = 0;
  for (size_t i = 0; i < basket->count; i++) {
    assert_int_not_equal(basket->numbers[i] % 7, 3);
    if (i > 0) {
      uint32_t after = basket->numbers[i - 1] + 1;
      assert_int_equal(basket->numbers[i], after % 7 == 3 ? after + 1 : after);
    }
  }
  uint32_t last = written - 1;
  assert_int_equal(basket->numbers[basket->count - 1], last % 7 == 3 ? last - 1 : last);
  static uint8_t payload[170000];
  for (;;) {
    uint8_t header[FRAME_HEADER_MAX];
    struct frame_header h;
    size_t got = raw_read(&half->rig, half->fd, header, 2);
    size_t want = header[1] == 0xFE ? 8 : header[1] == 0xFF ? 14 : 6;
    if (got < 2 || raw_read(&half->rig, half->fd, header + 2, want - 2) < want - 2)
      break;
    assert_int_equal(frame_read_header(header, want, &h), FRAME_READ_OK);
    if (raw_read(&half->rig, half->fd, payload, (size_t)h.payload_len) < h.payload_len)
      break;
    if ((h.first & 0x0F) == FRAME_PING || h.payload_len == 15)
      continue;
    next++;
  }
  uint32_t first = basket->numbers[0];
  assert_true(first == next || (first == next + 1 && next % 7 == 3));
}

static void recover_inside(struct end *end, const char *event) {
  if (strcmp(event, "ended") == 0)
    link_recover(end->link, take, end->context);
}

static void test_recover(void **state) {
  (void)state;
  for (int way = 0; way < 2; way++) {
    static struct basket basket;
    basket.count = 0;
    struct half half;
    half_init(&half);
    uint32_t written = write_numbered(&half);
    if (way == 0) { /* before an abort */
      link_recover(half.client.link, take, &basket);
      size_t count = basket.count;
      link_recover(half.client.link, take, &basket); /* once */
      assert_int_equal(basket.count, count);
      link_abort(half.client.link);
    } else { /* in the last event */
      half.client.on_event = recover_inside;
      half.client.context = &basket;
      shutdown(half.fd, SHUT_WR);
      rig_until(&half.rig, &half.client.has_ended);
    }
    half.client.link = NULL;
    check_recovered(&half, written, &basket);
    half_deinit(&half);
  }
}

/* What the kernel took of a large message, piece by piece, is not kept while it goes well; once it
   does not, the whole message can be given back all the same. */
static void take_large(void *user, uint8_t opcode, const uint8_t *data, size_t len) {
  const uint8_t *const *sent = user;
  assert_int_equal(opcode, FRAME_BINARY);
  assert_int_equal(len, LARGE_LEN);
  assert_memory_equal(data, *sent, len);
  ++*(const uint8_t **)user; /* seen: once only */
}

static void test_recover_large(void **state) {
  (void)state;
  uint8_t *data = malloc(LARGE_LEN);
  fill(data, LARGE_LEN, 7);
  struct half half;
  half_init(&half);
  assert_true(link_write(half.client.link, FRAME_BINARY, data, LARGE_LEN, NULL));
  uint64_t waiting = link_buffered(half.client.link);
  assert_in_range(waiting, 1, LARGE_LEN - 200000); /* several pieces went */
  const uint8_t *seen = data;
  link_recover(half.client.link, take_large, &seen);
  assert_ptr_equal(seen, data + 1);
  link_abort(half.client.link);
  half.client.link = NULL;
  half_deinit(&half);
  free(data);
}

/* A close goes ahead of what waits, at a frame boundary; the rest is still there afterwards. */
static void test_close_goes_ahead(void **state) {
  (void)state;
  static struct basket basket;
  basket.count = 0;
  struct half half;
  half_init(&half);
  uint32_t written = write_numbered(&half);
  half.client.on_event = recover_inside;
  half.client.context = &basket;
  link_close(half.client.link, 1000, "enough");
  static uint8_t payload[170000];
  size_t len;
  uint8_t first;
  do {
    first = raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len);
  } while (first != 0x88);
  assert_memory_equal(payload,
                      "\x03\xE8"
                      "enough",
                      8);
  raw_write(&half.rig, half.fd, "\x88\x02\x03\xE8", 4);
  shutdown(half.fd, SHUT_WR);
  rig_until(&half.rig, &half.client.has_ended);
  assert_int_equal(half.client.end.kind, LINK_END_CLOSED);
  assert_true(basket.count > 0);
  assert_true(raw_is_at_end(&half.rig, half.fd)); /* nothing behind the close frame */
  uint32_t last = written - 1;
  assert_int_equal(basket.numbers[basket.count - 1], last % 7 == 3 ? last - 1 : last);
  half_deinit(&half);
}

static void give_nothing(void *user, uint8_t opcode, const uint8_t *data, size_t len) {
  (void)user;
  (void)opcode;
  (void)data;
  (void)len;
  fail_msg("a compressed message was given back");
}

static void test_nothing_to_recover(void **state) {
  (void)state;
  if (!HAS_DEFLATE)
    skip();
  struct rig rig;
  rig_init(&rig);
  struct end far = {0}, client = {0};
  struct rig_server server;
  struct link_settings settings = rig_settings();
  settings.compress = true;
  settings.deflate = (struct deflate_params){false, false, 15, 15};
  rig_server_init(&server, &rig, "127.0.0.1:0", &far, 1);
  server.settings.compress = true;
  server.settings.deflate = settings.deflate;
  rig_open(&rig, &server, &settings, &client);
  assert_true(link_is_opaque(client.link));
  assert_true(link_write(client.link, FRAME_TEXT, "waits", 5, NULL));
  assert_true(link_write_volatile(client.link, FRAME_TEXT, "waits", 5, NULL));
  link_recover(client.link, give_nothing, NULL);
  link_abort(client.link);
  link_abort(far.link);
  rig_server_deinit(&server);
  rig_deinit(&rig);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_peer_closes),
      cmocka_unit_test(test_server_that_does_not_hang_up),
      cmocka_unit_test(test_close_then_reset),
      cmocka_unit_test(test_close_found_after_failed_send),
      cmocka_unit_test(test_we_close),
      cmocka_unit_test(test_peer_hangs_up_on_our_close),
      cmocka_unit_test(test_both_ways),
      cmocka_unit_test(test_losses),
      cmocka_unit_test(test_messages_before_reset),
      cmocka_unit_test(test_failures),
      cmocka_unit_test(test_answers_before_failure),
      cmocka_unit_test(test_failure_while_closing),
      cmocka_unit_test(test_recover),
      cmocka_unit_test(test_recover_large),
      cmocka_unit_test(test_close_goes_ahead),
      cmocka_unit_test(test_nothing_to_recover),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
