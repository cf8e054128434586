/*
 * bench-wslay: the jobs of bench-limpet on wslay's event API. wslay brings frames and nothing else,
 * so socket, TLS, handshake and buffers are ours, as in its examples: a non-blocking socket and
 * epoll (edge-triggered, registered once), or OpenSSL on it.
 *
 * wslay asks for 4 KiB at a time; we read 256 KiB ahead. What it sends is gathered to 64 KiB and
 * leaves when that is full or nothing more is queued. Masking keys come from a pool of RAND_bytes.
 * It checks UTF-8 by default, and hands over whole messages.
 *
 *   bench-wslay [--tls CA.PEM] PORT MODE KIND SIZE COUNT     one line of JSON
 */
#include "../common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <wslay/wslay.h>

#define READ_AHEAD_CAP ((size_t)256 * 1024)
#define GATHER_CAP ((size_t)64 * 1024)
#define QUEUED_MAX ((size_t)1024 * 1024)
#define ANSWER_CAP 4096
#define KEY_LEN 24

/** Bytes between `begin` and `end` of `data` wait. */
struct buffer {
  uint8_t *data;
  size_t begin, end;
};

struct run {
  struct client_args args;
  char path[JOB_PATH_CAP];
  struct stopwatch watch;
  struct laps laps;
  char *text;
  uint64_t done_count; /* messages or connections */
  bool is_over;
  int epoll;
  SSL_CTX *tls;
  SSL_SESSION *session; /* of the last connection, for the next one */
  /* of the one connection that is busy: */
  int fd;
  SSL *ssl;
  bool is_at_end;
  bool is_dry;    /* the last read was short: the next one waits for an event */
  bool is_ending; /* the peer's end was announced: no further event will come */
  struct buffer in, out;
  wslay_event_context_ptr wslay;
};

/* ---- bytes ----------------------------------------------------------------------------------- */

static void wait_event(struct run *run) {
  struct epoll_event event;
  while (epoll_wait(run->epoll, &event, 1, -1) < 0)
    if (errno != EINTR)
      die("epoll_wait");
  run->is_dry = false;
  run->is_ending = (event.events & EPOLLRDHUP) != 0;
}

/** Of an SSL_ call that did not succeed: -1 is "would block", 0 the end of the stream. */
static ssize_t tls_result(struct run *run, int result) {
  const int error = SSL_get_error(run->ssl, result);
  if (error == SSL_ERROR_ZERO_RETURN)
    return 0;
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
    die("TLS");
  return -1;
}

/** Bytes read, 0 at the end of the stream, -1 if it would block. */
static ssize_t stream_read(struct run *run, void *data, size_t cap) {
  if (run->ssl != NULL) {
    const int got = SSL_read(run->ssl, data, (int)cap);
    return got > 0 ? got : tls_result(run, got);
  }
  if (run->is_dry && !run->is_ending)
    return -1;
  const ssize_t got = recv(run->fd, data, cap, 0);
  if (got < 0 && errno != EAGAIN)
    die("recv");
  run->is_dry = got > 0 && (size_t)got < cap;
  return got;
}

static ssize_t stream_write(struct run *run, const void *data, size_t len) {
  if (run->ssl != NULL) {
    const int sent = SSL_write(run->ssl, data, (int)len);
    return sent > 0 ? sent : tls_result(run, sent);
  }
  const ssize_t sent = send(run->fd, data, len, MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN)
    die("send");
  return sent;
}

/** False when the socket is full. */
static bool out_flush(struct run *run) {
  while (run->out.begin < run->out.end) {
    const ssize_t sent =
        stream_write(run, run->out.data + run->out.begin, run->out.end - run->out.begin);
    if (sent < 0)
      return false;
    run->out.begin += (size_t)sent;
  }
  run->out.begin = run->out.end = 0;
  return true;
}

