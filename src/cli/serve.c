/* `limpet serve`: the relay as a program. */
#define _GNU_SOURCE
#include "cli.h"
#include "descriptors.h"
#include "open_loop.h"
#include "option_table.h"
#include "relay.h"
#include "sock.h"

#include <limpet/limpet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SPARE_DESCRIPTORS                                                                          \
  256 /* beside two for each connection: it may be asking while others are */

struct serve {
  struct relay_options options;
  size_t origins_count, proxies_count;
  uv_loop_t uv;
  struct net_loop *loop;
  struct relay *relay;
  uv_signal_t signals[3];
  bool is_stopping;
  int status;
};

/* ---- options ---- */

static bool apply_origin(void *target, const char *value, const struct option_row *row,
                         char *error) {
  struct serve *serve = target;
  (void)row;
  return option_is_origin(value, error) &&
         option_add(serve->options.origins, &serve->origins_count, RELAY_LIST_MAX, value, error);
}

static bool apply_proxy(void *target, const char *value, const struct option_row *row,
                        char *error) {
  struct serve *serve = target;
  struct address address;
  (void)row;
  if (strcmp(value, RELAY_UNIX_PROXY) != 0 && !address_from_ip(&address, value)) {
    (void)snprintf(error, OPTION_ERROR_CAP,
                   "'%.80s' is not an IP address, nor '" RELAY_UNIX_PROXY "'", value);
    return false;
  }
  return option_add(serve->options.proxies, &serve->proxies_count, RELAY_LIST_MAX, value, error);
}

#define OPTION(field) offsetof(struct serve, options.field)

static const struct option_row rows[] = {
    {"listen", "ADDRESS", "IP:PORT, [IPv6]:PORT or unix:PATH; port 0 picks one\n(127.0.0.1:8085)",
     option_text, OPTION(listen), 0, 0},
    {"store", "FILE",
     "where messages are kept; without it they are in memory\nonly and end with the relay",
     option_text, OPTION(store_path), 0, 0},
    {"keep-age", "SECONDS", "remove messages older than this; 0: never (0)", option_u64,
     OPTION(keep_age_s), 0, 315360000},
    {"keep-bytes", "N",
     "remove the oldest messages while the store uses more\nthan this; 0: never (0)", option_u64,
     OPTION(keep_bytes), 0, 1ULL << 50},
    {"web", "DIR",
     "serve the files of DIR beside the API, / is its index.html;\nthey are public, with "
     "--token-file too",
     option_text, OPTION(web), 0, 0},
    {"token-file", "FILE",
     "lines of TOKEN USER CONVERSATION[,CONVERSATION]...; * is\n"
     "any. Without it everybody may do everything",
     option_text, OPTION(token_file), 0, 0},
    {"allow-origin", "ORIGIN",
     "lets pages of that origin use the relay, * all;\n"
     "repeatable. Others only if they came from its own host",
     apply_origin, 0, 0, 0},
    {"trust-proxy", "IP",
     "believe X-Forwarded-For of this address, unix: of whoever\ncomes by a Unix socket; "
     "repeatable",
     apply_proxy, 0, 0, 0},
    {"tls-cert", "FILE", "PEM certificate chain; with --tls-key", option_text, OPTION(tls_cert), 0,
     0},
    {"tls-key", "FILE", "its PEM key", option_text, OPTION(tls_key), 0, 0},
    {"max-connections", "N", "WebSockets at once (10000)", option_u32, OPTION(max_connections), 1,
     1000000},
    {"max-conversations", "N", "conversations in the store (1000000)", option_u64,
     OPTION(max_conversations), 1, 1ULL << 40},
    {"max-message", "BYTES", "the longest message, and body of a POST (65536)", option_u64,
     OPTION(max_message), 64, 64ULL << 20},
    {"max-backlog", "BYTES",
     "what may wait for a slow reader before it is closed with\n1013; at least eight messages "
     "(4194304)",
     option_u64, OPTION(max_backlog), 1, 1ULL << 32},
    {"max-backlog-total", "BYTES",
     "what may wait for all readers; beyond it those who have\nmore than their part and 128 KiB "
     "are "
     "closed (268435456)",
     option_u64, OPTION(max_backlog_total), 1, 1ULL << 44},
    {"rate", "N",
     "messages a second of each connection, or of each address\nby POST; 0: no limit (1000)",
     option_u32, OPTION(rate), 0, 1000000},
    {"admit-rate", "N", "new WebSockets a second; 0: no limit (1000)", option_u32,
     OPTION(admit_rate), 0, 1000000},
    {"heartbeat-interval", "MS", "ping whoever was silent for this long (30000)", option_u32,
     OPTION(heartbeat_interval_ms), 100, 3600000},
    {"heartbeat-timeout", "MS", "and drop it after this much more silence (10000)", option_u32,
     OPTION(heartbeat_timeout_ms), 10, 3600000},
    {"quiet", NULL, "log errors only", option_true, OPTION(is_quiet), 0, 0},
};

#define ROWS_COUNT (sizeof rows / sizeof *rows)

