/* From dial to open, and all that can be answered instead: the client's side. */
#include "net_gate.h"
#include "net_rig.h"
#include "resolve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- answers ---- */

/* What a server says instead of a proper 101; "101" in `answer` stands for the proper one. */
struct refusal {
  const char *name;
  const char *answer; /* NULL: nothing */
  bool repeats;       /* `answer` without end */
  bool resets;
  enum link_end_kind kind;
  const char *detail;
  uint16_t status;
  uint64_t retry_after_ms;
};

static const struct refusal refusals[] = {
    {"garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n", false, false, LINK_END_HANDSHAKE, "HTTP", 0,
     UINT64_MAX},
    {"endless headers", "HTTP/1.1 101 Switching Protocols\r\n", true, false, LINK_END_HANDSHAKE,
     "longer than 16384 bytes", 0, UINT64_MAX},
    {"wrong accept",
     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
     false, false, LINK_END_HANDSHAKE, "Accept", 0, UINT64_MAX},
    {"503 with Retry-After",
     "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", false,
     false, LINK_END_STATUS, "503", 503, 7000},
    {"401", "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", false, false, LINK_END_STATUS,
     "401", 401, UINT64_MAX},
    {"redirect", "HTTP/1.1 302 Found\r\nLocation: https://e.example/?token=secret\r\n\r\n", false,
     false, LINK_END_STATUS, "e.example/?token=***", 302, UINT64_MAX},
    {"end of stream", NULL, false, false, LINK_END_LOST, "before it answered the upgrade", 0,
     UINT64_MAX},
    {"reset", NULL, false, true, LINK_END_LOST, "reset", 0, UINT64_MAX},
    {"reset within the head", "HTTP/1.1 101 Switching", false, true, LINK_END_LOST, "reset", 0,
     UINT64_MAX},
};

static void say(struct rig *rig, const struct refusal *refusal, struct end *client, int fd) {
  if (refusal->answer) {
    raw_write(rig, fd, refusal->answer, strlen(refusal->answer));
    while (refusal->repeats && !client->has_ended) {
      static const char header[] =
          "X-More: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
      send(fd, header, sizeof header - 1, MSG_NOSIGNAL);
      uv_run(&rig->uv, UV_RUN_NOWAIT);
    }
  }
  if (refusal->resets) {
    struct linger linger = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  }
}

static void test_refusals(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
    const struct refusal *refusal = &refusals[i];
    struct rig rig;
    rig_init(&rig);
    struct end client = {0};
    struct link_settings settings = rig_settings();
    uint16_t port;
    int listening = raw_listen(&port);
    char url[64], head[4096];
    snprintf(url, sizeof url, "ws://127.0.0.1:%u/", port);
    rig_dial(&rig, &settings, &client, url);
    int fd = raw_accept(&rig, listening);
    raw_read_head(&rig, fd, head, sizeof head);
    say(&rig, refusal, &client, fd);
    close(fd);
    rig_until(&rig, &client.has_ended);
    if (client.end.kind != refusal->kind || !strstr(client.end.detail, refusal->detail))
      fail_msg("%s: %d %s", refusal->name, client.end.kind, client.end.detail);
    assert_int_equal(client.end.http_status, refusal->status);
    assert_true(client.end.retry_after_ms == refusal->retry_after_ms);
    assert_false(client.end.is_final);
    assert_false(client.is_open);
    close(listening);
    rig_deinit(&rig);
  }
}

