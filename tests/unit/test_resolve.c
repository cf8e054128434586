/* Look-ups: shared, bounded, cancelled, hung. */
#include "net_rig.h"
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* A resolver that answers when it is told to. "hang..." waits for the gate, others do not. */
static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate = PTHREAD_COND_INITIALIZER;
static bool gate_is_open;
static unsigned asked_count, inside_count, inside_most;

static void fake(const char *host, int family, struct resolve_answer *answer) {
  pthread_mutex_lock(&gate_lock);
  asked_count++;
  inside_count++;
  if (inside_count > inside_most)
    inside_most = inside_count;
  while (strncmp(host, "hang", 4) == 0 && !gate_is_open)
    pthread_cond_wait(&gate, &gate_lock);
  inside_count--;
  pthread_mutex_unlock(&gate_lock);
  if (strcmp(host, "missing") == 0) {
    answer->error = EAI_NONAME;
    return;
  }
  answer->count = 1;
  address_from_ip(&answer->addresses[0], family == AF_INET6 ? "::1" : "127.0.0.9");
}

static void set_gate(bool open) {
  pthread_mutex_lock(&gate_lock);
  gate_is_open = open;
  pthread_cond_broadcast(&gate);
  pthread_mutex_unlock(&gate_lock);
}

static unsigned locked(const unsigned *count) {
  pthread_mutex_lock(&gate_lock);
  unsigned value = *count;
  pthread_mutex_unlock(&gate_lock);
  return value;
}

struct asker {
  bool is_done;
  struct resolve_answer answer;
};

static void on_answer(void *user, const struct resolve_answer *answer) {
  struct asker *asker = user;
  assert_false(asker->is_done);
  asker->is_done = true;
  asker->answer = *answer;
}

static void never(struct net_timer *timer) {
  (void)timer;
}

struct fixture {
  struct rig rig;
  struct net_timer keep_alive;
};

static int set_up(void **state) {
  static struct fixture fixture;
  rig_init(&fixture.rig);
  fixture.keep_alive = (struct net_timer){.fire = never};
  net_timer_set(fixture.rig.loop, &fixture.keep_alive,
                net_loop_now_ms(fixture.rig.loop) + 10ull * RIG_PATIENCE_MS);
  set_gate(false);
  pthread_mutex_lock(&gate_lock);
  asked_count = inside_most = 0;
  pthread_mutex_unlock(&gate_lock);
  resolve_use(fake);
  *state = &fixture;
  return 0;
}

static int tear_down(void **state) {
  struct fixture *fixture = *state;
  set_gate(true);
  while (locked(&inside_count) > 0) {
  }
  net_timer_unset(fixture->rig.loop, &fixture->keep_alive);
  rig_deinit(&fixture->rig);
  resolve_use(NULL);
  return 0;
}

