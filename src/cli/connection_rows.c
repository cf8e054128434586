/* The options of every command that holds a connection. */
#include "connection_rows.h"

#include "cli.h"
#include "credentials.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_CAP 8192

static bool fail(char *error, const char *format, const char *what) {
  (void)snprintf(error, OPTION_ERROR_CAP, format, what);
  return false;
}

/* ---- values that are words ---- */

static bool apply_jitter(void *target, const char *value, const struct option_row *row,
                         char *error) {
  static const char *const words[] = {"none", "equal", "full", "decorrelated", NULL};
  struct connect_options *o = target;
  uint32_t index;
  (void)row;
  if (!option_word(value, words, &index, error))
    return false;
  o->client.jitter = (limpet_jitter)index;
  return true;
}

static bool apply_heartbeat(void *target, const char *value, const struct option_row *row,
                            char *error) {
  static const char *const words[] = {"websocket", "ping", "timestamp", "off", NULL};
  struct connect_options *o = target;
  uint32_t index;
  (void)row;
  if (!option_word(value, words, &index, error))
    return false;
  o->client.heartbeat = (limpet_dialect)index;
  return true;
}

static bool apply_events(void *target, const char *value, const struct option_row *row,
                         char *error) {
  static const char *const words[] = {"text", "json", "none", NULL};
  struct connect_options *o = target;
  uint32_t index;
  (void)row;
  if (!option_word(value, words, &index, error))
    return false;
  o->events = (enum event_format)index;
  return true;
}

/* Presets are applied before all other options, wherever they stand: see parse_presets(). */
static bool apply_preset(void *target, const char *value, const struct option_row *row,
                         char *error) {
  limpet_options scratch;
  (void)target;
  (void)row;
  limpet_options_init(&scratch, sizeof scratch);
  return limpet_options_preset(&scratch, value) == LIMPET_OK ||
         fail(error, "there is no preset '%.40s'; there are nova and medtranslate", value);
}

/* ---- numbers ---- */

static bool apply_retries(void *target, const char *value, const struct option_row *row,
                          char *error) {
  struct connect_options *o = target;
  if (strcmp(value, "forever") != 0)
    return option_u32(target, value, row, error);
  o->client.max_retries = LIMPET_RETRY_FOREVER;
  return true;
}

/* ---- headers, tokens, query ---- */

static bool add_header(struct connect_options *o, const char *line, size_t len, char *error) {
  if (o->headers_count == HEADERS_MAX)
    return fail(error, "more than %s headers", "64");
  char *copy = strndup(line, len);
  if (!copy)
    return fail(error, "%s", "out of memory");
  o->headers[o->headers_count++] = copy;
  return true;
}

static bool add_header_file(struct connect_options *o, const char *path, char *error) {
  char *text = credentials_read_file(path, error);
  bool is_fine = text != NULL;
  for (char *line = text; is_fine && line && *line;) {
    const size_t len = strcspn(line, "\r\n");
    if (len > 0)
      is_fine = add_header(o, line, len, error);
    line += len + strspn(line + len, "\r\n");
  }
  free(text);
  return is_fine;
}

static bool apply_header(void *target, const char *value, const struct option_row *row,
                         char *error) {
  (void)row;
  return value[0] == '@' ? add_header_file(target, value + 1, error)
                         : add_header(target, value, strlen(value), error);
}

static bool apply_token_file(void *target, const char *value, const struct option_row *row,
                             char *error) {
  struct connect_options *o = target;
  (void)row;
  o->client.provider = credentials_provide;
  return credentials_use_token_file(value, error);
}

static bool apply_subprotocol(void *target, const char *value, const struct option_row *row,
                              char *error) {
  struct connect_options *o = target;
  (void)row;
  if (o->subprotocols_count == SUBPROTOCOLS_MAX)
    return fail(error, "more than %s subprotocols", "16");
  o->subprotocols[o->subprotocols_count++] = value;
  return true;
}

static bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         strchr("-._~", c);
}

static size_t append_encoded(char *out, size_t used, const char *text, size_t len) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < len && used + 4 < URL_CAP; i++) {
    const unsigned char c = (unsigned char)text[i];
    if (is_unreserved(text[i])) {
      out[used++] = text[i];
    } else {
      out[used++] = '%';
      out[used++] = digits[c >> 4];
      out[used++] = digits[c & 15];
    }
  }
  return used;
}

