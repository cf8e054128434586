/* The network watch and its hints, as a client lives through them. The system is a fake: what it
   says is a variable, and its word comes when the test gives it. */
#include "client_fixture.h"
#include "watch_system.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct {
  struct net_watch *watch;
  enum watch_way way;
  uint32_t print;
  bool is_gone;
  bool has_no_descriptors;
  uint64_t slept_ms;
  unsigned opened, closed;
} fake;

static void *fake_open(struct net_loop *loop, struct net_watch *watch) {
  (void)loop;
  fake.watch = watch;
  if (fake.has_no_descriptors)
    return NULL;
  fake.opened++;
  return &fake;
}

static void fake_close(void *source) {
  (void)source;
  fake.watch = NULL;
  fake.closed++;
}

static struct watch_route fake_route(void *source, const struct address *target) {
  (void)source, (void)target;
  return (struct watch_route){fake.way, fake.print};
}

static enum watch_way fake_way_out(void *source) {
  (void)source;
  return fake.way;
}

static bool fake_is_gone(void *source, const struct address *own) {
  (void)source, (void)own;
  return fake.is_gone;
}

static uint64_t fake_slept(void) {
  return fake.slept_ms;
}

static const struct watch_system fake_system = {
    .open = fake_open,
    .close = fake_close,
    .route = fake_route,
    .way_out = fake_way_out,
    .is_gone = fake_is_gone,
    .slept_ms = fake_slept,
};

static void begin(struct fixture *f, unsigned wants) {
  memset(&fake, 0, sizeof fake);
  fake.way = WATCH_WAY;
  watch_use(&fake_system);
  fixture_init(f, wants);
}

static void end(struct fixture *f) {
  fixture_end(f);
  watch_use(NULL);
  assert_int_equal(fake.opened, fake.closed);
}

static void say(enum watch_way way) {
  fake.way = way;
  watch_changed(fake.watch);
}

/* ---- a way, or none ---- */

static void connect_without_a_way_waits_and_dials_when_it_is_there(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, 0);
  fixture_make(&f);
  fake.way = WATCH_NO_WAY;
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_WAITING_FOR_NETWORK));
  world_idle(&f.world, 20);
  assert_int_equal(f.peer.opened_count, 0);
  say(WATCH_WAY);
  fixture_reopened(&f);
  assert_true(diary_has(&f.diary, "state CLOSED>WAITING_FOR_NETWORK network_down"));
  assert_true(diary_has(&f.diary, "state WAITING_FOR_NETWORK>CONNECTING network_up"));
  assert_false(diary_has(&f.diary, "error"));
  assert_false(diary_has(&f.diary, "retry"));
  end(&f);
}

static void an_unknown_way_is_tried(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, 0);
  fake.way = WATCH_UNKNOWN;
  fixture_make(&f);
  fixture_open(&f);
  end(&f);
}

/* The word that is said here for the system comes by itself twice a minute. */
static void a_watch_that_could_not_begin_begins_later(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, 0);
  fake.has_no_descriptors = true;
  fixture_make(&f);
  fixture_open(&f);
  assert_int_equal(fake.opened, 0);
  fake.has_no_descriptors = false;
  say(WATCH_NO_WAY);
  world_pass(&f.world, 30);
  peer_reset(&f.peer);
  world_until(&f.world, fixture_is(&f, LIMPET_WAITING_FOR_NETWORK));
  say(WATCH_WAY);
  world_until(&f.world, f.peer.opened_count == 2 && fixture_is(&f, LIMPET_CONNECTED));
  end(&f);
}

static void an_open_link_outlives_the_way_until_it_ends(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, 0);
  fixture_make(&f);
  fixture_open(&f);
  say(WATCH_NO_WAY);
  world_pass(&f.world, 30);
  assert_true(fixture_is(&f, LIMPET_CONNECTED));
  peer_reset(&f.peer);
  world_until(&f.world, fixture_is(&f, LIMPET_WAITING_FOR_NETWORK));
  assert_false(diary_has(&f.diary, "retry"));
  say(WATCH_WAY);
  world_until(&f.world, f.peer.opened_count == 2 && fixture_is(&f, LIMPET_CONNECTED));
  end(&f);
}

