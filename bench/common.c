#include "common.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const char *const mode_names[] = {"receive", "send", "pingpong", "connect", "reset", "hold"};

void die(const char *what) {
  if (errno != 0)
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
  else
    fprintf(stderr, "bench: %s\n", what);
  exit(1);
}

void *must_alloc(size_t size) {
  void *memory = malloc(size);
  if (memory == NULL)
    die("no memory");
  return memory;
}

/* ---- jobs ----------------------------------------------------------------------- */

static bool mode_from_name(enum mode *mode, const char *name) {
  for (size_t i = 0; i < sizeof mode_names / sizeof mode_names[0]; i++) {
    if (strcmp(name, mode_names[i]) != 0)
      continue;
    *mode = (enum mode)i;
    return true;
  }
  return false;
}

bool job_parse(struct job *job, const char *path) {
  char mode[16], kind[16];
  uint64_t size;
  if (sscanf(path, "/%15[a-z]/%15[a-z0-9]/%" SCNu64 "/%" SCNu64, mode, kind, &size, &job->count) !=
      4)
    return false;
  job->is_ascii = strcmp(kind, "ascii") == 0;
  job->size = (size_t)size;
  return mode_from_name(&job->mode, mode) && size > 0 && size <= (1u << 26) && job->count > 0;
}

void job_path(const struct job *job, char path[JOB_PATH_CAP]) {
  snprintf(path, JOB_PATH_CAP, "/%s/%s/%zu/%" PRIu64, mode_names[job->mode],
           job->is_ascii ? "ascii" : "utf8", job->size, job->count);
}

bool job_from_words(struct job *job, char *const words[4]) {
  char path[JOB_PATH_CAP];
  snprintf(path, sizeof path, "/%s/%s/%s/%s", words[0], words[1], words[2], words[3]);
  return job_parse(job, path);
}

/* ---- frames --------------------------------------------------------------------- */

void text_fill(char *text, size_t size, bool is_ascii) {
  static const char ascii[] = "The limpet holds on to its rock through every tide, 24 h a day. ";
  static const char mixed[] = "Größe naïve мир и море 世界の海 ελληνικά 🐚🌊 ";
  const char *const source = is_ascii ? ascii : mixed;
  const size_t source_len = is_ascii ? sizeof ascii - 1 : sizeof mixed - 1;
  size_t at = 0;
  for (; at + source_len <= size; at += source_len)
    memcpy(text + at, source, source_len);
  size_t rest = size - at;
  /* A character is not cut in two: RFC 6455 section 5.6 wants whole messages in UTF-8. */
  while (rest > 0 && ((uint8_t)source[rest] & 0xC0) == 0x80)
    rest--;
  memcpy(text + at, source, rest);
  memset(text + at + rest, '.', size - at - rest);
}

static size_t length_write(uint8_t *out, size_t len, uint8_t mask_bit) {
  if (len < 126) {
    out[0] = (uint8_t)(mask_bit | len);
    return 1;
  }
  const size_t width = len <= 0xFFFF ? 2 : 8;
  out[0] = (uint8_t)(mask_bit | (width == 2 ? 126 : 127));
  for (size_t i = 0; i < width; i++)
    out[1 + i] = (uint8_t)((uint64_t)len >> (8 * (width - 1 - i)));
  return 1 + width;
}

size_t bench_frame(uint8_t *out, const char *text, size_t len, bool is_masked) {
  static const uint8_t key[4] = {0x37, 0xFA, 0x21, 0x3D};
  out[0] = 0x81;
  size_t at = 1 + length_write(out + 1, len, is_masked ? 0x80 : 0);
  if (is_masked) {
    memcpy(out + at, key, sizeof key);
    at += sizeof key;
  }
  for (size_t i = 0; i < len; i++)
    out[at + i] = (uint8_t)text[i] ^ (is_masked ? key[i % 4] : 0);
  return at + len;
}

size_t frame_len(size_t payload_len, bool is_masked) {
  const size_t length_bytes = payload_len < 126 ? 1 : payload_len <= 0xFFFF ? 3 : 9;
  return 1 + length_bytes + (is_masked ? 4 : 0) + payload_len;
}

