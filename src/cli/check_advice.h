/* What to do about a failed check: one sentence for people. Pure. */
#ifndef CLI_CHECK_ADVICE_H
#define CLI_CHECK_ADVICE_H

#include <limpet/limpet.h>

/** The steps of a check, in order. */
enum check_step {
  CHECK_DNS,
  CHECK_TCP,
  CHECK_PROXY,
  CHECK_TLS,
  CHECK_UPGRADE,
  CHECK_ON_OPEN,
  CHECK_HEARTBEAT
};

/** As in events: "dns", "on_open". */
const char *check_step_name(enum check_step step);
/** For a failure in that step. Never NULL. */
const char *check_advice(enum check_step step, const limpet_error *error);

#endif
