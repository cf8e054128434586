/* Open links: messages, control frames, backpressure, memory. */
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

/* ---- a client and a server link, both ours ---- */

struct pair {
  struct rig rig;
  struct rig_server server;
  struct link_settings settings;
  struct end client, far;
};

static void pair_init(struct pair *pair, const char *address) {
  memset(pair, 0, sizeof *pair);
  rig_init(&pair->rig);
  pair->settings = rig_settings();
  rig_server_init(&pair->server, &pair->rig, address, &pair->far, 1);
  pair->client.keeps = pair->far.keeps = true;
}

static void pair_open(struct pair *pair) {
  rig_open(&pair->rig, &pair->server, &pair->settings, &pair->client);
}

static void pair_deinit(struct pair *pair) {
  if (pair->client.link)
    link_abort(pair->client.link);
  if (pair->far.link)
    link_abort(pair->far.link);
  rig_server_deinit(&pair->server);
  end_deinit(&pair->client);
  end_deinit(&pair->far);
  rig_deinit(&pair->rig);
}

static void use_deflate(struct link_settings *settings, bool forgets) {
  settings->compress = true;
  settings->deflate = (struct deflate_params){forgets, forgets, 15, 15};
}

static void test_echo(void **state) {
  (void)state;
  char local[64];
  snprintf(local, sizeof local, "unix:/tmp/limpet_link_%d.sock", (int)getpid());
  const char *const addresses[] = {"127.0.0.1:0", "[::1]:0", local};
  static const size_t sizes[] = {0, 1, 5, 125, 126, 65535, 65536, 65537, 300000};
  uint8_t *data = malloc(300000);
  for (size_t i = 0; i < 300000; i++)
    data[i] = (uint8_t)('a' + i % 23);
  for (unsigned way = 0; way < (HAS_DEFLATE ? 3 * 3 : 3); way++) {
    struct pair pair;
    pair_init(&pair, addresses[way % 3]);
    pair.far.echoes = true;
    if (way / 3 > 0) {
      use_deflate(&pair.settings, way / 3 == 2);
      use_deflate(&pair.server.settings, false);
    }
    pair_open(&pair);
    assert_int_equal(link_is_opaque(pair.client.link), way / 3 > 0);
    assert_ptr_equal(link_loop(pair.client.link), pair.rig.loop);
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      uint8_t opcode = i % 2 ? FRAME_BINARY : FRAME_TEXT;
      uint64_t end;
      assert_true(link_write(pair.client.link, opcode, data, sizes[i], &end));
      rig_until_count(&pair.rig, &pair.client.message_count, i + 1);
      assert_int_equal(pair.client.last_opcode, opcode);
      assert_int_equal(pair.client.last_len, sizes[i]);
      assert_memory_equal(pair.client.last, data, sizes[i]);
      assert_int_equal(link_stream_sent(pair.client.link), end);
      assert_int_equal(link_buffered(pair.client.link), 0);
    }
    assert_true(pair.client.flushed_count > 0 && pair.client.received_count > 0);
    pair_deinit(&pair);
  }
  free(data);
}

static void test_large_message(void **state) {
  (void)state;
  const size_t len = 16 * 1024 * 1024;
  uint8_t *data = malloc(len);
  for (size_t i = 0; i < len; i++)
    data[i] = (uint8_t)(i * 2654435761u >> 13);
  for (int with_compression = 0; with_compression <= HAS_DEFLATE; with_compression++) {
    struct pair pair;
    pair_init(&pair, "127.0.0.1:0");
    if (with_compression) {
      use_deflate(&pair.settings, false);
      use_deflate(&pair.server.settings, false);
    }
    pair_open(&pair);
    assert_true(link_write(pair.client.link, FRAME_BINARY, data, len, NULL));
    rig_until_count(&pair.rig, &pair.far.message_count, 1);
    assert_int_equal(pair.far.last_len, len);
    assert_memory_equal(pair.far.last, data, len);
    assert_true(link_write(pair.far.link, FRAME_BINARY, data, len, NULL));
    rig_until_count(&pair.rig, &pair.client.message_count, 1);
    assert_memory_equal(pair.client.last, data, len);
    assert_true(with_compression || pair.client.progress_len > len / 2);
    pair_deinit(&pair);
  }
  free(data);
}