/* The same answer, a frame behind it, in single bytes. */
static void test_single_bytes(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct end client = {.keeps = true};
  struct link_settings settings = rig_settings();
  static const char *const subprotocols[] = {"chat", "talk", NULL};
  settings.subprotocols = subprotocols;
  uint16_t port;
  int listening = raw_listen(&port);
  char url[64], head[4096], answer[1024];
  snprintf(url, sizeof url, "ws://127.0.0.1:%u/", port);
  rig_dial(&rig, &settings, &client, url);
  int fd = raw_accept(&rig, listening);
  raw_read_head(&rig, fd, head, sizeof head);
  size_t len = raw_answer(head, "Sec-WebSocket-Protocol: talk\r\n", answer, sizeof answer);
  memcpy(answer + len, "\x81\x02hi", 4);
  for (size_t i = 0; i < len + 4; i++) {
    raw_write(&rig, fd, answer + i, 1);
    uv_run(&rig.uv, UV_RUN_NOWAIT);
  }
  rig_until_count(&rig, &client.message_count, 1);
  assert_string_equal((char *)client.last, "hi");
  assert_string_equal(client.subprotocol, "talk");
  link_abort(client.link);
  close(fd);
  close(listening);
  end_deinit(&client);
  rig_deinit(&rig);
}

/* The answer and frames in one piece, the link paused as soon as it opens. */
static void pause_when_open(struct end *end, const char *event) {
  if (strcmp(event, "opened") == 0)
    link_pause(end->link, true);
}

static void test_frames_behind_the_answer(void **state) {
  (void)state;
  for (int paused = 0; paused < 2; paused++) {
    struct rig rig;
    rig_init(&rig);
    struct end client = {.keeps = true};
    struct link_settings settings = rig_settings();
    uint16_t port;
    int listening = raw_listen(&port);
    char url[64], head[4096], answer[1024];
    snprintf(url, sizeof url, "ws://127.0.0.1:%u/", port);
    client.on_event = paused ? pause_when_open : NULL;
    rig_dial(&rig, &settings, &client, url);
    int fd = raw_accept(&rig, listening);
    raw_read_head(&rig, fd, head, sizeof head);
    size_t len = raw_answer(head, "", answer, sizeof answer);
    memcpy(answer + len,
           "\x81\x01"
           "a\x81\x01"
           "b",
           6);
    raw_write(&rig, fd, answer, len + 6);
    rig_until(&rig, &client.is_open);
    if (paused) {
      for (int i = 0; i < 5; i++)
        uv_run(&rig.uv, UV_RUN_NOWAIT);
      assert_int_equal(client.message_count, 0);
      link_pause(client.link, false);
    }
    rig_until_count(&rig, &client.message_count, 2);
    assert_string_equal((char *)client.last, "b");
    link_abort(client.link);
    close(fd);
    close(listening);
    end_deinit(&client);
    rig_deinit(&rig);
  }
}

static void test_foreign_subprotocol_is_final(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct end client = {0};
  struct link_settings settings = rig_settings();
  uint16_t port;
  int listening = raw_listen(&port);
  char url[64];
  snprintf(url, sizeof url, "ws://127.0.0.1:%u/", port);
  rig_dial(&rig, &settings, &client, url);
  int fd = raw_accept(&rig, listening);
  raw_upgrade(&rig, fd, "Sec-WebSocket-Protocol: other\r\n");
  rig_until(&rig, &client.has_ended);
  assert_int_equal(client.end.kind, LINK_END_HANDSHAKE);
  assert_true(client.end.is_final);
  close(fd);
  close(listening);
  rig_deinit(&rig);
}

