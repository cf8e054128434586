/*
 * bench-limpet: the same jobs as bench-raw, through the public API of liblimpet and nothing else,
 * on a loop of the caller's. Options are the defaults, but for what a job needs: room for its
 * messages, and retries without delay where the peer resets the connection.
 *
 *   bench-limpet [--tls CA.PEM] PORT MODE KIND SIZE COUNT     one line of JSON
 */
#include "common.h"

#include <inttypes.h>
#include <limpet/limpet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct run {
  struct job job;
  struct stopwatch watch;
  char *text; /* job.size bytes, what is sent */
  uint64_t done_count;
  struct laps laps;
  bool is_paused;
  uint64_t lost_at_ns;  /* MODE_RESET */
  uint64_t *outages_ns; /* MODE_RESET: from the loss to the next opening, job.count of them */
};

static void check_detail(limpet_result result, const char *what, const char *detail) {
  if (result == LIMPET_OK)
    return;
  fprintf(stderr, "bench: %s: %s %s\n", what, limpet_result_text(result), detail);
  exit(1);
}

static void check(limpet_result result, const char *what) {
  check_detail(result, what, "");
}

static void finish(struct run *run, limpet_client *client) {
  stopwatch_stop(&run->watch);
  limpet_stop(client, 0);
}

static void send_go(limpet_client *client) {
  check(limpet_send_text(client, GO_TEXT, strlen(GO_TEXT), NULL, NULL), "send");
}

static void send_one(struct run *run, limpet_client *client) {
  check(limpet_send_text(client, run->text, run->job.size, NULL, NULL), "send");
}

static void send_ping(struct run *run, limpet_client *client) {
  laps_begin(&run->laps);
  send_one(run, client);
}

/** Sends until the library says that enough waits, as an application would. */
static void send_burst(struct run *run, limpet_client *client) {
  for (; run->done_count < run->job.count && !run->is_paused; run->done_count++)
    send_one(run, client);
}

/* ---- callbacks --------------------------------------------------------------------------- */

static void on_text_receive(limpet_client *client, const char *data, size_t len, void *user) {
  struct run *const run = user;
  (void)data;
  if (len != run->job.size)
    die("a message of another size");
  if (++run->done_count == run->job.count)
    finish(run, client);
}

static void on_text_pingpong(limpet_client *client, const char *data, size_t len, void *user) {
  struct run *const run = user;
  (void)data;
  (void)len;
  laps_end(&run->laps);
  if (++run->done_count == run->job.count)
    finish(run, client);
  else
    send_ping(run, client);
}

/** The peer's acknowledgement that it has read all. */
static void on_text_send(limpet_client *client, const char *data, size_t len, void *user) {
  (void)data;
  (void)len;
  finish(user, client);
}

static void on_high_water(limpet_client *client, void *user) {
  struct run *const run = user;
  (void)client;
  run->is_paused = true;
}

static void on_drained(limpet_client *client, void *user) {
  struct run *const run = user;
  run->is_paused = false;
  send_burst(run, client);
}

static void opened_after_reset(struct run *run, limpet_client *client) {
  if (run->done_count > 0)
    run->outages_ns[run->done_count - 1] = clock_ns() - run->lost_at_ns;
  if (run->done_count++ == run->job.count)
    finish(run, client);
  else
    send_go(client);
}

static void on_open(limpet_client *client, void *user) {
  struct run *const run = user;
  if (run->job.mode == MODE_CONNECT) {
    check(limpet_disconnect(client), "disconnect");
    return;
  }
  if (run->done_count == 0)
    stopwatch_start(&run->watch);
  if (run->job.mode == MODE_RECEIVE)
    send_go(client);
  else if (run->job.mode == MODE_SEND)
    send_burst(run, client);
  else if (run->job.mode == MODE_PINGPONG)
    send_ping(run, client);
  else
    opened_after_reset(run, client);
}

static void on_close(limpet_client *client, const limpet_close_info *info, void *user) {
  struct run *const run = user;
  (void)client;
  (void)info;
  run->lost_at_ns = clock_ns();
}

