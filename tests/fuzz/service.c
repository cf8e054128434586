/* See service.h. */
#define _GNU_SOURCE // NOLINT
#include "service.h"

#include "decoder.h"
#include "handshake.h"
#include "memory.h"
#include "sock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="

static struct service *the_service; /* whose folder goes at the end */

static void remove_folder(void) {
  (void)unlink(the_service->path);
  (void)rmdir(the_service->folder);
}

void service_init(struct service *service) {
  int error;
  (void)snprintf(service->folder, sizeof service->folder, "/tmp/fuzz-XXXXXX");
  FUZZ_CHECK(mkdtemp(service->folder) != NULL);
  (void)snprintf(service->path, sizeof service->path, "%s/socket", service->folder);
  (void)snprintf(service->address, sizeof service->address, "unix:%s", service->path);
  the_service = service;
  (void)atexit(remove_folder);
  FUZZ_CHECK(uv_loop_init(&service->uv) == 0);
  service->loop = net_loop_acquire(&service->uv, &memory_default, &error);
  FUZZ_CHECK(service->loop != NULL);
}

/* ---- a conversation ---- */

struct talk {
  struct service *service;
  int fd;
  struct fuzz_input text;
  struct fuzz_cuts cuts;
  struct answer answer;
  size_t cap;
  uint64_t until_ms;
  bool is_over;
};

static uint64_t now_ms(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void say(struct talk *t) {
  if (t->text.len == 0)
    return;
  const struct fuzz_input piece = fuzz_take(&t->text, fuzz_next_cut(&t->cuts, t->text.len));
  const ssize_t sent = sock_send(t->fd, piece.data, piece.len, false);
  if (sent < (ssize_t)piece.len) { /* full, or the server has ended it: what it does not take is
                                      not said */
    if (sent < 0 && !sock_would_block(errno))
      t->text.len = 0;
    else
      t->text = (struct fuzz_input){piece.data + (sent > 0 ? sent : 0),
                                    t->text.len + piece.len - (size_t)(sent > 0 ? sent : 0)};
  }
  if (t->text.len == 0)
    (void)shutdown(t->fd, SHUT_WR);
}

static void hear(struct talk *t) {
  if (t->cap - t->answer.len < 4096) {
    t->cap += 65536;
    t->answer.data = realloc(t->answer.data, t->cap + 1);
    FUZZ_CHECK(t->answer.data != NULL);
  }
  const ssize_t got = sock_receive(t->fd, t->answer.data + t->answer.len, t->cap - t->answer.len);
  if (got > 0)
    t->answer.len += (size_t)got;
  else if (got == 0 || !sock_would_block(errno))
    t->is_over = true;
}

/* Sleeps only while neither side has anything to do: a store's thread may have. */
static void turn(struct talk *t) {
  struct pollfd fds[] = {{.fd = t->fd, .events = POLLIN},
                         {.fd = uv_backend_fd(&t->service->uv), .events = POLLIN}};
  const int wait_ms = uv_backend_timeout(&t->service->uv);
  if (t->text.len == 0)
    (void)poll(fds, 2, wait_ms < 0 || wait_ms > 20 ? 20 : wait_ms);
  (void)uv_run(&t->service->uv, UV_RUN_NOWAIT);
  FUZZ_CHECK(now_ms() < t->until_ms);
}

struct answer service_talk(struct service *service, struct fuzz_input text, struct fuzz_cuts cuts) {
  struct talk t = {.service = service, .text = text, .cuts = cuts};
  struct address address;
  FUZZ_CHECK(address_from_path(&address, service->path));
  t.fd = sock_open(AF_UNIX);
  FUZZ_CHECK(t.fd >= 0 && sock_connect(t.fd, &address) == 0);
  t.until_ms = now_ms() + SERVICE_PATIENCE_MS;
  if (text.len == 0)
    (void)shutdown(t.fd, SHUT_WR);
  while (!t.is_over) {
    say(&t);
    turn(&t);
    hear(&t);
  }
  (void)close(t.fd);
  (void)uv_run(&service->uv, UV_RUN_NOWAIT);
  t.answer.data[t.answer.len] = '\0';
  return t.answer;
}

/* ---- what is said ---- */

struct fuzz_input service_request(const char *method, struct fuzz_input target, const char *type,
                                  struct fuzz_input body) {
  char *text = fuzz_alloc(target.len + body.len + 256);
  int len = snprintf(text, 16, "%.10s ", method);
  if (target.len > 0)
    memcpy(text + len, target.data, target.len);
  len += (int)target.len;
  len += snprintf(text + len, 200,
                  " HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n",
                  type, body.len);
  if (body.len > 0)
    memcpy(text + len, body.data, body.len);
  return (struct fuzz_input){(uint8_t *)text, (size_t)len + body.len};
}

struct fuzz_input service_upgrade(struct fuzz_input target, struct fuzz_input lines) {
  static const uint8_t key[4] = {1, 2, 3, 4};
  static const char head[] = " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: " KEY "\r\n\r\n";
  uint8_t *text = fuzz_alloc(target.len + sizeof head + lines.len * (FRAME_HEADER_MAX + 1) + 64);
  uint8_t *at = text;
  memcpy(at, "GET ", 4);
  at += 4;
  if (target.len > 0)
    memcpy(at, target.data, target.len);
  at += target.len;
  memcpy(at, head, sizeof head - 1);
  at += sizeof head - 1;
  while (lines.len > 0) {
    struct fuzz_input line = fuzz_line(&lines);
    const uint8_t opcode = fuzz_byte(&line) & 0xF;
    at += frame_write(at, FRAME_FIN | opcode, line.data, line.len, key);
  }
  return (struct fuzz_input){text, (size_t)(at - text)};
}

/* ---- what is answered ---- */

static void check_frames(uint8_t *in, size_t len, void (*each)(const uint8_t *text, size_t len)) {
  static uint8_t room[1 << 20];
  struct decoder decoder;
  const struct decoder_options options = {.max_message = sizeof room};
  enum decoder_result result;
  decoder_init(&decoder, &options);
  decoder_set_room(&decoder, room, sizeof room);
  do {
    struct decoder_event event;
    size_t consumed;
    result = decoder_next(&decoder, in, len, &consumed, &event);
    in += consumed;
    len -= consumed;
    FUZZ_CHECK(result != DECODER_ERROR && result != DECODER_NEED_ROOM);
    if (result == DECODER_MESSAGE && event.opcode == FRAME_TEXT && each != NULL)
      each(event.data, event.len);
  } while (result != DECODER_MORE && result != DECODER_CLOSE);
  FUZZ_CHECK(result != DECODER_CLOSE || len == 0);
}

static bool is_status(const char *text) {
  return strncmp(text, "HTTP/1.1 ", 9) == 0 && text[9] >= '1' && text[9] <= '5' &&
         strspn(text + 9, "0123456789") == 3 && text[12] == ' ';
}

void service_check(struct answer answer, void (*each)(const uint8_t *text, size_t len)) {
  const char *text = (const char *)answer.data;
  if (answer.len > 0) {
    const char *end = strstr(text, "\r\n\r\n");
    FUZZ_CHECK(is_status(text) && end != NULL);
    const size_t head_len = (size_t)(end - text) + 4;
    if (strncmp(text + 9, "101 ", 4) == 0)
      check_frames(answer.data + head_len, answer.len - head_len, each);
  }
  free(answer.data);
}
