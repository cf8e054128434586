/*
 * A target without a fuzzer: runs each line of a corpus (corpus.h), whole and cut short at up to
 * CUTS_MAX places, as an ordinary test.
 *
 *   fuzz_NAME CORPUS...
 */
#include "corpus.h"
#include "fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CUTS_MAX 8

static char last_words[128];

static void on_end(int signal_number) {
  (void)signal_number;
  (void)!write(STDERR_FILENO, last_words, strlen(last_words));
  _exit(1);
}

/* A target may end the program by itself. */
static void on_exit_early(void) {
  (void)fputs(last_words, stderr);
}

static void run(const uint8_t *data, size_t len) {
  uint8_t *copy = fuzz_copy(data, len);
  fuzz_one(copy, len);
  free(copy);
}

static size_t run_line(const uint8_t *data, size_t len) {
  const size_t step = len / CUTS_MAX + 1;
  size_t count = 1;
  run(data, len);
  for (size_t cut = step; cut < len; cut += step, count++)
    run(data, cut);
  return count;
}

static size_t run_file(const char *path) {
  struct corpus corpus;
  size_t count = 0;
  if (!corpus_open(&corpus, path)) {
    perror(path);
    exit(1);
  }
  while (corpus_next(&corpus)) {
    (void)snprintf(last_words, sizeof last_words, "%.80s: line %zu\n", path, corpus.line);
    count += run_line(corpus.data, corpus.len);
  }
  corpus_close(&corpus);
  return count;
}

int main(int argc, char **argv) {
  size_t count = 0;
  (void)signal(SIGABRT, on_end);
  (void)signal(SIGSEGV, on_end);
  (void)signal(SIGILL, on_end);
  (void)signal(SIGTRAP, on_end);
  (void)atexit(on_exit_early);
  for (int i = 1; i < argc; i++)
    count += run_file(argv[i]);
  last_words[0] = '\0';
  (void)printf("%zu inputs\n", count);
  return count > 0 ? 0 : 1;
}
