/* What must hold of the state table as a whole, whatever its cells say one by one. */
#include "table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool is_rest(enum session_phase phase) {
  return phase == PHASE_IDLE || phase == PHASE_ERROR || phase == PHASE_FAILED;
}

static bool is_loss_input(enum session_input input) {
  return input >= INPUT_LOST && input <= INPUT_LOST_OFFLINE;
}

/* Calls `check` for each cell that goes somewhere. */
typedef void cell_check(enum session_phase phase, enum session_input input,
                        const struct table_cell *cell);

static void for_each_cell(cell_check *check) {
  for (int phase = 0; phase < PHASE_COUNT; phase++)
    for (int input = 0; input < INPUT_COUNT; input++) {
      const struct table_cell *cell =
          table_cell((enum session_phase)phase, (enum session_input)input);
      if (cell->verdict == CELL_GO)
        check((enum session_phase)phase, (enum session_input)input, cell);
    }
}

static void check_disconnected(enum session_phase phase, enum session_input input,
                               const struct table_cell *cell) {
  const enum session_state from = table_state(phase);
  if (!cell->is_loss)
    return;
  assert_true(is_loss_input(input));
  assert_true(from == STATE_CONNECTED || from == STATE_CONNECTING);
}

static void disconnected_is_passed_only_at_a_loss(void **state) {
  (void)state;
  for_each_cell(check_disconnected);
  for (int phase = 0; phase < PHASE_COUNT; phase++)
    assert_true(table_state((enum session_phase)phase) != STATE_DISCONNECTED);
}

static void check_one_link(enum session_phase phase, enum session_input input,
                           const struct table_cell *cell) {
  const bool dials = cell->effect == EFFECT_DIAL || cell->effect == EFFECT_START;
  const bool aborts = cell->effect == EFFECT_ABORT || cell->effect == EFFECT_ABORT_REST;
  const bool has = table_has_link(phase),
             will_have = table_has_link((enum session_phase)cell->next);
  if (dials)
    assert_true(!has && will_have);
  if (aborts)
    assert_true(has && !will_have);
  if (has && !will_have) /* it does not just vanish */
    assert_true(aborts || is_loss_input(input));
  if (!has && will_have)
    assert_true(dials);
  if (is_loss_input(input) || input == INPUT_OPENED)
    assert_true(has);
}

static void there_is_one_link_at_most(void **state) {
  (void)state;
  for_each_cell(check_one_link);
}

static void check_reset(enum session_phase phase, enum session_input input,
                        const struct table_cell *cell) {
  (void)input;
  if (cell->effect == EFFECT_START || cell->effect == EFFECT_START_LATER)
    assert_true(is_rest(phase));
  if (is_rest(phase) && cell->effect == EFFECT_NONE)
    fail();
}

static void the_counter_starts_only_from_rest(void **state) {
  (void)state;
  for_each_cell(check_reset);
}

static void disconnect_leads_to_closed_from_anywhere(void **state) {
  (void)state;
  for (int phase = 0; phase < PHASE_COUNT; phase++) {
    const struct table_cell *cell = table_cell((enum session_phase)phase, INPUT_DISCONNECT);
    if (phase == PHASE_CLOSING)
      assert_int_equal(cell->verdict, CELL_IGNORE);
    else
      assert_true(cell->next == PHASE_IDLE || cell->next == PHASE_CLOSING);
  }
  assert_int_equal(table_cell(PHASE_CLOSING, INPUT_LOST)->next, PHASE_IDLE);
  assert_int_equal(table_cell(PHASE_CLOSING, INPUT_TIME)->next, PHASE_IDLE);
}

static void check_reason(enum session_phase phase, enum session_input input,
                         const struct table_cell *cell) {
  (void)input;
  const enum session_state to = table_state((enum session_phase)cell->next);
  if (table_state(phase) != to)
    assert_int_not_equal(cell->reason, REASON_NONE);
  if (to == STATE_FAILED)
    assert_int_equal(cell->reason, REASON_GAVE_UP);
  if (to == STATE_ERROR)
    assert_int_equal(cell->reason, REASON_CRITICAL);
  if (to == STATE_CLOSED)
    assert_int_equal(cell->reason, REASON_DISCONNECT);
}

static void every_change_has_its_reason(void **state) {
  (void)state;
  for_each_cell(check_reason);
}

/* From CLOSED every phase can be reached, and from every phase CLOSED. */
static void no_phase_is_dead(void **state) {
  (void)state;
  bool reached[PHASE_COUNT] = {[PHASE_IDLE] = true};
  for (int round = 0; round < PHASE_COUNT; round++)
    for (int phase = 0; phase < PHASE_COUNT; phase++)
      for (int input = 0; input < INPUT_COUNT && reached[phase]; input++) {
        const struct table_cell *cell =
            table_cell((enum session_phase)phase, (enum session_input)input);
        if (cell->verdict == CELL_GO)
          reached[cell->next] = true;
      }
  for (int phase = 0; phase < PHASE_COUNT; phase++)
    assert_true(reached[phase]);
}

static void every_word_is_said(void **state) {
  (void)state;
  for (int phase = 0; phase < PHASE_COUNT; phase++)
    assert_true(table_phase_name((enum session_phase)phase)[0]);
  for (int input = 0; input < INPUT_COUNT; input++)
    assert_true(table_input_name((enum session_input)input)[0]);
  for (int effect = EFFECT_NONE + 1; effect < EFFECT_COUNT; effect++)
    assert_true(table_effect_text((enum table_effect)effect)[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(disconnected_is_passed_only_at_a_loss),
      cmocka_unit_test(there_is_one_link_at_most),
      cmocka_unit_test(the_counter_starts_only_from_rest),
      cmocka_unit_test(disconnect_leads_to_closed_from_anywhere),
      cmocka_unit_test(every_change_has_its_reason),
      cmocka_unit_test(no_phase_is_dead),
      cmocka_unit_test(every_word_is_said),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