/** MODE_CONNECT: each conversation is closed cleanly, then the next one begins. */
static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  struct run *const run = user;
  (void)from;
  (void)reason;
  if (run->job.mode != MODE_CONNECT || to != LIMPET_CLOSED)
    return;
  if (run->done_count == 0)
    stopwatch_start(&run->watch); /* the first one warms up, and fetches a TLS session */
  if (run->done_count++ == run->job.count)
    finish(run, client);
  else
    check(limpet_connect(client), "connect");
}

static void on_error(limpet_client *client, const limpet_error *error, void *user) {
  struct run *const run = user;
  (void)client;
  if (run->job.mode == MODE_RESET && error->kind == LIMPET_ERROR_CONNECTION_LOST)
    return;
  fprintf(stderr, "bench: %s: %s\n", error->message, error->detail);
  exit(1);
}

static limpet_decision retry_now(limpet_client *client, const limpet_error *error,
                                 limpet_decision proposed, void *user) {
  (void)client;
  (void)error;
  (void)proposed;
  (void)user;
  return LIMPET_RETRY_NOW;
}

/* ---- main -------------------------------------------------------------------------------- */

static void callbacks_choose(limpet_callbacks *callbacks, enum mode mode) {
  callbacks->on_open = on_open;
  callbacks->on_close = on_close;
  callbacks->on_state = on_state;
  callbacks->on_error = on_error;
  callbacks->on_high_water = on_high_water;
  callbacks->on_drained = on_drained;
  if (mode == MODE_RECEIVE)
    callbacks->on_text = on_text_receive;
  else if (mode == MODE_SEND)
    callbacks->on_text = on_text_send;
  else if (mode == MODE_PINGPONG)
    callbacks->on_text = on_text_pingpong;
  else if (mode == MODE_RESET)
    callbacks->policy = retry_now;
}

static limpet_client *client_new(struct run *run, uv_loop_t *loop, const char *ca_file,
                                 const char *port) {
  char path[JOB_PATH_CAP], url[160], detail[LIMPET_DETAIL_CAP] = "";
  limpet_options options;
  limpet_client *client;
  job_path(&run->job, path);
  snprintf(url, sizeof url, "%s://127.0.0.1:%s%s", ca_file != NULL ? "wss" : "ws", port, path);
  limpet_options_init(&options, sizeof options);
  options.url = url;
  options.user = run;
  options.tls_ca_file = ca_file;
  options.max_retries = run->job.mode == MODE_RESET ? LIMPET_RETRY_FOREVER : 0;
  /* Two messages may wait at the least, so that the socket never starves for one. */
  if (options.high_water < 2 * run->job.size)
    options.high_water = 2 * run->job.size;
  callbacks_choose(&options.callbacks, run->job.mode);
  check_detail(limpet_new(&options, loop, &client, detail), "limpet_new", detail);
  return client;
}

static int compare_u64(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

static void report(struct run *run) {
  stopwatch_print(&run->watch);
  if (run->job.mode == MODE_RESET) {
    qsort(run->outages_ns, run->job.count, sizeof run->outages_ns[0], compare_u64);
    printf(",\"time_back_ns\":%" PRIu64 ",\"time_back_max_ns\":%" PRIu64,
           run->outages_ns[run->job.count / 2], run->outages_ns[run->job.count - 1]);
  }
  laps_print(&run->laps);
  printf("}\n");
}

int main(int argc, char **argv) {
  struct client_args args;
  struct run run = {0};
  uv_loop_t loop;
  client_args_read(&args, argc, argv,
                   "usage: bench-limpet [--tls CA.PEM] PORT MODE KIND SIZE COUNT");
  if (args.job.mode == MODE_HOLD)
    die("idle clients are the business of bench-idle");
  run.job = args.job;
  run.text = must_alloc(run.job.size);
  text_fill(run.text, run.job.size, run.job.is_ascii);
  laps_init(&run.laps, &run.job);
  if (run.job.mode == MODE_RESET)
    run.outages_ns = must_alloc(run.job.count * sizeof run.outages_ns[0]);
  uv_loop_init(&loop);
  limpet_client *const client = client_new(&run, &loop, args.ca_file, args.port);
  check(limpet_connect(client), "connect");
  uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
  report(&run);
  free(run.outages_ns);
  free(run.text);
  return 0;
}