static void a_wait_for_a_retry_becomes_one_for_the_network(void **state) {
  (void)state;
  struct fixture f;
  limpet_snapshot snapshot;
  begin(&f, 0);
  f.options.initial_delay_ms = f.options.max_delay_ms = 60000;
  fixture_make(&f);
  fixture_open(&f);
  peer_reset(&f.peer);
  world_until(&f.world, fixture_is(&f, LIMPET_RECONNECTING));
  say(WATCH_NO_WAY);
  world_until(&f.world, fixture_is(&f, LIMPET_WAITING_FOR_NETWORK));
  say(WATCH_WAY);
  world_until(&f.world, f.peer.opened_count == 2 && fixture_is(&f, LIMPET_CONNECTED));
  limpet_get_snapshot(f.client, &snapshot, sizeof snapshot);
  assert_int_equal(snapshot.attempt, 0);
  end(&f);
}

static void who_gave_up_dials_when_the_network_returns(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, 0);
  f.options.max_retries = 0;
  fixture_make(&f);
  fixture_open(&f);
  peer_reset(&f.peer);
  world_until(&f.world, fixture_is(&f, LIMPET_FAILED));
  say(WATCH_NO_WAY);
  world_pass(&f.world, 30);
  assert_true(fixture_is(&f, LIMPET_FAILED));
  say(WATCH_WAY);
  world_until(&f.world, f.peer.opened_count == 2 && fixture_is(&f, LIMPET_CONNECTED));
  end(&f);
}

static void try_now_dials_whatever_the_system_says(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, 0);
  fake.way = WATCH_NO_WAY;
  fixture_make(&f);
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_WAITING_FOR_NETWORK));
  limpet_connect(f.client);
  fixture_reopened(&f);
  end(&f);
}

/* ---- the link ---- */

static void a_link_whose_address_is_gone_is_replaced_without_an_attempt(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, 0);
  f.options.max_retries = 0; /* it needs none */
  fixture_make(&f);
  fixture_open(&f);
  fake.is_gone = true;
  say(WATCH_WAY);
  world_until(&f.world, fixture_is(&f, LIMPET_RECONNECTING));
  fake.is_gone = false;
  world_until(&f.world, f.peer.opened_count == 2 && fixture_is(&f, LIMPET_CONNECTED));
  assert_true(diary_has(&f.diary, "error connection_lost retry"));
  assert_true(diary_has(&f.diary, "retry 0"));
  assert_false(diary_has(&f.diary, "retry 1"));
  end(&f);
}

static void without_another_way_it_waits(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, 0);
  fixture_make(&f);
  fixture_open(&f);
  fake.is_gone = true;
  say(WATCH_NO_WAY);
  world_until(&f.world, fixture_is(&f, LIMPET_WAITING_FOR_NETWORK));
  assert_false(diary_has(&f.diary, "retry"));
  fake.is_gone = false;
  say(WATCH_WAY);
  world_until(&f.world, f.peer.opened_count == 2 && fixture_is(&f, LIMPET_CONNECTED));
  end(&f);
}

static void another_way_is_probed_and_the_same_way_is_not(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, DIARY_HEARTBEATS);
  fixture_make(&f);
  fixture_open(&f);
  say(WATCH_WAY);
  world_pass(&f.world, 30);
  assert_int_equal(f.diary.heartbeats_count, 0);
  fake.print++;
  say(WATCH_WAY);
  world_until(&f.world, f.diary.heartbeats_count == 1);
  end(&f);
}

static void after_sleep_the_link_is_probed(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, DIARY_HEARTBEATS);
  fixture_make(&f);
  fixture_open(&f);
  fake.slept_ms = 3600000;
  say(WATCH_WAY);
  world_until(&f.world, f.diary.heartbeats_count == 1);
  say(WATCH_WAY); /* it has slept once */
  world_pass(&f.world, 30);
  assert_int_equal(f.diary.heartbeats_count, 1);
  end(&f);
}

