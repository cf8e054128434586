#include "demo_relay.h"

#include <limpet/limpet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The first line is the address. */
static void on_line(void *user, const char *line) {
  struct demo_relay *relay = user;
  const char *address = strstr(line, "//");
  if (relay->is_ready || !address)
    return;
  (void)snprintf(relay->address, sizeof relay->address, "%s", address + 2);
  relay->is_ready = true;
  relay->ready(relay->user);
}

/* What it logs is its own affair. */
static void on_log(void *user, const char *line) {
  (void)user;
  (void)line;
}

static void on_exited(void *user, int status) {
  struct demo_relay *relay = user;
  (void)status;
  relay->child = NULL;
  relay->ended_ms = limpet_now_ms();
  relay->is_ready = false;
}

bool demo_relay_start(struct demo_relay *relay) {
  if (!relay->address[0])
    (void)snprintf(relay->address, sizeof relay->address, "127.0.0.1:0");
  const char *const arguments[] = {"serve",    "--listen",   relay->address,
                                   "--store",  relay->store, relay->web ? "--web" : NULL,
                                   relay->web, NULL};
  const struct demo_child_events events = {
      .out = on_line, .err = on_log, .exited = on_exited, .user = relay};
  relay->child = demo_child_start(relay->loop, arguments, &events);
  return relay->child != NULL;
}

void demo_relay_kill(struct demo_relay *relay) {
  relay->is_ready = false;
  if (relay->child)
    demo_child_kill(relay->child, SIGKILL);
}

void demo_relay_end(struct demo_relay *relay) {
  if (relay->child)
    demo_child_kill(relay->child, SIGTERM);
}

uint16_t demo_relay_port(const struct demo_relay *relay) {
  const char *colon = strrchr(relay->address, ':');
  return (uint16_t)strtoul(colon ? colon + 1 : "0", NULL, 10);
}