/* Gathered as a query of their own, put behind the URL's at the end. */
static bool apply_query(void *target, const char *value, const struct option_row *row,
                        char *error) {
  struct connect_options *o = target;
  const size_t name_len = strcspn(value, "=");
  (void)row;
  if (name_len == 0 || value[name_len] == '\0')
    return fail(error, "%s", "it is not of the form NAME=VALUE"); /* perhaps a bare token */
  char *grown = realloc(o->query, URL_CAP);
  if (!grown)
    return fail(error, "%s", "out of memory");
  size_t used = o->query ? strlen(grown) : 0;
  o->query = grown;
  if (used)
    grown[used++] = '&';
  used = append_encoded(grown, used, value, name_len);
  grown[used++] = '=';
  used = append_encoded(grown, used, value + name_len + 1, strlen(value + name_len + 1));
  grown[used] = '\0';
  return used + 8 < URL_CAP || fail(error, "%s", "the query is longer than 8 KiB");
}

/* ---- the table ---- */

#define CLIENT(field) offsetof(struct connect_options, client.field)
#define OWN(field) offsetof(struct connect_options, field)

static const struct option_row rows[] = {
    {"preset", "NAME", "nova or medtranslate; explicit options win in any order", apply_preset, 0,
     0, 0},
    {"max-retries", "N", "retries after the first dial, or forever (10)", apply_retries,
     CLIENT(max_retries), 0, UINT32_MAX - 1},
    {"initial-delay", "MS", "before the first retry (1000)", option_u32, CLIENT(initial_delay_ms),
     1, 3600000},
    {"max-delay", "MS", "the longest delay (60000)", option_u32, CLIENT(max_delay_ms), 1, 86400000},
    {"multiplier", "X", "growth of the delay, 1.0-10.0 (1.5)", option_decimal, CLIENT(multiplier),
     1, 10},
    {"jitter", "KIND", "none, equal, full or decorrelated (equal)", apply_jitter, 0, 0, 0},
    {"stable-after", "MS", "a link this old resets the attempt counter (5000)", option_u32,
     CLIENT(stable_after_ms), 0, 3600000},
    {"connect-timeout", "MS", "from look-up to 101 (10000)", option_u32, CLIENT(connect_timeout_ms),
     10, 600000},
    {"close-timeout", "MS", "for the closing handshake (3000)", option_u32,
     CLIENT(close_timeout_ms), 0, 60000},
    {"heartbeat", "DIALECT", "websocket, ping, timestamp or off (websocket)", apply_heartbeat, 0, 0,
     0},
    {"heartbeat-interval", "MS", "between questions (30000)", option_u32,
     CLIENT(heartbeat_interval_ms), 100, 3600000},
    {"heartbeat-timeout", "MS", "for the answer, at most the interval (10000)", option_u32,
     CLIENT(heartbeat_timeout_ms), 10, 3600000},
    {"header", "LINE|@FILE", "another request header, or a file of them; repeatable", apply_header,
     0, 0, 0},
    {"query", "NAME=VALUE", "appended to the URL, percent-encoded; repeatable", apply_query, 0, 0,
     0},
    {"token-file", "FILE",
     "sends its first line, as it is at each dial, as\n"
     "Authorization: Bearer",
     apply_token_file, 0, 0, 0},
    {"subprotocol", "NAME", "offered to the server; repeatable", apply_subprotocol, 0, 0, 0},
    {"origin", "ORIGIN", "the Origin header", option_text, CLIENT(origin), 0, 0},
    {"cacert", "FILE", "PEM file trusted instead of the system's store", option_text,
     CLIENT(tls_ca_file), 0, 0},
    {"cert", "FILE", "PEM client certificate; with --key", option_text, CLIENT(tls_cert_file), 0,
     0},
    {"key", "FILE", "its PEM key", option_text, CLIENT(tls_key_file), 0, 0},
    {"insecure", NULL, "accept any certificate; for tests only", option_true, CLIENT(tls_insecure),
     0, 0},
    {"proxy", "URL",
     "http://, socks5:// or socks5h://[USER:PASSWORD@]HOST:PORT;\n"
     "'': none (the environment's, as for curl)",
     option_text, CLIENT(proxy), 0, 0},
    {"compress", NULL, "offer permessage-deflate", option_true, CLIENT(compress), 0, 0},
    {"max-message", "BYTES", "the largest message either way (16777216)", option_u64,
     CLIENT(max_message), 1, 1ULL << 31},
    {"no-reconnect-on-close", NULL, "close codes 1000 and 1001 end the run", option_false,
     CLIENT(reconnect_on_normal_close), 0, 0},
    {"no-network-watch", NULL, "do not ask the system whether there is a way to the server",
     option_false, CLIENT(network_watch), 0, 0},
    {"events", "FORMAT", "on stderr: text, json or none (text)", apply_events, 0, 0, 0},
    {"quiet", NULL, "no events and no status line, only errors that end the run", option_true,
     OWN(is_quiet), 0, 0},
    {"verbose", NULL, "say more about each step", option_true, OWN(is_verbose), 0, 0},
};

