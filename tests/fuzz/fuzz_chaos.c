/*
 * What limpet chaos reads: commands, which print as what reads back as the same; scripts; and the
 * stream of a WebSocket, whose place to cut must not depend on how its bytes come.
 */
#include "fuzz.h"

#include "frames.h"
#include "memory.h"
#include "plan.h"
#include "script.h"

#include <stdlib.h>
#include <string.h>

enum kind { KIND_COMMAND, KIND_SCRIPT, KIND_FRAMES, KINDS_COUNT };

static void check_error(const char *error, size_t cap) {
  FUZZ_CHECK(memchr(error, '\0', cap) != NULL && *error != '\0');
  for (; *error != '\0'; error++)
    FUZZ_CHECK(*error >= 0x20 && *error < 0x7F);
}

/* ---- commands ---- */

static bool are_equal(const struct fault *a, const struct fault *b) {
  return a->kind == b->kind && a->directions == b->directions && a->ending == b->ending &&
         a->percent == b->percent && a->time_ms == b->time_ms && a->other_ms == b->other_ms &&
         a->amount == b->amount && a->has_amount == b->has_amount;
}

static void check_printed(const struct command *command) {
  char text[FAULT_TEXT_CAP], error[FAULT_ERROR_CAP];
  struct command again;
  command_print(command, text);
  FUZZ_CHECK(strlen(text) < FAULT_TEXT_CAP - 1);
  FUZZ_CHECK(command_parse(text, strlen(text), &again, error));
  FUZZ_CHECK(again.kind == command->kind && are_equal(&again.fault, &command->fault));
}

static void check_fault(const struct fault *fault) {
  FUZZ_CHECK(fault->kind < FAULT_KINDS_COUNT && fault->ending <= FAULT_THEN_FREEZE);
  FUZZ_CHECK(fault->directions >= FAULT_UP && fault->directions <= FAULT_BOTH);
  FUZZ_CHECK(fault->percent >= 1 && fault->percent <= 100);
  FUZZ_CHECK(fault->time_ms <= FAULT_TIME_MAX_MS && fault->other_ms <= FAULT_TIME_MAX_MS);
  FUZZ_CHECK(fault->amount <= FAULT_SIZE_MAX);
}

static void check_command(const struct command *command) {
  FUZZ_CHECK(command->kind <= COMMAND_CLEAR_KIND);
  check_fault(&command->fault);
  check_printed(command);
}

static void check_plan(struct plan *plan, uint64_t now_ms) {
  const struct plan_fault *fault;
  struct plan_flow flow;
  FUZZ_CHECK(plan->count <= PLAN_FAULTS_MAX);
  for (uint64_t connection = 1; connection < 3; connection++) {
    plan_flow(plan, connection, FAULT_UP, &flow);
    FUZZ_CHECK(!flow.is_frozen || plan_has(plan, FAULT_FREEZE));
    fault = NULL;
    FUZZ_CHECK((plan_end_age_ms(plan, connection, &fault) == PLAN_NEVER) == (fault == NULL));
    FUZZ_CHECK(!plan_refuses_all(plan) || plan_refuses(plan, connection) != NULL);
  }
  for (size_t flaps = 0; plan_flap(plan, now_ms) != NULL;)
    FUZZ_CHECK(++flaps <= plan->count);
  FUZZ_CHECK(plan_next_flap_ms(plan, now_ms) > now_ms);
}

static void carry_out(struct plan *plan, const struct command *command, uint64_t now_ms) {
  const uint64_t connection = now_ms / 250 % 3;
  check_command(command);
  if (command->kind == COMMAND_ADD)
    (void)plan_add(plan, &command->fault, connection, now_ms);
  else if (command->kind == COMMAND_CLEAR_KIND)
    (void)plan_clear(plan, connection, command->fault.kind);
}

