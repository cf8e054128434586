/* What is made without descriptors: the first event loop of a process, where libuv would end the
   program, and what comes after it. */
#include "parts.h"
#include "uv_open.h"

#include <limpet/limpet.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

static struct rlimit before;

/* `spare` more descriptors than are open now. */
static void leave(unsigned spare) {
  const int next = dup(STDOUT_FILENO);
  assert_true(next >= 0);
  close(next);
  const struct rlimit tight = {(rlim_t)next + spare, before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
}

static void restore(void) {
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static limpet_result make(limpet_client **client, char *detail) {
  limpet_options options;
  limpet_options_init(&options, sizeof options);
  options.url = "ws://127.0.0.1:1/";
  return limpet_new(&options, NULL, client, detail);
}

static void a_loop_needs_descriptors_and_says_so(void **state) {
  (void)state;
  uv_loop_t loop;
  for (unsigned spare = 0; spare < 4; spare++) {
    leave(spare);
    assert_int_equal(net_uv_open(&loop), UV_EMFILE);
    restore();
  }
}

static void so_does_a_pump(void **state) {
  (void)state;
  limpet_pump *pump = NULL;
  for (unsigned spare = 0; spare < 4; spare++) {
    leave(spare);
    assert_int_equal(limpet_pump_new(NULL, &pump), LIMPET_SYSTEM);
    restore();
  }
}

static void so_does_a_client_with_a_thread(void **state) {
  (void)state;
  char detail[LIMPET_DETAIL_CAP];
  limpet_client *client = NULL;
  for (unsigned spare = 0; spare < 4; spare++) {
    detail[0] = '\0';
    leave(spare);
    const limpet_result result = make(&client, detail);
    restore();
    assert_int_equal(result, LIMPET_SYSTEM);
    assert_non_null(strstr(detail, "descriptors"));
  }
}

/* It runs on a loop that has all it needs, and must read what is trusted. */
static limpet_result make_secure(uv_loop_t *loop, char *detail) {
  limpet_client *client = NULL;
  limpet_options options;
  limpet_options_init(&options, sizeof options);
  options.url = "wss://127.0.0.1:1/";
  options.tls_ca_file = "/nowhere/ca.pem";
  return limpet_new(&options, loop, &client, detail);
}

static void so_does_a_client_that_has_a_file_to_read(void **state) {
  (void)state;
  char detail[LIMPET_DETAIL_CAP];
  uv_loop_t loop;
  if (!HAS_TLS)
    skip();
  assert_int_equal(net_uv_open(&loop), 0);
  leave(0);
  const limpet_result result = make_secure(&loop, detail);
  restore();
  assert_int_equal(result, LIMPET_SYSTEM);
  assert_string_equal(detail, "TLS: Too many open files");
  assert_int_equal(make_secure(&loop, detail), LIMPET_INVALID_ARGUMENT);
  uv_run(&loop, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&loop), 0);
}

static void with_descriptors_all_of_them_are_made(void **state) {
  (void)state;
  char detail[LIMPET_DETAIL_CAP];
  limpet_client *client;
  limpet_pump *pump;
  uv_loop_t loop;
  assert_int_equal(net_uv_open(&loop), 0);
  assert_int_equal(uv_loop_close(&loop), 0);
  assert_int_equal(limpet_pump_new(NULL, &pump), LIMPET_OK);
  assert_int_equal(limpet_pump_free(pump), LIMPET_OK);
  assert_int_equal(make(&client, detail), LIMPET_OK);
  limpet_stop(client, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_loop_needs_descriptors_and_says_so),
      cmocka_unit_test(so_does_a_pump),
      cmocka_unit_test(so_does_a_client_with_a_thread),
      cmocka_unit_test(so_does_a_client_that_has_a_file_to_read),
      cmocka_unit_test(with_descriptors_all_of_them_are_made),
  };
  if (getrlimit(RLIMIT_NOFILE, &before) != 0)
    return 1;
  return cmocka_run_group_tests(tests, NULL, NULL);
}
