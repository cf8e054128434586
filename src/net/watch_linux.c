/*
 * Linux: rtnetlink tells of changes, and answers by the kernel's own look-up (RTM_GETROUTE). Two
 * sockets: one that is told, never asked; one that is asked, never told. The kernel works on a
 * request inside send(), so that the answer is there when it returns.
 *
 * A word lost (ENOBUFS) needs no dump: whoever is told asks anew. Sleep shows as CLOCK_BOOTTIME
 * running ahead of CLOCK_MONOTONIC; a timer that the kernel cancels when the wall clock is set
 * wakes us to see it, as it is on resume.
 *
 * An interface without carrier is no way, whatever the routes say: they stay.
 */
#define _GNU_SOURCE
#include "watch_system.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define GROUPS                                                                                     \
  (RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR | RTMGRP_IPV6_ROUTE)
#define MESSAGE_CAP 16384
/* Reads in one turn; what is left then is read in the next. */
#define READS_MAX 64
/* The latest time, or nearly, also where time_t has 32 bits. */
#define FAR_AWAY_S ((time_t)(sizeof(time_t) > 4 ? INT64_C(1) << 33 : INT32_MAX))

struct source {
  struct net_loop *loop;
  struct net_watch *watch;
  uv_poll_t told, woken;
  unsigned handle_count; /* not closed yet */
  int told_fd, ask_fd, wake_fd;
  uint32_t sequence;
};

/* Aligned as the kernel's macros want it. */
struct message {
  _Alignas(struct nlmsghdr) uint8_t bytes[MESSAGE_CAP];
};

/* ---- questions ---- */

struct request {
  struct nlmsghdr head;
  union {
    struct rtmsg route;
    struct ifinfomsg link;
  };
  uint8_t room[64];
};

static void add_attribute(struct request *request, unsigned short type, const void *data,
                          size_t len) {
  struct rtattr *attribute =
      (struct rtattr *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));
  attribute->rta_type = type;
  attribute->rta_len = (unsigned short)RTA_LENGTH(len);
  memcpy(RTA_DATA(attribute), data, len);
  request->head.nlmsg_len = NLMSG_ALIGN(request->head.nlmsg_len) + RTA_SPACE(len);
}

