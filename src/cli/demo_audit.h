/* What the relay's store says at the end, held against what the chatters were promised. */
#ifndef CLI_DEMO_AUDIT_H
#define CLI_DEMO_AUDIT_H

#include "demo_chatter.h"

#include <stdbool.h>

/** Of one chatter's messages. */
struct demo_verdict {
  unsigned stored;                          /* in the relay's store */
  unsigned lost;                            /* accepted, and not there */
  unsigned repeated;                        /* there more than once */
  unsigned out_of_order;                    /* behind a later one */
  unsigned shown_again, shown_out_of_order; /* on anybody's screen */
};

struct demo_audit {
  const struct demo_chatter *chatters; /* DEMO_CHATTERS */
  struct demo_verdict verdicts[DEMO_CHATTERS];
  struct demo_child *child; /* a `limpet connect` that reads the whole conversation */
  unsigned highest[DEMO_CHATTERS];
  unsigned found[DEMO_CHATTERS][DEMO_MESSAGES];
  bool is_complete;
  void (*done)(void *user);
  void *user;
};

/** Asks the relay at `address` for everything; `done` is called at the end. False: it could not be
    asked. */
bool demo_audit_start(struct demo_audit *audit, uv_loop_t *loop, const char *address);
/** Nothing lost, repeated or out of order, and everybody was shown everything once. */
bool demo_audit_is_clean(const struct demo_audit *audit);

#endif
