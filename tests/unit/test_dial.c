/* Happy Eyeballs on the loopback: what answers, refuses or keeps silent is a socket of the test. */
#define _GNU_SOURCE
#include "dial.h"
#include "net_rig.h"
#include "resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- a resolver of the test ---- */

#define NAMES_MAX 4

/* What one family of the only host answers: addresses, an error, or nothing until the gate opens.
 */
static struct side {
  const char *addresses[NAMES_MAX];
  int error;
  bool hangs;
} sides[2];

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate = PTHREAD_COND_INITIALIZER;
static bool gate_is_open;
static unsigned inside_count;

static void fake(const char *host, int family, struct resolve_answer *answer) {
  (void)host;
  pthread_mutex_lock(&gate_lock);
  const struct side side = sides[family == AF_INET];
  inside_count++;
  while (side.hangs && !gate_is_open)
    pthread_cond_wait(&gate, &gate_lock);
  inside_count--;
  pthread_mutex_unlock(&gate_lock);
  answer->error = side.error;
  for (size_t i = 0; i < NAMES_MAX && side.addresses[i]; i++)
    address_from_ip(&answer->addresses[answer->count++], side.addresses[i]);
}

/* ---- sockets that answer, refuse, or keep silent ---- */

enum place { CLOSED, LISTENING, SILENT };

struct place_fds {
  int listening;
  int fillers[3]; /* hold a silent socket's queue full, so that the kernel drops what comes */
};

static int bound(const char *ip, uint16_t *port, int backlog) {
  struct address address;
  assert_true(address_from_ip(&address, ip));
  address_set_port(&address, *port);
  int fd = sock_open(address.as.any.sa_family);
  int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, &address.as.any, address.len) != 0 || (backlog >= 0 && listen(fd, backlog) != 0)) {
    close(fd);
    return -1;
  }
  address.len = sizeof address.as;
  getsockname(fd, &address.as.any, &address.len);
  *port = address_port(&address);
  return fd;
}

static struct place_fds make_place(const char *ip, uint16_t *port, enum place place) {
  struct place_fds fds = {-1, {-1, -1, -1}};
  if (place == CLOSED)
    return fds;
  fds.listening = bound(ip, port, place == SILENT ? 0 : 16);
  assert_true(fds.listening >= 0);
  struct address address;
  address_from_ip(&address, ip);
  address_set_port(&address, *port);
  for (size_t i = 0; place == SILENT && i < 3; i++) {
    fds.fillers[i] = sock_open(address.as.any.sa_family);
    connect(fds.fillers[i], &address.as.any, address.len);
  }
  return fds;
}

static void close_place(struct place_fds *fds) {
  if (fds->listening >= 0)
    close(fds->listening);
  for (size_t i = 0; i < 3; i++)
    if (fds->fillers[i] >= 0)
      close(fds->fillers[i]);
}

/* A port that is free on all addresses used here. */
static uint16_t free_port(void) {
  for (;;) {
    uint16_t port = 0;
    int v4 = bound("0.0.0.0", &port, -1);
    close(v4);
    int v6 = bound("::1", &port, -1);
    if (v6 >= 0) {
      close(v6);
      return port;
    }
  }
}

/* ---- running a dial ---- */

struct outcome {
  bool is_done;
  int fd;
  char peer[ADDRESS_TEXT_CAP];
  struct dial_failure failure;
};

static void on_done(void *user, int fd, const struct address *peer,
                    const struct dial_failure *failure) {
  struct outcome *outcome = user;
  assert_false(outcome->is_done);
  outcome->is_done = true;
  outcome->fd = fd;
  if (failure)
    outcome->failure = *failure;
  else
    address_print(peer, outcome->peer);
}

struct scene {
  const char *name;
  struct side v6, v4;
  enum place at_v6, at_v4;    /* ::1 and 127.0.0.1 */
  enum place at_other;        /* 127.0.0.2 */
  uint32_t delay_ms;          /* Happy Eyeballs' */
  const char *winner;         /* host part of the peer, or NULL */
  enum link_end_kind kind;    /* if none wins */
  const char *detail;         /* part of it */
  uint64_t least_ms, most_ms; /* how long it may take */
};

#define SOON 1500 /* well below every delay of 5000 here */

