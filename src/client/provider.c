/* The application's provider: asked before each dial, awaited for a while. */
#include "block.h"
#include "endpoints.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

static void fail(struct limpet_client *client, const char *detail) {
  const struct failure failure = {.kind = FAILURE_PROVIDER, .retry_after_ms = UINT64_MAX};
  client_lose(client, &failure, detail);
}

/* ---- asking ---- */

static void is_late(struct net_timer *timer) {
  struct endpoints *endpoints =
      (struct endpoints *)((char *)timer - offsetof(struct endpoints, deadline));
  struct limpet_client *client = endpoints->client;
  char detail[LIMPET_DETAIL_CAP];
  (void)snprintf(detail, sizeof detail, "no answer from the provider within %u ms",
                 client->settings->options.provider_timeout_ms);
  endpoints->ticket = 0;
  fail(client, detail);
  client_settle(client);
}

static bool await(struct limpet_client *client) {
  struct endpoints *endpoints = client->endpoints;
  endpoints->ticket = ++endpoints->last_ticket;
  endpoints->is_fresh = endpoints->wants_fresh;
  endpoints->wants_fresh = false;
  endpoints->deadline.fire = is_late;
  return net_timer_set(client->loop, &endpoints->deadline,
                       client_now_ms(client) + client->settings->options.provider_timeout_ms);
}

void provider_ask(struct limpet_client *client) {
  const struct endpoints *endpoints = client->endpoints;
  char url[URL_LEN_MAX + 1];
  if (!await(client)) {
    fail(client, "no memory to wait for the provider");
    return;
  }
  client_copy_url(client, url);
  const limpet_provider_request request = {
      .ticket = endpoints->ticket,
      .url = url,
      .endpoint = endpoints->round.now,
      .attempt = session_attempt(&client->session),
      .refresh = endpoints->is_fresh,
  };
  client_log(client, LIMPET_LOG_DEBUG, "asking the provider%s",
             request.refresh ? " to refresh its credentials" : "");
  client->settings->options.provider(client, &request, client->user);
}

void provider_cancel(struct limpet_client *client) {
  if (!client->endpoints)
    return;
  client->endpoints->ticket = 0;
  net_timer_unset(client->loop, &client->endpoints->deadline);
}

/* ---- answers ---- */

/* 0 is no ticket of anyone's: it says that nothing is awaited. */
static bool is_awaited(const struct limpet_client *client, const struct provided *answer) {
  return answer->ticket != 0 && client->endpoints && client->endpoints->ticket == answer->ticket;
}

void provider_answered(struct limpet_client *client, struct provided *answer) {
  if (!is_awaited(client, answer)) {
    memory_free(client_memory(client), answer);
    return;
  }
  provider_cancel(client);
  if (answer->failure) {
    fail(client, answer->failure);
    memory_free(client_memory(client), answer);
  } else {
    client->endpoints->provided = answer;
    client_dial(client, answer->headers);
  }
}

static void copy(struct block *block, struct provided *answer) {
  block_text(block, &answer->failure);
  block_text(block, &answer->url);
  block_list(block, &answer->headers);
}

static limpet_result hand_in(struct limpet_client *client, const struct provided *answer) {
  struct provided measured = *answer;
  struct block block = {NULL, sizeof measured};
  copy(&block, &measured);
  struct provided *made = memory_alloc(client_memory(client), block.used);
  if (!made)
    return LIMPET_NO_MEMORY;
  *made = *answer;
  block = (struct block){(char *)made, sizeof *made};
  copy(&block, made);
  const limpet_result result =
      client_command(client, (struct command){.kind = COMMAND_PROVIDE, .provided = made});
  if (result != LIMPET_OK)
    memory_free(client_memory(client), made);
  return result;
}

limpet_result limpet_provide(limpet_client *client, uint64_t ticket, const char *url,
                             const char *const *headers, char *detail) {
  char unwanted[LIMPET_DETAIL_CAP];
  detail = detail ? detail : unwanted;
  if ((!url || options_check_url(url, detail)) && options_check_headers(headers, detail))
    return hand_in(client, &(struct provided){.ticket = ticket, .url = url, .headers = headers});
  const limpet_result result = limpet_provide_failure(client, ticket, detail);
  return result == LIMPET_OK ? LIMPET_INVALID_ARGUMENT : result;
}

limpet_result limpet_provide_failure(limpet_client *client, uint64_t ticket, const char *why) {
  return hand_in(client, &(struct provided){.ticket = ticket,
                                            .failure = why ? why : "the provider gave no reason"});
}
