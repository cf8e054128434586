/*
 * The other ends for chaos.py, and what `limpet chaos` is measured against:
 *
 *   bench-chaos-peer sink            prints its port; reads each connection to its end, then says
 * one byte bench-chaos-peer splice PORT     prints its port; forwards to PORT by splice(2) and
 * epoll, nothing else bench-chaos-peer send PORT BYTES sends so many through PORT, waits for the
 * byte, prints nanoseconds
 *
 * One connection at a time.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE ((size_t)64 * 1024)
#define PIPE_CAP (256 * 1024)

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static struct sockaddr_in loopback(unsigned port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int dial(unsigned port) {
  const struct sockaddr_in to = loopback(port);
  const int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof to) != 0)
    fail("connect");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

static int listen_and_tell(void) {
  struct sockaddr_in address = loopback(0);
  socklen_t len = sizeof address;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 16) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &len) != 0)
    fail("listen");
  printf("%u\n", ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static void sink(void) {
  static char buffer[4 * PIECE];
  const int listener = listen_and_tell();
  for (;;) {
    const int fd = accept(listener, NULL, NULL);
    if (fd < 0)
      fail("accept");
    while (recv(fd, buffer, sizeof buffer, 0) > 0) {
    }
    (void)!write(fd, "!", 1);
    close(fd);
  }
}

static void send_all(unsigned port, uint64_t len) {
  static char piece[PIECE];
  struct timespec begin, end;
  const int fd = dial(port);
  clock_gettime(CLOCK_MONOTONIC, &begin);
  while (len > 0) {
    const ssize_t n = send(fd, piece, len < PIECE ? (size_t)len : PIECE, MSG_NOSIGNAL);
    if (n < 0)
      fail("send");
    len -= (uint64_t)n;
  }
  shutdown(fd, SHUT_WR);
  if (recv(fd, piece, 1, 0) != 1)
    fail("the answer");
  clock_gettime(CLOCK_MONOTONIC, &end);
  printf("%lld\n",
         (long long)(end.tv_sec - begin.tv_sec) * 1000000000LL + end.tv_nsec - begin.tv_nsec);
}

/* ---- the bare forwarder ---- */

struct way {
  int from, to, pipe[2];
  size_t held;
  bool has_ended;
};

/* 1: waits for input, 2: for room, 0: over. */
static int forward(struct way *way) {
  while (!way->has_ended) {
    if (way->held == 0) {
      const ssize_t n =
          splice(way->from, NULL, way->pipe[1], NULL, PIPE_CAP, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
      if (n < 0 && errno == EAGAIN)
        return 1;
      if (n <= 0) {
        shutdown(way->to, SHUT_WR);
        way->has_ended = true;
        return 0;
      }
      way->held = (size_t)n;
    }
    const ssize_t n =
        splice(way->pipe[0], NULL, way->to, NULL, way->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n < 0 && errno == EAGAIN)
      return 2;
    if (n < 0)
      fail("splice");
    way->held -= (size_t)n;
  }
  return 0;
}

static void watch(int epoll, int fd, unsigned events, bool is_new) {
  struct epoll_event event = {.events = events, .data.fd = fd};
  if (epoll_ctl(epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event) != 0)
    fail("epoll_ctl");
}

static void serve(int near, unsigned port) {
  const int far = dial(port), epoll = epoll_create1(0);
  struct way ways[2] = {{.from = near, .to = far}, {.from = far, .to = near}};
  unsigned now[2] = {EPOLLIN, EPOLLIN};
  for (int i = 0; i < 2; i++) {
    if (pipe2(ways[i].pipe, O_NONBLOCK) != 0)
      fail("pipe");
    fcntl(ways[i].pipe[1], F_SETPIPE_SZ, PIPE_CAP);
    fcntl(ways[i].from, F_SETFL, O_NONBLOCK);
    watch(epoll, ways[i].from, EPOLLIN, true);
  }
  while (!ways[0].has_ended || !ways[1].has_ended) {
    struct epoll_event events[2];
    unsigned wanted[2] = {0, 0};
    const int count = epoll_wait(epoll, events, 2, -1);
    for (int i = 0; i < 2; i++) {
      bool is_meant = false;
      for (int k = 0; k < count; k++)
        is_meant = is_meant || (events[k].data.fd == ways[i].from && (now[i] & EPOLLIN)) ||
                   (events[k].data.fd == ways[i].to && (now[!i] & EPOLLOUT));
      const int waits = is_meant ? forward(&ways[i]) : ways[i].has_ended ? 0 : ways[i].held ? 2 : 1;
      wanted[i] |= waits == 1 ? EPOLLIN : 0;
      wanted[!i] |= waits == 2 ? EPOLLOUT : 0;
    }
    for (int i = 0; i < 2; i++) {
      if (wanted[i] != now[i])
        watch(epoll, ways[i].from, wanted[i], false);
      now[i] = wanted[i];
    }
  }
  for (int i = 0; i < 2; i++) {
    close(ways[i].from);
    close(ways[i].pipe[0]);
    close(ways[i].pipe[1]);
  }
  close(epoll);
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "sink") == 0)
    sink();
  if (argc == 4 && strcmp(argv[1], "send") == 0) {
    send_all((unsigned)atoi(argv[2]), strtoull(argv[3], NULL, 10));
    return 0;
  }
  if (argc != 3 || strcmp(argv[1], "splice") != 0) {
    fprintf(stderr, "usage: bench-chaos-peer sink | splice PORT | send PORT BYTES\n");
    return 1;
  }
  for (const int listener = listen_and_tell();;) {
    const int near = accept(listener, NULL, NULL);
    if (near < 0)
      fail("accept");
    serve(near, (unsigned)atoi(argv[2]));
  }
}