static ssize_t receive(int fd, struct message *message) {
  ssize_t n;
  do {
    n = recv(fd, message->bytes, sizeof message->bytes, MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  return n;
}

/* The answer to our last request, past what an earlier one left; NULL: none came. */
static const struct nlmsghdr *await(const struct source *s, struct message *message) {
  for (int i = 0; i < READS_MAX; i++) {
    const ssize_t n = receive(s->ask_fd, message);
    if (n < 0)
      return NULL;
    const struct nlmsghdr *head = (const struct nlmsghdr *)message->bytes;
    if (NLMSG_OK(head, (size_t)n) && head->nlmsg_seq == s->sequence)
      return head;
  }
  return NULL;
}

static const struct nlmsghdr *ask(struct source *s, struct request *request,
                                  struct message *message) {
  request->head.nlmsg_flags = NLM_F_REQUEST;
  request->head.nlmsg_seq = ++s->sequence;
  const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  const ssize_t n = sendto(s->ask_fd, request, request->head.nlmsg_len, MSG_DONTWAIT,
                           (const struct sockaddr *)&kernel, sizeof kernel);
  return n < 0 ? NULL : await(s, message);
}

/* FNV-1a, to tell ways apart. */
static void mix(uint32_t *print, const void *data, size_t len) {
  for (size_t i = 0; i < len; i++)
    *print = (*print ^ ((const uint8_t *)data)[i]) * 16777619u;
}

/* ---- an interface ---- */

static bool is_running(struct source *s, int index, uint32_t *print) {
  struct request request = {
      .head = {.nlmsg_len = NLMSG_LENGTH(sizeof request.link), .nlmsg_type = RTM_GETLINK},
      .link = {.ifi_family = AF_UNSPEC, .ifi_index = index}};
  struct message message;
  const struct nlmsghdr *head = ask(s, &request, &message);
  if (!head || head->nlmsg_type != RTM_NEWLINK)
    return true; /* not known: the route has the word */
  const struct ifinfomsg *link = NLMSG_DATA(head);
  int len = (int)IFLA_PAYLOAD(head);
  for (const struct rtattr *a = IFLA_RTA(link); RTA_OK(a, len); a = RTA_NEXT(a, len))
    if (a->rta_type == IFLA_CARRIER_CHANGES)
      mix(print, RTA_DATA(a), RTA_PAYLOAD(a));
  return (link->ifi_flags & IFF_UP) && (link->ifi_flags & IFF_RUNNING);
}

/* ---- a route ---- */

static struct request route_request(const struct address *target) {
  struct request request = {
      .head = {.nlmsg_len = NLMSG_LENGTH(sizeof request.route), .nlmsg_type = RTM_GETROUTE},
      .route = {.rtm_family = (unsigned char)target->as.any.sa_family}};
  if (target->as.any.sa_family == AF_INET) {
    request.route.rtm_dst_len = 32;
    add_attribute(&request, RTA_DST, &target->as.v4.sin_addr, sizeof target->as.v4.sin_addr);
    return request;
  }
  request.route.rtm_dst_len = 128;
  add_attribute(&request, RTA_DST, &target->as.v6.sin6_addr, sizeof target->as.v6.sin6_addr);
  if (target->as.v6.sin6_scope_id)
    add_attribute(&request, RTA_OIF, &target->as.v6.sin6_scope_id, sizeof(uint32_t));
  return request;
}

static bool is_no_way(int error) {
  return error == ENETUNREACH || error == EHOSTUNREACH || error == ENETDOWN;
}

static struct watch_route read_error(const struct nlmsghdr *head) {
  const struct nlmsgerr *error = NLMSG_DATA(head);
  const bool is_whole = head->nlmsg_len >= NLMSG_LENGTH(sizeof error->error);
  const bool none = is_whole && is_no_way(-error->error);
  return (struct watch_route){none ? WATCH_NO_WAY : WATCH_UNKNOWN, 0};
}

/* A route of type unreachable, blackhole or prohibit: older kernels answer so for IPv6. */
static bool leads_nowhere(const struct rtmsg *route) {
  return route->rtm_type == RTN_UNREACHABLE || route->rtm_type == RTN_BLACKHOLE ||
         route->rtm_type == RTN_PROHIBIT;
}

static struct watch_route read_route(struct source *s, const struct nlmsghdr *head) {
  const struct rtmsg *route = NLMSG_DATA(head);
  struct watch_route answer = {leads_nowhere(route) ? WATCH_NO_WAY : WATCH_WAY, 2166136261u};
  int len = (int)RTM_PAYLOAD(head), index = 0;
  for (const struct rtattr *a = RTM_RTA(route); RTA_OK(a, len); a = RTA_NEXT(a, len)) {
    if (a->rta_type == RTA_OIF && RTA_PAYLOAD(a) == sizeof index)
      memcpy(&index, RTA_DATA(a), sizeof index);
    if (a->rta_type == RTA_OIF || a->rta_type == RTA_GATEWAY || a->rta_type == RTA_PREFSRC)
      mix(&answer.print, RTA_DATA(a), RTA_PAYLOAD(a));
  }
  if (answer.way == WATCH_WAY && route->rtm_type == RTN_UNICAST && index &&
      !is_running(s, index, &answer.print))
    answer.way = WATCH_NO_WAY;
  return answer;
}

static struct watch_route route_linux(void *source, const struct address *target) {
  struct source *s = source;
  if (address_is_loopback(target))
    return (struct watch_route){WATCH_WAY, 0};
  struct request request = route_request(target);
  struct message message;
  const struct nlmsghdr *head = ask(s, &request, &message);
  if (head && head->nlmsg_type == NLMSG_ERROR)
    return read_error(head);
  if (head && head->nlmsg_type == RTM_NEWROUTE)
    return read_route(s, head);
  return (struct watch_route){WATCH_UNKNOWN, 0};
}

/* ---- addresses ---- */

/* IPv6's link-local addresses are on every interface and lead nowhere by a name. */
static bool leads_out(const struct ifaddrs *entry) {
  const unsigned wanted = IFF_UP | IFF_RUNNING;
  if (!entry->ifa_addr || (entry->ifa_flags & wanted) != wanted ||
      (entry->ifa_flags & IFF_LOOPBACK))
    return false;
  if (entry->ifa_addr->sa_family == AF_INET)
    return true;
  const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)entry->ifa_addr;
  return entry->ifa_addr->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
}

static enum watch_way way_out_linux(void *source) {
  (void)source;
  struct ifaddrs *all;
  if (getifaddrs(&all) != 0)
    return WATCH_UNKNOWN;
  const struct ifaddrs *entry = all;
  while (entry && !leads_out(entry))
    entry = entry->ifa_next;
  freeifaddrs(all);
  return entry ? WATCH_WAY : WATCH_NO_WAY;
}

/* What can still be bound is still ours, also where the system lets programs bind what is not. */
static bool is_gone_linux(void *source, const struct address *own) {
  (void)source;
  struct address address = *own;
  if (address_is_loopback(own))
    return false;
  address_set_port(&address, 0);
  const int fd = socket(address.as.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return false;
  const bool is_gone = bind(fd, &address.as.any, address.len) != 0 && errno == EADDRNOTAVAIL;
  close(fd);
  return is_gone;
}

/* ---- sleep ---- */

static uint64_t read_clock(clockid_t clock) {
  struct timespec now = {0};
  clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t slept_linux(void) {
  const uint64_t awake_ms = read_clock(CLOCK_MONOTONIC);
  return read_clock(CLOCK_BOOTTIME) - awake_ms;
}

static bool arm(int fd) {
  const struct itimerspec far = {.it_value = {.tv_sec = FAR_AWAY_S}};
  return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &far, NULL) == 0;
}

static void on_woken(uv_poll_t *handle, int status, int events) {
  struct source *s = handle->data;
  uint64_t unused;
  (void)events;
  if (status < 0 ||
      (read(s->wake_fd, &unused, sizeof unused) < 0 && errno != ECANCELED && errno != EAGAIN)) {
    uv_poll_stop(handle); /* the watch looks at the clocks now and then all the same */
    return;
  }
  (void)arm(s->wake_fd);
  watch_changed(s->watch);
}

/* ---- changes ---- */

/* What it says is of no interest: everybody asks anew, also after an error, as ENOBUFS says that
   words were lost. False: there was nothing. */
static bool drain(const struct source *s) {
  struct message message;
  int i = 0;
  while (i < READS_MAX && (receive(s->told_fd, &message) >= 0 || !sock_would_block(errno)))
    i++;
  return i > 0;
}

/* ENOBUFS also shows as a condition of the socket, upon which libuv polls it no more; reading has
   cured it. An error with nothing to be read is another, and ends it. */
static void on_told(uv_poll_t *handle, int status, int events) {
  struct source *s = handle->data;
  const bool has_news = drain(s);
  (void)events;
  if (status < 0 && has_news)
    (void)uv_poll_start(handle, UV_READABLE, on_told);
  if (status < 0 || has_news)
    watch_changed(s->watch);
}

/* ---- life ---- */

static int netlink(unsigned groups) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
  const struct sockaddr_nl own = {.nl_family = AF_NETLINK, .nl_groups = groups};
  if (fd < 0 || bind(fd, (const struct sockaddr *)&own, sizeof own) == 0)
    return fd;
  close(fd);
  return -1;
}

static void close_fds(const struct source *s) {
  const int fds[] = {s->told_fd, s->ask_fd, s->wake_fd};
  for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
    if (fds[i] >= 0)
      close(fds[i]);
}

static void free_source(struct source *s) {
  struct net_loop *loop = s->loop;
  memory_free(net_loop_memory(loop), s);
  net_loop_release(loop);
}

static void on_closed(uv_handle_t *handle) {
  struct source *s = handle->data;
  if (--s->handle_count == 0)
    free_source(s);
}

static void close_linux(void *source) {
  struct source *s = source;
  const unsigned count = s->handle_count;
  uv_close((uv_handle_t *)&s->told, on_closed);
  if (count > 1)
    uv_close((uv_handle_t *)&s->woken, on_closed);
  close_fds(s);
}

static bool poll_fd(struct source *s, uv_poll_t *poll, int fd, uv_poll_cb call) {
  if (fd < 0 || uv_poll_init(net_loop_uv(s->loop), poll, fd) != 0)
    return false;
  poll->data = s;
  s->handle_count++;
  uv_unref((uv_handle_t *)poll);
  return uv_poll_start(poll, UV_READABLE, call) == 0;
}

/* Without the timer sleep is seen a little later, which is no reason to do without the rest. */
static void watch_sleep(struct source *s) {
  s->wake_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
  if (s->wake_fd >= 0 && arm(s->wake_fd))
    (void)poll_fd(s, &s->woken, s->wake_fd, on_woken);
}

static void *open_linux(struct net_loop *loop, struct net_watch *watch) {
  struct source *s = memory_alloc_zeroed(net_loop_memory(loop), sizeof *s);
  if (!s)
    return NULL;
  s->loop = loop;
  s->watch = watch;
  s->wake_fd = -1;
  s->told_fd = netlink(GROUPS);
  s->ask_fd = netlink(0);
  net_loop_retain(loop);
  if (s->ask_fd >= 0 && poll_fd(s, &s->told, s->told_fd, on_told)) {
    watch_sleep(s);
    return s;
  }
  if (s->handle_count) {
    close_linux(s);
  } else {
    close_fds(s);
    free_source(s);
  }
  return NULL;
}

const struct watch_system watch_system = {
    .open = open_linux,
    .close = close_linux,
    .route = route_linux,
    .way_out = way_out_linux,
    .is_gone = is_gone_linux,
    .slept_ms = slept_linux,
};
