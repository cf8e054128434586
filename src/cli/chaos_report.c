#include "chaos_report.h"

#include "cli.h"
#include "describe.h"
#include "json_text.h"

#include <stdio.h>
#include <stdlib.h>

/* A reader of the lines that stands still holds up no connection. */
static bool can_print(const char *before, const char *behind) {
  if (!can_complain())
    return false;
  const unsigned long long left_out = take_left_out();
  if (left_out)
    (void)fprintf(stderr, "%s%llu%s\n", before, left_out, behind);
  return true;
}

static bool can_print_text(void) {
  return can_print("lines left out: ", "");
}

/* ---- events as JSON ---- */

/* Takes `members`; "event" comes first. */
static void print_json(const char *event, json_t *members) {
  json_t *line = json_pack("{s:s}", "event", event);
  if (line && members)
    (void)json_object_update(line, members);
  json_decref(members);
  char *text = json_text(line);
  if (text && can_print("{\"event\":\"left_out\",\"count\":", "}"))
    (void)fprintf(stderr, "%s\n", text);
  free(text);
}

static uint64_t now_ms(const struct chaos_report *report) {
  return report->chaos ? chaos_now_ms(report->chaos) : 0;
}

static void print_seconds(uint64_t ms) {
  (void)fprintf(stderr, "%llu.%03llu s", (unsigned long long)(ms / 1000),
                (unsigned long long)(ms % 1000));
}

/* ---- connections ---- */

static void on_opened(void *user, const struct chaos_connection *connection) {
  const struct chaos_report *report = user;
  if (report->form == CHAOS_REPORT_JSON)
    print_json("opened", describe_connection(connection, now_ms(report)));
}

static void print_faults(uint32_t bits) {
  for (int kind = 0; kind < FAULT_KINDS_COUNT; kind++)
    if (bits & 1U << kind)
      (void)fprintf(stderr, " %s", fault_kind_name((enum fault_kind)kind));
}

static void print_ended(const struct chaos_connection *connection) {
  (void)fprintf(stderr, "connection %llu from %s, ", (unsigned long long)connection->id,
                connection->peer);
  print_seconds(connection->ended_ms - connection->opened_ms);
  (void)fprintf(stderr, ", up %llu bytes, down %llu bytes: %s",
                (unsigned long long)connection->up_len, (unsigned long long)connection->down_len,
                connection->result);
  if (connection->faults) {
    (void)fputs("; felt", stderr);
    print_faults(connection->faults);
  }
  (void)fputc('\n', stderr);
}

static void on_ended(void *user, const struct chaos_connection *connection) {
  const struct chaos_report *report = user;
  if (report->form == CHAOS_REPORT_JSON)
    print_json("ended", describe_connection(connection, now_ms(report)));
  else if (report->form == CHAOS_REPORT_TEXT && can_print_text())
    print_ended(connection);
}

static void on_refused(void *user, uint64_t id) {
  const struct chaos_report *report = user;
  if (report->form == CHAOS_REPORT_JSON)
    print_json("refused", json_pack("{s:I}", "id", (json_int_t)id));
}

/* ---- commands ---- */

static void print_command_json(const struct command *command, uint64_t connection,
                               enum chaos_source source, uint64_t at_ms, size_t hit_count) {
  static const char *const sources[] = {"command_line", "script", "random", "control"};
  char text[FAULT_TEXT_CAP];
  command_print(command, text);
  print_json("fault", json_pack("{s:s,s:o,s:s,s:I,s:I}", "fault", text, "connection",
                                connection ? json_integer((json_int_t)connection) : json_null(),
                                "source", sources[source], "connections_ended",
                                (json_int_t)hit_count, "t_ms", (json_int_t)at_ms));
}

/* A line that --script reads; what was for one connection cannot be said there. */
static void on_commanded(void *user, const struct command *command, uint64_t connection,
                         enum chaos_source source, uint64_t at_ms, size_t hit_count) {
  const struct chaos_report *report = user;
  char text[FAULT_TEXT_CAP], time[24];
  command_print(command, text);
  fault_print_time(at_ms, time);
  if (connection)
    printf("# %s connection %llu: %s\n", time, (unsigned long long)connection, text);
  else
    printf("%s %s\n", time, text);
  (void)fflush(stdout);
  if (report->form == CHAOS_REPORT_JSON)
    print_command_json(command, connection, source, at_ms, hit_count);
}

static void on_troubled(void *user, const char *detail) {
  const struct chaos_report *report = user;
  if (report->form == CHAOS_REPORT_JSON)
    print_json("trouble", json_pack("{s:s}", "detail", detail));
  else if (can_print_text())
    (void)fprintf(stderr, "limpet: %s\n", detail);
}

struct chaos_events chaos_report_events(struct chaos_report *report) {
  return (struct chaos_events){on_opened, on_ended, on_refused, on_commanded, on_troubled, report};
}

/* ---- beginning and end ---- */

void chaos_report_started(const struct chaos_report *report, const char *control) {
  const char *listen = chaos_address(report->chaos), *to = chaos_target_text(report->chaos);
  if (report->form == CHAOS_REPORT_JSON)
    print_json("started", json_pack("{s:s,s:s,s:o}", "listen", listen, "to", to, "control",
                                    control ? json_string(control) : json_null()));
  else if (report->form == CHAOS_REPORT_TEXT && can_print_text())
    (void)fprintf(stderr, "%s to %s%s%s\n", listen, to, control ? "; control: http://" : "",
                  control ? control : "");
}

void chaos_report_totals(const struct chaos_report *report) {
  const struct chaos_totals totals = chaos_totals(report->chaos);
  if (report->form == CHAOS_REPORT_JSON)
    print_json("totals",
               json_pack("{s:I,s:I,s:I,s:I,s:I}", "accepted", (json_int_t)totals.connections,
                         "refused", (json_int_t)totals.refused, "up_bytes",
                         (json_int_t)totals.up_len, "down_bytes", (json_int_t)totals.down_len,
                         "t_ms", (json_int_t)chaos_now_ms(report->chaos)));
  else if (report->form == CHAOS_REPORT_TEXT && can_print_text())
    (void)fprintf(stderr, "%llu connections, %llu refused, up %llu bytes, down %llu bytes\n",
                  (unsigned long long)totals.connections, (unsigned long long)totals.refused,
                  (unsigned long long)totals.up_len, (unsigned long long)totals.down_len);
}
