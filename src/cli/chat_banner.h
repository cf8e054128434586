/*
 * The banner over a conversation: shown after 2 s of trouble, gone at once. It tells offline from
 * reconnecting from given up, and promises to send only what really waits. Pure.
 */
#ifndef CLI_CHAT_BANNER_H
#define CLI_CHAT_BANNER_H

#include <limpet/limpet.h>

#define CHAT_BANNER_DELAY_MS 2000
#define CHAT_BANNER_CAP 640

struct chat_banner {
  bool is_troubled;
  uint64_t since_ms;
};

struct chat_banner_facts {
  limpet_state state;
  uint64_t waiting;       /* messages to be sent */
  const char *status;     /* limpet_status_text() without emoji */
  const char *last_error; /* its detail, or "" */
};

/** To be told of each change of state. */
void chat_banner_note(struct chat_banner *banner, limpet_state state, uint64_t now_ms);
/** True: `text` is to be shown now. Its most important words come first, since a narrow screen cuts
    it. */
bool chat_banner_text(const struct chat_banner *banner, const struct chat_banner_facts *facts,
                      uint64_t now_ms, char text[CHAT_BANNER_CAP]);

#endif
