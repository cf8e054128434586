/* Socket addresses and the few socket calls that links make. Every descriptor is non-blocking and
   close-on-exec, and no send raises SIGPIPE. */
#ifndef NET_SOCK_H
#define NET_SOCK_H

#include "link.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#define ADDRESS_TEXT_CAP 128

struct address {
  socklen_t len;
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
  } as;
};

/** An IPv4 or IPv6 literal. False: it is none. */
bool address_from_ip(struct address *address, const char *ip);
/** False: the path does not fit. */
bool address_from_path(struct address *address, const char *path);
void address_set_port(struct address *address, uint16_t port);
uint16_t address_port(const struct address *address);
bool address_is_loopback(const struct address *address);
bool address_equals(const struct address *a, const struct address *b);
/** "192.0.2.1:80", "[2001:db8::1]:80", "unix:/path". */
void address_print(const struct address *address, char text[ADDRESS_TEXT_CAP]);

/** A stream socket, TCP_NODELAY set; -1 and errno. */
int sock_open(int family);
/** Begins to connect: 0 connected, EINPROGRESS, or the error. */
int sock_connect(int fd, const struct address *address);
/** The outcome of a connect in progress, and of nothing else: it takes the error away. */
int sock_take_error(int fd);
/** Where a connected socket's ends are. False: it has none. */
bool sock_own_address(int fd, struct address *own);
bool sock_peer_address(int fd, struct address *peer);
/** Bytes sent that the peer's system has not acknowledged (a Unix socket: its program not read); 0
    where that cannot be asked. */
uint32_t sock_unacknowledged(int fd);
/** As send() and recv(), not interrupted by signals. `more_comes`: of what the kernel takes it may
    keep the last, unfilled segment until the next send without, or sock_push(). */
ssize_t sock_send(int fd, const void *data, size_t len, bool more_comes);
void sock_push(int fd);
ssize_t sock_receive(int fd, void *data, size_t len);
/** The same bytes are received again. */
ssize_t sock_peek(int fd, void *data, size_t len);
/** Fills `first`, then `second`. */
ssize_t sock_receive_both(int fd, void *first, size_t first_len, void *second, size_t second_len);

static inline bool sock_would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

/** What an error of connect(), send() or recv() means for a link. */
enum link_end_kind sock_error_kind(int error);
/** The system's words for an error. Never NULL, valid for ever or until the thread's next call. */
const char *sock_error_text(int error);

#endif
