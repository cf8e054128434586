/* Configurations shared by the clients of a loop. */
#include "settings.h"

#include "block.h"
#include "options.h"

#include <stdio.h>
#include <string.h>

/* How many configurations of a loop are compared with a new one: enough for programs that mean to
   share, a bound for those that make each client different. */
#define SETTINGS_COMPARED_MAX 16

static struct settings *all;
static uv_mutex_t all_mutex;
static uv_once_t all_once = UV_ONCE_INIT;

static void init_mutex(void) {
  uv_mutex_init(&all_mutex);
}

/* ---- equality ---- */

static bool same_text(const char *a, const char *b) {
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_list(const char *const *a, const char *const *b) {
  static const char *const none[] = {NULL};
  a = a ? a : none;
  b = b ? b : none;
  size_t i = 0;
  while (a[i] && b[i] && strcmp(a[i], b[i]) == 0)
    i++;
  return a[i] == b[i];
}

/* A copy whose members can be compared byte by byte: what points to strings is blanked. The URL is
   kept by each client, and `user` is its own. */
static void blank_pointers(limpet_options *out, const limpet_options *in) {
  memcpy(out, in, sizeof *out);
  out->url = NULL;
  out->origin = out->tls_ca_file = out->tls_cert_file = out->tls_key_file = NULL;
  out->headers = out->subprotocols = out->fallbacks = NULL;
  out->proxy = NULL;
  out->outbox = NULL; /* each client's own */
  out->user = NULL;
}

static bool same_options(const limpet_options *a, const limpet_options *b) {
  limpet_options plain_a, plain_b;
  blank_pointers(&plain_a, a);
  blank_pointers(&plain_b, b);
  // Padding may differ without need: then two clients do not share, and that is all.
  // NOLINTNEXTLINE(bugprone-suspicious-memory-comparison)
  return memcmp(&plain_a, &plain_b, sizeof plain_a) == 0 && same_text(a->origin, b->origin) &&
         same_text(a->tls_ca_file, b->tls_ca_file) &&
         same_text(a->tls_cert_file, b->tls_cert_file) &&
         same_text(a->tls_key_file, b->tls_key_file) && same_list(a->headers, b->headers) &&
         same_list(a->subprotocols, b->subprotocols) && same_list(a->fallbacks, b->fallbacks) &&
         same_text(a->proxy, b->proxy);
}

/* The environment may have changed since another client read it. */
static bool same_proxies(const struct proxies *a, const struct proxies *b) {
  return same_text(a->for_ws, b->for_ws) && same_text(a->for_wss, b->for_wss) &&
         same_text(a->exempt, b->exempt);
}

/* ---- deep copy ---- */

static void copy_strings(struct block *block, limpet_options *o, struct proxies *p) {
  block_text(block, &o->url);
  block_text(block, &o->origin);
  block_text(block, &o->tls_ca_file);
  block_text(block, &o->tls_cert_file);
  block_text(block, &o->tls_key_file);
  block_list(block, &o->headers);
  block_list(block, &o->subprotocols);
  block_list(block, &o->fallbacks);
  block_text(block, &o->proxy);
  block_text(block, &p->for_ws);
  block_text(block, &p->for_wss);
  block_text(block, &p->exempt);
  p->given = o->proxy;
}

static bool adopt_strings(struct settings *s) {
  struct block block = {NULL, 0};
  limpet_options measured = s->options;
  struct proxies measured_proxies = s->proxies;
  copy_strings(&block, &measured, &measured_proxies);
  s->strings = memory_alloc(&s->memory, block.used);
  if (!s->strings)
    return false;
  block = (struct block){s->strings, 0};
  copy_strings(&block, &s->options, &s->proxies);
  return true;
}

/* ---- the forms that session and link want ---- */

static void fill_session(struct settings *s) {
  const limpet_options *o = &s->options;
  s->session = (struct session_config){
      .stable_after_ms = o->stable_after_ms,
      .reconnect_on_normal_close = o->reconnect_on_normal_close,
      .dialect = (enum heartbeat_dialect)o->heartbeat,
      .heartbeat_interval_ms = o->heartbeat_interval_ms,
      .heartbeat_timeout_ms = o->heartbeat_timeout_ms,
      .probe_timeout_ms = o->probe_timeout_ms,
      .connect_timeout_ms = o->connect_timeout_ms,
      .close_timeout_ms = o->close_timeout_ms,
      .hold_until_ready = o->hold_until_ready,
      .ready_timeout_ms = o->ready_timeout_ms,
      .confirm = (enum session_confirm)o->confirm,
      .in_flight = o->in_flight,
      .ack_timeout_ms = o->ack_timeout_ms,
      .queue_limit = o->queue_limit,
      .queue_limit_bytes = o->queue_limit_bytes,
      .report_fates = o->callbacks.on_fate != NULL,
  };
  options_backoff(o, &s->session.backoff);
}

static void fill_link(struct settings *s) {
  const limpet_options *o = &s->options;
  s->link = (struct link_settings){
      .connect_timeout_ms = o->connect_timeout_ms,
      .happy_eyeballs_delay_ms = o->happy_eyeballs_delay_ms,
      .close_timeout_ms = o->close_timeout_ms,
      .write_stall_ms = o->heartbeat_timeout_ms,
      .max_message = o->max_message,
      .max_handshake = o->max_handshake,
      .high_water = o->high_water,
      .busy_poll_us = o->busy_poll_us,
      .origin = o->origin,
      .headers = o->headers,
      .subprotocols = o->subprotocols,
      .compress = o->compress,
      .deflate = {.server_no_context_takeover = o->compress_no_context_takeover,
                  .client_no_context_takeover = o->compress_no_context_takeover,
                  .server_max_window_bits = o->compress_window_bits,
                  .client_max_window_bits = o->compress_window_bits},
      .proxies = &s->proxies,
  };
}

static bool wants_tls(const struct settings *s, const char *url) {
  const limpet_options *o = &s->options;
  struct url parsed;
  const char *why;
  return o->tls_ca_file || o->tls_cert_file ||
         (url_parse(&parsed, url, strlen(url), &why) && parsed.scheme == URL_WSS);
}

static limpet_result result_of(enum tls_made made) {
  switch (made) {
  case TLS_MADE:
    return LIMPET_OK;
  case TLS_NO_MEMORY:
    return LIMPET_NO_MEMORY;
  case TLS_NO_DESCRIPTORS:
    return LIMPET_SYSTEM;
  default:
    return LIMPET_INVALID_ARGUMENT;
  }
}

/* Reading the system's trust store takes tens of milliseconds, so only those who need it pay. */
bool settings_prepare(struct settings *s, const char *url, char *detail, limpet_result *result) {
  if (s->link.tls || !wants_tls(s, url))
    return true;
  const struct tls_options tls = {
      .ca_file = s->options.tls_ca_file,
      .cert_file = s->options.tls_cert_file,
      .key_file = s->options.tls_key_file,
      .insecure = s->options.tls_insecure,
  };
  const enum tls_made made = tls_context_new(&s->memory, &tls, &s->link.tls, detail);
  *result = result_of(made);
  return made == TLS_MADE;
}

bool settings_check_proxy(const struct settings *s, const char *url, char *detail) {
  struct url target;
  struct proxy proxy;
  const char *why;
  char error[PROXIES_ERROR_CAP];
  if (!url_parse(&target, url, strlen(url), &why) ||
      proxies_choose(&s->proxies, &target, &proxy, error) != PROXIES_BAD)
    return true;
  (void)snprintf(detail, LIMPET_DETAIL_CAP, "%s", error);
  return false;
}

/* ---- sharing ---- */

static void free_settings(struct settings *s) {
  const struct memory memory = s->memory;
  if (s->link.tls)
    tls_context_release(s->link.tls);
  memory_free(&memory, s->strings);
  memory_free(&memory, s);
}

static struct settings *make(struct net_loop *loop, const struct memory *memory,
                             const limpet_options *options, const struct proxies *proxies) {
  struct settings *s = memory_alloc_zeroed(memory, sizeof *s);
  if (!s)
    return NULL;
  s->loop = loop;
  s->references = 1;
  s->memory = *memory;
  s->options = *options;
  s->options.outbox = NULL; /* opened once, by the client */
  s->proxies = *proxies;
  if (!adopt_strings(s)) {
    memory_free(memory, s);
    return NULL;
  }
  fill_session(s);
  fill_link(s);
  return s;
}

static struct settings *find(struct net_loop *loop, const limpet_options *options,
                             const struct proxies *proxies) {
  int compared = 0;
  for (struct settings *s = all; s && compared < SETTINGS_COMPARED_MAX; s = s->next) {
    if (s->loop != loop)
      continue;
    compared++;
    if (same_options(&s->options, options) && same_proxies(&s->proxies, proxies))
      return s;
  }
  return NULL;
}

struct settings *settings_acquire(struct net_loop *loop, const struct memory *memory,
                                  const limpet_options *options) {
  struct proxies proxies = {.given = NULL};
  if (options->proxy_from_environment)
    proxies_read_environment(&proxies);
  uv_once(&all_once, init_mutex);
  uv_mutex_lock(&all_mutex);
  struct settings *s = find(loop, options, &proxies);
  if (s) {
    s->references++;
  } else if ((s = make(loop, memory, options, &proxies))) {
    s->next = all;
    all = s;
  }
  uv_mutex_unlock(&all_mutex);
  return s;
}

void settings_release(struct settings *settings) {
  uv_mutex_lock(&all_mutex);
  const bool is_last = --settings->references == 0;
  if (is_last) {
    struct settings **at = &all;
    while (*at != settings)
      at = &(*at)->next;
    *at = settings->next;
  }
  uv_mutex_unlock(&all_mutex);
  if (is_last)
    free_settings(settings);
}