/* To a peer that takes nothing. */
static void begin_blocked(struct fixture *f) {
  static char block[64 * 1024];
  begin(f, 0);
  f->options.url = f->raw.url;
  f->options.heartbeat = LIMPET_DIALECT_OFF;
  f->options.heartbeat_timeout_ms = 200;
  fixture_make(f);
  limpet_connect(f->client);
  raw_peer_open(&f->raw);
  world_until(&f->world, fixture_is(f, LIMPET_CONNECTED));
  limpet_set_url(f->client, f->peer.url, NULL);
  memset(block, 'x', sizeof block);
  for (int i = 0; i < 256; i++) /* more than both systems keep */
    (void)limpet_send_text(f->client, block, sizeof block, NULL, NULL);
}

/* Not even a heartbeat is needed: what was sent is not taken by the other side's system. */
static void output_that_nobody_takes_ends_the_link(void **state) {
  (void)state;
  struct fixture f;
  begin_blocked(&f);
  world_until(&f.world, diary_has(&f.diary, "error connection_lost retry"));
  limpet_snapshot snapshot;
  limpet_get_snapshot(f.client, &snapshot, sizeof snapshot);
  assert_non_null(strstr(snapshot.last_error_detail, "acknowledged none for 200 ms"));
  end(&f);
}

/* Perhaps the peer waits for us: it cannot write, and so does not read. */
static void while_the_client_is_paused_output_may_wait(void **state) {
  (void)state;
  struct fixture f;
  begin_blocked(&f);
  limpet_pause(f.client, true);
  world_pass(&f.world, 2500); /* two looks at the links of a loop */
  assert_false(diary_has(&f.diary, "error"));
  limpet_pause(f.client, false);
  world_until(&f.world, diary_has(&f.diary, "error connection_lost retry"));
  end(&f);
}

/* ---- hints ---- */

static void hints_work_without_a_watch(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, DIARY_HEARTBEATS);
  f.options.network_watch = false;
  fixture_make(&f);
  assert_int_equal(fake.opened, 0);
  assert_int_equal(limpet_network_hint(f.client, LIMPET_NETWORK_OFFLINE), LIMPET_OK);
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_WAITING_FOR_NETWORK));
  world_idle(&f.world, 20);
  assert_int_equal(limpet_network_hint(f.client, LIMPET_NETWORK_ONLINE), LIMPET_OK);
  fixture_reopened(&f);
  assert_int_equal(limpet_network_hint(f.client, LIMPET_NETWORK_CHANGED), LIMPET_OK);
  world_until(&f.world, f.diary.heartbeats_count == 1);
  assert_int_equal(limpet_network_hint(f.client, (limpet_network_state)7), LIMPET_INVALID_ARGUMENT);
  end(&f);
}

static void offline_by_hint_stands_against_the_watch(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, 0);
  fixture_make(&f);
  limpet_network_hint(f.client, LIMPET_NETWORK_OFFLINE);
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_WAITING_FOR_NETWORK));
  say(WATCH_WAY);
  world_pass(&f.world, 30);
  assert_true(fixture_is(&f, LIMPET_WAITING_FOR_NETWORK));
  limpet_network_hint(f.client, LIMPET_NETWORK_ONLINE);
  fixture_reopened(&f);
  end(&f);
}

/* The last one holds. */
static void hint_often(struct diary *diary, const char *line) {
  if (strcmp(line, "state CLOSED>CONNECTING connect") != 0)
    return;
  for (int i = 0; i < 20; i++) {
    limpet_network_hint(diary->client, LIMPET_NETWORK_ONLINE);
    limpet_network_hint(diary->client, LIMPET_NETWORK_OFFLINE);
  }
}

