#include "client_diary.h"
#include "parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void diary_add(struct diary *diary, const char *format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  (void)vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (diary->is_over)
    fail_msg("after the end: %s", line);
  if (diary->count == diary->cap) {
    diary->cap = diary->cap ? 2 * diary->cap : 64;
    diary->lines = realloc(diary->lines, diary->cap * sizeof *diary->lines);
    assert_non_null(diary->lines);
  }
  diary->lines[diary->count++] = strdup(line);
  if (diary->react)
    diary->react(diary, line);
}

/* ---- the callbacks ---- */

static void on_text(limpet_client *client, const char *data, size_t len, void *user) {
  struct diary *diary = user;
  assert_ptr_equal(client, diary->client);
  diary->texts_count++;
  diary_add(diary, "text %.*s", len < 64 ? (int)len : 64, data);
}

static void on_binary(limpet_client *client, const void *data, size_t len, void *user) {
  (void)client, (void)data;
  diary_add(user, "binary %zu", len);
}

static void on_state(limpet_client *client, limpet_state from, limpet_state to,
                     limpet_reason reason, void *user) {
  struct diary *diary = user;
  (void)client;
  diary_add(diary, "state %s>%s %s", limpet_state_name(from), limpet_state_name(to),
            limpet_reason_name(reason));
  if (to == LIMPET_CLOSED && diary->is_stopped)
    diary->is_over = true;
}

static void on_open(limpet_client *client, void *user) {
  (void)client;
  diary_add(user, "open");
}

static void on_close(limpet_client *client, const limpet_close_info *info, void *user) {
  (void)client;
  diary_add(user, "close %u %s%s%s", info->code, info->was_clean ? "clean" : "unclean",
            *info->reason ? " " : "", info->reason);
}

static void on_error(limpet_client *client, const limpet_error *error, void *user) {
  (void)client;
  assert_non_null(error->message);
  assert_non_null(error->detail);
  diary_add(user, "error %s %s", limpet_error_kind_name(error->kind),
            error->retryable ? "retry" : "final");
}

static void on_typing(limpet_client *client, const char *conversation_id, const char *user_id,
                      void *user) {
  (void)client;
  diary_add(user, "typing %s %s", conversation_id, user_id);
}

static void on_fate(limpet_client *client, const limpet_fate_report *report, void *user) {
  const bool is_dropped = report->fate == LIMPET_FATE_DROPPED;
  (void)client;
  diary_add(user, "fate %llu %s%s%s %u", (unsigned long long)report->id,
            limpet_fate_name(report->fate), is_dropped ? " " : "",
            is_dropped ? limpet_drop_name(report->drop) : "", report->attempts);
}

static void on_high_water(limpet_client *client, void *user) {
  (void)client;
  diary_add(user, "high");
}

static void on_drained(limpet_client *client, void *user) {
  (void)client;
  diary_add(user, "drained");
}

static void on_heartbeat(limpet_client *client, uint32_t rtt_us, void *user) {
  struct diary *diary = user;
  (void)client, (void)rtt_us;
  diary->heartbeats_count++;
  diary_add(diary, "heartbeat");
}

static void on_retry(limpet_client *client, const limpet_retry *retry, void *user) {
  (void)client;
  diary_add(user, "retry %u", retry->attempt);
}

static void on_log(limpet_client *client, limpet_log_level level, const char *line, void *user) {
  (void)client, (void)level;
  assert_non_null(line);
  diary_add(user, "log");
}

static limpet_decision policy(limpet_client *client, const limpet_error *error,
                              limpet_decision proposed, void *user) {
  struct diary *diary = user;
  (void)client;
  diary_add(diary, "policy %s", limpet_error_kind_name(error->kind));
  return diary->obeys ? proposed : diary->decision;
}

void diary_flush(limpet_client *client, limpet_result result, void *user) {
  (void)client;
  diary_add(user, "flush %s", limpet_result_name(result));
}

/* ---- the diary ---- */

void diary_init(struct diary *diary, limpet_options *options, const char *url, unsigned wants) {
  memset(diary, 0, sizeof *diary);
  diary->obeys = true;
  diary->wants = wants;
  limpet_options_init(options, sizeof *options);
  options->url = url;
  options->user = diary;
  options->callbacks = (limpet_callbacks){
      .on_text = on_text,
      .on_binary = on_binary,
      .on_state = on_state,
      .on_open = on_open,
      .on_close = on_close,
      .on_error = on_error,
      .on_typing = HAS_JSON && wants & DIARY_TYPING ? on_typing : NULL,
      .on_fate = wants & DIARY_FATES ? on_fate : NULL,
      .on_high_water = on_high_water,
      .on_drained = on_drained,
      .on_heartbeat = wants & DIARY_HEARTBEATS ? on_heartbeat : NULL,
      .on_retry = on_retry,
      .on_log = wants & DIARY_LOGS ? on_log : NULL,
      .policy = wants & DIARY_POLICY ? policy : NULL,
  };
  options->initial_delay_ms = 1;
}

void diary_deinit(struct diary *diary) {
  diary_clear(diary);
  free(diary->lines);
  diary->lines = NULL;
}

limpet_client *diary_new(struct diary *diary, const limpet_options *options,
                         struct uv_loop_s *loop) {
  char detail[LIMPET_DETAIL_CAP];
  if (limpet_new(options, loop, &diary->client, detail) != LIMPET_OK)
    fail_msg("limpet_new: %s", detail);
  return diary->client;
}

void diary_stop(struct diary *diary, uint32_t deadline_ms) {
  diary->is_stopped = true;
  limpet_stop(diary->client, deadline_ms);
}

size_t diary_find(const struct diary *diary, const char *start, size_t from) {
  for (size_t i = from; i < diary->count; i++)
    if (strncmp(diary->lines[i], start, strlen(start)) == 0)
      return i;
  return SIZE_MAX;
}

size_t diary_lines(const struct diary *diary, const char *start) {
  size_t count = 0;
  for (size_t i = diary_find(diary, start, 0); i != SIZE_MAX; i = diary_find(diary, start, i + 1))
    count++;
  return count;
}

bool diary_has(const struct diary *diary, const char *start) {
  return diary_find(diary, start, 0) != SIZE_MAX;
}

void diary_clear(struct diary *diary) {
  for (size_t i = 0; i < diary->count; i++)
    free(diary->lines[i]);
  diary->count = 0;
}

void diary_is(const struct diary *diary, const char *const *lines) {
  size_t same = 0;
  while (lines[same] && same < diary->count && strcmp(lines[same], diary->lines[same]) == 0)
    same++;
  if (!lines[same] && same == diary->count)
    return;
  for (size_t i = 0; i < diary->count; i++)
    print_message("  %s %s\n", i == same ? "->" : "  ", diary->lines[i]);
  fail_msg("line %zu should be: %s", same, lines[same] ? lines[same] : "(the end)");
}

limpet_state diary_state(const struct diary *diary) {
  limpet_snapshot snapshot;
  limpet_get_snapshot(diary->client, &snapshot, sizeof snapshot);
  return snapshot.state;
}