static void test_many_links(void **state) {
  (void)state;
  enum { LINKS = 200 };
  static struct end clients[LINKS], servers[LINKS];
  memset(clients, 0, sizeof clients);
  memset(servers, 0, sizeof servers);
  struct rig rig;
  rig_init(&rig);
  struct rig_server server;
  struct link_settings settings = rig_settings();
  rig_server_init(&server, &rig, "127.0.0.1:0", servers, LINKS);
  for (size_t i = 0; i < LINKS; i++) {
    servers[i].echoes = true;
    rig_dial(&rig, &settings, &clients[i], server.url);
  }
  for (size_t i = 0; i < LINKS; i++)
    rig_until(&rig, &clients[i].is_open);
  for (size_t i = 0; i < LINKS; i++)
    assert_true(link_write(clients[i].link, FRAME_TEXT, "x", 1, NULL));
  for (size_t i = 0; i < LINKS; i++)
    rig_until_count(&rig, &clients[i].message_count, 1);
  for (size_t i = 0; i < LINKS; i++)
    link_close(clients[i].link, 1000, NULL);
  for (size_t i = 0; i < LINKS; i++) {
    rig_until(&rig, &clients[i].has_ended);
    rig_until(&rig, &servers[i].has_ended);
    assert_true(clients[i].end.was_clean);
  }
  rig_server_deinit(&server);
  rig_deinit(&rig);
}

static void test_busy_poll(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, "127.0.0.1:0");
  pair.far.echoes = true;
  pair.settings.busy_poll_us = pair.server.settings.busy_poll_us = 50;
  pair_open(&pair);
  for (unsigned i = 0; i < 100; i++) {
    assert_true(link_write(pair.client.link, FRAME_TEXT, "ping-pong", 9, NULL));
    rig_until_count(&pair.rig, &pair.client.message_count, i + 1);
  }
  pair_deinit(&pair);
}

/* ---- memory ---- */

/* Once warm, messages cost no allocation: neither small ones nor large ones, in either direction.
 */
static void exchange(struct pair *pair, const uint8_t *data, unsigned rounds) {
  for (unsigned i = 0; i < rounds; i++) {
    unsigned before = pair->client.message_count;
    for (unsigned k = 0; k < 50; k++)
      assert_true(link_write(pair->client.link, FRAME_TEXT, data, 64, NULL));
    assert_true(link_write_volatile(pair->client.link, FRAME_BINARY, data, 200000, NULL));
    rig_until_count(&pair->rig, &pair->client.message_count, before + 51);
    struct link_position position;
    unsigned pongs = pair->client.pong_count;
    assert_true(link_ping(pair->client.link, "12345678", 8, &position));
    rig_until_count(&pair->rig, &pair->client.pong_count, pongs + 1);
  }
}

static void test_no_allocation_once_warm(void **state) {
  (void)state;
  uint8_t *data = calloc(1, 200000);
  memset(data, 'x', 200000);
  struct pair pair;
  pair_init(&pair, "127.0.0.1:0");
  pair.far.echoes = true;
  pair.client.keeps = pair.far.keeps = false;
  pair_open(&pair);
  exchange(&pair, data, 20);
  long taken = pair.rig.memory.taken;
  exchange(&pair, data, 100);
  assert_int_equal(pair.rig.memory.taken, taken);
  pair_deinit(&pair);
  free(data);
}

