/* Listening sockets. */
#include "listener.h"
#include "net_rig.h"
#include "sock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct taker {
  unsigned count;
  int fds[256];
};

static void on_accepted(void *user, uv_os_sock_t fd) {
  struct taker *taker = user;
  taker->fds[taker->count++] = fd;
}

static void close_all(struct taker *taker) {
  while (taker->count > 0)
    close(taker->fds[--taker->count]);
}

static int dial(const struct address *address) {
  int fd = sock_open(address->as.any.sa_family);
  int error = sock_connect(fd, address);
  if (error != 0 && error != EINPROGRESS)
    fail_msg("%s", sock_error_text(error));
  return fd;
}

static struct listener *listening(struct rig *rig, const char *address, struct taker *taker) {
  char detail[256] = "";
  struct listener *listener =
      listener_new(rig->loop, address, on_accepted, taker, detail, sizeof detail);
  if (!listener)
    fail_msg("%s", detail);
  return listener;
}

static void check_accepted(int fd) {
  assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
  assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void test_tcp(void **state) {
  (void)state;
  static const struct {
    const char *address, *ip, *shown;
  } cases[] = {{"127.0.0.1:0", "127.0.0.1", "127.0.0.1:"},
               {"localhost:0", "127.0.0.1", "127.0.0.1:"},
               {"[::1]:0", "::1", "[::1]:"}};
  for (size_t i = 0; i < 3; i++) {
    struct rig rig;
    rig_init(&rig);
    struct taker taker = {0};
    struct listener *listener = listening(&rig, cases[i].address, &taker);
    uint16_t port = listener_port(listener);
    char shown[64];
    snprintf(shown, sizeof shown, "%s%u", cases[i].shown, port);
    assert_string_equal(listener_address(listener), shown);
    struct address address;
    address_from_ip(&address, cases[i].ip);
    address_set_port(&address, port);
    int clients[100];
    for (size_t c = 0; c < 100; c++)
      clients[c] = dial(&address);
    rig_until_count(&rig, &taker.count, 100);
    check_accepted(taker.fds[99]);
    for (size_t c = 0; c < 100; c++)
      close(clients[c]);
    close_all(&taker);
    listener_free(listener);
    rig_deinit(&rig);
  }
}

static void test_unix(void **state) {
  (void)state;
  char path[] = "/tmp/limpet_listener_XXXXXX", text[64];
  assert_non_null(mkdtemp(path));
  snprintf(text, sizeof text, "unix:%s/s", path);
  struct rig rig;
  rig_init(&rig);
  struct taker taker = {0};
  struct address address;
  assert_true(address_from_path(&address, text + 5));

  /* what a killed program left behind is no obstacle; what listens is */
  int left = sock_open(AF_UNIX);
  assert_int_equal(bind(left, &address.as.any, address.len), 0);
  close(left);
  struct listener *listener = listening(&rig, text, &taker);
  assert_string_equal(listener_address(listener), text);
  assert_int_equal(listener_port(listener), 0);
  char detail[256];
  assert_null(listener_new(rig.loop, text, on_accepted, &taker, detail, sizeof detail));
  assert_non_null(strstr(detail, "Address already in use"));
  int client = dial(&address);
  rig_until_count(&rig, &taker.count, 2); /* the second listener's look, then the client */
  close(client);
  close_all(&taker);
  listener_free(listener);
  listener_free(NULL);
  struct stat status;
  assert_int_not_equal(stat(text + 5, &status), 0); /* taken away again */
  rmdir(path);
  rig_deinit(&rig);
}

/* While it pauses nobody gets in, and nobody else gets the address. */
static void test_pause(void **state) {
  (void)state;
  char path[] = "/tmp/limpet_listener_XXXXXX", text[64];
  assert_non_null(mkdtemp(path));
  snprintf(text, sizeof text, "unix:%s/s", path);
  const char *const cases[] = {"127.0.0.1:0", "[::1]:0", text};
  for (size_t i = 0; i < 3; i++) {
    struct rig rig;
    rig_init(&rig);
    struct taker taker = {0};
    struct listener *listener = listening(&rig, cases[i], &taker);
    struct address address;
    if (!address_from_path(&address, text + 5) || i < 2) {
      address_from_ip(&address, i == 0 ? "127.0.0.1" : "::1");
      address_set_port(&address, listener_port(listener));
    }
    for (unsigned round = 1; round <= 3; round++) {
      listener_pause(listener);
      int fd = sock_open(address.as.any.sa_family);
      assert_int_equal(sock_connect(fd, &address), ECONNREFUSED);
      close(fd);
      if (i < 2) {
        fd = sock_open(address.as.any.sa_family);
        assert_int_not_equal(bind(fd, &address.as.any, address.len), 0);
        close(fd);
      }
      assert_int_equal(listener_resume(listener), 0);
      fd = dial(&address);
      rig_until_count(&rig, &taker.count, round);
      close(fd);
    }
    check_accepted(taker.fds[2]);
    close_all(&taker);
    listener_pause(listener);
    listener_free(listener);
    rig_deinit(&rig);
  }
  rmdir(path);
}

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789"

static void test_bad_addresses(void **state) {
  (void)state;
  static const char *const cases[] = {
      "",
      "127.0.0.1",
      "127.0.0.1:",
      "127.0.0.1:x",
      "127.0.0.1:65536",
      "::1:80",
      "[::1]",
      "[127.0.0.1]:80",
      "example:80",
      ":80",
      "unix:",
      "127.0.0.1:-1",
      "127.0.0.1: 80",
      "127.0.0.1:99999999999999999999",
      "[::1]:80x",
      "1111111111111111111111111111111111111111111111111111111111111111111:80",
      "unix:/" LONG LONG,
  };
  struct rig rig;
  rig_init(&rig);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char detail[256] = "";
    struct taker taker = {0};
    assert_null(listener_new(rig.loop, cases[i], on_accepted, &taker, detail, sizeof detail));
    assert_non_null(strstr(detail, "not IP:PORT"));
  }
  rig_deinit(&rig);
}