/* Ends that need no server. */
static void test_hopeless_dials(void **state) {
  (void)state;
  static const char *const bad_headers[] = {"no header", NULL};
  static const struct {
    const char *url;
    enum link_end_kind kind;
    const char *detail;
    bool is_final, has_bad_header;
  } cases[] = {
      {"http://127.0.0.1/", LINK_END_HANDSHAKE, "", true, false},
      {"ws://127.0.0.1:1/", LINK_END_REFUSED, "connect to 127.0.0.1:1: Connection refused", false,
       false},
      {"ws://localhost:1/", LINK_END_REFUSED, "(2 addresses tried)", false, false},
      {"ws+unix:///nonexistent/s:/", LINK_END_REFUSED, "No such file", false, false},
      {"ws://255.255.255.255:1/", LINK_END_UNREACHABLE, "255.255.255.255:1", false, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct rig rig;
    rig_init(&rig);
    struct end client = {0};
    struct link_settings settings = rig_settings();
    settings.headers = cases[i].has_bad_header ? bad_headers : NULL;
    rig_dial(&rig, &settings, &client, cases[i].url);
    assert_false(client.has_ended); /* never from inside the call */
    rig_until(&rig, &client.has_ended);
    if (client.end.kind != cases[i].kind || !strstr(client.end.detail, cases[i].detail))
      fail_msg("%s: %d %s", cases[i].url, client.end.kind, client.end.detail);
    assert_int_equal(client.end.is_final, cases[i].is_final);
    rig_deinit(&rig);
  }
}

static void test_bad_header_is_final(void **state) {
  (void)state;
  static const char *const headers[] = {"Bad\r\nInjected: 1", NULL};
  struct rig rig;
  rig_init(&rig);
  struct end client = {0};
  struct link_settings settings = rig_settings();
  settings.headers = headers;
  uint16_t port;
  int listening = raw_listen(&port);
  char url[64];
  snprintf(url, sizeof url, "ws://127.0.0.1:%u/", port);
  rig_dial(&rig, &settings, &client, url);
  rig_until(&rig, &client.has_ended);
  assert_int_equal(client.end.kind, LINK_END_HANDSHAKE);
  assert_true(client.end.is_final);
  close(listening);
  rig_deinit(&rig);
}

static void test_no_answer_in_time(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct end client = {0};
  struct link_settings settings = rig_settings();
  settings.connect_timeout_ms = 30;
  uint16_t port;
  int listening = raw_listen(&port);
  char url[64];
  snprintf(url, sizeof url, "ws://127.0.0.1:%u/", port);
  const uint64_t began_ms = net_loop_now_ms(rig.loop); /* before: dialing takes its time, too */
  rig_dial(&rig, &settings, &client, url);
  int fd = raw_accept(&rig, listening);
  rig_until(&rig, &client.has_ended);
  assert_true(net_loop_now_ms(rig.loop) >= began_ms + 30);
  assert_int_equal(client.end.kind, LINK_END_TIMEOUT);
  assert_string_equal(client.end.detail, "no end of the opening handshake within 30 ms");
  close(fd);
  close(listening);
  rig_deinit(&rig);
}

/* ---- names ---- */

static void fake(const char *host, int family, struct resolve_answer *answer) {
  gate_pass(host);
  if (family == AF_INET && address_from_ip(&answer->addresses[0], "127.0.0.1"))
    answer->count = 1;
}

/* A look-up that hangs blocks neither another dial, nor its own end, nor the loop's. */
static void test_hung_lookup(void **state) {
  (void)state;
  resolve_use(fake);
  struct rig rig;
  rig_init(&rig);
  struct end hung = {0}, late = {0}, client = {0}, far = {0};
  struct rig_server server;
  struct link_settings settings = rig_settings(), hasty = rig_settings();
  hasty.connect_timeout_ms = 20;
  rig_server_init(&server, &rig, "127.0.0.1:0", &far, 1);
  rig_dial(&rig, &settings, &hung, "ws://hangs.example/");
  rig_dial(&rig, &hasty, &late, "ws://hangs.example/");
  char url[64];
  snprintf(url, sizeof url, "ws://works.example:%u/", http_server_port(server.http));
  rig_dial(&rig, &settings, &client, url);
  rig_until(&rig, &client.is_open);
  rig_until(&rig, &late.has_ended);
  assert_int_equal(late.end.kind, LINK_END_TIMEOUT);
  assert_string_equal(
      late.end.detail,
      "no end of connecting: waiting for the look-up of hangs.example within 20 ms");
  assert_false(hung.has_ended);
  link_abort(hung.link);
  link_abort(client.link);
  link_abort(far.link);
  rig_server_deinit(&server);
  rig_deinit(&rig);
  gate_open();
  resolve_use(NULL);
}

/* ---- out of descriptors ---- */

static void test_without_descriptors(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  uv_run(&rig.uv, UV_RUN_NOWAIT);
  struct end client = {0};
  struct link_settings settings = rig_settings();
  struct rlimit before, tight;
  getrlimit(RLIMIT_NOFILE, &before);
  int highest = dup(0);
  close(highest);
  tight = (struct rlimit){(rlim_t)highest, before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &tight);
  rig_dial(&rig, &settings, &client, "ws://127.0.0.1:1/");
  rig_until(&rig, &client.has_ended);
  setrlimit(RLIMIT_NOFILE, &before);
  assert_int_equal(client.end.kind, LINK_END_SYSTEM);
  assert_non_null(strstr(client.end.detail, "Too many open files"));
  rig_deinit(&rig);
}

/* ---- aborts ---- */

static void abort_inside(struct end *end, const char *event) {
  if (end->link && strcmp(event, end->context) == 0) {
    struct link *link = end->link;
    end->link = NULL;
    link_abort(link);
    link_abort(link); /* harmless */
  }
}

static void send_some(struct end *end, const char *event) {
  if (strcmp(event, "opened") != 0)
    return;
  struct link_position position;
  link_write(end->link, FRAME_TEXT, "one", 3, NULL);
  link_write(end->link, FRAME_TEXT, "two", 3, NULL);
  link_ping(end->link, "p", 1, &position);
}

static void test_abort_inside_each_event(void **state) {
  (void)state;
  static char *const events[] = {"opened",  "message", "received", "pong",
                                 "flushed", "ended",   "progress"};
  for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
    struct rig rig;
    rig_init(&rig);
    struct end far = {.on_event = abort_inside, .context = events[i], .echoes = true};
    struct end client = {.on_event = send_some};
    struct rig_server server;
    struct link_settings settings = rig_settings();
    rig_server_init(&server, &rig, "127.0.0.1:0", &far, 1);
    rig_dial(&rig, &settings, &client, server.url);
    for (int turn = 0; turn < 50 && !client.has_ended; turn++)
      uv_run(&rig.uv, UV_RUN_NOWAIT);
    if (client.link)
      link_close(client.link, 1000, NULL);
    for (int turn = 0; turn < 50; turn++)
      uv_run(&rig.uv, UV_RUN_NOWAIT);
    if (client.link)
      link_abort(client.link);
    if (far.link)
      link_abort(far.link);
    rig_server_deinit(&server);
    rig_deinit(&rig);
  }
}