struct batch batch_new(const struct job *job, bool is_masked, size_t min_len) {
  const size_t one = frame_len(job->size, is_masked);
  const size_t frames = (min_len + one - 1) / one;
  struct batch batch = {must_alloc(frames * one + PIECE_LEN), frames * one};
  char *const text = must_alloc(job->size);
  text_fill(text, job->size, job->is_ascii);
  for (size_t i = 0; i < frames; i++)
    bench_frame(batch.data + i * one, text, job->size, is_masked);
  memcpy(batch.data + batch.len, batch.data, PIECE_LEN);
  free(text);
  return batch;
}

/* ---- time and limits -------------------------------------------------------------- */

uint64_t clock_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t timeval_ns(struct timeval t) {
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u;
}

void stopwatch_start(struct stopwatch *watch) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  watch->user_ns = timeval_ns(used.ru_utime);
  watch->sys_ns = timeval_ns(used.ru_stime);
  watch->wall_ns = clock_ns();
}

void stopwatch_stop(struct stopwatch *watch) {
  struct rusage used;
  watch->wall_ns = clock_ns() - watch->wall_ns;
  getrusage(RUSAGE_SELF, &used);
  watch->user_ns = timeval_ns(used.ru_utime) - watch->user_ns;
  watch->sys_ns = timeval_ns(used.ru_stime) - watch->sys_ns;
}

void stopwatch_print(const struct stopwatch *watch) {
  printf("{\"wall_ns\":%" PRIu64 ",\"cpu_ns\":%" PRIu64 ",\"sys_ns\":%" PRIu64, watch->wall_ns,
         watch->user_ns + watch->sys_ns, watch->sys_ns);
}

/* ---- clients ---------------------------------------------------------------------- */

void client_args_read(struct client_args *args, int argc, char **argv, const char *usage) {
  *args = (struct client_args){0};
  if (argc > 2 && strncmp(argv[1], "--tls", 5) == 0) {
    args->tls_word = argv[1];
    args->ca_file = argv[2];
    argv += 2;
    argc -= 2;
  }
  if (argc != 6 || !job_from_words(&args->job, argv + 2))
    die(usage);
  args->port = argv[1];
}

void laps_init(struct laps *laps, const struct job *job) {
  *laps = (struct laps){0};
  if (job->mode != MODE_PINGPONG)
    return;
  laps->cap = job->count;
  laps->ns = must_alloc(laps->cap * sizeof laps->ns[0]);
  /* Touched now: a page fault belongs to no round trip. */
  memset(laps->ns, 0xFF, laps->cap * sizeof laps->ns[0]);
}

void laps_begin(struct laps *laps) {
  laps->begun_ns = clock_ns();
}

void laps_end(struct laps *laps) {
  if (laps->count < laps->cap)
    laps->ns[laps->count++] = clock_ns() - laps->begun_ns;
}

static int compare_u64(const void *a, const void *b) {
  const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

void laps_print(struct laps *laps) {
  if (laps->count == 0)
    return;
  qsort(laps->ns, laps->count, sizeof laps->ns[0], compare_u64);
  printf(",\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64 ",\"p999_ns\":%" PRIu64,
         laps->ns[laps->count / 2], laps->ns[laps->count * 99 / 100],
         laps->ns[laps->count * 999 / 1000]);
  free(laps->ns);
  *laps = (struct laps){0};
}

size_t resident_bytes(void) {
  FILE *const file = fopen("/proc/self/statm", "r");
  size_t pages;
  if (file == NULL || fscanf(file, "%*u %zu", &pages) != 1)
    die("/proc/self/statm");
  fclose(file);
  return pages * (size_t)sysconf(_SC_PAGESIZE);
}

void hold_print(const struct job *job, size_t first_bytes) {
  const size_t now_bytes = resident_bytes();
  printf("{\"clients\":%" PRIu64 ",\"first_bytes\":%zu,\"all_bytes\":%zu,\"bytes_each\":%.0f}\n",
         job->count, first_bytes, now_bytes,
         job->count < 2 ? 0 : ((double)now_bytes - (double)first_bytes) / (double)(job->count - 1));
}

void descriptors_reserve(size_t wanted) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    die("getrlimit");
  if (limit.rlim_cur >= wanted)
    return;
  if (limit.rlim_max < wanted) {
    fprintf(stderr, "bench: %zu descriptors are needed, %ju are allowed: raise `ulimit -Hn`\n",
            wanted, (uintmax_t)limit.rlim_max);
    exit(1);
  }
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    die("setrlimit");
}
