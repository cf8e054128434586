/* Counting numbered messages. */
#include "demo_tally.h"

void demo_tally_take(struct demo_tally *tally, unsigned number) {
  if (number == 0 || number > DEMO_MESSAGES)
    return;
  tally->on_wire++;
  if (tally->is_known[number])
    return;
  tally->out_of_order += number != tally->highest + 1;
  tally->is_known[number] = true;
  tally->received++;
  while (tally->highest < DEMO_MESSAGES && tally->is_known[tally->highest + 1])
    tally->highest++;
  if (tally->delivered_count < 2 * DEMO_MESSAGES)
    tally->delivered[tally->delivered_count++] = number;
}

unsigned demo_tally_repeated(const struct demo_tally *tally) {
  bool seen[DEMO_MESSAGES + 1] = {false};
  unsigned repeated = 0;
  for (unsigned i = 0; i < tally->delivered_count; i++) {
    repeated += seen[tally->delivered[i]];
    seen[tally->delivered[i]] = true;
  }
  return repeated;
}