static void test_known(void **state) {
  (void)state;
  static const struct {
    const char *host;
    int family;
    bool is_known;
    unsigned count;
  } cases[] = {
      {"127.0.0.1", AF_INET, true, 1},     {"127.0.0.1", AF_INET6, true, 0},
      {"::1", AF_INET6, true, 1},          {"::1", AF_INET, true, 0},
      {"localhost", AF_INET, true, 1},     {"localhost", AF_INET6, true, 1},
      {"LocalHost.", AF_INET, true, 1},    {"a.localhost", AF_INET6, true, 1},
      {"notlocalhost", AF_INET, false, 0}, {"localhost.example", AF_INET, false, 0},
      {"example.org", AF_INET6, false, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct resolve_answer answer;
    assert_int_equal(resolve_is_known(cases[i].host, cases[i].family, &answer), cases[i].is_known);
    if (cases[i].is_known)
      assert_int_equal(answer.count, cases[i].count);
  }
}

static void test_answer_and_failure(void **state) {
  struct fixture *fixture = *state;
  struct asker found = {0}, missing = {0};
  resolve_start(fixture->rig.loop, "found", AF_INET, on_answer, &found);
  resolve_start(fixture->rig.loop, "missing", AF_INET, on_answer, &missing);
  rig_until(&fixture->rig, &found.is_done);
  rig_until(&fixture->rig, &missing.is_done);
  assert_int_equal(found.answer.count, 1);
  assert_int_equal(missing.answer.error, EAI_NONAME);
  assert_int_equal(resolve_error_kind(&missing.answer), LINK_END_DNS);
  assert_string_equal(resolve_error_text(&missing.answer), gai_strerror(EAI_NONAME));
}

static void test_errors(void **state) {
  (void)state;
  struct resolve_answer answer = {.error = EAI_MEMORY};
  assert_int_equal(resolve_error_kind(&answer), LINK_END_NO_MEMORY);
  answer = (struct resolve_answer){.error = EAI_SYSTEM, .system_error = EMFILE};
  assert_int_equal(resolve_error_kind(&answer), LINK_END_SYSTEM);
  assert_string_equal(resolve_error_text(&answer), "Too many open files");
  answer = (struct resolve_answer){0};
  assert_int_equal(resolve_error_kind(&answer), LINK_END_DNS);
  assert_string_equal(resolve_error_text(&answer), "no address");
}

/* Equal look-ups under way are one; each asker gets the answer. Other families are others. */
static void test_shared(void **state) {
  struct fixture *fixture = *state;
  struct asker askers[10] = {0}, other = {0};
  for (size_t i = 0; i < 10; i++)
    resolve_start(fixture->rig.loop, "hang", AF_INET, on_answer, &askers[i]);
  resolve_start(fixture->rig.loop, "hang", AF_INET6, on_answer, &other);
  set_gate(true);
  for (size_t i = 0; i < 10; i++)
    rig_until(&fixture->rig, &askers[i].is_done);
  rig_until(&fixture->rig, &other.is_done);
  assert_int_equal(locked(&asked_count), 2);
  struct asker later = {0}; /* nothing is kept */
  resolve_start(fixture->rig.loop, "hang", AF_INET, on_answer, &later);
  rig_until(&fixture->rig, &later.is_done);
  assert_int_equal(locked(&asked_count), 3);
}

static void test_hung_one_blocks_no_other(void **state) {
  struct fixture *fixture = *state;
  struct asker hung = {0}, found = {0};
  struct lookup *lookup = resolve_start(fixture->rig.loop, "hang", AF_INET, on_answer, &hung);
  resolve_start(fixture->rig.loop, "found", AF_INET, on_answer, &found);
  rig_until(&fixture->rig, &found.is_done);
  assert_false(hung.is_done);
  resolve_cancel(lookup); /* and the loop ends while it still hangs */
}

/* A job that everyone gave up on is not joined: it may hang for ever. */
static void test_abandoned_one_is_asked_anew(void **state) {
  struct fixture *fixture = *state;
  struct asker first = {0}, second = {0};
  struct lookup *lookup = resolve_start(fixture->rig.loop, "hang", AF_INET, on_answer, &first);
  while (locked(&asked_count) < 1) {
  }
  resolve_cancel(lookup);
  resolve_start(fixture->rig.loop, "hang", AF_INET, on_answer, &second);
  while (locked(&asked_count) < 2) {
  }
  set_gate(true);
  rig_until(&fixture->rig, &second.is_done);
  assert_false(first.is_done);
}

/* Cancelled when the answer is on its way already. */
static void test_cancel_after_posting(void **state) {
  struct fixture *fixture = *state;
  struct asker gone = {0}, found = {0};
  struct lookup *lookup = resolve_start(fixture->rig.loop, "found", AF_INET, on_answer, &gone);
  while (locked(&asked_count) < 1 || locked(&inside_count) > 0) {
  }
  struct asker other = {0};
  resolve_start(fixture->rig.loop, "other", AF_INET, on_answer, &other);
  while (locked(&asked_count) < 2 || locked(&inside_count) > 0) {
  }
  resolve_cancel(lookup);
  resolve_start(fixture->rig.loop, "found", AF_INET6, on_answer, &found);
  rig_until(&fixture->rig, &found.is_done);
  rig_until(&fixture->rig, &other.is_done);
  assert_false(gone.is_done);
}

/* Beyond the bound look-ups wait their turn, and leave the queue when nobody wants them. */
static void test_bound_on_threads(void **state) {
  struct fixture *fixture = *state;
  enum { COUNT = RESOLVE_THREADS_MAX + 8 };
  static struct asker askers[COUNT];
  static struct lookup *lookups[COUNT];
  memset(askers, 0, sizeof askers);
  for (unsigned i = 0; i < COUNT; i++) {
    char host[32];
    snprintf(host, sizeof host, "hang%u", i);
    lookups[i] = resolve_start(fixture->rig.loop, host, AF_INET, on_answer, &askers[i]);
    assert_non_null(lookups[i]);
  }
  while (locked(&asked_count) < RESOLVE_THREADS_MAX) {
  }
  resolve_cancel(lookups[COUNT - 1]); /* waits in the queue */
  set_gate(true);
  for (unsigned i = 0; i < COUNT - 1; i++)
    rig_until(&fixture->rig, &askers[i].is_done);
  assert_int_equal(locked(&inside_most), RESOLVE_THREADS_MAX);
  assert_int_equal(locked(&asked_count), COUNT - 1);
}

static void test_no_memory(void **state) {
  struct fixture *fixture = *state;
  struct asker asker = {0};
  fixture->rig.memory.fail_at = fixture->rig.memory.taken + 1;
  assert_null(resolve_start(fixture->rig.loop, "found", AF_INET, on_answer, &asker));
  char long_name[URL_HOST_CAP + 10];
  memset(long_name, 'a', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  assert_null(resolve_start(fixture->rig.loop, long_name, AF_INET, on_answer, &asker));
}

/* The real resolver, on a name that every machine has in its hosts file or refuses at once. */
static void test_system_resolver(void **state) {
  struct fixture *fixture = *state;
  resolve_use(NULL);
  struct asker asker = {0}, invalid = {0};
  resolve_start(fixture->rig.loop, "127.0.0.1", AF_INET, on_answer, &asker);
  resolve_start(fixture->rig.loop, "a..b", AF_INET, on_answer, &invalid);
  rig_until(&fixture->rig, &asker.is_done);
  rig_until(&fixture->rig, &invalid.is_done);
  assert_int_equal(asker.answer.error, 0);
  assert_true(asker.answer.count >= 1);
  assert_true(address_is_loopback(&asker.answer.addresses[0]));
  assert_int_not_equal(invalid.answer.error, 0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_known),
      cmocka_unit_test(test_errors),
      CASE(test_answer_and_failure),
      CASE(test_shared),
      CASE(test_hung_one_blocks_no_other),
      CASE(test_abandoned_one_is_asked_anew),
      CASE(test_cancel_after_posting),
      CASE(test_bound_on_threads),
      CASE(test_no_memory),
      CASE(test_system_resolver),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
