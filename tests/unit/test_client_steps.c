/* The steps of a dial as an application sees them: options.on_step. */
#include "client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static unsigned steps_count,
    stop_at; /* stop_at: limpet_stop() inside this step, from 1; 0: never */

static void on_step(limpet_client *client, const limpet_step_report *report, void *user) {
  struct diary *diary = user;
  assert_ptr_equal(client, diary->client);
  diary_add(diary, "step %s %s", limpet_step_name(report->step),
            report->facts_count ? report->facts[0].name : "-");
  if (++steps_count == stop_at)
    diary_stop(diary, 0);
}

static void set_up(struct fixture *f, unsigned stops_at) {
  steps_count = 0;
  stop_at = stops_at;
  fixture_init(f, 0);
  f->options.on_step = on_step;
  fixture_make(f);
}

static void steps_come_before_on_open_on_each_link(void **state) {
  (void)state;
  static const char *const lines[] = {
      "state CLOSED>CONNECTING connect",
      "step look_up addresses",
      "step connected address",
      "step upgraded status",
      "open",
      "state CONNECTING>CONNECTED opened",
      NULL,
  };
  struct fixture f;
  set_up(&f, 0);
  fixture_open(&f);
  diary_is(&f.diary, lines);
  peer_reset(&f.peer);
  world_until(&f.world, f.peer.opened_count == 2 && fixture_is(&f, LIMPET_CONNECTED));
  assert_int_equal(steps_count, 6);
  fixture_end(&f);
}

static void the_client_may_be_stopped_inside_each_step(void **state) {
  (void)state;
  for (unsigned step = 1; step <= 3; step++) {
    struct fixture f;
    set_up(&f, step);
    assert_int_equal(limpet_connect(f.client), LIMPET_OK);
    world_until(&f.world, f.diary.is_over);
    assert_int_equal(steps_count, step);
    assert_int_equal(diary_lines(&f.diary, "open"), 0);
    fixture_deinit(&f);
  }
}

/* A program that was compiled before there was such a member. */
static void an_older_options_struct_has_no_steps(void **state) {
  (void)state;
  struct fixture f;
  steps_count = 0;
  fixture_init(&f, 0);
  f.options.on_step = on_step; /* behind what that program knows of */
  f.options.size = offsetof(limpet_options, on_step);
  fixture_make(&f);
  fixture_open(&f);
  assert_int_equal(steps_count, 0);
  fixture_end(&f);
}

static void steps_have_names(void **state) {
  (void)state;
  assert_string_equal(limpet_step_name(LIMPET_STEP_LOOK_UP), "look_up");
  assert_string_equal(limpet_step_name(LIMPET_STEP_PROXY), "proxy");
  assert_string_equal(limpet_step_name(LIMPET_STEP_UPGRADED), "upgraded");
  assert_string_equal(limpet_step_name((limpet_step)99), "?");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(steps_come_before_on_open_on_each_link),
      cmocka_unit_test(the_client_may_be_stopped_inside_each_step),
      cmocka_unit_test(an_older_options_struct_has_no_steps),
      cmocka_unit_test(steps_have_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
