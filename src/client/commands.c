/* Wishes: carried out at once on the loop's thread; from elsewhere queued for it. */
#include "internal.h"

static void start_stop(struct limpet_client *client) {
  const uint64_t at_ms = client_now_ms(client) + client->stop_deadline_ms;
  client_lock(client);
  client->is_stopping = true;
  session_disconnect(&client->session, client_now_ms(client));
  client_unlock(client);
  if (!net_timer_set(client->loop, &client->stop_timer, at_ms))
    client_stop_timer(&client->stop_timer);
}

/* Between two actions too: the session keeps what it cannot do yet as a wish. */
static void run(struct limpet_client *client, const struct command *command) {
  static void (*const inputs[])(struct session *, uint64_t) = {
      [COMMAND_CONNECT] = session_connect, [COMMAND_DISCONNECT] = session_disconnect,
      [COMMAND_READY] = session_ready,     [COMMAND_HEALTHY] = session_healthy,
      [COMMAND_PROBE] = session_probe,     [COMMAND_CLEAR] = session_clear,
  };
  if (command->kind == COMMAND_FLUSH) {
    flush_begin(client, command->flush);
  } else if (!client->is_stopping) {
    client_lock(client);
    inputs[command->kind](&client->session, client_now_ms(client));
    client_unlock(client);
  }
}

/* The next command; `*stop`: none is left, and limpet_stop() was called. */
static struct command *pop(struct limpet_client *client, bool *stop) {
  client_lock(client);
  struct command *command = client->commands;
  *stop = !command && client->wants_stop && !client->is_stopping;
  if (command) {
    client->commands = command->next;
    if (!client->commands)
      client->commands_end = &client->commands;
  }
  client_unlock(client);
  return command;
}

/* What was sent before a command was given is taken before it. */
bool client_run_command(struct limpet_client *client) {
  bool stop;
  struct command *command = pop(client, &stop);
  if (!command && !stop)
    return false;
  client_take_inbox(client);
  if (stop) {
    start_stop(client);
    return true;
  }
  run(client, command);
  memory_free(client_memory(client), command);
  return true;
}

void client_end_commands(struct limpet_client *client) {
  bool stop;
  struct command *command;
  while ((command = pop(client, &stop))) {
    if (command->kind == COMMAND_FLUSH)
      flush_refuse(client, command->flush);
    memory_free(client_memory(client), command);
  }
}

void client_posted(struct net_task *task) {
  struct limpet_client *client =
      (struct limpet_client *)((char *)task - offsetof(struct limpet_client, task));
  client_lock(client);
  client->is_posted = false;
  client_unlock(client);
  client_take_inbox(client);
  client_settle(client);
}

/* Under client_lock(). */
void client_post(struct limpet_client *client) {
  if (client->is_posted)
    return;
  client->is_posted = true;
  net_loop_post(client->loop, &client->task);
}

static limpet_result enqueue(struct limpet_client *client, const struct command *command) {
  struct command *copy = memory_alloc(client_memory(client), sizeof *copy);
  if (!copy)
    return LIMPET_NO_MEMORY;
  *copy = *command;
  copy->next = NULL;
  client_lock(client);
  *client->commands_end = copy;
  client->commands_end = &copy->next;
  client_post(client);
  client_unlock(client);
  return LIMPET_OK;
}

limpet_result client_command(struct limpet_client *client, struct command command) {
  if (!client_is_own_thread(client))
    return enqueue(client, &command);
  client_take_inbox(client);
  if (client->is_stopping)
    return command.kind == COMMAND_FLUSH ? LIMPET_NOT_CONNECTED : LIMPET_OK;
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

limpet_result limpet_probe(limpet_client *client) {
  return client_command(client, (struct command){.kind = COMMAND_PROBE});
}

limpet_result limpet_queue_clear(limpet_client *client) {
  return client_command(client, (struct command){.kind = COMMAND_CLEAR});
}

static void stop_here(struct limpet_client *client, uint32_t deadline_ms) {
  client_take_inbox(client);
  client_lock(client);
  client->stop_deadline_ms = deadline_ms;
  client->wants_stop = true;
  client_unlock(client);
  start_stop(client);
  client_settle(client);
}

/* Needs no memory: the wish is a mark that settling finds behind all commands. */
static void stop_from_outside(struct limpet_client *client, uint32_t deadline_ms) {
  client_lock(client);
  client->stop_deadline_ms = deadline_ms;
  client->wants_stop = true;
  client_post(client);
  client_unlock(client);
}

void limpet_stop(limpet_client *client, uint32_t deadline_ms) {
  struct client_thread *thread = client->thread;
  const bool is_own = client_is_own_thread(client);
  if (thread)
    thread_will_stop(thread, is_own);
  if (is_own)
    stop_here(client, deadline_ms);
  else
    stop_from_outside(client, deadline_ms);
  if (thread && !is_own)
    thread_join(thread);
}