static void any_number_of_hints_may_be_given_in_a_callback(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, 0);
  f.options.network_watch = false;
  fixture_make(&f);
  f.diary.react = hint_often;
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_WAITING_FOR_NETWORK));
  limpet_network_hint(f.client, LIMPET_NETWORK_ONLINE);
  fixture_reopened(&f);
  end(&f);
}

/* To connect looks at the network, too. */
static void hint_and_look_often(struct diary *diary, const char *line) {
  if (strcmp(line, "state CLOSED>CONNECTING connect") != 0)
    return;
  for (int i = 0; i < 20; i++) {
    limpet_network_hint(diary->client, LIMPET_NETWORK_OFFLINE);
    limpet_connect(diary->client);
    limpet_network_hint(diary->client, LIMPET_NETWORK_ONLINE);
    limpet_network_hint(diary->client, LIMPET_NETWORK_CHANGED);
  }
}

static void the_network_may_be_looked_at_any_number_of_times_in_a_callback(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, 0);
  fixture_make(&f);
  f.diary.react = hint_and_look_often;
  fixture_open(&f);
  diary_is(&f.diary, (const char *const[]){"state CLOSED>CONNECTING connect", "open",
                                           "state CONNECTING>CONNECTED opened", NULL});
  end(&f);
}

static void who_gave_up_dials_at_the_word_that_there_is_a_way(void **state) {
  (void)state;
  struct fixture f;
  begin(&f, 0);
  f.options.network_watch = false;
  f.options.max_retries = 0;
  f.peer.refuses = 503;
  fixture_make(&f);
  limpet_connect(f.client);
  world_until(&f.world, fixture_is(&f, LIMPET_FAILED));
  f.peer.refuses = 0;
  limpet_network_hint(f.client, LIMPET_NETWORK_ONLINE);
  fixture_reopened(&f);
  end(&f);
}

/* ---- one watch ---- */

static void clients_of_a_loop_share_one_watch_that_goes_with_the_last(void **state) {
  (void)state;
  struct fixture f;
  limpet_client *other;
  begin(&f, 0);
  fixture_make(&f);
  limpet_options options = f.options;
  options.callbacks = (limpet_callbacks){.on_text = NULL};
  assert_int_equal(limpet_new(&options, f.world.uv, &other, NULL), LIMPET_OK);
  assert_int_equal(fake.opened, 0); /* while they are closed nobody watches */
  fixture_open(&f);
  limpet_connect(other);
  assert_int_equal(fake.opened, 1);
  limpet_stop(other, 0);
  world_idle(&f.world, 5);
  assert_int_equal(fake.closed, 0);
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(connect_without_a_way_waits_and_dials_when_it_is_there),
      cmocka_unit_test(an_unknown_way_is_tried),
      cmocka_unit_test(a_watch_that_could_not_begin_begins_later),
      cmocka_unit_test(an_open_link_outlives_the_way_until_it_ends),
      cmocka_unit_test(a_wait_for_a_retry_becomes_one_for_the_network),
      cmocka_unit_test(who_gave_up_dials_when_the_network_returns),
      cmocka_unit_test(try_now_dials_whatever_the_system_says),
      cmocka_unit_test(a_link_whose_address_is_gone_is_replaced_without_an_attempt),
      cmocka_unit_test(without_another_way_it_waits),
      cmocka_unit_test(another_way_is_probed_and_the_same_way_is_not),
      cmocka_unit_test(after_sleep_the_link_is_probed),
      cmocka_unit_test(output_that_nobody_takes_ends_the_link),
      cmocka_unit_test(while_the_client_is_paused_output_may_wait),
      cmocka_unit_test(hints_work_without_a_watch),
      cmocka_unit_test(offline_by_hint_stands_against_the_watch),
      cmocka_unit_test(any_number_of_hints_may_be_given_in_a_callback),
      cmocka_unit_test(the_network_may_be_looked_at_any_number_of_times_in_a_callback),
      cmocka_unit_test(who_gave_up_dials_at_the_word_that_there_is_a_way),
      cmocka_unit_test(clients_of_a_loop_share_one_watch_that_goes_with_the_last),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
