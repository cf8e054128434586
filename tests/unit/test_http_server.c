/* The HTTP server on real sockets: one request after the other, limits, late answers, upgrades. */
#include "net_rig.h"
#include "sock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define HOST "Host: h\r\n"

/* Answers by path: /now at once, /later when the test says so, /big with many bytes, /ws by an
   upgrade, anything else by a refusal. */
struct world {
  struct rig rig;
  struct http_settings settings;
  struct link_settings links;
  struct http_server *http;
  struct http_exchange *later;
  struct end far;
  unsigned requests_count, refused_count;
  uint16_t refused_status;
  size_t big_len;
  int fd;
};

static bool is_path(const struct http_exchange *exchange, const char *path) {
  const struct url_slice own = http_request(exchange)->path;
  return own.len == strlen(path) && memcmp(own.text, path, own.len) == 0;
}

static void answer(struct http_exchange *exchange) {
  const struct http_request *request = http_request(exchange);
  char text[256];
  const int len =
      snprintf(text, sizeof text, "%s %.*s %.*s", request->head->method, (int)request->query.len,
               request->query.text, (int)request->body_len, (const char *)request->body);
  const struct http_response response = {
      .status = 200, .content_type = "text/plain", .body = text, .body_len = (size_t)len};
  http_respond(exchange, &response);
}

static void answer_big(struct world *world, struct http_exchange *exchange) {
  char *text = malloc(world->big_len);
  memset(text, 'x', world->big_len);
  const struct http_response response = {
      .status = 200, .content_type = "text/plain", .body = text, .body_len = world->big_len};
  http_respond(exchange, &response);
  free(text);
}

static void on_request(void *user, struct http_exchange *exchange) {
  struct world *world = user;
  world->requests_count++;
  if (is_path(exchange, "/now"))
    answer(exchange);
  else if (is_path(exchange, "/later"))
    world->later = exchange;
  else if (is_path(exchange, "/big"))
    answer_big(world, exchange);
  else if (!is_path(exchange, "/ws"))
    http_refuse(exchange, 404, "not_found", "nothing here", NULL);
  else if (http_request(exchange)->head->is_upgrade)
    world->far.link = http_upgrade(exchange, &world->links, &end_events, &world->far, NULL);
  else
    http_refuse_upgrade(exchange, NULL);
}

static void on_refused(void *user, uint16_t status, const char *sentence) {
  struct world *world = user;
  assert_true(sentence[0] != '\0');
  world->refused_count++;
  world->refused_status = status;
}

static int dial(struct world *world) {
  struct address address;
  address_from_ip(&address, "127.0.0.1");
  address_set_port(&address, http_server_port(world->http));
  const int fd = sock_open(AF_INET);
  assert_int_equal(sock_connect(fd, &address), 0);
  return fd;
}

static void world_init(struct world *world) {
  char detail[256];
  const struct http_handler handler = {on_request, on_refused, world};
  memset(world, 0, sizeof *world);
  rig_init(&world->rig);
  world->settings = (struct http_settings){.request_timeout_ms = 10000,
                                           .idle_timeout_ms = 10000,
                                           .max_head = 1000,
                                           .max_body = 100,
                                           .max_connections = 8};
  world->links = rig_settings();
  world->far.keeps = true;
  world->big_len = (size_t)4 * 1024 * 1024;
  world->http = http_server_new(world->rig.loop, "127.0.0.1:0", &world->settings, &handler, detail,
                                sizeof detail);
  if (!world->http)
    fail_msg("%s", detail);
  world->fd = dial(world);
}

static void world_deinit(struct world *world) {
  close(world->fd);
  if (world->far.link)
    link_abort(world->far.link);
  end_deinit(&world->far);
  http_server_free(world->http);
  rig_deinit(&world->rig);
}

static void say(struct world *world, const char *text) {
  raw_write(&world->rig, world->fd, text, strlen(text));
}

/* Reads one answer: its status, and its body into `body`. */
static int hear(struct world *world, char *body, size_t cap) {
  char head[4096];
  int status;
  raw_read_head(&world->rig, world->fd, head, sizeof head);
  assert_int_equal(sscanf(head, "HTTP/1.1 %d ", &status), 1);
  const char *length = strstr(head, "Content-Length: ");
  const size_t len = length ? strtoul(length + 16, NULL, 10) : 0;
  assert_true(len < cap);
  assert_int_equal(raw_read(&world->rig, world->fd, body, len), len);
  body[len] = '\0';
  return status;
}

static void expect(struct world *world, int status, const char *body) {
  char found[4096];
  assert_int_equal(hear(world, found, sizeof found), status);
  if (!strstr(found, body))
    fail_msg("'%s' is not in '%s'", body, found);
}

