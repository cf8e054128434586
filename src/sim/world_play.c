#include "world_play.h"

#include <setjmp.h>
#include <signal.h>
#include <string.h>

/* The session's assertions trap; a bug may also touch memory that is not its. Both come from the
   play's own instructions, and the next play begins with everything anew. */
static const int signals[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE};

#define SIGNALS_COUNT (sizeof signals / sizeof *signals)

static sigjmp_buf trapped;

static volatile sig_atomic_t trapped_by;

static void on_trap(int signal_number) {
  trapped_by = signal_number;
  siglongjmp(trapped, 1);
}

static void catch_traps(struct sigaction *old) {
  struct sigaction action = {.sa_handler = on_trap, .sa_flags = SA_NODEFER};
  (void)sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < SIGNALS_COUNT; i++)
    (void)sigaction(signals[i], &action, &old[i]);
}

static void release_traps(const struct sigaction *old) {
  for (size_t i = 0; i < SIGNALS_COUNT; i++)
    (void)sigaction(signals[i], &old[i], NULL);
}

static const char *trap_text(void) {
  const bool is_assertion = trapped_by == SIGILL || trapped_by == SIGTRAP;
  return is_assertion ? "an assertion of the session" : "the session crashes";
}

static void play_all(struct world *w, const struct script *script, struct play_result *result) {
  for (result->ops_done = 0; result->ops_done < script->ops_count && !w->broken;)
    world_op_do(w, &script->ops[result->ops_done++]);
  if (!w->broken)
    world_rest(w);
}

void world_play(struct world *w, const struct script *script, bool is_traced,
                struct play_result *result) {
  struct sigaction old[SIGNALS_COUNT];
  *result = (struct play_result){0};
  world_init(w, &script->settings);
  w->is_traced = is_traced;
  const uint64_t began_ms = w->now_ms;
  catch_traps(old);
  if (sigsetjmp(trapped, 0) == 0)
    play_all(w, script, result);
  else
    world_break(w, trap_text());
  release_traps(old);
  result->broken = w->broken;
  result->at_ms = w->now_ms - began_ms;
  result->steps = w->steps;
  result->opened = w->opened;
  result->messages = w->facts_count - 1;
  result->confirmed = w->confirmed;
}