static const struct scene scenes[] = {
    {"IPv6 first",
     {{"::1"}, 0, false},
     {{"127.0.0.1"}, 0, false},
     LISTENING,
     LISTENING,
     CLOSED,
     5000,
     "[::1]",
     0,
     NULL,
     0,
     SOON},
    {"IPv6 refuses: IPv4 at once",
     {{"::1"}, 0, false},
     {{"127.0.0.1"}, 0, false},
     CLOSED,
     LISTENING,
     CLOSED,
     5000,
     "127.0.0.1",
     0,
     NULL,
     0,
     SOON},
    {"IPv6 silent: IPv4 after its delay",
     {{"::1"}, 0, false},
     {{"127.0.0.1"}, 0, false},
     SILENT,
     LISTENING,
     CLOSED,
     60,
     "127.0.0.1",
     0,
     NULL,
     60,
     SOON},
    {"only IPv4",
     {{NULL}, EAI_NODATA, false},
     {{"127.0.0.1"}, 0, false},
     CLOSED,
     LISTENING,
     CLOSED,
     5000,
     "127.0.0.1",
     0,
     NULL,
     0,
     SOON},
    {"only IPv6",
     {{"::1"}, 0, false},
     {{NULL}, EAI_NONAME, false},
     LISTENING,
     CLOSED,
     CLOSED,
     5000,
     "[::1]",
     0,
     NULL,
     0,
     SOON},
    {"AAAA hangs: A after 50 ms",
     {{NULL}, 0, true},
     {{"127.0.0.1"}, 0, false},
     LISTENING,
     LISTENING,
     CLOSED,
     5000,
     "127.0.0.1",
     0,
     NULL,
     DIAL_RESOLUTION_DELAY_MS,
     SOON},
    {"A hangs: AAAA at once",
     {{"::1"}, 0, false},
     {{NULL}, 0, true},
     LISTENING,
     CLOSED,
     CLOSED,
     5000,
     "[::1]",
     0,
     NULL,
     0,
     SOON},
    {"AAAA hangs, the second A is good",
     {{NULL}, 0, true},
     {{"127.0.0.1", "127.0.0.2"}, 0, false},
     CLOSED,
     CLOSED,
     LISTENING,
     5000,
     "127.0.0.2",
     0,
     NULL,
     50,
     SOON},
    {"two silent ones, the third answers",
     {{"::1"}, 0, false},
     {{"127.0.0.1", "127.0.0.2"}, 0, false},
     SILENT,
     SILENT,
     LISTENING,
     40,
     "127.0.0.2",
     0,
     NULL,
     80,
     SOON},
    {"all refuse",
     {{"::1"}, 0, false},
     {{"127.0.0.1"}, 0, false},
     CLOSED,
     CLOSED,
     CLOSED,
     5000,
     NULL,
     LINK_END_REFUSED,
     "Connection refused (2 addresses tried)",
     0,
     SOON},
    {"refused tells more than unreachable",
     {{NULL}, EAI_NONAME, false},
     {{"224.0.0.1", "127.0.0.1", "255.255.255.255"}, 0, false},
     CLOSED,
     CLOSED,
     CLOSED,
     5000,
     NULL,
     LINK_END_REFUSED,
     "connect to 127.0.0.1:",
     0,
     SOON},
    {"unreachable",
     {{NULL}, EAI_NONAME, false},
     {{"255.255.255.255"}, 0, false},
     CLOSED,
     CLOSED,
     CLOSED,
     5000,
     NULL,
     LINK_END_UNREACHABLE,
     "255.255.255.255:",
     0,
     SOON},
    {"no such name",
     {{NULL}, EAI_NONAME, false},
     {{NULL}, EAI_NONAME, false},
     CLOSED,
     CLOSED,
     CLOSED,
     5000,
     NULL,
     LINK_END_DNS,
     "look-up of far.example: Name or service",
     0,
     SOON},
    {"try again tells more",
     {{NULL}, EAI_NONAME, false},
     {{NULL}, EAI_AGAIN, false},
     CLOSED,
     CLOSED,
     CLOSED,
     5000,
     NULL,
     LINK_END_DNS,
     "Temporary failure",
     0,
     SOON},
    {"a name without addresses",
     {{NULL}, 0, false},
     {{NULL}, 0, false},
     CLOSED,
     CLOSED,
     CLOSED,
     5000,
     NULL,
     LINK_END_DNS,
     "no address",
     0,
     SOON},
};

struct stage {
  struct place_fds v6, v4, other;
  uint16_t port;
};

static struct stage make_stage(const struct scene *scene) {
  struct stage stage = {.port = free_port()};
  stage.v6 = make_place("::1", &stage.port, scene->at_v6);
  stage.v4 = make_place("127.0.0.1", &stage.port, scene->at_v4);
  stage.other = make_place("127.0.0.2", &stage.port, scene->at_other);
  pthread_mutex_lock(&gate_lock);
  sides[0] = scene->v6;
  sides[1] = scene->v4;
  gate_is_open = false;
  pthread_mutex_unlock(&gate_lock);
  resolve_use(fake);
  return stage;
}

