#include "handshake_date.h"

#include <string.h>

#define SECONDS_A_DAY 86400
#define RETRY_AFTER_S_MAX (UINT64_C(100) * 365 * SECONDS_A_DAY) /* beyond a century: a century */

struct date {
  int year, month, day, hour, minute, second; /* month and day from 1 */
};

/* ---- pieces: each moves the cursor past what it read, or answers false -------------- */

static bool take_text(const char **at, const char *wanted) {
  const size_t len = strlen(wanted);
  if (strncmp(*at, wanted, len) != 0)
    return false;
  *at += len;
  return true;
}

static bool take_number(const char **at, size_t digits, int *number) {
  *number = 0;
  for (; digits > 0; digits--, (*at)++) {
    if (**at < '0' || **at > '9')
      return false;
    *number = *number * 10 + (**at - '0');
  }
  return true;
}

/* Which of the names comes next, from 1. */
static bool take_name(const char **at, const char *const *names, int count, int *which) {
  for (*which = 1; *which <= count; (*which)++) {
    if (take_text(at, names[*which - 1]))
      return true;
  }
  return false;
}

static bool take_month(const char **at, int *month) {
  static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  return take_name(at, names, 12, month);
}

static bool take_weekday(const char **at) {
  static const char *const names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  int which;
  return take_name(at, names, 7, &which);
}

static bool take_long_weekday(const char **at) {
  static const char *const names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                      "Friday", "Saturday", "Sunday"};
  int which;
  return take_name(at, names, 7, &which);
}

static bool take_time(const char **at, struct date *d) {
  return take_number(at, 2, &d->hour) && take_text(at, ":") && take_number(at, 2, &d->minute) &&
         take_text(at, ":") && take_number(at, 2, &d->second);
}

/* ---- the calendar ------------------------------------------------------------- */

static bool is_leap(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month) {
  static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return days[month - 1] + (month == 2 && is_leap(year) ? 1 : 0);
}

/* Days from 1970-01-01 to the first of January of a year of four digits. */
static int64_t days_before_year(int year) {
  const int64_t y = year - 1;
  return y * 365 + y / 4 - y / 100 + y / 400 - 719162;
}

static bool is_on_calendar(const struct date *d) {
  return d->year >= 1 && d->day >= 1 && d->day <= month_days(d->year, d->month) && d->hour < 24 &&
         d->minute < 60 && d->second <= 60;
}

static int64_t seconds_since_1970(const struct date *d) {
  int64_t days = days_before_year(d->year) + d->day - 1;
  for (int month = 1; month < d->month; month++)
    days += month_days(d->year, month);
  return days * SECONDS_A_DAY + INT64_C(3600) * d->hour + INT64_C(60) * d->minute + d->second;
}

static int year_of(int64_t now_s) {
  int year = 1970 + (int)(now_s / (365 * SECONDS_A_DAY + SECONDS_A_DAY / 4));
  if (days_before_year(year + 1) * SECONDS_A_DAY <= now_s)
    year++;
  return year;
}

/* At most 50 years ahead, less than 50 behind: what seems further ahead is past (RFC 9110). */
static int full_year(int two_digits, int64_t now_s) {
  const int this_year = year_of(now_s);
  const int year = this_year - this_year % 100 + two_digits;
  if (year > this_year + 50)
    return year - 100;
  return year <= this_year - 50 ? year + 100 : year;
}

/* ---- the three forms ------------------------------------------------------------ */

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool read_fixdate(const char *at, struct date *d) {
  return take_weekday(&at) && take_text(&at, ", ") && take_number(&at, 2, &d->day) &&
         take_text(&at, " ") && take_month(&at, &d->month) && take_text(&at, " ") &&
         take_number(&at, 4, &d->year) && take_text(&at, " ") && take_time(&at, d) &&
         take_text(&at, " GMT") && *at == '\0';
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static bool read_rfc850(const char *at, int64_t now_s, struct date *d) {
  const bool is_read = take_long_weekday(&at) && take_text(&at, ", ") &&
                       take_number(&at, 2, &d->day) && take_text(&at, "-") &&
                       take_month(&at, &d->month) && take_text(&at, "-") &&
                       take_number(&at, 2, &d->year) && take_text(&at, " ") && take_time(&at, d) &&
                       take_text(&at, " GMT") && *at == '\0';
  if (is_read)
    d->year = full_year(d->year, now_s);
  return is_read;
}

/* Sun Nov  6 08:49:37 1994 */
static bool read_asctime(const char *at, struct date *d) {
  if (!take_weekday(&at) || !take_text(&at, " ") || !take_month(&at, &d->month) ||
      !take_text(&at, " "))
    return false;
  const bool is_day_read =
      take_text(&at, " ") ? take_number(&at, 1, &d->day) : take_number(&at, 2, &d->day);
  return is_day_read && take_text(&at, " ") && take_time(&at, d) && take_text(&at, " ") &&
         take_number(&at, 4, &d->year) && *at == '\0';
}

bool handshake_date_parse(const char *text, int64_t now_s, int64_t *date_s) {
  struct date d;
  if (!read_fixdate(text, &d) && !read_rfc850(text, now_s, &d) && !read_asctime(text, &d))
    return false;
  if (!is_on_calendar(&d))
    return false;
  *date_s = seconds_since_1970(&d);
  return true;
}

/* Digits only; what is too large to count is just large. */
static bool read_seconds(const char *value, uint64_t *seconds) {
  *seconds = 0;
  if (*value == '\0')
    return false;
  for (; *value != '\0'; value++) {
    if (*value < '0' || *value > '9')
      return false;
    *seconds = *seconds * 10 + (uint64_t)(*value - '0');
    if (*seconds > RETRY_AFTER_S_MAX)
      *seconds = RETRY_AFTER_S_MAX;
  }
  return true;
}

uint64_t handshake_date_retry_after_ms(const char *value, int64_t now_s) {
  uint64_t seconds;
  int64_t date_s;
  if (read_seconds(value, &seconds))
    return seconds * 1000;
  if (!handshake_date_parse(value, now_s, &date_s))
    return UINT64_MAX;
  return date_s > now_s ? (uint64_t)(date_s - now_s) * 1000 : 0;
}