/* A silent link gives its buffers back: one block of memory is left of each. */
static void test_idle_links_own_one_block(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, "127.0.0.1:0");
  pair.far.echoes = true;
  struct net_timer timer = {0}; /* the loop's own list of deadlines is made */
  net_timer_set(pair.rig.loop, &timer, 0);
  net_timer_unset(pair.rig.loop, &timer);
  long before = pair.rig.memory.live;
  pair_open(&pair);
  assert_true(link_write(pair.client.link, FRAME_TEXT, "x", 1, NULL));
  rig_until_count(&pair.rig, &pair.client.message_count, 1);
  long spare = 2; /* buffers that the loop keeps for the next ones */
  while (pair.rig.memory.live > before + 2 + spare)
    rig_turn(&pair.rig);
  long taken = pair.rig.memory.taken;
  assert_true(link_write(pair.client.link, FRAME_TEXT, "x", 1, NULL));
  rig_until_count(&pair.rig, &pair.client.message_count, 2);
  assert_int_equal(pair.rig.memory.taken, taken); /* and takes them again without allocating */
  pair_deinit(&pair);
}

/* Everything that can go wrong for want of memory, one allocation after another: the link ends or
   goes on, nothing leaks, nothing is used after it is freed. */
static void live_a_life(struct pair *pair) {
  static uint8_t data[300000];
  struct end *client = &pair->client;
  client->link = link_dial(pair->rig.loop, &pair->settings, &end_events, client, pair->server.url);
  if (!client->link)
    return;
  while (!client->has_ended && !pair->far.has_ended && !client->is_open)
    rig_turn(&pair->rig);
  if (client->is_open && !client->has_ended) {
    struct link_position position;
    (void)link_write(client->link, FRAME_BINARY, "small", 5, NULL);
    (void)link_write_volatile(client->link, FRAME_BINARY, data, sizeof data, NULL);
    (void)link_write_ahead(client->link, "{}", 2, &position);
    (void)link_ping(client->link, "last", 4, &position);
    link_pause(client->link, true);
    link_pause(client->link, false);
    for (int i = 0; i < 200 && !client->has_ended && client->pong_count == 0; i++)
      rig_turn(&pair->rig);
    if (client->link)
      link_close(client->link, 1000, "");
  }
  for (int i = 0; i < 200 && !client->has_ended; i++)
    rig_turn(&pair->rig);
}

static void test_without_memory(void **state) {
  (void)state;
  for (int with_compression = 0; with_compression <= HAS_DEFLATE; with_compression++) {
    for (int all_later = 0; all_later < 2; all_later++) {
      for (long nth = 1;; nth++) {
        struct pair pair;
        pair_init(&pair, "127.0.0.1:0");
        pair.settings.close_timeout_ms = 20;
        pair.settings.connect_timeout_ms = 300;
        if (with_compression) {
          use_deflate(&pair.settings, false);
          use_deflate(&pair.server.settings, false);
        }
        rig_start_ticking(&pair.rig);
        pair.rig.memory.fail_at = pair.rig.memory.taken + nth;
        pair.rig.memory.fail_after = all_later;
        live_a_life(&pair);
        bool was_enough = pair.rig.memory.taken < pair.rig.memory.fail_at;
        pair.rig.memory.fail_at = 0;
        pair_deinit(&pair);
        if (was_enough)
          break;
      }
    }
  }
}

/* ---- backpressure ---- */

/* Writes until the kernel takes no more and `waiting` bytes wait. */
static void block(struct rig *rig, struct link *link, size_t waiting, size_t len) {
  char *text = malloc(len);
  memset(text, 'd', len);
  while (link_buffered(link) < waiting) {
    assert_true(link_write(link, FRAME_TEXT, text, len, NULL));
    link_flush(link);
    uv_run(&rig->uv, UV_RUN_NOWAIT);
  }
  free(text);
}