static void print_help(void) {
  puts("Usage: limpet serve [OPTION]...\n\n"
       "Runs the relay: conversations over WebSocket (GET /ws) and REST\n"
       "(/conversations/ID/messages), every message stored before it is acknowledged, and\n"
       "replayed to whoever asks with after=N. Also GET /echo, /healthz and /metrics.\n"
       "Prints its address as the first line of standard output; logs to standard error.\n"
       "SIGTERM ends it when all is stored; SIGHUP reads tokens and certificate again.\n\n"
       "Options:");
  options_print(rows, ROWS_COUNT);
  options_print_last();
  puts("\nExit status: 0 ended by SIGTERM or SIGINT; 1 usage or unusable input; 3 it cannot\n"
       "listen, or the store cannot be used; 130, 143 interrupted twice.\n\n"
       "Examples:\n"
       "  limpet serve --store relay.db\n"
       "  curl -d '{\"sender_id\":\"ann\",\"plaintext\":\"hi\"}' \\\n"
       "    http://127.0.0.1:8085/conversations/tea/messages\n"
       "  curl 'http://127.0.0.1:8085/conversations/tea/messages?after=0'\n"
       "  limpet connect 'ws://127.0.0.1:8085/ws?conversation_id=tea&user_id=ann&after=0'\n"
       "  limpet serve --web page\n"
       "  limpet serve --listen 0.0.0.0:443 --tls-cert chain.pem --tls-key key.pem \\\n"
       "    --token-file tokens --allow-origin https://example.com --store /var/lib/relay.db");
}

static bool take_outcome(enum option_outcome outcome, int *status) {
  *status = outcome == OPTIONS_BAD ? EXIT_USAGE : EXIT_DONE;
  if (outcome == OPTIONS_HELP)
    print_help();
  if (outcome == OPTIONS_VERSION)
    puts("limpet " LIMPET_VERSION);
  return outcome == OPTIONS_OK;
}

static bool is_loopback(const char *listen) {
  return strncmp(listen, "127.0.0.1:", strlen("127.0.0.1:")) == 0;
}

static bool parse(struct serve *serve, int argc, char **argv, int *status) {
  int first;
  relay_options_init(&serve->options);
  serve->options.has_levers = getenv("LIMPET_DEMO_LEVERS") != NULL;
  if (!take_outcome(options_parse(argc, argv, rows, ROWS_COUNT, serve, &first), status))
    return false;
  if (first < argc)
    *status =
        complain("serve takes no operand: '%s'; --help tells more", option_shown(argv[first]));
  else if (serve->options.has_levers && !is_loopback(serve->options.listen))
    *status = complain("LIMPET_DEMO_LEVERS lets everybody kill the relay: with a --listen address "
                       "of 127.0.0.1 only");
  else if (!serve->options.tls_cert != !serve->options.tls_key)
    *status = complain("--tls-cert and --tls-key go together");
  else if (serve->options.store_path && !*serve->options.store_path)
    *status = complain("--store is an empty path");
  else
    return true;
  return false;
}

/* ---- the run ---- */

static void close_signals(struct serve *serve) {
  for (size_t i = 0; i < sizeof serve->signals / sizeof *serve->signals; i++)
    uv_close((uv_handle_t *)&serve->signals[i], NULL);
}

/* A disk that hangs would hold the process too. */
static void on_stopped(void *user, bool is_clean) {
  struct serve *serve = user;
  if (!is_clean)
    _exit(EXIT_CRITICAL);
  close_signals(serve);
}

static void on_signal(uv_signal_t *handle, int number) {
  struct serve *serve = handle->data;
  if (number == SIGHUP) {
    if (!serve->is_stopping)
      relay_reload(serve->relay);
  } else if (serve->is_stopping) {
    _exit(EXIT_SIGNAL + number);
  } else {
    serve->is_stopping = true;
    relay_stop(serve->relay, on_stopped, serve);
  }
}

static void watch_signals(struct serve *serve) {
  static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    uv_signal_init(&serve->uv, &serve->signals[i]);
    serve->signals[i].data = serve;
    uv_signal_start(&serve->signals[i], on_signal, numbers[i]);
  }
}

static int start(struct serve *serve) {
  char detail[RELAY_DETAIL_CAP];
  switch (relay_new(serve->loop, &serve->options, &serve->relay, detail)) {
  case RELAY_STARTED:
    break;
  case RELAY_BAD_INPUT:
    return complain("%s", detail);
  case RELAY_CANNOT_START:
    (void)complain("%s", detail);
    return EXIT_CRITICAL;
  }
  if (!serve->options.store_path)
    (void)complain("no --store: messages are kept in memory only and end with this process");
  watch_signals(serve);
  print_address(relay_address(serve->relay));
  return EXIT_DONE;
}

static int run(struct serve *serve) {
  int error;
  if (!open_loop(&serve->uv))
    return EXIT_CRITICAL;
  serve->loop = net_loop_acquire(&serve->uv, &memory_default, &error);
  if (!serve->loop) {
    (void)complain("%s", net_loop_error_text(error));
    return EXIT_CRITICAL;
  }
  descriptors_raise(serve->options.max_connections, 1, SPARE_DESCRIPTORS);
  const int status = start(serve);
  net_loop_release(serve->loop);
  uv_run(&serve->uv, UV_RUN_DEFAULT);
  uv_loop_close(&serve->uv);
  return status;
}

int serve_main(int argc, char **argv) {
  static struct serve serve;
  int status;
  return parse(&serve, argc, argv, &status) ? run(&serve) : status;
}
