/* The options of `limpet connect` that no other command has, and the checks that need more than one
   of them. */
#include "connect_options.h"

#include "cli.h"
#include "connection_rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool apply_confirm(void *target, const char *value, const struct option_row *row,
                          char *error) {
  static const char *const words[] = {"none", "barrier", "ack", NULL};
  struct connect_options *o = target;
  uint32_t index;
  (void)row;
  if (!option_word(value, words, &index, error))
    return false;
  o->client.confirm = (limpet_confirm)index;
  o->has_confirm = true;
  return true;
}

static bool apply_queue_limit(void *target, const char *value, const struct option_row *row,
                              char *error) {
  ((struct connect_options *)target)->has_queue_limit = true;
  return option_u32(target, value, row, error);
}

static bool apply_queue_limit_bytes(void *target, const char *value, const struct option_row *row,
                                    char *error) {
  ((struct connect_options *)target)->has_queue_limit_bytes = true;
  return option_u64(target, value, row, error);
}

static bool apply_fallback(void *target, const char *value, const struct option_row *row,
                           char *error) {
  struct connect_options *o = target;
  (void)row;
  if (o->fallbacks_count == FALLBACKS_MAX) {
    (void)snprintf(error, OPTION_ERROR_CAP, "more than %d fallbacks", FALLBACKS_MAX);
    return false;
  }
  o->fallbacks[o->fallbacks_count] = strdup(value);
  return o->fallbacks[o->fallbacks_count++] != NULL;
}

#define CLIENT(field) offsetof(struct connect_options, client.field)
#define OWN(field) offsetof(struct connect_options, field)
#define FOR_EVER UINT32_MAX

static const struct option_row rows[] = {
    {"fallback", "URL",
     "dialed within the same attempt when the others fail; the\n"
     "last good one goes first; repeatable",
     apply_fallback, 0, 0, 0},
    {"queue-limit", "N",
     "messages kept without a link (100); given explicitly, input\n"
     "is read on and the oldest message goes first",
     apply_queue_limit, CLIENT(queue_limit), 1, 1000000},
    {"queue-limit-bytes", "N", "their payload (1048576, or max-message if more)",
     apply_queue_limit_bytes, CLIENT(queue_limit_bytes), 1, 1ULL << 40},
    {"ttl", "MS", "drop a message that waits longer than this; 0: never (0)", option_u32,
     OWN(ttl_ms), 0, FOR_EVER},
    {"confirm", "KIND",
     "keep each message, and send it again, until barrier: a\n"
     "heartbeat reply proves that it was read; ack: the server\n"
     "acknowledges it (each line goes out as {\"type\":\"message\",\n"
     "\"id\":...,\"plaintext\":LINE}); or none (none)",
     apply_confirm, 0, 0, 0},
    {"outbox", "FILE",
     "keep messages on disk until they are confirmed, over\n"
     "restarts; what an earlier run left goes first (with\n"
     "--confirm, barrier if not given)",
     option_text, CLIENT(outbox), 0, 0},
    {"binary", NULL, "both ways: u32 big-endian length, then the payload", option_true,
     OWN(is_binary), 0, 0},
    {"linger", "MS",
     "after the end of input, wait until nothing came for this\n"
     "long (200)",
     option_u32, OWN(linger_ms), 0, 3600000},
    {"keep-open", NULL, "the end of input does not end the run", option_true, OWN(is_kept_open), 0,
     0},
    {"on-open", "FILE",
     "messages sent first on every link, before all others: a\n"
     "login, subscriptions; read afresh each time",
     option_text, OWN(on_open), 0, 0},
    {"check", NULL,
     "try once and say step by step what works: DNS, TCP, TLS,\n"
     "upgrade, heartbeat; sends nothing of standard input",
     option_true, OWN(is_check), 0, 0},
    {"metrics-listen", "ADDRESS",
     "answer GET /metrics (for Prometheus) and GET /healthz at\n"
     "IP:PORT, [IPv6]:PORT or unix:PATH; port 0 picks one",
     option_text, OWN(metrics_listen), 0, 0},
};

static const struct connection_command command = {
    .name = "connect",
    .usage = "Usage: limpet connect [OPTION]... URL\n\n"
             "Connects to a WebSocket server and holds on through cuts. Each line of standard\n"
             "input goes out as a text message, each message received is printed with a line\n"
             "feed. URL: ws://, wss:// or ws+unix:///path/to.sock:/path.\n\nOptions:",
    .notes = "\nExit status: 0 done and all delivered; 1 usage or unusable input; 2 gave up;\n"
             "3 critical error; 4 ended, but messages were dropped; 130, 143 interrupted.\n\n"
             "Examples:\n"
             "  limpet connect wss://example.com/feed\n"
             "  printf 'a\\nb\\n' | limpet connect ws://127.0.0.1:8085/echo\n"
             "  tail -f log | limpet connect --confirm barrier --max-retries forever wss://h/in\n"
             "  tail -f log | limpet connect --outbox log.outbox --max-retries forever wss://h/in\n"
             "  limpet connect --preset nova --events json ws://127.0.0.1:8085/ws 2>events\n"
             "  limpet connect --on-open subscriptions --keep-open wss://h/feed </dev/null\n"
             "  limpet connect --check wss://example.com/feed",
    .own = rows,
    .own_count = sizeof rows / sizeof *rows,
};

const struct option_row *connect_options_row(const char *name) {
  size_t i = 0;
  while (strcmp(rows[i].name, name) != 0)
    i++;
  return &rows[i];
}

static const char *find_contradiction(const struct connect_options *o) {
  if (o->is_binary && o->client.confirm == LIMPET_CONFIRM_ACK)
    return "--confirm ack sends text messages with ids, --binary has none";
  if (o->client.outbox && o->has_queue_limit)
    return "--queue-limit bounds what waits in memory; with --outbox it waits on disk";
  return NULL;
}

/* --query is for the service, wherever it is found. */
static bool adopt_fallbacks(struct connect_options *o) {
  bool is_fine = true;
  for (size_t i = 0; i < o->fallbacks_count; i++) {
    char *plain = o->fallbacks[i];
    o->fallbacks[i] = connection_join_query(o, plain);
    free(plain);
    is_fine = is_fine && o->fallbacks[i];
  }
  o->client.fallbacks = o->fallbacks_count ? (const char *const *)o->fallbacks : NULL;
  return is_fine;
}

struct on_open connect_options_on_open(const struct connect_options *o) {
  return (struct on_open){
      .path = o->on_open,
      .splitter = {.is_binary = o->is_binary, .max_message = o->client.max_message}};
}

bool connect_options_check_on_open(const struct connect_options *o, int *status) {
  char error[ON_OPEN_ERROR_CAP];
  const struct on_open on_open = connect_options_on_open(o);
  if (!o->on_open || on_open_check(&on_open, error))
    return true;
  *status = complain("--on-open: %s", error);
  return false;
}

bool connect_options_parse(struct connect_options *o, int argc, char **argv, int *status) {
  if (!connection_parse(&command, o, argc, argv, status))
    return false;
  if (o->client.outbox && !o->has_confirm)
    o->client.confirm = LIMPET_CONFIRM_BARRIER;
  if (!adopt_fallbacks(o)) {
    *status = complain("out of memory");
    return false;
  }
  const char *contradiction = find_contradiction(o);
  if (contradiction)
    *status = complain("%s", contradiction);
  return !contradiction && connect_options_check_on_open(o, status);
}
