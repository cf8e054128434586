#include "world_script.h"

#include "random.h"

#include <stdlib.h>
#include <string.h>

#define LINE_CAP 128

/* ---- from a seed ---- */

/* Some things happen often in a world, some never: rare meetings become common in some of them. */
static uint32_t draw_weights(uint32_t *weights, uint64_t *random) {
  static const uint32_t factors[] = {0, 1, 1, 1, 4};
  uint32_t sum = 0;
  for (uint32_t i = 0; i < world_ops_count(); i++) {
    weights[i] = world_op_weight(i) * (i ? factors[random_next(random) % 5] : 1);
    sum += weights[i];
  }
  return sum;
}

static uint32_t draw_kind(const uint32_t *weights, uint32_t sum, uint64_t *random) {
  uint32_t left = (uint32_t)(random_next(random) % (sum ? sum : 1));
  uint32_t kind = 0;
  while (kind + 1 < world_ops_count() && left >= weights[kind])
    left -= weights[kind++];
  return kind;
}

void world_script_draw(struct script *script, uint64_t seed, uint32_t ops_count) {
  uint32_t weights[OPS_KINDS_MAX] = {0};
  uint64_t random = seed;
  world_settings_draw(&script->settings, &random);
  const uint32_t sum = draw_weights(weights, &random);
  script->ops_count = ops_count;
  for (uint32_t i = 0; i < ops_count; i++) {
    struct world_op *op = &script->ops[i];
    op->kind = draw_kind(weights, sum, &random);
    world_op_draw_arguments(op, &random);
  }
}

/* ---- as text ---- */

static void print_op(const struct world_op *op, FILE *file) {
  const uint32_t count = world_op_arguments_count(op->kind);
  (void)fputs(world_op_name(op->kind), file);
  if (count > 0)
    (void)fprintf(file, " %u", op->a);
  if (count > 1)
    (void)fprintf(file, " %u", op->b);
  if (op->luck)
    (void)fprintf(file, " luck %llu", (unsigned long long)op->luck);
  (void)fputc('\n', file);
}

void world_script_print(const struct script *script, FILE *file) {
  world_settings_print(&script->settings, file);
  for (uint32_t i = 0; i < script->ops_count; i++)
    print_op(&script->ops[i], file);
}

/* A word at a time; NULL at the end of the line. */
static char *next_word(char **rest) {
  char *word = *rest + strspn(*rest, " \t\r\n");
  char *end = word + strcspn(word, " \t\r\n");
  if (!*word)
    return NULL;
  *rest = *end ? end + 1 : end;
  *end = '\0';
  return word;
}

static bool read_number(const char *word, uint64_t most, uint64_t *number) {
  char *end;
  if (!word || word[0] < '0' || word[0] > '9')
    return false;
  *number = strtoull(word, &end, 10);
  return !*end && *number <= most;
}

static bool read_setting(struct world_settings *settings, char *rest, const char **wrong) {
  const char *name = next_word(&rest);
  uint64_t value;
  *wrong = "it says 'set', the name of a setting, and a number within its range";
  return name && read_number(next_word(&rest), UINT64_MAX, &value) && !next_word(&rest) &&
         world_settings_set(settings, name, value);
}

static bool read_arguments(struct world_op *op, char **rest) {
  uint64_t numbers[2] = {0, 0};
  for (uint32_t i = 0; i < world_op_arguments_count(op->kind); i++)
    if (!read_number(next_word(rest), UINT32_MAX, &numbers[i]))
      return false;
  op->a = (uint32_t)numbers[0];
  op->b = (uint32_t)numbers[1];
  return world_op_is_valid(op);
}

static bool read_luck(struct world_op *op, char **rest) {
  const char *word = next_word(rest);
  op->luck = 0;
  if (!word)
    return true;
  return strcmp(word, "luck") == 0 && read_number(next_word(rest), UINT64_MAX, &op->luck) &&
         !next_word(rest);
}

static bool read_op(struct script *script, const char *name, char *rest, const char **wrong) {
  struct world_op *op = &script->ops[script->ops_count];
  *wrong = "there is no room for so many operations";
  if (script->ops_count == SCRIPT_OPS_MAX)
    return false;
  *wrong = "there is no such operation";
  if (!world_op_find(name, &op->kind))
    return false;
  *wrong = "the operation takes other arguments";
  if (!read_arguments(op, &rest) || !read_luck(op, &rest))
    return false;
  script->ops_count++;
  return true;
}

static bool read_line(struct script *script, char *line, const char **wrong) {
  const char *name;
  *wrong = "the line is too long";
  if (strlen(line) == LINE_CAP - 1)
    return false;
  line[strcspn(line, "#")] = '\0';
  name = next_word(&line);
  if (!name)
    return true;
  return strcmp(name, "set") == 0 ? read_setting(&script->settings, line, wrong)
                                  : read_op(script, name, line, wrong);
}

bool world_script_read(struct script *script, FILE *file, char error[SCRIPT_ERROR_CAP]) {
  char line[LINE_CAP];
  const char *wrong = NULL;
  world_settings_init(&script->settings);
  script->ops_count = 0;
  for (unsigned number = 1; fgets(line, sizeof line, file); number++) {
    if (read_line(script, line, &wrong))
      continue;
    (void)snprintf(error, SCRIPT_ERROR_CAP, "line %u: %s", number, wrong);
    return false;
  }
  if (!ferror(file))
    return true;
  (void)snprintf(error, SCRIPT_ERROR_CAP, "it cannot be read");
  return false;
}
