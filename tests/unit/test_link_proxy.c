/* A dial through a proxy, which is a plain socket of the test. */
#define _GNU_SOURCE
#include "net_gate.h"
#include "net_rig.h"
#include "resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define OPENED "HTTP/1.1 200 OK\r\n\r\n"

/* ---- a resolver of the test: what a name is says what it has ---- */

static void fake(const char *host, int family, struct resolve_answer *answer) {
  gate_pass(host);
  const char *ip = family == AF_INET ? "192.0.2.7" : "2001:db8::7";
  const bool has = strcmp(host, "both.example") == 0 ||
                   strcmp(host, family == AF_INET ? "four.example" : "six.example") == 0;
  if (has && address_from_ip(&answer->addresses[0], ip))
    answer->count = 1;
}

/* ---- one dial ---- */

struct scene {
  struct rig rig;
  struct end client;
  struct link_settings settings;
  struct proxies proxies;
  char proxy[64];
  uint16_t port;
  int listening, fd;
};

static void scene_init(struct scene *s, const char *scheme) {
  memset(s, 0, sizeof *s);
  rig_init(&s->rig);
  s->settings = rig_settings();
  s->settings.proxies = &s->proxies;
  s->listening = raw_listen(&s->port);
  s->fd = -1;
  snprintf(s->proxy, sizeof s->proxy, "%s://127.0.0.1:%u", scheme, s->port);
  s->proxies.given = s->proxy;
}

static void scene_dial(struct scene *s, const char *url) {
  rig_dial(&s->rig, &s->settings, &s->client, url);
  s->fd = raw_accept(&s->rig, s->listening);
}

static void scene_deinit(struct scene *s) {
  if (s->fd >= 0)
    close(s->fd);
  close(s->listening);
  end_deinit(&s->client);
  rig_deinit(&s->rig);
}

static void assert_ended(struct scene *s, enum link_end_kind kind, const char *detail) {
  rig_until(&s->rig, &s->client.has_ended);
  if (s->client.end.kind != kind || !strstr(s->client.end.detail, detail))
    fail_msg("%d %s", s->client.end.kind, s->client.end.detail);
}

static void answer(struct scene *s, const char *text) {
  raw_write(&s->rig, s->fd, text, strlen(text));
}

/* ---- what follows the proxy's answer ---- */

static void write_bytes(struct scene *s, const void *bytes, size_t len, bool singly) {
  const char *at = bytes;
  for (size_t i = 0; i < len; i += singly ? 1 : len) {
    raw_write(&s->rig, s->fd, at + i, singly ? 1 : len);
    uv_run(&s->rig.uv, UV_RUN_NOWAIT);
  }
}

static void test_a_frame_behind_both_answers(void **state) {
  (void)state;
  for (int singly = 0; singly < 2; singly++) {
    struct scene s;
    char head[4096], text[1024];
    scene_init(&s, "http");
    s.client.keeps = true;
    scene_dial(&s, "ws://nowhere.invalid:7/path");
    raw_read_head(&s.rig, s.fd, head, sizeof head);
    assert_ptr_equal(strstr(head, "CONNECT nowhere.invalid:7 HTTP/1.1\r\n"), head);
    write_bytes(&s, OPENED, strlen(OPENED), singly);
    raw_read_head(&s.rig, s.fd, head, sizeof head);
    assert_ptr_equal(strstr(head, "GET /path HTTP/1.1\r\n"), head);
    size_t len = raw_answer(head, "", text, sizeof text);
    memcpy(text + len, "\x81\x02hi", 4);
    write_bytes(&s, text, len + 4, singly);
    rig_until_count(&s.rig, &s.client.message_count, 1);
    assert_string_equal((char *)s.client.last, "hi");
    link_abort(s.client.link);
    scene_deinit(&s);
  }
}

/* The target's first words come with the proxy's last, before the request was sent. */
static void test_nothing_behind_the_answer_is_lost(void **state) {
  (void)state;
  static const struct {
    const char *scheme, *greeting, *answer;
    size_t answer_len;
  } cases[] = {
      {"http", NULL, OPENED, sizeof OPENED - 1},
      {"socks5h", "\5", "\5\0\0\1\0\0\0\0\0\0", 10},
  };
  static const char busy[] = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n";
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct scene s;
    char text[512];
    scene_init(&s, cases[i].scheme);
    scene_dial(&s, "ws://far.example/");
    if (cases[i].greeting) {
      assert_int_equal(raw_read(&s.rig, s.fd, text, 3), 3);
      raw_write(&s.rig, s.fd, "\5\0", 2);
      assert_int_equal(raw_read(&s.rig, s.fd, text, 7 + 11), 7 + 11);
    } else {
      raw_read_head(&s.rig, s.fd, text, sizeof text);
    }
    memcpy(text, cases[i].answer, cases[i].answer_len);
    memcpy(text + cases[i].answer_len, busy, sizeof busy - 1);
    raw_write(&s.rig, s.fd, text, cases[i].answer_len + sizeof busy - 1);
    assert_ended(&s, LINK_END_STATUS, "503 Busy");
    assert_int_equal(s.client.end.http_status, 503);
    assert_true(s.client.end.retry_after_ms == 7000);
    scene_deinit(&s);
  }
}

