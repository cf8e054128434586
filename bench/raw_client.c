/*
 * bench-raw: the physical limit. It moves the very bytes of a WebSocket conversation, in the same
 * pieces, over a non-blocking socket and epoll as any event-driven client must, or over bare
 * OpenSSL on such a socket; but it looks at none of them: no frames, no UTF-8, no masks. What it
 * sends was framed before the clock started.
 *
 *   bench-raw [--tls CA.PEM | --tls-read-ahead CA.PEM] PORT MODE KIND SIZE COUNT
 *
 * It prints one line of JSON. "Bare OpenSSL" is SSL_set_fd() with OpenSSL's defaults: two system
 * calls a record read. --tls-read-ahead saves most of them, for those who want a harder reference.
 */
#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_CAP ((size_t)64 * 1024)

struct raw {
  uint16_t port;
  SSL_CTX *tls;
  SSL_SESSION *session; /* of the last connection, for the next one */
  int epoll;
  int fd;
  SSL *ssl;
  bool is_drained; /* the last read was short: reading again before an event is a wasted call */
  bool is_ending;  /* the peer's end was announced: no further event will come */
  struct laps laps;
  uint8_t *buffer; /* RECEIVE_CAP bytes */
};

/* ---- one connection ------------------------------------------------------------------- */

static void raw_wait(struct raw *raw) {
  struct epoll_event event;
  while (epoll_wait(raw->epoll, &event, 1, -1) < 0)
    if (errno != EINTR)
      die("epoll_wait");
  raw->is_drained = false;
  raw->is_ending = (event.events & EPOLLRDHUP) != 0;
}

/** After an SSL_ call that did not succeed: waits if that helps. False: the stream has ended. */
static bool raw_tls_wait(struct raw *raw, int result) {
  const int error = SSL_get_error(raw->ssl, result);
  if (error == SSL_ERROR_ZERO_RETURN)
    return false;
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
    ERR_print_errors_fp(stderr);
    die("TLS");
  }
  raw_wait(raw);
  return true;
}

static size_t raw_tls_receive(struct raw *raw, size_t cap) {
  for (;;) {
    const int got = SSL_read(raw->ssl, raw->buffer, (int)cap);
    if (got > 0)
      return (size_t)got;
    if (!raw_tls_wait(raw, got))
      return 0;
  }
}

/** At least one byte; 0 at the end of the stream. */
static size_t raw_receive(struct raw *raw, size_t cap) {
  if (raw->ssl != NULL)
    return raw_tls_receive(raw, cap);
  for (;;) {
    if (raw->is_drained && !raw->is_ending)
      raw_wait(raw);
    const ssize_t got = recv(raw->fd, raw->buffer, cap, 0);
    raw->is_drained = got < (ssize_t)cap;
    if (got >= 0)
      return (size_t)got;
    if (errno != EAGAIN)
      die("recv");
  }
}

/** Exactly `len` bytes; the peer sends no more before it is asked again. */
static void raw_receive_all(struct raw *raw, uint64_t len) {
  while (len > 0) {
    const size_t got = raw_receive(raw, RECEIVE_CAP);
    if (got == 0 || got > len)
      die("the peer sent another number of bytes");
    len -= got;
  }
}

static size_t raw_send_some(struct raw *raw, const uint8_t *data, size_t len) {
  for (;;) {
    const ssize_t sent = raw->ssl != NULL ? SSL_write(raw->ssl, data, (int)len)
                                          : send(raw->fd, data, len, MSG_NOSIGNAL);
    if (sent > 0)
      return (size_t)sent;
    if (raw->ssl != NULL)
      (void)raw_tls_wait(raw, (int)sent);
    else if (errno == EAGAIN)
      raw_wait(raw);
    else
      die("send");
  }
}

static void raw_send(struct raw *raw, const uint8_t *data, size_t len) {
  while (len > 0) {
    const size_t sent = raw_send_some(raw, data, len);
    data += sent;
    len -= sent;
  }
}

static void raw_connect_tcp(struct raw *raw) {
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(raw->port),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int on = 1;
  raw->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (raw->fd < 0)
    die("socket");
  setsockopt(raw->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(raw->fd, (const struct sockaddr *)&address, sizeof address) != 0 &&
      errno != EINPROGRESS)
    die("connect");
  /* Edge-triggered and registered once: no later system call to change one's mind. */
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
  if (epoll_ctl(raw->epoll, EPOLL_CTL_ADD, raw->fd, &event) != 0)
    die("epoll_ctl");
  raw_wait(raw);
  int error = 0;
  socklen_t len = sizeof error;
  getsockopt(raw->fd, SOL_SOCKET, SO_ERROR, &error, &len);
  errno = error;
  if (error != 0)
    die("connect");
}

static void raw_connect_tls(struct raw *raw) {
  raw->ssl = SSL_new(raw->tls);
  if (raw->ssl == NULL || !SSL_set_fd(raw->ssl, raw->fd) || !SSL_set1_host(raw->ssl, "127.0.0.1"))
    die("SSL_new");
  SSL_set_app_data(raw->ssl, raw);
  if (raw->session != NULL)
    SSL_set_session(raw->ssl, raw->session);
  int result;
  while ((result = SSL_connect(raw->ssl)) != 1)
    if (!raw_tls_wait(raw, result))
      die("the peer closed early");
}

