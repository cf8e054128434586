/* The traces of tests/vectors, run natively; the browser's engines run the same files. */
#include "vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

static char *read_file(const char *path) {
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  const long len = ftell(file);
  rewind(file);
  char *text = calloc(1, (size_t)len + 1);
  assert_non_null(text);
  assert_int_equal(fread(text, 1, (size_t)len, file), len);
  fclose(file);
  return text;
}

/* What the session did, as the file would say it. */
static char *run_again(struct vectors *v, char *text) {
  char *written = NULL;
  size_t len;
  v->out = open_memstream(&written, &len);
  assert_non_null(v->out);
  char *line;
  while ((line = strsep(&text, "\n")) && text)
    assert_true(vectors_line(v, line));
  fclose(v->out);
  return written;
}

static void check_file(struct vectors *v, const char *path) {
  char *expected = read_file(path), *text = strdup(expected);
  char *written = run_again(v, text);
  assert_string_equal(written, expected);
  free(written);
  free(text);
  free(expected);
}

static bool is_cell_covered(const struct vectors *v, int phase, int input) {
  const struct table_cell *cell = table_cell((enum session_phase)phase, (enum session_input)input);
  return cell->verdict != CELL_GO || v->has_moved[phase][cell->next];
}

static void check_cover(const struct vectors *v) {
  for (int phase = 0; phase < PHASE_COUNT; phase++)
    for (int input = 0; input < INPUT_COUNT; input++)
      if (!is_cell_covered(v, phase, input))
        fail_msg("no trace goes from %s by %s", table_phase_name((enum session_phase)phase),
                 table_input_name((enum session_input)input));
}

static void traces_hold_and_cover_the_table(void **state) {
  (void)state;
  static struct vectors v;
  unsigned count = 0;
  DIR *dir = opendir(VECTORS_DIR);
  assert_non_null(dir);
  for (struct dirent *entry; (entry = readdir(dir));) {
    char path[1024];
    if (!strstr(entry->d_name, ".txt"))
      continue;
    snprintf(path, sizeof path, "%s/%s", VECTORS_DIR, entry->d_name);
    check_file(&v, path);
    count++;
  }
  closedir(dir);
  assert_true(count >= 6);
  check_cover(&v);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(traces_hold_and_cover_the_table)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
