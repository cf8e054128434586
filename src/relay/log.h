/*
 * Log lines on standard error: time, level, event, then name=value pairs. Values from the network
 * are quoted where they are not plain. No secrets: nobody hands any in.
 *
 * Bounded: beyond LOG_RATE lines a second, and while nobody reads, lines are left out, and counted
 * in the next one.
 */
#ifndef RELAY_LOG_H
#define RELAY_LOG_H

#include "bucket.h"

#include <stddef.h>

#define LOG_RATE 1000
#define LOG_VALUE_CAP 288

enum log_level { LOG_INFO, LOG_ERROR };

struct log {
  bool is_quiet; /* no LOG_INFO */
  struct bucket bucket;
  uint64_t left_out;
};

/** Writes one line; `format` gives the pairs, "" for none. */
void log_line(struct log *log, enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** The value as a log shows it: as it is, or in quotes with escapes. Returns `out`. */
const char *log_value(const char *value, char out[LOG_VALUE_CAP]);

#endif