static size_t out_add(struct run *run, const uint8_t *data, size_t len) {
  const size_t room = GATHER_CAP - run->out.end;
  const size_t taken = len < room ? len : room;
  memcpy(run->out.data + run->out.end, data, taken);
  run->out.end += taken;
  return taken;
}

/* ---- wslay's callbacks ----------------------------------------------------------------------- */

static ssize_t on_read(wslay_event_context_ptr wslay, uint8_t *data, size_t len, int flags,
                       void *user) {
  struct run *const run = user;
  (void)flags;
  if (run->in.begin == run->in.end) {
    const ssize_t got = stream_read(run, run->in.data, READ_AHEAD_CAP);
    run->is_at_end = run->is_at_end || got == 0;
    if (got <= 0) {
      wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
      return -1;
    }
    run->in.begin = 0;
    run->in.end = (size_t)got;
  }
  const size_t waiting = run->in.end - run->in.begin;
  const size_t taken = len < waiting ? len : waiting;
  memcpy(data, run->in.data + run->in.begin, taken);
  run->in.begin += taken;
  return (ssize_t)taken;
}

static ssize_t on_write(wslay_event_context_ptr wslay, const uint8_t *data, size_t len, int flags,
                        void *user) {
  struct run *const run = user;
  size_t taken = 0;
  (void)flags;
  while (taken < len && (run->out.end < GATHER_CAP || out_flush(run)))
    taken += out_add(run, data + taken, len - taken);
  if (taken > 0)
    return (ssize_t)taken;
  wslay_event_set_error(wslay, WSLAY_ERR_WOULDBLOCK);
  return -1;
}

static int on_mask(wslay_event_context_ptr wslay, uint8_t *key, size_t len, void *user) {
  static uint8_t pool[4096];
  static size_t left;
  (void)wslay;
  (void)user;
  if (left < len) {
    if (RAND_bytes(pool, sizeof pool) != 1)
      return -1;
    left = sizeof pool;
  }
  left -= len;
  memcpy(key, pool + left, len);
  return 0;
}

static void queue_text(struct run *run, const char *text, size_t len) {
  const struct wslay_event_msg message = {WSLAY_TEXT_FRAME, (const uint8_t *)text, len};
  if (wslay_event_queue_msg(run->wslay, &message) != 0)
    die("wslay_event_queue_msg");
}

static void queue_ping(struct run *run) {
  laps_begin(&run->laps);
  queue_text(run, run->text, run->args.job.size);
}

static void on_message(wslay_event_context_ptr wslay, const struct wslay_event_on_msg_recv_arg *arg,
                       void *user) {
  struct run *const run = user;
  const struct job *const job = &run->args.job;
  (void)wslay;
  if (arg->opcode != WSLAY_TEXT_FRAME)
    return;
  laps_end(&run->laps);
  if (job->mode == MODE_SEND)
    run->is_over = true; /* the peer has read all */
  else if (arg->msg_length != job->size)
    die("a message of another size");
  else if (++run->done_count == job->count)
    run->is_over = true;
  else if (job->mode == MODE_PINGPONG)
    queue_ping(run);
  if (run->is_over)
    stopwatch_stop(&run->watch);
}

/* ---- coming and going ------------------------------------------------------------------------ */

static void dial_tcp(struct run *run) {
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)atoi(run->args.port)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  const int on = 1;
  run->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  setsockopt(run->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (run->fd < 0 || (connect(run->fd, (const struct sockaddr *)&address, sizeof address) != 0 &&
                      errno != EINPROGRESS))
    die("connect");
  struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
  if (epoll_ctl(run->epoll, EPOLL_CTL_ADD, run->fd, &event) != 0)
    die("epoll_ctl");
  wait_event(run);
}

