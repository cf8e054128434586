/* Option tables on getopt_long. */
#include "option_table.h"

#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <limpet/limpet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CODE 1000 /* getopt's value for row 0; beyond all characters */
#define HELP_COLUMN 28

bool option_is_origin(const char *value, char *error) {
  const char *mark = strstr(value, "://");
  if (strcmp(value, "*") == 0 || (mark && mark != value && mark[3] && !strchr(mark + 3, '/')))
    return true;
  (void)snprintf(error, OPTION_ERROR_CAP, "'%.80s' is not an origin, as https://example.com, or *",
                 value);
  return false;
}

bool option_add(const char **list, size_t *count, size_t max, const char *value, char *error) {
  if (*count == max) {
    (void)snprintf(error, OPTION_ERROR_CAP, "given more than %zu times", max);
    return false;
  }
  list[(*count)++] = value;
  return true;
}

const char *option_shown(const char *operand) {
  static char shown[256];
  (void)limpet_url_redact(operand, shown, sizeof shown);
  return shown;
}

bool option_parse_number(const char *text, uint64_t *value) {
  char *end;
  if (*text < '0' || *text > '9')
    return false;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return errno == 0 && *end == '\0';
}

static bool read_number(const char *value, const struct option_row *row, uint64_t *number,
                        char *error) {
  if (!option_parse_number(value, number)) {
    (void)snprintf(error, OPTION_ERROR_CAP, "'%s' is not a whole number", value);
    return false;
  }
  if (*number < row->minimum || *number > row->maximum) {
    (void)snprintf(error, OPTION_ERROR_CAP, "%s is not within %llu-%llu", value,
                   (unsigned long long)row->minimum, (unsigned long long)row->maximum);
    return false;
  }
  return true;
}

bool option_u32(void *target, const char *value, const struct option_row *row, char *error) {
  uint64_t number;
  if (!read_number(value, row, &number, error))
    return false;
  const uint32_t narrow = (uint32_t)number;
  memcpy((char *)target + row->offset, &narrow, sizeof narrow);
  return true;
}

bool option_u64(void *target, const char *value, const struct option_row *row, char *error) {
  uint64_t number;
  if (!read_number(value, row, &number, error))
    return false;
  memcpy((char *)target + row->offset, &number, sizeof number);
  return true;
}

/* strtod() alone would take blanks, hexadecimal digits and words, too. */
bool option_decimal(void *target, const char *value, const struct option_row *row, char *error) {
  char *end;
  const double number = strtod(value, &end);
  const bool is_plain =
      *value >= '0' && *value <= '9' && value[strspn(value, "0123456789.")] == '\0';
  if (!is_plain || *end || number < (double)row->minimum || number > (double)row->maximum) {
    (void)snprintf(error, OPTION_ERROR_CAP, "'%.40s' is not a number within %llu.0-%llu.0", value,
                   (unsigned long long)row->minimum, (unsigned long long)row->maximum);
    return false;
  }
  memcpy((char *)target + row->offset, &number, sizeof number);
  return true;
}

static bool set_flag(void *target, const struct option_row *row, bool flag) {
  memcpy((char *)target + row->offset, &flag, sizeof flag);
  return true;
}

bool option_true(void *target, const char *value, const struct option_row *row, char *error) {
  (void)value;
  (void)error;
  return set_flag(target, row, true);
}

bool option_false(void *target, const char *value, const struct option_row *row, char *error) {
  (void)value;
  (void)error;
  return set_flag(target, row, false);
}

bool option_text(void *target, const char *value, const struct option_row *row, char *error) {
  (void)error;
  memcpy((char *)target + row->offset, &value, sizeof value);
  return true;
}

bool option_word(const char *value, const char *const *words, uint32_t *index, char *error) {
  size_t used = (size_t)snprintf(error, OPTION_ERROR_CAP, "'%.40s' is not one of", value);
  for (*index = 0; words[*index]; ++*index) {
    if (strcmp(value, words[*index]) == 0)
      return true;
    used += (size_t)snprintf(error + used, OPTION_ERROR_CAP - used, "%s %s", *index ? "," : ":",
                             words[*index]);
  }
  return false;
}