#define ROWS_COUNT (sizeof rows / sizeof *rows)

/* ---- the command line ---- */

static const char *find_wording(const struct connection_command *command,
                                const struct option_row *row) {
  for (const struct option_wording *w = command->wordings; w && w->name; w++)
    if (strcmp(w->name, row->name) == 0)
      return w->help;
  return row->help;
}

static size_t collect_rows(const struct connection_command *command,
                           struct option_row all[OPTION_ROWS_MAX]) {
  size_t count = command->own_count;
  memcpy(all, command->own, count * sizeof *all);
  for (size_t i = 0; i < ROWS_COUNT; i++)
    if (!command->has_own_log || strcmp(rows[i].name, "events") != 0)
      all[count++] = rows[i];
  for (size_t i = 0; i < count; i++)
    all[i].help = find_wording(command, &all[i]);
  return count;
}

static void print_help(const struct connection_command *command) {
  struct option_row all[OPTION_ROWS_MAX];
  puts(command->usage);
  options_print(all, collect_rows(command, all));
  options_print_last();
  puts(command->notes);
}

/* An explicit option wins over a preset wherever the preset stands, so presets come first. */
static void parse_presets(struct connect_options *o, int argc, char **argv) {
  for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
    if (strncmp(argv[i], "--preset=", 9) == 0)
      (void)limpet_options_preset(&o->client, argv[i] + 9);
    else if (strcmp(argv[i], "--preset") == 0 && i + 1 < argc)
      (void)limpet_options_preset(&o->client, argv[i + 1]);
  }
}

char *connection_join_query(const struct connect_options *o, const char *url) {
  const char *query = o->query ? o->query : "";
  const char *joint = !o->query ? "" : strchr(url, '?') ? "&" : "?";
  const size_t size = strlen(url) + strlen(query) + 2;
  char *joined = malloc(size);
  if (joined)
    (void)snprintf(joined, size, "%s%s%s", url, joint, query);
  return joined;
}

static void finish(struct connect_options *o) {
  o->client.headers = o->headers_count ? o->headers : NULL;
  o->client.subprotocols = o->subprotocols_count ? o->subprotocols : NULL;
  if (o->is_quiet)
    o->events = EVENTS_NONE;
}

static bool take_outcome(const struct connection_command *command, enum option_outcome outcome,
                         int *status) {
  *status = outcome == OPTIONS_BAD ? EXIT_USAGE : EXIT_DONE;
  if (outcome == OPTIONS_HELP)
    print_help(command);
  if (outcome == OPTIONS_VERSION)
    puts("limpet " LIMPET_VERSION);
  return outcome == OPTIONS_OK;
}

static bool take_url(const struct connection_command *command, struct connect_options *o, int argc,
                     char **argv, int first) {
  if (first == argc) {
    (void)complain("%s needs a URL; --help tells more", command->name);
    return false;
  }
  if (argc - first > 1) {
    (void)complain("%s takes one URL, not '%s' too", command->name, option_shown(argv[first + 1]));
    return false;
  }
  o->client.url = o->url = connection_join_query(o, argv[first]);
  if (o->url)
    return true;
  (void)complain("out of memory");
  return false;
}

static bool take_no_operand(const struct connection_command *command, int argc, char **argv,
                            int first) {
  if (first < argc)
    (void)complain("%s takes no operand: '%s'; --help tells more", command->name,
                   option_shown(argv[first]));
  return first == argc;
}

bool connection_parse(const struct connection_command *command, struct connect_options *o, int argc,
                      char **argv, int *status) {
  struct option_row all[OPTION_ROWS_MAX];
  int first;
  memset(o, 0, sizeof *o);
  limpet_options_init(&o->client, sizeof o->client);
  o->client.proxy_from_environment = true;
  o->linger_ms = 200;
  if (command->never_gives_up)
    o->client.max_retries = LIMPET_RETRY_FOREVER;
  parse_presets(o, argc, argv);
  const size_t count = collect_rows(command, all);
  if (!take_outcome(command, options_parse(argc, argv, all, count, o, &first), status))
    return false;
  finish(o);
  *status = EXIT_USAGE;
  if (command->has_no_url)
    return take_no_operand(command, argc, argv, first);
  return take_url(command, o, argc, argv, first);
}

void connect_options_deinit(struct connect_options *o) {
  for (size_t i = 0; i < o->headers_count; i++)
    free((void *)(uintptr_t)o->headers[i]);
  for (size_t i = 0; i < o->fallbacks_count; i++)
    free(o->fallbacks[i]);
  free(o->query);
  free(o->url);
}