static void turn(struct world *world, int count) {
  for (int i = 0; i < count; i++)
    uv_run(&world->rig.uv, UV_RUN_NOWAIT);
}

/* ---- one after the other ---- */

static void test_one_after_the_other(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  say(&world, "GET /now?a HTTP/1.1\r\n" HOST "\r\n");
  expect(&world, 200, "GET a ");
  say(&world, "POST /now HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi");
  expect(&world, 200, "POST  hi");
  say(&world, "POST /now?c HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
              "1\r\nh\r\n1\r\no\r\n0\r\n\r\n");
  expect(&world, 200, "POST c ho");
  say(&world, "GET /else HTTP/1.1\r\n" HOST "\r\n");
  expect(&world, 404, "{\"type\":\"error\",\"code\":\"not_found\",\"message\":\"nothing here\"}");
  say(&world, "GET /now HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
  expect(&world, 200, "GET");
  assert_true(raw_is_at_end(&world.rig, world.fd));
  world_deinit(&world);
}

static void test_behind_one_another(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  say(&world, "GET /now?1 HTTP/1.1\r\n" HOST "\r\nPOST /now?2 HTTP/1.1\r\n" HOST
              "Content-Length: 1\r\n\r\nxGET /later HTTP/1.1\r\n" HOST
              "\r\nGET /now?4 HTTP/1.1\r\n" HOST "\r\nGET /now?5 HT");
  expect(&world, 200, "GET 1");
  expect(&world, 200, "POST 2 x");
  turn(&world, 10);
  assert_int_equal(world.requests_count, 3); /* the one behind waits for the answer */
  answer(world.later);
  expect(&world, 200, "GET");
  expect(&world, 200, "GET 4");
  say(&world, "TP/1.1\r\n" HOST "\r\n");
  expect(&world, 200, "GET 5");
  world_deinit(&world);
}

static void test_head(void **state) {
  (void)state;
  struct world world;
  char head[1024];
  world_init(&world);
  say(&world, "HEAD /now?q HTTP/1.1\r\n" HOST "\r\nGET /now HTTP/1.1\r\n" HOST "\r\n");
  raw_read_head(&world.rig, world.fd, head, sizeof head);
  assert_non_null(strstr(head, "Content-Length: 7\r\n")); /* "HEAD q " */
  expect(&world, 200, "GET");                             /* no body came in between */
  world_deinit(&world);
}

static void test_http_1_0(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  say(&world, "GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  expect(&world, 200, "GET");
  say(&world, "GET /now HTTP/1.0\r\n\r\n");
  expect(&world, 200, "GET");
  assert_true(raw_is_at_end(&world.rig, world.fd));
  world_deinit(&world);
}

static void test_expectation(void **state) {
  (void)state;
  struct world world;
  char head[1024];
  world_init(&world);
  say(&world, "POST /now HTTP/1.1\r\n" HOST "Content-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  raw_read_head(&world.rig, world.fd, head, sizeof head);
  assert_string_equal(head, "HTTP/1.1 100 Continue\r\n\r\n");
  say(&world, "ok");
  expect(&world, 200, "POST  ok");
  say(&world, "POST /now HTTP/1.1\r\n" HOST "Content-Length: 101\r\nExpect: 100-continue\r\n\r\n");
  expect(&world, 413, "too long");
  world_deinit(&world);
}

/* ---- what is refused ---- */

static void test_refusals(void **state) {
  (void)state;
  static const struct {
    const char *in;
    int status;
    const char *body;
  } cases[] = {
      {"nonsense\r\n\r\n", 400, "\"code\":\"bad_request\""},
      {"GET /now HTTP/1.1\r\n\r\n", 400, "no Host header"},
      {"GET /now HTTP/3.0\r\n" HOST "\r\n", 505, "\"code\":\"bad_request\""},
      {"POST /now HTTP/1.1\r\n" HOST "Content-Length: 101\r\n\r\n", 413, "\"code\":\"too_long\""},
      {"POST /now HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n65\r\n", 413, "too long"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct world world;
    char filling[200];
    memset(filling, 'x', sizeof filling - 1);
    filling[sizeof filling - 1] = '\0';
    world_init(&world);
    say(&world, cases[i].in);
    say(&world, filling); /* what still comes must not turn the answer into a reset */
    expect(&world, cases[i].status, cases[i].body);
    assert_true(raw_is_at_end(&world.rig, world.fd));
    assert_int_equal(world.requests_count, 0);
    assert_int_equal(world.refused_count, 1);
    assert_int_equal(world.refused_status, cases[i].status);
    world_deinit(&world);
  }
}

static void test_too_many(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  world.settings.max_connections = 1;
  say(&world, "GET /later HTTP/1.1\r\n" HOST "\r\n");
  rig_until_count(&world.rig, &world.requests_count, 1);
  const int first = world.fd;
  world.fd = dial(&world);
  say(&world, "GET /now HTTP/1.1\r\n" HOST "\r\n");
  expect(&world, 503, "too many connections");
  answer(world.later);
  close(world.fd);
  world.fd = first;
  expect(&world, 200, "GET");
  world_deinit(&world);
}

static void test_too_many_even_to_be_told(void **state) {
  (void)state;
  struct world world;
  int fds[80];
  world_init(&world);
  world.settings.max_connections = 1;
  for (size_t i = 0; i < COUNT(fds); i++)
    fds[i] = dial(&world);
  assert_true(raw_is_at_end(&world.rig, fds[COUNT(fds) - 1]));
  assert_in_range(http_server_count(world.http), 1, 65);
  for (size_t i = 0; i < COUNT(fds); i++)
    close(fds[i]);
  world_deinit(&world);
}

/* ---- time ---- */

static void test_slow_request(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  world.settings.request_timeout_ms = 30;
  say(&world, "GET /now HT");
  expect(&world, 408, "in time");
  assert_true(raw_is_at_end(&world.rig, world.fd));
  world_deinit(&world);
}

static void test_idle(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  world.settings.idle_timeout_ms = 30;
  say(&world, "GET /now HTTP/1.1\r\n" HOST "\r\n");
  expect(&world, 200, "GET");
  assert_true(raw_is_at_end(&world.rig, world.fd));
  assert_int_equal(world.refused_count, 0);
  world_deinit(&world);
}

/* Who does not read its answer is dropped; who reads it slowly gets all of it. */
static void test_big_answer(void **state) {
  (void)state;
  for (int reads = 0; reads < 2; reads++) {
    struct world world;
    world_init(&world);
    world.settings.request_timeout_ms = 100;
    world.big_len = (size_t)32 * 1024 * 1024;
    say(&world, "GET /big HTTP/1.1\r\n" HOST "\r\n");
    if (reads) {
      char *body = malloc(world.big_len + 1);
      assert_int_equal(hear(&world, body, world.big_len + 1), 200);
      free(body);
    } else {
      while (http_server_count(world.http) > 0)
        rig_turn(&world.rig);
    }
    world_deinit(&world);
  }
}

/* Answers that nobody reads make room for those that are read, the oldest first. */
static void test_answers_are_bounded(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  world.big_len = (size_t)32 * 1024 * 1024;
  world.settings.max_answers = world.big_len + world.big_len / 2;
  const int unread = dial(&world), reader = world.fd;
  world.fd = unread;
  say(&world, "GET /big HTTP/1.1\r\n" HOST "\r\n");
  rig_until_count(&world.rig, &world.requests_count, 1);
  world.fd = reader;
  char *body = malloc(world.big_len + 1);
  say(&world, "GET /big HTTP/1.1\r\n" HOST "\r\n");
  assert_int_equal(hear(&world, body, world.big_len + 1), 200);
  free(body);
  assert_int_equal(http_server_count(world.http), 1);
  close(unread);
  world_deinit(&world);
}

/* ---- late answers ---- */

static void test_client_has_left(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  say(&world, "GET /later HTTP/1.1\r\n" HOST "\r\n");
  rig_until_count(&world.rig, &world.requests_count, 1);
  shutdown(world.fd, SHUT_RDWR);
  turn(&world, 5);
  answer(world.later);
  while (http_server_count(world.http) > 0)
    rig_turn(&world.rig);
  world_deinit(&world);
}

static void test_server_has_left(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  say(&world, "GET /later HTTP/1.1\r\n" HOST "X-A: b\r\n\r\n");
  rig_until_count(&world.rig, &world.requests_count, 1);
  http_server_free(world.http);
  world.http = NULL;
  turn(&world, 5);
  assert_string_equal(http_header(world.later, "X-A"), "b"); /* still there for its owner */
  answer(world.later);
  world_deinit(&world);
}

static void test_stop(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  const int idle = dial(&world);
  say(&world, "GET /later HTTP/1.1\r\n" HOST "\r\n");
  rig_until_count(&world.rig, &world.requests_count, 1);
  while (http_server_count(world.http) < 2)
    rig_turn(&world.rig);
  http_server_stop(world.http);
  assert_true(raw_is_at_end(&world.rig, idle));
  answer(world.later);
  expect(&world, 200, "GET");
  assert_true(raw_is_at_end(&world.rig, world.fd));
  close(idle);
  world_deinit(&world);
}

/* ---- upgrades ---- */

#define ASKING                                                                                     \
  HOST "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"                \
       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

/* On a connection that was used before, with a frame on its heels. */
static void test_upgrade(void **state) {
  (void)state;
  static const uint8_t frame[] = {0x81, 0x82, 0, 0, 0, 0, 'h', 'i'};
  struct world world;
  char head[1024];
  uint8_t payload[16];
  size_t len;
  world_init(&world);
  world.far.echoes = true;
  say(&world, "GET /now HTTP/1.1\r\n" HOST "\r\nGET /ws HTTP/1.1\r\n" ASKING);
  raw_write(&world.rig, world.fd, frame, sizeof frame);
  expect(&world, 200, "GET");
  raw_read_head(&world.rig, world.fd, head, sizeof head);
  assert_non_null(strstr(head, "HTTP/1.1 101 "));
  assert_non_null(strstr(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  assert_int_equal(raw_read_frame(&world.rig, world.fd, payload, sizeof payload, &len), 0x81);
  assert_memory_equal(payload, "hi", 2);
  assert_int_equal(http_server_count(world.http), 0);
  world_deinit(&world);
}

static void test_bad_upgrades(void **state) {
  (void)state;
  static const struct {
    const char *in;
    int status;
    const char *header, *body;
  } cases[] = {
      {"GET /ws HTTP/1.1\r\n" HOST "\r\n", 426, "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n",
       "Upgrade header"},
      {"POST /ws HTTP/1.1\r\n" ASKING, 405, "\r\nAllow: GET\r\n", "not GET"},
      {"GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
       "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
       426, "\r\nSec-WebSocket-Version: 13\r\n", "not 13"},
      {"GET /ws HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
       400, "\r\n", "Sec-WebSocket-Key"},
      {"GET /ws HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 505, "\r\n", "not HTTP/1.1"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct world world;
    char head[1024], body[512];
    world_init(&world);
    say(&world, cases[i].in);
    raw_read_head(&world.rig, world.fd, head, sizeof head);
    assert_int_equal(strtol(head + 9, NULL, 10), cases[i].status);
    assert_non_null(strstr(head, cases[i].header));
    const size_t len = strtoul(strstr(head, "Content-Length: ") + 16, NULL, 10);
    assert_int_equal(raw_read(&world.rig, world.fd, body, len), len);
    body[len] = '\0';
    if (!strstr(body, cases[i].body))
      fail_msg("%s", body);
    say(&world, "GET /now HTTP/1.1\r\n" HOST "\r\n"); /* the connection is as good as before */
    expect(&world, 200, "GET");
    world_deinit(&world);
  }
}

static void test_bad_header_of_101(void **state) {
  (void)state;
  static const char *const bad[] = {"no header", NULL};
  struct world world;
  world_init(&world);
  say(&world, "GET /later HTTP/1.1\r\n" ASKING);
  rig_until_count(&world.rig, &world.requests_count, 1);
  assert_null(http_upgrade(world.later, &world.links, &end_events, &world.far, bad));
  assert_true(raw_is_at_end(&world.rig, world.fd));
  world_deinit(&world);
}

static void test_late_upgrade_of_nobody(void **state) {
  (void)state;
  struct world world;
  world_init(&world);
  say(&world, "GET /later HTTP/1.1\r\n" ASKING);
  rig_until_count(&world.rig, &world.requests_count, 1);
  http_server_free(world.http);
  world.http = NULL;
  assert_null(http_upgrade(world.later, &world.links, &end_events, &world.far, NULL));
  world_deinit(&world);
}

/* ---- without memory ---- */

/* Wherever memory ends, the connection ends or is told so, and nothing is left behind. */
static void test_without_memory(void **state) {
  (void)state;
  for (long fail_at = 1; fail_at < 40; fail_at++) {
    struct world world;
    world_init(&world);
    turn(&world, 3);
    world.rig.memory.fail_at = world.rig.memory.taken + fail_at;
    say(&world,
        "POST /now HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhiGET /ws HTTP/1.1\r\n" ASKING);
    turn(&world, 20);
    world_deinit(&world);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_after_the_other),
      cmocka_unit_test(test_behind_one_another),
      cmocka_unit_test(test_head),
      cmocka_unit_test(test_http_1_0),
      cmocka_unit_test(test_expectation),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_too_many),
      cmocka_unit_test(test_too_many_even_to_be_told),
      cmocka_unit_test(test_slow_request),
      cmocka_unit_test(test_idle),
      cmocka_unit_test(test_big_answer),
      cmocka_unit_test(test_answers_are_bounded),
      cmocka_unit_test(test_client_has_left),
      cmocka_unit_test(test_server_has_left),
      cmocka_unit_test(test_stop),
      cmocka_unit_test(test_upgrade),
      cmocka_unit_test(test_bad_upgrades),
      cmocka_unit_test(test_bad_header_of_101),
      cmocka_unit_test(test_late_upgrade_of_nobody),
      cmocka_unit_test(test_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
