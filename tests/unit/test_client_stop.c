/* The end of a client in every situation and in every callback. */
#include "client_fixture.h"
#include "parts.h"
#include "resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LONG_MS 600000

/* ---- situations ---- */

enum situation {
  NEW,
  LOOKING_UP,
  DIALING,
  OPEN,
  HELD,
  BLOCKED,
  WAITING,
  REDIALING,
  CRITICAL,
  GIVEN_UP,
  CLOSING,
  REST,
  SITUATIONS_COUNT
};

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened_gate = PTHREAD_COND_INITIALIZER;
static bool is_gate_open;
static atomic_int lookups_count;

static void hang(const char *host, int family, struct resolve_answer *answer) {
  (void)host, (void)family;
  atomic_fetch_add(&lookups_count, 1);
  pthread_mutex_lock(&gate);
  while (!is_gate_open)
    pthread_cond_wait(&opened_gate, &gate);
  pthread_mutex_unlock(&gate);
  answer->error = EAI_NONAME;
}

static void close_gate(void) {
  is_gate_open = false;
  atomic_store(&lookups_count, 0);
  resolve_use(hang);
}

static void open_gate(void) {
  pthread_mutex_lock(&gate);
  is_gate_open = true;
  pthread_cond_broadcast(&opened_gate);
  pthread_mutex_unlock(&gate);
  resolve_use(NULL);
}

static void prepare(struct fixture *f, enum situation situation) {
  switch (situation) {
  case LOOKING_UP:
    close_gate();
    f->options.url = "ws://hangs.example:9/";
    f->options.connect_timeout_ms = LONG_MS;
    break;
  case DIALING:
  case REDIALING:
  case CLOSING:
    f->options.url = f->raw.url;
    break;
  case HELD:
    f->options.hold_until_ready = true;
    break;
  case BLOCKED:
    f->options.high_water = 4096;
    f->options.queue_limit_bytes = 64 << 20;
    break;
  case WAITING:
    f->options.initial_delay_ms = 60000;
    break;
  case GIVEN_UP:
    f->options.max_retries = 0;
    break;
  default:
    break;
  }
}

static void send_until_blocked(struct fixture *f) {
  static const char block[256 * 1024];
  for (int i = 0; i < 64; i++) {
    assert_int_equal(limpet_send_binary(f->client, block, sizeof block, NULL, NULL), LIMPET_OK);
    world_idle(&f->world, 2);
  }
  assert_true(limpet_buffered_amount(f->client) > 1 << 20);
}

static void reach_closing(struct fixture *f) {
  raw_peer_open(&f->raw);
  world_until(&f->world, fixture_is(f, LIMPET_CONNECTED));
  limpet_disconnect(f->client);
  world_until(&f->world, raw_peer_has(&f->raw, 8)); /* its Close, never answered */
  assert_true(fixture_is(f, LIMPET_CONNECTED));
}

static void reach_open(struct fixture *f) {
  world_until(&f->world, fixture_is(f, LIMPET_CONNECTED) && f->peer.link);
}

static void reach(struct fixture *f, enum situation situation) {
  if (situation == WAITING || situation == GIVEN_UP)
    peer_stop_listening(&f->peer);
  f->peer.refuses = situation == CRITICAL ? 403 : 0;
  if (situation != NEW)
    limpet_connect(f->client);
  switch (situation) {
  case LOOKING_UP:
    world_until(&f->world, atomic_load(&lookups_count) > 0);
    break;
  case DIALING:
    world_until(&f->world, raw_peer_has_head(&f->raw));
    break;
  case OPEN:
  case HELD:
    reach_open(f);
    break;
  case BLOCKED:
    reach_open(f);
    peer_pause(&f->peer, true);
    send_until_blocked(f);
    break;
  case WAITING:
    world_until(&f->world, fixture_is(f, LIMPET_RECONNECTING));
    break;
  case REDIALING:
    raw_peer_open(&f->raw);
    world_until(&f->world, fixture_is(f, LIMPET_CONNECTED));
    raw_peer_drop(&f->raw, true);
    world_until(&f->world, f->raw.accepted_count == 2 && raw_peer_has_head(&f->raw));
    break;
  case CRITICAL:
    world_until(&f->world, fixture_is(f, LIMPET_ERROR));
    break;
  case GIVEN_UP:
    world_until(&f->world, fixture_is(f, LIMPET_FAILED));
    break;
  case CLOSING:
    reach_closing(f);
    break;
  case REST:
    reach_open(f);
    limpet_disconnect(f->client);
    world_until(&f->world, fixture_is(f, LIMPET_CLOSED));
    break;
  default:
    break;
  }
}

