/*
 * Commands with times. A script file has one a line:
 *
 *   # at 5 s nothing passes any more, at 8 s all is well again
 *   5s freeze both
 *   8s clear
 *   +500ms reset for 50%      a time after that of the line before
 *   30s repeat                begins anew; the last line only
 *
 * Times count from the start and never go back. Empty lines and what stands behind '#' is ignored.
 * Pure: text in, steps out.
 */
#ifndef CHAOS_SCRIPT_H
#define CHAOS_SCRIPT_H

#include "fault.h"
#include "memory.h"

#define SCRIPT_STEPS_MAX 100000
#define SCRIPT_SIZE_MAX ((size_t)4 * 1024 * 1024)
#define SCRIPT_ERROR_CAP (FAULT_ERROR_CAP + 64)

struct script_step {
  uint64_t at_ms;
  struct command command;
};

struct script {
  struct script_step *steps;
  size_t count, cap;
  uint64_t repeat_ms; /* 0: runs once */
};

/** Reads a whole script. False: `error` is "line 3: ...". Nothing is left to free then. */
bool script_parse(const struct memory *memory, const char *text, size_t len, struct script *script,
                  char error[SCRIPT_ERROR_CAP]);
void script_deinit(const struct memory *memory, struct script *script);
/** When step `index` is due, counted on through repeats; UINT64_MAX: there is none. `*step` is
    where it stands. */
uint64_t script_due_ms(const struct script *script, uint64_t index,
                       const struct script_step **step);

#endif
