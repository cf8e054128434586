/* Names and sentences of the public enums. The words themselves live in src/session/words.c and
   failure.c; here the two sets of constants are held to be the same. */
#include <limpet/limpet.h>

#include "failure.h"
#include "link.h"
#include "words.h"

_Static_assert((int)LIMPET_FAILED == (int)STATE_FAILED, "states differ");
_Static_assert((int)LIMPET_REASON_DISCONNECT == (int)REASON_DISCONNECT, "reasons differ");
_Static_assert((int)LIMPET_ERROR_SYSTEM == (int)FAILURE_SYSTEM, "error kinds differ");
_Static_assert((int)LIMPET_ERROR_CLOSED_BY_PEER == (int)FAILURE_CLOSED_BY_PEER, "kinds differ");
_Static_assert((int)LIMPET_FATE_DROPPED == (int)FATE_DROPPED, "fates differ");
_Static_assert((int)LIMPET_CONFIRM_ACK == (int)CONFIRM_ACK, "confirmations differ");
_Static_assert((int)LIMPET_STEP_UPGRADED == (int)LINK_STEP_UPGRADED, "steps differ");
_Static_assert((int)LIMPET_DROP_DUPLICATE == (int)DROP_DUPLICATE, "drops differ");

static const struct {
  const char *name, *text;
} results[] = {
    [LIMPET_OK] = {"ok", "Done"},
    [LIMPET_INVALID_ARGUMENT] = {"invalid_argument", "An argument or option is out of range"},
    [LIMPET_NOT_CONNECTED] = {"not_connected", "There is no open link"},
    [LIMPET_QUEUE_OVERFLOW] = {"queue_overflow", "The queue cannot take this message"},
    [LIMPET_MESSAGE_TOO_BIG] = {"message_too_big", "The message is longer than max_message"},
    [LIMPET_INVALID_UTF8] = {"invalid_utf8", "A text message must be UTF-8"},
    [LIMPET_NO_MEMORY] = {"no_memory", "Out of memory"},
    [LIMPET_SYSTEM] = {"system", "The operating system refused"},
    [LIMPET_TIMED_OUT] = {"timed_out", "The time given ran out"},
    [LIMPET_WRONG_THREAD] = {"wrong_thread", "This call would wait for its own thread"},
    [LIMPET_OUTBOX] = {"outbox", "The outbox cannot be used"},
    [LIMPET_IN_USE] = {"in_use", "Something still uses it"},
};

static bool is_result(limpet_result result) {
  return (unsigned)result < sizeof results / sizeof *results;
}

const char *limpet_result_name(limpet_result result) {
  return is_result(result) ? results[result].name : "?";
}

const char *limpet_result_text(limpet_result result) {
  return is_result(result) ? results[result].text : "?";
}

const char *limpet_state_name(limpet_state state) {
  return session_state_name((enum session_state)state);
}

const char *limpet_reason_name(limpet_reason reason) {
  return session_reason_name((enum session_reason)reason);
}

const char *limpet_error_kind_name(limpet_error_kind kind) {
  return failure_kind_name((enum failure_kind)kind);
}

const char *limpet_fate_name(limpet_fate fate) {
  return session_fate_name((enum session_fate)fate);
}

const char *limpet_drop_name(limpet_drop drop) {
  return session_drop_name((enum session_drop)drop);
}

const char *limpet_step_name(limpet_step step) {
  static const char *const names[] = {"look_up", "connected", "proxy", "tls", "upgraded"};
  return (unsigned)step < sizeof names / sizeof *names ? names[step] : "?";
}
