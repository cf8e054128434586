#include "script.h"

#include <stdio.h>
#include <string.h>

#define TIME_CAP 32

struct line {
  const char *text;
  size_t len;
};

/* ---- lines ---- */

static bool is_space(char ch) {
  return ch == ' ' || ch == '\t' || ch == '\r';
}

static void trim(struct line *line) {
  while (line->len > 0 && is_space(*line->text)) {
    line->text++;
    line->len--;
  }
  while (line->len > 0 && is_space(line->text[line->len - 1]))
    line->len--;
}

static struct line take_line(const char **text, size_t *len) {
  const char *end = memchr(*text, '\n', *len);
  struct line line = {*text, end ? (size_t)(end - *text) : *len};
  const size_t gone = end ? line.len + 1 : line.len;
  *text += gone;
  *len -= gone;
  const char *comment = memchr(line.text, '#', line.len);
  if (comment)
    line.len = (size_t)(comment - line.text);
  trim(&line);
  return line;
}

/* Takes the line's first word off. False: too long for a time. */
static bool take_time_word(struct line *line, char word[TIME_CAP]) {
  size_t len = 0;
  while (len < line->len && !is_space(line->text[len]))
    len++;
  if (len >= TIME_CAP || memchr(line->text, '\0', len))
    return false;
  memcpy(word, line->text, len);
  word[len] = '\0';
  line->text += len;
  line->len -= len;
  trim(line);
  return true;
}

/* ---- steps ---- */

static bool fail(char *error, const char *sentence) {
  (void)snprintf(error, FAULT_ERROR_CAP, "%s", sentence);
  return false;
}

static bool take_time(struct line *line, uint64_t before_ms, uint64_t *at_ms, char *error) {
  char word[TIME_CAP];
  const bool is_short = take_time_word(line, word);
  const bool is_relative = is_short && word[0] == '+';
  if (!is_short || !fault_parse_time(word + is_relative, at_ms))
    return fail(error, "a line begins with a time, as 5s, 1.5s or +250ms (7 days at most)");
  if (is_relative)
    *at_ms += before_ms;
  if (*at_ms > FAULT_TIME_MAX_MS)
    return fail(error, "this comes more than 7 days after the start");
  return *at_ms >= before_ms || fail(error, "the time is before that of the line above");
}

static bool add(const struct memory *memory, struct script *script, const struct script_step *step,
                char *error) {
  if (script->count == SCRIPT_STEPS_MAX)
    return fail(error, "there are more than 100000 steps");
  if (script->count == script->cap) {
    const size_t cap = script->cap ? 2 * script->cap : 16;
    void *steps = memory_realloc(memory, script->steps, cap * sizeof *script->steps);
    if (!steps)
      return fail(error, "no memory");
    script->steps = steps;
    script->cap = cap;
  }
  script->steps[script->count++] = *step;
  return true;
}

static bool set_repeat(struct script *script, uint64_t at_ms, char *error) {
  if (script->count == 0 || at_ms == 0)
    return fail(error, "there is nothing to repeat, or no time for it");
  script->repeat_ms = at_ms;
  return true;
}

static uint64_t last_ms(const struct script *script) {
  return script->count > 0 ? script->steps[script->count - 1].at_ms : 0;
}

static bool parse_line(const struct memory *memory, struct script *script, struct line line,
                       char *error) {
  static const char repeat[] = "repeat";
  struct script_step step;
  if (line.len == 0)
    return true;
  if (script->repeat_ms > 0)
    return fail(error, "nothing may follow 'repeat'");
  if (!take_time(&line, last_ms(script), &step.at_ms, error))
    return false;
  if (line.len == sizeof repeat - 1 && memcmp(line.text, repeat, line.len) == 0)
    return set_repeat(script, step.at_ms, error);
  return command_parse(line.text, line.len, &step.command, error) &&
         add(memory, script, &step, error);
}

bool script_parse(const struct memory *memory, const char *text, size_t len, struct script *script,
                  char error[SCRIPT_ERROR_CAP]) {
  char problem[FAULT_ERROR_CAP];
  memset(script, 0, sizeof *script);
  for (size_t number = 1; len > 0; number++)
    if (!parse_line(memory, script, take_line(&text, &len), problem)) {
      (void)snprintf(error, SCRIPT_ERROR_CAP, "line %zu: %s", number, problem);
      script_deinit(memory, script);
      return false;
    }
  if (script->count > 0)
    return true;
  (void)snprintf(error, SCRIPT_ERROR_CAP, "there is no step in it");
  return false;
}

void script_deinit(const struct memory *memory, struct script *script) {
  memory_free(memory, script->steps);
  memset(script, 0, sizeof *script);
}

uint64_t script_due_ms(const struct script *script, uint64_t index,
                       const struct script_step **step) {
  if (script->count == 0 || (script->repeat_ms == 0 && index >= script->count))
    return UINT64_MAX;
  *step = &script->steps[index % script->count];
  return (*step)->at_ms + index / script->count * script->repeat_ms;
}
