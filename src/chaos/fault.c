#include "fault.h"

#include <stdio.h>
#include <string.h>

#define WORD_CAP 40
#define WORDS_MAX 10
#define LINE_MAX_LEN 256

#define A_TIME "a time, as 250ms, 1.5s or 2m"
#define A_SIZE "a size, as 1000, 64k, 64Ki or 2M"

struct words {
  char word[WORDS_MAX][WORD_CAP];
  size_t count, at;
  char *error;
};

static const char *const direction_names[] = {"", "up", "down", "both"};
static const char *const ending_names[] = {"close", "reset", "freeze"};

/* ---- words ---- */

static bool is_space(char ch) {
  return ch == ' ' || ch == '\t' || ch == '\r';
}

static bool put_word(struct words *w, const char *text, size_t len) {
  if (w->count == WORDS_MAX || len >= WORD_CAP)
    return false;
  memcpy(w->word[w->count], text, len);
  w->word[w->count++][len] = '\0';
  return true;
}

/* Errors show words: what is not printable ASCII is not let by. */
static bool split(struct words *w, const char *text, size_t len) {
  size_t at = 0;
  for (size_t i = 0; i < len; i++)
    if (!is_space(text[i]) && (text[i] <= ' ' || text[i] > '~')) {
      (void)snprintf(w->error, FAULT_ERROR_CAP, "byte %zu is not printable ASCII", i + 1);
      return false;
    }
  while (at < len) {
    const size_t begin = at;
    while (at < len && !is_space(text[at]))
      at++;
    if (at > begin && !put_word(w, text + begin, at - begin)) {
      (void)snprintf(w->error, FAULT_ERROR_CAP, "more or longer words than any fault has");
      return false;
    }
    at++;
  }
  return true;
}

static const char *peek(const struct words *w) {
  return w->at < w->count ? w->word[w->at] : NULL;
}

static bool take_word(struct words *w, const char *wanted) {
  const char *word = peek(w);
  if (!word || strcmp(word, wanted) != 0)
    return false;
  w->at++;
  return true;
}

/* Says what was expected where, and why what stands there is not it. */
static bool want(const struct words *w, const char *what) {
  const char *word = peek(w);
  if (word)
    (void)snprintf(w->error, FAULT_ERROR_CAP, "%s: '%s' is not %s", w->word[0], word, what);
  else
    (void)snprintf(w->error, FAULT_ERROR_CAP, "%s: %s is missing", w->word[0], what);
  return false;
}

/* ---- numbers ---- */

/* Decimal digits and up to three behind a point, in thousandths. */
static bool parse_thousandths(const char **text, uint64_t *thousandths) {
  const char *at = *text;
  uint64_t value = 0;
  int decimals = -1;
  if (*at < '0' || *at > '9')
    return false;
  for (; (*at >= '0' && *at <= '9') || (*at == '.' && decimals < 0); at++) {
    if (*at == '.') {
      decimals = 0;
      continue;
    }
    if (decimals == 3 || value > FAULT_SIZE_MAX)
      return false;
    value = value * 10 + (uint64_t)(*at - '0');
    decimals += decimals >= 0;
  }
  if (decimals == 0)
    return false;
  for (int i = decimals < 0 ? 0 : decimals; i < 3; i++)
    value *= 10;
  *text = at;
  *thousandths = value;
  return true;
}

struct unit {
  const char *name;
  uint64_t factor;
};

static bool parse_with_unit(const char *word, const struct unit *units, uint64_t max,
                            uint64_t *value) {
  uint64_t thousandths;
  if (!parse_thousandths(&word, &thousandths))
    return false;
  while (units->name && strcmp(units->name, word) != 0)
    units++;
  if (!units->name || thousandths > max / units->factor * 1000)
    return false;
  *value = thousandths * units->factor / 1000;
  return thousandths * units->factor % 1000 == 0 && *value <= max;
}

