/* Wishes: carried out at once on the loop's thread; from elsewhere queued for it. */
#include "durable.h"
#include "endpoints.h"
#include "network.h"

/* It rests, or will: a connect that was to follow must not. */
static bool is_at_an_end(const struct limpet_client *client) {
  const struct session *session = &client->session;
  return session_get_state(session) == STATE_CLOSED || !session_takes_messages(session);
}

/* First the disk: when it has finished, the session is told. From the mark on other threads are
   refused; what they handed in until then is told of before CLOSED. */
static void start_stop(struct limpet_client *client, uint32_t deadline_ms) {
  client_lock(client);
  client->is_stopping = true;
  client->stop_at_ms = client_now_ms(client) + deadline_ms;
  if (durable_is_closed(client) || is_at_an_end(client))
    session_disconnect(&client->session, client_now_ms(client));
  client_unlock(client);
  durable_close(client);
  client_take_inbox(client);
}

static void run_input(struct limpet_client *client, enum command_kind kind) {
  static void (*const inputs[])(struct session *, uint64_t) = {
      [COMMAND_CONNECT] = session_connect, [COMMAND_DISCONNECT] = session_disconnect,
      [COMMAND_READY] = session_ready,     [COMMAND_HEALTHY] = session_healthy,
      [COMMAND_ASK] = session_ask,         [COMMAND_PROBE] = session_probe,
      [COMMAND_CLEAR] = session_clear,
  };
  client_lock(client);
  inputs[kind](&client->session, client_now_ms(client));
  client_unlock(client);
}

/* No word of the network need have come while nobody wanted a link. */
static void run_connect(struct limpet_client *client) {
  network_join(client);
  network_look(client);
  run_input(client, COMMAND_CONNECT);
}

/* Between two actions too: the session keeps what it cannot do yet as a wish. */
static void run(struct limpet_client *client, const struct command *command) {
  if (command->kind == COMMAND_FLUSH) {
    flush_begin(client, command->flush);
  } else if (command->kind == COMMAND_PROVIDE) {
    provider_answered(client, command->provided);
  } else if (command->kind == COMMAND_PAUSE) {
    client_pause(client, command->is_paused);
  } else if (command->kind == COMMAND_HINT) {
    network_hint(client, command->network);
  } else if (client->is_stopping) {
    return; /* the rest is for those who stay */
  } else if (command->kind == COMMAND_CONNECT) {
    run_connect(client);
  } else {
    run_input(client, command->kind);
  }
}

/* The next command; `*stop`: none is left, and limpet_stop() was called. */
static struct command *pop(const struct limpet_client *client, struct outside *outside,
                           bool *stop) {
  client_lock(client);
  struct command *command = outside->commands;
  *stop = !command && outside->wants_stop && !client->is_stopping;
  if (command) {
    outside->commands = command->next;
    if (!outside->commands)
      outside->commands_end = &outside->commands;
  }
  client_unlock(client);
  return command;
}

/* What was sent before a command was given is taken before it. */
bool client_run_command(struct limpet_client *client) {
  struct outside *outside = atomic_load_explicit(&client->outside, memory_order_acquire);
  bool stop = false;
  struct command *command = outside ? pop(client, outside, &stop) : NULL;
  if (!command && !stop)
    return false;
  client_take_inbox(client);
  if (stop) {
    start_stop(client, outside->stop_deadline_ms);
    return true;
  }
  run(client, command);
  memory_free(client_memory(client), command);
  return true;
}

void client_end_commands(struct limpet_client *client) {
  struct outside *outside = atomic_load(&client->outside);
  bool stop;
  struct command *command;
  while (outside && (command = pop(client, outside, &stop))) {
    if (command->kind == COMMAND_FLUSH)
      flush_refuse(client, command->flush);
    if (command->kind == COMMAND_PROVIDE)
      memory_free(client_memory(client), command->provided);
    memory_free(client_memory(client), command);
  }
}

static void posted(struct net_task *task) {
  struct outside *outside = (struct outside *)((char *)task - offsetof(struct outside, task));
  struct limpet_client *client = outside->client;
  client_lock(client);
  outside->is_posted = false;
  client_unlock(client);
  client_take_inbox(client);
  client_settle(client);
}

static struct outside *make_outside(struct limpet_client *client) {
  struct outside *outside = memory_alloc_zeroed(client_memory(client), sizeof *outside);
  if (!outside)
    return NULL;
  outside->client = client;
  outside->task.run = posted;
  outside->commands_end = &outside->commands;
  outside->inbox_end = &outside->inbox;
  atomic_init(&outside->has_inbox, false);
  return outside;
}