static void fill_getopt(struct option *out, const struct option_row *rows, size_t count) {
  for (size_t i = 0; i < count; i++)
    out[i] = (struct option){rows[i].name, rows[i].argument ? required_argument : no_argument, NULL,
                             (int)(FIRST_CODE + i)};
  out[count] = (struct option){"help", no_argument, NULL, 'h'};
  out[count + 1] = (struct option){"version", no_argument, NULL, 'V'};
  out[count + 2] = (struct option){NULL, 0, NULL, 0};
}

/* -h is the one short option. "-quiet" would be several to getopt, which does not tell where the
   one that it does not know stands. */
static bool is_unknown_short(const char *argument) {
  return argument[0] == '-' && argument[1] != '-' && argument[1] != '\0' &&
         strcmp(argument, "-h") != 0;
}

/* getopt would take "--que" for "--queue-limit"; scripts written so break when options are added.
 */
static const char *find_unknown(char **argv, const struct option *known) {
  for (char **at = argv + 1; *at && strcmp(*at, "--") != 0; at++) {
    if (is_unknown_short(*at))
      return *at;
    if (strncmp(*at, "--", 2) != 0)
      continue;
    const size_t len = strcspn(*at + 2, "=");
    const struct option *o = known;
    while (o->name && (strlen(o->name) != len || strncmp(o->name, *at + 2, len) != 0))
      o++;
    if (!o->name)
      return *at;
    if (o->has_arg && (*at)[2 + len] == '\0' && at[1])
      at++;
  }
  return NULL;
}

static enum option_outcome refuse(const char *what, const char *option) {
  (void)complain("%s '%.*s'; --help lists the options", what, (int)strcspn(option, "="), option);
  return OPTIONS_BAD;
}

static enum option_outcome apply(const struct option_row *row, void *target) {
  char error[OPTION_ERROR_CAP] = "";
  if (row->apply(target, optarg, row, error))
    return OPTIONS_OK;
  (void)complain("--%s: %s", row->name, error);
  return OPTIONS_BAD;
}

static enum option_outcome handle(int code, char **argv, const struct option_row *rows,
                                  void *target) {
  if (code == 'h')
    return OPTIONS_HELP;
  if (code == 'V')
    return OPTIONS_VERSION;
  if (code == ':')
    return refuse("a value is missing after", argv[optind - 1]);
  if (code == '?')
    return refuse("this makes no sense here:", argv[optind - 1]);
  return apply(&rows[code - FIRST_CODE], target);
}

enum option_outcome options_parse(int argc, char **argv, const struct option_row *rows,
                                  size_t count, void *target, int *first) {
  struct option known[OPTION_ROWS_MAX + 3];
  int code;
  fill_getopt(known, rows, count);
  const char *unknown = find_unknown(argv, known);
  if (unknown)
    return refuse("there is no option", unknown);
  optind = 1;
  opterr = 0;
  while ((code = getopt_long(argc, argv, ":h", known, NULL)) != -1) {
    const enum option_outcome outcome = handle(code, argv, rows, target);
    if (outcome != OPTIONS_OK)
      return outcome;
  }
  *first = optind;
  return OPTIONS_OK;
}

static void print_row(const char *name, const char *argument, const char *help) {
  char left[64];
  (void)snprintf(left, sizeof left, "  --%s%s%s", name, argument ? " " : "",
                 argument ? argument : "");
  printf("%-*s", HELP_COLUMN, left);
  if (strlen(left) >= HELP_COLUMN)
    printf("\n%*s", HELP_COLUMN, "");
  for (; *help; help++) {
    putchar(*help);
    if (*help == '\n')
      printf("%*s", HELP_COLUMN, "");
  }
  putchar('\n');
}

void options_print(const struct option_row *rows, size_t count) {
  for (size_t i = 0; i < count; i++)
    print_row(rows[i].name, rows[i].argument, rows[i].help);
}

void options_print_last(void) {
  print_row("help", NULL, "this text");
  print_row("version", NULL, "the version");
}
