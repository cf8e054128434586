/*
 * `limpet demo`: the product in fifteen seconds. A server, a bad network, a client that confirms
 * by barrier; 1,000 numbered messages each way, five cuts; then a table of what became of them.
 */
#include "cli.h"
#include "demo_cutter.h"
#include "demo_server.h"
#include "screen.h"

#include <limpet/limpet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PACE_MS 11
#define CUTS 5
#define TIME_MAX_MS 60000
#define DRAW_MS 100
#define VIEW_LINES 6
#define BAR_CELLS 30

enum cut_kind { CUT_RESET, CUT_FREEZE };

/* When so many messages have been sent, the link is cut so. */
static const struct {
  unsigned at;
  enum cut_kind kind;
} plan[CUTS] = {
    {120, CUT_RESET}, {300, CUT_FREEZE}, {480, CUT_RESET}, {660, CUT_FREEZE}, {840, CUT_RESET},
};

struct outage {
  uint64_t cut_us, open_us;
  uint64_t delay_ms; /* of all its retries */
  enum cut_kind kind;
};

struct demo {
  uv_loop_t loop;
  struct net_loop *net;
  struct demo_server *server;
  struct demo_cutter *cutter;
  limpet_client *client;
  uv_timer_t pace, draw;
  struct demo_tally up, down;
  unsigned sent, cuts;
  struct outage outages[CUTS];
  uint64_t start_ms;
  limpet_metrics metrics;
  bool is_live, is_drawn, is_over, is_late;
};

static uint64_t now_us(void) {
  return uv_hrtime() / 1000;
}

static double seconds(const struct demo *demo) {
  return (double)(limpet_now_ms() - demo->start_ms) / 1000;
}

/* Where there is no terminal the story is told line by line. */
static void tell(const struct demo *demo, const char *what, const char *more) {
  if (demo->is_live)
    return;
  printf("  %6.2f s  %s%s\n", seconds(demo), what, more);
  fflush(stdout);
}

/* ---- the live view ---- */

static void draw_bar(const char *label, unsigned done) {
  const unsigned filled = done * BAR_CELLS / DEMO_MESSAGES;
  printf("  %s  ", label);
  for (unsigned i = 0; i < BAR_CELLS; i++)
    fputs(i < filled ? "█" : "░", stdout);
  printf("  %4u of %u\033[K\n", done, DEMO_MESSAGES);
}

static void draw(struct demo *demo) {
  char status[160];
  limpet_snapshot s;
  limpet_status_text(demo->client, true, status, sizeof status);
  limpet_get_snapshot(demo->client, &s, sizeof s);
  if (demo->is_drawn)
    printf("\033[%dA", VIEW_LINES);
  demo->is_drawn = true;
  printf("  %s%s%s\033[K\n\n", screen_colour(screen_state_colour(s.state)), status,
         screen_colour(SCREEN_PLAIN));
  printf("  attempt %u   queue %u   cuts %u of %d%s\033[K\n\n", s.attempt,
         s.metrics.queued_messages, demo->cuts, CUTS,
         !demo->cuts                              ? ""
         : plan[demo->cuts - 1].kind == CUT_RESET ? " (the last: reset)"
                                                  : " (the last: frozen)");
  draw_bar("client → server", demo->up.received);
  draw_bar("server → client", demo->down.received);
  fflush(stdout);
}

static void on_draw(uv_timer_t *timer) {
  struct demo *demo = timer->data;
  if (demo->is_live && !demo->is_over)
    draw(demo);
}

/* ---- the client ---- */

static void write_url(const struct demo *demo, char *url, size_t cap) {
  (void)snprintf(url, cap, "ws://127.0.0.1:%u/demo?after=%u", demo_cutter_port(demo->cutter),
                 demo->down.highest);
}

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  struct demo *demo = user;
  char text[32];
  (void)client;
  (void)snprintf(text, sizeof text, "%.*s", (int)(len < 31 ? len : 31), data);
  demo_tally_take(&demo->down, (unsigned)strtoul(text + 5, NULL, 10)); /* "down N" */
}

static void on_open(limpet_client *client, void *user) {
  struct demo *demo = user;
  (void)client;
  if (demo->cuts && !demo->outages[demo->cuts - 1].open_us)
    demo->outages[demo->cuts - 1].open_us = now_us();
}