/* Of two threads that are first at once, one wins and the other's is not needed. */
struct outside *client_outside(struct limpet_client *client) {
  struct outside *outside = atomic_load_explicit(&client->outside, memory_order_acquire);
  if (outside)
    return outside;
  struct outside *made = make_outside(client);
  if (!made || atomic_compare_exchange_strong(&client->outside, &outside, made))
    return made;
  memory_free(client_memory(client), made);
  return outside;
}

void client_free_outside(struct limpet_client *client) {
  struct outside *outside = atomic_load(&client->outside);
  if (!outside)
    return;
  client_drop_inbox(client);
  client_end_commands(client);
  durable_free(client);
  memory_free(client_memory(client), outside);
}

void client_post(struct outside *outside) {
  if (outside->is_posted)
    return;
  outside->is_posted = true;
  net_loop_post(outside->client->loop, &outside->task);
}

void client_wake(struct limpet_client *client) {
  client_lock(client);
  client_post(atomic_load(&client->outside));
  client_unlock(client);
}

static limpet_result enqueue(struct limpet_client *client, const struct command *command) {
  struct outside *outside = client_outside(client);
  struct command *copy = outside ? memory_alloc(client_memory(client), sizeof *copy) : NULL;
  if (!copy)
    return LIMPET_NO_MEMORY;
  *copy = *command;
  copy->next = NULL;
  client_lock(client);
  *outside->commands_end = copy;
  outside->commands_end = &copy->next;
  client_post(outside);
  client_unlock(client);
  return LIMPET_OK;
}

limpet_result client_command(struct limpet_client *client, struct command command) {
  if (!client_is_own_thread(client))
    return enqueue(client, &command);
  client_take_inbox(client);
  if (client->is_stopping && command.kind == COMMAND_FLUSH)
    return LIMPET_NOT_CONNECTED;
  run(client, &command);
  client_settle(client);
  return LIMPET_OK;
}

limpet_result limpet_connect(limpet_client *client) {
  return client_command(client, (struct command){.kind = COMMAND_CONNECT});
}

limpet_result limpet_disconnect(limpet_client *client) {
  return client_command(client, (struct command){.kind = COMMAND_DISCONNECT});
}

limpet_result limpet_ready(limpet_client *client) {
  return client_command(client, (struct command){.kind = COMMAND_READY});
}

limpet_result limpet_healthy(limpet_client *client) {
  return client_command(client, (struct command){.kind = COMMAND_HEALTHY});
}

limpet_result limpet_ask(limpet_client *client) {
  return client_command(client, (struct command){.kind = COMMAND_ASK});
}

limpet_result limpet_probe(limpet_client *client) {
  return client_command(client, (struct command){.kind = COMMAND_PROBE});
}

limpet_result limpet_pause(limpet_client *client, bool is_paused) {
  return client_command(client, (struct command){.kind = COMMAND_PAUSE, .is_paused = is_paused});
}

limpet_result limpet_network_hint(limpet_client *client, limpet_network_state state) {
  if ((unsigned)state > LIMPET_NETWORK_CHANGED)
    return LIMPET_INVALID_ARGUMENT;
  return client_command(client, (struct command){.kind = COMMAND_HINT, .network = state});
}

limpet_result limpet_queue_clear(limpet_client *client) {
  return client_command(client, (struct command){.kind = COMMAND_CLEAR});
}

static void stop_here(struct limpet_client *client, uint32_t deadline_ms) {
  client_take_inbox(client);
  start_stop(client, deadline_ms);
  client_settle(client);
}

/* Needs no memory: the wish is a mark that settling finds behind all commands. */
static void stop_from_outside(struct limpet_client *client, uint32_t deadline_ms) {
  struct outside *outside = atomic_load(&client->outside);
  client_lock(client);
  outside->stop_deadline_ms = deadline_ms;
  outside->wants_stop = true;
  client_post(outside);
  client_unlock(client);
}

void limpet_stop(limpet_client *client, uint32_t deadline_ms) {
  const struct outside *outside = atomic_load(&client->outside);
  struct client_thread *thread = outside ? outside->thread : NULL;
  const bool is_own = client_is_own_thread(client);
  if (thread)
    client_thread_will_stop(thread, is_own);
  if (is_own)
    stop_here(client, deadline_ms);
  else
    stop_from_outside(client, deadline_ms);
  if (thread && !is_own)
    client_thread_join(thread);
}
