/* GNU long options from a table: parsing by getopt_long, help text, and errors that name the
   option. */
#ifndef CLI_OPTION_TABLE_H
#define CLI_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTION_ERROR_CAP 256
/** Rows of one command. */
#define OPTION_ROWS_MAX 64

struct option_row {
  const char *name;     /* without dashes */
  const char *argument; /* its name in the help, or NULL: takes none */
  const char *help;     /* '\n' starts another line */
  /** False, with `error` filled, if the value is unusable. */
  bool (*apply)(void *target, const char *value, const struct option_row *row, char *error);
  size_t offset; /* for the general appliers below: the member of `target` */
  uint64_t minimum, maximum;
};

/* Appliers for plain members. */
bool option_u32(void *target, const char *value, const struct option_row *row, char *error);
bool option_u64(void *target, const char *value, const struct option_row *row, char *error);
/** A double, written with digits and a point. */
bool option_decimal(void *target, const char *value, const struct option_row *row, char *error);
bool option_true(void *target, const char *value, const struct option_row *row, char *error);
bool option_false(void *target, const char *value, const struct option_row *row, char *error);
bool option_text(void *target, const char *value, const struct option_row *row, char *error);

/** Which of `words` (NULL at the end) it is. False, with `error` filled: none. */
bool option_word(const char *value, const char *const *words, uint32_t *index, char *error);
/** RFC 6454 section 6.1: scheme, host, perhaps a port, and nothing behind; or "*". */
bool option_is_origin(const char *value, char *error);
/** Adds to a list of at most `max`, of an option that may be repeated; the value is kept, not
 * copied. */
bool option_add(const char **list, size_t *count, size_t max, const char *value, char *error);
/** An operand without the secrets of an address, to tell of it. Valid until the next call. */
const char *option_shown(const char *operand);
/** A whole number in decimal. */
bool option_parse_number(const char *text, uint64_t *value);

enum option_outcome { OPTIONS_OK, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_BAD };

/** Parses argv; complains by itself about what is wrong. `*first` is the first operand; argv is
    reordered so that operands come last. */
enum option_outcome options_parse(int argc, char **argv, const struct option_row *rows,
                                  size_t count, void *target, int *first);
void options_print(const struct option_row *rows, size_t count);
/** Those that every command has. */
void options_print_last(void);

#endif
