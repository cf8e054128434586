/*
 * A market data feed: subscribes on every link, checks that no number is missing, and asks for what
 * is. Numbers that were seen already are ignored, so the program below sees each tick once and in
 * order; what the server does not have any more is said to be lost.
 *
 *     example-feed ws://127.0.0.1:9000/ticks EURUSD
 *
 * The server is expected to understand  {"type":"subscribe","symbol":S,"after":N}  (all after N
 * that it has, then live; without "after" live only), to answer  {"type":"subscribed","symbol":S}
 * and then to send  {"type":"tick","symbol":S,"sequence_number":N,"price":P}.  SIGINT or SIGTERM
 * ends it.
 */
#include <jansson.h>
#include <limpet/limpet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_MS 1000

/* Touched by the client's thread alone. */
struct feed {
  const char *symbol;
  json_int_t last; /* number of the last tick taken, 0: none yet */
  /* ASKED: what comes may be of an older subscription. ANSWERED: the next tick is the first one
     that the server has. */
  enum { LIVE, ASKED, ANSWERED } stage;
};

/* "now": a subscription belongs to the link it is made on, and must not wait for another. */
static void subscribe(limpet_client *client, struct feed *feed) {
  const limpet_send_options now = {.promise = LIMPET_PROMISE_NOW};
  json_t *wish = json_pack("{s:s, s:s}", "type", "subscribe", "symbol", feed->symbol);
  if (wish && feed->last > 0)
    json_object_set_new(wish, "after", json_integer(feed->last));
  feed->stage = ASKED;
  char *text = wish ? json_dumps(wish, JSON_COMPACT) : NULL;
  if (!text || limpet_send_text(client, text, strlen(text), &now, NULL) != LIMPET_OK)
    fprintf(stderr, "not subscribed; the next link tries again\n");
  free(text);
  json_decref(wish);
}

static void on_open(limpet_client *client, void *user) {
  struct feed *feed = user;
  printf("subscribing after %" JSON_INTEGER_FORMAT "\n", feed->last);
  subscribe(client, feed);
}

static void on_gap(limpet_client *client, struct feed *feed, json_int_t number) {
  printf("gap: %" JSON_INTEGER_FORMAT " after %" JSON_INTEGER_FORMAT "\n", number, feed->last);
  subscribe(client, feed);
}

/* This is where a strategy would start. */
static void on_tick(struct feed *feed, json_int_t number, double price) {
  feed->last = number;
  feed->stage = LIVE;
  printf("%s %" JSON_INTEGER_FORMAT " %.5f\n", feed->symbol, number, price);
}

static void take_number(limpet_client *client, struct feed *feed, json_int_t number, double price) {
  const bool is_next = feed->last == 0 || number == feed->last + 1;
  if (!is_next && feed->stage == LIVE)
    on_gap(client, feed, number);
  if (!is_next && feed->stage == ANSWERED)
    printf("lost: %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT "\n", feed->last + 1,
           number - 1);
  if (is_next || feed->stage == ANSWERED)
    on_tick(feed, number, price);
}

static void take_subscribed(limpet_client *client, const char *type, const char *text, size_t len,
                            void *user) {
  struct feed *feed = user;
  (void)client, (void)type, (void)text, (void)len;
  if (feed->stage == ASKED)
    feed->stage = ANSWERED;
}

static void take_tick(limpet_client *client, const char *type, const char *text, size_t len,
                      void *user) {
  struct feed *feed = user;
  const char *symbol;
  json_int_t number;
  double price;
  (void)type;
  json_t *tick = json_loadb(text, len, 0, NULL);
  if (!tick || json_unpack(tick, "{s:s, s:I, s:F}", "symbol", &symbol, "sequence_number", &number,
                           "price", &price) != 0)
    fprintf(stderr, "not a tick: %.*s\n", (int)len, text);
  else if (strcmp(symbol, feed->symbol) == 0 && number > feed->last)
    take_number(client, feed, number, price);
  json_decref(tick);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  (void)client, (void)from, (void)user;
  printf("%s (%s)\n", limpet_state_name(to), limpet_reason_name(reason));
}

int main(int argc, char **argv) {
  char detail[LIMPET_DETAIL_CAP];
  struct feed feed = {.symbol = argc > 2 ? argv[2] : "EURUSD"};
  limpet_client *client;
  limpet_options options;
  sigset_t signals;
  int number;
  setvbuf(stdout, NULL, _IOLBF, 0);
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigprocmask(SIG_BLOCK, &signals, NULL); /* before the client's thread is made */

  limpet_options_init(&options, sizeof options);
  options.url = argc > 1 ? argv[1] : "ws://127.0.0.1:9000/ticks";
  options.user = &feed;
  options.callbacks.on_open = on_open;
  options.callbacks.on_state = on_state;
  options.heartbeat_interval_ms = 2000; /* an old price is worse than none: notice within 3 s */
  options.heartbeat_timeout_ms = 1000;
  options.initial_delay_ms = 50; /* and be back soon, but never all at once */
  options.max_delay_ms = 5000;
  options.jitter = LIMPET_JITTER_FULL;
  options.max_retries = LIMPET_RETRY_FOREVER;
  if (limpet_new(&options, NULL, &client, detail) != LIMPET_OK) {
    fprintf(stderr, "%s\n", detail);
    return 1;
  }
  limpet_result result = limpet_on_type(client, "tick", take_tick, &feed, NULL);
  if (result == LIMPET_OK)
    result = limpet_on_type(client, "subscribed", take_subscribed, &feed, NULL);
  if (result == LIMPET_OK)
    result = limpet_connect(client);
  if (result == LIMPET_OK)
    sigwait(&signals, &number);
  limpet_stop(client, CLOSE_MS);
  return result == LIMPET_OK ? 0 : 1;
}