static void close_stage(struct stage *stage) {
  pthread_mutex_lock(&gate_lock);
  gate_is_open = true;
  pthread_cond_broadcast(&gate);
  pthread_mutex_unlock(&gate_lock);
  for (bool busy = true; busy;) {
    pthread_mutex_lock(&gate_lock);
    busy = inside_count > 0;
    pthread_mutex_unlock(&gate_lock);
  }
  resolve_use(NULL);
  close_place(&stage->v6);
  close_place(&stage->v4);
  close_place(&stage->other);
}

static void never(struct net_timer *timer) {
  (void)timer;
}

static void check(const struct scene *scene, const struct outcome *outcome, uint64_t took_ms) {
  if (took_ms < scene->least_ms || took_ms > scene->most_ms)
    fail_msg("%s: took %llu ms", scene->name, (unsigned long long)took_ms);
  if (!scene->winner) {
    if (outcome->fd >= 0 || outcome->failure.kind != scene->kind ||
        !strstr(outcome->failure.detail, scene->detail))
      fail_msg("%s: %d %s", scene->name, outcome->failure.kind, outcome->failure.detail);
  } else if (outcome->fd < 0 || strncmp(outcome->peer, scene->winner, strlen(scene->winner)) != 0) {
    fail_msg("%s: %s%s", scene->name, outcome->peer, outcome->failure.detail);
  }
}

static void test_scenes(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof scenes / sizeof *scenes; i++) {
    struct rig rig;
    rig_init(&rig);
    struct stage stage = make_stage(&scenes[i]);
    struct net_timer keep_alive = {.fire = never};
    net_timer_set(rig.loop, &keep_alive, net_loop_now_ms(rig.loop) + 10ull * RIG_PATIENCE_MS);
    const struct dial_target target = {.host = "far.example", .port = stage.port};
    struct outcome outcome = {.fd = -1};
    uv_update_time(&rig.uv);
    uint64_t began_ms = net_loop_now_ms(rig.loop);
    struct dial *dial = dial_new(rig.loop, &target, scenes[i].delay_ms, on_done, &outcome);
    dial_begin(dial);
    rig_until(&rig, &outcome.is_done);
    check(&scenes[i], &outcome, net_loop_now_ms(rig.loop) - began_ms);
    if (outcome.fd >= 0)
      close(outcome.fd);
    net_timer_unset(rig.loop, &keep_alive);
    rig_deinit(&rig);
    close_stage(&stage);
  }
}

/* The losers are closed: a silent place, once it listens again, has nobody waiting. */
static unsigned open_descriptors(void) {
  unsigned count = 0;
  for (int fd = 0; fd < 256; fd++) {
    struct address address = {.len = sizeof address.as};
    count += getsockname(fd, &address.as.any, &address.len) == 0;
  }
  return count;
}

static void test_losers_are_closed(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct stage stage = make_stage(&scenes[8]);
  struct outcome outcome = {.fd = -1};
  unsigned before = open_descriptors();
  const struct dial_target target = {.host = "far.example", .port = stage.port};
  struct net_timer keep_alive = {.fire = never};
  net_timer_set(rig.loop, &keep_alive, net_loop_now_ms(rig.loop) + 10ull * RIG_PATIENCE_MS);
  struct dial *dial = dial_new(rig.loop, &target, 20, on_done, &outcome);
  dial_begin(dial);
  rig_until(&rig, &outcome.is_done);
  assert_true(outcome.fd >= 0);
  assert_int_equal(open_descriptors(), before + 1);
  close(outcome.fd);
  net_timer_unset(rig.loop, &keep_alive);
  rig_deinit(&rig);
  close_stage(&stage);
}

static void test_cancelled(void **state) {
  (void)state;
  static const size_t which[] = {2, 5}; /* connecting; looking up */
  for (size_t i = 0; i < 2; i++) {
    struct rig rig;
    rig_init(&rig);
    struct stage stage = make_stage(&scenes[which[i]]);
    unsigned before = open_descriptors();
    struct outcome outcome = {.fd = -1};
    struct side silent = {{"::1"}, 0, i == 1};
    pthread_mutex_lock(&gate_lock);
    sides[0] = silent;
    sides[1] = (struct side){{NULL}, i == 0 ? EAI_NONAME : 0, i == 1};
    pthread_mutex_unlock(&gate_lock);
    const struct dial_target target = {.host = "far.example", .port = stage.port};
    struct net_timer keep_alive = {.fire = never};
    net_timer_set(rig.loop, &keep_alive, net_loop_now_ms(rig.loop) + 10ull * RIG_PATIENCE_MS);
    struct dial *dial = dial_new(rig.loop, &target, 5000, on_done, &outcome);
    dial_begin(dial);
    char text[128];
    do {
      if (i == 0)
        rig_turn(&rig);
      dial_describe(dial, text, sizeof text);
    } while (strncmp(text, i == 0 ? "[::1]:" : "the look-up of far.example", 6) != 0);
    dial_cancel(dial);
    assert_int_equal(open_descriptors(), before);
    net_timer_unset(rig.loop, &keep_alive);
    rig_deinit(&rig);
    assert_false(outcome.is_done);
    close_stage(&stage);
  }
}