static void test_refused_by_system(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct taker taker = {0};
  struct listener *listener = listening(&rig, "127.0.0.1:0", &taker);
  char detail[256];
  assert_null(listener_new(rig.loop, listener_address(listener), on_accepted, &taker, detail,
                           sizeof detail));
  assert_non_null(strstr(detail, "Address already in use"));
  assert_null(listener_new(rig.loop, "unix:/nonexistent/dir/s", on_accepted, &taker, detail,
                           sizeof detail));
  assert_non_null(strstr(detail, "No such file"));
  rig.memory.fail_at = rig.memory.taken + 1;
  assert_null(listener_new(rig.loop, "127.0.0.1:0", on_accepted, &taker, detail, sizeof detail));
  assert_non_null(strstr(detail, "no memory"));
  listener_free(listener);
  rig_deinit(&rig);
}

/* Without descriptors a listener rests instead of spinning, and goes on when there are some. */
static unsigned turn_count;

static void count_turn(uv_prepare_t *handle) {
  (void)handle;
  turn_count++;
}

static void lower_limit(struct rlimit *before) {
  getrlimit(RLIMIT_NOFILE, before);
  int highest = dup(0);
  close(highest);
  struct rlimit tight = {(rlim_t)highest, before->rlim_max};
  setrlimit(RLIMIT_NOFILE, &tight);
}

static void test_without_descriptors(void **state) {
  (void)state;
  struct rig rig;
  rig_init(&rig);
  struct taker taker = {0};
  struct listener *listener = listening(&rig, "127.0.0.1:0", &taker);
  struct address address;
  address_from_ip(&address, "127.0.0.1");
  address_set_port(&address, listener_port(listener));
  uv_prepare_t prepare;
  uv_prepare_init(&rig.uv, &prepare);
  uv_prepare_start(&prepare, count_turn);
  int client = dial(&address);
  struct rlimit before;
  lower_limit(&before);
  turn_count = 0;
  uint64_t began_ms = uv_hrtime() / 1000000;
  while (uv_hrtime() / 1000000 < began_ms + 250)
    rig_turn(&rig);
  assert_int_equal(taker.count, 0);
  assert_in_range(turn_count, 1, 20);
  setrlimit(RLIMIT_NOFILE, &before);
  rig_until_count(&rig, &taker.count, 1);
  close(client);
  close_all(&taker);
  uv_close((uv_handle_t *)&prepare, NULL);
  listener_free(listener);
  rig_deinit(&rig);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_tcp),
      cmocka_unit_test(test_unix),
      cmocka_unit_test(test_pause),
      cmocka_unit_test(test_bad_addresses),
      cmocka_unit_test(test_refused_by_system),
      cmocka_unit_test(test_without_descriptors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
