#include "internal.h"
#include "web.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_MAX ((size_t)16 * 1024)
#define REQUEST_TIMEOUT_MS 30000
#define IDLE_TIMEOUT_MS 60000
#define REPLAY_WATER ((uint64_t)128 * 1024) /* waits for the socket before another page is read */
#define STOP_TICK_MS 10
#define ANSWERS_MAX ((size_t)16 * 1024 * 1024)

static const struct deflate_params compression = {.server_max_window_bits = 15,
                                                  .client_max_window_bits = 15};

void relay_options_init(struct relay_options *options) {
  *options = (struct relay_options){
      .listen = "127.0.0.1:8085",
      .max_connections = 10000,
      .rate = 1000,
      .admit_rate = 1000,
      .heartbeat_interval_ms = 30000,
      .heartbeat_timeout_ms = 10000,
      .max_message = (uint64_t)64 * 1024,
      .max_backlog = (uint64_t)4 * 1024 * 1024, /* a burst on its way is not slowness yet */
      .max_backlog_total = (uint64_t)256 * 1024 * 1024,
      .max_conversations = 1000000,
  };
}

/* ---- the start ---- */

/* Compression takes 300 KiB of each connection, so that conversations go without. */
static void fill_settings(struct relay *relay) {
  const struct relay_options *options = relay->options;
  relay->http_settings = (struct http_settings){
      .request_timeout_ms = REQUEST_TIMEOUT_MS,
      .idle_timeout_ms = IDLE_TIMEOUT_MS,
      .max_head = HEAD_MAX,
      .max_body = (size_t)options->max_message,
      .max_connections = options->max_connections,
      .max_answers = ANSWERS_MAX,
      .deflate = &compression,
  };
  relay->conversation_links = (struct link_settings){
      .connect_timeout_ms = REQUEST_TIMEOUT_MS,
      .close_timeout_ms = CLOSE_MS,
      .max_message = options->max_message,
      .high_water = REPLAY_WATER,
  };
  relay->echo_links = relay->conversation_links;
  relay->echo_links.compress = true;
}

void relay_note_trouble(struct relay *relay, const char *detail) {
  char quoted[LOG_VALUE_CAP];
  relay->metrics.store_failures++;
  log_line(&relay->log, LOG_ERROR, "store_failed", "detail=%s", log_value(detail, quoted));
}

static void on_troubled(void *user, const char *detail) {
  relay_note_trouble(user, detail);
}

static bool open_store(struct relay *relay, char *detail) {
  const struct relay_options *options = relay->options;
  const struct store_options store = {
      .path = options->store_path,
      .vfs = options->store_vfs,
      .max_conversations = options->max_conversations,
      .keep_age_ms = options->keep_age_s * 1000,
      .keep_bytes = options->keep_bytes,
      .troubled = on_troubled,
      .user = relay,
  };
  relay->store = store_open(relay->loop, &store, detail);
  return relay->store != NULL;
}

static enum tls_made read_certificates(const struct relay *relay, struct tls_context **made,
                                       char *detail) {
  return tls_server_context_new(net_loop_memory(relay->loop), relay->options->tls_cert,
                                relay->options->tls_key, made, detail);
}

static enum relay_start read_files(struct relay *relay, char *detail) {
  const struct relay_options *options = relay->options;
  if (options->web && !web_check(options->web, detail, RELAY_DETAIL_CAP))
    return RELAY_BAD_INPUT;
  if (options->token_file && !(relay->tokens = tokens_read(options->token_file, detail)))
    return RELAY_BAD_INPUT;
  if (!options->tls_cert)
    return RELAY_STARTED;
  const enum tls_made made = read_certificates(relay, &relay->http_settings.tls, detail);
  return made == TLS_MADE       ? RELAY_STARTED
         : made == TLS_UNUSABLE ? RELAY_BAD_INPUT
                                : RELAY_CANNOT_START;
}

static bool listen_there(struct relay *relay, char *detail) {
  const struct http_handler handler = {routes_request, routes_refused, relay};
  relay->http = http_server_new(relay->loop, relay->options->listen, &relay->http_settings,
                                &handler, detail, RELAY_DETAIL_CAP);
  if (!relay->http)
    return false;
  const char *address = http_server_address(relay->http);
  const char *scheme = relay->options->tls_cert ? "https://" : "http://";
  (void)snprintf(relay->address, sizeof relay->address, "%s%s",
                 strncmp(address, "unix:", 5) == 0 ? "" : scheme, address);
  return true;
}

static void free_relay(struct relay *relay) {
  struct net_loop *loop = relay->loop;
  http_server_free(relay->http);
  tokens_free(relay->tokens);
  tls_context_release(relay->http_settings.tls);
  net_timer_unset(loop, &relay->stop_timer);
  free(relay);
  net_loop_release(loop);
}

/* Listening comes before the store: whether the address is free shows without touching the file. */
static enum relay_start start(struct relay *relay, char *detail) {
  const enum relay_start files = read_files(relay, detail);
  if (files != RELAY_STARTED)
    return files;
  return listen_there(relay, detail) && open_store(relay, detail) ? RELAY_STARTED
                                                                  : RELAY_CANNOT_START;
}

