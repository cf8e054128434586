/*
 * bench-crowd: many members of the relay, in a process of their own, on bare sockets and epoll:
 * nothing of Limpet is in here.
 *
 *   bench-crowd PORT idle COUNT               connects COUNT members to conversations of ten, says
 *                                             so, and holds them until standard input ends
 *   bench-crowd PORT fanout COUNT SIZE ROUNDS STOPPED
 *                                             COUNT members of one conversation, of whom STOPPED
 *                                             read nothing; one more speaks ROUNDS times, SIZE
 *                                             bytes each, whenever all the others have the last
 *
 * One line of JSON at the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define DIALS_AT_ONCE 64
#define EVENTS_MAX 512
#define READ_CAP ((size_t)256 * 1024)
#define HEAD_CAP 1024
#define CONVERSATION_OF 10 /* idle members in each */

struct member {
  int fd;
  bool is_open, is_stopped;
  /* of the answer to the upgrade, then of the frame under way */
  char head[HEAD_CAP];
  size_t head_len;
  uint8_t header[10];
  size_t header_len;
  uint64_t left; /* of its payload */
  uint64_t frames_count;
};

struct crowd {
  int epoll;
  uint16_t port;
  bool is_idle;
  struct member *members;
  size_t count, started_count, open_count;
  uint64_t arrived_count; /* frames of this round at those who read */
  uint8_t *buffer;
};