/* ---- refusals ---- */

static void test_refusals(void **state) {
  (void)state;
  static const struct {
    const char *answer, *detail;
    uint16_t status;
  } cases[] = {
      {"HTTP/1.1 407 No\r\n\r\n", ": HTTP 407 No: it wants a user name and password", 407},
      {"HTTP/1.1 403 No\r\n\r\n", ": HTTP 403 No, asked for far.example:80", 403},
      {"garbage\r\n\r\n", ": malformed HTTP", 0},
      {"", ": connection closed before the answer to CONNECT", 0},
      {"HTTP/1.1 200 O", ": connection closed before the answer to CONNECT", 0},
      {"HTTP/1.1 407 No\r\nA", ": connection closed before the answer to CONNECT", 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct scene s;
    char head[512], beginning[64];
    scene_init(&s, "http");
    scene_dial(&s, "ws://far.example/");
    raw_read_head(&s.rig, s.fd, head, sizeof head);
    answer(&s, cases[i].answer);
    shutdown(s.fd, SHUT_WR);
    assert_ended(&s, LINK_END_PROXY, cases[i].detail);
    snprintf(beginning, sizeof beginning, "proxy 127.0.0.1:%u: ", s.port);
    assert_ptr_equal(strstr(s.client.end.detail, beginning), s.client.end.detail);
    assert_int_equal(s.client.end.http_status, cases[i].status);
    assert_false(s.client.end.is_final);
    scene_deinit(&s);
  }
}

static void test_endless_answer(void **state) {
  (void)state;
  static const char line[] = "X-More: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
  struct scene s;
  scene_init(&s, "http");
  scene_dial(&s, "ws://far.example/");
  answer(&s, "HTTP/1.1 200 OK\r\n");
  while (!s.client.has_ended) {
    send(s.fd, line, sizeof line - 1, MSG_NOSIGNAL);
    uv_run(&s.rig.uv, UV_RUN_NOWAIT);
  }
  assert_ended(&s, LINK_END_PROXY, "its answer's head is longer than 16384 bytes");
  scene_deinit(&s);
}

static void test_reset(void **state) {
  (void)state;
  struct scene s;
  char text[3];
  scene_init(&s, "socks5h");
  scene_dial(&s, "ws://far.example/");
  assert_int_equal(raw_read(&s.rig, s.fd, text, 3), 3);
  struct linger linger = {1, 0};
  setsockopt(s.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  close(s.fd);
  s.fd = -1;
  assert_ended(&s, LINK_END_PROXY, "reset by peer before the answer to the SOCKS5 greeting");
  scene_deinit(&s);
}

static void test_an_unusable_address_is_final(void **state) {
  (void)state;
  struct scene s;
  scene_init(&s, "socks4");
  rig_dial(&s.rig, &s.settings, &s.client, "ws://far.example/");
  assert_ended(&s, LINK_END_PROXY, "proxy: scheme is not");
  assert_true(s.client.end.is_final);
  scene_deinit(&s);
}

static void test_silence(void **state) {
  (void)state;
  struct scene s;
  char detail[LINK_DETAIL_CAP];
  scene_init(&s, "http");
  s.settings.connect_timeout_ms = 30;
  scene_dial(&s, "ws://far.example/");
  snprintf(detail, sizeof detail,
           "no end of the answer to CONNECT from the proxy 127.0.0.1:%u within 30 ms", s.port);
  assert_ended(&s, LINK_END_TIMEOUT, detail);
  scene_deinit(&s);
}

/* ---- the target's address, for socks5:// ---- */

static void expect_request(struct scene *s, const char *url, const void *request, size_t len) {
  uint8_t text[32];
  scene_dial(s, url);
  assert_int_equal(raw_read(&s->rig, s->fd, text, 3), 3);
  raw_write(&s->rig, s->fd, "\5\0", 2);
  assert_int_equal(raw_read(&s->rig, s->fd, text, len), len);
  assert_memory_equal(text, request, len);
  link_abort(s->client.link);
}

static void test_which_address_is_asked_for(void **state) {
  (void)state;
  static const struct {
    const char *scheme, *url;
    size_t len;
    uint8_t request[24];
  } cases[] = {
      {"socks5", "ws://both.example/", 10, {5, 1, 0, 1, 192, 0, 2, 7, 0, 80}},
      {"socks5", "ws://four.example/", 10, {5, 1, 0, 1, 192, 0, 2, 7, 0, 80}},
      {"socks5", "ws://six.example/", 22, {5, 1, 0, 4, 0x20, 1, 0x0D, 0xB8, 0, 0, 0,
                                           0, 0, 0, 0, 0,    0, 0,    0,    7, 0, 80}},
      {"socks5", "ws://10.1.2.3:1/", 10, {5, 1, 0, 1, 10, 1, 2, 3, 0, 1}},
      {"socks5h", "ws://10.1.2.3:1/", 10, {5, 1, 0, 1, 10, 1, 2, 3, 0, 1}},
      {"socks5h", "ws://[::1]/", 22, {5, 1, 0, 4, 0, 0, 0, 0, 0, 0, 0,
                                      0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 80}},
      {"socks5h",
       "ws://six.example/",
       18,
       {5, 1, 0, 3, 11, 's', 'i', 'x', '.', 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 80}},
  };
  resolve_use(fake);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct scene s;
    scene_init(&s, cases[i].scheme);
    expect_request(&s, cases[i].url, cases[i].request, cases[i].len);
    scene_deinit(&s);
  }
  resolve_use(NULL);
}

static void test_a_name_without_address(void **state) {
  (void)state;
  struct scene s;
  resolve_use(fake);
  scene_init(&s, "socks5");
  scene_dial(&s, "ws://none.example/");
  assert_ended(&s, LINK_END_DNS, "look-up of none.example: ");
  scene_deinit(&s);
  resolve_use(NULL);
}

static void test_a_hung_look_up(void **state) {
  (void)state;
  resolve_use(fake);
  for (int aborted = 0; aborted < 2; aborted++) {
    struct scene s;
    scene_init(&s, "socks5");
    s.settings.connect_timeout_ms = aborted ? 10000 : 30;
    scene_dial(&s, "ws://hangs.example/");
    if (aborted)
      link_abort(s.client.link);
    else
      assert_ended(&s, LINK_END_TIMEOUT, "no end of the look-up for the proxy 127.0.0.1:");
    scene_deinit(&s);
    gate_open();
  }
  resolve_use(NULL);
}

/* ---- aborts, and memory that runs out ---- */

/* So many turns, as far as the upgrade's request or the link's end. */
static void play(struct scene *s, unsigned turns) {
  char text[4096];
  rig_start_ticking(&s->rig);
  for (unsigned i = 0; i < turns && !s->client.has_ended; i++) {
    uv_run(&s->rig.uv, UV_RUN_ONCE);
    if (s->fd < 0)
      s->fd = accept4(s->listening, NULL, NULL, SOCK_NONBLOCK);
    const ssize_t len = s->fd < 0 ? -1 : recv(s->fd, text, sizeof text, 0);
    if (len == 3)
      (void)!send(s->fd, "\5\0", 2, MSG_NOSIGNAL);
    else if (len > 0 && text[0] == 5)
      (void)!send(s->fd, "\5\0\0\1\0\0\0\0\0\0", 10, MSG_NOSIGNAL);
    else if (len > 0 && text[0] == 'G')
      return;
  }
}

static void test_abort_at_any_turn(void **state) {
  (void)state;
  for (unsigned turns = 0; turns < 12; turns++) {
    struct scene s;
    scene_init(&s, "socks5h");
    rig_dial(&s.rig, &s.settings, &s.client, "ws://far.example/");
    play(&s, turns);
    assert_false(s.client.has_ended);
    link_abort(s.client.link);
    scene_deinit(&s);
  }
}

static void test_every_allocation_may_fail(void **state) {
  (void)state;
  bool was_enough = false;
  unsigned failed_count = 0;
  for (long nth = 1; nth < 100 && !was_enough; nth++) {
    struct scene s;
    scene_init(&s, "socks5h");
    rig_dial(&s.rig, &s.settings, &s.client, "ws://far.example/");
    s.rig.memory.fail_at = s.rig.memory.taken + nth;
    play(&s, 200);
    was_enough = s.rig.memory.taken < s.rig.memory.fail_at;
    failed_count += s.client.has_ended;
    if (s.client.has_ended)
      assert_int_equal(s.client.end.kind, LINK_END_NO_MEMORY);
    else
      link_abort(s.client.link);
    s.rig.memory.fail_at = 0;
    scene_deinit(&s);
  }
  assert_true(was_enough);
  assert_true(failed_count >= 4); /* the passage, the dial, its attempt, messages */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_a_frame_behind_both_answers),
      cmocka_unit_test(test_nothing_behind_the_answer_is_lost),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_endless_answer),
      cmocka_unit_test(test_reset),
      cmocka_unit_test(test_an_unusable_address_is_final),
      cmocka_unit_test(test_silence),
      cmocka_unit_test(test_which_address_is_asked_for),
      cmocka_unit_test(test_a_name_without_address),
      cmocka_unit_test(test_a_hung_look_up),
      cmocka_unit_test(test_abort_at_any_turn),
      cmocka_unit_test(test_every_allocation_may_fail),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
