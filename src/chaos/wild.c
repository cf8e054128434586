#include "wild.h"

#include "chance.h"

#include <string.h>

#define PAUSE_MIN_MS 500
#define PAUSE_SPREAD_MS 3500
#define ON_MAX 3
#define PARTS_COUNT 4

static uint64_t pick(struct wild *wild, uint64_t min, uint64_t max) {
  return min + chance_next(&wild->stream, max - min + 1);
}

void wild_init(struct wild *wild, uint64_t seed) {
  memset(wild, 0, sizeof *wild);
  wild->stream = chance_mix(seed, 0);
}

static void fill_values(struct wild *wild, struct fault *fault) {
  switch (fault->kind) {
  case FAULT_DELAY:
    fault->time_ms = pick(wild, 1, 1000);
    fault->other_ms = pick(wild, 0, fault->time_ms);
    break;
  case FAULT_THROTTLE:
    fault->amount = pick(wild, 1, 1000) * 1000;
    break;
  case FAULT_TRUNCATE:
    fault->amount = pick(wild, 0, 100000);
    break;
  case FAULT_CUT:
    fault->amount = pick(wild, 1, 10);
    break;
  case FAULT_SLOW_LORIS:
    fault->time_ms = pick(wild, 1, 200);
    break;
  case FAULT_FLAP:
    fault->time_ms = pick(wild, 100, 2000);
    fault->other_ms = pick(wild, 100, 2000);
    break;
  default:
    break;
  }
}

static bool ends_streams(enum fault_kind kind) {
  return kind == FAULT_TRUNCATE || kind == FAULT_CUT;
}

static bool has_direction(enum fault_kind kind) {
  return kind != FAULT_REFUSE && kind != FAULT_RESET && kind != FAULT_CLOSE && kind != FAULT_FLAP;
}

static void fill_fault(struct wild *wild, struct fault *fault) {
  static const uint32_t parts[PARTS_COUNT] = {100, 100, 50, 20};
  *fault = (struct fault){.kind = (enum fault_kind)pick(wild, 0, FAULT_KINDS_COUNT - 1),
                          .directions = FAULT_BOTH};
  if (has_direction(fault->kind))
    fault->directions = (enum fault_direction)pick(wild, FAULT_UP, FAULT_BOTH);
  fill_values(wild, fault);
  if (ends_streams(fault->kind))
    fault->ending = (enum fault_ending)pick(wild, FAULT_THEN_CLOSE, FAULT_THEN_FREEZE);
  fault->percent = parts[pick(wild, 0, PARTS_COUNT - 1)];
}

void wild_next(struct wild *wild, struct script_step *step) {
  memset(step, 0, sizeof *step);
  wild->at_ms += pick(wild, PAUSE_MIN_MS, PAUSE_MIN_MS + PAUSE_SPREAD_MS);
  step->at_ms = wild->at_ms;
  if (wild->on_count == ON_MAX || (wild->on_count > 0 && pick(wild, 0, 1) == 0)) {
    step->command = (struct command){.kind = COMMAND_CLEAR,
                                     .fault = {.directions = FAULT_BOTH, .percent = 100}};
    wild->on_count = 0;
    return;
  }
  fill_fault(wild, &step->command.fault);
  const enum fault_kind kind = step->command.fault.kind;
  step->command.kind = kind == FAULT_RESET || kind == FAULT_CLOSE ? COMMAND_ACT : COMMAND_ADD;
  wild->on_count += step->command.kind == COMMAND_ADD;
}
