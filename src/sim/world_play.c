#include "world_play.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>

static sigjmp_buf trapped;

/* The session's assertions trap: they come from the play's own thread and instruction. */
static void on_trap(int signal_number) {
  (void)signal_number;
  siglongjmp(trapped, 1);
}

static void catch_traps(struct sigaction *old) {
  struct sigaction action = {.sa_handler = on_trap, .sa_flags = SA_NODEFER};
  (void)sigemptyset(&action.sa_mask);
  (void)sigaction(SIGILL, &action, &old[0]);
  (void)sigaction(SIGTRAP, &action, &old[1]);
}

static void release_traps(const struct sigaction *old) {
  (void)sigaction(SIGILL, &old[0], NULL);
  (void)sigaction(SIGTRAP, &old[1], NULL);
}

static void play_all(struct world *w, const struct script *script, struct play_result *result) {
  for (result->ops_done = 0; result->ops_done < script->ops_count && !w->broken;)
    world_op_do(w, &script->ops[result->ops_done++]);
  if (!w->broken)
    world_rest(w);
}

void world_play(struct world *w, const struct script *script, bool is_traced,
                struct play_result *result) {
  struct sigaction old[2];
  *result = (struct play_result){0};
  world_init(w, &script->settings);
  w->is_traced = is_traced;
  const uint64_t began_ms = w->now_ms;
  catch_traps(old);
  if (sigsetjmp(trapped, 0) == 0)
    play_all(w, script, result);
  else
    world_break(w, "an assertion of the session");
  release_traps(old);
  result->broken = w->broken;
  result->at_ms = w->now_ms - began_ms;
  result->steps = w->steps;
  result->opened = w->opened;
  result->messages = w->facts_count - 1;
  result->confirmed = w->confirmed;
}