bool fault_parse_time(const char *word, uint64_t *ms) {
  static const struct unit units[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
  return parse_with_unit(word, units, FAULT_TIME_MAX_MS, ms);
}

static bool parse_size(const char *word, uint64_t *size) {
  static const struct unit units[] = {{"", 1},      {"k", 1000},     {"M", 1000000},
                                      {"Ki", 1024}, {"Mi", 1048576}, {NULL, 0}};
  return parse_with_unit(word, units, FAULT_SIZE_MAX, size);
}

static bool want_time(struct words *w, uint64_t min_ms, uint64_t *ms) {
  if (!peek(w) || !fault_parse_time(peek(w), ms))
    return want(w, A_TIME " (7 days at most)");
  if (*ms < min_ms)
    return want(w, "1ms or more");
  w->at++;
  return true;
}

static bool want_size(struct words *w, uint64_t min, uint64_t *size) {
  if (!peek(w) || !parse_size(peek(w), size))
    return want(w, A_SIZE);
  if (*size < min)
    return want(w, "1 or more");
  w->at++;
  return true;
}

/* ---- each kind's words ---- */

static bool read_nothing(struct words *w, struct fault *fault) {
  (void)w;
  (void)fault;
  return true;
}

static bool read_time(struct words *w, struct fault *fault) {
  return want_time(w, 1, &fault->time_ms);
}

static bool read_delay(struct words *w, struct fault *fault) {
  if (!want_time(w, 0, &fault->time_ms))
    return false;
  return !take_word(w, "jitter") || want_time(w, 0, &fault->other_ms);
}

static bool read_rate(struct words *w, struct fault *fault) {
  return want_size(w, 1, &fault->amount);
}

static bool read_ending(struct words *w, struct fault *fault) {
  if (!take_word(w, "then"))
    return true;
  for (fault->ending = FAULT_THEN_CLOSE; fault->ending <= FAULT_THEN_FREEZE; fault->ending++)
    if (take_word(w, ending_names[fault->ending]))
      return true;
  return want(w, "close, reset or freeze");
}

static bool read_truncate(struct words *w, struct fault *fault) {
  return want_size(w, 0, &fault->amount) && read_ending(w, fault);
}

static bool read_cut(struct words *w, struct fault *fault) {
  fault->amount = 1;
  if (take_word(w, "frame") && !want_size(w, 1, &fault->amount))
    return false;
  return read_ending(w, fault);
}

static bool read_corrupt(struct words *w, struct fault *fault) {
  fault->has_amount = take_word(w, "at");
  return !fault->has_amount || want_size(w, 0, &fault->amount);
}

static bool read_flap(struct words *w, struct fault *fault) {
  return want_time(w, 1, &fault->time_ms) && want_time(w, 1, &fault->other_ms);
}

/* ---- printing each kind's words; `out` has FAULT_TEXT_CAP ---- */

static void append(char *out, const char *text) {
  const size_t len = strlen(out);
  (void)snprintf(out + len, FAULT_TEXT_CAP - len, " %s", text);
}

void fault_print_time(uint64_t ms, char text[24]) {
  if (ms % 1000 == 0)
    (void)snprintf(text, 24, "%llus", (unsigned long long)(ms / 1000));
  else
    (void)snprintf(text, 24, "%llums", (unsigned long long)ms);
}

static void append_time(char *out, uint64_t ms) {
  char text[24];
  fault_print_time(ms, text);
  append(out, text);
}

static void append_number(char *out, uint64_t number) {
  char text[24];
  (void)snprintf(text, sizeof text, "%llu", (unsigned long long)number);
  append(out, text);
}

static void append_ending(char *out, const struct fault *fault) {
  append(out, "then");
  append(out, ending_names[fault->ending]);
}

static void print_nothing(const struct fault *fault, char *out) {
  (void)fault;
  (void)out;
}

static void print_time(const struct fault *fault, char *out) {
  append_time(out, fault->time_ms);
}

static void print_delay(const struct fault *fault, char *out) {
  append_time(out, fault->time_ms);
  if (fault->other_ms > 0) {
    append(out, "jitter");
    append_time(out, fault->other_ms);
  }
}

static void print_amount(const struct fault *fault, char *out) {
  append_number(out, fault->amount);
}

static void print_truncate(const struct fault *fault, char *out) {
  append_number(out, fault->amount);
  append_ending(out, fault);
}

static void print_cut(const struct fault *fault, char *out) {
  append(out, "frame");
  append_number(out, fault->amount);
  append_ending(out, fault);
}

static void print_corrupt(const struct fault *fault, char *out) {
  if (!fault->has_amount)
    return;
  append(out, "at");
  append_number(out, fault->amount);
}

static void print_flap(const struct fault *fault, char *out) {
  append_time(out, fault->time_ms);
  append_time(out, fault->other_ms);
}

/* ---- the kinds ---- */

static const struct {
  const char *name;
  bool has_direction;
  bool (*read)(struct words *w, struct fault *fault);
  void (*print)(const struct fault *fault, char *out);
} forms[FAULT_KINDS_COUNT] = {
    [FAULT_REFUSE] = {"refuse", false, read_nothing, print_nothing},
    [FAULT_RESET] = {"reset", false, read_nothing, print_nothing},
    [FAULT_CLOSE] = {"close", false, read_nothing, print_nothing},
    [FAULT_FREEZE] = {"freeze", true, read_nothing, print_nothing},
    [FAULT_DELAY] = {"delay", true, read_delay, print_delay},
    [FAULT_THROTTLE] = {"throttle", true, read_rate, print_amount},
    [FAULT_TRUNCATE] = {"truncate", true, read_truncate, print_truncate},
    [FAULT_CUT] = {"cut", true, read_cut, print_cut},
    [FAULT_CORRUPT] = {"corrupt", true, read_corrupt, print_corrupt},
    [FAULT_SLOW_LORIS] = {"slow-loris", true, read_time, print_time},
    [FAULT_FLAP] = {"flap", false, read_flap, print_flap},
};

const char *fault_kind_name(enum fault_kind kind) {
  return forms[kind].name;
}

static bool is_act(enum fault_kind kind) {
  return kind == FAULT_RESET || kind == FAULT_CLOSE;
}

static bool take_kind(struct words *w, enum fault_kind *kind) {
  for (*kind = 0; *kind < FAULT_KINDS_COUNT; ++*kind)
    if (take_word(w, forms[*kind].name))
      return true;
  return false;
}

static void take_direction(struct words *w, enum fault_direction *directions) {
  for (*directions = FAULT_UP; *directions <= FAULT_BOTH; ++*directions)
    if (take_word(w, direction_names[*directions]))
      return;
  *directions = FAULT_BOTH;
}

static bool take_part(struct words *w, uint32_t *percent) {
  unsigned value;
  int end = 0;
  if (!take_word(w, "for"))
    return true;
  const char *word = peek(w);
  if (!word || strlen(word) > 4 || *word < '0' || *word > '9' ||
      sscanf(word, "%3u%%%n", &value, &end) != 1 || end == 0 || word[end] != '\0' || value < 1 ||
      value > 100)
    return want(w, "a part of the connections, 1% to 100%");
  w->at++;
  *percent = value;
  return true;
}

static bool end_words(const struct words *w) {
  if (w->at == w->count)
    return true;
  (void)snprintf(w->error, FAULT_ERROR_CAP, "%s: '%s' makes no sense here", w->word[0], peek(w));
  return false;
}

static bool refuse_kind(const struct words *w, const char *what) {
  size_t len =
      (size_t)snprintf(w->error, FAULT_ERROR_CAP, "there is no %s '%s'; there are", what, peek(w));
  for (int i = 0; i < FAULT_KINDS_COUNT; i++)
    len += (size_t)snprintf(w->error + len, FAULT_ERROR_CAP - len, " %s,", forms[i].name);
  (void)snprintf(w->error + len, FAULT_ERROR_CAP - len, " clear");
  return false;
}

static bool parse_clear(struct words *w, struct command *command) {
  command->kind = COMMAND_CLEAR;
  if (peek(w)) {
    command->kind = COMMAND_CLEAR_KIND;
    if (!take_kind(w, &command->fault.kind))
      return refuse_kind(w, "fault");
  }
  return end_words(w);
}

static bool parse_fault(struct words *w, struct command *command) {
  struct fault *fault = &command->fault;
  command->kind = is_act(fault->kind) ? COMMAND_ACT : COMMAND_ADD;
  if (is_act(fault->kind) && take_word(w, "after")) {
    command->kind = COMMAND_ADD;
    if (!want_time(w, 0, &fault->time_ms))
      return false;
  }
  if (forms[fault->kind].has_direction)
    take_direction(w, &fault->directions);
  return forms[fault->kind].read(w, fault) && take_part(w, &fault->percent) && end_words(w);
}

bool command_parse(const char *text, size_t len, struct command *command,
                   char error[FAULT_ERROR_CAP]) {
  struct words w = {.error = error};
  *command = (struct command){.fault = {.directions = FAULT_BOTH, .percent = 100}};
  if (len > LINE_MAX_LEN) {
    (void)snprintf(error, FAULT_ERROR_CAP, "longer than %d bytes", LINE_MAX_LEN);
    return false;
  }
  if (!split(&w, text, len))
    return false;
  if (w.count == 0) {
    (void)snprintf(error, FAULT_ERROR_CAP, "a fault is missing");
    return false;
  }
  if (take_word(&w, "clear"))
    return parse_clear(&w, command);
  return take_kind(&w, &command->fault.kind) ? parse_fault(&w, command) : refuse_kind(&w, "fault");
}

static void print_part(const struct fault *fault, char *out) {
  char text[16];
  if (fault->percent == 100)
    return;
  (void)snprintf(text, sizeof text, "for %u%%", (unsigned)fault->percent);
  append(out, text);
}

void fault_print(const struct fault *fault, char text[FAULT_TEXT_CAP]) {
  (void)snprintf(text, FAULT_TEXT_CAP, "%s", forms[fault->kind].name);
  if (is_act(fault->kind)) {
    append(text, "after");
    append_time(text, fault->time_ms);
  }
  if (forms[fault->kind].has_direction)
    append(text, direction_names[fault->directions]);
  forms[fault->kind].print(fault, text);
  print_part(fault, text);
}

void command_print(const struct command *command, char text[FAULT_TEXT_CAP]) {
  const char *kind = forms[command->fault.kind].name;
  switch (command->kind) {
  case COMMAND_ADD:
    fault_print(&command->fault, text);
    break;
  case COMMAND_ACT:
    (void)snprintf(text, FAULT_TEXT_CAP, "%s", kind);
    print_part(&command->fault, text);
    break;
  case COMMAND_CLEAR:
    (void)snprintf(text, FAULT_TEXT_CAP, "clear");
    break;
  case COMMAND_CLEAR_KIND:
    (void)snprintf(text, FAULT_TEXT_CAP, "clear %s", kind);
    break;
  }
}
