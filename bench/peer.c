/*
 * bench-peer: the other end of every measurement. One process on loopback that takes one
 * connection at a time, does for it what its request path says (common.h) and is gone as fast as
 * the kernel allows: what it sends is built beforehand and leaves in big pieces, what it receives
 * is thrown away inside the kernel (MSG_TRUNC) or right behind OpenSSL. It knows lengths, not
 * frames.
 *
 * It is not a WebSocket server for anybody else: requests are believed, masks are not undone.
 *
 *   bench-peer [--tls DIR]     prints "port N", then serves until its stdin ends;
 *                              a line on stdin: print and reset the figures
 */
#include "common.h"
#include "peer_tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_CAP 8192
#define DISCARD_LEN ((size_t)256 * 1024)
#define HOLD_MAX 10000

/** One accepted connection, plain or TLS, blocking. */
struct stream {
  int fd;
  SSL *ssl;
};

/** What run.py asks for. Busy is the timed part of the jobs. */
struct figures {
  uint64_t connections, resumed, busy_ns, cpu_ns;
};

struct peer {
  SSL_CTX *tls;
  struct figures figures;
  uint8_t *scratch; /* DISCARD_LEN bytes that nobody looks at */
};

/* ---- bytes ------------------------------------------------------------------------ */

static ssize_t stream_read(struct stream *stream, void *data, size_t cap) {
  if (stream->ssl != NULL)
    return SSL_read(stream->ssl, data, (int)cap);
  return recv(stream->fd, data, cap, 0);
}