/* The next dial asks for what comes after the last message that arrived. */
static void on_retry(limpet_client *client, const limpet_retry *retry, void *user) {
  struct demo *demo = user;
  char url[128];
  write_url(demo, url, sizeof url);
  (void)limpet_set_url(client, url, NULL);
  if (demo->cuts)
    demo->outages[demo->cuts - 1].delay_ms += retry->delay_ms;
  (void)snprintf(url, sizeof url, "%u in %llu ms", retry->attempt,
                 (unsigned long long)retry->delay_ms);
  tell(demo, "retry ", url);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  (void)client;
  (void)from;
  (void)reason;
  tell(user, "state ", limpet_state_name(to));
}

static bool start_client(struct demo *demo) {
  char url[128], detail[LIMPET_DETAIL_CAP];
  limpet_options o;
  limpet_options_init(&o, sizeof o);
  write_url(demo, url, sizeof url);
  o.url = url;
  o.user = demo;
  o.callbacks = (limpet_callbacks){
      .on_text = on_text, .on_open = on_open, .on_retry = on_retry, .on_state = on_state};
  o.confirm = LIMPET_CONFIRM_BARRIER;
  o.queue_limit = DEMO_MESSAGES;
  o.initial_delay_ms = 200;
  o.stable_after_ms = 1000;
  o.heartbeat_interval_ms = 400;
  o.heartbeat_timeout_ms = 300;
  if (limpet_new(&o, (struct uv_loop_s *)&demo->loop, &demo->client, detail) != LIMPET_OK) {
    (void)complain("%s", detail);
    return false;
  }
  return limpet_connect(demo->client) == LIMPET_OK;
}

/* ---- the story ---- */

static void cut(struct demo *demo) {
  const enum cut_kind kind = plan[demo->cuts].kind;
  demo->outages[demo->cuts++] = (struct outage){.cut_us = now_us(), .kind = kind};
  tell(demo, "cut: the connection is ", kind == CUT_RESET ? "reset" : "frozen");
  if (kind == CUT_RESET)
    demo_cutter_reset(demo->cutter);
  else
    demo_cutter_freeze(demo->cutter);
}

static void send_one(struct demo *demo) {
  char text[32];
  if (demo->sent == DEMO_MESSAGES)
    return;
  const int len = snprintf(text, sizeof text, "up %u", demo->sent + 1);
  if (limpet_send_text(demo->client, text, (size_t)len, NULL, NULL) == LIMPET_OK)
    demo->sent++;
}

static bool is_complete(const struct demo *demo) {
  return demo->up.received == DEMO_MESSAGES && demo->down.received == DEMO_MESSAGES &&
         demo->cuts == CUTS && demo->outages[CUTS - 1].open_us;
}

static void end(struct demo *demo) {
  limpet_snapshot s;
  if (demo->is_live)
    draw(demo);
  demo->is_over = true;
  limpet_get_snapshot(demo->client, &s, sizeof s);
  demo->metrics = s.metrics;
  uv_close((uv_handle_t *)&demo->pace, NULL);
  uv_close((uv_handle_t *)&demo->draw, NULL);
  limpet_stop(demo->client, 1000);
  demo_cutter_free(demo->cutter);
  demo_server_free(demo->server);
  net_loop_release(demo->net);
}

static void on_pace(uv_timer_t *timer) {
  struct demo *demo = timer->data;
  demo->is_late = limpet_now_ms() - demo->start_ms > TIME_MAX_MS;
  if (demo->is_late || is_complete(demo)) {
    end(demo);
    return;
  }
  if (demo->cuts < CUTS && demo->sent >= plan[demo->cuts].at)
    cut(demo);
  send_one(demo);
  demo_server_produce(demo->server);
}

/* ---- the table ---- */