static void begin_in(struct fixture *f, enum situation situation, unsigned wants) {
  fixture_init(f, wants);
  f->options.close_timeout_ms = 500; /* long enough to be looked at on a busy machine */
  f->options.max_retries = LIMPET_RETRY_FOREVER;
  prepare(f, situation);
  fixture_make(f);
  reach(f, situation);
}

static void end_of(struct fixture *f, enum situation situation) {
  fixture_deinit(f);
  if (situation == LOOKING_UP)
    open_gate();
}

/* The queue of a client that was never open is lost too, and each message is told of. */
static void disconnect_leads_from_every_state_to_closed_and_back(void **state) {
  (void)state;
  for (int situation = NEW; situation < SITUATIONS_COUNT; situation++) {
    struct fixture f;
    struct peer other;
    begin_in(&f, (enum situation)situation, 0);
    peer_init(&other, &f.world);
    limpet_disconnect(f.client);
    world_until(&f.world, fixture_is(&f, LIMPET_CLOSED));
    limpet_disconnect(f.client);
    world_idle(&f.world, 5);
    assert_int_equal(diary_lines(&f.diary, "state CLOSED>CLOSED"), 0);
    const size_t closings = situation == NEW ? 0 : 1;
    size_t closed = 0;
    for (size_t i = 0; i < f.diary.count; i++)
      closed += strstr(f.diary.lines[i], ">CLOSED disconnect") != NULL;
    assert_int_equal(closed, closings);
    assert_int_equal(limpet_set_url(f.client, other.url, NULL), LIMPET_OK);
    limpet_connect(f.client);
    world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED) && other.link);
    diary_stop(&f.diary, 1000);
    world_until(&f.world, f.diary.is_over);
    peer_deinit(&other);
    end_of(&f, (enum situation)situation);
  }
}

static void stop_ends_every_state(void **state) {
  (void)state;
  static const uint32_t deadlines[] = {1000, 0};
  for (int situation = NEW; situation < SITUATIONS_COUNT; situation++)
    for (size_t i = 0; i < sizeof deadlines / sizeof *deadlines; i++) {
      struct fixture f;
      begin_in(&f, (enum situation)situation, DIARY_FATES);
      const bool was_closed = fixture_is(&f, LIMPET_CLOSED);
      diary_stop(&f.diary, deadlines[i]);
      if (!was_closed)
        world_until(&f.world, f.diary.is_over);
      end_of(&f, (enum situation)situation);
    }
}

/* Nothing but the look-up hangs: the loop ends at once although its thread does not. */
static void stop_does_not_wait_for_a_hanging_lookup(void **state) {
  (void)state;
  struct fixture f;
  begin_in(&f, LOOKING_UP, 0);
  const uint64_t before_ms = limpet_now_ms();
  diary_stop(&f.diary, 5000);
  world_until(&f.world, f.diary.is_over);
  fixture_deinit(&f);
  assert_true(limpet_now_ms() - before_ms < 2000);
  open_gate();
}

