/* Requests and how they are answered: the server's side of the opening handshake. */
#include "net_rig.h"
#include "sock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

struct plain_client {
  struct rig rig;
  struct rig_server server;
  struct end far;
  int fd;
};

static void plain_client_init(struct plain_client *plain, const struct link_events *events) {
  memset(plain, 0, sizeof *plain);
  rig_init(&plain->rig);
  plain->far.events = events;
  plain->far.keeps = true;
  rig_server_init(&plain->server, &plain->rig, "127.0.0.1:0", &plain->far, 1);
  struct address address;
  address_from_ip(&address, "127.0.0.1");
  address_set_port(&address, listener_port(plain->server.listener));
  plain->fd = sock_open(AF_INET);
  assert_int_equal(sock_connect(plain->fd, &address), 0);
}

static void plain_client_deinit(struct plain_client *plain) {
  if (plain->far.link)
    link_abort(plain->far.link);
  close(plain->fd);
  rig_server_deinit(&plain->server);
  end_deinit(&plain->far);
  rig_deinit(&plain->rig);
}

static const char good_request[] = "GET /ws?a=b HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n"
                                   "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

static void test_bad_requests(void **state) {
  (void)state;
  static const struct {
    const char *request, *status;
  } cases[] = {
      {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 426 "},
      {"POST /ws HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 4"},
      {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
      {"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
       "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
       "HTTP/1.1 426 "},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct plain_client plain;
    plain_client_init(&plain, NULL);
    raw_write(&plain.rig, plain.fd, cases[i].request, strlen(cases[i].request));
    char head[4096];
    raw_read_head(&plain.rig, plain.fd, head, sizeof head);
    if (strncmp(head, cases[i].status, strlen(cases[i].status)) != 0)
      fail_msg("%zu: %s", i, head);
    char rest[1024];
    raw_read(&plain.rig, plain.fd, rest, sizeof rest); /* up to the end: the server ends it */
    shutdown(plain.fd, SHUT_WR);
    rig_until(&plain.rig, &plain.far.has_ended);
    assert_int_equal(plain.far.end.kind, LINK_END_HANDSHAKE);
    plain_client_deinit(&plain);
  }
}

static void test_refused_by_owner(void **state) {
  (void)state;
  struct plain_client plain;
  plain_client_init(&plain, &end_server_events);
  plain.far.wants_request = true;
  raw_write(&plain.rig, plain.fd, good_request, sizeof good_request - 1);
  rig_until(&plain.rig, &plain.far.has_request);
  assert_string_equal(plain.far.request_target, "/ws?a=b");
  static const char *const extra[] = {"Retry-After: 7", NULL};
  link_refuse(plain.far.link, 503, "busy", extra);
  link_refuse(plain.far.link, 500, "once is enough", NULL);
  char head[4096];
  raw_read_head(&plain.rig, plain.fd, head, sizeof head);
  assert_non_null(strstr(head, "HTTP/1.1 503 "));
  assert_non_null(strstr(head, "\r\nRetry-After: 7\r\n"));
  shutdown(plain.fd, SHUT_WR);
  rig_until(&plain.rig, &plain.far.has_ended);
  assert_int_equal(plain.far.end.kind, LINK_END_STATUS);
  assert_int_equal(plain.far.end.http_status, 503);
  plain_client_deinit(&plain);
}

/* Accepted a few turns later; frames that came too early are not lost. */
static void test_accepted_later(void **state) {
  (void)state;
  struct plain_client plain;
  plain_client_init(&plain, &end_server_events);
  plain.far.wants_request = true;
  static const uint8_t frame[] = {0x81, 0x82, 0, 0, 0, 0, 'h', 'i'};
  uint8_t bytes[sizeof good_request - 1 + sizeof frame];
  memcpy(bytes, good_request, sizeof good_request - 1);
  memcpy(bytes + sizeof good_request - 1, frame, sizeof frame);
  raw_write(&plain.rig, plain.fd, bytes, sizeof bytes);
  rig_until(&plain.rig, &plain.far.has_request);
  for (int i = 0; i < 5; i++)
    uv_run(&plain.rig.uv, UV_RUN_NOWAIT);
  assert_false(plain.far.is_open);
  static const char *const extra[] = {"X-Served-By: limpet", NULL};
  link_accept_upgrade(plain.far.link, extra);
  char head[4096];
  raw_read_head(&plain.rig, plain.fd, head, sizeof head);
  assert_non_null(strstr(head, "HTTP/1.1 101 "));
  assert_non_null(strstr(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  assert_non_null(strstr(head, "X-Served-By: limpet\r\n"));
  rig_until_count(&plain.rig, &plain.far.message_count, 1);
  assert_string_equal((char *)plain.far.last, "hi");
  plain_client_deinit(&plain);
}

static void test_bad_extra_header(void **state) {
  (void)state;
  struct plain_client plain;
  plain_client_init(&plain, &end_server_events);
  plain.far.wants_request = true;
  raw_write(&plain.rig, plain.fd, good_request, sizeof good_request - 1);
  rig_until(&plain.rig, &plain.far.has_request);
  static const char *const extra[] = {"no header", NULL};
  link_accept_upgrade(plain.far.link, extra);
  assert_true(raw_is_at_end(&plain.rig, plain.fd));
  shutdown(plain.fd, SHUT_WR);
  rig_until(&plain.rig, &plain.far.has_ended);
  assert_int_equal(plain.far.end.kind, LINK_END_HANDSHAKE);
  plain_client_deinit(&plain);
}

static void test_slow_clients(void **state) {
  (void)state;
  static const struct {
    const char *sends;
    bool is_request;
    const char *detail;
  } cases[] = {
      {"GET / HT", false, "no end of a request within 30 ms"},
      {good_request, true, "no end of deciding on the request within 30 ms"},
  };
  for (size_t i = 0; i < 2; i++) {
    struct plain_client plain;
    plain_client_init(&plain, &end_server_events);
    plain.server.settings.connect_timeout_ms = 30;
    plain.far.wants_request = true;
    raw_write(&plain.rig, plain.fd, cases[i].sends, strlen(cases[i].sends));
    rig_until(&plain.rig, &plain.far.has_ended);
    assert_int_equal(plain.far.end.kind, LINK_END_TIMEOUT);
    assert_string_equal(plain.far.end.detail, cases[i].detail);
    assert_int_equal(plain.far.has_request, cases[i].is_request);
    plain_client_deinit(&plain);
  }
}

static void test_client_leaves_before_request(void **state) {
  (void)state;
  struct plain_client plain;
  plain_client_init(&plain, NULL);
  shutdown(plain.fd, SHUT_WR);
  rig_until(&plain.rig, &plain.far.has_ended);
  assert_int_equal(plain.far.end.kind, LINK_END_LOST);
  assert_string_equal(plain.far.end.detail, "connection closed before a request came");
  plain_client_deinit(&plain);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_bad_requests),   cmocka_unit_test(test_refused_by_owner),
      cmocka_unit_test(test_accepted_later), cmocka_unit_test(test_bad_extra_header),
      cmocka_unit_test(test_slow_clients),   cmocka_unit_test(test_client_leaves_before_request),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
