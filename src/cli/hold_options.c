#include "hold_options.h"

#include "cli.h"
#include "connection_rows.h"
#include "credentials.h"
#include "url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_LIMIT 1000
#define PARAMETER_MAX 128
#define CHECK_MS 2000

/* ---- values ---- */

static bool apply_resume(void *target, const char *value, const struct option_row *row,
                         char *error) {
  struct hold_command *c = target;
  const char *mark = strchr(value, '=');
  (void)row;
  if (!mark || mark == value || !mark[1] || strlen(value) > PARAMETER_MAX ||
      strcspn(value, "&#?% ") < (size_t)(mark - value)) {
    (void)snprintf(error, OPTION_ERROR_CAP,
                   "'%.80s' is not PARAMETER=MEMBER, as after=sequence_number", value);
    return false;
  }
  free(c->resume);
  c->resume = strdup(value);
  if (!c->resume)
    return false;
  c->resume[mark - value] = '\0';
  c->hold.resume_parameter = c->resume;
  c->hold.resume_member = c->resume + (mark - value) + 1;
  return true;
}

static bool apply_origin(void *target, const char *value, const struct option_row *row,
                         char *error) {
  struct hold_command *c = target;
  (void)row;
  return option_is_origin(value, error) &&
         option_add(c->hold.origins, &c->origins_count, HOLD_ORIGINS_MAX, value, error);
}

/* ---- the table ---- */

#define OWN(field) offsetof(struct hold_command, field)

static const struct option_row rows[] = {
    {"listen", "ADDRESS",
     "where programs connect: IP:PORT, [IPv6]:PORT or unix:PATH;\n"
     "port 0 picks one; required",
     option_text, OWN(hold.listen), 0, 0},
    {"to", "URL",
     "the far side: ws://, wss:// or ws+unix://; the local path\n"
     "and query are put behind its own; required",
     option_text, OWN(to), 0, 0},
    {"resume", "PARAM=MEMBER",
     "remember the JSON member MEMBER of the last message from\n"
     "the far side, and put PARAM=VALUE into the query of each\n"
     "later dial, so that it sends what was missed",
     apply_resume, 0, 0, 0},
    {"max-connections", "N", "programs at once; with --outbox there is one (1000)", option_u32,
     OWN(hold.max_connections), 1, 100000},
    {"queue-limit", "N",
     "messages of a program that wait in memory; then it is\n"
     "read no more until some are through (1000)",
     option_u32, OWN(hold.queue_limit), 1, 1000000},
    {"drain-timeout", "MS",
     "how long what a program said is still delivered after it\n"
     "went, or after SIGTERM (10000)",
     option_u32, OWN(hold.drain_timeout_ms), 0, 3600000},
    {"allow-origin", "ORIGIN",
     "lets pages of that origin connect, * all; repeatable.\n"
     "Programs that send no Origin always may",
     apply_origin, 0, 0, 0},
};

#define ROWS_COUNT (sizeof rows / sizeof *rows)
static const char *const shared[] = {"fallback", "confirm", "outbox", "on-open"};
#define SHARED_COUNT (sizeof shared / sizeof *shared)

static const struct option_wording wordings[] = {
    {"max-retries", "retries after the first dial, or forever (forever)"},
    {"confirm", "keep each message, and send it again, until barrier: a\n"
                "heartbeat reply proves that it was read; ack: the far side\n"
                "acknowledges it by its own member id; or none (none)"},
    {"header", "another request header, or a file of them, in place of the\n"
               "program's; repeatable"},
    {"subprotocol", "offered if the program asks for none; repeatable"},
    {"origin", "the Origin header, in place of the program's"},
    {"no-reconnect-on-close", "close code 1001 passes on to the program too"},
    {"quiet", "log nothing"},
    {"verbose", "log each change of state, each dial and each link too"},
    {NULL, NULL},
};

static const char usage[] =
    "Usage: limpet hold --listen ADDRESS --to URL [OPTION]...\n\n"
    "A WebSocket server for programs of this machine that know nothing of Limpet: each\n"
    "connection is held to the far side through its cuts, and never sees them. Prints its\n"
    "address as the first line of standard output; logs to standard error. SIGUSR1 writes\n"
    "connections and queues to standard error; SIGTERM delivers what was accepted, and ends.\n"
    "Retries forever, unless --max-retries says otherwise.\n\nOptions:";
