/*
 * limpet-autobahn-client URL AGENT: the client under test for the Autobahn suite's fuzzing server.
 * Asks how many cases there are, echoes its way through each, then asks for the reports.
 */
#include <limpet/limpet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define MESSAGE_MAX (17u << 20)
#define URL_CAP 1024

enum step { STEP_COUNT, STEP_CASES, STEP_REPORTS, STEP_DONE };

struct run {
  uv_loop_t loop;
  const char *base, *agent;
  enum step step;
  unsigned count, number;
  int status;
};

static void start_step(struct run *run);

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  struct run *run = user;
  if (run->step == STEP_COUNT) {
    char text[16];
    (void)snprintf(text, sizeof text, "%.*s", (int)len, data);
    run->count = (unsigned)strtoul(text, NULL, 10);
  } else if (run->step == STEP_CASES) {
    (void)limpet_send_text(client, data, len, NULL, NULL);
  }
}

static void on_binary(limpet_client *client, const void *data, size_t len, void *user) {
  const struct run *run = user;
  if (run->step == STEP_CASES)
    (void)limpet_send_binary(client, data, len, NULL, NULL);
}

static void next_step(struct run *run) {
  if (run->step == STEP_COUNT) {
    printf("%u cases\n", run->count);
    run->step = run->count ? STEP_CASES : STEP_DONE;
    run->status = run->count ? 0 : 1;
    run->number = 1;
  } else if (run->step == STEP_CASES && run->number < run->count) {
    run->number++;
  } else {
    run->step = run->step == STEP_CASES ? STEP_REPORTS : STEP_DONE;
  }
  if (run->step != STEP_DONE)
    start_step(run);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  (void)from;
  (void)reason;
  if (to == LIMPET_FAILED || to == LIMPET_ERROR)
    limpet_stop(client, 1000);
  else if (to == LIMPET_CLOSED)
    next_step(user);
}

static void write_url(const struct run *run, char *url) {
  if (run->step == STEP_COUNT)
    (void)snprintf(url, URL_CAP, "%s/getCaseCount", run->base);
  else if (run->step == STEP_CASES)
    (void)snprintf(url, URL_CAP, "%s/runCase?case=%u&agent=%s", run->base, run->number, run->agent);
  else
    (void)snprintf(url, URL_CAP, "%s/updateReports?agent=%s", run->base, run->agent);
}

static void start_step(struct run *run) {
  char url[URL_CAP], detail[LIMPET_DETAIL_CAP];
  limpet_client *client;
  limpet_options o;
  limpet_options_init(&o, sizeof o);
  write_url(run, url);
  o.url = url;
  o.user = run;
  o.callbacks =
      (limpet_callbacks){.on_text = on_text, .on_binary = on_binary, .on_state = on_state};
  o.max_retries = 0;
  o.heartbeat = LIMPET_DIALECT_OFF;
  o.compress = true;
  o.max_message = MESSAGE_MAX;
  o.high_water = 4 * (uint64_t)MESSAGE_MAX;
  o.queue_limit = 1000000;
  o.queue_limit_bytes = 1u << 30;
  o.connect_timeout_ms = 60000;
  if (limpet_new(&o, (struct uv_loop_s *)&run->loop, &client, detail) != LIMPET_OK) {
    fprintf(stderr, "%s\n", detail);
    run->status = 1;
    return;
  }
  (void)limpet_connect(client);
}

int main(int argc, char **argv) {
  static struct run run;
  if (argc != 3) {
    fputs("Usage: limpet-autobahn-client URL AGENT\n", stderr);
    return 1;
  }
  run.base = argv[1];
  run.agent = argv[2];
  uv_loop_init(&run.loop);
  start_step(&run);
  uv_run(&run.loop, UV_RUN_DEFAULT);
  uv_loop_close(&run.loop);
  return run.status;
}
