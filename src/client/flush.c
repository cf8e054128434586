/* limpet_flush(): waiting until what was accepted so far is out, confirmed or dropped. */
#include "durable.h"

struct flush {
  struct flush *next;
  struct limpet_client *client;
  struct net_timer deadline;
  limpet_flush_callback *callback; /* NULL: a thread waits at `done` */
  void *user;
  uv_sem_t done;
  limpet_result result;
  uint32_t deadline_ms;
  uint64_t last_id;    /* above all messages accepted before */
  uint32_t epoch;      /* direct messages: on which link ... */
  uint64_t stream_end; /* ... and where they end in its stream */
};

static void finish(struct limpet_client *client, struct flush *flush, limpet_result result) {
  if (!flush->callback) {
    flush->result = result;
    uv_sem_post(&flush->done); /* the waiting thread owns it from here on */
    return;
  }
  limpet_flush_callback *callback = flush->callback;
  void *user = flush->user;
  memory_free(client_memory(client), flush);
  callback(client, result, user);
}

static struct flush *first_of(const struct limpet_client *client) {
  const struct outside *outside = atomic_load_explicit(&client->outside, memory_order_acquire);
  return outside ? outside->flushes : NULL;
}

static void end(struct limpet_client *client, struct flush *flush, limpet_result result) {
  struct flush **at = &atomic_load(&client->outside)->flushes;
  while (*at != flush)
    at = &(*at)->next;
  *at = flush->next;
  net_timer_unset(client->loop, &flush->deadline);
  finish(client, flush, result);
}

void flush_refuse(struct limpet_client *client, struct flush *flush) {
  finish(client, flush, LIMPET_NOT_CONNECTED);
}

static void on_deadline(struct net_timer *timer) {
  struct flush *flush = (struct flush *)((char *)timer - offsetof(struct flush, deadline));
  end(flush->client, flush, LIMPET_TIMED_OUT);
}

static bool is_done(const struct limpet_client *client, const struct flush *flush) {
  const uint64_t oldest = session_oldest_id(&client->session);
  if (oldest != UINT64_MAX && oldest <= flush->last_id)
    return false;
  if (durable_oldest(client) <= flush->last_id)
    return false;
  return !client->link || client->epoch != flush->epoch ||
         link_stream_sent(client->link) >= flush->stream_end;
}

void flush_begin(struct limpet_client *client, struct flush *flush) {
  struct outside *outside = client->is_stopping ? NULL : client_outside(client);
  if (!outside) {
    finish(client, flush, client->is_stopping ? LIMPET_NOT_CONNECTED : LIMPET_NO_MEMORY);
    return;
  }
  flush->last_id = client_fresh_id(client);
  flush->epoch = client->epoch;
  if (client->link)
    flush->stream_end = link_stream_sent(client->link) + link_buffered(client->link);
  struct flush **at = &outside->flushes;
  while (*at)
    at = &(*at)->next;
  *at = flush;
  flush->deadline.fire = on_deadline;
  if (!net_timer_set(client->loop, &flush->deadline, client_now_ms(client) + flush->deadline_ms))
    end(client, flush, LIMPET_NO_MEMORY);
}

/* A callback may begin another flush or end the client: each look starts afresh. */
static struct flush *find_done(const struct limpet_client *client) {
  struct flush *flush = first_of(client);
  while (flush && !is_done(client, flush))
    flush = flush->next;
  return flush;
}

void flush_judge(struct limpet_client *client) {
  struct flush *flush;
  while ((flush = find_done(client)))
    end(client, flush, LIMPET_OK);
}

/* Those that a callback begins meanwhile wait behind them. */
void flush_end_all(struct limpet_client *client, limpet_result result) {
  size_t count = 0;
  for (const struct flush *flush = first_of(client); flush; flush = flush->next)
    count++;
  for (; count > 0; count--)
    end(client, first_of(client), result);
}

void flush_shift(struct limpet_client *client, uint64_t stream_at, uint64_t len) {
  for (struct flush *flush = first_of(client); flush; flush = flush->next)
    if (flush->epoch == client->epoch && flush->stream_end > stream_at)
      flush->stream_end += len;
}

static limpet_result wait_for(struct limpet_client *client, uint32_t deadline_ms) {
  struct flush flush = {.client = client, .deadline_ms = deadline_ms};
  if (client_is_own_thread(client))
    return LIMPET_WRONG_THREAD;
  if (uv_sem_init(&flush.done, 0) != 0)
    return LIMPET_NO_MEMORY;
  limpet_result result =
      client_command(client, (struct command){.kind = COMMAND_FLUSH, .flush = &flush});
  if (result == LIMPET_OK) {
    uv_sem_wait(&flush.done);
    result = flush.result;
  }
  uv_sem_destroy(&flush.done);
  return result;
}

limpet_result limpet_flush(limpet_client *client, uint32_t deadline_ms,
                           limpet_flush_callback *callback, void *user) {
  if (!callback)
    return wait_for(client, deadline_ms);
  struct flush *flush = memory_alloc_zeroed(client_memory(client), sizeof *flush);
  if (!flush)
    return LIMPET_NO_MEMORY;
  flush->client = client;
  flush->callback = callback;
  flush->user = user;
  flush->deadline_ms = deadline_ms;
  const limpet_result result =
      client_command(client, (struct command){.kind = COMMAND_FLUSH, .flush = flush});
  if (result != LIMPET_OK)
    memory_free(client_memory(client), flush);
  return result;
}
