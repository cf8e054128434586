/*
 * One dial without retries, and one heartbeat. The client reports each step that works; the first
 * error belongs to the step behind the last one reported. The lines of --on-open are sent, since
 * some servers answer nothing before they know who is there.
 */
#include "check.h"

#include "check_view.h"
#include "cli.h"
#include "events.h"
#include "glyph.h"
#include "open_loop.h"
#include "screen.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

struct check {
  struct connect_options *options;
  uv_loop_t loop;
  limpet_client *client;
  bool is_secure, is_unix;
  enum check_step next; /* the step under way */
  bool has_failed, is_finished;
  int status;
};

static const char *label_of(const struct check *check, enum check_step step) {
  static const char *const labels[] = {
      [CHECK_DNS] = "DNS",
      [CHECK_TCP] = "TCP",
      [CHECK_PROXY] = "Proxy",
      [CHECK_TLS] = "TLS",
      [CHECK_UPGRADE] = "Upgrade",
      [CHECK_ON_OPEN] = "On-open",
      [CHECK_HEARTBEAT] = "Heartbeat",
  };
  return step == CHECK_TCP && check->is_unix ? "Socket" : labels[step];
}

static void finish(struct check *check, int status) {
  if (check->is_finished)
    return;
  check->is_finished = true;
  check->status = status;
  events_metrics(check->client);
  limpet_stop(check->client, check->options->client.close_timeout_ms);
}

static void fail(struct check *check, enum check_step step, const limpet_error *error) {
  if (check->has_failed || check->is_finished)
    return;
  check->has_failed = true;
  check_view_failed(step, label_of(check, step), error);
}

/* ---- what the client reports ---- */

/* What was reached may be the proxy, which has not let us through yet. */
static bool is_of_proxy(const limpet_step_report *report) {
  for (size_t i = 0; i < report->facts_count; i++)
    if (strcmp(report->facts[i].name, "proxy") == 0)
      return true;
  return false;
}

static enum check_step behind_way(const struct check *check) {
  return check->is_secure ? CHECK_TLS : CHECK_UPGRADE;
}

/* Which step a report is about, and which one comes then. */
static enum check_step take_step(struct check *check, const limpet_step_report *report) {
  switch (report->step) {
  case LIMPET_STEP_LOOK_UP:
    check->next = CHECK_TCP;
    return CHECK_DNS;
  case LIMPET_STEP_CONNECTED:
    check->next = is_of_proxy(report) ? CHECK_PROXY : behind_way(check);
    return CHECK_TCP;
  case LIMPET_STEP_PROXY:
    check->next = behind_way(check);
    return CHECK_PROXY;
  case LIMPET_STEP_TLS:
    check->next = CHECK_UPGRADE;
    return CHECK_TLS;
  default:
    check->next = CHECK_HEARTBEAT;
    return CHECK_UPGRADE;
  }
}

static void on_step(limpet_client *client, const limpet_step_report *report, void *user) {
  struct check *check = user;
  (void)client;
  const enum check_step step = take_step(check, report);
  check_view_passed(step, label_of(check, step), report);
}

static void on_error(limpet_client *client, const limpet_error *error, void *user) {
  struct check *check = user;
  (void)client;
  events_error(error);
  if (error->kind == LIMPET_ERROR_GAVE_UP)
    return;
  fail(check, error->kind == LIMPET_ERROR_PROXY ? CHECK_PROXY : check->next, error);
}

/* False: the check is over. */
static bool greet(struct check *check) {
  char error[ON_OPEN_ERROR_CAP], count_text[32];
  unsigned count;
  const struct on_open on_open = connect_options_on_open(check->options);
  if (!on_open.path)
    return true;
  if (!on_open_send(&on_open, check->client, &count, error)) {
    const limpet_error failure = {.kind = LIMPET_ERROR_INVALID_ARGUMENT,
                                  .retryable = true,
                                  .message = "Unusable input",
                                  .detail = error};
    fail(check, CHECK_ON_OPEN, &failure);
    finish(check, EXIT_USAGE);
    return false;
  }
  (void)snprintf(count_text, sizeof count_text, "%u message%s sent", count, count == 1 ? "" : "s");
  const limpet_fact fact = {"sent", count_text};
  check_view_passed(CHECK_ON_OPEN, label_of(check, CHECK_ON_OPEN),
                    &(limpet_step_report){.facts = &fact, .facts_count = 1});
  return true;
}