static void stop_waits_for_a_mute_peer_no_longer_than_it_was_told(void **state) {
  (void)state;
  static const struct {
    uint32_t deadline_ms, close_timeout_ms, expected_ms;
  } cases[] = {{100, 60000, 100}, {60000, 100, 100}, {0, 60000, 0}, {60000, 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    struct fixture f;
    fixture_init(&f, 0);
    f.options.url = f.raw.url;
    f.options.close_timeout_ms = cases[i].close_timeout_ms;
    fixture_make(&f);
    limpet_connect(f.client);
    raw_peer_open(&f.raw);
    world_until(&f.world, fixture_is(&f, LIMPET_CONNECTED));
    const uint64_t before_ms = limpet_now_ms();
    diary_stop(&f.diary, cases[i].deadline_ms);
    world_until(&f.world, f.diary.is_over);
    const uint64_t took_ms = limpet_now_ms() - before_ms;
    assert_true(took_ms + 2 >= cases[i].expected_ms && took_ms < 10000);
    assert_true(diary_has(&f.diary, "close 1006 unclean"));
    assert_int_equal(diary_lines(&f.diary, "error"), 0);
    fixture_deinit(&f);
  }
}

/* ---- from inside callbacks ---- */

static const char *stop_at;

static void stop_there(struct diary *diary, const char *line) {
  if (diary->is_stopped || strncmp(line, stop_at, strlen(stop_at)) != 0)
    return;
  diary_stop(diary, diary->left);
}

static void on_news(limpet_client *client, const char *type, const char *text, size_t len,
                    void *user) {
  (void)client, (void)text, (void)len;
  diary_add(user, "handler %s", type);
}

/* Everything that a client can report happens in here, unless it is stopped on the way. */
static void play(struct fixture *f) {
  static const char large[8192];
  struct diary *d = &f->diary;
  limpet_on_type(f->client, "news", on_news, d, NULL);
  limpet_connect(f->client);
  world_until(&f->world, d->is_stopped || (fixture_is(f, LIMPET_CONNECTED) && f->peer.link));
  if (!d->is_stopped)
    limpet_probe(f->client);
  world_until(&f->world, d->is_stopped || d->heartbeats_count);
  if (!d->is_stopped)
    limpet_send_binary(f->client, large, sizeof large, NULL, NULL);
  if (!d->is_stopped)
    limpet_flush(f->client, 10000, diary_flush, d);
  if (f->peer.link) {
    peer_send(&f->peer, "{\"type\":\"typing\"}");
    peer_send(&f->peer, "{\"type\":\"news\"}");
  }
  world_until(&f->world,
              d->is_stopped || (diary_has(d, "binary") && (diary_has(d, "handler") || !HAS_JSON) &&
                                diary_has(d, "flush")));
  if (!d->is_stopped)
    peer_reset(&f->peer);
  world_until(&f->world, d->is_stopped || (fixture_is(f, LIMPET_CONNECTED) && f->peer.link));
  if (!d->is_stopped)
    limpet_disconnect(f->client);
  world_until(&f->world, d->is_stopped || fixture_is(f, LIMPET_CLOSED));
}

static void stop_may_be_called_in_every_callback(void **state) {
  (void)state;
  static const char *const places[] = {
      "log",
      "state CLOSED>CONNECTING",
      "open",
      "state CONNECTING>CONNECTED",
      "high",
      "drained",
      "fate",
      "flush",
      "text",
      "binary",
      "typing",
      "handler",
      "policy",
      "heartbeat",
      "error",
      "close 1006",
      "retry",
      "state CONNECTED>DISCONNECTED",
      "close 1000",
      "state DISCONNECTED>RECONNECTING",
      "state CONNECTED>CLOSED",
  };
  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    for (unsigned variant = 0; variant < 4; variant++) {
      const bool has_fates = variant & 1;
      struct fixture f;
      if (!has_fates && strcmp(places[i], "fate") == 0)
        continue;
      if (!HAS_JSON && (strcmp(places[i], "typing") == 0 || strcmp(places[i], "handler") == 0))
        continue;
      fixture_init(&f, DIARY_HEARTBEATS | DIARY_TYPING | DIARY_LOGS | DIARY_POLICY |
                           (has_fates ? DIARY_FATES : 0));
      f.options.high_water = 1024;
      f.peer.is_echo = true;
      fixture_make(&f);
      stop_at = places[i];
      f.diary.react = stop_there;
      f.diary.left = variant & 2 ? 0 : 1000; /* the deadline */
      play(&f);
      if (!f.diary.is_stopped)
        fail_msg("'%s' never came", places[i]);
      world_until(&f.world, f.diary.is_over);
      fixture_deinit(&f);
    }
}

/* ---- from inside on_log, which comes between any two steps ---- */

static void provide_at_once(limpet_client *client, const limpet_provider_request *request,
                            void *user) {
  diary_add(user, "provider");
  (void)limpet_provide(client, request->ticket, NULL, NULL, NULL);
}

static void stop_at_line(struct diary *diary, const char *line) {
  if (diary->is_stopped || strcmp(line, "log") != 0 || --diary->left > 0)
    return;
  diary_stop(diary, 1000);
}

/* From here on the diary takes CLOSED for the end, as after a stop. */
static void disconnect_at_line(struct diary *diary, const char *line) {
  if (diary->is_stopped || strcmp(line, "log") != 0 || --diary->left > 0)
    return;
  diary->is_stopped = true;
  limpet_disconnect(diary->client);
}

/* The first endpoint refuses, the second is open, then lost. False: there are fewer lines. */
static bool end_at_log_line(unsigned number, bool has_provider,
                            void (*react)(struct diary *diary, const char *line)) {
  struct fixture f;
  struct peer other;
  fixture_init(&f, DIARY_LOGS | DIARY_POLICY);
  peer_init(&other, &f.world);
  const char *const fallbacks[] = {other.url, NULL};
  f.peer.refuses = 503;
  f.options.fallbacks = fallbacks;
  f.options.provider = has_provider ? provide_at_once : NULL;
  f.diary.react = react;
  f.diary.left = number;
  fixture_make(&f);
  limpet_connect(f.client);
  world_until(&f.world, f.diary.is_stopped || (fixture_is(&f, LIMPET_CONNECTED) && other.link));
  if (!f.diary.is_stopped)
    peer_reset(&other);
  world_until(&f.world, f.diary.is_stopped || (diary_has(&f.diary, "retry") &&
                                               fixture_is(&f, LIMPET_CONNECTED) && other.link));
  const bool has_line = f.diary.is_stopped;
  if (!has_line)
    diary_stop(&f.diary, 1000);
  world_until(&f.world, f.diary.is_over);
  world_idle(&f.world, 5);
  world_until(&f.world, !other.link);
  if (react == disconnect_at_line && has_line)
    limpet_stop(f.client, 1000);
  peer_deinit(&other);
  fixture_deinit(&f);
  return has_line;
}

static void every_line_of_the_log_may_be_answered_by_the_end(void **state) {
  (void)state;
  for (int has_provider = 0; has_provider < 2; has_provider++)
    for (unsigned number = 1;; number++) {
      const bool stops = end_at_log_line(number, has_provider, stop_at_line);
      const bool disconnects = end_at_log_line(number, has_provider, disconnect_at_line);
      assert_int_equal(stops, disconnects);
      if (!stops)
        break;
    }
}

/* ---- while other threads send ---- */

static void *send_three(void *client) {
  static const limpet_send_options now = {.promise = LIMPET_PROMISE_NOW};
  (void)limpet_send_text(client, "now", 3, &now, NULL);
  (void)limpet_send_text(client, "later", 5, NULL, NULL);
  (void)limpet_send_text(client, "last", 4, NULL, NULL);
  return NULL;
}

static void send_from_elsewhere(struct diary *diary) {
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, send_three, diary->client), 0);
  pthread_join(thread, NULL);
}

