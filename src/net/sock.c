#define _GNU_SOURCE
#include "sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

/* ---- addresses ---- */

bool address_from_ip(struct address *address, const char *ip) {
  memset(address, 0, sizeof *address);
  if (inet_pton(AF_INET, ip, &address->as.v4.sin_addr) == 1) {
    address->as.v4.sin_family = AF_INET;
    address->len = sizeof address->as.v4;
    return true;
  }
  if (inet_pton(AF_INET6, ip, &address->as.v6.sin6_addr) == 1) {
    address->as.v6.sin6_family = AF_INET6;
    address->len = sizeof address->as.v6;
    return true;
  }
  return false;
}

bool address_from_path(struct address *address, const char *path) {
  size_t len = strlen(path);
  memset(address, 0, sizeof *address);
  if (len == 0 || len >= sizeof address->as.local.sun_path)
    return false;
  address->as.local.sun_family = AF_UNIX;
  memcpy(address->as.local.sun_path, path, len + 1);
  address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
  return true;
}

void address_set_port(struct address *address, uint16_t port) {
  if (address->as.any.sa_family == AF_INET)
    address->as.v4.sin_port = htons(port);
  else if (address->as.any.sa_family == AF_INET6)
    address->as.v6.sin6_port = htons(port);
}

uint16_t address_port(const struct address *address) {
  if (address->as.any.sa_family == AF_INET)
    return ntohs(address->as.v4.sin_port);
  return address->as.any.sa_family == AF_INET6 ? ntohs(address->as.v6.sin6_port) : 0;
}

bool address_is_loopback(const struct address *address) {
  if (address->as.any.sa_family == AF_INET)
    return (ntohl(address->as.v4.sin_addr.s_addr) >> 24) == 127;
  return address->as.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address->as.v6.sin6_addr);
}

bool address_equals(const struct address *a, const struct address *b) {
  if (a->as.any.sa_family != b->as.any.sa_family || address_port(a) != address_port(b))
    return false;
  if (a->as.any.sa_family == AF_INET)
    return a->as.v4.sin_addr.s_addr == b->as.v4.sin_addr.s_addr;
  return a->as.any.sa_family == AF_INET6 &&
         memcmp(&a->as.v6.sin6_addr, &b->as.v6.sin6_addr, sizeof a->as.v6.sin6_addr) == 0;
}

void address_print(const struct address *address, char text[ADDRESS_TEXT_CAP]) {
  char ip[INET6_ADDRSTRLEN] = "?";
  switch (address->as.any.sa_family) {
  case AF_INET:
    inet_ntop(AF_INET, &address->as.v4.sin_addr, ip, sizeof ip);
    snprintf(text, ADDRESS_TEXT_CAP, "%s:%u", ip, address_port(address));
    break;
  case AF_INET6:
    inet_ntop(AF_INET6, &address->as.v6.sin6_addr, ip, sizeof ip);
    snprintf(text, ADDRESS_TEXT_CAP, "[%s]:%u", ip, address_port(address));
    break;
  default:
    snprintf(text, ADDRESS_TEXT_CAP, "unix:%s", address->as.local.sun_path);
  }
}

/* ---- sockets ---- */

int sock_open(int family) {
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int on = 1;
  if (fd >= 0 && family != AF_UNIX)
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/* Dialing a closed port of this machine can, by simultaneous open, connect a socket with itself
   when the kernel chose that very port for it: there is no peer then. */
static bool is_own_peer(int fd) {
  struct address own, peer;
  return sock_own_address(fd, &own) && sock_peer_address(fd, &peer) && address_equals(&own, &peer);
}

/* On the loopback the handshake is over when connect() returns, although it says EINPROGRESS;
   asking again saves a turn of the loop. */
int sock_connect(int fd, const struct address *address) {
  bool is_loopback = address_is_loopback(address);
  int error = 0;
  for (int i = 0; i < (is_loopback ? 2 : 1); i++) {
    error = connect(fd, &address->as.any, address->len) == 0 ? 0 : errno;
    if (error == EINTR || error == EALREADY)
      error = EINPROGRESS;
    if (error != EINPROGRESS)
      break;
  }
  if (error == EISCONN)
    error = 0;
  return error == 0 && is_own_peer(fd) ? ECONNREFUSED : error;
}

int sock_take_error(int fd) {
  int error = 0;
  socklen_t len = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
    error = errno;
  return error == 0 && is_own_peer(fd) ? ECONNREFUSED : error;
}

bool sock_own_address(int fd, struct address *own) {
  memset(own, 0, sizeof *own);
  own->len = sizeof own->as;
  return getsockname(fd, &own->as.any, &own->len) == 0;
}

bool sock_peer_address(int fd, struct address *peer) {
  memset(peer, 0, sizeof *peer);
  peer->len = sizeof peer->as;
  return getpeername(fd, &peer->as.any, &peer->len) == 0;
}

uint32_t sock_unacknowledged(int fd) {
  int count = 0;
  return ioctl(fd, TIOCOUTQ, &count) == 0 && count > 0 ? (uint32_t)count : 0;
}

ssize_t sock_send(int fd, const void *data, size_t len, bool more_comes) {
  ssize_t n;
  do {
    n = send(fd, data, len, MSG_NOSIGNAL | (more_comes ? MSG_MORE : 0));
  } while (n < 0 && errno == EINTR);
  return n;
}

/* To set it anew sends what waits (tcp(7)). A Unix socket keeps nothing back. */
void sock_push(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

ssize_t sock_receive(int fd, void *data, size_t len) {
  ssize_t n;
  do {
    n = recv(fd, data, len, 0);
  } while (n < 0 && errno == EINTR);
  return n;
}

ssize_t sock_peek(int fd, void *data, size_t len) {
  ssize_t n;
  do {
    n = recv(fd, data, len, MSG_PEEK);
  } while (n < 0 && errno == EINTR);
  return n;
}

ssize_t sock_receive_both(int fd, void *first, size_t first_len, void *second, size_t second_len) {
  struct iovec parts[2] = {{first, first_len}, {second, second_len}};
  ssize_t n;
  do {
    n = readv(fd, parts, 2);
  } while (n < 0 && errno == EINTR);
  return n;
}

/* ---- errors ---- */

enum link_end_kind sock_error_kind(int error) {
  switch (error) {
  case ECONNREFUSED:
  case ENOENT: /* a Unix socket that is not there */
  case EAGAIN: /* a Unix socket whose queue is full */
    return LINK_END_REFUSED;
  case ETIMEDOUT:
    return LINK_END_TIMEOUT;
  case ENETUNREACH:
  case EHOSTUNREACH:
  case ENETDOWN:
  case EHOSTDOWN:
  case EADDRNOTAVAIL:
  case EAFNOSUPPORT:
    return LINK_END_UNREACHABLE;
  case ECONNRESET:
  case ECONNABORTED:
  case EPIPE:
    return LINK_END_LOST;
  case ENOMEM:
  case ENOBUFS:
    return LINK_END_NO_MEMORY;
  default:
    return LINK_END_SYSTEM;
  }
}

const char *sock_error_text(int error) {
  const char *text = strerrordesc_np(error);
  return text ? text : "unknown error";
}