static uint64_t now_ns(void) {
  struct timespec now;
  (void)clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void die(const char *what) {
  fprintf(stderr, "bench-crowd: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* ---- opening ------------------------------------------------------------------------------ */

static void send_all(int fd, const char *data, size_t len) {
  while (len > 0) {
    const ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
      die("send");
    if (n > 0) {
      data += n;
      len -= (size_t)n;
    }
  }
}

static void ask(const struct crowd *crowd, size_t index) {
  char text[512];
  const size_t conversation = crowd->is_idle ? index / CONVERSATION_OF : 0;
  const int len = snprintf(text, sizeof text,
                           "GET /ws?conversation_id=c%zu&user_id=u%zu HTTP/1.1\r\nHost: h\r\n"
                           "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                           conversation, index);
  send_all(crowd->members[index].fd, text, (size_t)len);
}

static void dial(struct crowd *crowd) {
  const size_t index = crowd->started_count++;
  struct member *member = &crowd->members[index];
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(crowd->port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  member->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (member->fd < 0 || connect(member->fd, (struct sockaddr *)&address, sizeof address) != 0)
    die("connect");
  const int on = 1;
  setsockopt(member->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (fcntl(member->fd, F_SETFL, O_NONBLOCK) != 0)
    die("fcntl");
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = member};
  if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, member->fd, &event) != 0)
    die("epoll_ctl");
  ask(crowd, index);
}

/* Nothing comes behind the 101 before somebody speaks. */
static void read_head(struct crowd *crowd, struct member *member) {
  const ssize_t n =
      recv(member->fd, member->head + member->head_len, HEAD_CAP - 1 - member->head_len, 0);
  if (n <= 0)
    die("the answer to an upgrade");
  member->head_len += (size_t)n;
  member->head[member->head_len] = '\0';
  if (!strstr(member->head, "\r\n\r\n"))
    return;
  if (strncmp(member->head, "HTTP/1.1 101 ", 13) != 0) {
    fprintf(stderr, "bench-crowd: refused:\n%s\n", member->head);
    exit(1);
  }
  member->is_open = true;
  crowd->open_count++;
  if (member->is_stopped)
    epoll_ctl(crowd->epoll, EPOLL_CTL_DEL, member->fd, NULL);
}

/* ---- frames: lengths only ------------------------------------------------------------------ */

static size_t header_len(const uint8_t *header) {
  const uint8_t len = header[1] & 0x7F;
  return len == 126 ? 4 : len == 127 ? 10 : 2;
}

static uint64_t payload_len(const uint8_t *header) {
  const size_t bytes = header_len(header) - 2;
  uint64_t len = bytes ? 0 : header[1] & 0x7F;
  for (size_t i = 0; i < bytes; i++)
    len = len << 8 | header[2 + i];
  return len;
}

static void end_frame(struct crowd *crowd, struct member *member) {
  member->header_len = 0;
  member->frames_count++;
  crowd->arrived_count++;
}

static void take(struct crowd *crowd, struct member *member, const uint8_t *in, size_t len) {
  while (len > 0) {
    if (member->left > 0) {
      const size_t part = len < member->left ? len : (size_t)member->left;
      in += part;
      len -= part;
      member->left -= part;
      if (member->left == 0)
        end_frame(crowd, member);
      continue;
    }
    member->header[member->header_len++] = *in++;
    len--;
    if (member->header_len >= 2 && member->header_len == header_len(member->header)) {
      member->left = payload_len(member->header);
      if (member->left == 0)
        end_frame(crowd, member);
    }
  }
}

static void read_frames(struct crowd *crowd, struct member *member) {
  const ssize_t n = recv(member->fd, crowd->buffer, READ_CAP, 0);
  if (n > 0) {
    take(crowd, member, crowd->buffer, (size_t)n);
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    fputs("bench-crowd: a member that reads was dropped\n", stderr);
    exit(1);
  }
}

static void turn(struct crowd *crowd) {
  struct epoll_event events[EVENTS_MAX];
  const int count = epoll_wait(crowd->epoll, events, EVENTS_MAX, 10000);
  if (count == 0) {
    fprintf(stderr, "bench-crowd: nothing came for ten seconds\n");
    exit(1);
  }
  for (int i = 0; i < count; i++) {
    struct member *member = events[i].data.ptr;
    if (member->is_open)
      read_frames(crowd, member);
    else
      read_head(crowd, member);
  }
}

static void open_all(struct crowd *crowd) {
  while (crowd->open_count < crowd->count) {
    while (crowd->started_count < crowd->count &&
           crowd->started_count - crowd->open_count < DIALS_AT_ONCE)
      dial(crowd);
    turn(crowd);
  }
}

/* ---- what is measured ---------------------------------------------------------------------- */

static void hold(struct crowd *crowd) {
  char byte;
  const uint64_t began_ns = now_ns();
  open_all(crowd);
  printf("{\"connections\":%zu,\"open_ns_each\":%" PRIu64 "}\n", crowd->count,
         (now_ns() - began_ns) / crowd->count);
  fflush(stdout);
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

static size_t put_header(char *frame, size_t len) {
  const size_t bytes = len < 126 ? 0 : len < 65536 ? 2 : 8;
  frame[0] = (char)0x81;
  frame[1] = (char)(0x80 | (bytes == 0 ? len : bytes == 2 ? 126 : 127));
  for (size_t i = 0; i < bytes; i++)
    frame[2 + i] = (char)(len >> (8 * (bytes - 1 - i)));
  memset(frame + 2 + bytes, 0, 4);
  return 2 + bytes + 4;
}

/* Masked with zeros, which costs the relay what any mask costs. */
static size_t make_message(char *frame, size_t size) {
  static const char before[] = "{\"type\":\"message\",\"plaintext\":\"";
  size_t at = put_header(frame, sizeof before - 1 + size + 2);
  memcpy(frame + at, before, sizeof before - 1);
  at += sizeof before - 1;
  memset(frame + at, 'x', size);
  memcpy(frame + at + size, "\"}", 2);
  return at + size + 2;
}

static int compare(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* The last member is the one that speaks: it gets an ack beside its own message. */
static void fan_out(struct crowd *crowd, size_t size, size_t rounds, size_t stopped_count) {
  uint64_t *times = calloc(rounds, sizeof *times);
  char *frame = malloc(size + 128);
  if (!times || !frame)
    die("memory");
  for (size_t i = 0; i < stopped_count; i++)
    crowd->members[i].is_stopped = true;
  open_all(crowd);
  const size_t len = make_message(frame, size);
  const uint64_t wanted = crowd->count - stopped_count + 1;
  const uint64_t began_ns = now_ns();
  for (size_t round = 0; round < rounds; round++) {
    const uint64_t round_ns = now_ns();
    crowd->arrived_count = 0;
    send_all(crowd->members[crowd->count - 1].fd, frame, len);
    while (crowd->arrived_count < wanted)
      turn(crowd);
    times[round] = now_ns() - round_ns;
  }
  const uint64_t all_ns = now_ns() - began_ns;
  qsort(times, rounds, sizeof *times, compare);
  printf("{\"members\":%zu,\"stopped\":%zu,\"size\":%zu,\"rounds\":%zu,\"last_has_it_us\":%" PRIu64
         ",\"worst_us\":%" PRIu64 ",\"deliveries_a_second\":%.0f}\n",
         crowd->count - 1, stopped_count, size, rounds, times[rounds / 2] / 1000,
         times[rounds - 1] / 1000,
         (double)rounds * (double)(crowd->count - stopped_count) * 1e9 / (double)all_ns);
}

static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

static size_t number(const char *text) {
  return strtoul(text, NULL, 10);
}

int main(int argc, char **argv) {
  struct crowd crowd = {.epoll = epoll_create1(EPOLL_CLOEXEC), .buffer = malloc(READ_CAP)};
  const bool is_idle = argc == 4 && strcmp(argv[2], "idle") == 0;
  if (!is_idle && !(argc == 7 && strcmp(argv[2], "fanout") == 0)) {
    fputs("Usage: bench-crowd PORT idle COUNT | PORT fanout COUNT SIZE ROUNDS STOPPED\n", stderr);
    return 1;
  }
  raise_descriptor_limit();
  crowd.port = (uint16_t)number(argv[1]);
  crowd.is_idle = is_idle;
  crowd.count = number(argv[3]) + !is_idle;
  crowd.members = calloc(crowd.count, sizeof *crowd.members);
  if (!crowd.members || !crowd.buffer)
    die("memory");
  if (is_idle)
    hold(&crowd);
  else
    fan_out(&crowd, number(argv[4]), number(argv[5]), number(argv[6]));
  return 0;
}
