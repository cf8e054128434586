#include "log.h"

#include "protocol.h"
#include "text.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_CAP 2048

static uint64_t clock_ms(clockid_t clock) {
  struct timespec now;
  (void)clock_gettime(clock, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* A pipe whose reader stands still, or a stopped terminal, must not hold up the relay. What can be
   written to takes a page, which is more than a line. */
static bool can_print(void) {
  struct pollfd output = {.fd = STDERR_FILENO, .events = POLLOUT};
  return poll(&output, 1, 0) != 0;
}

static bool is_wanted(struct log *log, enum log_level level) {
  if (level == LOG_INFO && log->is_quiet)
    return false;
  if (can_print() && bucket_take(&log->bucket, LOG_RATE, clock_ms(CLOCK_MONOTONIC)))
    return true;
  log->left_out++;
  return false;
}

/* One call of the system, so that lines of several processes do not mix. */
static void print(const char *line) {
  (void)fputs(line, stderr);
  (void)fflush(stderr);
}

void log_line(struct log *log, enum log_level level, const char *event, const char *format, ...) {
  static const char *const levels[] = {"info", "error"};
  char line[LINE_CAP], pairs[LINE_CAP - 256], time[PROTOCOL_TIME_CAP], left_out[48] = "";
  va_list arguments;
  if (!is_wanted(log, level))
    return;
  if (log->left_out > 0)
    (void)snprintf(left_out, sizeof left_out, " left_out=%llu", (unsigned long long)log->left_out);
  log->left_out = 0;
  protocol_write_time((int64_t)clock_ms(CLOCK_REALTIME), time);
  va_start(arguments, format);
  (void)vsnprintf(pairs, sizeof pairs, format, arguments);
  va_end(arguments);
  (void)snprintf(line, sizeof line, "%s %s %s%s%s%s\n", time, levels[level], event, left_out,
                 *pairs ? " " : "", pairs);
  print(line);
}

static bool is_plain(const char *value) {
  for (const char *at = value; *at; at++)
    if (!text_is_token_character(*at) && !strchr("/:@,[]", *at))
      return false;
  return *value != '\0';
}

const char *log_value(const char *value, char out[LOG_VALUE_CAP]) {
  const char *quote = is_plain(value) ? "" : "\"";
  struct text_writer w = text_writer_begin(out, LOG_VALUE_CAP - 1); /* the last one fits always */
  text_put_string(&w, quote);
  for (const char *at = value; *at; at++) {
    if (*at == '"')
      text_put_string(&w, "\\x22");
    else
      text_put_escaped(&w, at, 1);
  }
  const size_t len = strlen(out);
  (void)snprintf(out + len, LOG_VALUE_CAP - len, "%s", quote);
  return out;
}