static bool stream_write(struct stream *stream, const void *data, size_t len) {
  const uint8_t *at = data;
  while (len > 0) {
    const ssize_t sent = stream->ssl != NULL ? SSL_write(stream->ssl, at, (int)len)
                                             : send(stream->fd, at, len, MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    at += sent;
    len -= (size_t)sent;
  }
  if (stream->ssl != NULL)
    peer_tls_flush(stream->ssl);
  return true;
}

/** Takes `len` bytes off the stream, or all until its end. False: it ended before. */
static bool stream_discard(struct peer *peer, struct stream *stream, uint64_t len) {
  while (len > 0) {
    const size_t want = len < DISCARD_LEN ? (size_t)len : DISCARD_LEN;
    const ssize_t got = stream->ssl != NULL ? SSL_read(stream->ssl, peer->scratch, (int)want)
                                            : recv(stream->fd, peer->scratch, want, MSG_TRUNC);
    if (got <= 0)
      return false;
    len -= (uint64_t)got;
  }
  return true;
}

static void stream_wait_end(struct peer *peer, struct stream *stream) {
  (void)stream_discard(peer, stream, UINT64_MAX);
}

static void stream_close(struct stream *stream) {
  if (stream->ssl != NULL) {
    SSL_shutdown(stream->ssl);
    peer_tls_flush(stream->ssl);
    SSL_free(stream->ssl);
  }
  close(stream->fd);
}

/* ---- upgrade ------------------------------------------------------------------------ */

/** Reads a request head. The clients send nothing behind it before the answer. */
static bool request_read(struct stream *stream, char *text) {
  size_t len = 0;
  do {
    const ssize_t got = stream_read(stream, text + len, REQUEST_CAP - 1 - len);
    if (got <= 0)
      return false;
    len += (size_t)got;
    text[len] = '\0';
  } while (strstr(text, "\r\n\r\n") == NULL && len < REQUEST_CAP - 1);
  return true;
}

/** RFC 6455 section 4.2.2: the accept value of a request's key. */
static bool accept_value(const char *request, char value[32]) {
  const char *const key = strcasestr(request, "\r\nSec-WebSocket-Key:");
  if (key == NULL)
    return false;
  char nonce[25], text[64];
  if (sscanf(key + 20, " %24[A-Za-z0-9+/=]", nonce) != 1)
    return false;
  snprintf(text, sizeof text, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", nonce);
  uint8_t digest[EVP_MAX_MD_SIZE];
  unsigned digest_len;
  if (!EVP_Digest(text, strlen(text), digest, &digest_len, EVP_sha1(), NULL))
    return false;
  EVP_EncodeBlock((unsigned char *)value, digest, (int)digest_len);
  return true;
}

static bool upgrade(struct stream *stream, struct job *job) {
  char request[REQUEST_CAP], value[32], answer[256];
  if (!request_read(stream, request) || strncmp(request, "GET ", 4) != 0 ||
      !job_parse(job, request + 4) || !accept_value(request, value))
    return false;
  const int len = snprintf(answer, sizeof answer,
                           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                           value);
  return stream_write(stream, answer, (size_t)len);
}

/* ---- jobs ------------------------------------------------------------------------- */

static void serve_receive(struct peer *peer, struct stream *stream, const struct job *job) {
  const struct batch batch = batch_new(job, false, PEER_PIECE_LEN);
  uint64_t left = job->count * frame_len(job->size, false);
  struct stopwatch watch;
  if (stream_discard(peer, stream, GO_FRAME_LEN)) {
    stopwatch_start(&watch);
    while (left > 0) {
      const size_t piece = left < batch.len ? (size_t)left : batch.len;
      if (!stream_write(stream, batch.data, piece))
        break;
      left -= piece;
    }
    stopwatch_stop(&watch);
    peer->figures.busy_ns += watch.wall_ns;
    peer->figures.cpu_ns += watch.user_ns + watch.sys_ns;
    stream_wait_end(peer, stream);
  }
  free(batch.data);
}

static void serve_send(struct peer *peer, struct stream *stream, const struct job *job) {
  struct stopwatch watch;
  stopwatch_start(&watch);
  if (!stream_discard(peer, stream, job->count * frame_len(job->size, true)) ||
      !stream_write(stream, "\x81\x02ok", ACK_FRAME_LEN))
    return;
  stopwatch_stop(&watch);
  peer->figures.busy_ns += watch.wall_ns;
  peer->figures.cpu_ns += watch.user_ns + watch.sys_ns;
  stream_wait_end(peer, stream);
}

/** Waits for the next bytes without sleeping, so that no wake-up of the peer is in a round trip. */
static void stream_spin(struct stream *stream) {
  char byte;
  while (recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN) {
  }
}

static void serve_pingpong(struct peer *peer, struct stream *stream, const struct job *job) {
  const struct batch batch = batch_new(job, false, PIECE_LEN);
  const size_t in_len = frame_len(job->size, true), out_len = frame_len(job->size, false);
  uint64_t left = job->count;
  for (bool is_alive = true; is_alive && left > 0; left--) {
    stream_spin(stream);
    is_alive = stream_discard(peer, stream, in_len) && stream_write(stream, batch.data, out_len);
  }
  stream_wait_end(peer, stream);
  free(batch.data);
}

static void serve_connect(struct peer *peer, struct stream *stream) {
  if (stream_discard(peer, stream, CLOSE_FRAME_LEN))
    (void)stream_write(stream, "\x88\x02\x03\xE8", 4);
}

/** Ends a connection as a dying machine does: RST, no close frame, no close_notify. */
static void serve_reset(struct peer *peer, struct stream *stream) {
  const struct linger none = {.l_onoff = 1, .l_linger = 0};
  if (!stream_discard(peer, stream, GO_FRAME_LEN))
    return;
  setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  if (stream->ssl != NULL)
    SSL_set_quiet_shutdown(stream->ssl, 1);
}

static void serve_job(struct peer *peer, struct stream *stream, const struct job *job) {
  switch (job->mode) {
  case MODE_RECEIVE:
    serve_receive(peer, stream, job);
    break;
  case MODE_SEND:
    serve_send(peer, stream, job);
    break;
  case MODE_PINGPONG:
    serve_pingpong(peer, stream, job);
    break;
  case MODE_CONNECT:
    serve_connect(peer, stream);
    break;
  case MODE_RESET:
    serve_reset(peer, stream);
    break;
  case MODE_HOLD:
    break;
  }
}

static void serve(struct peer *peer, int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  struct stream stream = {.fd = fd};
  if (peer->tls != NULL && (stream.ssl = peer_tls_accept(peer->tls, fd)) == NULL) {
    close(fd);
    return;
  }
  struct job job;
  if (upgrade(&stream, &job)) {
    peer->figures.connections++;
    peer->figures.resumed += stream.ssl != NULL && SSL_session_reused(stream.ssl) ? 1 : 0;
    serve_job(peer, &stream, &job);
    if (job.mode == MODE_HOLD)
      return; /* the descriptor stays open until the peer ends */
  }
  stream_close(&stream);
}

/* ---- main --------------------------------------------------------------------------- */

static int listen_loopback(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 4096) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &len) != 0)
    die("listen");
  printf("port %u\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

/** False when nobody is left to ask. */
static bool figures_report(struct figures *figures) {
  char line[64];
  if (fgets(line, sizeof line, stdin) == NULL)
    return false;
  printf("{\"connections\":%" PRIu64 ",\"resumed\":%" PRIu64 ",\"busy_ns\":%" PRIu64
         ",\"cpu_ns\":%" PRIu64 "}\n",
         figures->connections, figures->resumed, figures->busy_ns, figures->cpu_ns);
  fflush(stdout);
  *figures = (struct figures){0};
  return true;
}

int main(int argc, char **argv) {
  struct peer peer = {.scratch = must_alloc(DISCARD_LEN)};
  if (argc == 3 && strcmp(argv[1], "--tls") == 0)
    peer.tls = peer_tls_new(argv[2]);
  else if (argc != 1)
    die("usage: bench-peer [--tls DIR]");
  signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
  descriptors_reserve(HOLD_MAX + 64);
  const int listener = listen_loopback();
  struct pollfd waits[2] = {{.fd = listener, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
  for (;;) {
    if (poll(waits, 2, -1) < 0 && errno != EINTR)
      die("poll");
    if (waits[1].revents != 0 && !figures_report(&peer.figures))
      break;
    const int fd = waits[0].revents != 0 ? accept4(listener, NULL, NULL, SOCK_CLOEXEC) : -1;
    if (fd >= 0)
      serve(&peer, fd);
  }
  SSL_CTX_free(peer.tls);
  free(peer.scratch);
  return 0;
}
