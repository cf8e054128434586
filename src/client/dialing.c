/* One dial: its URL, its TLS, its name in the logs. */
#include "endpoints.h"
#include "network.h"

#include <stdio.h>
#include <string.h>

/* "3fa9c1-7": so the server's log can be read beside ours. */
void client_write_label(const struct limpet_client *client, uint32_t epoch,
                        char label[LINK_LABEL_CAP]) {
  (void)snprintf(label, LINK_LABEL_CAP, "%02x%02x%02x-%u", client->tag[0], client->tag[1],
                 client->tag[2], epoch);
}

void client_copy_url(struct limpet_client *client, char url[URL_LEN_MAX + 1]) {
  client_lock(client);
  const char *const present = endpoints_url(client);
  const size_t len = strnlen(present, URL_LEN_MAX);
  memcpy(url, present, len);
  url[len] = '\0';
  client_unlock(client);
}

static bool prepare_tls(struct limpet_client *client, const char *url) {
  char detail[LIMPET_DETAIL_CAP];
  limpet_result result;
  if (settings_prepare(client->settings, url, detail, &result))
    return true;
  const struct failure failure = {.kind = result == LIMPET_NO_MEMORY ? FAILURE_NO_MEMORY
                                          : result == LIMPET_SYSTEM  ? FAILURE_SYSTEM
                                                                     : FAILURE_TLS,
                                  .is_final = result == LIMPET_INVALID_ARGUMENT,
                                  .retry_after_ms = UINT64_MAX};
  client_lose(client, &failure, detail);
  return false;
}

static void log_dial(struct limpet_client *client, const char *label, const char *url) {
  char redacted[512], error[PROXIES_ERROR_CAP], name[PROXY_NAME_CAP] = "";
  struct url target;
  struct proxy proxy;
  const char *why;
  (void)url_redact(url, redacted, sizeof redacted);
  if (url_parse(&target, url, strlen(url), &why) &&
      proxies_choose(&client->settings->proxies, &target, &proxy, error) == PROXIES_ONE)
    proxy_name(&proxy, name);
  client_log(client, LIMPET_LOG_INFO, "link %s: dialing %s%s%s", label, redacted,
             name[0] ? " through the proxy " : "", name);
}

void client_dial(struct limpet_client *client, const char *const *headers) {
  char url[URL_LEN_MAX + 1], label[LINK_LABEL_CAP];
  client_copy_url(client, url);
  client_write_label(client, client->epoch, label);
  if (client_callbacks(client)->on_log)
    log_dial(client, label, url);
  if (!prepare_tls(client, url))
    return;
  network_dialing(client);
  client->link =
      link_dial(client->loop, &client->settings->link, client_link_events(client), client, url);
  if (!client->link) {
    client_lose_without_memory(client);
    return;
  }
  link_set_label(client->link, label);
  link_set_headers(client->link, headers);
}
