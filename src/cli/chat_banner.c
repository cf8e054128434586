/* When the banner is shown, and what it says. */
#include "chat_banner.h"

#include <stdio.h>

void chat_banner_note(struct chat_banner *b, limpet_state state, uint64_t now_ms) {
  const bool is_troubled = state != LIMPET_CONNECTED && state != LIMPET_CLOSED;
  if (is_troubled && !b->is_troubled)
    b->since_ms = now_ms;
  b->is_troubled = is_troubled;
}

static void say_what_is_wrong(const struct chat_banner_facts *f, char *text, size_t cap) {
  switch (f->state) {
  case LIMPET_WAITING_FOR_NETWORK:
    (void)snprintf(text, cap, "Offline");
    break;
  case LIMPET_FAILED:
    (void)snprintf(text, cap, "Gave up");
    break;
  case LIMPET_ERROR:
    (void)snprintf(text, cap, "%.40s%s%.160s", f->status, *f->last_error ? ": " : "",
                   f->last_error);
    break;
  case LIMPET_CONNECTING:
    (void)snprintf(text, cap, "Not connected yet");
    break;
  default:
    (void)snprintf(text, cap, "Reconnecting");
    break;
  }
}

/* While it is tried on, "will be sent" is what happens; at rest it needs the user. */
static void say_what_waits(const struct chat_banner_facts *f, char *text, size_t cap) {
  const bool is_at_rest = f->state == LIMPET_FAILED || f->state == LIMPET_ERROR;
  text[0] = '\0';
  if (f->waiting == 0)
    return;
  (void)snprintf(text, cap, " · %llu message%s %s", (unsigned long long)f->waiting,
                 f->waiting == 1 ? "" : "s",
                 !is_at_rest       ? "will be sent"
                 : f->waiting == 1 ? "waits"
                                   : "wait");
}

/* Last, for whoever has a wide screen: why it does not get better. */
static void say_why(const struct chat_banner_facts *f, char *text, size_t cap) {
  const bool is_tried_on = f->state == LIMPET_CONNECTING || f->state == LIMPET_RECONNECTING;
  text[0] = '\0';
  if (is_tried_on && *f->last_error)
    (void)snprintf(text, cap, " · %.160s", f->last_error);
}

bool chat_banner_text(const struct chat_banner *b, const struct chat_banner_facts *f,
                      uint64_t now_ms, char text[CHAT_BANNER_CAP]) {
  char wrong[256], waits[64], why[176];
  if (!b->is_troubled || now_ms - b->since_ms < CHAT_BANNER_DELAY_MS)
    return false;
  say_what_is_wrong(f, wrong, sizeof wrong);
  say_what_waits(f, waits, sizeof waits);
  say_why(f, why, sizeof why);
  (void)snprintf(text, CHAT_BANNER_CAP, "%s%s · Ctrl-R: try now%s", wrong, waits, why);
  return true;
}
