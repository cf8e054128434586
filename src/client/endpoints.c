#include "endpoints.h"

static uint8_t count_endpoints(const limpet_options *options) {
  uint8_t count = 1;
  while (options->fallbacks && options->fallbacks[count - 1])
    count++;
  return count;
}

bool endpoints_make(struct limpet_client *client, const limpet_options *options) {
  const uint8_t count = count_endpoints(options);
  if (count == 1 && !options->provider)
    return true;
  struct endpoints *made = memory_alloc_zeroed(client_memory(client), sizeof *made);
  if (!made)
    return false;
  made->client = client;
  round_init(&made->round, count);
  client->endpoints = made;
  return true;
}

void endpoints_free(struct limpet_client *client) {
  if (!client->endpoints)
    return;
  provider_cancel(client);
  memory_free(client_memory(client), client->endpoints->provided);
  memory_free(client_memory(client), client->endpoints);
}

const char *endpoints_url(const struct limpet_client *client) {
  const struct endpoints *endpoints = client->endpoints;
  if (endpoints && endpoints->provided && endpoints->provided->url)
    return endpoints->provided->url;
  if (endpoints && endpoints->round.now > 0)
    return client->settings->options.fallbacks[endpoints->round.now - 1];
  return client->url;
}

/* ---- dialing ---- */

static void dial_this(struct limpet_client *client) {
  struct endpoints *endpoints = client->endpoints;
  memory_free(client_memory(client), endpoints->provided);
  endpoints->provided = NULL;
  if (client->settings->options.provider)
    provider_ask(client);
  else
    client_dial(client, NULL);
}

/* An application that overrules critical errors may have left no endpoint: then all are. */
void endpoints_dial(struct limpet_client *client) {
  struct endpoints *endpoints = client->endpoints;
  if (!endpoints) {
    client_dial(client, NULL);
    return;
  }
  round_begin(&endpoints->round);
  if (!round_next(&endpoints->round)) {
    round_forgive(&endpoints->round);
    (void)round_next(&endpoints->round);
  }
  dial_this(client);
}

void endpoints_opened(struct limpet_client *client) {
  if (client->endpoints)
    round_prefer(&client->endpoints->round);
}

void endpoints_forgive(struct limpet_client *client) {
  if (client->endpoints)
    round_forgive(&client->endpoints->round);
}

/* ---- failures ---- */

limpet_decision endpoints_propose(const struct limpet_client *client, enum failure_verdict usual) {
  const struct endpoints *endpoints = client->endpoints;
  bool goes_on = false;
  if (endpoints && usual == VERDICT_GIVE_UP)
    goes_on = round_has_other(&endpoints->round);
  else if (endpoints && session_is_dialing(&client->session))
    goes_on = round_has_next(&endpoints->round);
  return goes_on ? LIMPET_NEXT_ENDPOINT : (limpet_decision)usual;
}

_Static_assert((int)LIMPET_BACK_OFF == (int)VERDICT_BACK_OFF, "verdicts differ");
_Static_assert((int)LIMPET_GIVE_UP == (int)VERDICT_GIVE_UP, "verdicts differ");
_Static_assert((int)LIMPET_RETRY_NOW == (int)VERDICT_RETRY_NOW, "verdicts differ");

/* A callback may have ended the dial meanwhile, or begun another. */
static bool is_awaited(const struct limpet_client *client, uint32_t epoch) {
  return epoch == client->epoch && session_is_dialing(&client->session);
}

/* Not the last word: the attempt goes on. */
static void report_passing_error(struct limpet_client *client, const struct failure *failure) {
  struct failure passing = *failure;
  passing.retryable = true;
  client_lock(client);
  if (client->last_end)
    client->last_end->verdict = VERDICT_BACK_OFF;
  client_unlock(client);
  report_error(client, &passing);
}

bool endpoints_go_on(struct limpet_client *client, uint32_t epoch, const struct failure *failure,
                     limpet_decision decision) {
  struct endpoints *endpoints = client->endpoints;
  if (!endpoints || decision != LIMPET_NEXT_ENDPOINT)
    return false;
  if (report_usual_verdict(client, failure) == VERDICT_GIVE_UP)
    round_exclude(&endpoints->round);
  if (!is_awaited(client, epoch) || !round_has_next(&endpoints->round))
    return false;
  report_passing_error(client, failure);
  if (is_awaited(client, epoch) && round_next(&endpoints->round))
    dial_this(client);
  return true;
}

static enum failure_verdict refresh(struct limpet_client *client) {
  struct endpoints *endpoints = client->endpoints;
  if (!endpoints || !client->settings->options.provider)
    return VERDICT_BACK_OFF;
  round_prefer(&endpoints->round);
  endpoints->wants_fresh = true;
  return endpoints->is_fresh ? VERDICT_BACK_OFF : VERDICT_RETRY_NOW;
}

enum failure_verdict endpoints_verdict(struct limpet_client *client, limpet_decision decision) {
  switch (decision) {
  case LIMPET_RETRY_NOW:
  case LIMPET_GIVE_UP:
    return (enum failure_verdict)decision;
  case LIMPET_NEW_CREDENTIALS:
    return refresh(client);
  case LIMPET_NEXT_ENDPOINT:
    if (client->endpoints && !session_is_dialing(&client->session))
      round_pass(&client->endpoints->round);
    return VERDICT_BACK_OFF;
  default:
    return VERDICT_BACK_OFF;
  }
}