static void on_open(limpet_client *client, void *user) {
  if (!greet(user))
    return;
  limpet_ready(client);
  limpet_ask(client);
}

static void on_heartbeat(limpet_client *client, uint32_t rtt_us, void *user) {
  struct check *check = user;
  static const char *const dialects[] = {"a ping frame", "{\"type\":\"ping\"}",
                                         "{\"type\":\"heartbeat\"}", "a ping frame"};
  char text[64];
  (void)client;
  if (check->is_finished || check->has_failed)
    return;
  (void)snprintf(text, sizeof text, "%s was answered", dialects[check->options->client.heartbeat]);
  const limpet_fact fact = {"answer", text};
  const limpet_step_report report = {.took_us = rtt_us, .facts = &fact, .facts_count = 1};
  check_view_passed(CHECK_HEARTBEAT, label_of(check, CHECK_HEARTBEAT), &report);
  check_view_all_passed();
  finish(check, EXIT_DONE);
}

/* Waiting is for those who have time; a check wants to know now. */
static void fail_offline(struct check *check) {
  const limpet_error error = {.kind = LIMPET_ERROR_NETWORK_UNREACHABLE,
                              .retryable = true,
                              .message = "Waiting for network",
                              .detail = "this machine has no way to the server, or to its proxy"};
  fail(check, check->next, &error);
  finish(check, EXIT_GAVE_UP);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  (void)client;
  events_state(from, to, reason);
  if (to == LIMPET_FAILED)
    finish(user, EXIT_GAVE_UP);
  else if (to == LIMPET_ERROR)
    finish(user, EXIT_CRITICAL);
  else if (to == LIMPET_WAITING_FOR_NETWORK)
    fail_offline(user);
}

static void on_log(limpet_client *client, limpet_log_level level, const char *line, void *user) {
  (void)client;
  (void)user;
  events_log(level, line);
}

/* ---- the run ---- */

static void adjust(struct check *check) {
  limpet_options *o = &check->options->client;
  o->max_retries = 0;
  o->fallbacks = NULL; /* one address a check */
  o->outbox = NULL;
  o->confirm = LIMPET_CONFIRM_NONE;
  o->hold_until_ready = true;
  o->user = check;
  o->on_step = on_step;
  o->callbacks = (limpet_callbacks){
      .on_open = on_open,
      .on_heartbeat = on_heartbeat,
      .on_state = on_state,
      .on_error = on_error,
      .on_log = check->options->is_verbose ? on_log : NULL,
  };
}

static bool has_scheme(const char *url, const char *scheme) {
  return strncasecmp(url, scheme, strlen(scheme)) == 0;
}

static int start(struct check *check) {
  char detail[LIMPET_DETAIL_CAP];
  const limpet_options *o = &check->options->client;
  const limpet_result result =
      limpet_new(o, (struct uv_loop_s *)&check->loop, &check->client, detail);
  if (result != LIMPET_OK) {
    events_refused(result, detail);
    return result == LIMPET_INVALID_ARGUMENT ? EXIT_USAGE : EXIT_CRITICAL;
  }
  check->is_secure = has_scheme(o->url, "wss:");
  check->is_unix = has_scheme(o->url, "ws+unix:");
  check->next = check->is_unix ? CHECK_TCP : CHECK_DNS;
  check_view_begin(o->url);
  limpet_connect(check->client);
  return EXIT_DONE;
}

/* The rows say it all: of the events only those for programs are wanted. */
static enum event_format events_wanted(const struct connect_options *options) {
  const bool is_wanted = options->events == EVENTS_JSON || options->is_verbose;
  return is_wanted ? options->events : EVENTS_NONE;
}

int check_run(struct connect_options *options) {
  struct check check = {.options = options};
  char what[128];
  glyph_init();
  screen_init(false);
  events_init(events_wanted(options), options->is_verbose);
  adjust(&check);
  if (!open_loop(&check.loop))
    return EXIT_CRITICAL;
  /* It may be over when it has hardly begun: then it has a status already. */
  const int started = start(&check);
  if (started != EXIT_DONE)
    check.status = started;
  uv_run(&check.loop, UV_RUN_DEFAULT);
  uv_loop_close(&check.loop);
  if (check_view_end())
    return check.status;
  (void)snprintf(what, sizeof what, "cannot write to standard output: %s", strerror(errno));
  events_unusable(what);
  return EXIT_USAGE;
}