static void dial_tls(struct run *run) {
  run->ssl = SSL_new(run->tls);
  if (run->ssl == NULL || !SSL_set_fd(run->ssl, run->fd) || !SSL_set1_host(run->ssl, "127.0.0.1"))
    die("SSL_new");
  SSL_set_app_data(run->ssl, run);
  if (run->session != NULL)
    SSL_set_session(run->ssl, run->session);
  int result;
  while ((result = SSL_connect(run->ssl)) != 1) {
    if (tls_result(run, result) == 0)
      die("the peer closed early");
    wait_event(run);
  }
}

/** RFC 6455 section 4.1: the answer must prove that it was made for this key. */
static void answer_check(const char *answer, const char *key) {
  char text[KEY_LEN + 40], header[64] = "\r\nSec-WebSocket-Accept: ";
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned len;
  snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
  if (!EVP_Digest(text, strlen(text), digest, &len, EVP_sha1(), NULL))
    die("SHA-1");
  EVP_EncodeBlock((unsigned char *)header + strlen(header), digest, (int)len);
  if (strncmp(answer, "HTTP/1.1 101", 12) != 0 || strcasestr(answer, header) == NULL)
    die("the peer refused");
}

/** Reads the answer; the peer says no more before it is asked. */
static void answer_read(struct run *run, char answer[ANSWER_CAP]) {
  size_t len = 0;
  do {
    const ssize_t got = stream_read(run, answer + len, ANSWER_CAP - 1 - len);
    if (got == 0 || len == ANSWER_CAP - 1)
      die("no answer to the upgrade");
    if (got < 0)
      wait_event(run);
    len += got > 0 ? (size_t)got : 0;
    answer[len] = '\0';
  } while (strstr(answer, "\r\n\r\n") == NULL);
}

static void upgrade(struct run *run) {
  char answer[ANSWER_CAP], key[KEY_LEN + 1];
  uint8_t nonce[16];
  if (RAND_bytes(nonce, sizeof nonce) != 1)
    die("RAND_bytes");
  EVP_EncodeBlock((unsigned char *)key, nonce, sizeof nonce);
  run->out.end = (size_t)snprintf((char *)run->out.data, GATHER_CAP,
                                  "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                  "Sec-WebSocket-Key: %s\r\n\r\n",
                                  run->path, run->args.port, key);
  while (!out_flush(run))
    wait_event(run);
  answer_read(run, answer);
  answer_check(answer, key);
}

static void dial(struct run *run) {
  static const struct wslay_event_callbacks callbacks = {.recv_callback = on_read,
                                                         .send_callback = on_write,
                                                         .genmask_callback = on_mask,
                                                         .on_msg_recv_callback = on_message};
  run->in.begin = run->in.end = run->out.begin = run->out.end = 0;
  run->is_at_end = run->is_dry = run->is_ending = false;
  dial_tcp(run);
  if (run->tls != NULL)
    dial_tls(run);
  upgrade(run);
  if (wslay_event_context_client_init(&run->wslay, &callbacks, run) != 0)
    die("wslay_event_context_client_init");
}

static void hang_up(struct run *run) {
  wslay_event_context_free(run->wslay);
  if (run->ssl != NULL) {
    SSL_shutdown(run->ssl);
    SSL_free(run->ssl);
    run->ssl = NULL;
  }
  close(run->fd);
}

/* ---- jobs ------------------------------------------------------------------------------------ */

/** Keeps about a mebibyte queued, as long as there is something to send. */
static void queue_burst(struct run *run) {
  const struct job *const job = &run->args.job;
  while (job->mode == MODE_SEND && run->done_count < job->count &&
         (wslay_event_get_queued_msg_length(run->wslay) < QUEUED_MAX)) {
    queue_text(run, run->text, job->size);
    run->done_count++;
  }
}

/** After the close frames wslay reads no more, and the end of the stream is ours to see. */
static void read_to_end(struct run *run) {
  while (!run->is_at_end) {
    const ssize_t got = stream_read(run, run->in.data, READ_AHEAD_CAP);
    run->is_at_end = got == 0;
    if (got < 0)
      wait_event(run);
  }
}

