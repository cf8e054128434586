/*
 * The session in the simulator's world, where settings and operations are drawn from the input:
 * what happens, when, to whom, and with how much luck. The world checks itself after each step. And
 * scripts of worlds as text: what is read prints as what reads back as the same.
 */
#include "fuzz.h"

#include "world_play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPS_MAX 400

static struct script script, again;

/* ---- worlds ---- */

static uint64_t take_number(struct fuzz_input *in, unsigned bytes) {
  uint64_t number = 0;
  for (unsigned i = 0; i < bytes; i++)
    number = number << 8 | fuzz_byte(in);
  return number;
}

static void take_op(struct world_op *op, struct fuzz_input *in) {
  op->kind = fuzz_byte(in) % world_ops_count();
  uint64_t random = fuzz_byte(in);
  world_op_draw_arguments(op, &random);
  op->luck = fuzz_byte(in);
}

static void play(struct fuzz_input in) {
  static struct world world;
  static struct play_result result;
  uint64_t random = take_number(&in, 3);
  world_settings_draw(&script.settings, &random);
  script.ops_count = 0;
  while (in.len > 0 && script.ops_count < OPS_MAX)
    take_op(&script.ops[script.ops_count++], &in);
  world_play(&world, &script, false, &result);
  if (result.broken == NULL)
    return;
  world_script_print(&script, stderr);
  fuzz_broken(result.broken, "world", (int)result.ops_done);
}

/* ---- scripts ---- */

static bool read_text(struct script *into, const char *text, size_t len) {
  char error[SCRIPT_ERROR_CAP] = "";
  FILE *file = fmemopen((void *)(uintptr_t)text, len, "r");
  FUZZ_CHECK(file != NULL);
  const bool is_read = world_script_read(into, file, error);
  (void)fclose(file);
  FUZZ_CHECK(is_read || (*error != '\0' && memchr(error, '\0', sizeof error) != NULL));
  return is_read;
}

static char *print(const struct script *from, size_t *len) {
  char *text = NULL;
  FILE *file = open_memstream(&text, len);
  FUZZ_CHECK(file != NULL);
  world_script_print(from, file);
  FUZZ_CHECK(fclose(file) == 0);
  return text;
}

static void read_script(struct fuzz_input in) {
  size_t len, again_len;
  if (in.len == 0 || !read_text(&script, (const char *)in.data, in.len))
    return;
  FUZZ_CHECK(script.ops_count <= SCRIPT_OPS_MAX);
  char *text = print(&script, &len);
  if (len > 0) {
    FUZZ_CHECK(read_text(&again, text, len));
    char *text_again = print(&again, &again_len);
    FUZZ_CHECK(len == again_len && memcmp(text, text_again, len) == 0);
    free(text_again);
  }
  free(text);
}

void fuzz_one(const uint8_t *data, size_t len) {
  struct fuzz_input in = {data, len};
  if (fuzz_byte(&in) == '#') /* as scripts may begin */
    read_script((struct fuzz_input){data, len});
  else
    play(in);
}