static void test_abort_at_any_turn(void **state) {
  (void)state;
  for (int turns = 0; turns < 12; turns++) {
    struct rig rig;
    rig_init(&rig);
    struct end far = {0}, client = {0};
    struct rig_server server;
    struct link_settings settings = rig_settings();
    rig_server_init(&server, &rig, "127.0.0.1:0", &far, 1);
    rig_dial(&rig, &settings, &client, server.url);
    for (int i = 0; i < turns; i++)
      uv_run(&rig.uv, UV_RUN_NOWAIT);
    assert_false(client.has_ended);
    link_abort(client.link);
    rig_server_deinit(&server);
    for (int i = 0; i < 20; i++)
      uv_run(&rig.uv, UV_RUN_NOWAIT);
    if (far.link)
      link_abort(far.link);
    rig_deinit(&rig);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_single_bytes),
      cmocka_unit_test(test_frames_behind_the_answer),
      cmocka_unit_test(test_foreign_subprotocol_is_final),
      cmocka_unit_test(test_hopeless_dials),
      cmocka_unit_test(test_bad_header_is_final),
      cmocka_unit_test(test_no_answer_in_time),
      cmocka_unit_test(test_hung_lookup),
      cmocka_unit_test(test_without_descriptors),
      cmocka_unit_test(test_abort_inside_each_event),
      cmocka_unit_test(test_abort_at_any_turn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
