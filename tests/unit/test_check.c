/* The checker checks: each of its rules, broken by hand, is named. */
#include "session_rig.h"
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct rig rig;

/* The states in which rules are broken. */
static void closed(void) {
  rig_init(&rig);
}

static void open_with_messages(void) {
  rig_init(&rig);
  rig.config.confirm = CONFIRM_BARRIER;
  rig.config.in_flight = 4;
  rig_start(&rig);
  for (int i = 0; i < 6; i++)
    rig_send_with(&rig, 10, 1000 + (uint64_t)i, NULL);
  rig_pass(&rig, 10);
}

static void backing_off(void) {
  rig_init(&rig);
  rig_start(&rig);
  rig_lose(&rig, FAILURE_CONNECTION_LOST);
  rig_send_with(&rig, 10, 100, NULL);
  rig_send_with(&rig, 10, 200, NULL);
  rig_send_with(&rig, 10, 300, NULL);
}

static void failed(void) {
  rig_init(&rig);
  rig.config.backoff.max_retries = 0;
  rig_connect(&rig);
  rig_lose(&rig, FAILURE_DNS);
}

static void closing(void) {
  rig_init(&rig);
  rig_start(&rig);
  rig_disconnect(&rig);
}

static void offline(void) {
  rig_init(&rig);
  session_network_down(&rig.session, rig.now_ms);
  rig_connect(&rig);
}

static void stable(void) {
  rig_init(&rig);
  rig_start(&rig);
  rig_pass(&rig, 5000);
}

/* The ways to break them. */
static void wrong_state(struct session *s) {
  s->state = STATE_ERROR;
}

static void action_left(struct session *s) {
  s->actions_count = 1;
}

static void report_left(struct session *s) {
  s->queue.reports = s->queue.waiting;
}

static void wish_left(struct session *s) {
  s->wish = 1;
}

static void wish_of_two(struct session *s) {
  s->wish = 3;
}

static void time_lost(struct session *s) {
  s->phase_until_ms = SESSION_NEVER;
}

static void time_found(struct session *s) {
  s->phase_until_ms = rig.now_ms + 1;
}

static void deadline_passed(struct session *s) {
  s->phase_until_ms = rig.now_ms - 1;
}

static void counter_high(struct session *s) {
  s->attempt = 12;
}

static void counter_low(struct session *s) {
  s->attempt = 0;
}

static void counter_up(struct session *s) {
  s->attempt = 1;
}

static void net_gone(struct session *s) {
  s->is_offline = true;
}

static void net_there(struct session *s) {
  s->is_offline = false;
}

static void outage(struct session *s) {
  s->in_outage = true;
}

static void outage_ahead(struct session *s) {
  s->since_ms = rig.now_ms + 1;
}

static void never_open(struct session *s) {
  s->was_open = false;
}

static void reply_overdue(struct session *s) {
  s->heartbeat.ask_at_ms = SESSION_NEVER;
  s->heartbeat.answer_by_ms = rig.now_ms - 1;
}

static void question_inside_out(struct session *s) {
  s->heartbeat.stream_begin = s->heartbeat.stream_end + 1;
}

static void flying_without_link(struct session *s) {
  s->queue.in_flight = s->queue.waiting;
}

static void recovered_without_link(struct session *s) {
  s->queue.recovered = s->queue.waiting;
}

static void unflushed_without_link(struct session *s) {
  s->queue.unflushed = s->queue.waiting;
}

static void waiting_at_the_end(struct session *s) {
  s->queue.waiting = &rig.messages[0];
}

static void narrow_window(struct session *s) {
  (void)s;
  rig.config.in_flight = 3;
}

static void count_of_waiting(struct session *s) {
  s->queue.waiting_count++;
}

static void count_of_flight(struct session *s) {
  s->queue.in_flight_count--;
}

static void count_of_bytes(struct session *s) {
  s->queue.bytes++;
}

static void order_of_flight(struct session *s) {
  s->queue.in_flight->stream_end += 1000;
}

static void order_of_expiry(struct session *s) {
  s->queue.expiring->expires_at_ms += 1000;
}

struct broken_rule {
  void (*set_up)(void);
  void (*spoil)(struct session *s);
  const char *sentence;
};

static const struct broken_rule rules[] = {
    {closed, wrong_state, "the state is the one of the phase"},
    {closed, action_left, "no action waits"},
    {backing_off, report_left, "no action waits"},
    {closed, wish_left, "only a connect waits, and only for the end of a close"},
    {closing, wish_of_two, "only a connect waits, and only for the end of a close"},
    {backing_off, time_lost, "a phase has a time of its own exactly if it waits for it"},
    {closing, time_lost, "a phase has a time of its own exactly if it waits for it"},
    {closed, time_found, "a phase has a time of its own exactly if it waits for it"},
    {backing_off, deadline_passed, "no deadline has passed unseen"},
    {backing_off, counter_high, "the counter exceeds max_retries only to fail"},
    {failed, counter_low, "the counter exceeds max_retries only to fail"},
    {backing_off, net_gone, "offline, no dial is planned; waiting for the network means offline"},
    {offline, net_there, "offline, no dial is planned; waiting for the network means offline"},
    {stable, outage, "an outage lies between two links"},
    {closed, outage, "an outage lies between two links"},
    {backing_off, outage_ahead, "an outage lies between two links"},
    {backing_off, never_open, "an outage lies between two links"},
    {stable, counter_up, "on a stable link the counter is 0"},
    {open_with_messages, reply_overdue, "no deadline has passed unseen"},
    {open_with_messages, question_inside_out, "a question has its place in the stream"},
    {backing_off, flying_without_link, "nothing is in flight without a link"},
    {backing_off, recovered_without_link, "nothing is in flight without a link"},
    {backing_off, unflushed_without_link, "nothing is in flight without a link"},
    {closing, waiting_at_the_end, "nothing waits while closing"},
    {open_with_messages, narrow_window, "the window bounds what is unconfirmed"},
    {open_with_messages, count_of_waiting, "the queue's counts are those of its lists"},
    {open_with_messages, count_of_flight, "the queue's counts are those of its lists"},
    {open_with_messages, count_of_bytes, "the queue's counts are those of its lists"},
    {open_with_messages, order_of_flight, "what is in flight is in stream order"},
    {backing_off, order_of_expiry, "the first to expire comes first"},
};

static void a_broken_rule_is_named(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
    rules[i].set_up();
    assert_null(session_fault(&rig.session, rig.now_ms));
    session_check(&rig.session, rig.now_ms);
    rules[i].spoil(&rig.session);
    const char *fault = session_fault(&rig.session, rig.now_ms);
    if (!fault || strcmp(fault, rules[i].sentence) != 0)
      fail_msg("rule %zu, \"%s\": %s", i, rules[i].sentence, fault ? fault : "nothing");
  }
}

static void a_pending_connect_is_right_while_closing(void **state) {
  (void)state;
  closing();
  rig_connect(&rig);
  assert_null(session_fault(&rig.session, rig.now_ms));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_broken_rule_is_named),
      cmocka_unit_test(a_pending_connect_is_right_while_closing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