static void raw_open(struct raw *raw, const struct job *job) {
  char path[JOB_PATH_CAP], request[512];
  job_path(job, path);
  const int len = snprintf(request, sizeof request,
                           "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                           path, raw->port);
  raw_connect_tcp(raw);
  if (raw->tls != NULL)
    raw_connect_tls(raw);
  raw_send(raw, (const uint8_t *)request, (size_t)len);
  raw->is_drained = true;
  const size_t got = raw_receive(raw, RECEIVE_CAP);
  if (got < 12 || memcmp(raw->buffer, "HTTP/1.1 101", 12) != 0)
    die("the peer refused");
}

static void raw_close(struct raw *raw) {
  if (raw->ssl != NULL) {
    SSL_shutdown(raw->ssl);
    SSL_free(raw->ssl);
    raw->ssl = NULL;
  }
  close(raw->fd);
  raw->is_drained = raw->is_ending = false;
}

/* ---- jobs ------------------------------------------------------------------------------ */

static void raw_go(struct raw *raw) {
  uint8_t frame[GO_FRAME_LEN];
  raw_send(raw, frame, bench_frame(frame, GO_TEXT, strlen(GO_TEXT), true));
}

static void run_receive(struct raw *raw, const struct job *job, struct stopwatch *watch) {
  raw_open(raw, job);
  stopwatch_start(watch);
  raw_go(raw);
  raw_receive_all(raw, job->count * frame_len(job->size, false));
  stopwatch_stop(watch);
  raw_close(raw);
}

static void run_send(struct raw *raw, const struct job *job, struct stopwatch *watch) {
  const struct batch batch = batch_new(job, true, PIECE_LEN);
  uint64_t left = job->count * frame_len(job->size, true);
  size_t at = 0;
  raw_open(raw, job);
  stopwatch_start(watch);
  while (left > 0) {
    const size_t piece = left < PIECE_LEN ? (size_t)left : PIECE_LEN;
    const size_t sent = raw_send_some(raw, batch.data + at, piece);
    at = (at + sent) % batch.len;
    left -= sent;
  }
  raw_receive_all(raw, ACK_FRAME_LEN);
  stopwatch_stop(watch);
  raw_close(raw);
  free(batch.data);
}

static void run_pingpong(struct raw *raw, const struct job *job, struct stopwatch *watch) {
  const struct batch batch = batch_new(job, true, PIECE_LEN);
  raw_open(raw, job);
  stopwatch_start(watch);
  for (uint64_t i = 0; i < job->count; i++) {
    laps_begin(&raw->laps);
    raw_send(raw, batch.data, frame_len(job->size, true));
    raw_receive_all(raw, frame_len(job->size, false));
    laps_end(&raw->laps);
  }
  stopwatch_stop(watch);
  raw_close(raw);
  free(batch.data);
}

static void run_connect(struct raw *raw, const struct job *job, struct stopwatch *watch) {
  static const uint8_t close_frame[CLOSE_FRAME_LEN] = {0x88, 0x82, 1, 2, 3, 4, 3 ^ 1, 0xE8 ^ 2};
  for (uint64_t i = 0; i <= job->count; i++) {
    if (i == 1)
      stopwatch_start(watch); /* the first one warms up, and fetches a TLS session */
    raw_open(raw, job);
    raw_send(raw, close_frame, sizeof close_frame);
    while (raw_receive(raw, RECEIVE_CAP) > 0) {
    }
    raw_close(raw);
  }
  stopwatch_stop(watch);
}

/* ---- main ------------------------------------------------------------------------------ */

static int session_arrived(SSL *ssl, SSL_SESSION *session) {
  struct raw *const raw = SSL_get_app_data(ssl);
  SSL_SESSION_free(raw->session);
  raw->session = SSL_SESSION_dup(session);
  return 0;
}

static SSL_CTX *tls_new(const char *ca_file, bool reads_ahead) {
  SSL_CTX *const tls = SSL_CTX_new(TLS_client_method());
  if (tls == NULL || !SSL_CTX_load_verify_file(tls, ca_file))
    die("the peer's certificate cannot be read");
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(tls, session_arrived);
  if (reads_ahead) {
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, PIECE_LEN);
  }
  return tls;
}

static void run(struct raw *raw, const struct job *job, struct stopwatch *watch) {
  switch (job->mode) {
  case MODE_RECEIVE:
    run_receive(raw, job, watch);
    break;
  case MODE_SEND:
    run_send(raw, job, watch);
    break;
  case MODE_PINGPONG:
    run_pingpong(raw, job, watch);
    break;
  case MODE_CONNECT:
    run_connect(raw, job, watch);
    break;
  case MODE_RESET:
  case MODE_HOLD:
    die("no reference for this mode");
  }
}

int main(int argc, char **argv) {
  struct raw raw = {.epoll = epoll_create1(EPOLL_CLOEXEC), .buffer = must_alloc(RECEIVE_CAP)};
  struct client_args args;
  struct stopwatch watch;
  client_args_read(&args, argc, argv,
                   "usage: bench-raw [--tls[-read-ahead] CA.PEM] PORT MODE KIND SIZE COUNT");
  if (args.ca_file != NULL)
    raw.tls = tls_new(args.ca_file, strcmp(args.tls_word, "--tls-read-ahead") == 0);
  raw.port = (uint16_t)strtoul(args.port, NULL, 10);
  laps_init(&raw.laps, &args.job);
  run(&raw, &args.job, &watch);
  stopwatch_print(&watch);
  laps_print(&raw.laps);
  printf("}\n");
  SSL_SESSION_free(raw.session);
  SSL_CTX_free(raw.tls);
  close(raw.epoll);
  free(raw.buffer);
  return 0;
}