static void test_writable(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, "127.0.0.1:0");
  pair.settings.high_water = 100000;
  pair_open(&pair);
  link_pause(pair.far.link, true);
  assert_true(link_is_writable(pair.client.link));
  block(&pair.rig, pair.client.link, 200000, 10000);
  assert_false(link_is_writable(pair.client.link));
  uint64_t sent = link_stream_sent(pair.client.link);
  unsigned flushed = pair.client.flushed_count;
  link_pause(pair.far.link, false);
  while (!link_is_writable(pair.client.link))
    rig_turn(&pair.rig);
  assert_true(pair.client.flushed_count > flushed);
  assert_true(link_stream_sent(pair.client.link) > sent);
  while (link_buffered(pair.client.link) > 0)
    rig_turn(&pair.rig);
  pair_deinit(&pair);
}

/* Whoever counts what it wrote hears of each turn in which it did, whether or not the kernel took
   some: of one that took nothing once, and not again while nothing is written. */
static void test_held_up(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, "127.0.0.1:0");
  pair_open(&pair);
  link_pause(pair.far.link, true);
  block(&pair.rig, pair.client.link, 200000, 10000);
  unsigned flushed, held_up;
  do { /* the kernel may yet take a little */
    flushed = pair.client.flushed_count;
    held_up = pair.client.held_up_count;
    assert_true(link_write(pair.client.link, FRAME_TEXT, "more", 4, NULL));
    uv_run(&pair.rig.uv, UV_RUN_NOWAIT);
  } while (pair.client.flushed_count > flushed);
  assert_int_equal(pair.client.held_up_count, held_up + 1);
  uv_run(&pair.rig.uv, UV_RUN_NOWAIT);
  assert_true(pair.client.flushed_count > flushed || pair.client.held_up_count == held_up + 1);
  link_pause(pair.far.link, false);
  while (link_buffered(pair.client.link) > 0)
    rig_turn(&pair.rig);
  pair_deinit(&pair);
}

static void pause_self(struct end *end, const char *event) {
  if (strcmp(event, "message") == 0 && end->message_count % 3 == 0)
    link_pause(end->link, true);
}

/* Paused between two messages of one read: the rest waits, in order, and control frames with it. */
static void test_pause(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, "127.0.0.1:0");
  pair_open(&pair);
  pair.far.on_event = pause_self;
  struct link_position position;
  for (int i = 0; i < 10; i++) {
    char text[8];
    snprintf(text, sizeof text, "%d", i);
    assert_true(link_write(pair.client.link, FRAME_TEXT, text, 1, NULL));
  }
  link_flush(pair.client.link);
  assert_true(link_ping(pair.client.link, "p", 1, &position));
  for (unsigned seen = 3; seen <= 9; seen += 3) {
    rig_until_count(&pair.rig, &pair.far.message_count, seen);
    for (int i = 0; i < 5; i++)
      uv_run(&pair.rig.uv, UV_RUN_NOWAIT);
    assert_int_equal(pair.far.message_count, seen);
    assert_int_equal(pair.far.last[0], '0' + seen - 1);
    assert_int_equal(pair.client.pong_count, 0);
    link_pause(pair.far.link, false);
    link_pause(pair.far.link, false);
  }
  rig_until_count(&pair.rig, &pair.far.message_count, 10);
  rig_until_count(&pair.rig, &pair.client.pong_count, 1);
  pair_deinit(&pair);
}

/* A paused link keeps the loop running although its socket is not polled. */
static void test_paused_link_keeps_loop_alive(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, "127.0.0.1:0");
  pair_open(&pair);
  link_pause(pair.client.link, true);
  link_abort(pair.far.link);
  pair.far.link = NULL;
  rig_server_deinit(&pair.server);
  for (int i = 0; i < 10; i++)
    assert_int_not_equal(uv_run(&pair.rig.uv, UV_RUN_NOWAIT), 0);
  assert_false(pair.client.has_ended);
  link_pause(pair.client.link, false);
  rig_until(&pair.rig, &pair.client.has_ended);
  assert_int_equal(pair.client.end.kind, LINK_END_LOST);
  pair_deinit(&pair);
}

/* ---- control frames ---- */