/** One turn of the loop: all that can be read, all that can be written. False: the socket is full.
 */
static bool turn(struct run *run) {
  if (wslay_event_recv(run->wslay) != 0)
    die("wslay_event_recv");
  for (;;) {
    queue_burst(run);
    if (!wslay_event_want_write(run->wslay))
      return out_flush(run);
    if (wslay_event_send(run->wslay) != 0)
      die("wslay_event_send");
    if (wslay_event_want_write(run->wslay))
      return false;
  }
}

static void converse(struct run *run) {
  while (!run->is_over && !run->is_at_end) {
    (void)turn(run);
    if (wslay_event_get_close_received(run->wslay))
      read_to_end(run);
    else if (!run->is_over && !run->is_at_end)
      wait_event(run);
  }
  if (!run->is_over && run->args.job.mode != MODE_CONNECT)
    die("the peer closed early");
}

static void run_one(struct run *run) {
  dial(run);
  stopwatch_start(&run->watch);
  if (run->args.job.mode == MODE_RECEIVE)
    queue_text(run, GO_TEXT, strlen(GO_TEXT));
  else if (run->args.job.mode == MODE_PINGPONG)
    queue_ping(run);
  converse(run);
  hang_up(run);
}

static void run_connect(struct run *run) {
  for (uint64_t i = 0; i <= run->args.job.count; i++) {
    if (i == 1)
      stopwatch_start(&run->watch); /* the first one warms up, and fetches a TLS session */
    dial(run);
    wslay_event_queue_close(run->wslay, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0);
    converse(run);
    hang_up(run);
  }
  stopwatch_stop(&run->watch);
}

/** Connections are left as they are: what they hold is what is measured. */
static void run_hold(struct run *run) {
  size_t first_bytes = 0;
  descriptors_reserve(run->args.job.count + 64);
  for (uint64_t i = 0; i < run->args.job.count; i++) {
    dial(run);
    if (i == 0)
      first_bytes = resident_bytes();
  }
  usleep(SETTLE_MS * 1000);
  hold_print(&run->args.job, first_bytes);
}

/* ---- main ------------------------------------------------------------------------------------ */

static int session_arrived(SSL *ssl, SSL_SESSION *session) {
  struct run *const run = SSL_get_app_data(ssl);
  SSL_SESSION_free(run->session);
  run->session = SSL_SESSION_dup(session);
  return 0;
}

static SSL_CTX *tls_new(const char *ca_file) {
  SSL_CTX *const tls = SSL_CTX_new(TLS_client_method());
  if (tls == NULL || !SSL_CTX_load_verify_file(tls, ca_file))
    die("the peer's certificate cannot be read");
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(tls, session_arrived);
  return tls;
}

int main(int argc, char **argv) {
  static struct run run;
  client_args_read(&run.args, argc, argv,
                   "usage: bench-wslay [--tls CA.PEM] PORT MODE KIND SIZE COUNT");
  const struct job *const job = &run.args.job;
  job_path(job, run.path);
  run.text = must_alloc(job->size);
  text_fill(run.text, job->size, job->is_ascii);
  run.in.data = must_alloc(READ_AHEAD_CAP);
  run.out.data = must_alloc(GATHER_CAP);
  laps_init(&run.laps, job);
  run.epoll = epoll_create1(EPOLL_CLOEXEC);
  run.tls = run.args.ca_file != NULL ? tls_new(run.args.ca_file) : NULL;
  if (job->mode == MODE_HOLD) {
    run_hold(&run);
    return 0;
  }
  if (job->mode == MODE_CONNECT)
    run_connect(&run);
  else
    run_one(&run);
  stopwatch_print(&run.watch);
  laps_print(&run.laps);
  printf("}\n");
  SSL_SESSION_free(run.session);
  SSL_CTX_free(run.tls);
  close(run.epoll);
  free(run.out.data);
  free(run.in.data);
  free(run.text);
  return 0;
}
