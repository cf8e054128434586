/*
 * Prints docs/states.md from the session's table, so that what is written there is what is done.
 * A test compares the file with this program's output.
 */
#include "table.h"

#include <stdio.h>

static const char *state_of(enum session_phase phase) {
  return session_state_name(table_state(phase));
}

static void print_head(void) {
  (void)puts(
      "# States\n"
      "\n"
      "Printed from the table in `src/session/table.c` by `states_doc`; a test fails when the two "
      "differ.\n"
      "After a change of the table: `build/dev/tests/states_doc > docs/states.md`.\n"
      "\n"
      "A *phase* is what a session does, a *state* is what it says of it. Each state change is\n"
      "reported once, with its reason. DISCONNECTED is passed through at a loss; the next state\n"
      "follows at once.\n"
      "\n"
      "## Phases\n"
      "\n"
      "| phase | state | a dial or link exists |\n"
      "| --- | --- | --- |");
  for (int phase = 0; phase < PHASE_COUNT; phase++)
    (void)printf("| %s | `%s` | %s |\n", table_phase_name((enum session_phase)phase),
                 state_of((enum session_phase)phase),
                 table_has_link((enum session_phase)phase) ? "yes" : "");
}

/* ---- the diagram: states, not phases; an arrow for each pair and reason, once ---- */

struct arrow {
  enum session_state from, to;
  enum session_reason reason;
};

struct arrows {
  struct arrow list[PHASE_COUNT * INPUT_COUNT * 2];
  int count;
};

static void draw(struct arrows *arrows, enum session_state from, enum session_state to,
                 enum session_reason reason) {
  if (from == to)
    return;
  for (int i = 0; i < arrows->count; i++) {
    const struct arrow *arrow = &arrows->list[i];
    if (arrow->from == from && arrow->to == to && arrow->reason == reason)
      return;
  }
  arrows->list[arrows->count++] = (struct arrow){from, to, reason};
  (void)printf("    %s --> %s: %s\n", session_state_name(from), session_state_name(to),
               session_reason_name(reason));
}

static void draw_cell(struct arrows *arrows, enum session_phase phase,
                      const struct table_cell *cell) {
  const enum session_state to = table_state((enum session_phase)cell->next);
  if (cell->is_loss)
    draw(arrows, table_state(phase), STATE_DISCONNECTED, REASON_LOST);
  draw(arrows, cell->is_loss ? STATE_DISCONNECTED : table_state(phase), to,
       (enum session_reason)cell->reason);
}

static void print_diagram(void) {
  struct arrows arrows = {.count = 0};
  (void)puts("\n## Diagram\n\n```mermaid\nstateDiagram-v2\n    [*] --> CLOSED");
  for (int phase = 0; phase < PHASE_COUNT; phase++)
    for (int input = 0; input < INPUT_COUNT; input++) {
      const struct table_cell *cell =
          table_cell((enum session_phase)phase, (enum session_input)input);
      if (cell->verdict == CELL_GO)
        draw_cell(&arrows, (enum session_phase)phase, cell);
    }
  (void)puts("```");
}

/* ---- the table ---- */

static void print_states(enum session_phase phase, const struct table_cell *cell) {
  const enum session_state to = table_state((enum session_phase)cell->next);
  if (cell->is_loss)
    (void)printf("`DISCONNECTED` (lost), ");
  if (!cell->is_loss && to == table_state(phase))
    (void)printf(" | ");
  else
    (void)printf("`%s` (%s) | ", session_state_name(to),
                 session_reason_name((enum session_reason)cell->reason));
}

static void print_input(enum session_phase phase, enum session_input input) {
  const struct table_cell *cell = table_cell(phase, input);
  if (cell->verdict == CELL_IMPOSSIBLE)
    return;
  (void)printf("| %s | ", table_input_name(input));
  if (cell->verdict == CELL_IGNORE) {
    (void)puts("nothing | | |");
    return;
  }
  (void)printf("%s | ", table_phase_name((enum session_phase)cell->next));
  print_states(phase, cell);
  (void)printf("%s |\n", table_effect_text((enum table_effect)cell->effect));
}

static void print_phase(enum session_phase phase) {
  (void)printf("\n### %s (`%s`)\n\n", table_phase_name(phase), state_of(phase));
  (void)puts("| input | next phase | reported | done |\n| --- | --- | --- | --- |");
  for (int input = 0; input < INPUT_COUNT; input++)
    print_input(phase, (enum session_input)input);
}

int main(void) {
  print_head();
  print_diagram();
  (void)puts("\n## Table\n\nWhat is not listed cannot happen: the rules for drivers in "
             "`src/session/session.h` rule it out, and an assertion says so.");
  for (int phase = 0; phase < PHASE_COUNT; phase++)
    print_phase((enum session_phase)phase);
  return ferror(stdout) ? 1 : 0;
}