static void test_every_ping_is_answered(void **state) {
  (void)state;
  struct pair pair;
  pair_init(&pair, "127.0.0.1:0");
  pair_open(&pair);
  char payload[FRAME_CONTROL_MAX];
  for (unsigned i = 0; i < 20; i++) {
    memset(payload, 'a' + (int)i, sizeof payload);
    struct link_position position;
    assert_true(link_ping(pair.client.link, payload, sizeof payload, &position));
  }
  rig_until_count(&pair.rig, &pair.client.pong_count, 20);
  assert_int_equal(strlen(pair.client.pong), sizeof payload);
  assert_int_equal(pair.client.pong[0], 'a'); /* what goes ahead goes ahead of the one before */
  pair_deinit(&pair);
}

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

/* Questions overtake what waits at the next frame boundary, and the positions tell where. */
static void test_questions_go_ahead(void **state) {
  (void)state;
  struct half half;
  half_init(&half);
  struct link *link = half.client.link;
  block(&half.rig, link, 500000, 7000);
  uint64_t sent = link_stream_sent(link), waiting = link_buffered(link);
  struct link_position ping, question;
  assert_true(link_ping(link, "now", 3, &ping));
  assert_true(link_write_ahead(link, "{\"type\":\"ping\"}", 15, &question));
  assert_int_equal(ping.end - ping.begin, 2 + 4 + 3);
  assert_true(ping.begin >= sent && ping.begin < sent + 7000 + 8);
  assert_int_equal(question.begin, ping.begin); /* the later one overtakes again */
  assert_int_equal(link_buffered(link),
                   waiting + (ping.end - ping.begin) + (question.end - question.begin));
  uint8_t payload[8192];
  uint64_t position = 0;
  size_t len;
  while (position < question.begin) {
    assert_int_equal(raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len), 0x81);
    assert_int_equal(len, 7000);
    position += 8 + len;
  }
  assert_int_equal(position, question.begin);
  assert_int_equal(raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len), 0x81);
  assert_int_equal(len, 15);
  assert_int_equal(raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len), 0x89);
  assert_memory_equal(payload, "now", 3);
  assert_int_equal(raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len), 0x81);
  assert_int_equal(len, 7000);
  half_deinit(&half);
}

/* A peer that asks and asks without reading gets the latest pong, not all of them. */
static void test_ping_flood(void **state) {
  (void)state;
  struct half half;
  half_init(&half);
  struct link *link = half.client.link;
  block(&half.rig, link, 300000, 7000);
  uint64_t waiting = link_buffered(link), total = link_stream_sent(link) + waiting;
  for (unsigned i = 0; i < 1000; i++) {
    uint8_t ping[6] = {0x89, 4, (uint8_t)('a' + i % 26), 'i', (uint8_t)(i >> 8), (uint8_t)i};
    raw_write(&half.rig, half.fd, ping, sizeof ping);
  }
  for (int i = 0; i < 20; i++)
    uv_run(&half.rig.uv, UV_RUN_NOWAIT);
  assert_int_equal(link_buffered(link), waiting);
  uint8_t payload[8192] = {0};
  unsigned pongs = 0;
  uint64_t position = 0;
  while (position < total) {
    size_t len;
    uint8_t first = raw_read_frame(&half.rig, half.fd, payload, sizeof payload, &len);
    if (first == 0x8A)
      pongs++;
    if (first == 0x8A && payload[2] == (999 >> 8) && payload[3] == (999 & 0xFF))
      break;
    position += len + (first == 0x8A ? 0 : 8);
  }
  assert_in_range(pongs, 1, 4);
  assert_true(position < total);
  half_deinit(&half);
}