static void test_unix(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct outcome outcome = {.fd = -1};
  const struct dial_target target = {.unix_path = "/nonexistent/limpet.sock"};
  struct dial *dial = dial_new(rig.loop, &target, 250, on_done, &outcome);
  dial_begin(dial);
  assert_true(outcome.is_done);
  assert_int_equal(outcome.failure.kind, LINK_END_REFUSED);
  assert_string_equal(outcome.failure.detail,
                      "connect to unix:/nonexistent/limpet.sock: No such file or directory");
  rig_deinit(&rig);
}

/* Each allocation in turn fails: the dial tells it, or goes on without what it wanted. */
static void test_without_memory(void **state) {
  (void)state;
  for (long nth = 1;; nth++) {
    struct rig rig;
    rig_init(&rig);
    struct stage stage = make_stage(&scenes[2]);
    struct outcome outcome = {.fd = -1};
    const struct dial_target target = {.host = "far.example", .port = stage.port};
    struct net_timer keep_alive = {.fire = never};
    net_timer_set(rig.loop, &keep_alive, net_loop_now_ms(rig.loop) + 10ull * RIG_PATIENCE_MS);
    rig.memory.fail_at = rig.memory.taken + nth;
    struct dial *dial = dial_new(rig.loop, &target, 20, on_done, &outcome);
    if (dial) {
      dial_begin(dial);
      rig_until(&rig, &outcome.is_done);
      if (outcome.fd < 0)
        assert_int_equal(outcome.failure.kind, LINK_END_NO_MEMORY);
      else
        close(outcome.fd);
    }
    bool was_enough = rig.memory.taken < rig.memory.fail_at;
    net_timer_unset(rig.loop, &keep_alive);
    rig_deinit(&rig);
    close_stage(&stage);
    if (was_enough)
      break;
  }
}

static void connect_to_itself(const char *ip) {
  uint16_t port = 0;
  int fd = bound(ip, &port, -1);
  struct address address;
  address_from_ip(&address, ip);
  address_set_port(&address, port);
  int error = sock_connect(fd, &address);
  struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};
  if (error == EINPROGRESS && poll(&poll_fd, 1, 1000) == 1)
    error = sock_take_error(fd);
  assert_int_equal(error, ECONNREFUSED);
  close(fd);
}

/* The kernel can choose the very port that is dialed: such a socket talks to itself, under
   whichever address of this machine. */
static void test_connected_to_itself(void **state) {
  (void)state;
  struct ifaddrs *all;
  assert_int_equal(getifaddrs(&all), 0);
  for (const struct ifaddrs *entry = all; entry; entry = entry->ifa_next) {
    char ip[INET_ADDRSTRLEN];
    if (!entry->ifa_addr || entry->ifa_addr->sa_family != AF_INET || !(entry->ifa_flags & IFF_UP))
      continue;
    const struct sockaddr_in *own = (const struct sockaddr_in *)(const void *)entry->ifa_addr;
    connect_to_itself(inet_ntop(AF_INET, &own->sin_addr, ip, sizeof ip));
  }
  freeifaddrs(all);
}

static void test_error_kinds(void **state) {
  (void)state;
  static const struct {
    int error;
    enum link_end_kind kind;
  } cases[] = {
      {ECONNREFUSED, LINK_END_REFUSED},
      {ENOENT, LINK_END_REFUSED},
      {ETIMEDOUT, LINK_END_TIMEOUT},
      {ENETUNREACH, LINK_END_UNREACHABLE},
      {EHOSTUNREACH, LINK_END_UNREACHABLE},
      {EADDRNOTAVAIL, LINK_END_UNREACHABLE},
      {ECONNRESET, LINK_END_LOST},
      {EPIPE, LINK_END_LOST},
      {EMFILE, LINK_END_SYSTEM},
      {ENFILE, LINK_END_SYSTEM},
      {EACCES, LINK_END_SYSTEM},
      {ENOMEM, LINK_END_NO_MEMORY},
      {ENOBUFS, LINK_END_NO_MEMORY},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_int_equal(sock_error_kind(cases[i].error), cases[i].kind);
  assert_string_equal(sock_error_text(99999), "unknown error");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_scenes),         cmocka_unit_test(test_losers_are_closed),
      cmocka_unit_test(test_cancelled),      cmocka_unit_test(test_unix),
      cmocka_unit_test(test_without_memory), cmocka_unit_test(test_connected_to_itself),
      cmocka_unit_test(test_error_kinds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
