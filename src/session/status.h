/* The line for people: "🟡 Reconnecting (attempt 3 of 10, in 4s)" (section 3 of the contract). */
#ifndef SESSION_STATUS_H
#define SESSION_STATUS_H

#include "failure.h"
#include "words.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct status_facts {
  enum session_state state;
  uint32_t attempt, max_retries;
  uint64_t connection_duration_ms;
  uint64_t next_retry_in_ms; /* UINT64_MAX: dialing now */
  enum failure_kind last_error;
};

#define STATUS_TEXT_CAP 160

/** Writes the text, with the emoji in front if asked; always NUL-terminated. Returns its length. */
size_t status_text(const struct status_facts *facts, bool emoji, char *text, size_t cap);
/** "🟢" and so on. */
const char *status_emoji(enum session_state state);

#endif