/* Lines, one after the other, into one plan. */
static void run_commands(struct fuzz_input in) {
  static struct plan plan;
  memset(&plan, 0, sizeof plan);
  for (uint64_t now_ms = 0; in.len > 0; now_ms += 250) {
    const struct fuzz_input line = fuzz_line(&in);
    char *text = (char *)fuzz_copy(line.data, line.len), error[FAULT_ERROR_CAP];
    struct command command;
    if (command_parse(text, line.len, &command, error))
      carry_out(&plan, &command, now_ms);
    else
      check_error(error, sizeof error);
    free(text);
    check_plan(&plan, now_ms);
  }
  for (uint64_t connection = 0; connection < 3; connection++)
    (void)plan_clear(&plan, connection, FAULT_KINDS_COUNT);
  FUZZ_CHECK(plan.count == 0);
}

/* ---- scripts ---- */

static void check_script(const struct script *script) {
  uint64_t last_ms = 0;
  FUZZ_CHECK(script->count <= SCRIPT_STEPS_MAX);
  for (size_t i = 0; i < script->count; i++)
    check_command(&script->steps[i].command);
  for (uint64_t i = 0; i < 3 * (uint64_t)script->count + 3; i++) {
    const struct script_step *step;
    const uint64_t due_ms = script_due_ms(script, i, &step);
    FUZZ_CHECK(due_ms >= last_ms);
    FUZZ_CHECK((due_ms == UINT64_MAX) ==
               (script->count == 0 || (script->repeat_ms == 0 && i >= script->count)));
    last_ms = due_ms;
  }
}

static void read_script(struct fuzz_input in) {
  struct script script;
  char *text = (char *)fuzz_copy(in.data, in.len), error[SCRIPT_ERROR_CAP];
  if (script_parse(&memory_default, text, in.len, &script, error)) {
    check_script(&script);
    script_deinit(&memory_default, &script);
  } else {
    check_error(error, sizeof error);
  }
  free(text);
}

/* ---- frames ---- */

static size_t place_of_cut(struct fuzz_input in, bool is_response, uint64_t cut_frame,
                           struct fuzz_cuts cuts) {
  struct frames frames;
  size_t at = 0;
  frames_init(&frames, is_response);
  while (in.len > 0) {
    const struct fuzz_input piece = fuzz_take(&in, fuzz_next_cut(&cuts, in.len));
    uint8_t *copy = fuzz_copy(piece.data, piece.len);
    const size_t before = frames_follow(&frames, copy, piece.len, cut_frame);
    free(copy);
    FUZZ_CHECK(before == FRAMES_NO_CUT || before <= piece.len);
    if (before != FRAMES_NO_CUT)
      return at + before;
    at += piece.len;
  }
  return FRAMES_NO_CUT;
}

static void follow(struct fuzz_input in) {
  static const char *const heads[] = {"", "HTTP/1.1 101 x\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"};
  const uint8_t flags = fuzz_byte(&in), how = fuzz_byte(&in);
  const char *head = heads[flags % 3];
  const uint64_t cut_frame = flags >> 4;
  const size_t head_len = strlen(head);
  uint8_t *stream = fuzz_alloc(head_len + in.len);
  memcpy(stream, head, head_len);
  if (in.len > 0)
    memcpy(stream + head_len, in.data, in.len);
  const struct fuzz_input whole = {stream, head_len + in.len};
  const size_t place = place_of_cut(whole, flags & 8, cut_frame, fuzz_cuts(0));
  FUZZ_CHECK(place == place_of_cut(whole, flags & 8, cut_frame, fuzz_cuts(how)));
  FUZZ_CHECK(cut_frame > 0 || place == FRAMES_NO_CUT);
  free(stream);
}

void fuzz_one(const uint8_t *data, size_t len) {
  static void (*const kinds[])(struct fuzz_input) = {run_commands, read_script, follow};
  struct fuzz_input in = {data, len};
  kinds[fuzz_byte(&in) % KINDS_COUNT](in);
}
