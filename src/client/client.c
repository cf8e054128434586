/* Making and freeing clients. */
#include "internal.h"

#include "durable.h"
#include "endpoints.h"
#include "network.h"
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Locks are shared by address, so that an idle client need not own one. A lock is held for a few
   instructions only and never while another is taken. */
#define LOCKS_COUNT 64

static uv_mutex_t locks[LOCKS_COUNT];
static uv_once_t locks_once = UV_ONCE_INIT;

static void init_locks(void) {
  for (int i = 0; i < LOCKS_COUNT; i++)
    uv_mutex_init(&locks[i]);
}

static uv_mutex_t *lock_of(const struct limpet_client *client) {
  return &locks[((uintptr_t)client >> 6) * 0x9E3779B1u % LOCKS_COUNT];
}

void client_lock(const struct limpet_client *client) {
  uv_mutex_lock(lock_of(client));
}

void client_unlock(const struct limpet_client *client) {
  uv_mutex_unlock(lock_of(client));
}

const struct memory *client_memory(const struct limpet_client *client) {
  return &client->settings->memory;
}

const struct limpet_callbacks *client_callbacks(const struct limpet_client *client) {
  return &client->settings->options.callbacks;
}

/* A line comes between two steps of ours, and the second must find what the first has left: what
   the application asks for inside it is carried out when we settle, as we do after every input. */
static void hand_out_line(struct limpet_client *client, limpet_log_level level, const char *line) {
  const bool was_settling = client->is_settling;
  client->is_settling = true;
  client_callbacks(client)->on_log(client, level, line, client->user);
  client->is_settling = was_settling;
}

void client_log(struct limpet_client *client, limpet_log_level level, const char *format, ...) {
  char line[512];
  va_list arguments;
  if (!client_callbacks(client)->on_log)
    return;
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  hand_out_line(client, level, line);
}

static struct memory memory_of(const limpet_options *options) {
  const limpet_allocator *a = &options->allocator;
  return a->alloc ? (struct memory){a->alloc, a->realloc, a->free, a->context} : memory_default;
}

static void init_parts(struct limpet_client *client, const limpet_options *options, uint64_t seed) {
  client->user = options->user;
  client->timer.fire = client_timer;
  client->stop_at_ms = SESSION_NEVER;
  client->turn_end.run = client_turn_end;
  atomic_init(&client->next_id, 1);
  atomic_init(&client->buffered, 0);
  atomic_init(&client->outside, NULL);
  atomic_init(&client->has_handlers, false);
  memcpy(client->tag, &seed, sizeof client->tag);
  session_init(&client->session, &client->settings->session, seed);
}

/* Clients of one address share its text with their settings. NULL: no memory. */
static const char *take_url(const struct limpet_client *client, const char *url) {
  const char *shared = client->settings->options.url;
  return strcmp(shared, url) == 0 ? shared : memory_strdup(client_memory(client), url);
}

static void drop_url(const struct limpet_client *client, const char *url) {
  if (url != client->settings->options.url)
    memory_free(client_memory(client), (void *)(uintptr_t)url);
}

/* A client on a thread of its own is spoken to from outside only, and stopping must not need
 * memory. */
static bool adopt_thread(struct limpet_client *client, struct client_thread *thread) {
  struct outside *outside = client_outside(client);
  if (outside)
    outside->thread = thread;
  return outside != NULL;
}

static bool prepare_for(struct settings *settings, const char *url, char *detail,
                        limpet_result *result) {
  if (settings_check_proxy(settings, url, detail))
    return settings_prepare(settings, url, detail, result);
  *result = LIMPET_INVALID_ARGUMENT;
  return false;
}

/* A trust store or a proxy that cannot be used is told at once, not at the first dial. */
static bool prepare_settings(struct limpet_client *client, char *detail, limpet_result *result) {
  struct settings *settings = client->settings;
  const char *const *url = settings->options.fallbacks;
  bool is_ready = prepare_for(settings, client->url, detail, result);
  for (; is_ready && url && *url; url++)
    is_ready = prepare_for(settings, *url, detail, result);
  return is_ready;
}

static limpet_result open_parts(struct limpet_client *client, const limpet_options *options,
                                struct client_thread *thread, char *detail) {
  if (!endpoints_make(client, options) || (thread && !adopt_thread(client, thread)))
    return LIMPET_NO_MEMORY;
  network_open(client);
  return durable_open(client, options, detail);
}

