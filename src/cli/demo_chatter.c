#include "demo_chatter.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what it says of itself: `--events json` ---- */

static const char *text_of(const json_t *event, const char *name) {
  const char *text = json_string_value(json_object_get(event, name));
  return text ? text : "";
}

static unsigned number_of(const json_t *event, const char *name) {
  return (unsigned)json_integer_value(json_object_get(event, name));
}

static struct demo_outage *last_outage(struct demo_chatter *c) {
  return c->outages_count ? &c->outages[c->outages_count - 1] : NULL;
}

static limpet_state state_named(const char *name) {
  limpet_state state = LIMPET_CLOSED;
  while (state < LIMPET_FAILED && strcmp(limpet_state_name(state), name) != 0)
    state++;
  return state;
}

static void note_open(struct demo_chatter *c) {
  struct demo_outage *outage = last_outage(c);
  c->attempt = 0;
  if (outage && !outage->open_us)
    outage->open_us = uv_hrtime() / 1000;
}

static void on_state(struct demo_chatter *c, const json_t *event) {
  const limpet_state from = c->state;
  c->state = state_named(text_of(event, "to"));
  if (c->state != LIMPET_CONNECTED)
    return;
  c->reconnects += from == LIMPET_RECONNECTING;
  note_open(c);
}

static void on_retry(struct demo_chatter *c, const json_t *event) {
  struct demo_outage *outage = last_outage(c);
  c->attempt = number_of(event, "attempt");
  if (outage && !outage->open_us)
    outage->delay_ms += number_of(event, "delay_ms");
}

static void on_fate(struct demo_chatter *c, const json_t *event) {
  const char *fate = text_of(event, "fate");
  if (strcmp(fate, "stored") == 0 && c->accepted_count < DEMO_MESSAGES) {
    (void)snprintf(c->accepted[c->accepted_count++], LIMPET_NEW_ID_CAP, "%s", text_of(event, "id"));
  } else if (strcmp(fate, "confirmed") == 0) {
    const unsigned attempts = number_of(event, "attempts");
    c->confirmed_count++;
    c->again += attempts > 1 ? attempts - 1 : 0;
  }
}

static void on_event(void *user, const char *line) {
  struct demo_chatter *c = user;
  json_t *event = json_loads(line, 0, NULL);
  const char *kind = text_of(event, "event");
  if (strcmp(kind, "state") == 0)
    on_state(c, event);
  else if (strcmp(kind, "retry") == 0)
    on_retry(c, event);
  else if (strcmp(kind, "fate") == 0)
    on_fate(c, event);
  json_decref(event);
}

/* ---- what it is shown: "bob: bob 17" ---- */

static void see(struct demo_seen *seen, unsigned number) {
  seen->repeated += number == seen->highest;
  seen->out_of_order += number < seen->highest;
  if (number > seen->highest) {
    seen->highest = number;
    seen->count++;
  }
}

static void on_shown(void *user, const char *line) {
  struct demo_chatter *c = user;
  const char *space = strrchr(line, ' ');
  for (unsigned i = 0; space && i < DEMO_CHATTERS; i++) {
    const size_t len = strlen(c->names[i]);
    if (strncmp(line, c->names[i], len) == 0 && line[len] == ':')
      see(&c->seen[i], (unsigned)strtoul(space + 1, NULL, 10));
  }
}

/* ---- its life ---- */

static void on_exited(void *user, int status) {
  struct demo_chatter *c = user;
  c->child = NULL;
  c->exit_status = status;
  c->state = LIMPET_CLOSED;
}

bool demo_chatter_start(struct demo_chatter *c) {
  char url[64];
  (void)snprintf(url, sizeof url, "ws://127.0.0.1:%u/ws", demo_cutter_port(c->cutter));
  const char *const arguments[] = {
      "chat",    "--user",      c->name, "--conversation",       "demo",    "--outbox",
      c->outbox, "--events",    "json",  "--max-retries",        "forever", "--initial-delay",
      "200",     "--max-delay", "1000",  "--heartbeat-interval", "400",     "--heartbeat-timeout",
      "300",     "--proxy",     "", /* its relay is on this machine */
      url,       NULL};
  const struct demo_child_events events = {
      .out = on_shown, .err = on_event, .exited = on_exited, .user = c};
  memset(c->seen, 0, sizeof c->seen);
  c->child = demo_child_start(c->loop, arguments, &events);
  return c->child != NULL;
}

void demo_chatter_speak(struct demo_chatter *c) {
  char line[32];
  if (!c->child || c->said == DEMO_MESSAGES)
    return;
  const int len = snprintf(line, sizeof line, "%s %u\n", c->name, ++c->said);
  demo_child_write(c->child, line, (size_t)len);
}

void demo_chatter_cut(struct demo_chatter *c, enum demo_cut kind) {
  if (c->outages_count < DEMO_OUTAGES_MAX)
    c->outages[c->outages_count++] =
        (struct demo_outage){.kind = kind, .cut_us = uv_hrtime() / 1000};
  if (kind == DEMO_RESET)
    demo_cutter_reset(c->cutter);
  else
    demo_cutter_freeze(c->cutter);
}

void demo_chatter_kill(struct demo_chatter *c) {
  if (c->child)
    demo_child_kill(c->child, SIGKILL);
}

void demo_chatter_end(struct demo_chatter *c) {
  if (c->child)
    demo_child_end_input(c->child);
}