/* At the loss the link still counts as open for others: the first message is refused later. */
static void send_at_the_loss(struct diary *diary, const char *line) {
  if (strcmp(line, "policy connection_lost") == 0)
    send_from_elsewhere(diary);
  if (strcmp(line, "fate 1 dropped disconnected 0") == 0)
    diary_stop(diary, 1000);
}

static void a_stop_inside_the_fate_of_one_of_them_leaves_none_out(void **state) {
  (void)state;
  struct fixture f;
  fixture_init(&f, DIARY_FATES | DIARY_POLICY);
  f.options.initial_delay_ms = 60000;
  fixture_make(&f);
  fixture_open(&f);
  f.diary.react = send_at_the_loss;
  peer_reset(&f.peer);
  world_until(&f.world, f.diary.is_over);
  assert_true(diary_has(&f.diary, "fate 2 dropped disconnected"));
  assert_true(diary_has(&f.diary, "fate 3 dropped disconnected"));
  fixture_deinit(&f);
}

/* Inside the stop, which has taken what was there before. */
static void send_at_the_stop(struct diary *diary, const char *line) {
  if (strcmp(line, "fate 2 dropped overflow 0") == 0)
    send_from_elsewhere(diary);
}

static void what_comes_in_during_a_stop_is_told_too(void **state) {
  (void)state;
  static const bool connects[] = {false, true};
  for (size_t i = 0; i < sizeof connects / sizeof *connects; i++) {
    struct fixture f;
    fixture_init(&f, DIARY_FATES);
    f.options.initial_delay_ms = 60000;
    f.options.queue_limit = 1;
    peer_stop_listening(&f.peer);
    fixture_make(&f);
    if (connects[i])
      limpet_connect(f.client);
    world_until(&f.world, !connects[i] || fixture_is(&f, LIMPET_RECONNECTING));
    send_from_elsewhere(&f.diary);
    f.diary.react = send_at_the_stop;
    diary_stop(&f.diary, 1000);
    world_until(&f.world, f.diary.is_over || !connects[i]);
    world_idle(&f.world, 5);
    assert_true(diary_has(&f.diary, "fate 5 dropped disconnected"));
    assert_true(diary_has(&f.diary, "fate 6 dropped disconnected"));
    fixture_deinit(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(disconnect_leads_from_every_state_to_closed_and_back),
      cmocka_unit_test(stop_ends_every_state),
      cmocka_unit_test(stop_does_not_wait_for_a_hanging_lookup),
      cmocka_unit_test(stop_waits_for_a_mute_peer_no_longer_than_it_was_told),
      cmocka_unit_test(stop_may_be_called_in_every_callback),
      cmocka_unit_test(every_line_of_the_log_may_be_answered_by_the_end),
      cmocka_unit_test(a_stop_inside_the_fate_of_one_of_them_leaves_none_out),
      cmocka_unit_test(what_comes_in_during_a_stop_is_told_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
