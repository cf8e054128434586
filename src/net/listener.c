#define _GNU_SOURCE
#include "listener.h"

#include "sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 511
#define ACCEPTS_PER_TURN 64
#define REST_MS 100 /* without descriptors: asking again at once would only spin */
#define UNIX_PREFIX "unix:"

struct listener {
  uv_poll_t poll; /* first: a handle is its listener */
  struct net_loop *loop;
  void (*accepted)(void *user, uv_os_sock_t fd);
  void *user;
  int fd;
  bool is_freed;
  struct net_timer rest;
  struct address address;
  char text[ADDRESS_TEXT_CAP];
};

/* ---- addresses ---- */

static bool parse_port(const char *text, uint16_t *port) {
  char *end;
  errno = 0;
  long value = strtol(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno || value > UINT16_MAX)
    return false;
  *port = (uint16_t)value;
  return true;
}

/* "127.0.0.1:80", "[::1]:80", "localhost:80". */
static bool parse_host_port(struct address *address, const char *text) {
  const char *colon = strrchr(text, ':');
  char host[64];
  uint16_t port;
  if (!colon || !parse_port(colon + 1, &port))
    return false;
  size_t len = (size_t)(colon - text);
  bool is_bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
  if (is_bracketed) {
    text++;
    len -= 2;
  }
  if (len >= sizeof host)
    return false;
  memcpy(host, text, len);
  host[len] = '\0';
  if (!address_from_ip(address, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host) ||
      (address->as.any.sa_family == AF_INET6) != is_bracketed)
    return false;
  address_set_port(address, port);
  return true;
}

static bool parse(struct address *address, const char *text) {
  size_t prefix_len = sizeof UNIX_PREFIX - 1;
  if (strncmp(text, UNIX_PREFIX, prefix_len) == 0)
    return address_from_path(address, text + prefix_len);
  return parse_host_port(address, text);
}

/* ---- binding ---- */

/* A socket file that nobody listens on is what a killed program left behind. */
static bool is_left_behind(const struct address *address) {
  int fd = sock_open(AF_UNIX);
  if (fd < 0)
    return false;
  int error = sock_connect(fd, address);
  close(fd);
  return error == ECONNREFUSED;
}

static int bind_to(int fd, const struct address *address) {
  if (bind(fd, &address->as.any, address->len) == 0)
    return 0;
  if (errno != EADDRINUSE || address->as.any.sa_family != AF_UNIX)
    return errno;
  if (!is_left_behind(address) || unlink(address->as.local.sun_path) != 0)
    return EADDRINUSE;
  return bind(fd, &address->as.any, address->len) == 0 ? 0 : errno;
}

/* The port may be the kernel's choice. */
static int read_back(int fd, struct address *address) {
  if (address->as.any.sa_family == AF_UNIX)
    return 0;
  address->len = sizeof address->as;
  return getsockname(fd, &address->as.any, &address->len) == 0 ? 0 : errno;
}

static int open_bound(struct address *address, int *bound) {
  int fd = sock_open(address->as.any.sa_family);
  if (fd < 0)
    return errno;
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address->as.any.sa_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  int error = bind_to(fd, address);
  if (!error && listen(fd, BACKLOG) != 0)
    error = errno;
  if (!error)
    error = read_back(fd, address);
  if (error)
    close(fd);
  else
    *bound = fd;
  return error;
}

/* ---- accepting ---- */

static void on_readable(uv_poll_t *handle, int status, int events);

static void watch(struct listener *listener) {
  uv_poll_start(&listener->poll, UV_READABLE, on_readable);
}

static void on_rested(struct net_timer *timer) {
  watch((struct listener *)((char *)timer - offsetof(struct listener, rest)));
}

static bool is_passing(int error) {
  return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM;
}

static void rest(struct listener *listener) {
  listener->rest.fire = on_rested;
  if (net_timer_set(listener->loop, &listener->rest, net_loop_now_ms(listener->loop) + REST_MS))
    uv_poll_stop(&listener->poll);
}

static void on_readable(uv_poll_t *handle, int status, int events) {
  struct listener *listener = (struct listener *)handle;
  (void)status;
  (void)events;
  int failures = 0;
  for (int i = 0; i < ACCEPTS_PER_TURN && !listener->is_freed; i++) {
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      listener->accepted(listener->user, fd);
    } else if (!is_passing(errno) || ++failures == ACCEPTS_PER_TURN) {
      if (!sock_would_block(errno))
        rest(listener);
      return;
    }
  }
}

/* ---- pausing ---- */

/* libuv knows the socket by its number, which stays. */
static int replace_socket(struct listener *listener, int fd) {
  const int error = dup3(fd, listener->fd, O_CLOEXEC) < 0 ? errno : 0;
  close(fd);
  return error;
}

/* A socket that is bound but does not listen keeps the port, and refuses. (The kernel lets go of a
   port that it chose itself when its socket stops listening.) A Unix socket's file stays. */
void listener_pause(struct listener *listener) {
  const sa_family_t family = listener->address.as.any.sa_family;
  net_timer_unset(listener->loop, &listener->rest);
  uv_poll_stop(&listener->poll);
  shutdown(listener->fd, SHUT_RDWR);
  const int fd = sock_open(family);
  if (fd < 0)
    return;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family != AF_UNIX)
    (void)bind_to(fd, &listener->address);
  (void)replace_socket(listener, fd);
}

int listener_resume(struct listener *listener) {
  int fd = -1;
  int error = open_bound(&listener->address, &fd);
  if (!error)
    error = replace_socket(listener, fd);
  if (!error)
    watch(listener);
  return error;
}

/* ---- life ---- */

static struct listener *refuse(const char *address, const char *why, char *detail, size_t cap) {
  snprintf(detail, cap, "%s: %s", address, why);
  return NULL;
}

struct listener *listener_new(struct net_loop *loop, const char *address,
                              void (*accepted)(void *user, uv_os_sock_t fd), void *user,
                              char *detail, size_t detail_cap) {
  struct address parsed;
  if (!parse(&parsed, address))
    return refuse(address, "not IP:PORT, [IPv6]:PORT or unix:PATH", detail, detail_cap);
  struct listener *listener = memory_alloc_zeroed(net_loop_memory(loop), sizeof *listener);
  if (!listener)
    return refuse(address, "no memory", detail, detail_cap);
  int error = open_bound(&parsed, &listener->fd);
  if (!error) {
    error = -uv_poll_init(net_loop_uv(loop), &listener->poll, listener->fd);
    if (error)
      close(listener->fd);
  }
  if (error) {
    memory_free(net_loop_memory(loop), listener);
    return refuse(address, sock_error_text(error), detail, detail_cap);
  }
  listener->loop = loop;
  net_loop_retain(loop);
  listener->accepted = accepted;
  listener->user = user;
  listener->address = parsed;
  address_print(&parsed, listener->text);
  watch(listener);
  return listener;
}

const char *listener_address(const struct listener *listener) {
  return listener->text;
}

uint16_t listener_port(const struct listener *listener) {
  return address_port(&listener->address);
}

static void on_closed(uv_handle_t *handle) {
  struct listener *listener = (struct listener *)handle;
  struct net_loop *loop = listener->loop;
  memory_free(net_loop_memory(loop), listener);
  net_loop_release(loop);
}

void listener_free(struct listener *listener) {
  if (!listener)
    return;
  listener->is_freed = true;
  net_timer_unset(listener->loop, &listener->rest);
  uv_close((uv_handle_t *)&listener->poll, on_closed);
  close(listener->fd);
  if (listener->address.as.any.sa_family == AF_UNIX)
    unlink(listener->address.as.local.sun_path);
}