static void test_progress(void **state) {
  (void)state;
  struct half half;
  half_init(&half);
  static const uint8_t begin[] = {0x82, 126, 0x10, 0x00};
  static const uint8_t zeros[4096];
  raw_write(&half.rig, half.fd, begin, sizeof begin);
  raw_write(&half.rig, half.fd, zeros, 1000);
  while (half.client.progress_len < sizeof begin + 1000)
    rig_turn(&half.rig);
  assert_int_equal(half.client.progress_len, sizeof begin + 1000);
  raw_write(&half.rig, half.fd, zeros, 3096);
  rig_until_count(&half.rig, &half.client.message_count, 1);
  assert_int_equal(half.client.last_len, 4096);
  half_deinit(&half);
}

/* ---- bombs ---- */

enum { BOMB_LEN = 4 * 1024 * 1024, BOMB_FRAME_CAP = 16 * 1024, BOMB_COUNT = 64 };

/* A frame of some kilobytes, the message of which is much longer. */
static size_t make_bomb(uint8_t frame[BOMB_FRAME_CAP]) {
  struct deflater deflater;
  uint8_t *zeros = calloc(1, BOMB_LEN), *deflated = malloc(BOMB_LEN);
  assert_int_equal(deflater_init(&deflater, 15, true, NULL), INFLATE_OK);
  const size_t len = deflater_message(&deflater, zeros, BOMB_LEN, deflated, BOMB_LEN);
  assert_in_range(len, 1, BOMB_FRAME_CAP - FRAME_HEADER_MAX);
  const size_t frame_len =
      frame_write(frame, FRAME_FIN | FRAME_RSV1 | FRAME_BINARY, deflated, len, NULL);
  deflater_deinit(&deflater);
  free(zeros);
  free(deflated);
  return frame_len;
}

/* All of them lie in the socket at once. */
static void throw_bombs(int fd, const struct link *at) {
  static uint8_t frame[BOMB_FRAME_CAP];
  const size_t len = make_bomb(frame);
  const int large = 4 * 1024 * 1024;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &large, sizeof large);
  setsockopt(link_socket(at), SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
  for (unsigned i = 0; i < BOMB_COUNT; i++)
    assert_int_equal(send(fd, frame, len, MSG_NOSIGNAL), len);
}

/* What little was received may take long to inflate: the loop has others to serve. */
static void test_inflated_by_the_turn(void **state) {
  (void)state;
  if (!HAS_DEFLATE)
    skip();
  struct rig rig;
  rig_init(&rig);
  struct end client = {0};
  struct link_settings settings = rig_settings();
  use_deflate(&settings, true);
  uint16_t port;
  const int listening = raw_listen(&port);
  char url[64];
  snprintf(url, sizeof url, "ws://127.0.0.1:%u/", port);
  rig_dial(&rig, &settings, &client, url);
  const int fd = raw_accept(&rig, listening);
  raw_upgrade(&rig, fd,
              "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n");
  rig_until(&rig, &client.is_open);
  throw_bombs(fd, client.link);
  rig_turn(&rig);
  assert_in_range(client.message_count, 1, BOMB_COUNT / 2);
  rig_until_count(&rig, &client.message_count, BOMB_COUNT);
  assert_int_equal(client.byte_count, (size_t)BOMB_COUNT * BOMB_LEN);
  link_abort(client.link);
  close(fd);
  close(listening);
  rig_deinit(&rig);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_echo),
      cmocka_unit_test(test_large_message),
      cmocka_unit_test(test_many_links),
      cmocka_unit_test(test_busy_poll),
      cmocka_unit_test(test_no_allocation_once_warm),
      cmocka_unit_test(test_idle_links_own_one_block),
      cmocka_unit_test(test_without_memory),
      cmocka_unit_test(test_writable),
      cmocka_unit_test(test_held_up),
      cmocka_unit_test(test_pause),
      cmocka_unit_test(test_paused_link_keeps_loop_alive),
      cmocka_unit_test(test_every_ping_is_answered),
      cmocka_unit_test(test_questions_go_ahead),
      cmocka_unit_test(test_ping_flood),
      cmocka_unit_test(test_progress),
      cmocka_unit_test(test_inflated_by_the_turn),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