enum relay_start relay_new(struct net_loop *loop, const struct relay_options *options,
                           struct relay **made, char detail[RELAY_DETAIL_CAP]) {
  struct relay *relay = calloc(1, sizeof *relay);
  *made = NULL;
  if (!relay) {
    (void)snprintf(detail, RELAY_DETAIL_CAP, "out of memory");
    return RELAY_CANNOT_START;
  }
  relay->loop = loop;
  net_loop_retain(loop);
  relay->options = options;
  relay->log.is_quiet = options->is_quiet;
  bucket_init(&relay->admission, options->admit_rate, net_loop_now_ms(loop));
  (void)net_random(&relay->address_seed, sizeof relay->address_seed);
  fill_settings(relay);
  const enum relay_start result = start(relay, detail);
  if (result == RELAY_STARTED)
    *made = relay;
  else
    free_relay(relay);
  return result;
}

const char *relay_address(const struct relay *relay) {
  return relay->address;
}

/* ---- reloading ---- */

static bool is_revoked(const struct relay *relay, const struct member *member) {
  const struct token *token = member->has_token ? tokens_find(relay->tokens, member->digest) : NULL;
  return !token || (member->room && (!token_may_be(token, member->user_id) ||
                                     !token_may_use(token, member->room->id)));
}

static void close_revoked(struct relay *relay) {
  for (struct member *member = relay->members; member; member = member->next)
    if (!member->is_closing && is_revoked(relay, member))
      member_close(member, 1008, "the token is no longer valid", END_REVOKED);
}

static void log_kept(struct relay *relay, const char *what, const char *detail) {
  char quoted[LOG_VALUE_CAP];
  log_line(&relay->log, LOG_ERROR, "reload_failed", "kept=%s detail=%s", what,
           log_value(detail, quoted));
}

static void reload_tokens(struct relay *relay) {
  char detail[TOKENS_DETAIL_CAP];
  struct tokens *tokens = tokens_read(relay->options->token_file, detail);
  if (!tokens) {
    log_kept(relay, "tokens", detail);
    return;
  }
  tokens_free(relay->tokens);
  relay->tokens = tokens;
  log_line(&relay->log, LOG_INFO, "reloaded", "tokens=%zu", tokens_count(tokens));
  close_revoked(relay);
}

/* Connections keep the context that they began with. */
static void reload_certificates(struct relay *relay) {
  char detail[TLS_DETAIL_CAP];
  struct tls_context *context;
  if (read_certificates(relay, &context, detail) != TLS_MADE) {
    log_kept(relay, "certificate", detail);
    return;
  }
  tls_context_release(relay->http_settings.tls);
  relay->http_settings.tls = context;
  log_line(&relay->log, LOG_INFO, "reloaded", "certificate=new");
}

void relay_reload(struct relay *relay) {
  if (relay->options->token_file)
    reload_tokens(relay);
  if (relay->options->tls_cert)
    reload_certificates(relay);
}

/* ---- stopping ---- */

static void finish(struct relay *relay, bool is_clean) {
  void (*stopped)(void *user, bool is_clean) = relay->stopped;
  void *user = relay->stopped_user;
  log_line(&relay->log, is_clean ? LOG_INFO : LOG_ERROR, "stopped", "clean=%s",
           is_clean ? "yes" : "no");
  free_relay(relay);
  stopped(user, is_clean);
}

static void on_store_closed(void *user) {
  finish(user, true);
}

static bool is_late(const struct relay *relay) {
  return net_loop_now_ms(relay->loop) >= relay->stop_at_ms;
}

static void close_members(struct relay *relay) {
  for (struct member *member = relay->members; member; member = member->next)
    member_close(member, 1012, "the relay is restarting", END_RESTART);
}

static void drop_members(struct relay *relay) {
  while (relay->members)
    member_drop(relay->members, END_RESTART);
}

/* What was read is stored and acknowledged before anybody is told to go. */
static bool is_settled(const struct relay *relay) {
  return relay->metrics.queue_depth == 0 && relay->reads_count == 0;
}

static void close_store(struct relay *relay) {
  drop_members(relay);
  relay->is_store_closing = true;
  relay->stop_at_ms = net_loop_now_ms(relay->loop) + STOP_MS;
  store_close(relay->store, on_store_closed, relay);
}

/* Steps of the end, looked at again and again until the last one is done. */
static void go_on_stopping(struct relay *relay) {
  if (relay->is_store_closing) {
    if (is_late(relay)) {
      finish(relay, false);
      return;
    }
  } else if (is_late(relay)) {
    close_store(relay);
  } else if (is_settled(relay)) {
    close_members(relay);
    if (!relay->members && http_server_count(relay->http) == 0)
      close_store(relay);
  }
  (void)net_timer_set(relay->loop, &relay->stop_timer, net_loop_now_ms(relay->loop) + STOP_TICK_MS);
}

static void on_stop_tick(struct net_timer *timer) {
  go_on_stopping((struct relay *)((char *)timer - offsetof(struct relay, stop_timer)));
}

void relay_stop(struct relay *relay, void (*stopped)(void *user, bool is_clean), void *user) {
  assert(!relay->is_stopping);
  relay->is_stopping = true;
  relay->stopped = stopped;
  relay->stopped_user = user;
  relay->stop_at_ms = net_loop_now_ms(relay->loop) + STOP_MS;
  relay->stop_timer.fire = on_stop_tick;
  log_line(&relay->log, LOG_INFO, "stopping", "connections=%llu",
           (unsigned long long)relay->metrics.connections);
  http_server_stop(relay->http);
  for (struct member *member = relay->members; member; member = member->next)
    member_stop_reading(member);
  go_on_stopping(relay);
}