static const char notes[] =
    "\nExit status: 0 ended by SIGTERM or SIGINT, and all delivered or in the outbox; 1 usage\n"
    "or unusable input; 3 it cannot listen, or the outbox cannot be used; 4 ended, but\n"
    "messages were not delivered; 130, 143 interrupted twice.\n\n"
    "Examples:\n"
    "  limpet hold --listen 127.0.0.1:8090 --to wss://example.com\n"
    "  limpet hold --listen 127.0.0.1:8090 --to ws://127.0.0.1:8085 --confirm ack \\\n"
    "    --resume after=sequence_number --outbox /var/lib/app/outbox\n"
    "  limpet hold --listen unix:/run/app/ws --to wss://h/feed --token-file token";

/* ---- together ---- */

static bool greet(limpet_client *client);
static const struct connect_options *greeting; /* one for the program */

static bool greet(limpet_client *client) {
  char error[ON_OPEN_ERROR_CAP];
  unsigned count;
  const struct on_open on_open = connect_options_on_open(greeting);
  if (on_open_send(&on_open, client, &count, error))
    return true;
  (void)complain("--on-open: %s", error);
  return false;
}

static bool credentials(char line[HOLD_HEADER_CAP], char *why) {
  return credentials_write_header(line, why);
}

/* --query is for the service, wherever it is found. */
static bool join_urls(struct hold_command *c) {
  struct connect_options *o = &c->connect;
  bool is_fine = (c->full_url = connection_join_query(o, c->to)) != NULL;
  for (size_t i = 0; i < o->fallbacks_count; i++) {
    char *plain = o->fallbacks[i];
    o->fallbacks[i] = connection_join_query(o, plain);
    free(plain);
    is_fine = is_fine && o->fallbacks[i];
  }
  o->client.url = c->full_url;
  o->client.fallbacks = o->fallbacks_count ? (const char *const *)o->fallbacks : NULL;
  return is_fine;
}

/* A wrong option is to be heard of now, not with the first program. */
static bool try_client(const struct hold_command *c, int *status) {
  char detail[LIMPET_DETAIL_CAP];
  limpet_client *client;
  limpet_options options = c->connect.client;
  const limpet_result result = limpet_new(&options, NULL, &client, detail);
  if (result == LIMPET_OK) {
    limpet_stop(client, CHECK_MS); /* so that the outbox is let go */
    return true;
  }
  (void)complain("%s", detail);
  *status = result == LIMPET_OUTBOX ? EXIT_CRITICAL : EXIT_USAGE;
  return false;
}

static void adjust(struct hold_command *c) {
  struct connect_options *o = &c->connect;
  if (o->client.outbox && !o->has_confirm)
    o->client.confirm = LIMPET_CONFIRM_BARRIER;
  o->client.hold_until_ready = o->on_open != NULL;
  c->hold.credentials = o->client.provider ? credentials : NULL;
  o->client.provider = NULL;
  c->hold.greet = o->on_open ? greet : NULL;
  greeting = o;
  c->hold.is_verbose = o->is_verbose;
  c->hold.far = o->client;
}

bool hold_command_parse(struct hold_command *c, int argc, char **argv, int *status) {
  struct option_row own[ROWS_COUNT + SHARED_COUNT];
  const struct connection_command command = {
      .name = "hold",
      .usage = usage,
      .notes = notes,
      .own = own,
      .own_count = ROWS_COUNT + SHARED_COUNT,
      .wordings = wordings,
      .never_gives_up = true,
      .has_no_url = true,
      .has_own_log = true,
  };
  memcpy(own, rows, sizeof rows);
  for (size_t i = 0; i < SHARED_COUNT; i++)
    own[ROWS_COUNT + i] = *connect_options_row(shared[i]);
  c->hold = (struct hold_options){
      .max_connections = 1000, .queue_limit = QUEUE_LIMIT, .drain_timeout_ms = 10000};
  if (!connection_parse(&command, &c->connect, argc, argv, status))
    return false;
  *status = EXIT_USAGE;
  if (!c->hold.listen || !c->to) {
    (void)complain("hold needs --listen and --to; --help tells more");
    return false;
  }
  if (!join_urls(c)) {
    (void)complain("out of memory");
    return false;
  }
  adjust(c);
  return connect_options_check_on_open(&c->connect, status) && try_client(c, status);
}

void hold_command_deinit(struct hold_command *c) {
  connect_options_deinit(&c->connect);
  free(c->resume);
  free(c->full_url);
}
