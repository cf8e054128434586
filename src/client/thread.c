/* A client with a loop and a thread of its own. */
#include "internal.h"

#include "uv_open.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct client_thread {
  pthread_t thread;
  uv_async_t alive; /* keeps the loop running while the client lives, idle or not */
  struct memory memory;
  bool is_detached; /* stopped by itself: nobody joins */
  /* while starting */
  const limpet_options *options;
  uv_sem_t started;
  limpet_client *client;
  limpet_result result;
  char detail[LIMPET_DETAIL_CAP];
};

bool client_is_own_thread(const struct limpet_client *client) {
  return net_loop_is_own_thread(client->loop);
}

static void forget(struct client_thread *t) {
  const struct memory memory = t->memory;
  memory_free(&memory, t);
}

static void fail(struct client_thread *t, const char *what) {
  t->result = LIMPET_SYSTEM;
  (void)snprintf(t->detail, sizeof t->detail, "%s", what);
}

void client_thread_release(struct client_thread *thread) {
  uv_close((uv_handle_t *)&thread->alive, NULL);
}

static void start(struct client_thread *t, uv_loop_t *loop) {
  if (uv_async_init(loop, &t->alive, NULL) != 0) {
    fail(t, "no descriptors for an event loop");
    return;
  }
  t->result = client_make(t->options, loop, t, &t->client, t->detail);
  if (t->result != LIMPET_OK)
    client_thread_release(t);
}

/* Runs until the client is freed and the loop's last handle has closed. A thread that failed to
   start, or that another thread stops, is forgotten by the one that joins it. */
static void *run(void *argument) {
  struct client_thread *t = argument;
  uv_loop_t loop;
  const bool has_loop = net_uv_open(&loop) == 0;
  if (has_loop)
    start(t, &loop);
  else
    fail(t, "no descriptors for an event loop");
  uv_sem_post(&t->started);
  if (has_loop) {
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }
  if (t->is_detached)
    forget(t);
  return NULL;
}

limpet_result client_thread_start(const limpet_options *options, limpet_client **client,
                                  char *detail) {
  const limpet_allocator *a = &options->allocator;
  const struct memory memory =
      a->alloc ? (struct memory){a->alloc, a->realloc, a->free, a->context} : memory_default;
  struct client_thread *t = memory_alloc_zeroed(&memory, sizeof *t);
  if (!t)
    return LIMPET_NO_MEMORY;
  t->memory = memory;
  t->options = options;
  if (uv_sem_init(&t->started, 0) != 0 || pthread_create(&t->thread, NULL, run, t) != 0) {
    (void)snprintf(detail, LIMPET_DETAIL_CAP, "no thread could be started");
    forget(t);
    return LIMPET_SYSTEM;
  }
  uv_sem_wait(&t->started);
  uv_sem_destroy(&t->started);
  const limpet_result result = t->result;
  *client = t->client;
  if (result != LIMPET_OK) {
    memcpy(detail, t->detail, sizeof t->detail);
    client_thread_join(t);
  }
  return result;
}

void client_thread_will_stop(struct client_thread *thread, bool by_itself) {
  thread->is_detached = by_itself;
  if (by_itself)
    pthread_detach(thread->thread);
}

void client_thread_join(struct client_thread *thread) {
  pthread_join(thread->thread, NULL);
  forget(thread);
}