static int compare(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static uint64_t median(uint64_t *values, unsigned count) {
  qsort(values, count, sizeof *values, compare);
  return count ? values[count / 2] : 0;
}

static void print_row(const char *label, unsigned up, unsigned down) {
  printf("  %-38s %17u %17u\n", label, up, down);
}

static void print_times(const struct demo *demo) {
  uint64_t back[CUTS] = {0}, pure[CUTS] = {0};
  unsigned count = 0, resets = 0;
  for (unsigned i = 0; i < demo->cuts; i++) {
    const struct outage *o = &demo->outages[i];
    if (!o->open_us)
      continue;
    const uint64_t whole = o->open_us - o->cut_us, delay = o->delay_ms * 1000;
    back[count++] = whole;
    if (o->kind == CUT_RESET)
      pure[resets++] = whole > delay ? whole - delay : 0;
  }
  const double middle = (double)median(back, count) / 1000;
  printf("\n  reconnects %u, longest outage %llu ms\n", demo->metrics.reconnects,
         (unsigned long long)demo->metrics.longest_outage_ms);
  printf("  from a cut to open again: median %.0f ms, worst %.0f ms\n", middle,
         count ? (double)back[count - 1] / 1000 : 0.0);
  printf("  from a reset to open again, first delay aside: median %.1f ms\n",
         (double)median(pure, resets) / 1000);
}

static bool is_clean(const struct demo *demo) {
  return is_complete(demo) && !demo->up.out_of_order && !demo->down.out_of_order &&
         !demo_tally_repeated(&demo->up) && !demo_tally_repeated(&demo->down) &&
         demo->metrics.reconnects >= CUTS;
}

static int print_table(const struct demo *demo) {
  const struct demo_tally *up = &demo->up, *down = &demo->down;
  printf("\n  %-38s %17s %17s\n", "", "client to server", "server to client");
  print_row("sent", demo->sent, DEMO_MESSAGES);
  print_row("received", up->received, down->received);
  print_row("lost", demo->sent - up->received, DEMO_MESSAGES - down->received);
  print_row("out of order", up->out_of_order, down->out_of_order);
  print_row("repeated on the wire", up->on_wire - up->received, down->on_wire - down->received);
  print_row("repeated after dropping known numbers", demo_tally_repeated(up),
            demo_tally_repeated(down));
  print_times(demo);
  const bool clean = is_clean(demo);
  printf("\n  %s%s%s\n", screen_colour(clean ? SCREEN_GREEN : SCREEN_RED),
         clean           ? "Nothing was lost."
         : demo->is_late ? "The demo did not finish within a minute."
                         : "The table is not clean.",
         screen_colour(SCREEN_PLAIN));
  return clean ? EXIT_DONE : EXIT_DROPPED;
}

static bool start_world(struct demo *demo) {
  char detail[256] = "out of memory";
  int error = 0;
  demo->start_ms = limpet_now_ms();
  uv_loop_init(&demo->loop);
  demo->net = net_loop_acquire(&demo->loop, &memory_default, &error);
  if (demo->net)
    demo->server = demo_server_new(demo->net, &demo->up, detail, sizeof detail);
  if (demo->server)
    demo->cutter = demo_cutter_new(&demo->loop, demo_server_port(demo->server));
  if (!demo->cutter)
    (void)complain("the demo's server cannot start: %s", detail);
  return demo->cutter != NULL;
}

static void start_timers(struct demo *demo) {
  uv_timer_init(&demo->loop, &demo->pace);
  uv_timer_init(&demo->loop, &demo->draw);
  demo->pace.data = demo->draw.data = demo;
  uv_timer_start(&demo->pace, on_pace, PACE_MS, PACE_MS);
  uv_timer_start(&demo->draw, on_draw, 0, DRAW_MS);
}

static int run(void) {
  static struct demo demo;
  demo.is_live = isatty(STDOUT_FILENO) == 1;
  screen_init(false);
  printf("\n  Limpet demo: %u numbered messages each way, %d cuts of a real connection,\n"
         "  a client that keeps each message until its arrival is proven.\n\n",
         DEMO_MESSAGES, CUTS);
  fflush(stdout);
  if (!start_world(&demo) || !start_client(&demo))
    return EXIT_USAGE;
  start_timers(&demo);
  uv_run(&demo.loop, UV_RUN_DEFAULT);
  uv_loop_close(&demo.loop);
  return print_table(&demo);
}

int demo_main(int argc, char **argv) {
  if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
    puts("Usage: limpet demo\n\n"
         "Runs a WebSocket server, a bad network and a client in this process: 1,000 numbered\n"
         "messages flow each way while the connection is reset and frozen five times. The\n"
         "exit status is 0 if nothing was lost, repeated to the application or out of order.\n\n"
         "Example:\n  limpet demo");
    return EXIT_DONE;
  }
  if (argc > 1)
    return complain("demo takes no arguments, not '%s'", argv[1]);
  return run();
}