static limpet_result fill(struct limpet_client *client, const struct memory *memory,
                          const limpet_options *options, struct client_thread *thread,
                          char *detail) {
  limpet_result result = LIMPET_NO_MEMORY;
  uint64_t seed;
  client->settings = settings_acquire(client->loop, memory, options);
  if (!client->settings)
    return result;
  client->url = take_url(client, options->url);
  if (client->url && !net_random(&seed, sizeof seed)) {
    (void)snprintf(detail, LIMPET_DETAIL_CAP, "no random numbers from the system");
    result = LIMPET_SYSTEM;
  } else if (client->url && prepare_settings(client, detail, &result)) {
    init_parts(client, options, seed);
    result = open_parts(client, options, thread, detail);
    if (result == LIMPET_OK)
      return result;
    client_free_outside(client);
    network_close(client);
    endpoints_free(client);
  }
  drop_url(client, client->url);
  settings_release(client->settings);
  return result;
}

limpet_result client_make(const limpet_options *options, uv_loop_t *uv,
                          struct client_thread *thread, limpet_client **client, char *detail) {
  const struct memory memory = memory_of(options);
  int error = 0;
  struct net_loop *loop = net_loop_acquire(uv, &memory, &error);
  if (!loop) {
    (void)snprintf(detail, LIMPET_DETAIL_CAP, "the loop: %s", net_loop_error_text(error));
    return error == UV_ENOMEM ? LIMPET_NO_MEMORY : LIMPET_SYSTEM;
  }
  struct limpet_client *made = memory_alloc_zeroed(&memory, sizeof *made);
  limpet_result result = LIMPET_NO_MEMORY;
  if (made) {
    made->loop = loop;
    result = fill(made, &memory, options, thread, detail);
  }
  if (result == LIMPET_OK) {
    *client = made;
    return result;
  }
  memory_free(&memory, made);
  net_loop_release(loop);
  return result;
}

limpet_result limpet_new(const limpet_options *options, struct uv_loop_s *loop,
                         limpet_client **client, char *detail) {
  char unwanted[LIMPET_DETAIL_CAP];
  limpet_options full;
  uv_once(&locks_once, init_locks);
  detail = detail ? detail : unwanted;
  detail[0] = '\0';
  if (!options_check_size(options, detail))
    return LIMPET_INVALID_ARGUMENT;
  options_adopt(&full, options);
  if (!options_check(&full, detail))
    return LIMPET_INVALID_ARGUMENT;
  const limpet_result result = loop ? client_make(&full, loop, NULL, client, detail)
                                    : client_thread_start(&full, client, detail);
  if (result != LIMPET_OK && !detail[0])
    (void)snprintf(detail, LIMPET_DETAIL_CAP, "%s", limpet_result_text(result));
  return result;
}

/* The session is empty by now: CLOSED gave all messages back. */
void client_free(struct limpet_client *client) {
  const struct memory memory = *client_memory(client);
  struct net_loop *loop = client->loop;
  const struct outside *outside = atomic_load(&client->outside);
  struct client_thread *thread = outside ? outside->thread : NULL;
  client_free_outside(client);
  net_timer_unset(loop, &client->timer);
  net_loop_cancel_turn_end(loop, &client->turn_end);
  handlers_free(client);
  network_close(client);
  endpoints_free(client);
  memory_free(&memory, client->last_end);
  drop_url(client, client->url);
  settings_release(client->settings);
  memory_free(&memory, client);
  net_loop_release(loop);
  if (thread)
    client_thread_release(thread);
}

void client_finish(struct limpet_client *client) {
  client->is_freed = true;
  net_timer_unset(client->loop, &client->timer);
  net_loop_at_turn_end(client->loop, &client->turn_end);
}

const char *limpet_url(limpet_client *client) {
  return endpoints_url(client);
}

limpet_result limpet_set_url(limpet_client *client, const char *url, char *detail) {
  char unwanted[LIMPET_DETAIL_CAP] = "";
  if (!options_check_url(url, detail ? detail : unwanted))
    return LIMPET_INVALID_ARGUMENT;
  const char *taken = take_url(client, url);
  if (!taken)
    return LIMPET_NO_MEMORY;
  client_lock(client);
  const char *old = client->url;
  client->url = taken;
  client_unlock(client);
  drop_url(client, old);
  return LIMPET_OK;
}

uint64_t limpet_now_ms(void) {
  return uv_hrtime() / 1000000;
}
