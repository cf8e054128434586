/* Reading RFC 3339. */
#include "rfc3339.h"

/* `count` digits; -1: something else stands there. */
static int read_digits(const char **at, int count) {
  int value = 0;
  for (int i = 0; i < count; i++, ++*at) {
    if (**at < '0' || **at > '9')
      return -1;
    value = value * 10 + (**at - '0');
  }
  return value;
}

static bool skip(const char **at, char upper, char other) {
  if (**at != upper && **at != other)
    return false;
  ++*at;
  return true;
}

static bool is_leap(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days before the first of a month, then of a year, since 1970. */
static bool count_days(int year, int month, int day, int64_t *days) {
  static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
  if (year < 1970 || month < 1 || month > 12 || day < 1)
    return false;
  const int leap_day = is_leap(year);
  if (day > before[month] - before[month - 1] + (leap_day && month == 2))
    return false;
  const int past = year - 1;
  *days = (int64_t)(year - 1970) * 365 + (past / 4 - past / 100 + past / 400) -
          (1969 / 4 - 1969 / 100 + 1969 / 400) + before[month - 1] + (leap_day && month > 2) + day -
          1;
  return true;
}

static bool read_date(const char **at, int64_t *days) {
  const int year = read_digits(at, 4);
  if (year < 0 || !skip(at, '-', '-'))
    return false;
  const int month = read_digits(at, 2);
  if (month < 0 || !skip(at, '-', '-'))
    return false;
  return count_days(year, month, read_digits(at, 2), days);
}

static bool read_clock(const char **at, int64_t *seconds, bool has_seconds) {
  const int hour = read_digits(at, 2);
  if (hour < 0 || hour > 23 || !skip(at, ':', ':'))
    return false;
  const int minute = read_digits(at, 2);
  int second = 0;
  if (minute < 0 || minute > 59)
    return false;
  if (has_seconds && (!skip(at, ':', ':') || (second = read_digits(at, 2)) < 0 || second > 60))
    return false;
  *seconds = hour * 3600 + minute * 60 + second;
  return true;
}

static bool read_fraction(const char **at, int64_t *ms) {
  int digits = 0;
  *ms = 0;
  if (!skip(at, '.', '.'))
    return true;
  for (; **at >= '0' && **at <= '9'; ++*at)
    if (digits++ < 3)
      *ms = *ms * 10 + (**at - '0');
  for (int i = digits; i < 3; i++)
    *ms *= 10;
  return digits > 0;
}

static bool read_offset(const char **at, int64_t *seconds) {
  *seconds = 0;
  if (skip(at, 'Z', 'z'))
    return true;
  const bool is_west = **at == '-';
  if (!skip(at, '+', '-') || !read_clock(at, seconds, false))
    return false;
  if (is_west)
    *seconds = -*seconds;
  return true;
}

bool rfc3339_read(const char *text, int64_t *ms) {
  int64_t days, seconds, fraction, offset;
  if (!read_date(&text, &days) || !(skip(&text, 'T', 't') || skip(&text, ' ', ' ')) ||
      !read_clock(&text, &seconds, true) || !read_fraction(&text, &fraction) ||
      !read_offset(&text, &offset) || *text)
    return false;
  *ms = (days * 86400 + seconds - offset) * 1000 + fraction;
  return true;
}
